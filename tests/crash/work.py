"""The run that is killed, over and over: its inputs, its task, its options, and what is right.

Does not know: who kills it, or how.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from packer import Batch, Budget, Fallback, Limits, ModelFacts, RunResult, Task, pack_and_run
from packer.testing import FaultKind, Inject

LABELS = ("red", "green", "blue")
CONCURRENCY = 4
PACK_ITEMS = 8
HOW_MANY = 72


def texts_of(how_many: int) -> list[str]:
    """So many inputs; every tenth text is one that came before."""
    numbers = [n - 7 if n % 10 == 9 else n for n in range(how_many)]
    return [f"Note {n}: a thing of lot {n * 7919 % 1000} was seen." for n in numbers]


def truth_of(how_many: int) -> dict[str, object]:
    """Each text's one right answer."""
    return {text: LABELS[sum(text.encode()) % len(LABELS)] for text in texts_of(how_many)}


FAULTS = (
    Inject(FaultKind.DROP, rate=0.09, seed=12),
    Inject(FaultKind.UNKNOWN_LABEL, rate=0.07, seed=12),
    Inject(FaultKind.TRUNCATE, rate=0.04, per="call", seed=13),
)
"""Faults that show, so that an answer is right or there is none: repacks, sessions and singles follow."""


@dataclass(frozen=True, slots=True)
class Die:
    """When the process is to kill itself.

    Attributes:
        point: the name of a point.
        nth: at the so-manieth time that it is passed.
        event: at the so-manieth event that Python's profiler reports, in any thread.
        disk: at the so-manieth writing system call that SQLite makes.
        how: before that call, in its middle, or after it.
    """

    point: str = ""
    nth: int = 1
    event: int = 0
    disk: int = 0
    how: Literal["before", "half", "after"] = "before"


@dataclass(frozen=True, slots=True)
class Fail:
    """Which writing system call of SQLite's fails, and with which error; 0 counts them only."""

    disk: int
    errno: int
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """One process' work.

    Attributes:
        url: of the server.
        store: the run's file.
        how_many: inputs.
        strategy: of the run.
        baseline: so many inputs are asked alone first.
        most_calls: the run's ceiling on calls; None for none.
        die: when to die; None to live.
        fail: which write fails; None for none.
        counts: whether to count the profiler's events.
        probes: whether the server's abilities are to be found out first.
        user: the user to work as; None stays who we are.
        job_lines: so many calls a batch job; 0 asks live.
        pack_items: most items a call.
        anthropic: whether Anthropic's wire is spoken.
        longest_s: seconds after which the process is taken to hang.
    """

    url: str
    store: str
    how_many: int = HOW_MANY
    strategy: Literal["pack", "session"] = "pack"
    baseline: int = 0
    most_calls: int | None = None
    die: Die | None = None
    fail: Fail | None = None
    counts: bool = False
    probes: bool = False
    user: int | None = None
    job_lines: int = 0
    pack_items: int = PACK_ITEMS
    anthropic: bool = False
    longest_s: int = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a process' work.

    Attributes:
        killed: whether it was killed.
        values: of the inputs, in their order.
        outcomes: of the inputs, in words.
        tokens: prompt and reply tokens of the run's ledger.
        calls: of the run's ledger.
        maybe_paid_calls: of the run's ledger.
        error: the name of the error that it ended with; empty for none.
        message: of that error.
        events: what the profiler counted.
        disk: how many writing system calls SQLite made.
        disk_works: whether SQLite's system calls could be reached.
    """

    killed: bool = False
    values: list[object] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    tokens: tuple[int, int] = (0, 0)
    calls: int = 0
    maybe_paid_calls: int = 0
    error: str = ""
    message: str = ""
    events: int = 0
    disk: int = 0
    disk_works: bool = True


def done(work: Work, sdk: AsyncOpenAI) -> RunResult[str]:
    """Do it, in this process."""
    task = Task.classify("Colour of the thing in a note.", LABELS)
    return pack_and_run(
        [(f"n{number}", text) for number, text in enumerate(texts_of(work.how_many))],
        task,
        client=AsyncAnthropic(base_url=work.url, api_key="none") if work.anthropic else sdk,
        model="any",
        strategy=work.strategy,
        via=Batch(poll_s=0, lines=work.job_lines) if work.job_lines else "calls",
        budget=Budget(items=work.pack_items),
        limits=Limits(concurrency=CONCURRENCY, retries=0, max_calls=work.most_calls),
        baseline=work.baseline,
        fallback=Fallback(repacks=1),
        facts=ModelFacts(structured=None if work.probes else True),
        store=Path(work.store),
    )

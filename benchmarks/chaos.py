"""Kills a run over and over, at named points and at random ones, and holds its books against the server's.

``python -m benchmarks.chaos --kills 200`` prints the table and writes it beside the others; a promise that
is broken once makes it exit with 1. What is killed is a whole process that runs ``pack_and_run`` with the
real SDK against a fault server in this process, which lives on and knows what it sold. Does not know: what
a run is for.
"""

from __future__ import annotations

import argparse
import errno
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from openai import AsyncOpenAI

from packer import Budget, Limits, ModelFacts, RunResult, Task, pack_and_run
from packer.run.replay import Replay
from packer.run.store.run_file import Event, RunFile
from packer.testing import FaultKind, FaultServer, Inject
from tests.crash.books import Books, checked
from tests.crash.forker import Forker, forker
from tests.crash.points import POINTS
from tests.crash.specimens import Looks, bit_flips, ended_run, last_page_cuts, log_cuts, resumed, torn_run
from tests.crash.test_io_errors import ERRORS, TINY, failed_and_finished
from tests.crash.test_kills import NTH, RESUMED
from tests.crash.till import Till
from tests.crash.work import CONCURRENCY, HOW_MANY, PACK_ITEMS, Die, Fail, Work

RESULTS = Path(__file__).parent / "results" / "chaos.md"
IN_A_ROW = 4
FLIPS = 1_000


@dataclass(slots=True)
class Row:
    """What one way of killing came to."""

    name: str
    runs: int = 0
    kills: int = 0
    items: int = 0
    sold: int = 0
    worst: int = 0
    books: list[Books] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def enter(self, till: Till, kills: int, books: Books) -> None:
        """Add a run that kept its promises."""
        self.runs += 1
        self.kills += kills
        self.items += HOW_MANY
        self.sold += len(till.sold)
        self.books.append(books)
        self.worst = max(self.worst, -(-books.lost_calls // max(kills, 1)))

    def line(self) -> str:
        """A row of the table."""
        lost, items = sum(b.lost_calls for b in self.books), sum(b.lost_items for b in self.books)
        maybe, failed = sum(b.maybe_paid_calls for b in self.books), sum(b.failed for b in self.books)
        kept = sum(b.kept_calls for b in self.books)
        told = (self.name, self.runs, self.kills, self.items, len(self.broken), self.sold, kept)
        rest = lost, f"{lost / max(self.kills, 1):.2f}", self.worst, items, maybe, failed
        return (
            "| " + " | ".join(f"{each:,}" if isinstance(each, int) else each for each in told + rest) + " |"
        )


HEADS = (
    "killed", "runs", "kills", "items", "promises broken", "calls sold", "replies kept", "paid twice (calls)",
    "a kill", "worst a kill", "paid twice (items)", "listed as maybe paid", "items failed",
)  # fmt: skip


def killed(row: Row, workers: Forker, folder: Path, deaths: Iterable[Callable[[Till, Work], bool]]) -> None:
    """Kill one run so many times, finish it, and check it."""
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(folder / f"{row.name}-{row.runs}-{len(row.broken)}.db".replace(" ", "-")))
        kills = sum(death(till, work) for death in deaths)
        try:
            books = checked(till, work, workers.run(work), kills=kills)
        except AssertionError as error:
            row.broken.append(str(error))
            print(f"BROKEN: {row.name}, {work.store}: {error}", file=sys.stderr)
            return
    row.enter(till, kills, books)
    print(row.line(), flush=True)


def at_points(workers: Forker, folder: Path) -> Row:
    """Once at each named point, and where the server has read a request and not answered it."""
    row = Row("at each named point")

    def dies(die: Die) -> Callable[[Till, Work], bool]:
        return lambda _, work: workers.run(replace(work, die=die)).killed

    def at_the_till(nth: int) -> Callable[[Till, Work], bool]:
        def death(till: Till, work: Work) -> bool:
            till.kill_at(nth)
            return workers.run(work).killed

        return death

    for point in POINTS:
        before = [dies(RESUMED)] if point.startswith("resuming") else []
        killed(row, workers, folder, [*before, dies(Die(point, NTH.get(point, 1)))])
    for nth in (1, 3, 6, 10, 15):
        killed(row, workers, folder, [at_the_till(nth)])
    return row


def at_events(workers: Forker, folder: Path, kills: int, seed: int) -> Row:
    """At random events of Python's, in any thread, several processes in a row."""
    row, random = Row("at random events"), Random(seed)
    with Till(HOW_MANY) as till:
        events = workers.run(Work(till.url, str(folder / "whole.db"), counts=True)).events

    def death(_: Till, work: Work) -> bool:
        return workers.run(replace(work, die=Die(event=random.randrange(1, events)))).killed

    while row.kills < kills:
        killed(row, workers, folder, [death] * IN_A_ROW)
    return row


def at_writes(workers: Forker, folder: Path, kills: int, seed: int) -> Row:
    """In SQLite's own writes: before one, in its middle, after it."""
    row, random = Row("in SQLite's writes"), Random(seed)

    def death(_: Till, work: Work) -> bool:
        die = Die(disk=random.randrange(1, 120), how=random.choice(("before", "half", "after")))
        return workers.run(replace(work, die=die)).killed

    while row.kills < kills:
        killed(row, workers, folder, [death] * IN_A_ROW)
    return row


def at_times(workers: Forker, folder: Path, kills: int, seed: int) -> Row:
    """By this process, after a random time."""
    row, random = Row("at random times"), Random(seed)
    with Till(HOW_MANY) as till:
        start_s = time.perf_counter()
        workers.run(Work(till.url, str(folder / "timed.db")))
        whole_s = time.perf_counter() - start_s

    def death(_: Till, work: Work) -> bool:
        pid = workers.start(work)
        time.sleep(random.uniform(0.0, whole_s))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return workers.wait(pid).killed

    while row.kills < kills:
        killed(row, workers, folder, [death] * IN_A_ROW)
    return row


def damaged(workers: Forker, folder: Path, seed: int) -> list[str]:
    """Every cut, and a thousand flips to read and to write each: what was refused, and what was right."""
    ended, torn = (made(workers, _new(folder, made.__name__)) for made in (ended_run, torn_run))
    path, random = folder / "damaged.db", Random(seed)
    cuts = last_page_cuts(ended, path, 1)
    indexed = log_cuts(torn, path, 1, index=True)
    alone = log_cuts(torn, path, 1, index=False)
    lines = [
        _looked("file cut at each byte of its last page", [cuts], 0),
        _looked("log cut at each frame, and each byte of its last, its index there", [indexed], 0),
        _looked("the same without its index", [alone], _resumed(workers, path, [*alone.starts.values()])),
    ]
    for write in (False, True):
        looks = bit_flips(ended, torn, path, FLIPS, random, write=write)
        taken = [files for each in looks for files in each.taken]
        resumed_ = _resumed(workers, path, random.sample(taken, 100)) if write else 0
        name = f"{FLIPS:,} flipped bits over file, log and index, to {'write' if write else 'read'}"
        lines.append(_looked(name, looks, resumed_))
    return lines


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _resumed(workers: Forker, path: Path, every: Sequence[dict[str, bytes]]) -> int:
    return sum(not resumed(workers, path, files).error for files in every)


def _looked(name: str, looks: Iterable[Looks], resumed_runs: int) -> str:
    every = list(looks)
    refused, right = sum(each.refused for each in every), sum(len(each.taken) for each in every)
    return f"| {name} | {refused + right:,} | {refused:,} | {right:,} | {resumed_runs} |"


def failing(workers: Forker, folder: Path) -> list[str]:
    """Every write of a small run fails, with each error: once, and for good."""
    with Till(TINY) as till:
        work = Work(till.url, str(folder / "writes.db"), how_many=TINY)
        counted = workers.run(replace(work, fail=Fail(0, errno.EACCES)))
    if not counted.disk_works:
        return [f"| not run: {counted.message} | | | |"]
    lines = []
    for number in ERRORS:
        told = []
        for nth in range(1, counted.disk + 1):
            store = folder / f"fails-{number}-{nth}.db"
            told.append(failed_and_finished(workers, store, Fail(nth, number, stays=nth % 2 == 0)))
        stopped = told.count("StoreFailed")
        lines.append(f"| {errno.errorcode[number]} | {len(told)} | {stopped} | {len(told) - stopped} |")
    return lines


def priced(folder: Path) -> list[str]:
    """What keeping a run costs: a commit, a run, a replay, the room."""
    return [*_commit(folder), *_overhead(folder), *_replay(folder)]


def _commit(folder: Path) -> list[str]:
    took_ms = []
    with RunFile(folder / "commits.db", write=True) as file:
        file.begin({}, [], [])
        for n in range(600):
            start_s = time.perf_counter()
            file.append("back", {"n": n, "text": "x" * 1_500}, durable=True)
            took_ms.append(1e3 * (time.perf_counter() - start_s))
    p99 = statistics.quantiles(took_ms, n=100)[98]
    median = statistics.median(took_ms)
    return [f"| a durable record of 1.5 kB | {median:.2f} ms (99%: {p99:.2f} ms); two a call |"]


def _run(items: int, server: FaultServer, store: Path | None) -> RunResult[str]:
    task = Task.classify("Colour of the thing in a note.", ["red", "green", "blue"])
    texts = [f"Note {n}: a thing of lot {n * 7919 % 10_000} was seen near the gate." for n in range(items)]
    sdk = AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0)
    limits, facts = Limits(concurrency=8), ModelFacts(structured=True)
    budget = Budget(items=10)
    return pack_and_run(
        texts, task, client=sdk, model="any", budget=budget, limits=limits, facts=facts, store=store
    )


def _overhead(folder: Path) -> list[str]:
    lines = []
    for delay_s, items in ((0.0, 1_000), (0.5, 1_000)):
        took: dict[bool, list[float]] = {False: [], True: []}
        inject = [Inject(FaultKind.SLOW, rate=1.0)] if delay_s else []
        with FaultServer(lambda text: "red", inject=inject, slow_s=delay_s) as server:
            _run(100, server, None)
            for turn in range(10):
                kept = turn % 2 == 1
                store = folder / f"over-{delay_s}-{turn}.db" if kept else None
                start_s = time.perf_counter()
                _run(items, server, store)
                took[kept].append(time.perf_counter() - start_s)
        without, with_ = (statistics.median(took[each]) for each in (False, True))
        lines.append(
            f"| {items:,} items in {items // 10} calls of {delay_s:g} s, concurrency 8 | {without:.2f} s "
            f"without, {with_:.2f} s with store= (x {with_ / without:.2f}) |"
        )
    return lines


def _replay(folder: Path) -> list[str]:
    items, store = 5_000, folder / "replayed.db"
    took: list[float] = []
    inner = Replay.run

    def timed(self: Replay[str], events: Iterable[Event]) -> None:
        start_s = time.perf_counter()
        inner(self, events)
        took.append(time.perf_counter() - start_s)

    with FaultServer(lambda text: "red") as server:
        run = _run(items, server, store)
        size = store.stat().st_size
        Replay.run = timed  # type: ignore[method-assign, assignment]  # a stopwatch
        try:
            start_s = time.perf_counter()
            again = _run(items, server, store)
            whole_s = time.perf_counter() - start_s
        finally:
            Replay.run = inner  # type: ignore[method-assign]
    assert again.values == run.values
    calls = run.ledger.calls
    return [
        f"| replay of {calls} calls ({items:,} items) | {took[0]:.2f} s: {calls / took[0]:,.0f} calls a "
        f"second, {items / took[0]:,.0f} items a second; {whole_s:.2f} s with planning and all |",
        f"| room | {size / items:,.0f} bytes an item (its text has 50), {size / 1e6:.1f} MB for {items:,} |",
    ]


def main() -> int:
    """Do it all; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random events")
    parser.add_argument("--timed", type=int, default=60, help="at random times")
    parser.add_argument("--writes", type=int, default=60, help="in SQLite's writes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    start_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        damage: list[str] = []
        errors: list[str] = []
        with forker(folder) as workers:
            rows = [
                at_points(workers, folder),
                at_events(workers, folder, given.kills, given.seed),
                at_writes(workers, folder, given.writes, given.seed),
                at_times(workers, folder, given.timed, given.seed),
            ]
            damage = damaged(workers, folder, given.seed)
            errors = failing(workers, folder)
        costs = priced(folder)
    broken = [told for row in rows for told in row.broken]
    command = (
        f"python -m benchmarks.chaos --kills {given.kills} --timed {given.timed} --writes {given.writes}"
    )
    text = "\n".join(
        [
            "# Kills: what a stored run loses, and what storing it costs",
            "",
            f"`{command} --seed {given.seed}`, packsplit {version('packsplit')}, {_machine()}, "
            f"{datetime.now(UTC).date().isoformat()}, {time.perf_counter() - start_s:,.0f} s.",
            "",
            f"Each run: {HOW_MANY} items, packs of {PACK_ITEMS}, concurrency {CONCURRENCY}, item faults (an "
            "answer dropped, an unknown label, a reply cut off), so that repacks, sessions and single calls "
            f"happen. In the random rows {IN_A_ROW} processes in a row are killed, unless they are done "
            "before, and the next one is left to finish. A promise is broken when an item has no row or two, "
            "a value is not the server's true answer, a call that the server sold stands nowhere in the "
            f"run's journal, more than {CONCURRENCY} calls a kill are paid twice or listed as maybe paid, or "
            "the ledger's tokens are not exactly those of the replies that were kept, each of which the "
            "server really gave.",
            "",
            "| " + " | ".join(HEADS) + " |",
            "|" + "---|" * len(HEADS),
            *(row.line() for row in rows),
            "",
            "Items fail when the server spoils every answer to them, on all rungs; none failed otherwise.",
            "",
            "## Damage",
            "",
            "A look opens the files as a run or a reader does and reads all there is. Refused: with the file "
            "named. Right: the journal is the start of what was written, every row is one that was written. "
            "Taken up: whole runs from such files, all values right.",
            "",
            "| damage | looks | refused | right | taken up, right |",
            "|---|---|---|---|---|",
            *damage,
            "",
            "## A write that fails",
            "",
            f"Each of SQLite's writing system calls of a run over {TINY} items fails in turn, every second "
            "time with all later ones. The run ends with StoreFailed, or does not need that write (a log "
            "that cannot be taken over at the end stays where it is); taken up, it comes out whole.",
            "",
            "| error | writes | ended in words | not needed |",
            "|---|---|---|---|",
            *errors,
            "",
            "## What keeping a run costs",
            "",
            "| what | measured |",
            "|---|---|",
            *costs,
            "",
            *(f"- BROKEN: {told}" for told in broken),
        ]
    )
    given.out.write_text(text.rstrip() + "\n", "utf-8")
    print(text)
    return 1 if broken else 0


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    )


if __name__ == "__main__":
    sys.exit(main())

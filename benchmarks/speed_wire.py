"""End to end over a loopback server in its own process: what the client's processor does an item.

Packs of 20 and singles through packsplit on OpenAI's async SDK; the same requests, worded beforehand,
through the bare SDK (one text a call and 20, 32 in flight); openaivec and ondine in their own environments.
Contenders take turns. Packs are given more items than singles, so that both take long enough to be measured;
packsplit's audits are off, so that it makes the same calls as the bare SDK.
Does not know: what a real model would answer, or how long it would take.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.speed_child import Given, number, whole
from benchmarks.speed_clock import Figures, Found
from benchmarks.speed_rivals import RIVALS, Rival
from benchmarks.speed_server import Server
from benchmarks.speed_texts import short_texts
from packer import Budget, Guard, Limits, Prompt, Task, pack_and_run_async, plan, render
from schemas.settings import Strategy

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

MODEL = "gpt-4o-mini"
LABELS = ("positive", "neutral", "negative")
TASK = Task.classify("Sentiment of a text: how does its author feel?", LABELS)
PACK, IN_FLIGHT = 20, 32
TRANSPORTS = ("httpx", "aiohttp")
"""The SDK's own, and the one it has for aiohttp."""

SMALL = 40
"""Items of the run that tells what a library spends once, whatever the number of items."""

OURS_PACKS, OURS_SINGLES = "packsplit, packs of 20", "packsplit, singles"
BARE_PACKS, BARE_SINGLES = "bare SDK, 20 texts a call", "bare SDK, one text a call"
OWN_PACKS = "packsplit, packs of 20, default audits"


@dataclass(slots=True)
class Turn:
    """One contender's turn, for all its items."""

    cpu_s: float
    wall_s: float
    calls: int
    right: int


@dataclass(slots=True)
class Arm:
    """One contender.

    Attributes:
        items: how many it is asked about.
        go: one turn; seconds of processor and wall time, and how many answers came.
        turns: what it took each time.
    """

    items: int
    go: Callable[[], tuple[float, float, int]]
    turns: list[Turn] = field(default_factory=list)


def child(given: Given) -> Found:
    """All arms in turn, over one server."""
    found = Found()
    packs, singles, theirs = (
        whole(given, name, default)
        for name, default in (("packs", 10_000), ("singles", 1_000), ("rivals", 2_000))
    )
    texts = list(short_texts(max(packs, singles, theirs)))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "answers.json"
        answers = {text: LABELS[place % len(LABELS)] for place, text in enumerate(texts)}
        script.write_text(json.dumps(answers), encoding="utf-8")
        with Server(script) as server:
            arms = _arms(server.url, texts, packs, singles, found.notes)
            _take_turns(arms, server, whole(given, "rounds", 5), number(given, "most_s", 150.0))
            if theirs:
                found.figures.update(_of_rivals(server, texts[:theirs], found.notes))
    for name, arm in arms.items():
        found.figures.update(_figures(f"wire.{name}", arm))
    for transport in TRANSPORTS:
        if OURS_PACKS + tail(transport) in arms:
            found.figures.update(_held_against(arms, transport))
    return found


def tail(transport: str) -> str:
    """How an arm's name ends."""
    return "" if transport == TRANSPORTS[0] else f", {transport}"


def _held_against(arms: dict[str, Arm], transport: str) -> Figures:
    """Medians of the rounds' ratios: the engine's share on top of the SDK, and packs against singles."""
    turns = {
        name: [turn.cpu_s / arms[name + tail(transport)].items for turn in arms[name + tail(transport)].turns]
        for name in (OURS_PACKS, BARE_PACKS, OURS_SINGLES, BARE_SINGLES)
    }
    packs, bare = turns[OURS_PACKS], turns[BARE_PACKS]
    return {
        f"wire.share.{transport}": median(a / b - 1 for a, b in zip(packs, bare, strict=True)),
        f"wire.speedup.{transport}": median(a / b for a, b in zip(turns[BARE_SINGLES], packs, strict=True)),
        f"wire.speedup_own.{transport}": median(
            a / b for a, b in zip(turns[OURS_SINGLES], packs, strict=True)
        ),
        f"wire.speedup_sdk.{transport}": median(
            a / b for a, b in zip(turns[BARE_SINGLES], bare, strict=True)
        ),
    }


def _arms(url: str, texts: list[str], packs: int, singles: int, notes: list[str]) -> dict[str, Arm]:
    packed, alone = texts[:packs], texts[:singles]
    bare_packs, bare_singles = requests(packed, "pack"), requests(alone, "single")
    unaudited = Guard(audit=0)

    def engine(
        given: list[str], strategy: Strategy, guard: Guard, transport: str
    ) -> Callable[[], tuple[float, float, int]]:
        return lambda: asyncio.run(_engine(url, given, strategy, guard, transport))

    def bare(given: list[dict[str, object]], transport: str) -> Callable[[], tuple[float, float, int]]:
        return lambda: asyncio.run(_bare(url, given, transport))

    arms: dict[str, Arm] = {}
    for transport in _transports(notes):
        end = tail(transport)
        arms |= {
            OURS_PACKS + end: Arm(packs, engine(packed, "pack", unaudited, transport)),
            BARE_PACKS + end: Arm(packs, bare(bare_packs, transport)),
            OURS_SINGLES + end: Arm(singles, engine(alone, "single", unaudited, transport)),
            BARE_SINGLES + end: Arm(singles, bare(bare_singles, transport)),
        }
    arms[OWN_PACKS] = Arm(packs, engine(packed, "pack", Guard(), "httpx"))
    return arms


def _transports(notes: list[str]) -> list[str]:
    """The SDK's own, and the one over aiohttp where that is installed."""
    from openai import DefaultAioHttpClient

    try:
        asyncio.run(DefaultAioHttpClient().aclose())
    except (ImportError, RuntimeError) as error:
        notes.append(f"The SDK cannot use aiohttp here ({error}): measured on its default transport only.")
        return [TRANSPORTS[0]]
    return list(TRANSPORTS)


def requests(texts: list[str], strategy: Strategy) -> list[dict[str, object]]:
    """The same requests that a run makes, worded beforehand."""
    made = plan(texts, TASK, model=MODEL, budget=Budget(items=PACK), guard=Guard(audit=0), strategy=strategy)
    return [
        _request(render(each, max_output_tokens=made.allowance.max_output_tokens(PACK)))
        for each in made.packs
    ]


def _request(prompt: Prompt) -> dict[str, object]:
    schema = {"name": "answers", "strict": True, "schema": dict(prompt.reply_schema)}
    return {
        "model": MODEL,
        "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
        "max_completion_tokens": prompt.max_output_tokens,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }


def _sdk(url: str, transport: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    if transport == "aiohttp":
        return AsyncOpenAI(base_url=url, api_key="none", http_client=DefaultAioHttpClient())
    return AsyncOpenAI(base_url=url, api_key="none")


async def _engine(
    url: str, texts: list[str], strategy: Strategy, guard: Guard, transport: str
) -> tuple[float, float, int]:
    async with _sdk(url, transport) as sdk:
        start, start_s = time.process_time(), time.perf_counter()
        run = await pack_and_run_async(
            texts,
            TASK,
            client=sdk,
            model=MODEL,
            strategy=strategy,
            budget=Budget(items=PACK),
            limits=Limits(concurrency=IN_FLIGHT),
            guard=guard,
        )
        took = time.process_time() - start, time.perf_counter() - start_s
    return *took, sum(each.value is not None for each in run)


async def _bare(url: str, given: Sequence[dict[str, object]], transport: str) -> tuple[float, float, int]:
    """Workers that take one request after another; a reply's text is looked at, and not read."""
    waiting, got = iter(given), 0

    async def worker(create: Callable[..., Awaitable[ChatCompletion]]) -> None:
        nonlocal got
        for request in waiting:
            raw = await create(**request)
            got += (raw.choices[0].message.content or "").count(":")

    async with _sdk(url, transport) as sdk:
        start, start_s = time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker(sdk.chat.completions.create) for _ in range(IN_FLIGHT)))
        took = time.process_time() - start, time.perf_counter() - start_s
    return *took, got


def _take_turns(arms: dict[str, Arm], server: Server, rounds: int, most_s: float) -> None:
    start_s = time.perf_counter()
    for each in arms.values():
        each.go()
    seen = server.calls()
    names = list(arms)
    for turn in range(rounds):
        if turn and (time.perf_counter() - start_s) / (turn + 1) * (turn + 2) > most_s:
            break
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            gc.collect()
            cpu_s, wall_s, right = arms[name].go()
            calls = server.calls()
            arms[name].turns.append(Turn(cpu_s, wall_s, calls - seen, right))
            seen = calls


def _figures(prefix: str, arm: Arm) -> Figures:
    """Medians of all turns, an item."""
    return {
        f"{prefix}.us": median(each.cpu_s for each in arm.turns) / arm.items * 1e6,
        f"{prefix}.wall_us": median(each.wall_s for each in arm.turns) / arm.items * 1e6,
        f"{prefix}.calls": median(each.calls for each in arm.turns) / arm.items,
        f"{prefix}.answered": median(each.right for each in arm.turns) / arm.items,
        f"{prefix}.items": float(arm.items),
        f"{prefix}.rounds": float(len(arm.turns)),
    }


def _of_rivals(server: Server, texts: list[str], notes: list[str]) -> Figures:
    """Two runs each; what a small run takes is taken off, which is kind to them."""
    figures: Figures = {}
    for name in RIVALS:
        try:
            with Rival(name) as rival:
                seen, kept = server.calls(), []
                for given in (texts[-SMALL:], texts, texts):
                    ran = rival.run(given, TASK.instruction, LABELS, url=server.url, model=MODEL, pack=PACK)
                    calls = server.calls()
                    kept.append((ran, calls - seen))
                    seen = calls
        except OSError as error:
            notes.append(f"{name}: not run: {error}.")
            continue
        small, *large = (ran for ran, _ in kept)
        n = len(texts) - SMALL
        figures |= {
            f"wire.{name}.us": max(0.0, median(each.cpu_s for each in large) - small.cpu_s) / n * 1e6,
            f"wire.{name}.wall_us": max(0.0, median(each.wall_s for each in large) - small.wall_s) / n * 1e6,
            f"wire.{name}.calls": kept[-1][1] / len(texts),
            f"wire.{name}.answered": large[-1].right / len(texts),
            f"wire.{name}.items": float(len(texts)),
        }
        notes.extend(f"{name}: {error}" for error in {each.error for each in large} if error)
    return figures

"""What the engine around a call costs: processor time of a run whose client answers at once.

    python -m benchmarks.engine [--items 4000] [--rounds 3] [--scale 10000 100000] [--million] [--no-write]

Three questions. What does a call, and an item, take at packs of 1, 10 and 20, and how much of it are
planning, wording and splitting? How much is that beside an SDK's own work for the same call, over a loopback
server in its own process? Is it flat in the number of items? Contenders take turns, and figures are medians
of rounds: on a busy machine trust the ratios, not the microseconds. Does not know: models, networks, or
stores.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.engine_server import Server
from packer import (
    Budget,
    Completion,
    Guard,
    Limits,
    Prompt,
    Task,
    Usage,
    pack_and_run,
    pack_and_run_async,
    plan,
    render,
    split,
)
from schemas.pack import Pack
from schemas.settings import Strategy

TASK = Task.classify("Sentiment of a tweet.", ["positive", "neutral", "negative"])
SIZES = (1, 10, 20)
IN_FLIGHT = 8
LOOSE_US = 1e6
RESULT = Path(__file__).parent / "results" / "engine.md"
SHOWN = ("packsplit", "openai", "anthropic", "aiohttp", "httpx", "orjson", "toktok-rs")


@dataclass(slots=True)
class FloorClient:
    """Answers every seat alike, with next to no work; its own time is kept.

    Attributes:
        calls: so far.
        own_s: processor time of this client.
    """

    calls: int = 0
    own_s: float = 0.0
    _made: dict[int, Completion] = field(default_factory=dict)

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer, after one turn of the event loop."""
        start_s = time.thread_time()
        made = self._made.get(prompt.items)
        if made is None:
            handles = prompt.reply_schema["required"]
            assert isinstance(handles, list)
            made = Completion(
                json.dumps(dict.fromkeys(handles, "positive"), separators=(",", ":")),
                usage=Usage(200 + 30 * prompt.items, 0, 4 * prompt.items),
            )
            self._made[prompt.items] = made
        self.calls += 1
        self.own_s += time.thread_time() - start_s
        await asyncio.sleep(0)
        return made


@dataclass(frozen=True, slots=True)
class Engine:
    """One run over the floor client, in seconds of processor time.

    Attributes:
        calls: that it made.
        whole_s: all of it, the client's own left out.
        plan_s: of it, planning alone.
        word_s: making and wording the packs.
        split_s: splitting the replies.
    """

    calls: int
    whole_s: float
    plan_s: float
    word_s: float
    split_s: float

    @property
    def around_s(self) -> float:
        """Everything else: sending, the ladder, the books, their end."""
        return self.whole_s - self.plan_s - self.word_s - self.split_s


def texts_of(items: int) -> list[str]:
    """Short texts, all different."""
    return [f"A short text with the number {number} and some words around it." for number in range(items)]


def cpu_s(work: Callable[[], object]) -> float:
    """Processor time of this process, all threads, after a collection."""
    gc.collect()
    start_s = time.process_time()
    work()
    return time.process_time() - start_s


def way_of(size: int) -> tuple[Strategy, Budget]:
    """How packs of this size are asked for."""
    return ("single" if size == 1 else "pack"), Budget(items=size)


def engine(items: int, size: int, *, parts: bool = True) -> Engine:
    """Measure one run without audits, and its parts by themselves."""
    texts, guard = texts_of(items), Guard(audit=0)
    strategy, budget = way_of(size)
    client = FloorClient()

    def whole() -> None:
        done = pack_and_run(texts, TASK, client=client, strategy=strategy, budget=budget, guard=guard)
        assert len(done) == items

    whole_s = cpu_s(whole) - client.own_s
    if not parts:
        return Engine(client.calls, whole_s, 0.0, 0.0, 0.0)
    made = []
    plan_s = cpu_s(lambda: made.append(plan(texts, TASK, strategy=strategy, budget=budget, guard=guard)))
    packs: list[Pack[str]] = []
    prompts: list[Prompt] = []

    def word() -> None:
        packs.extend(made[0].packs)
        prompts.extend(render(each, max_output_tokens=400) for each in packs)

    word_s = cpu_s(word)
    replies = [asyncio.run(client.complete(prompts[0])), asyncio.run(client.complete(prompts[-1]))]

    def taken_apart() -> None:
        for each in packs:
            done = split(each, replies[each is packs[-1]], guard=guard)
            assert not done.whole_failed

    return Engine(len(packs), whole_s, plan_s, word_s, cpu_s(taken_apart))


@dataclass(frozen=True, slots=True)
class Sdk:
    """An SDK over the loopback server.

    Attributes:
        name: of the SDK and its transport.
        run: the engine over it: texts, pack size.
        bare: as many calls of one prompt, without the engine.
    """

    name: str
    run: Callable[[Sequence[str], int], Awaitable[object]]
    bare: Callable[[Prompt, int], Awaitable[object]]


async def _flock(call: Callable[[], Awaitable[object]], calls: int) -> None:
    """So many calls, as many at once as the engine makes."""
    left = iter(range(calls))

    async def lane() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))


def openai_sdk(url: str, transport: str) -> Sdk:
    """OpenAI's asynchronous SDK on one of its transports."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    def client() -> AsyncOpenAI:
        if transport == "aiohttp":
            return AsyncOpenAI(base_url=f"{url}/v1", api_key="none", http_client=DefaultAioHttpClient())
        return AsyncOpenAI(base_url=f"{url}/v1", api_key="none")

    async def run(texts: Sequence[str], size: int) -> None:
        async with client() as sdk:
            await _engine_over(sdk, "gpt-4o-mini", texts, size)

    async def bare(prompt: Prompt, calls: int) -> None:
        schema = {"name": "answers", "strict": True, "schema": dict(prompt.reply_schema)}
        async with client() as sdk:

            async def call() -> object:
                return await sdk.chat.completions.create(  # type: ignore[call-overload]  # roles are plain words here
                    model="gpt-4o-mini",
                    messages=[{"role": each.role, "content": each.content} for each in prompt.messages],
                    max_completion_tokens=prompt.max_output_tokens,
                    response_format={"type": "json_schema", "json_schema": schema},
                )

            await _flock(call, calls)

    return Sdk(f"openai, {transport}", run, bare)


def anthropic_sdk(url: str) -> Sdk:
    """Anthropic's asynchronous SDK."""
    from anthropic import AsyncAnthropic

    async def run(texts: Sequence[str], size: int) -> None:
        async with AsyncAnthropic(base_url=url, api_key="none") as sdk:
            await _engine_over(sdk, "claude-sonnet-5", texts, size)

    async def bare(prompt: Prompt, calls: int) -> None:
        async with AsyncAnthropic(base_url=url, api_key="none") as sdk:

            async def call() -> object:
                return await sdk.messages.create(
                    model="claude-sonnet-5",
                    system=prompt.messages[0].content,
                    messages=[{"role": "user", "content": prompt.messages[-1].content}],
                    max_tokens=prompt.max_output_tokens,
                    extra_body={
                        "output_config": {
                            "format": {"type": "json_schema", "schema": dict(prompt.reply_schema)}
                        }
                    },
                )

            await _flock(call, calls)

    return Sdk("anthropic, httpx", run, bare)


async def _engine_over(sdk: object, model: str, texts: Sequence[str], size: int) -> None:
    strategy, budget = way_of(size)
    done = await pack_and_run_async(
        texts,
        TASK,
        client=sdk,
        model=model,
        strategy=strategy,
        budget=budget,
        guard=Guard(audit=0),
        limits=Limits(concurrency=IN_FLIGHT),
    )
    assert all(each == "positive" for each in done.values), done


def sdks(url: str) -> list[Sdk]:
    """Those that are installed."""
    found: list[Sdk] = []
    try:
        found.append(openai_sdk(url, "httpx"))
        from openai import DefaultAioHttpClient

        asyncio.run(DefaultAioHttpClient().aclose())
        found.append(openai_sdk(url, "aiohttp"))
    except (ImportError, RuntimeError) as error:
        print(f"left out: {error}", file=sys.stderr)
    try:
        found.append(anthropic_sdk(url))
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    return found


def prompt_of(size: int) -> Prompt:
    """One that the engine would send."""
    strategy, budget = way_of(size)
    made = plan(texts_of(size), TASK, strategy=strategy, budget=budget, guard=Guard(audit=0))
    return render(made.packs[0], max_output_tokens=400)


def us(seconds: float, count: int) -> float:
    """Microseconds of each."""
    return seconds / count * LOOSE_US


_PARTS: tuple[Callable[[Engine], float], ...] = (
    lambda each: each.whole_s,
    lambda each: each.plan_s,
    lambda each: each.word_s,
    lambda each: each.split_s,
    lambda each: each.around_s,
)


def alone_rows(items: int, rounds: int) -> tuple[list[str], dict[int, float]]:
    """The engine by pack size, and what a call takes."""
    found: dict[int, list[Engine]] = {size: [] for size in SIZES}
    for size in SIZES:
        engine(min(items, 400), size)  # imports and caches
    for _ in range(rounds):
        for size in SIZES:
            found[size].append(engine(items if size > 1 else max(items // 5, 200), size))
    rows, per_call = [], {}
    for size, runs in found.items():
        counts = [each.calls * size for each in runs]
        parts = [
            median(us(pick(each), count) for each, count in zip(runs, counts, strict=True)) for pick in _PARTS
        ]
        per_call[size] = median(us(each.whole_s, each.calls) for each in runs)
        rows.append(
            f"| {size} | {per_call[size]:.0f} | " + " | ".join(f"{each:.1f}" for each in parts) + " |"
        )
    return rows, per_call


def beside_rows(items: int, rounds: int) -> list[str]:
    """SDK by SDK: the engine's share of a packed call, and what packing saves."""
    with Server() as server:
        return [beside(sdk, max(items // 20, 50), rounds) for sdk in sdks(server.url)]


def beside(sdk: Sdk, calls: int, rounds: int) -> str:
    """One SDK's row."""
    arms: dict[str, Callable[[], object]] = {
        "bare 20": lambda: asyncio.run(_awaited(sdk.bare(prompt_of(20), calls))),
        "bare 1": lambda: asyncio.run(_awaited(sdk.bare(prompt_of(1), calls))),
        "run 20": lambda: asyncio.run(_awaited(sdk.run(texts_of(calls * 20), 20))),
        "run 1": lambda: asyncio.run(_awaited(sdk.run(texts_of(calls), 1))),
        "floor 20": lambda: engine(calls * 20, 20, parts=False),
    }
    took: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        for name, go in arms.items():
            spent_s = cpu_s(go)
            if number:  # the first round is for imports and caches
                took[name].append(us(spent_s, calls))
    bare, whole, floor = took["bare 20"], took["run 20"], took["floor 20"]
    share = median(a / b for a, b in zip(floor, bare, strict=True))
    over = median(a / b - 1 for a, b in zip(whole, bare, strict=True))
    gain = median(20 * a / b for a, b in zip(took["bare 1"], whole, strict=True))
    own = median(20 * a / b for a, b in zip(took["run 1"], whole, strict=True))
    return (
        f"| {sdk.name} | {median(bare):.0f} | {median(floor):.0f} | {share:.1%} | {over:.1%} | "
        f"x{gain:.1f} | x{own:.1f} |"
    )


async def _awaited(job: Awaitable[object]) -> object:
    return await job


def scale_rows(sizes: Sequence[int]) -> list[str]:
    """Packs of 20 without audits, more and more items."""
    rows, first = [], None
    engine(2_000, 20, parts=False)
    for items in sizes:
        each = us(engine(items, 20, parts=False).whole_s, items)
        first = first or each
        rows.append(f"| {items:,} | {each:.1f} | x{each / first:.2f} |")
    return rows


def machine() -> list[str]:
    """Where this was measured, and with what."""
    found = []
    for name in SHOWN:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    return [
        f"`{' '.join(['python -m benchmarks.engine', *sys.argv[1:]])}`, {time.strftime('%Y-%m-%d')}.",
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}; {', '.join(found)}.",
    ]


def main() -> None:
    """Measure, print, and write the results down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="scale to 10^6 items, too")
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    rows, _ = alone_rows(args.items, args.rounds)
    lines = [
        "# What the engine around a call costs",
        "",
        *machine(),
        "Processor time, medians of rounds; no audits, no store. Trust the ratios.",
        "",
        "| items a call | us a call | us an item | plan | packs and wording | split | the rest |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "The first three columns of parts are measured by themselves; the rest is what is left.",
        "",
        "| SDK | its own us a call of 20 | engine's us a call | engine / SDK | run / bare SDK - 1 | "
        "packs of 20 against bare singles | against our singles |",
        "|---|---|---|---|---|---|---|",
        *beside_rows(args.items, args.rounds),
        "",
        "| items, packs of 20 | us an item | against the first |",
        "|---|---|---|",
        *scale_rows([*args.scale, *([1_000_000] if args.million else [])]),
        "",
    ]
    text = "\n".join(lines)
    print(text)
    if not args.no_write:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Bleed traps: what each kind of fault costs, by who catches it; seeded, without a model.

    python -m benchmarks.bleed_traps labels [--items 9706] [--rounds 2]
    python -m benchmarks.bleed_traps fields
    python -m benchmarks.bleed_traps edits
    python -m benchmarks.bleed_traps paid
    python -m benchmarks.bleed_traps sizes
    python -m benchmarks.bleed_traps forty

Real texts (``benchmarks.data``), answers by a function of the text, faults by ``packer.testing``. Silent
means: a wrong answer that is accepted and not marked. Does not know: how faults are made or caught.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks import heading
from benchmarks.data import addresses, prices, sentiments
from benchmarks.rivals import forty_lines
from packer import (
    Budget,
    Canary,
    Completion,
    Guard,
    Layout,
    Outcome,
    Prompt,
    Task,
    Trust,
    pack_and_run,
    plan,
    split,
)
from packer.testing import FaultKind, FaultyClient, Inject, Moves
from packer.testing.faults import WHOLE_REPLY, WIRE
from schemas.guard import OFF
from schemas.protocols import Client, TokenCounter
from splitter.match import Hay

LABELS = ("positive", "neutral", "negative")
TASK = Task.classify("Sentiment of a text.", LABELS)
ADDRESS = {
    "type": "object",
    "properties": {
        name: {"type": ["string", "null"]} for name in ("number", "street", "place", "state", "zip")
    },
    "required": ["number", "street", "place", "state", "zip"],
}
PRICE = {
    "type": "object",
    "properties": {"amount": {"type": "number"}, "currency": {"type": ["string", "null"]}},
    "required": ["amount", "currency"],
}
RATE = 0.05
SOME = 4_000
PACK = 20
SEALED = Layout(binding="seal")
MOVING = (FaultKind.RENUMBER, FaultKind.SWAP, FaultKind.SHIFT, FaultKind.COPY_NEIGHBOUR)
BY_CALL = WHOLE_REPLY | {FaultKind.SHIFT, FaultKind.RENUMBER}
"""One of these strikes most of a reply, so a twentieth of the calls gets it, not of the items."""

STRUCTURAL = [kind for kind in FaultKind if kind not in WIRE]
FIELD_KINDS = (FaultKind.FOREIGN_QUOTE, FaultKind.FOREIGN_VALUE)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of one fault in one arm, over all rounds."""

    items: int = 0
    affected: int = 0
    silent: int = 0
    marked: int = 0
    lost: int = 0
    alarms: int = 0
    extra_calls: int = 0
    first_tokens: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f) + getattr(other, f) for f in self.__slots__))

    def row(self) -> str:
        """Cells of a table."""
        n = self.items
        caught = 1 - self.silent / self.affected if self.affected else 1.0
        return (
            f"{n:,} | {self.affected:,} | {self.silent} | {upper(self.silent, n):.3%} | {caught:.2%} | "
            f"{self.marked} | {self.lost} | {self.alarms / n:.2%} | {1_000 * self.extra_calls / n:.1f}"
        )


HEAD = (
    "items | struck | silent | silent, 95% upper | caught | wrong but marked | no value | false alarms | "
    "extra calls per 1,000"
)


def upper(k: int, n: int) -> float:
    """Upper end of the exact (Clopper-Pearson) two-sided 95% interval of a rate, by bisection."""
    from math import comb

    if k == 0:
        return float(1 - 0.025 ** (1 / n))
    if k > 400:  # the normal end is as good there, and quick
        p = k / n
        return float(p + 1.96 * (p * (1 - p) / n) ** 0.5)
    low, high = k / n, min(1.0, (k + 40) / n * 2)
    for _ in range(60):
        p = (low + high) / 2
        below = (
            sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
            if n <= 900
            else _poisson(k, n * p)
        )
        low, high = (p, high) if below > 0.025 else (low, p)
    return high


def _poisson(k: int, mean: float) -> float:
    """P(X <= k): for thousands of items and small rates the binomial is as good as Poisson."""
    from math import exp

    term = total = exp(-mean)
    for i in range(1, k + 1):
        term *= mean / i
        total += term
    return total


def injected(kind: FaultKind | None, moves: Moves, seed: int) -> Inject | None:
    """A fault at the benchmark's rate."""
    if kind is None:
        return None
    return Inject(kind, RATE, per="call" if kind in BY_CALL else "item", moves=moves, seed=seed)


def label(text: str) -> str:
    """A right answer that depends on nothing but the text."""
    return LABELS[sum(text.encode()) % 3]


@dataclass(slots=True)
class Sloppy:
    """A client whose echoes are now and then inexact: one letter lost, or another case."""

    inner: FaultyClient
    rate: float
    draw: random.Random
    context_tokens: int | None = None
    concurrency: int | None = None
    name: str = "sloppy"

    def counter(self) -> TokenCounter | None:
        """The inner client's."""
        return self.inner.counter()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer, then smudge some echoes."""
        done = await self.inner.complete(prompt)
        text = re.sub(r'"(quote|words)":"((?:[^"\\]|\\.)*)"', self._smudge, done.text)
        return Completion(text, done.finish_reason, done.usage, done.model)

    def _smudge(self, match: re.Match[str]) -> str:
        echo = match[2]
        if self.draw.random() >= self.rate or len(echo) < 8 or "\\" in echo:
            return match[0]
        at = self.draw.randrange(1, len(echo) - 1)
        smudged = self.draw.choice((echo[:at] + echo[at + 1 :], echo.swapcase(), echo.replace(" ", "  ")))
        return f'"{match[1]}":"{smudged}"'


def measured(
    texts: Sequence[str],
    task: Task[object],
    answers: Callable[[str], object] | Mapping[str, object],
    inject: Inject | None,
    *,
    layout: Layout,
    guard: Guard,
    pack: int = PACK,
    sloppy: float = 0.0,
) -> Tally:
    """One run of ours."""
    faulty = FaultyClient(answers, inject or ())
    client: Client = Sloppy(faulty, sloppy, random.Random(3)) if sloppy else faulty
    seed = inject.seed if inject else 0
    run = pack_and_run(
        texts,
        task,
        client=client,
        layout=layout,
        guard=replace(guard, audit=0),  # what is measured here are the free detectors and the ladder
        budget=Budget(items=pack),
        seed=seed,
    )
    struck = faulty.ledger.affected
    silent = marked = lost = alarms = 0
    for text, result in zip(texts, run, strict=True):
        right = answers(text) if callable(answers) else answers[text]
        if result.outcome is not Outcome.ACCEPTED:
            lost += 1
        elif result.value != right:
            silent += result.trust is Trust.CLEAN
            marked += result.trust is not Trust.CLEAN
        if text not in struck and (result.attempts > 1 or result.trust is Trust.DOUBTFUL):
            alarms += 1
    first = run.ledger.routes["pack"]
    extra = run.ledger.calls - first.calls
    return Tally(
        len(texts),
        len(struck & set(texts)),
        silent,
        marked,
        lost,
        alarms,
        extra,
        first.usage.output_tokens or 0,
    )


def labels(items: int, rounds: int) -> None:
    """Classification: every kind of fault against every binding, guard on; and against none with it off."""
    texts = [each.text for each in sentiments()][:items]
    arms: dict[str, tuple[Layout, Guard]] = {
        "no binding": (Layout(), Guard()),
        "seal": (Layout(binding="seal"), Guard()),
        "seal, array": (Layout(binding="seal", envelope="array"), Guard()),
        "words": (Layout(binding="words"), Guard()),
        "quote": (Layout(binding="quote"), Guard()),
        "seal, guard off": (Layout(binding="seal"), OFF),
    }
    print(f"\n| binding | fault | moves | {HEAD} | reply tokens an item |\n" + "|---" * 13 + "|")
    for arm, (layout, guard) in arms.items():
        # The arms that claim most are measured most.
        full = arm in ("seal", "no binding")
        some = texts if full else texts[:SOME]
        for kind in [None, *STRUCTURAL]:
            if kind in FIELD_KINDS and (kind is FaultKind.FOREIGN_QUOTE) != (layout.binding == "quote"):
                continue
            for moves in Moves if kind in MOVING else (Moves.ENTRY,):
                total = Tally()
                for seed in range(rounds if full else 1):
                    inject = injected(kind, moves, seed)
                    total += measured(some, TASK, label, inject, layout=layout, guard=guard)
                told = moves if kind in MOVING else ""
                tokens = total.first_tokens / total.items
                print(f"| {arm} | {kind or 'none'} | {told} | {total.row()} | {tokens:.1f} |", flush=True)
    print(f"\nNo fault, but inexact echoes:\n\n| binding | inexact | {HEAD} |\n" + "|---" * 11 + "|")
    for arm in ("words", "quote"):
        for sloppy in (0.0, RATE):
            total = measured(texts, TASK, label, None, layout=arms[arm][0], guard=Guard(), sloppy=sloppy)
            print(f"| {arm} | {sloppy:.0%} | {total.row()} |", flush=True)


def forty(items: int) -> None:
    """The forty lines, through the same faults."""
    texts = [each.text for each in sentiments()][:items]
    print(f"\n| forty lines, fault | moves | {HEAD} | reply tokens an item |\n" + "|---" * 12 + "|")
    for kind in ["inexact quotes", None, *STRUCTURAL]:
        if kind is FaultKind.FOREIGN_VALUE:
            continue
        for moves in Moves if kind in MOVING else (Moves.ENTRY,):
            inject = injected(kind, moves, 0) if isinstance(kind, FaultKind) else None
            faulty = FaultyClient(label, inject or ())
            client: Client = Sloppy(faulty, RATE, random.Random(3)) if kind == "inexact quotes" else faulty
            out = asyncio.run(forty_lines.run(texts, TASK, LABELS, client))
            struck = faulty.ledger.affected
            total = Tally(
                len(texts),
                len(struck),
                sum(out.values[text] != label(text) for text in texts if text in out.values),
                0,
                sum(text not in out.values for text in texts),
                len(out.again - struck),
                out.calls - -(-len(texts) // PACK),
                out.output_tokens,
            )
            told = moves if kind in MOVING else ""
            print(
                f"| {kind or 'none'} | {told} | {total.row()} | {total.first_tokens / total.items:.1f} |",
                flush=True,
            )


def fields(rounds: int) -> None:
    """Extraction from real addresses: with and without quotes."""
    gold = {each.text: each.gold for each in addresses()}
    print(f"\n| quotes, guard | fault | {HEAD} | reply tokens an item |\n" + "|---" * 12 + "|")
    kinds = (
        None,
        FaultKind.FOREIGN_QUOTE,
        FaultKind.FOREIGN_VALUE,
        FaultKind.SWAP,
        FaultKind.SHIFT,
        FaultKind.COPY_NEIGHBOUR,
        FaultKind.RENUMBER,
    )
    for evidence, guard in ((True, Guard()), (False, Guard()), (True, OFF)):
        task = Task.extract("The parts of a US address.", ADDRESS, evidence=evidence)
        arm = f"{'quotes' if evidence else 'no quotes'}, guard {'off' if guard is OFF else 'on'}"
        for kind in kinds:
            if kind is FaultKind.FOREIGN_QUOTE and not evidence:
                continue
            for moves in Moves if kind in MOVING else (Moves.ENTRY,):
                total = Tally()
                for seed in range(rounds):
                    inject = injected(kind, moves, seed)
                    total += measured([*gold], task, gold, inject, layout=Layout(), guard=guard)
                shown = f"{kind or 'none'}{f', {moves} moves' if kind in MOVING else ''}"
                print(
                    f"| {arm} | {shown} | {total.row()} | {total.first_tokens / total.items:.1f} |",
                    flush=True,
                )


def edits(rounds: int) -> None:
    """One planted foreign quote or value a pack, verbatim and with edits: is it flagged on first sight?"""
    gold = [each for each in addresses() if isinstance(each.gold, dict)]
    print(
        "\n| planted | edits | packs of | planted items | caught | rejected | clean items flagged |\n"
        + "|---" * 7
        + "|"
    )
    for what in ("quote", "value"):
        task = Task.extract("The parts of a US address.", ADDRESS, evidence=what == "quote")
        for n in (0, 1, 2):
            for pack in (5, PACK):
                print(_edited(gold, task, what, n, pack, rounds), flush=True)


def made() -> None:
    """Prices, whose currency was often known from the shop and not from the text: right, and in no text."""
    gold = {each.text: each.gold for each in prices()}
    task = Task.extract("Amount and currency of a price.", PRICE)
    print("\n| clean prices, packs of | items | rejected | marked doubtful |\n" + "|---" * 4 + "|")
    for size in (5, PACK):
        rejected = doubtful = 0
        for pack in plan([*gold], task, budget=Budget(items=size)).packs:
            reply = json.dumps({slot.handle: gold[slot.item.text] for slot in pack.slots}, default=float)
            done = split(pack, Completion(reply))
            rejected += len(done.rejected)
            doubtful += sum(verdict.trust is Trust.DOUBTFUL for verdict in done.verdicts)
        print(f"| {size} | {len(gold)} | {rejected / len(gold):.1%} | {doubtful / len(gold):.1%} |")


def _edited(gold: Sequence[object], task: Task[object], what: str, n: int, size: int, rounds: int) -> str:
    draw = random.Random(f"{what}{n}{size}")
    answers = {each.text: each.gold for each in gold}  # type: ignore[attr-defined]  # they are Labelled
    planted = caught = rejected = flagged = clean = 0
    for seed in range(rounds):
        for pack in plan([*answers], task, budget=Budget(items=size), seed=seed).packs:
            own, other = draw.sample(range(len(pack.slots)), 2) if len(pack.slots) > 1 else (0, 0)
            texts = [slot.item.text for slot in pack.slots]
            fields = [
                name
                for name, value in answers[texts[other]].items()
                # What the own text says too, in other words or order, is true of it and no leak.
                if value is not None and not Hay(texts[own]).has_words_of(value)
            ]
            values = {slot.handle: dict(answers[slot.item.text]) for slot in pack.slots}
            quotes = {handle: dict(value) for handle, value in values.items()}
            if own == other or not fields:
                continue
            name, handle = draw.choice(fields), pack.slots[own].handle
            foreign = _typos(answers[texts[other]][name], n, draw)
            (quotes if what == "quote" else values)[handle][name] = foreign
            reply = {
                h: {"quotes": quotes[h], "value": v} if what == "quote" else v for h, v in values.items()
            }
            done = split(pack, Completion(json.dumps(reply)))
            verdict = done.verdicts[own]
            planted += 1
            rejected += not verdict.accepted
            caught += not verdict.accepted or verdict.trust is Trust.DOUBTFUL
            rest = [v for place, v in enumerate(done.verdicts) if place != own]
            clean += len(rest)
            flagged += sum(not v.accepted or v.trust is Trust.DOUBTFUL for v in rest)
    return (
        f"| {what} | {n} | {size} | {planted:,} | {caught / planted:.2%} | {rejected / planted:.2%} | "
        f"{flagged} of {clean:,} ({flagged / clean:.2%}) |"
    )


def _typos(text: str, n: int, draw: random.Random) -> str:
    letters = list(text)
    for at in draw.sample(range(len(letters)), min(n, len(letters))):
        letters[at] = draw.choice("abcdefghijklmnopqrstuvwxyz0123456789")
    return "".join(letters)


def sizes(items: int) -> None:
    """By pack size: what repair costs by ladder, by halving and by single re-asks; and what is caught."""
    texts = [each.text for each in sentiments()][:items]
    print(
        "\n| packs of | fault rate | way | calls above one pack each, per 1,000 items | silent | no value |\n"
        + "|---" * 6
        + "|"
    )
    for size in (5, 10, 20, 40):
        for rate in (0.05, 0.2):
            inject = Inject(FaultKind.DROP, rate)
            total = measured(texts, TASK, label, inject, layout=SEALED, guard=Guard(), pack=size)
            print(
                f"| {size} | {rate:.0%} | ladder | {1000 * total.extra_calls / items:.1f} | "
                f"{total.silent} | {total.lost} |",
                flush=True,
            )
            for way, calls in (
                ("halving", halving(texts, size, rate)),
                ("all singles", singles(texts, rate)),
            ):
                print(f"| {size} | {rate:.0%} | {way} | {1000 * calls / items:.1f} | - | - |", flush=True)
    gold = {each.text: each.gold for each in addresses()}
    quoted = Task.extract("The parts of a US address.", ADDRESS, evidence=True)
    print(f"\n| packs of | task, fault | {HEAD} |\n" + "|---" * 11 + "|")
    for size in (2, 5, 10, 20, 40):
        for kind in (FaultKind.SWAP, FaultKind.SHIFT, FaultKind.COPY_NEIGHBOUR, FaultKind.RENUMBER):
            inject = injected(kind, Moves.ENTRY, 0) or Inject(kind)
            total = measured(texts[:SOME], TASK, label, inject, layout=SEALED, guard=Guard(), pack=size)
            print(f"| {size} | label with seal, {kind} | {total.row()} |", flush=True)
            total = measured([*gold], quoted, gold, inject, layout=Layout(), guard=Guard(), pack=size)
            print(f"| {size} | address with quotes, {kind} | {total.row()} |", flush=True)


def halving(texts: Sequence[str], size: int, rate: float) -> int:
    """Further calls when a pack with any bad answer is halved and both halves asked again, good ones too."""
    draw = random.Random(5)

    def asked(n: int) -> int:
        bad = any(draw.random() < rate for _ in range(n))
        return 1 + (asked(n // 2) + asked(n - n // 2) if bad and n > 1 else asked(1) if bad else 0)

    packs = -(-len(texts) // size)
    return sum(asked(size) for _ in range(packs)) - packs


def singles(texts: Sequence[str], rate: float) -> int:
    """Further calls when every bad answer is asked again alone until it is good."""
    draw, calls = random.Random(6), 0
    for _ in texts:
        while draw.random() < rate:
            calls += 1
    return calls


CANARIES = tuple(
    Canary(text, label(text))
    for text in ("What a lovely day at the lake.", "The bus leaves at nine.", "My phone broke again.")
)


def paid(items: int) -> None:
    """Faults that leave no trace in one reply, and what canaries or a second packing of all items do."""
    texts = [each.text for each in sentiments()][:items]
    print("\n| fault | guard | silent | silent, 95% upper | calls | reply tokens |\n" + "|---" * 6 + "|")
    for kind in MOVING:
        base = 0
        inject = injected(kind, Moves.ANSWER, 0)
        for name, guard in (("none", Guard()), ("one canary a pack", Guard(canaries=CANARIES))):
            answers = {text: label(text) for text in [*texts, *(c.text for c in CANARIES)]}
            faulty = FaultyClient(answers, inject or ())
            layout = Layout(binding="seal")
            run = pack_and_run(
                texts,
                TASK,
                client=faulty,
                layout=layout,
                guard=replace(guard, audit=0),
                budget=Budget(items=PACK),
            )
            base = base or run.ledger.calls
            silent = sum(r.value != label(t) for t, r in zip(texts, run, strict=True))
            tokens = run.ledger.usage.output_tokens or 0
            print(
                f"| {kind} | {name} | {silent} | {upper(silent, items):.2%} | "
                f"{run.ledger.calls / base:.2f}x | {tokens / items:.1f} |",
                flush=True,
            )
        twice = []
        for seed in (0, 1):
            faulty = FaultyClient(label, injected(kind, Moves.ANSWER, seed) or ())
            layout = Layout(binding="seal")
            twice.append(
                pack_and_run(
                    texts,
                    TASK,
                    client=faulty,
                    layout=layout,
                    guard=Guard(audit=0),
                    budget=Budget(items=PACK),
                    seed=seed,
                )
            )
        same = [(t, a.value) for t, a, b in zip(texts, *twice, strict=True) if a.value == b.value]
        silent = sum(value != label(text) for text, value in same)
        tokens = sum(run.ledger.usage.output_tokens or 0 for run in twice)
        calls = sum(run.ledger.calls for run in twice)
        print(
            f"| {kind} | all packed twice | {silent} | {upper(silent, items):.2%} | {calls / base:.2f}x | "
            f"{tokens / items:.1f} |",
            flush=True,
        )


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("labels", "forty", "fields", "edits", "paid", "sizes"))
    parser.add_argument("--items", type=int, default=9_706)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    heading("bleed_traps")
    print(f"item faults at {RATE:.0%}, packs of {PACK} unless a row says otherwise")
    start = time.perf_counter()
    match args.part:
        case "labels":
            labels(args.items, args.rounds)
        case "forty":
            forty(args.items)
        case "fields":
            fields(args.rounds)
        case "edits":
            edits(args.rounds)
            made()
        case "paid":
            paid(args.items)
        case "sizes":
            sizes(args.items)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()

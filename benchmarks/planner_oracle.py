"""Simulated jobs, and what each way of asking them truly costs: the planner's opponent.

Its own accounting, call by call through a till that fills a cache before it reads it; nothing of the
planner's is imported. Does not know: what the planner believes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from statistics import fmean

SIZES = (4, 8, 10, 16, 25, 32, 50, 64)
PREFIXES = (50, 200, 600, 1_024, 1_500, 2_000, 4_000, 8_000)
ITEMS = (20, 100, 400, 1_000, 3_000)
ANSWERS = (2, 10, 30, 100, 300)
RATIOS, READS = (4.0, 5.0, 8.0), (0.1, 0.25, 0.5, 1.0)
DRAWS = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One cell: a job, its provider, and its true rates. Prices are in fresh prompt tokens."""

    prefix: int
    items: int
    answer: int
    output_price: float
    read_price: float
    write_price: float
    item: int
    marker: int
    key: int
    minimum: int
    flat: float
    per_seat: float
    audit: float
    twice: float
    canary_share: float
    canary: int
    kept: tuple[int, ...] | None
    proof: int

    def falls(self, size: int) -> float:
        """The true share of a pack's items that are asked again."""
        return self.flat + self.per_seat * size


def jobs(seed: int) -> Iterator[Job]:
    """The grid: five axes in full, the others drawn."""
    chance = Random(seed)
    for prefix, items, answer, output, read in product(PREFIXES, ITEMS, ANSWERS, RATIOS, READS):
        for _ in range(DRAWS):
            promise = chance.choice(("none", "none", "sizes", "proof"))
            kept = tuple(size for size in SIZES if chance.random() < 0.5) if promise == "sizes" else None
            item = round(20 * 150 ** chance.random())
            yield Job(
                prefix,
                items,
                answer,
                output,
                read,
                chance.choice((1.0, 1.25)) if read == 0.1 else 1.0,
                item,
                chance.choice((10, 16)),
                chance.choice((2, 7)),
                chance.choice((1_024, 2_048)),
                chance.choice((0.0, 0.002, 0.01, 0.02)),
                chance.choice((0.0, 0.0001, 0.0002, 0.0005)),
                chance.choice((0.0, 0.02, 0.05)),
                chance.choice((0.0, 0.25)),
                chance.choice((0.0, 0.25, 1.0)),
                chance.choice((15, item)),
                kept,
                chance.randint(150, 220) if promise == "proof" else 0,
            )


class Till:
    """Bills calls one kind after another. A prefix's first call writes the cache, later ones read it."""

    def __init__(self, job: Job) -> None:
        self.job, self.spent = job, 0.0
        self._empty: dict[str, float] = {}

    def ring(self, kind: str, calls: float, own: float, output: float, *, any_chance: float = 1.0) -> None:
        """Bill calls.

        Args:
            kind: names the prefix.
            calls: expected.
            own: prompt tokens of each behind the prefix.
            output: reply tokens of each.
            any_chance: how likely at least one is made.
        """
        job = self.job
        self.spent += calls * (own + output * job.output_price)
        if job.prefix < job.minimum or job.read_price == 1.0:
            self.spent += calls * job.prefix
            return
        empty = self._empty.get(kind, 1.0)
        first = empty * any_chance
        self.spent += job.prefix * (first * job.write_price + (calls - first) * job.read_price)
        self._empty[kind] = empty - first


def alone_costs(job: Job) -> float:
    """Every item by itself."""
    till = Till(job)
    till.ring("single", job.items, job.item, job.answer)
    return till.spent


Falling = Callable[[Till, Sequence[tuple[int, int]]], tuple[float, float]]


def packed_costs(job: Job, size: int, falling: Falling | None = None) -> float:
    """Packs of one size, as they are dealt: full ones first, what is left last."""
    till = Till(job)
    own, out = job.item + job.marker, job.answer + job.key
    rest = job.items
    if job.proof and job.kept is None:
        till.ring("single", job.proof, job.item, job.answer)
        for trial in SIZES:
            for held, packs in _dealt(job.proof, trial):
                till.ring("pack", packs, held * own, held * out)
        rest -= job.proof
    dealt = _dealt(rest, size)
    seats = job.canary_share
    for held, packs in dealt:
        till.ring("pack", packs, held * own + seats * (job.canary + job.marker), (held + seats) * out)
    calls, none = (falling or asked_alone)(till, dealt)
    calls += rest * job.audit * (1 + job.twice)
    none *= (1 - job.audit) ** rest
    till.ring("single", calls, job.item, job.answer, any_chance=1 - none)
    return till.spent


def asked_alone(till: Till, dealt: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Items that fall are asked alone: how many calls, and the chance of none."""
    calls, none = 0.0, 1.0
    for held, packs in dealt:
        calls += packs * held * till.job.falls(held)
        none *= (1 - till.job.falls(held)) ** (held * packs)
    return calls, none


def down_the_ladder(till: Till, dealt: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The engine's own ladder: packed twice more at half the size, then a session's turn, then alone."""
    job = till.job
    own, out = job.item + job.marker, job.answer + job.key
    calls = 0.0
    for held, packs in dealt:
        open_items, size = packs * held * job.falls(held), held
        for _ in range(2):
            if size < 4:
                break
            size //= 2
            # Few that fall find few neighbours; a pack is sent for them all the same.
            sent = max(open_items / size, min(1.0, open_items))
            till.ring(
                "pack", sent, open_items / sent * own if sent else 0.0, open_items / sent * out if sent else 0
            )
            open_items *= job.falls(size)
        till.ring("pack", open_items, own, out)
        calls += open_items * job.falls(1)
    return calls, math.exp(-calls)


def _dealt(items: int, size: int) -> list[tuple[int, int]]:
    full, odd = items // size, items % size
    return [(held, packs) for held, packs in ((size, full), (odd, 1)) if held and packs]


def truth(job: Job, falling: Falling | None = None) -> dict[int, float]:
    """What every allowed way really costs on average; size 1 is single calls."""
    costs = {1: alone_costs(job)}
    for size in SIZES:
        if (job.kept is None or size in job.kept) and job.proof <= job.items:
            costs[size] = packed_costs(job, size, falling)
    return costs


def rolled(job: Job, size: int, chance: Random) -> float:
    """One run of packs with real dice, a call at a time: what the oracle's means are checked against."""
    seen: set[str] = set()
    spent = 0.0

    def call(kind: str, own: float, output: float) -> None:
        nonlocal spent
        caching = job.prefix >= job.minimum and job.read_price < 1
        per = (job.read_price if kind in seen else job.write_price) if caching else 1.0
        seen.add(kind)
        spent += per * job.prefix + own + job.output_price * output

    own, out, rest = job.item + job.marker, job.answer + job.key, job.items
    if job.proof and job.kept is None:
        rest -= job.proof
        for _ in range(job.proof):
            call("single", job.item, job.answer)
        for trial in SIZES:
            for start in range(0, job.proof, trial):
                held = min(trial, job.proof - start)
                call("pack", held * own, held * out)
    for start in range(0, rest, size):
        held = min(size, rest - start)
        extra = chance.random() < job.canary_share
        call("pack", held * own + extra * (job.canary + job.marker), (held + extra) * out)
        for _ in range(held):
            again = chance.random() < job.falls(held)
            audits = 1 + (chance.random() < job.twice) if chance.random() < job.audit else 0
            for _ in range(again + audits):
                call("single", job.item, job.answer)
    return spent


def oracle_checked(every: Sequence[Job], seed: int, *, cells: int, rolls: int) -> tuple[float, int]:
    """The oracle's means against dice: the largest distance in standard errors, and how many were checked."""
    chance = Random(seed)
    worst = 0.0
    small = [job for job in every if job.items <= 400 and job.proof <= job.items]
    for job in chance.sample(small, cells):
        size = chance.choice(SIZES)
        thrown = [rolled(job, size, chance) for _ in range(rolls)]
        mean = fmean(thrown)
        spread = math.sqrt(sum((each - mean) ** 2 for each in thrown) / (rolls - 1) / rolls)
        away = abs(mean - packed_costs(job, size))
        worst = max(worst, away / spread if spread > 1e-6 * mean else (away > 1e-6 * mean) * math.inf)
    return worst, cells

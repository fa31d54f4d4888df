"""Promises and watches of the bleed meter, held against truths that are known; part of ``benchmarks.meter``.

Does not know: formulas; it calls those of ``packer.audit``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.meter_fleets import call_rates, stray_rate, trial_hits
from packer.audit.promise import audits_needed, bleed_trial, loss_trial
from packer.audit.watch import Watch
from schemas.calibration import Finding, Noise, Trial, TrialCall

SEED = 20261125
SIZES = (5, 10, 20, 40)
CEILING, CONFIDENCE = 0.02, 0.95
LOSS_CEILING, LOSS_SIZE = 0.01, 10

Row = dict[str, object]


@cache
def _bleed(size: int, calls: tuple[tuple[tuple[int, int], int], ...], noise: Noise) -> Trial:
    """The same calls in another order are the same trial."""
    made = [TrialCall(items, differ) for (items, differ), number in calls for _ in range(number)]
    return bleed_trial(size, made, noise, ceiling=CEILING, confidence=CONFIDENCE)


@cache
def _loss(calls: tuple[tuple[tuple[int, int], int], ...]) -> Trial:
    made = [TrialCall(LOSS_SIZE, 0, harm, gain) for (harm, gain), number in calls for _ in range(number)]
    return loss_trial(LOSS_SIZE, made, ceiling=LOSS_CEILING, confidence=CONFIDENCE)


@dataclass(frozen=True, slots=True)
class World:
    """A model, by pack size.

    Attributes:
        name: for tables.
        bleed: true bleed at each of the sizes.
        noise: how often single answers differ.
    """

    name: str
    bleed: tuple[float, ...]
    noise: float = 0.0


OVER = CEILING + 1e-4
BAD = (
    World("at the ceiling from 5 up", (OVER, OVER, OVER, OVER)),
    World("clean at 5, at the ceiling from 10 up", (0.0, OVER, OVER, OVER)),
    World("clean to 20, at the ceiling at 40", (0.0, 0.0, 0.0, OVER)),
    World("grows: 0.5, 1, 2, 4%", (0.005, 0.01, OVER, 0.04)),
    World("at the ceiling from 5 up, noise 2%", (OVER, OVER, OVER, OVER), 0.02),
    World("clean to 20, at the ceiling at 40, noise 1%", (0.0, 0.0, 0.0, OVER), 0.01),
)
GOOD = (
    World("no bleed", (0.0,) * 4),
    World("bleed 0.2%", (0.002,) * 4),
    World("bleed 0.5%", (0.005,) * 4),
    World("no bleed, noise 0.5%", (0.0,) * 4, 0.005),
    World("no bleed, noise 1%", (0.0,) * 4, 0.01),
    World("no bleed, noise 2%", (0.0,) * 4, 0.02),
)


def promises(number: int, worlds: Sequence[World], iccs: Sequence[float]) -> list[Row]:
    """Runs that look for the largest size whose bleed is at most 2%, as a run does."""
    rows: list[Row] = []
    needed = audits_needed(CEILING, CONFIDENCE, max(SIZES))
    for at, world in enumerate(worlds):
        for icc in iccs:
            # Without correlation, twice the items are the harder case.
            for items in (needed, 2 * needed) if icc else (2 * needed,):
                random = np.random.default_rng((SEED + 2, at, round(100 * icc), items))
                ends: Counter[int] = Counter()
                audits = broken = 0
                for _ in range(number):
                    size, packed = _settled(random, world, items, icc)
                    ends[size] += 1
                    audits += packed
                    broken += size > 1 and world.bleed[SIZES.index(size)] > CEILING
                rows.append(
                    {
                        "world": world.name,
                        "icc": icc,
                        "items": items,
                        "broken": broken / number,
                        "largest": {str(size): ends[size] / number for size in (1, *SIZES)},
                        "audits": audits / number,
                    }
                )
    return rows


def _settled(random: np.random.Generator, world: World, items: int, icc: float) -> tuple[int, int]:
    """The size that a run settles on, and how many packed answers it has audited for it."""
    stray = stray_rate(world.noise)
    first = random.random(items) < stray
    twice = items // 4
    noise = Noise(twice, int((first[:twice] ^ (random.random(twice) < stray)).sum()))
    settled, audited = 1, 0
    for size, bleed in zip(SIZES, world.bleed, strict=True):
        wrong = (bleed + world.noise - stray) / (1 - 2 * stray)
        full, rest = divmod(items, size)
        counts = [size] * full + [rest] * bool(rest)
        rates = np.repeat(call_rates(random, wrong, icc, (len(counts),)), counts)
        hits = np.add.reduceat(first ^ (random.random(items) < rates), np.cumsum([0, *counts[:-1]]))
        calls = [(count, int(hit)) for count, hit in zip(counts, hits, strict=True)]
        looks = [look for look in (-(-20 // size), -(-60 // size)) if look < len(calls)]
        finding = Finding.OPEN
        for look in (*looks, len(calls)):
            some = tuple(sorted(Counter(calls[:look]).items()))
            finding = _bleed(size, some, noise).finding
            if look < len(calls) and finding is Finding.BROKEN:
                break
        audited += sum(count for count, _ in calls[:look])
        if look < len(calls) or finding is not Finding.KEPT:
            break
        settled = size
    return settled, audited


def losses(number: int, iccs: Sequence[float]) -> list[Row]:
    """Packs of 10 that lose just above 1 point of accuracy, or nothing: how often is 1 point promised?"""
    rows: list[Row] = []
    for harm, gain in ((0.0101, 0.0), (0.0201, 0.01), (0.0, 0.0), (0.005, 0.005), (0.005, 0.02)):
        for icc in iccs:
            for items in (430, 860):
                random = np.random.default_rng((SEED + 3, round(1e4 * harm), round(100 * icc), items))
                harmed = trial_hits(random, number, items, LOSS_SIZE, rate=harm, icc=icc)
                helped = trial_hits(random, number, items, LOSS_SIZE, rate=gain, icc=icc)
                # An item is spoiled or mended, not both.
                helped = np.minimum(helped, LOSS_SIZE - harmed)
                kept = 0
                for one in np.stack([harmed, helped], axis=-1).tolist():
                    calls = tuple(sorted(Counter(map(tuple, one)).items()))
                    kept += _loss(calls).finding is Finding.KEPT
                rows.append({"harm": harm, "help": gain, "icc": icc, "items": items, "kept": kept / number})
    return rows


def watching(number: int) -> list[Row]:
    """How often do bounds that are watched all the time ever fail, and how soon is a collapse seen?"""
    rows: list[Row] = []
    for name, rate, items, icc, calls in (
        ("1 a call", 0.03, 1, 0.0, 300),
        ("2 a call", 0.1, 2, 0.1, 200),
        ("all of 10", 0.05, 10, 0.3, 100),
        ("all of 10", 0.3, 10, 0.3, 100),
    ):
        random = np.random.default_rng((SEED + 4, round(1000 * rate), items))
        hits = random.binomial(items, call_rates(random, rate, icc, (number, calls)))
        low = high = 0
        for one in hits:
            watch = Watch()
            for hit in one:
                watch.add(int(hit), items)
            low += watch.lower > rate
            high += watch.upper < rate
        rows.append(
            {
                "layout": name,
                "rate": rate,
                "icc": icc,
                "calls": calls,
                "lower_wrong": low / number,
                "upper_wrong": high / number,
            }
        )
    return rows


def collapse(number: int) -> list[Row]:
    """So many audits it takes until more than 20% surely differ."""
    rows: list[Row] = []
    for rate, items, icc in ((0.5, 1, 0.0), (0.5, 10, 0.1), (0.8, 1, 0.0), (0.3, 1, 0.0)):
        random = np.random.default_rng((SEED + 5, round(100 * rate), items))
        taken = []
        for _ in range(number // 2):
            watch = Watch()
            while watch.lower <= 0.2 and watch.calls < 400:
                own = float(call_rates(random, rate, icc, (1,))[0])
                watch.add(int(random.binomial(items, own)), items)
            taken.append(watch.calls)
        middle, late = np.quantile(taken, [0.5, 0.9])
        rows.append(
            {
                "rate": rate,
                "items": items,
                "icc": icc,
                "half": float(middle),
                "nine_of_ten": float(late),
                "within_25": float((np.array(taken) <= 25).mean()),
            }
        )
    return rows

"""K12, later answers give less: they get shorter, or leave more fields empty, along the pack.

A rank correlation within calls, one-sided, with answers shuffled within each call. A shorter answer is
also a legal saving, so this is reported and blocks nothing. Does not know: how long an answer should be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from operator import mul
from random import Random
from statistics import fmean

from schemas.signal import Seated, SignalKind, Trend
from splitter.null import RARE, against_chance, no_sign, spans_of

FINE = 1_000


def detect(calls: Sequence[Sequence[Seated]], random: Random) -> Trend:
    """Test length and filled share against the seat (taxonomy K12).

    Args:
        calls: the answers of each call in the order of their seats.
        random: where the shuffles come from.
    """
    rows = [row for call in calls for row in call]
    # Ranks and weights are whole numbers, so that equal cases give equal sums.
    short = _ranks([-row.length for row in rows])
    empty = _ranks([-row.filled for row in rows])
    given = [one + other for one, other in zip(short, empty, strict=True)]
    late = [
        round(FINE * (2 * place + 1 - len(call)) / len(call)) for call in calls for place in range(len(call))
    ]
    spread = sqrt(sum(weight * weight for weight in late) * _within(given, calls))
    if not spread:
        told = (
            "Answers that give less along the pack: not tested, all answers of a call are as long and full."
        )
        return Trend(SignalKind.DISCOUNTED, None, None, None, len(rows), told)

    def falling(values: list[int]) -> int:
        return sum(map(mul, late, values))

    null = against_chance(falling, given, spans_of(calls), random)
    fall, chance = null.observed / spread, null.expected / spread
    told = (
        f"Rank correlation of seat with shortness and empty fields {fall:+.3f}, with the answers shuffled "
        f"within their call {chance:+.3f} (p = {null.p_value:.3g})."
    )
    advice = no_sign("later answers give less", null.p_value)
    if null.p_value <= RARE:
        advice = f"{_halves(calls)}; that may be a fair saving, so look at some of them, or use smaller packs"
        if len({row.answer for row in rows}) <= len(rows) // 10:
            advice += ". Few answers differ, so it may also be labels of unequal length that drift"
    return Trend(SignalKind.DISCOUNTED, fall, chance, null.p_value, len(rows), f"{told} {advice}.")


def _ranks(values: Sequence[float]) -> list[int]:
    """Twice the mid-rank of each value, 0 for all when they are the same."""
    ranks: dict[float, int] = {}
    below = 0
    for value, count in sorted(Counter(values).items()):
        ranks[value] = 2 * below + count
        below += count
    return [ranks[value] for value in values] if len(ranks) > 1 else [0] * len(values)


def _within(values: Sequence[int], calls: Sequence[Sequence[Seated]]) -> float:
    """Sum of squares around the mean of each call."""
    total = 0.0
    for start, stop in spans_of(calls):
        part = values[start:stop]
        total += sum(value * value for value in part) - sum(part) ** 2 / len(part)
    return max(0.0, total)


def _halves(calls: Sequence[Sequence[Seated]]) -> str:
    first = [row for call in calls for row in call[: len(call) // 2]]
    last = [row for call in calls for row in call[(len(call) + 1) // 2 :]]
    lengths = [fmean(row.length for row in half) for half in (first, last)]
    filled = [fmean(row.filled for row in half) for half in (first, last)]
    return (
        f"From the first to the second half of a pack the mean length goes from {lengths[0]:.1f} to "
        f"{lengths[1]:.1f} characters, filled fields from {filled[0]:.1%} to {filled[1]:.1%}"
    )

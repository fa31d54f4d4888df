"""K8, answers drift along the pack: which label comes depends on the quarter of the pack.

A chi-square over answer and quarter, with answers shuffled within each call; it also sees answers that
collapse to one label late in a pack. Answers given fewer than five times count as one kind. Does not
know: which label would have been right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import add
from random import Random

from schemas.signal import Seated, SignalKind, Trend
from splitter.null import RARE, against_chance, coded, no_sign, spans_of

QUARTERS = 4
LEAST_GIVEN = 5
MOST_KINDS = 20
OTHER = "other answers"


def detect(calls: Sequence[Sequence[Seated]], random: Random) -> Trend:
    """Test label against quarter of the pack (taxonomy K8).

    Args:
        calls: the answers of each call in the order of their seats.
        random: where the shuffles come from.
    """
    names = _lumped([row.answer for call in calls for row in call])
    kinds = sorted(set(names))
    if len(kinds) < 2:
        told = "Drift along the pack was not tested: no two answers are given often enough to compare."
        return Trend(SignalKind.POSITION_DRIFT, None, None, None, len(names), told)
    answers = coded(names)
    quarters = [QUARTERS * place // len(call) for call in calls for place in range(len(call))]
    cells = [quarter * len(kinds) for quarter in quarters]
    expected = _expected(calls, answers, quarters, len(kinds))

    def chi_square(values: list[int]) -> float:
        counts = Counter(map(add, cells, values))
        return sum((counts[cell] - mean) ** 2 / mean for cell, mean in expected.items())

    null = against_chance(chi_square, answers, spans_of(calls), random)
    told = (
        f"Answer against quarter of the pack: chi-square {null.observed:.1f}, with the answers shuffled "
        f"within their call {null.expected:.1f} (p = {null.p_value:.3g})."
    )
    advice = f"{no_sign('answers depend on the seat', null.p_value)}."
    if null.p_value <= RARE:
        counts = Counter(map(add, cells, answers))
        cell = max(expected, key=lambda each: (counts[each] - expected[each]) ** 2 / expected[each])
        quarter, kind = divmod(cell, len(kinds))
        size = quarters.count(quarter)
        advice = (
            f"{kinds[kind][:40]!r} is {counts[cell] / size:.1%} of quarter {quarter + 1} instead of "
            f"{expected[cell] / size:.1%}: use smaller packs, or look again in another order."
        )
    return Trend(
        SignalKind.POSITION_DRIFT,
        null.observed,
        null.expected,
        null.p_value,
        len(names),
        f"{told} {advice}",
    )


def _lumped(names: Sequence[str]) -> list[str]:
    often = sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))[:MOST_KINDS]
    kept = {name for name, count in often if count >= LEAST_GIVEN}
    return [name if name in kept else OTHER for name in names]


def _expected(
    calls: Sequence[Sequence[Seated]], answers: Sequence[int], quarters: Sequence[int], kinds: int
) -> dict[int, float]:
    """Mean count of each cell over all orders within calls; cells that are never filled are left out."""
    means: dict[int, float] = {}
    for start, stop in spans_of(calls):
        seats = Counter(quarters[start:stop])
        for kind, given in Counter(answers[start:stop]).items():
            for quarter, size in seats.items():
                cell = quarter * kinds + kind
                means[cell] = means.get(cell, 0.0) + given * size / (stop - start)
    return means

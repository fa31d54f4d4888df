"""K6, an answer copies its neighbour: adjacent answers agree more often than their call's mix explains.

Answers are shuffled within each call, so a call that happens to hold much of one label raises no alarm.
Answers that drift along the pack raise the figure too. Does not know: which of two neighbours was copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, islice, pairwise
from operator import eq
from random import Random

from schemas.signal import Seated, SignalKind, Trend
from splitter.null import RARE, against_chance, coded, no_sign, spans_of


def detect(calls: Sequence[Sequence[Seated]], random: Random) -> Trend:
    """Test lag-1 agreement (taxonomy K6) over all calls.

    Args:
        calls: the answers of each call in the order of their seats.
        random: where the shuffles come from.
    """
    rows = [row for call in calls for row in call]
    answers = coded([row.answer for row in rows])
    if max(answers, default=0) == 0:
        return _untested(rows, "all answers are the same")
    # A seat whose answer was not accepted parts its neighbours; so does the end of a call.
    touching = [
        left.call == right.call and right.position - left.position == 1 for left, right in pairwise(rows)
    ]
    pairs = sum(touching)
    if pairs == 0 or all(len(call) < 3 for call in calls):
        return _untested(rows, "no call has three answers with neighbours among them")

    def agreeing(values: list[int]) -> int:
        return sum(compress(map(eq, values, islice(values, 1, None)), touching))

    null = against_chance(agreeing, answers, spans_of(calls), random)
    share, chance = null.observed / pairs, null.expected / pairs
    told = (
        f"Of {pairs:,} pairs of neighbouring answers {share:.1%} agree; with the answers shuffled within "
        f"their call {chance:.1%} do (p = {null.p_value:.3g})."
    )
    advice = (
        "Answers lean on the one before, or drift along the pack (see position_drift): use smaller packs."
        if null.p_value <= RARE
        else f"{no_sign('neighbours are copied', null.p_value)}."
    )
    return Trend(SignalKind.NEIGHBOUR_COPY, share, chance, null.p_value, len(rows), f"{told} {advice}")


def _untested(rows: Sequence[Seated], why: str) -> Trend:
    told = f"Copying between neighbours was not tested: {why}."
    return Trend(SignalKind.NEIGHBOUR_COPY, None, None, None, len(rows), told)

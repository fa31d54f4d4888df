"""K7, a call pulls its answers one way: answers of one call agree more often than answers at large.

Answers are shuffled across calls, which is fair only when chance decided who sits together. A packer that
sorts by topic or length breaks that, and the figure with it. Does not know: how the packs were filled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import add
from random import Random

from schemas.signal import Seated, SignalKind, Trend
from splitter.null import RARE, against_chance, coded, no_sign


def detect(calls: Sequence[Sequence[Seated]], random: Random) -> Trend:
    """Test the agreement of all pairs within a call (taxonomy K7), an intraclass correlation of labels.

    Args:
        calls: the answers of each call in the order of their seats.
        random: where the shuffles come from.
    """
    rows = [row for call in calls for row in call]
    answers = coded([row.answer for row in rows])
    kinds = max(answers, default=0) + 1
    if kinds == 1:
        told = "Pull within a call was not tested: all answers are the same."
        return Trend(SignalKind.POLARITY_PULL, None, None, None, len(rows), told)
    cells = [number * kinds for number, call in enumerate(calls) for _ in call]
    pairs = sum(len(call) * (len(call) - 1) for call in calls) // 2

    def agreeing(values: list[int]) -> int:
        counts = Counter(map(add, cells, values)).values()
        return (sum(count * count for count in counts) - len(cells)) // 2

    null = against_chance(agreeing, answers, [(0, len(rows))], random)
    share, chance = null.observed / pairs, null.expected / pairs
    told = (
        f"Of {pairs:,} pairs of answers in the same call {share:.1%} agree; with the answers shuffled across "
        f"calls {chance:.1%} do (p = {null.p_value:.3g}; holds only if packs were filled at random, not "
        "sorted by topic or length)."
    )
    advice = (
        "A call pulls its answers one way: use smaller packs, or look again in other company."
        if null.p_value <= RARE
        else f"{no_sign('a call pulls its answers one way', null.p_value)}."
    )
    return Trend(SignalKind.POLARITY_PULL, share, chance, null.p_value, len(rows), f"{told} {advice}")

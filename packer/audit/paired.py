"""Whether packing keeps the accuracy: right and wrong answers of the same items, packed and alone.

Two one-sided tests at a margin: the answers are as good when the whole interval lies within it. That a test
finds no difference is not the same. Does not know: where the human answers come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from packer.audit.rate import difference as difference_of
from schemas.audit import Audited, Estimate
from schemas.errors import UsageError

DEFAULT_MARGIN = 0.01
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether packed answers are as good as single ones.

    Attributes:
        difference: share right packed less share right alone, with the interval that has to lie within the
            margin: 90% for two tests at 5%.
        margin: up to this difference, answers count as equally good.
        equivalent: True where the interval lies within the margin; False where it lies wholly outside;
            None where it reaches across: too few to say.
        needed: so many items it takes, at the share of items that packing spoils or mends here, to find
            equal answers equivalent four times out of five.
        words: the finding in one sentence.
    """

    difference: Estimate
    margin: float
    equivalent: bool | None
    needed: int
    words: str

    def __str__(self) -> str:
        return self.words


def tost(
    rows: Sequence[Audited], *, margin: float = DEFAULT_MARGIN, confidence: float = 0.95
) -> Equivalence | None:
    """Test whether packed answers are as often right as single ones.

    Args:
        rows: audited answers; those without a human answer do not count.
        margin: up to this difference, answers count as equally good; 0.01 is one point.
        confidence: of each of the two tests.

    Returns:
        The finding; None where no row has a human answer.

    Raises:
        UsageError: a margin or a confidence outside 0 to 1, or numpy and scipy are not installed.
    """
    if not 0 < margin < 1 or not 0.5 < confidence < 1:
        raise UsageError(f"tost(margin={margin}, confidence={confidence}): 0 to 1, and 0.5 to 1.")
    gold = [row for row in rows if row.right is not None and row.single_right is not None]
    if not gold:
        return None
    within = 2 * confidence - 1
    difference, spread = difference_of(
        gold,
        lambda row: bool(row.right and not row.single_right),
        lambda row: bool(row.single_right and not row.right),
        confidence=within,
    )
    # Nothing spoiled or mended so far does not mean that nothing ever is.
    needed = _needed(max(spread, 1 / len(gold)), margin, confidence)
    equivalent: bool | None = None
    if -margin < difference.lower and difference.upper < margin:
        equivalent = True
    elif difference.upper < -margin or difference.lower > margin:
        equivalent = False
    return Equivalence(difference, margin, equivalent, needed, _words(difference, margin, equivalent, needed))


def _needed(spread: float, margin: float, confidence: float) -> int:
    """Items for two one-sided tests when there is no difference; ``spread`` is that of one item."""
    normal = NormalDist()
    reach = normal.inv_cdf(confidence) + normal.inv_cdf((1 + _POWER) / 2)
    return math.ceil(spread * (reach / margin) ** 2)


def _words(difference: Estimate, margin: float, equivalent: bool | None, needed: int) -> str:
    points = f"{_points(margin)} {'point' if margin == 0.01 else 'points'}"
    ends = (
        f"{difference.asked:,} packed and single answers held against human ones: packed less single is "
        f"{_signed(difference.lower)} to {_signed(difference.upper)} points"
    )
    if equivalent:
        return f"{ends}: equivalent within {points}."
    if equivalent is not None:
        return f"{ends}: not equivalent within {points}."
    more = max(needed, difference.asked + 1)
    return f"{ends}: too few to say whether they are within {points}; it takes about {_round(more):,}."


def _points(rate: float) -> str:
    return f"{100 * rate:.3g}"


def _signed(rate: float) -> str:
    return f"{100 * rate:+.1f}"


def _round(number: int) -> int:
    """Up to two digits: more would say more than is known."""
    step = int("1".ljust(len(str(number)) - 1, "0"))
    return math.ceil(number / step) * step

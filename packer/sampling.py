"""What a sample says of the whole: from so many bad ones among so many looked at, how many could be bad.

Exact bounds after Clopper and Pearson, from the binomial distribution itself. Does not know: what was
looked at, by whom, or how the sample was drawn; the bounds hold only for one drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from schemas.errors import UsageError

_NEGLIGIBLE = 1e-19


@dataclass(frozen=True, slots=True)
class Share:
    """A share of bad ones, as far as a sample can tell.

    Attributes:
        bad: how many of those looked at were bad.
        looked: how many were looked at.
        lower: at least this share is bad, 0 to 1.
        upper: at most this share is bad, 0 to 1.
        confidence: how often each of the two bounds holds, 0 to 1; both at once hold less often.
    """

    bad: int
    looked: int
    lower: float
    upper: float
    confidence: float = 0.95

    def __str__(self) -> str:
        if not self.looked:
            return "nothing looked at: nothing is known"
        counted, sure = f"{self.bad:,} of {self.looked:,} bad", _percent(self.confidence)
        if not self.bad:
            return f"{counted}: up to {_percent(self.upper)} could be ({sure} confidence)"
        if self.bad == self.looked:
            return f"{counted}: at least {_percent(self.lower)} are ({sure} confidence)"
        between = f"{_percent(self.lower)} to {_percent(self.upper)}"
        return f"{counted}: {between} could be ({sure} confidence each way)"


def bad_share(bad: int, looked: int, confidence: float = 0.95) -> Share:
    """Bound the share of bad ones in the whole from a random sample of it.

    Args:
        bad: how many of the sample were bad.
        looked: how many the sample holds.
        confidence: how often each bound alone is to hold, between 0 and 1.

    Returns:
        The bounds, exact to 1e-9. Of an empty sample 0 and 1: it says nothing.

    Raises:
        UsageError: a negative number, more bad ones than were looked at, or a confidence outside 0 to 1.
    """
    if not 0 <= bad <= looked:
        raise UsageError(f"bad_share({bad}, {looked}): the bad ones are between 0 and those looked at.")
    if not 0 < confidence < 1:
        raise UsageError(
            f"bad_share(confidence={confidence}): a confidence lies between 0 and 1, as in 0.95."
        )
    upper = 1.0 if bad == looked else _most(bad, looked, 1 - confidence)
    lower = 0.0 if bad == 0 else 1 - _most(looked - bad, looked, 1 - confidence)
    return Share(bad, looked, lower, upper, confidence)


def _most(bad: int, looked: int, chance: float) -> float:
    """The share under which so few bad ones come with just this chance."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if _at_most(bad, looked, middle) > chance:
            low = middle
        else:
            high = middle
    return high


def _at_most(bad: int, looked: int, share: float) -> float:
    """The chance of so many bad ones or fewer.

    Terms are summed outward from the largest, so that only those that count are worked out.
    """
    odds = share / (1 - share)
    largest = min(bad, int((looked + 1) * share))
    log_largest = (
        math.lgamma(looked + 1)
        - math.lgamma(largest + 1)
        - math.lgamma(looked - largest + 1)
        + largest * math.log(share)
        + (looked - largest) * math.log1p(-share)
    )
    total = term = 1.0
    for count in range(largest, 0, -1):
        term *= count / ((looked - count + 1) * odds)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    term = 1.0
    for count in range(largest, bad):
        term *= (looked - count) * odds / (count + 1)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return math.exp(min(0.0, log_largest + math.log(total)))


def _percent(share: float) -> str:
    """A share in the fewest digits that say it; never 0% or 100% for what is not quite that."""
    percent = share * 100
    if percent in (0.0, 100.0):
        return f"{percent:.0f}%"
    if percent < 0.001:
        return "<0.001%"
    if percent > 99.9:
        return ">99.9%"
    if percent >= 99:
        return f"{percent:.1f}%"
    if percent >= 9.95:
        return f"{percent:.0f}%"
    return f"{percent:.1f}%" if percent >= 0.095 else f"{percent:.3f}".rstrip("0") + "%"

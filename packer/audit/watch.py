"""Bounds of the share that differs which hold at every moment of a run, however often one looks.

One call is one observation: the share of its audited answers that differ. Answers of a call that go wrong
together therefore cannot make the bounds too narrow, and a wide call tells little more than a narrow one.
For each thinkable share a gambler bets that the true one is higher, and another that it is lower, with
several stakes at once; a share at which a gambler has grown rich is ruled out for good (Ville's inequality;
Waudby-Smith and Ramdas 2024). Calls have to come as good as at random. Does not know: weights, noise, or
what follows from a bound.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from schemas.errors import UsageError

_STEPS = 1000
_STAKES = (0.005, 0.03, 0.12, 0.3, 0.5, 1.0)


class Watch:
    """Looks on while answers are audited.

    Attributes:
        calls: how many calls were added.

    Example:
        >>> watch = Watch()
        >>> for _ in range(40):
        ...     watch.add(1, 2)
        >>> watch.lower > 0.2, watch.upper < 0.8
        (True, True)
    """

    def __init__(self, confidence: float = 0.95) -> None:
        """Begin to watch.

        Args:
            confidence: how often both bounds are right at all times; each alone is wrong in at most half of
                the rest.

        Raises:
            UsageError: a confidence outside 0 to 1.
        """
        if not 0 < confidence < 1:
            raise UsageError(
                f"Watch(confidence={confidence}): a confidence lies between 0 and 1, as in 0.95."
            )
        self.calls: int = 0
        enough = math.log(len(_STAKES) * 2 / (1 - confidence))
        self._above, self._below = _Gamblers(enough), _Gamblers(enough)

    @property
    def lower(self) -> float:
        """At least this share differs, in steps of a tenth of a point; 0 while nothing is known."""
        return self._above.ruled_out / _STEPS

    @property
    def upper(self) -> float:
        """At most this share differs, in steps of a tenth of a point; 1 while nothing is known."""
        return (_STEPS - self._below.ruled_out) / _STEPS

    def add(self, differ: int, items: int) -> None:
        """Add what came of one call.

        Args:
            differ: how many of its audited answers differ from the single one.
            items: how many of its answers were audited; a call without any says nothing.

        Raises:
            UsageError: more differ than were audited, or negative numbers.
        """
        if not 0 <= differ <= items:
            raise UsageError(
                f"Watch.add({differ}, {items}): those that differ are between 0 and those audited."
            )
        if items:
            self.calls += 1
            self._above.add(differ / items)
            self._below.add((items - differ) / items)


class _Gamblers:
    """Bets that the mean is higher than each share, from the lowest share up.

    A bet at a low share gains more and loses less than the same bet at a higher one, so that only the first
    share that is not ruled out needs a look after each call.
    """

    def __init__(self, enough: float) -> None:
        self.ruled_out = 0
        self._enough = enough
        self._seen: Counter[float] = Counter()
        self._purses = [0.0] * len(_STAKES)

    def add(self, seen: float) -> None:
        self._seen[seen] += 1
        share = (self.ruled_out + 1) / _STEPS
        self._purses = [
            purse + _log(1 + stake * (seen / share - 1))
            for purse, stake in zip(self._purses, _STAKES, strict=True)
        ]
        # Where nothing above a share was seen, nobody has won there. A share of 1 is never exceeded.
        if seen > share and self.ruled_out < _STEPS - 1 and _together(self._purses) >= self._enough:
            self.ruled_out += 1 + self._further(self.ruled_out + 1)
            self._purses = self._at((self.ruled_out + 1) / _STEPS)

    def _further(self, step: int) -> int:
        """How many more shares behind this one are ruled out; most often none or one."""
        stride = 1
        while step + stride < _STEPS and self._won((step + stride) / _STEPS):
            stride *= 2
        between = range(step + stride // 2 + 1, min(step + stride, _STEPS))
        return stride // 2 + bisect_left(between, True, key=lambda each: not self._won(each / _STEPS))

    def _won(self, share: float) -> bool:
        return _together(self._at(share)) >= self._enough

    def _at(self, share: float) -> list[float]:
        """The logarithms of what bets on one share have become, by stake."""
        return [
            math.fsum(times * _log(1 + stake * (seen / share - 1)) for seen, times in self._seen.items())
            for stake in _STAKES
        ]


def _together(purses: Sequence[float]) -> float:
    """The logarithm of all purses in one."""
    most = max(purses)
    return most + math.log(math.fsum(math.exp(purse - most) for purse in purses))


def _log(factor: float) -> float:
    # A stake of 1 loses all it has where nothing is seen.
    return math.log(factor) if factor > 1e-12 else -1e9

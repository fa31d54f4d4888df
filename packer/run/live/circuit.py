"""A circuit breaker: when the provider is down, one call in a while finds out whether it is back.

Does not know: time (it is told), calls, or what failed.
"""

from __future__ import annotations

from dataclasses import dataclass

OPENS_AFTER = 5
"""Failures in a row, of any calls, without one success between them."""

FIRST_PAUSE_S = 5.0
PAUSE_GROWTH = 3.0
LONGEST_PAUSE_S = 120.0
"""So an outage that is sat out for five minutes costs five tries."""


@dataclass(slots=True)
class Circuit:
    """Closed while calls come through, open while they do not.

    Attributes:
        patience_s: how long it may stay open.
        failures: in a row.
        open_since_s: the moment of the first failure of the row that opened it; None while closed.
        good_since_s: the moment at which the latest of the calls that came through was sent.
    """

    patience_s: float
    failures: int = 0
    open_since_s: float | None = None
    good_since_s: float = float("-inf")
    _row_since_s: float = 0.0
    _next_s: float = 0.0
    _pause_s: float = FIRST_PAUSE_S
    _probing: bool = False
    _spent: bool = False

    @property
    def is_open(self) -> bool:
        """True while the provider is taken to be down."""
        return self.open_since_s is not None

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next call may try; 0 lets it try now. While open, one call tries at a time."""
        if self.open_since_s is None:
            return 0.0
        return LONGEST_PAUSE_S if self._probing else max(0.0, self._next_s - now_s)

    def trying(self) -> bool:
        """A call goes out; True when it is the one that tries whether the provider is back."""
        self._probing = self.is_open
        return self._probing

    @property
    def over(self) -> bool:
        """True when patience has run out and the last try has failed."""
        return self._spent and not self._probing

    def failed(self, now_s: float, at_least_s: float = 0.0, *, probe: bool = False) -> None:
        """A call did not come through.

        Args:
            now_s: when.
            at_least_s: the pause that the provider asks for.
            probe: whether it was the one that tried; others were under way before.
        """
        if not self.failures:
            self._row_since_s = now_s
        self.failures += 1
        if probe:
            self._probing = False
        if self.failures < OPENS_AFTER:
            return
        if opens := self.open_since_s is None:
            self.open_since_s, self._pause_s = self._row_since_s, FIRST_PAUSE_S
        if opens or probe:
            self._next_s = now_s + self._pause_s
            self._pause_s = min(PAUSE_GROWTH * self._pause_s, LONGEST_PAUSE_S)
        # The last try comes when patience ends, not after it.
        ends_s = (self.open_since_s or 0.0) + self.patience_s
        self._next_s = min(max(self._next_s, now_s + at_least_s), max(ends_s, now_s))
        self._spent = now_s >= ends_s

    def succeeded(self, sent_s: float) -> None:
        """A call came through.

        Args:
            sent_s: when it was sent.
        """
        self.good_since_s = max(self.good_since_s, sent_s)
        self.forget()

    def forget(self) -> None:
        """The failures so far say nothing of the provider."""
        self.failures, self.open_since_s, self._probing, self._spent = 0, None, False, False

"""How large packs may be while a run goes on: halved when calls fail, grown again when they hold.

A pack that is cut off, refused or rejected is paid for and asked again, so a size at which that happens
often is a waste. Does not know: which items are left, or what was promised.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from schemas.verdict import Fault, Split

WINDOW = 5
"""So many packs of the present size are looked at; a size changes after so many at the earliest."""

MOST_FAILED = 0.5
"""Where so many of the packs failed whole, halves are tried."""

MOST_REJECTED = 0.4
"""Where so many answers could not be used, halves are tried."""

USELESS = 0.85
"""Where so many could not be used, smaller packs will not help either: items are asked alone."""

CLEAN_TO_GROW = 25

_OF_THE_PACK = (Fault.CALL_FAILED, Fault.TIMEOUT, Fault.UNREACHABLE, Fault.STOPPED)
"""Faults of the way, not of the size."""


@dataclass(slots=True)
class Sizing:
    """The size of the packs to come.

    Attributes:
        most: items a pack at first.
        size: items a pack now.
    """

    most: int
    size: int = 0
    why: str = ""
    _recent: deque[tuple[bool, int, int]] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _clean: int = 0
    _calm: int = WINDOW
    _failed_at: int | None = None

    def __post_init__(self) -> None:
        self.size = self.size or self.most

    def note(self, items: int, done: Split[object]) -> None:
        """A pack of the plan has come back."""
        if items * 2 <= self.size or items < 2 or items > self.size:
            return
        rejected = [each for each in done.verdicts if each.reason is not None and each.slot.canary is None]
        if any(each.reason is not None and each.reason.fault in _OF_THE_PACK for each in rejected):
            return
        self._recent.append((done.whole_failed, len(rejected), items))
        self._clean = 0 if done.whole_failed else self._clean + 1
        self._calm = 0 if done.whole_failed or rejected else self._calm + 1

    def due(self) -> int | None:
        """The size from now on, where it is to change."""
        if self._calm >= WINDOW and self.size == self.most:
            return None
        failed, rejected, items = (
            (sum(each) for each in zip(*self._recent, strict=True)) if self._recent else (0, 0, 1)
        )
        full = len(self._recent) == WINDOW
        if full and rejected > USELESS * items and self.size > 1:
            self.why = f"{rejected:,} of the last {items:,} packed answers could not be used"
            return 1
        if full and self.size > 2 and (failed > MOST_FAILED * WINDOW or rejected > MOST_REJECTED * items):
            what = f"{failed} of the last {WINDOW} packs failed whole"
            self.why = (
                what if failed else f"{rejected:,} of the last {items:,} packed answers could not be used"
            )
            self._failed_at = self.size
            return self.size // 2
        grown = min(self.most, self.size * 2)
        if self._clean >= CLEAN_TO_GROW and grown > self.size and grown != self._failed_at:
            self.why = f"the last {self._clean} packs held"
            return grown
        return None

    def begin(self, size: int) -> None:
        """The run packs by this size at most."""
        self.most = size
        self.changed(size)

    def changed(self, size: int) -> None:
        """Packs have another size from now on."""
        self.size = size
        self._clean = 0
        self._recent.clear()

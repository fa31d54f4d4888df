"""Verdicts and quotes, made at the price of objects that are not frozen.

A frozen dataclass sets each field through ``object.__setattr__``, which costs three times the rest of
making it; there is one a seat, and one a quote. So they are filled in open and closed afterwards: the open
form has the same fields, and takes on the frozen class when it is done. Does not know: what is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from schemas.evidence import Match, Quote
from schemas.pack import Slot
from schemas.result import Reason, Verdict
from schemas.signal import Signal, Trust

T_co = TypeVar("T_co", covariant=True)

if TYPE_CHECKING:
    made_verdict = Verdict
    made_quote = Quote
else:

    class made_verdict(Generic[T_co]):  # noqa: N801  # stands in for a class that is called like a function
        """A ``Verdict``, same arguments."""

        __slots__ = ("quotes", "reason", "signals", "slot", "trust", "value")

        def __init__(
            self,
            slot: Slot,
            value: object = None,
            reason: Reason | None = None,
            signals: tuple[Signal, ...] = (),
            trust: Trust = Trust.CLEAN,
            quotes: tuple[Quote, ...] = (),
        ) -> None:
            self.slot = slot
            self.value = value
            self.reason = reason
            self.signals = signals
            self.trust = trust
            self.quotes = quotes
            self.__class__ = Verdict

    class made_quote:  # noqa: N801
        """A ``Quote``, same arguments."""

        __slots__ = ("end", "field", "match", "start", "text")

        def __init__(
            self, field: str, text: str, match: Match, start: int | None = None, end: int | None = None
        ) -> None:
            self.field = field
            self.text = text
            self.match = match
            self.start = start
            self.end = end
            self.__class__ = Quote

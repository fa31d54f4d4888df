"""Verdicts and quotes, made at the price of objects that are not frozen.

A frozen dataclass sets each field through ``object.__setattr__``, which costs three times the rest of
making it; there is one a seat, and one a quote. So they are filled in open and closed afterwards: the open
form has the same fields, and takes on the frozen class when it is done. Where there are many of a kind,
each field is set for all of them in turn, which is cheaper still. Does not know: what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from schemas.columns import Columns
from schemas.evidence import Match, Quote
from schemas.pack import Slot
from schemas.signal import Signal, Trust
from schemas.verdict import Reason, Verdict

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_VERDICTS: Columns[Verdict[Any]] = Columns(Verdict)
_QUOTES: Columns[Quote] = Columns(Quote)


def made_verdicts(
    slots: Sequence[Slot], values: Sequence[T], quotes: Iterable[tuple[Quote, ...]] = repeat(())
) -> tuple[Verdict[T], ...]:
    """Verdicts that accept a value and saw nothing.

    Args:
        slots: the seats.
        values: one each.
        quotes: as many, or more.
    """
    count, clean = len(slots), repeat(Trust.CLEAN)
    return tuple(_VERDICTS.made(count, slots, values, repeat(None), repeat(()), clean, quotes))


def made_quotes(pairs: Sequence[tuple[str, str]], starts: Sequence[int]) -> list[Quote]:
    """Quotes that stand in their text as they are.

    Args:
        pairs: field and quote.
        starts: where each begins.
    """
    names, texts = [name for name, _ in pairs], [text for _, text in pairs]
    ends = map(add, starts, map(len, texts))
    return _QUOTES.made(len(pairs), names, texts, repeat(Match.EXACT), starts, ends)


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

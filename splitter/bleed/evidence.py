"""K4, a quote given as evidence stands in a neighbour's text and not in the item's own.

The pattern of SafePassage (arXiv 2510.00276): a verbatim quote, aligned, is a cheap and nearly sure
check on extraction. Does not know: bindings, or whether a value follows from its quote.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from schemas.signal import Signal, SignalKind
from splitter.match import FUZZY_CUTOFF, LEAST_FUZZY, Hay, folded, numbers_in
from splitter.reading import Reading
from splitter.settled import SHORT, quotes_stand

LEAD = 5.0
_DECIMAL = re.compile(r"\d+\.\d+")
_WORDY = re.compile(r"\w\W+\w")


def detect(reading: Reading) -> list[Signal]:
    """Look each quote up in its own item, then in the neighbours."""
    found: list[Signal] = []
    quoted = reading.settled.quotes
    for place, seat in enumerate(reading.seats):
        if seat.reason is not None or quoted[place] is not None:
            continue
        text = seat.slot.item.text
        for field, quote in seat.quotes:
            if quotes_stand(((field, quote),), text, {}) is not None:
                continue
            if (signal := _checked(reading, place, field, quote)) is not None:
                found.append(signal)
    return found + _without_values(reading)


def _without_values(reading: Reading) -> list[Signal]:
    """A quote for a field that has no value, where the call's other quotes go with values."""
    empty: list[tuple[int, str, str]] = []
    quoted: Counter[str] = Counter()
    for place, seat in enumerate(reading.seats):
        answer = seat.answer
        if not seat.quotes or seat.reason is not None or not isinstance(answer, dict):
            continue
        if None in answer.values():
            for field, quote in seat.quotes:
                if field in answer and answer[field] is None:
                    empty.append((place, field, quote))
    if not empty:
        return []
    for seat in reading.seats:
        answer = seat.answer if seat.reason is None and isinstance(seat.answer, Mapping) else {}
        quoted.update(field for field, _ in seat.quotes if field in answer)
    without = Counter(field for _, field, _ in empty)
    return [
        Signal(
            SignalKind.UNGROUNDED,
            f"there is a quote for {field!r} but no value",
            0.6,
            quote[:200],
            (reading.ids[place],),
        )
        for place, field, quote in empty
        if without[field] <= 0.2 * quoted[field]
    ]


def _checked(reading: Reading, place: int, field: str, quote: str) -> Signal | None:
    item_id, small = reading.ids[place], folded(quote)
    own = reading.hays[place]
    # Words put together from several places of the own text are an inexact quote, not another item's.
    if not small or _held(own, quote, small) or (own.has_words_of(quote) and _WORDY.search(small)):
        return None
    if held := _holders(reading, place, quote, small):
        strength = 1.0 if len(small) > SHORT else 0.6
        return _foreign(reading, place, held, field, quote, strength)
    if len(small) < LEAST_FUZZY:
        return Signal(
            SignalKind.UNGROUNDED, f"the quote for {field!r} is in no item", 0.6, quote[:200], (item_id,)
        )
    likeness = own.likeness(quote, FUZZY_CUTOFF - LEAD)
    if near := reading.near(quote, place, max(FUZZY_CUTOFF, likeness + LEAD)):
        return _foreign(reading, place, near, field, quote, 0.9)
    if likeness >= FUZZY_CUTOFF:
        return None
    told = f"the quote for {field!r} stands in no item of the call"
    return Signal(SignalKind.UNGROUNDED, told, 0.6, quote[:200], (item_id,))


def _holders(reading: Reading, place: int, quote: str, small: str) -> list[int]:
    """The other seats whose text holds a quote."""
    others = [(other, hay) for other, hay in enumerate(reading.hays) if other != place]
    if len(small) <= SHORT or _DECIMAL.fullmatch(small):
        return [other for other, hay in others if _held(hay, quote, small)]
    folds = set(reading.holding(small))
    return [other for other, hay in others if other in folds or quote in hay.text]


def _held(hay: Hay, quote: str, small: str) -> bool:
    if _DECIMAL.fullmatch(small) and numbers_in(small) <= hay.numbers:
        return True  # 1.2 quotes "1.20"
    if len(small) <= SHORT:
        return hay.holds(quote)  # "MA" does not stand in "Main Street"
    return quote in hay.text or small in hay.folded


def _foreign(
    reading: Reading, place: int, held: list[int], field: str, quote: str, strength: float
) -> Signal:
    whose = tuple(reading.ids[other] for other in held)
    told = f"the quote for {field!r} stands in item {whose[0]!r}, not in this one"
    return Signal(SignalKind.FOREIGN_EVIDENCE, told, strength, quote[:200], (reading.ids[place], *whose))

"""Whether an answer surely rests on its own item: all that is open in it stands in that item's text.

Told at one look at each value, without folding a text or noting where a value was; an answer of which it
cannot be told so may be as good. Does not know: items, neighbours, or what a detector looks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from splitter.align import Aligned
from splitter.leaves import MOST_LEAVES, Place
from splitter.match import EDGES, FEW_NUMBERS, IN_NUMBERS, MOST_NEEDLE, few_numbers, numbered

SHORT = 3
"""Quotes this short stand in many texts by chance."""

_MOST_TRIES = 4
_UNSURE = -1
_OPENS = frozenset(EDGES - set(IN_NUMBERS) - {""})
"""Behind one of these begins a number of its own."""


@dataclass(slots=True)
class Settled:
    """What surely rests on the seats' own texts.

    Attributes:
        values: per seat: True when its open values, one or more, all stand in its own text as they are.
        quotes: per seat: where its quotes first stand in its own text; None unless all surely do.
        wholly: True when both hold for every seat, and nothing else is odd about one.
    """

    values: list[bool]
    quotes: list[list[int] | None]
    wholly: bool


def settle(seats: Sequence[Aligned], root: Place | None) -> Settled:
    """Look at each seat once.

    Args:
        seats: what each was given.
        root: what the schema says of a whole answer; None for labels, which have no open values.
    """
    values: list[bool] = []
    quotes: list[list[int] | None] = []
    wholly = True
    for seat in seats:
        slot, answer = seat.slot, seat.answer
        text = slot.item.text
        seen: dict[str, int] = {}
        if seat.reason is not None or root is None:
            stand = 0
        elif type(answer) is dict:
            stand = _in_object(answer, root, text, seen)
        else:
            stand = _standing(answer, root, text, seen, _Room(MOST_LEAVES))
        values.append(stand > 0)
        starts = quotes_stand(seat.quotes, text, seen) if seat.quotes else []
        quotes.append(starts)
        if not wholly or stand <= 0 or starts is None or seat.repaired or slot.canary is not None:
            wholly = False
        elif starts and type(answer) is dict and stand < len(answer) and None in answer.values():
            wholly = False  # there may be a quote for a field without a value
    return Settled(values, quotes, wholly)


def quotes_stand(quotes: tuple[tuple[str, str], ...], text: str, seen: dict[str, int]) -> list[int] | None:
    """Where quotes first stand in a text as they are.

    Args:
        quotes: (field, quote) pairs.
        text: their item's.
        seen: where in the text some values first stand.

    Returns:
        One offset a quote; None unless each surely stands there and is longer than ``SHORT`` when folded.
    """
    found: list[int] = []
    for _, quote in quotes:
        at = seen[quote] if quote in seen else text.find(quote)
        # A word of letters and digits of more than ``SHORT`` is the usual quote.
        if at < 0 or not quote.isascii() or not len(quote) - quote.count(" ") > SHORT:
            return None
        if len(quote) > MOST_NEEDLE or not quote.isprintable():
            return None
        found.append(at)
    return found


@dataclass(slots=True)
class _Room:
    """How many more values may be looked at, and how deep."""

    values: int
    levels: int = 8


def _standing(value: object, place: Place, text: str, seen: dict[str, int], room: _Room) -> int:
    """How many open values stand in the text; below 0 when it is unsure whether all do."""
    if isinstance(value, str):
        return 0 if place.closed else _worded(value, text)
    if isinstance(value, dict | list):
        room.values -= len(value)
        if room.values < 0 or room.levels == 0:
            return _UNSURE
        room.levels -= 1
        found = (
            _in_object(value, place, text, seen, room)
            if isinstance(value, dict)
            else _in_list(value, place.element, text, seen, room)
        )
        room.levels += 1
        return found
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0 if place.closed else _number(str(value), text, seen)
    return 0


def _in_list(value: list[object], inner: Place, text: str, seen: dict[str, int], room: _Room) -> int:
    found = 0
    for each in value:
        below = _standing(each, inner, text, seen, room)
        if below < 0:
            return _UNSURE
        found += below
    return found


def _in_object(
    value: dict[str, object], place: Place, text: str, seen: dict[str, int], room: _Room | None = None
) -> int:
    if room is None and len(value) > MOST_LEAVES:
        return _UNSURE
    found, known, last = 0, place.known, len(text) - 1
    exact = text.isascii() or "`" not in text
    for name, each in value.items():
        inner = known.get(name) or place.named(name)
        if type(each) is str:
            if inner.closed:
                continue
            # The usual place of a value, told without a call: see ``_worded``.
            at = text.find(each)
            end = at + len(each)
            if (
                at > 0
                and end <= last
                and text[at - 1] in EDGES
                and text[end] in EDGES
                and end - at <= MOST_NEEDLE
                and exact
                and each[0].isalnum()
            ):
                seen[each] = at
                found += 1
                continue
            below = _worded(each, text)
        elif each is None:
            continue
        elif type(each) is float or type(each) is int:
            below = 0 if inner.closed else _number(str(each), text, seen)
        else:
            room = room or _Room(MOST_LEAVES - len(value))
            below = _standing(each, inner, text, seen, room)
        if below < 0:
            return _UNSURE
        found += below
    return found


def _worded(value: str, text: str) -> int:
    # What stands between characters of no word stands in the folded text too, as words of its own, unless it
    # begins with a mark that joins what is before it, or folding changes it in other company only.
    if not value or value.isspace():
        return 0
    if not (value.isascii() or value[0].isalnum()) or not ("`" not in value or text.isascii()):
        return _UNSURE
    length = len(value)
    at = text.find(value) if length <= MOST_NEEDLE else -1
    for _ in range(_MOST_TRIES):
        if at < 0:
            break
        if text[at - 1 : at] in EDGES and text[at + length : at + length + 1] in EDGES:
            return 1
        at = text.find(value, at + 1)
    return _UNSURE


def _number(digits: str, text: str, seen: dict[str, int]) -> int:
    at = seen[digits] = text.find(digits)
    if at < 0 or (at >= FEW_NUMBERS and not _few_numbers(text)):
        return _UNSURE
    # The usual place of a number, told without a call.
    before, behind = text[at - 2 : at], text[at + len(digits) : at + len(digits) + 1]
    if behind == " " and before and (before[-1] in _OPENS or (before[-1] == " " and before[0].isalpha())):
        return 1 if len(digits) <= 30 and "e" not in digits else _UNSURE
    return 1 if numbered(text, digits, at) else _UNSURE


_few_numbers = lru_cache(maxsize=8)(few_numbers)

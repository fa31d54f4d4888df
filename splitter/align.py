"""Entries to slots: which seat each entry belongs to, by handle.

Never by position: a reply in another order is fine, and one that names no handle is worth nothing.
Does not know: whether an answer is a legal value, or whether it really is about its item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from schemas.envelope import ANSWER_KEY, ID_KEY
from schemas.evidence import QUOTES_KEY, VALUE_KEY
from schemas.pack import Pack, Slot
from schemas.settings import Binding
from schemas.verdict import Fault, Reason
from splitter.entries import Entry
from splitter.json_text import repeats

MOST_QUOTES = 64
_TWICE = Reason(Fault.DUPLICATE, "the entry gives one key twice")


# Not frozen, as nobody outside this room holds one: freezing would make each four times as dear.
@dataclass(slots=True)
class Aligned:
    """What one slot was given.

    Attributes:
        slot: the seat.
        answer: the answer's JSON, without its quotes; meaningless when ``reason`` is set.
        quotes: (field, quote) pairs the reply gave as evidence.
        keys: how many keys its entry has around the answer.
        echo: what the reply repeated of the item to bind the answer to it; None when it did not.
        entries: how many entries the reply had for this handle.
        reason: why there is no answer to look at; None when there is one.
        repaired: True when a repair library had to guess the entry.
    """

    slot: Slot
    answer: object = None
    quotes: tuple[tuple[str, str], ...] = ()
    keys: int = 0
    echo: str | None = None
    entries: int = 1
    reason: Reason | None = None
    repaired: bool = False


def align(pack: Pack[object], entries: Sequence[Entry], lost: Reason) -> list[Aligned]:
    """Seat the entries.

    Args:
        pack: its seats, layout and task.
        entries: what the reply held, in any order.
        lost: the reason for a slot that got nothing.

    Returns:
        One ``Aligned`` per slot.
    """
    by_handle: dict[str, list[Entry]] = {slot.handle: [] for slot in pack.slots}
    for entry in entries:
        if entry.handle in by_handle:
            by_handle[entry.handle].append(entry)
    return [_seat(slot, by_handle[slot.handle], pack, lost) for slot in pack.slots]


def align_whole(pack: Pack[object], contents: Sequence[object]) -> list[Aligned]:
    """Seat what stands under each handle, where each has one entry.

    Args:
        pack: its seats, layout and task.
        contents: in seat order.
    """
    binding, evidence = pack.layout.binding, pack.task.evidence
    if (given := answers_of(pack, contents)) is not None:
        answers, keys = given
        each = keys // len(answers)
        return [Aligned(slot, answer, (), each) for slot, answer in zip(pack.slots, answers, strict=True)]
    bare = evidence and binding == "none"
    return [
        (_quoted(slot, content) if bare else None) or _given(slot, content, binding, evidence=evidence)
        for slot, content in zip(pack.slots, contents, strict=True)
    ]


def answers_of(pack: Pack[object], contents: Sequence[object]) -> tuple[list[object], int] | None:
    """The answers of a reply whose entries plainly hold nothing else.

    Args:
        pack: its seats, layout and task.
        contents: in seat order.

    Returns:
        The answers in seat order, and how many keys there are around them; None where something goes with
        them, or may.
    """
    if pack.layout.binding != "none" or pack.task.evidence:
        return None
    rows = [content for content in contents if isinstance(content, dict) and ANSWER_KEY in content]
    if not rows:
        return [*contents], 0
    named = [content.get(ID_KEY) for content in rows if len(content) == 2 and not repeats(content)]
    if named != [slot.handle for slot in pack.slots]:
        return None
    return [content[ANSWER_KEY] for content in rows], 2 * len(rows)


def _quoted(slot: Slot, content: object) -> Aligned | None:
    """The seat of an answer and its quotes that are not wrapped; None where it is something else."""
    if (
        type(content) is not dict
        or len(content) != 2
        or QUOTES_KEY not in content
        or VALUE_KEY not in content
    ):
        return None
    given = content[QUOTES_KEY]
    if not isinstance(given, dict):
        return None
    return Aligned(slot, content[VALUE_KEY], _quotes(given), 2 + len(given))


def _seat(slot: Slot, entries: list[Entry], pack: Pack[object], lost: Reason) -> Aligned:
    if not entries:
        return Aligned(slot, entries=0, reason=lost)
    repaired = any(entry.repaired for entry in entries)
    first = entries[0].content
    if len(entries) > 1 and any(repr(entry.content) != repr(first) for entry in entries[1:]):
        reason = Reason(Fault.DUPLICATE, f"{len(entries)} different answers came back for this item")
        return Aligned(slot, entries=len(entries), reason=reason, repaired=repaired)
    seat = _given(slot, first, pack.layout.binding, evidence=pack.task.evidence)
    seat.entries, seat.repaired = len(entries), repaired
    return seat


def _given(slot: Slot, content: object, binding: Binding, *, evidence: bool) -> Aligned:
    """What one entry gives its slot: the answer, unwrapped, and what goes with it."""
    if not isinstance(content, dict):
        return Aligned(slot, content)
    echo = _text(content.get(binding)) if binding != "none" else None
    answer: object = content
    keys = 0
    if ANSWER_KEY in content and _is_wrapper(content, slot, binding):
        if repeats(content):
            return Aligned(slot, reason=_TWICE)
        keys = len(content)
        answer = content[ANSWER_KEY]
    quotes: tuple[tuple[str, str], ...] = ()
    if evidence and isinstance(answer, dict) and VALUE_KEY in answer and QUOTES_KEY in answer:
        if repeats(answer):
            return Aligned(slot, reason=_TWICE)
        keys += len(answer)
        given, answer = answer[QUOTES_KEY], answer[VALUE_KEY]
        if isinstance(given, dict):
            keys += len(given)
            quotes = _quotes(given)
    return Aligned(slot, answer, quotes, keys, echo)


def _is_wrapper(content: dict[str, object], slot: Slot, binding: Binding) -> bool:
    """An object that holds the answer, not an answer that happens to have such a field."""
    return binding in content or content.get(ID_KEY) == slot.handle or len(content) == 1


def _quotes(given: dict[str, object]) -> tuple[tuple[str, str], ...]:
    if len(given) <= MOST_QUOTES:
        for quote in given.values():
            if type(quote) is not str or not quote or quote.isspace():
                break
        else:
            return tuple(cast("dict[str, str]", given).items())
    found: list[tuple[str, str]] = []
    for field, quote in given.items():
        if isinstance(quote, str):
            if quote and not quote.isspace():
                found.append((field, quote))
        elif isinstance(quote, list):
            found += [(field, part) for part in quote if isinstance(part, str) and part.strip()]
    return tuple(found[:MOST_QUOTES])


def _text(value: object) -> str | None:
    """A seal may come back as a number: it is digits."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None

"""Entries to slots: which seat each entry belongs to, by handle and, where used, by seal.

Never by position: a reply in another order is fine, and one that names no handle is worth nothing.
Does not know: whether an answer is a legal value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.envelope import ANSWER_KEY, ID_KEY, SEAL_KEY
from schemas.pack import Slot
from schemas.result import Fault, Reason, Signal, SignalKind
from schemas.settings import Layout
from splitter.parse import Entry, JsonObject


@dataclass(frozen=True, slots=True)
class Aligned:
    """What one slot was given.

    Attributes:
        slot: the seat.
        answer: the answer's JSON; meaningless when ``reason`` is set.
        reason: why there is no answer to look at; None when there is one.
        signals: traces that concern this slot.
    """

    slot: Slot
    answer: object = None
    reason: Reason | None = None
    signals: tuple[Signal, ...] = ()


def align(
    slots: Sequence[Slot], entries: Sequence[Entry], layout: Layout, lost: Reason
) -> tuple[list[Aligned], list[Signal]]:
    """Seat the entries.

    Args:
        slots: the pack's seats.
        entries: what the reply held, in any order.
        layout: says whether entries carry seals and in which envelope they came.
        lost: the reason for a slot that got nothing.

    Returns:
        One ``Aligned`` per slot, and the traces that belong to no slot.
    """
    by_handle: dict[str, list[Entry]] = {slot.handle: [] for slot in slots}
    strangers = []
    for entry in entries:
        if entry.handle in by_handle:
            by_handle[entry.handle].append(entry)
        else:
            strangers.append(entry.handle)
    signals = [
        Signal(SignalKind.FOREIGN_HANDLE, f"the reply answers {name[:40]!r}, which no item is called")
        for name in dict.fromkeys(strangers)
    ]
    owners = {slot.seal: slot for slot in slots if slot.seal is not None}
    return [_seat(slot, by_handle[slot.handle], layout, lost, owners) for slot in slots], signals


def _seat(slot: Slot, entries: list[Entry], layout: Layout, lost: Reason, owners: dict[str, Slot]) -> Aligned:
    if not entries:
        return Aligned(slot, reason=lost)
    signals: tuple[Signal, ...] = ()
    if any(entry.repaired for entry in entries):
        signals += (Signal(SignalKind.REPAIRED, "the reply was not JSON here; a repair was guessed"),)
    first = entries[0].content
    if len(entries) > 1:
        signals += (Signal(SignalKind.DUPLICATE_KEY, f"{slot.handle!r} is answered {len(entries)} times"),)
        if any(repr(entry.content) != repr(first) for entry in entries[1:]):
            reason = Reason(Fault.DUPLICATE, f"{len(entries)} different answers came back for this item")
            return Aligned(slot, reason=reason, signals=signals)
    wrapped = isinstance(first, JsonObject) and (
        slot.seal is not None or (first.get(ID_KEY) == slot.handle and ANSWER_KEY in first)
    )
    if slot.seal is not None and (broken := _check_seal(slot, first, owners)) is not None:
        reason, signal = broken
        return Aligned(slot, reason=reason, signals=(*signals, signal))
    answer = first[ANSWER_KEY] if wrapped and isinstance(first, JsonObject) and ANSWER_KEY in first else first
    return Aligned(slot, answer, signals=signals)


def _check_seal(slot: Slot, content: object, owners: dict[str, Slot]) -> tuple[Reason, Signal] | None:
    given = content.get(SEAL_KEY) if isinstance(content, JsonObject) else None
    if given == slot.seal:
        return None
    owner = owners.get(given) if isinstance(given, str) else None
    whose = f"the seal of item {owner.item.id!r}" if owner else f"{str(given)[:40]!r}"
    detail = f"the answer is sealed with {whose}, not with this item's seal"
    return Reason(Fault.SEAL_MISMATCH, detail), Signal(SignalKind.WRONG_SEAL, detail)

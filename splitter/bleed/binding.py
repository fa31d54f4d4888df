"""K3, what a reply repeated of an item to bind its answer to it is not that item's.

A seal is proof: three digits that stand in no other block of the pack. First words and quotes are as
good as they are unlike the neighbours'; where they fit two items they prove nothing, which is said.
Shows that the *entry* was written for another item, never that a label alone was.
Does not know: values, or evidence quotes.
"""

from __future__ import annotations

from schemas.envelope import BOUND_WORDS
from schemas.pack import SINGLE_HANDLE, Slot
from schemas.signal import Signal, SignalKind
from splitter.match import LEAST_FUZZY, Hay, folded
from splitter.reading import Reading

NEAR = 80.0
"""An echo this like its own item is an honest typo."""

LEAD = 10.0
"""An echo is another item's when it is this much more like that one than like its own."""


def detect(reading: Reading) -> list[Signal]:
    """Check each seat's echo against its own item, then against its neighbours."""
    binding = reading.pack.layout.binding
    if binding == "none" or reading.pack.handles == (SINGLE_HANDLE,):
        return []
    answered = [place for place, seat in enumerate(reading.seats) if seat.reason is None]
    if binding == "seal":
        owners = {seat.slot.seal: seat.slot for seat in reading.seats}
        return [signal for place in answered if (signal := _sealed(reading, place, owners)) is not None]
    hays = reading.hays
    if binding == "words":
        hays = tuple(Hay(" ".join(hay.text.split()[: BOUND_WORDS + 2])) for hay in hays)
    return [signal for place in answered if (signal := _echoed(reading, place, hays)) is not None]


def _sealed(reading: Reading, place: int, owners: dict[str | None, Slot]) -> Signal | None:
    seat = reading.seats[place]
    given, item_id = seat.echo, seat.slot.item.id
    if given is not None and given.strip() == seat.slot.seal:
        return None
    owner = owners.get(given.strip()) if given is not None else None
    if owner is not None:
        told = f"the answer is sealed with the seal of item {owner.item.id!r}, not with this item's"
        return Signal(SignalKind.MISBOUND, told, 1.0, str(given), (item_id, owner.item.id))
    shown = "without a seal" if given is None else f"with {given[:40]!r}, which is no item's seal"
    return Signal(SignalKind.MISBOUND, f"the answer comes {shown}", 1.0, str(given)[:200], (item_id,))


def _echoed(reading: Reading, place: int, hays: tuple[Hay, ...]) -> Signal | None:
    echo, item_id = reading.seats[place].echo, reading.ids[place]
    if echo is None or not folded(echo):
        return Signal(SignalKind.UNBOUND, "the answer repeats nothing of its item", 0.6, "", (item_id,))
    small = folded(echo)
    others = [other for other in range(len(hays)) if other != place]
    if small in hays[place].folded:
        twins = tuple(reading.ids[other] for other in others if small in hays[other].folded)
        if twins:
            told = f"{echo[:40]!r} stands in {len(twins)} other items too, so it proves nothing"
            return Signal(SignalKind.UNBOUND, told, 0.5, echo[:200], (item_id, *twins))
        return None
    held = [other for other in others if small in hays[other].folded]
    own = hays[place].likeness(echo, NEAR - LEAD) if len(echo) >= LEAST_FUZZY else 0.0
    if not held and len(echo) >= LEAST_FUZZY:
        least = max(NEAR, own + LEAD)
        held = [other for other in others if hays[other].likeness(echo, least) >= least]
    if held:
        whose = tuple(reading.ids[other] for other in held)
        told = f"{echo[:40]!r} is of item {whose[0]!r}, not of this one"
        return Signal(SignalKind.MISBOUND, told, 1.0, echo[:200], (item_id, *whose))
    if own >= NEAR:
        return None
    return Signal(SignalKind.UNBOUND, f"{echo[:40]!r} stands in no item", 0.6, echo[:200], (item_id,))

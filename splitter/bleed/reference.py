"""K11, an answer speaks of another item: its handle, the call's nonce, "same as above".

Looks at free text only, and not where the item itself says so. Does not know: what an answer should be.
"""

from __future__ import annotations

import re

from schemas.signal import Signal, SignalKind
from splitter.match import folded
from splitter.reading import Reading

_NEEDED = ("above", "below", "previous", "preceding", "next", "prior", "item", "one before", "ditto")
"""No handle and no pointing goes without one of these; looking for them first spares a slow search."""

_HANDLE = re.compile(r"\bitem_\d{1,3}\b")
_POINTING = re.compile(
    r"\b(?:same|identical|as|see|like|ditto)(?: as| to)?(?: in| for)?(?: the)? "
    r"(?:above|below|previous|preceding|next|prior|item|one above|one before)\b|\bditto\b|\bas above\b"
)


def detect(reading: Reading) -> list[Signal]:
    """Read every free-text value for words that point at a neighbour."""
    found: list[Signal] = []
    nonce, said_at = reading.pack.nonce, -1
    for place, leaf in reading.looked_up.loose:
        text = folded(leaf.text)
        pointing = any(each in text for each in _NEEDED)
        if place == said_at or not (pointing or (nonce and nonce in text)):
            continue
        handle, own = reading.seats[place].slot.handle, reading.hays[place].folded
        said = [name for name in _HANDLE.findall(text) if name != handle]
        if (match := _POINTING.search(text)) is not None:
            said.append(match[0])
        if nonce and nonce in text:
            said.append(nonce)
        said = [each for each in said if each not in own]
        if said:
            by_handle = {seat.slot.handle: seat.slot.item.id for seat in reading.seats}
            whose = tuple(by_handle[name] for name in said if name in by_handle)
            told = f"the answer points at another item: {said[0]!r}"
            items = (reading.ids[place], *whose)
            found.append(Signal(SignalKind.CROSS_REFERENCE, told, 1.0, leaf.text[:200], items))
            said_at = place
    return found

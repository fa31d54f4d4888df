"""K11, an answer speaks of another item: its handle, the call's nonce, "same as above".

Looks at free text only, and not where the item itself says so. Does not know: what an answer should be.
"""

from __future__ import annotations

import re

from schemas.signal import Signal, SignalKind
from splitter.match import folded
from splitter.reading import Reading

_HANDLE = re.compile(r"\bitem_\d{1,3}\b")
_POINTING = re.compile(
    r"\b(?:same|identical|as|see|like|ditto)(?: as| to)?(?: in| for)?(?: the)? "
    r"(?:above|below|previous|preceding|next|prior|item|one above|one before)\b|\bditto\b|\bas above\b"
)


def detect(reading: Reading) -> list[Signal]:
    """Read every free-text value for words that point at a neighbour."""
    found: list[Signal] = []
    by_handle = {seat.slot.handle: seat.slot.item.id for seat in reading.seats}
    for place, seat in enumerate(reading.seats):
        own = reading.hays[place].folded
        for leaf in reading.leaves[place]:
            if leaf.number is not None or leaf.closed:
                continue
            text = folded(leaf.text)
            said = [name for name in _HANDLE.findall(text) if name != seat.slot.handle]
            if (pointing := _POINTING.search(text)) is not None:
                said.append(pointing[0])
            if reading.pack.nonce and reading.pack.nonce in text:
                said.append(reading.pack.nonce)
            said = [each for each in said if each not in own]
            if said:
                whose = tuple(by_handle[name] for name in said if name in by_handle)
                told = f"the answer points at another item: {said[0]!r}"
                items = (seat.slot.item.id, *whose)
                found.append(Signal(SignalKind.CROSS_REFERENCE, told, 1.0, leaf.text[:200], items))
                break
    return found

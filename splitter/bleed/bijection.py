"""K1, handles and entries are not one to one: missing, given twice, or nobody's.

Exact, and necessary, but far from sufficient: perfect ids say nothing about what stands under them
(24 of 24 schema-valid replies at 45% accuracy, "Cascaded Batch Prompting", arXiv 2608.27038). Does not
know: what an entry holds.
"""

from __future__ import annotations

from schemas.signal import Signal, SignalKind
from splitter.reading import Reading

MOST_NAMED = 16


def detect(reading: Reading) -> list[Signal]:
    """Compare the handles that were asked for with those that came back."""
    if reading.one_to_one:
        return []
    found: list[Signal] = []
    for seat in reading.seats:
        item_id, handle = seat.slot.item.id, seat.slot.handle
        if seat.entries == 0:
            found.append(
                Signal(SignalKind.MISSING, f"{handle!r} is not answered", evidence=handle, items=(item_id,))
            )
        elif seat.entries > 1:
            told = f"{handle!r} is answered {seat.entries} times"
            found.append(Signal(SignalKind.DUPLICATE_KEY, told, evidence=handle, items=(item_id,)))
    asked = set(reading.pack.handles)
    strangers = list(
        dict.fromkeys(entry.handle[:40] for entry in reading.entries if entry.handle not in asked)
    )
    more = f" (and {len(strangers) - MOST_NAMED:,} more)" if len(strangers) > MOST_NAMED else ""
    for name in strangers[:MOST_NAMED]:
        told = f"the reply answers {name!r}, which no item is called{more}"
        found.append(Signal(SignalKind.FOREIGN_HANDLE, told, evidence=name))
    return found

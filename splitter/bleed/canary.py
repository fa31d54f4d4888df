"""K10, an input whose answer is known got another one: something in the call bent it.

A canary should be one that the model gets right every time when asked alone; otherwise its own errors
pose as bleed. Does not know: what bent it.
"""

from __future__ import annotations

from schemas.output import Mismatch
from schemas.signal import Signal, SignalKind
from splitter.reading import Reading


def detect(reading: Reading) -> list[Signal]:
    """Compare each canary's answer with the known one; a wrong one is everybody's signal."""
    if all(seat.slot.canary is None for seat in reading.seats):
        return []
    found: list[Signal] = []
    output = reading.pack.task.output
    for seat in reading.seats:
        if seat.slot.canary is None:
            continue
        known = output.encode(seat.slot.canary.answer)
        try:
            given = None if seat.reason is not None else output.encode(output.decode(seat.answer))
        except Mismatch:
            given = None
        if seat.reason is not None or given != known:
            shown = "no answer" if seat.reason is not None else repr(seat.answer)[:80]
            told = f"the canary {seat.slot.canary.text[:40]!r} got {shown} instead of {known!r}"
            found += [
                Signal(SignalKind.CANARY, told, 1.0, shown, (other.slot.item.id,))
                for other in reading.seats
                if other.slot.canary is None and other.reason is None
            ]
    return found

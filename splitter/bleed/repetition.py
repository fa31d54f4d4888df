"""Free text that repeats: one phrase under three or more items that do not hold it, or a loop inside one.

Also the cheap half of K10: a new phrase in many answers is an instruction that leaked. Does not know:
labels, where equal answers are normal.
"""

from __future__ import annotations

import zlib
from collections import defaultdict

from schemas.signal import Signal, SignalKind
from splitter.match import folded
from splitter.reading import Reading

LEAST_CHARACTERS = 12
LEAST_SEATS = 3
LOOP_CHARACTERS = 200
LOOP_RATIO = 0.08
"""Ordinary prose of a few hundred characters compresses to half; a loop to a few per cent."""


def detect(reading: Reading) -> list[Signal]:
    """Find phrases that several items share without holding them, and loops."""
    seats: dict[str, list[int]] = defaultdict(list)
    found: list[Signal] = []
    for place, leaf in reading.looked_up.loose:
        if len(leaf.text) < LEAST_CHARACTERS:
            continue
        text = folded(leaf.text)
        if text in reading.hays[place].folded:
            continue
        if place not in seats[text]:
            seats[text].append(place)
        if len(text) >= LOOP_CHARACTERS and len(
            zlib.compress(text.encode("utf-8", "surrogatepass"))
        ) < LOOP_RATIO * len(text):
            told = f"the value repeats itself: {text[:40]!r} ..."
            found.append(Signal(SignalKind.REPETITION, told, 0.8, text[:200], (reading.ids[place],)))
    for text, places in seats.items():
        if len(places) >= LEAST_SEATS:
            ids = tuple(reading.ids[place] for place in places)
            told = f"{len(places)} items got the same words, which none of them holds: {text[:40]!r}"
            found += [
                Signal(
                    SignalKind.REPETITION,
                    told,
                    0.6,
                    text[:200],
                    (reading.ids[place], *(each for each in ids if each != reading.ids[place])),
                )
                for place in places
            ]
    return found

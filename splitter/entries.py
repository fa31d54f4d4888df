"""The entries of a reply: which key, or which row of a list, got which answer, whatever the envelope.

Does not know: how the reply's JSON was found in its text, or which answer is right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schemas.envelope import ANSWER_KEY, ID_KEY, RESULTS_KEY
from splitter.json_text import JsonObject, repeats

MOST_REPEATS = 8
"""Entries of one key that are kept, however often it is written; of those that differ, twice as many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the reply and what stands under it.

    Attributes:
        handle: the key, or the array element's id.
        content: the answer, or with seals the object that holds seal and answer.
        repaired: True when a repair library had to guess this entry's text.
    """

    handle: str
    content: object
    repaired: bool = False


def entries_of(value: object, wanted: set[str]) -> tuple[Entry, ...]:
    """Read keyed objects, ``{"results": [...]}`` and bare lists; empty when it is none of these."""
    if isinstance(value, JsonObject):
        # Every reading at once: an object that mixes envelopes, or writes one twice, gives a handle two
        # entries, and two that differ are refused. Taking one reading would let a forged one win.
        found = _members(value) if wanted & set(value) else []
        if ID_KEY in value and ANSWER_KEY in value and ID_KEY not in wanted and ANSWER_KEY not in wanted:
            found += rows_of([value])
        for key, each in value.pairs:
            if key == RESULTS_KEY and RESULTS_KEY not in wanted and isinstance(each, list):
                found += rows_of(each)
        return tuple(found)
    return tuple(rows_of(value)) if isinstance(value, list) else ()


def _members(value: JsonObject) -> list[Entry]:
    """Keys and values as entries; of a key written again and again, enough to see whether they differ."""
    if not repeats(value):
        return [Entry(key, each) for key, each in value.items()]
    first: dict[str, object] = {}
    kept: Counter[str] = Counter()
    found: list[Entry] = []
    for key, each in value.pairs:
        new = kept[key] < MOST_REPEATS or (kept[key] < 2 * MOST_REPEATS and repr(each) != repr(first[key]))
        if new:
            first.setdefault(key, each)
            kept[key] += 1
            found.append(Entry(key, each))
    return found


def rows_of(listed: list[object]) -> list[Entry]:
    """Elements that name a handle; one that names two counts for both, and is refused for both."""
    rows = [each for each in listed if isinstance(each, JsonObject) and ID_KEY in each]
    names = [(row, dict.fromkeys(str(name) for key, name in row.pairs if key == ID_KEY)) for row in rows]
    return [Entry(name, row) for row, given in names for name in given]


def row_head(wanted: Collection[str]) -> re.Pattern[str]:
    """How a row begins that names one of these handles first."""
    names = "|".join(re.escape(name) for name in sorted(wanted))
    return re.compile(rf'\{{\s*"{ID_KEY}"\s*:\s*"({names})"')


def reach(entries: Iterable[Entry], wanted: set[str]) -> int:
    """How many of the wanted handles have an entry."""
    return len(wanted & {entry.handle for entry in entries})

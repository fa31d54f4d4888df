"""Reply text to entries: whatever a model wrote, which key got which answer.

A ladder, each rung only when the one above found too little: the text is one JSON value; the JSON
stands inside a fence or prose; the JSON is cut off (the entry that was being written is dropped);
a repair library's guess (flagged). Bounded work on any text, and no exception on any text.
Does not know: items, tasks, or whether an answer is right.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.envelope import ANSWER_KEY, ID_KEY, RESULTS_KEY

MOST_STARTS = 32
MOST_REPAIRED_CHARACTERS = 65_536
MOST_REPAIR_WORK = 600_000
"""Brackets times characters: json_repair's time grows with both (1.5 s at 390 brackets in 4 kB of prose)."""

MOST_REPEATS = 8
_SPACE = re.compile(r"[ \t\r\n]*")


class Rung(StrEnum):
    """How far down the ladder the entries were found."""

    STRICT = "strict"
    EMBEDDED = "embedded"
    CUT = "cut"
    REPAIRED = "repaired"
    NOTHING = "nothing"


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


@dataclass(frozen=True, slots=True)
class Parsed:
    """Everything found in one reply.

    Attributes:
        entries: in the order written; a repeated key gives several.
        rung: the lowest rung that was needed.
    """

    entries: tuple[Entry, ...]
    rung: Rung


@dataclass(frozen=True, slots=True)
class Unusable:
    """A JSON value that Python or other readers cannot carry: NaN, infinity, a huge integer."""

    what: str


class JsonObject(dict[str, object]):
    """An object that remembers which of its keys were written more than once.

    Attributes:
        written: all keys and values as written, where a key was written twice; else None, which keeps
            replies of many small objects cheap.
    """

    written: list[tuple[str, object]] | None = None

    @property
    def pairs(self) -> list[tuple[str, object]]:
        """All keys and values as written."""
        return [*self.items()] if self.written is None else self.written

    def repeats(self) -> bool:
        """True when a key was written twice."""
        return self.written is not None


def parse(text: str, handles: Collection[str], *, cut: bool = False) -> Parsed:
    """Find the entries of a reply.

    Args:
        text: the reply, any text at all.
        handles: the keys that were asked for; they tell the reply's JSON from other braces.
        cut: True when the model was stopped while writing; then nothing is repaired, because a repair
            would complete the answer that was being written with a guess.

    Returns:
        The entries; empty with ``Rung.NOTHING`` when there are none.
    """
    wanted = set(handles)
    if (value := loads(text)) is not None and (entries := entries_of(value, wanted)):
        return Parsed(entries, Rung.STRICT)
    found = list(_embedded(text, wanted))
    rung = Rung.EMBEDDED
    if wanted - {entry.handle for entry in found}:
        whole = _until_cut(text, wanted, resume=not cut)
        if reach(whole, wanted) > reach(found, wanted):
            found, rung = whole, Rung.CUT
    missing = wanted - {entry.handle for entry in found}
    if missing and not cut and text.rstrip("` \t\r\n").endswith(("}", "]")):
        guessed = [entry for entry in repaired_in(text, wanted) if entry.handle in missing]
        if guessed:
            found, rung = [*found, *guessed], Rung.REPAIRED
    return Parsed(tuple(found), rung) if found else Parsed((), Rung.NOTHING)


def _object(pairs: list[tuple[str, object]]) -> JsonObject:
    made = JsonObject(pairs)
    if len(made) != len(pairs):
        made.written = pairs
    return made


def _integer(digits: str) -> object:
    return int(digits) if len(digits) <= 1_000 else Unusable(f"an integer of {len(digits):,} digits")


def _float(digits: str) -> object:
    value = float(digits)
    return value if math.isfinite(value) else Unusable(f"the number {digits[:20]}, which is out of range")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=Unusable
)


def loads(text: str) -> object | None:
    """The JSON value that a text is; None when it is none."""
    try:
        return _DECODER.decode(text)  # type: ignore[no-any-return]  # json's stub says Any; we only narrow it
    except (ValueError, RecursionError):
        return None


def decode_at(text: str, start: int) -> tuple[object, int] | None:
    """The JSON value that begins here, and the place behind it; None when there is none."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


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
    if not value.repeats():
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


def _embedded(text: str, wanted: set[str]) -> Iterable[Entry]:
    """Entries of every JSON value that stands in prose or fences and has our keys."""
    at = 0
    for _ in range(MOST_STARTS):
        starts = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not starts:
            return
        at = min(starts)
        if (decoded := decode_at(text, at)) is None:
            at += 1
            continue
        value, at = decoded
        yield from entries_of(value, wanted)


def _until_cut(text: str, wanted: set[str], *, resume: bool) -> list[Entry]:
    """Whole entries of a reply that breaks off; the one being written is dropped.

    An entry counts as whole when its value says where it ends (a string, list or object) or a comma or
    bracket follows it: of ``12345`` cut after ``12``, nothing is kept. A value in the middle that no parser
    can read costs its own item only: reading goes on at the next key, but only in a reply that was not cut,
    where no key can be half an answer.
    """
    names = "|".join(re.escape(name) for name in sorted(wanted))
    next_key = re.compile(rf',\s*(?="(?:{names})"\s*:)') if resume else None
    next_row = row_head(wanted) if resume else None
    for at in _places(text, "{"):
        members = _whole_members(text, at + 1, next_key)
        if any(entry.handle in wanted for entry in members):
            return members
    for at in _places(text, "["):
        if elements := _elements(text, at + 1, next_row):
            return elements
    return []


def row_head(wanted: Collection[str]) -> re.Pattern[str]:
    """How a row begins that names one of these handles first."""
    names = "|".join(re.escape(name) for name in sorted(wanted))
    return re.compile(rf'\{{\s*"{ID_KEY}"\s*:\s*"({names})"')


def reach(entries: Iterable[Entry], wanted: set[str]) -> int:
    """How many of the wanted handles have an entry."""
    return len(wanted & {entry.handle for entry in entries})


def _places(text: str, letter: str) -> Iterable[int]:
    at = -1
    for _ in range(MOST_STARTS):
        if (at := text.find(letter, at + 1)) < 0:
            return
        yield at


def _key_at(text: str, at: int) -> tuple[str, int] | None:
    at = skip(text, at)
    if text[at : at + 1] != '"' or (decoded := decode_at(text, at)) is None:
        return None
    key, at = decoded
    at = skip(text, at)
    if not isinstance(key, str) or text[at : at + 1] != ":":
        return None
    return key, skip(text, at + 1)


def _whole_members(text: str, at: int, next_key: re.Pattern[str] | None) -> list[Entry]:
    found: list[Entry] = []
    while (member := _key_at(text, at)) is not None:
        key, start = member
        decoded = decode_at(text, start)
        value, at = decoded if decoded is not None else (None, start)
        at = skip(text, at)
        closed = at == len(text) and isinstance(value, str | list | dict)
        if decoded is None or not (closed or text[at : at + 1] in (",", "}")):
            again = next_key.search(text, at) if next_key is not None else None
            if again is None:
                break
            found.append(Entry(key, Unusable("a value that cannot be read")))
            at = again.end()
            continue
        found.append(Entry(key, value))
        if text[at : at + 1] != ",":
            break
        at += 1
    return found


def _elements(text: str, at: int, next_row: re.Pattern[str] | None) -> list[Entry]:
    found: list[Entry] = []
    while True:
        at = skip(text, at)
        if (decoded := decode_at(text, at)) is not None:
            value, at = decoded
            at = skip(text, at)
            if isinstance(value, JsonObject) and ID_KEY in value:
                found.append(Entry(str(value[ID_KEY]), value))
            if text[at : at + 1] != ",":
                return found
            at += 1
            continue
        here = next_row.match(text, at) if next_row is not None else None
        again = next_row.search(text, at + 1) if next_row is not None else None
        if here is None or again is None:
            return found
        found.append(Entry(here[1], Unusable("a value that cannot be read")))
        at = again.start()


def repaired_in(text: str, wanted: set[str]) -> list[Entry]:
    """What a repair library makes of the text, only under keys that were asked for."""
    if not text.strip() or len(text) > MOST_REPAIRED_CHARACTERS:
        return []
    if (text.count("{") + text.count("[")) * len(text) > MOST_REPAIR_WORK:
        return []
    import json_repair

    try:
        guess = json_repair.repair_json(text, return_objects=False)
    except (ValueError, RecursionError, IndexError, TypeError, KeyError, AttributeError):
        return []
    value = loads(guess) if isinstance(guess, str) else None
    entries = entries_of(value, wanted)
    return [Entry(e.handle, e.content, repaired=True) for e in entries if e.handle in wanted]


def skip(text: str, at: int) -> int:
    """The place behind white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at

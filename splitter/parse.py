"""Reply text to entries: whatever a model wrote, which key got which answer.

A ladder, each rung only when the one above found too little: the text is one JSON value; the JSON
stands inside a fence or prose; the JSON is cut off (the entry that was being written is dropped);
a repair library's guess (flagged). Bounded work on any text, and no exception on any text.
Does not know: items, tasks, or whether an answer is right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.envelope import ID_KEY
from splitter.entries import Entry, entries_of, reach, row_head
from splitter.json_text import JsonObject, Unusable, decode_at, loads, skip

MOST_STARTS = 32
MOST_REPAIRED_CHARACTERS = 65_536
MOST_REPAIR_WORK = 600_000
"""Brackets times characters: json_repair's time grows with both (1.5 s at 390 brackets in 4 kB of prose)."""


class Rung(StrEnum):
    """How far down the ladder the entries were found."""

    STRICT = "strict"
    EMBEDDED = "embedded"
    CUT = "cut"
    REPAIRED = "repaired"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Everything found in one reply.

    Attributes:
        entries: in the order written; a repeated key gives several.
        rung: the lowest rung that was needed.
    """

    entries: tuple[Entry, ...]
    rung: Rung


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

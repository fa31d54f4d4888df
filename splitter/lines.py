"""A reply of JSON lines to entries: one object a line, each of which stands alone.

No outer object holds the lines together, so a broken one costs its own item and no other. Objects are
looked for where a line begins (behind its prose, if it has any) or where another has just ended, never
inside a line that cannot be read: there, braces may belong to an item's text. Whatever else a model
writes instead of lines is left to ``parse``. Does not know: items, tasks, or whether an answer is right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemas.envelope import ID_KEY
from splitter.entries import Entry, entries_of, reach, row_head, rows_of
from splitter.json_text import JsonObject, Unusable, decode_at, skip
from splitter.parse import MOST_REPAIR_WORK, MOST_STARTS, Parsed, Rung, parse, repaired_in

MOST_OBJECTS = 20_000
"""No pack has so many items; a reply of more objects is not looked through to its end."""

MOST_UNREAD = 1_024
"""Lines that cannot be read: a reply with more of them is not looked through to its end."""

# A bracket that holds no further one is prose, such as one of our own markers said again.
_START = re.compile(r"\{|\[(?=\s*(?:[\[{\]]|\Z))")
_FENCE = "` \t\r\n"


@dataclass(frozen=True, slots=True)
class _Read:
    """What a walk over the lines found.

    Attributes:
        entries: in the order written; an unreadable line that still names its handle is one too.
        unread: lines that are neither prose nor readable, and name nobody; none where a reply was cut.
        clean: True when there is JSON and white space only.
        breaks_off: True when the last line is not all there.
    """

    entries: tuple[Entry, ...]
    unread: tuple[str, ...]
    clean: bool
    breaks_off: bool


def parse_lines(text: str, handles: Collection[str], *, cut: bool = False) -> Parsed:
    """Find the entries of a reply that was to be JSON lines.

    Args:
        text: the reply, any text at all.
        handles: the ids that were asked for.
        cut: True when the model was stopped while writing. Then what follows the first line that cannot be
            read is dropped, as it may be the inside of that very answer, and nothing is repaired.

    Returns:
        The entries, as ``parse`` gives them; what it makes of the text when no line has any.
    """
    wanted = set(handles)
    read = _walk(text, wanted, cut=cut)
    found = read.entries
    named = {entry.handle for entry in found}
    guessed = [each for each in _guessed(read.unread, wanted) if each.handle not in named]
    if not wanted & named:
        other = parse(text, handles, cut=cut)
        if reach(other.entries, wanted) >= reach(guessed, wanted):
            return other
    found = (*found, *guessed)
    if read.breaks_off and reach(found, wanted) < len(wanted):
        return Parsed(found, Rung.CUT)
    if guessed:
        return Parsed(found, Rung.REPAIRED)
    return Parsed(found, Rung.STRICT if read.clean else Rung.EMBEDDED)


def _walk(text: str, wanted: set[str], *, cut: bool) -> _Read:
    head = row_head(wanted)
    found: list[Entry] = []
    unread: list[str] = []
    clean, failures, objects = True, 0, 0
    open_line: tuple[int, int] | None = None  # the last one that could not be read, until more follows it
    at, begin, end, line = skip(text, 0), 0, 0, ""
    while at < len(text):
        if at >= end:  # once a line, however many objects stand on it
            begin, end = at, text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[begin:end]
        start = _START.search(text, at, end)
        if start is None:
            clean, at = False, skip(text, end)
            continue
        clean = clean and start.start() == at
        at = start.start()
        if open_line is not None:
            _close(text, open_line, head, found, unread)
            open_line = None
        # An object may be spread over several lines; looking that far fails so many times and no more,
        # because each time may cost the whole text.
        whole = failures < MOST_STARTS
        decoded = decode_at(text, at) if whole else decode_at(line, at - begin)
        if decoded is None:
            clean, failures, open_line = False, failures + 1, (at, end)
            if cut or failures > MOST_UNREAD:
                break
            at = skip(text, end)
            continue
        value, behind = decoded
        at = behind if whole else begin + behind
        found += _entries(value, wanted)
        objects += 1
        if objects >= MOST_OBJECTS:
            clean = False
            break
        at = skip(text, at)
        if text[at : at + 1] == ",":
            at = skip(text, at + 1)
    breaks_off = open_line is not None and (
        cut or not text[open_line[0] :].rstrip(_FENCE).endswith(("}", "]"))
    )
    if open_line is not None and not breaks_off:
        _close(text, open_line, head, found, unread)
    return _Read(tuple(found), tuple(unread), clean, breaks_off)


def _close(
    text: str, line: tuple[int, int], head: re.Pattern[str], found: list[Entry], unread: list[str]
) -> None:
    """Enter a line that cannot be read: under its handle where it names one."""
    named = head.match(text, line[0])
    if named is not None:
        found.append(Entry(named[1], Unusable("a line that cannot be read")))
    else:
        unread.append(text[slice(*line)])


def _entries(value: object, wanted: set[str]) -> Sequence[Entry]:
    """An object that names a handle and lacks the answer is an entry all the same: a bad one."""
    if entries := entries_of(value, wanted):
        return entries
    return rows_of([value]) if isinstance(value, JsonObject) and ID_KEY not in wanted else ()


def _guessed(lines: Sequence[str], wanted: set[str]) -> list[Entry]:
    """What a repair library makes of each line on its own, so that no guess takes from a neighbour."""
    found: list[Entry] = []
    left = MOST_REPAIR_WORK
    for line in lines:
        left -= (line.count("{") + line.count("[")) * len(line)
        if left < 0:
            break
        if line.rstrip(_FENCE + ",").endswith(("}", "]")):
            found += repaired_in(line, wanted)
    return found

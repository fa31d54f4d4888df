"""A reply that is plainly whole: strict JSON with every asked handle once and no other, read fast.

orjson reads it where it is installed, and only where it is certain to read what ``json`` would: it keeps the
last of two equal keys, in which bleed hides, and makes huge integers floats. Whatever is not plainly whole
is left to ``parse`` and ``lines``. Does not know: items, tasks, or whether an answer is right.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from schemas.envelope import ANSWER_KEY, ID_KEY, RESULTS_KEY
from splitter.json_text import loads, repeats

MOST_HANDLES = 1_000
MOST_BRACKETS = 64
"""With no more brackets that open, no answer nests deeper than any is allowed to."""

_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_HUGE = b"0" * 19
"""Integers of up to 18 digits fit into 64 bits."""

_WHITE = " \t\r\n"


class Decoder(Protocol):
    """Reads strict JSON.

    Attributes:
        plain: True when what it gives, once it is certain, holds finite numbers only and no object with a
            key written twice.
    """

    plain: bool

    def decode(self, texts: Sequence[str]) -> list[object] | None:
        """Read texts of one JSON value each.

        Returns:
            The values as ``json`` reads them, if they are certain; None where one is not strict JSON.
        """
        ...

    def certain(self, texts: Sequence[str], values: list[object], keys: int, *, small: bool) -> bool:
        """True when what ``decode`` gave for these texts surely is what ``json`` reads.

        Args:
            texts: what was read.
            values: what it gave.
            keys: how many keys there are in the values, or fewer: those that were easy to count.
            small: True when no number among the values that matter is huge.
        """
        ...


class Fast:
    """By orjson."""

    plain = True

    def decode(self, texts: Sequence[str]) -> list[object] | None:
        """As ``Decoder`` says."""
        import orjson

        try:
            return [orjson.loads(text) for text in texts]
        except (ValueError, TypeError):
            return None

    def certain(self, texts: Sequence[str], values: list[object], keys: int, *, small: bool) -> bool:
        """As ``Decoder`` says."""
        colons = sum([text.count(":") for text in texts])
        if not small and any(_HUGE in text.encode().translate(_DIGITS) for text in texts):
            return False  # a huge integer became a float
        # Each key that was written has a colon of its own, so where there are no more of them than keys
        # that were kept, none was lost.
        return keys == colons or _keeps(texts, values, colons)


def _keeps(texts: Sequence[str], values: list[object], colons: int) -> bool:
    """True when the values, written again, have as many colons: a key written twice leaves one less."""
    import orjson

    if any("\\u003" in text for text in texts):
        return False  # a colon that is written as an escape would upset the count
    try:
        return colons == orjson.dumps(values).count(b":")
    except (ValueError, TypeError):
        return False


class Plain:
    """By the standard library, as the rest of the splitter reads."""

    plain = False

    def decode(self, texts: Sequence[str]) -> list[object] | None:
        """As ``Decoder`` says."""
        values: list[object] = []
        for text in texts:
            if (value := loads(text)) is None:
                return None
            values.append(value)
        return values

    def certain(self, texts: Sequence[str], values: list[object], keys: int, *, small: bool) -> bool:
        """As ``Decoder`` says."""
        return True


@cache
def decoder() -> Decoder:
    """The fastest there is in this process."""
    return Fast() if importlib.util.find_spec("orjson") is not None else Plain()


@dataclass(slots=True)
class Whole:
    """What a plainly whole reply says.

    Attributes:
        contents: what stands under each handle: the answer, or the object that holds it.
        plain: see ``Decoder``.
        texts: the JSON values of the reply, as written.
        values: as read.
        by: what read them.
    """

    contents: list[object]
    plain: bool
    texts: Sequence[str]
    values: list[object]
    by: Decoder

    @property
    def shallow(self) -> bool:
        """True when nothing in it can nest too deep."""
        return sum([text.count("[") + text.count("{") for text in self.texts]) <= MOST_BRACKETS

    @property
    def nulls(self) -> bool:
        """False when there is no null in it."""
        return any("null" in text for text in self.texts)

    def certain(self, keys: int = 0, *, small: bool = False) -> bool:
        """True when ``parse`` or ``parse_lines`` surely finds the very same contents.

        Args:
            keys: how many keys the contents have, or fewer: those that were easy to count.
            small: True when no number that matters is huge.
        """
        outer = self.values[0] if len(self.values) == 1 else None
        if isinstance(outer, dict) and outer is not self.contents[0]:
            keys += len(outer)
        return self.by.certain(self.texts, self.values, keys, small=small)


def whole(
    text: str,
    handles: Sequence[str],
    *,
    lines: bool = False,
    by: Decoder | None = None,
    surely: bool = True,
) -> Whole | None:
    """Read a reply that is plainly whole.

    Args:
        text: the reply, any text at all.
        handles: the ids that were asked for, in seat order.
        lines: True when the reply was to be one object a line.
        by: what reads the JSON; the fastest there is when not given.
        surely: False leaves it to the caller to ask whether the reading is ``certain``.

    Returns:
        Its contents in seat order, the very ones that ``parse`` or ``parse_lines`` finds; None when it is
        another reply.
    """
    by = by or decoder()
    wanted = set(handles)
    if not handles or len(wanted) != len(handles) or len(handles) > MOST_HANDLES:
        return None
    if lines:
        texts = text.strip(_WHITE).split("\n")
        values = by.decode(texts) if len(texts) == len(handles) else None
        contents = None if values is None else _lines(values, handles, wanted)
    else:
        texts = [text]
        values = by.decode(texts)
        contents = None if values is None else _enveloped(values[0], handles, wanted)
    if values is None or contents is None:
        return None
    read = Whole(contents, by.plain, texts, values, by)
    return read if not surely or read.certain() else None


def _enveloped(value: object, handles: Sequence[str], wanted: set[str]) -> list[object] | None:
    if isinstance(value, dict) and not repeats(value):
        if value.keys() == wanted:
            if tuple(value) == handles:
                return [*value.values()]
            return [value[handle] for handle in handles]
        if len(value) != 1 or RESULTS_KEY not in value or RESULTS_KEY in wanted:
            return None
        value = value[RESULTS_KEY]
    return _rows(value, handles) if isinstance(value, list) else None


def _rows(rows: list[object], handles: Sequence[str]) -> list[object] | None:
    """Each row's object, by the one handle it names."""
    if len(rows) != len(handles):
        return None
    if [row.get(ID_KEY) for row in rows if type(row) is dict] == [*handles]:
        return rows
    by_handle: dict[object, object] = {}
    for row in rows:
        if not isinstance(row, dict) or not isinstance(name := row.get(ID_KEY), str) or repeats(row):
            return None
        by_handle[name] = row
    found = [by_handle.get(handle) for handle in handles]
    return None if None in found else found


def _lines(rows: list[object], handles: Sequence[str], wanted: set[str]) -> list[object] | None:
    """As rows; but an object that could be read another way as well is left alone."""
    if ID_KEY in wanted or ANSWER_KEY in wanted:
        return None
    for row in rows:
        if not isinstance(row, dict) or ANSWER_KEY not in row or RESULTS_KEY in row:
            return None
        if not wanted.isdisjoint(row):
            return None
    return _rows(rows, handles)

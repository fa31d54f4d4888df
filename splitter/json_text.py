"""JSON text to values, with what a plain dict would lose: keys written twice, and numbers nobody can carry.

No exception on any text. Does not know: replies, handles, or what a value is for.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")


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


def repeats(value: object) -> bool:
    """True when an object gave a key twice."""
    return isinstance(value, JsonObject) and value.written is not None


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


def skip(text: str, at: int) -> int:
    """The place behind white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at

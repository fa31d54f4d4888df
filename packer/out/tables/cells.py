"""Cells of a CSV file that no spreadsheet runs, and the way back to what they held.

Does not know: rows, columns or files.
"""

from __future__ import annotations

import json
import re
from unicodedata import category, normalize

QUOTE = "'"
TRIGGERS = "=+-@"
_MINUS_SIGN = "\N{MINUS SIGN}"  # LibreOffice takes it for a minus; compatibility forms do not lead there
_INVISIBLE = ("Zs", "Zl", "Zp", "Cf", "Cn", "Co")

# A run of backslashes, then either a lone surrogate or what the escape of one looks like.
_TO_WRITE_OUT = re.compile(r"(\\*)([\ud800-\udfff])|(\\+)(?=ud[89a-f][0-9a-f]{2})")
_WRITTEN_OUT = re.compile(r"(\\+)(ud[89a-f][0-9a-f]{2})")

_as_json = json.JSONEncoder(ensure_ascii=False).encode


def disarmed(cell: object) -> str:
    r"""A value as the text of a CSV cell that starts no formula; ``armed`` gives it back.

    None is an empty cell, a string is itself, all else is its JSON. Two changes are made, both reversible:

    1. ``'`` is put before a text that starts with ``= + - @``, in any form that Unicode counts as the same
       sign (full-width, small, raised), with a control character (tab, CR, LF, NUL), or with ``'`` itself,
       so that the first quote is always ours. The same holds where blanks, a byte order mark or other
       invisible characters stand before the sign: some spreadsheets strip those. And it holds for numbers:
       -5 becomes ``'-5``, since "no cell starts with a trigger" is a promise that can be checked, and
       "none but numbers" is not.
    2. A lone surrogate, which UTF-8 cannot hold, is written as its escape (``\ud800``), and backslashes
       right before one, or before what looks like one, are doubled.

    What this cannot do: a file opened with another separator than the comma falls apart at that separator,
    and a piece may then start with anything. Import it as comma-separated.
    """
    if cell is None:
        return ""
    text = str(cell) if isinstance(cell, str) else _as_json(cell)
    if "\\" in text or not text.isascii():
        text = _TO_WRITE_OUT.sub(_write_out, text)
    return QUOTE + text if triggers(text) or text.startswith(QUOTE) else text


def armed(cell: str) -> str:
    """The text that ``disarmed`` was given: without the leading quote, lone surrogates put back."""
    return _WRITTEN_OUT.sub(_put_back, cell.removeprefix(QUOTE))


def triggers(text: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula, or start a new one, by how it starts."""
    for char in text:
        if category(char) == "Cc":
            return True
        if category(char) not in _INVISIBLE:
            return char == _MINUS_SIGN or normalize("NFKC", char)[:1] in TRIGGERS
    return False


def _write_out(found: re.Match[str]) -> str:
    slashes, surrogate, before_escape = found.groups()
    if surrogate is None:
        return str(before_escape) * 2
    return f"{slashes * 2}\\u{ord(surrogate):04x}"


def _put_back(found: re.Match[str]) -> str:
    slashes, escape = found.groups()
    kept = "\\" * (len(slashes) // 2)
    return kept + (chr(int(escape[1:], 16)) if len(slashes) % 2 else escape)

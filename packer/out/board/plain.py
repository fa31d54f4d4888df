r"""Text from outside made safe for a terminal: nothing in it moves the cursor, hides, or turns letters round.

Inputs and model output are data. Here each character that acts instead of showing itself is written out
as the escape Python knows it by (``\x1b``, ``\u202e``), what is too long is cut with the count of what is
left out, and nothing is read as rich's markup. Does not know: what the text says, or where it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from unicodedata import category

from rich.text import Text

MOST = 200
"""Characters shown of a text, unless told otherwise."""

LONGEST = 1_000
"""Characters shown of one of our own sentences, which may quote such texts."""

AROUND = 60
"""Characters shown on either side of a marked place that lies beyond what is shown of a text."""

ACTING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Controls, formats (bidi overrides, zero widths), surrogates, private use, separators of lines."""

JOINERS = "\u200c\u200d"
SELECTORS_AND_TAGS = 0xE0000
ESCAPED = "magenta"

Mark = tuple[int, int, str]
"""A place in a text, from (inclusive) and to (exclusive) in characters, and the style that shows it."""


def plain(value: object, most: int = MOST) -> str:
    """One line of safe text: a string as it reads, anything else as JSON.

    Args:
        value: a string, or plain JSON.
        most: characters shown of it.
    """
    return legible(value, most=most).plain


def legible(value: object, *, most: int = MOST, lines: bool = False, marks: Iterable[Mark] = ()) -> Text:
    """Safe text for rich, what was written out in another colour.

    Args:
        value: a string, or plain JSON.
        most: characters shown of it; marked places behind them are shown with what stands around them.
        lines: keep line breaks and tabs instead of writing them out.
        marks: places to show in a style of their own.

    Returns:
        Text without markup, control characters or lone surrogates.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    known = [(max(0, start), min(end, len(text)), style) for start, end, style in marks]
    shown = Text(overflow="fold")
    behind = 0
    for start, end in _parts(len(text), most, known):
        if start > behind:
            shown.append(" \u2026 ")
        _write(shown, text, start, end, known, lines)
        behind = end
    if behind < len(text):
        shown.append(f" \u2026 ({len(text) - behind:,} more characters)", "dim")
    return shown


def _parts(length: int, most: int, marks: list[Mark]) -> Iterator[tuple[int, int]]:
    """The head of a text, then what stands around the marks behind it; none touches another."""
    at, until = 0, min(most, length)
    for start, end, _ in sorted(mark for mark in marks if most < mark[1] and mark[0] < mark[1]):
        near, far = max(0, start - AROUND), min(length, min(end, start + most) + AROUND)
        if near > until:
            yield at, until
            at = near
        until = max(until, far)
    yield at, until


def _write(shown: Text, text: str, start: int, end: int, marks: list[Mark], lines: bool) -> None:
    pieces = (_piece(text, at, marks, lines) for at in range(start, end))
    for style, run in groupby(pieces, key=lambda piece: piece[1]):
        shown.append("".join(piece for piece, _ in run), style)


def _piece(text: str, at: int, marks: list[Mark], lines: bool) -> tuple[str, str]:
    """One character as it is shown, and its style."""
    style = " ".join(style for first, last, style in marks if first <= at < last)
    if lines and text[at] in "\n\t":
        return ("\n" if text[at] == "\n" else "    "), style
    if _acts(text, at):
        return text[at].encode("unicode_escape").decode("ascii"), f"{style} {ESCAPED}".strip()
    return text[at], style


def _acts(text: str, at: int) -> bool:
    char = text[at]
    if char in JOINERS and 0 < at < len(text) - 1:
        # Persian words and family emoji are spelt with joiners; between ASCII letters they only hide.
        return text[at - 1].isascii() or text[at + 1].isascii()
    return category(char) in ACTING or ord(char) >= SELECTORS_AND_TAGS

"""Our own lines fitted to a narrow terminal: sentences break between words, tables close up or are stacked.

A table is two or more lines whose columns stand at least two spaces apart, under a head without figures. Does
not know: what the lines say, or which terminal they are for.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

APART = 2
"""Spaces between the columns of a table that was closed up."""

LEAST = 20
"""Narrower than this nothing is fitted."""

_COLUMNS = re.compile(r"\S {2,}\S|^ {2,}\S")


def fitted(text: str, width: int) -> str:
    """Lines no longer than ``width`` where their words allow it.

    Args:
        text: lines; those that fit stay as they are.
        width: of the terminal, in characters.
    """
    lines = text.splitlines()
    if width < LEAST or all(len(line) <= width for line in lines):
        return text
    told: list[str] = []
    for tabular, block in groupby(lines, key=lambda line: bool(_COLUMNS.search(line))):
        rows = list(block)
        if tabular and len(rows) > 1 and not re.search(r"\d", rows[0]):
            told += _table(rows, width)
        else:
            told += [part for line in rows for part in _wrapped(line, width)]
    return "\n".join(told)


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    return textwrap.wrap(
        re.sub(r"(\S) {3,}", r"\1  ", line),
        width,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(rows: Sequence[str], width: int) -> list[str]:
    if all(len(row) <= width for row in rows):
        return list(rows)
    cells = [[row[start:end] for start, end in _places(rows)] for row in rows]
    wide = [max(len(cell.strip()) for cell in column) for column in zip(*cells, strict=True)]
    # The first column keeps what it is set in by: it says which row belongs to which.
    wide[0] = max(len(row[0].rstrip()) for row in cells)
    if sum(wide) + APART * (len(wide) - 1) <= width:
        return [_closed_up(row, wide) for row in cells]
    return [line for row in cells[1:] for line in _wrapped(_stacked(cells[0], row), width)]


def _places(rows: Sequence[str]) -> list[tuple[int, int]]:
    """Where columns begin and end: between them two or more places are blank in every row."""
    longest = max(map(len, rows))
    padded = [row.ljust(longest) for row in rows]
    blank = "".join(" " if all(row[at] == " " for row in padded) else "x" for at in range(longest))
    return list(_between(blank))


def _between(blank: str) -> Iterator[tuple[int, int]]:
    start = 0
    for gap in re.finditer(r" {2,}", blank.rstrip()):
        if gap.start():
            yield start, gap.start()
            start = gap.end()
    yield start, len(blank)


def _closed_up(row: Sequence[str], wide: Sequence[int]) -> str:
    first = row[0].rstrip().ljust(wide[0])
    rest = (cell.strip().rjust(size) for cell, size in zip(row[1:], wide[1:], strict=True))
    return (" " * APART).join((first, *rest)).rstrip()


def _stacked(head: Sequence[str], row: Sequence[str]) -> str:
    told = (
        f"{_one(name)} {_one(cell)}" for name, cell in zip(head[1:], row[1:], strict=True) if cell.strip()
    )
    return f"{_one(row[0])}: {', '.join(told)}"


def _one(cell: str) -> str:
    return " ".join(cell.split())

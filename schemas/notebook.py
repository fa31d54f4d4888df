"""Small HTML for notebooks: a title, sentences, one table; every text is data and is escaped on its way in.

No scripts, nothing from elsewhere, no colours but the notebook's own: it can be read in light and in dark.
Does not know: what is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from itertools import islice

from schemas.visible import visible

MOST_ROWS = 10
MOST_CHARACTERS = 120
MOST_OF_A_SENTENCE = 600

Cell = object
"""A text, a number, plain JSON; None is shown as ``unknown``."""

_TABLE = "border-collapse:collapse;margin:.4em 0"
_LINE = "border:0;border-bottom:1px solid rgba(128,128,128,.4);padding:.15em .8em .15em 0;background:none"
_TEXT = f"{_LINE};text-align:left;vertical-align:top;overflow-wrap:anywhere;max-width:32em"
_NUMBER = f"{_LINE};text-align:right;vertical-align:top;white-space:nowrap"


def view(title: str, *parts: str) -> str:
    """One object as a notebook shows it.

    Args:
        title: what it is and what came of it; a text.
        parts: made by ``words`` and ``table``; empty ones are left out.
    """
    head = words(title, strong=True)
    return f'<div style="color:inherit;line-height:1.4">{head}{"".join(parts)}</div>'


def words(*sentences: str | None, strong: bool = False) -> str:
    """Sentences, a line each; None and empty ones are left out."""
    weight = ' style="font-weight:bold"' if strong else ""
    return "".join(
        f"<div{weight}>{_safe(_cut(each, MOST_OF_A_SENTENCE))}</div>" for each in sentences if each
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    total: int | None = None,
    texts: int = 1,
) -> str:
    """A table of the first ``MOST_ROWS`` rows, with the number of those left out.

    Args:
        head: a name for each column.
        rows: of as many cells; no more are taken than are shown.
        total: how many rows there are in all; None counts them.
        texts: so many columns from the left are set left, as texts are; the others right, as numbers are.
    """
    every = list(rows) if total is None else []
    taken = every[:MOST_ROWS] if total is None else list(islice(rows, MOST_ROWS))
    if not taken:
        return ""
    left_out = (len(every) if total is None else total) - len(taken)
    styles = [_TEXT if at < texts else _NUMBER for at in range(len(head))]
    cells = "".join(
        f'<th style="{style}">{_safe(name)}</th>' for name, style in zip(head, styles, strict=True)
    )
    lines = [f"<tr>{cells}</tr>"]
    for row in taken:
        made = [f'<td style="{style}">{shown(cell)}</td>' for cell, style in zip(row, styles, strict=True)]
        lines.append(f"<tr>{''.join(made)}</tr>")
    more = words(f"and {left_out:,} more") if left_out > 0 else ""
    return f'<table style="{_TABLE}">{"".join(lines)}</table>{more}'


def shown(cell: Cell) -> str:
    r"""One cell, cut, escaped, and kept from turning the text around it.

    Example:
        >>> shown("<b>\x00"), shown(1234), shown(None)
        ('<bdi>&lt;b&gt;␀</bdi>', '1,234', 'unknown')
    """
    if cell is None:
        return "unknown"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, Decimal):
        return f"{cell:.6f}"
    text = cell if isinstance(cell, str) else _json(cell)
    return f"<bdi>{_safe(_cut(text, MOST_CHARACTERS))}</bdi>" if text else ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"


def _json(value: object) -> str:
    """An answer as it would be written; values of the caller's own types by the name they give themselves."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _safe(text: str) -> str:
    return escape(visible(text)).replace("\n", "<br>")

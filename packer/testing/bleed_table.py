"""A table of answers for a failed assertion: each item alone and packed, its traces, and who sat beside it.

Answers are data: what would act on a terminal is written out. Does not know: why an item is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.item import ItemId

MOST_ROWS = 20
MOST_CHARACTERS = 40
MOST_NEIGHBOURS = 9

HEAD = ("item", "alone", "packed", "signals", "beside")


@dataclass(frozen=True, slots=True)
class Row:
    """One item.

    Attributes:
        item_id: whose.
        alone: its answer alone as plain JSON, or why there is none.
        packed: its packed answer, as above.
        signals: kinds of traces in its packed reply.
        beside: who shared its call, in seat order.
    """

    item_id: ItemId
    alone: object
    packed: object
    signals: tuple[str, ...]
    beside: tuple[ItemId, ...]


def table_of(rows: Sequence[Row]) -> list[str]:
    """The lines of the table, the first rows only; none without rows."""
    if not rows:
        return []
    made = [HEAD, *map(_cells, rows[:MOST_ROWS])]
    widths = [max(len(row[place]) for row in made) for place in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in made]
    more = [f"and {len(rows) - MOST_ROWS:,} more"] if len(rows) > MOST_ROWS else []
    return ["", *(line.rstrip() for line in lines), *more]


def _cells(row: Row) -> tuple[str, ...]:
    beside = [_plain(each) for each in row.beside[:MOST_NEIGHBOURS]]
    if len(row.beside) > MOST_NEIGHBOURS:
        beside.append(f"and {len(row.beside) - MOST_NEIGHBOURS:,} more")
    return (
        _plain(row.item_id),
        _plain(row.alone),
        _plain(row.packed),
        ", ".join(dict.fromkeys(row.signals)) or "-",
        ", ".join(beside) or "-",
    )


def _plain(value: object) -> str:
    # Brings rich with it, which a test that passes has no use for.
    from packer.out.board.plain import plain

    return plain(value, MOST_CHARACTERS)

"""The items of a run on a terminal: those to look at grouped by their reason, or a row for each.

Does not know: how the run stands, or what is done about an item.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from packer.out.board.plain import legible
from packer.out.board.remedies import for_item
from packer.out.board.standing import call_of, flying_with, route_of
from packer.out.board.state_bar import COLOURS, in_words
from schemas.item import ItemId
from schemas.record import CallRecord, ItemRecord, ItemState, RunRecord
from schemas.signal import Trust

NAMED = 5
"""Calls that are named one by one before the rest is counted."""

LISTED, GROUPS = 20, 10
"""Items that are listed, and reasons by which they are grouped, unless told otherwise."""

WIDE = 80
"""Columns from which a reason has a column of its own."""

BY_URGENCY = (ItemState.FAILED, ItemState.HELD, ItemState.IN_FLIGHT, ItemState.QUEUED, ItemState.ACCEPTED)


def listed(record: RunRecord, items: int | None, only: ItemState | None) -> list[RenderableType]:
    """One row an item, the failed and held ones first; at most so many, or those in one state alone."""
    wanted = (only,) if only else BY_URGENCY
    chosen = [item for state in wanted for item in record.items if item.state is state]
    most = LISTED if items is None else items
    parts: list[RenderableType] = []
    if most > 0 and chosen:
        parts += [Text(""), _ItemTable(record, chosen[:most])]
    if len(chosen) > most > 0:
        parts.append(Text(f"and {len(chosen) - most:,} more; --show {len(chosen)} lists all", "dim"))
    if only and not chosen:
        parts += [Text(""), Text(f"No item is {in_words(only)}.")]
    return parts


def grouped(record: RunRecord, most: int) -> list[RenderableType]:
    """The items that need a look, one row for all that have the same reason."""
    found: dict[tuple[str, str], list[ItemRecord]] = {}
    for state in (ItemState.FAILED, ItemState.HELD, ItemState.ACCEPTED):
        for item in record.items:
            if item.state is state and (state is not ItemState.ACCEPTED or _is_doubtful(item)):
                kind = "doubtful" if state is ItemState.ACCEPTED else in_words(state)
                found.setdefault((kind, _why(item, {}).plain), []).append(item)
    if not found or most <= 0:
        return []
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("to look at", no_wrap=True)
    for name in ("reason", "items"):
        table.add_column(name, overflow="fold")
    for (kind, why), items in list(found.items())[:most]:
        colour = "yellow" if kind == "doubtful" else COLOURS[items[0].state]
        ids = Text(", ").join(_named(item.id) for item in items[:NAMED])
        if len(items) > NAMED:
            ids.append(f" and {len(items) - NAMED:,} more", "dim")
        table.add_row(Text(f"{len(items):,} {kind}", colour), _with_remedy(why, items[0]), ids)
    parts: list[RenderableType] = [Text(""), table]
    if len(found) > most:
        left = sum(len(items) for items in list(found.values())[most:])
        parts.append(Text(f"and {left:,} more for other reasons; --show {left + most} lists them", "dim"))
    return parts


def _named(item_id: ItemId) -> Text:
    """In quotes where it is a word, which would else read as one of ours."""
    told = legible(str(item_id), most=60)
    return Text("'").append_text(told).append("'") if isinstance(item_id, str) else told


def _with_remedy(why: str, item: ItemRecord) -> Text:
    told = Text(why)
    if item.state is ItemState.FAILED and (remedy := for_item(item)):
        told.append(f"\n{remedy}" if why else remedy, "dim")
    if item.state is ItemState.ACCEPTED:
        told.append("\nRead it beside its text before you use it.", "dim")
    return told


class _ItemTable:
    """A row an item; where there is little room, its reason stands under its id."""

    def __init__(self, record: RunRecord, items: list[ItemRecord]) -> None:
        self._items = items
        self._flying = flying_with(record)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrow = options.max_width < WIDE
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column("state", no_wrap=True)
        table.add_column("route", no_wrap=True)
        table.add_column("tries", justify="right", no_wrap=True)
        # An id is what people search for: folded, never cut.
        for name in ("id, reason",) if narrow else ("id", "reason"):
            table.add_column(name, overflow="fold")
        for item in self._items:
            item_id, why = legible(str(item.id)), _why(item, self._flying)
            told = [item_id, why]
            if narrow:
                told = [Text("\n").join(part for part in told if part)]
            state = Text(in_words(item.state), COLOURS[item.state])
            table.add_row(state, legible(route_of(item, self._flying)), f"{item.attempts:,}", *told)
        yield table


def _why(item: ItemRecord, flying: Mapping[ItemId, CallRecord]) -> Text:
    result = item.result
    if result is not None and result.reason is not None:
        return legible(str(result.reason))
    if item.state is ItemState.HELD:
        return Text("waits for a review", "dim")
    if _is_doubtful(item) and result is not None:
        return legible("doubtful: " + ", ".join(sorted({str(signal.kind) for signal in result.signals})))
    if call := call_of(item, flying):
        return legible(f"call {call}" if item.state is ItemState.IN_FLIGHT else "")
    return Text("")


def _is_doubtful(item: ItemRecord) -> bool:
    return item.result is not None and item.result.trust is Trust.DOUBTFUL

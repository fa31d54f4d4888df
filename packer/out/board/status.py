"""Where a stored run stands: a board for people, the same as JSON, and a board that keeps itself up to date.

Does not know: how a run is stored, or what to do about what it shows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from packer.out.board.bleed_board import bleed_board
from packer.out.board.plain import legible, plain
from packer.out.board.standing import (
    Standing,
    answers_by_route,
    call_of,
    calls_by_route,
    command,
    flying_with,
    in_flight,
    route_of,
    rulings_of,
    standing,
)
from packer.out.board.state_bar import COLOURS, StateBar, counted, in_words
from schemas.item import ItemId
from schemas.record import CallRecord, ItemRecord, ItemState, RunRecord
from schemas.review import Gate, Ruling
from schemas.signal import Trust
from schemas.written import written

NAMED = 5
"""Calls that are named one by one before the rest is counted."""

WIDE = 80
"""Columns from which a reason has a column of its own."""

LEAST_ROWS, ROWS_OF_HEAD = 5, 18

PAST = {Ruling.APPROVE: "approved", Ruling.REJECT: "rejected", Ruling.CORRECT: "corrected"}

BY_URGENCY = (ItemState.FAILED, ItemState.HELD, ItemState.IN_FLIGHT, ItemState.QUEUED, ItemState.ACCEPTED)


def status_table(record: RunRecord, *, items: int = 20, only: ItemState | None = None) -> RenderableType:
    """The board: how the run stands, its bar and sums, bleed, then items, the failed and held ones first.

    Args:
        record: the run.
        items: rows of the table of items; 0 leaves the table out.
        only: show items in this state and no others.

    Returns:
        Something rich prints, at any width, with or without colour.
    """
    parts: list[RenderableType] = [_headline(record), Text(""), StateBar(record.states)]
    parts += [Text(""), _sums(record)]
    bleed = bleed_board(record)
    if bleed is not None:
        parts += [Text(""), bleed]
    wanted = (only,) if only else BY_URGENCY
    chosen = [item for state in wanted for item in record.items if item.state is state]
    if items > 0 and chosen:
        parts += [Text(""), _ItemTable(record, chosen[:items])]
    if len(chosen) > items > 0:
        parts.append(Text(f"and {len(chosen) - items:,} more; --json tells all", "dim"))
    if only and not chosen:
        parts += [Text(""), Text(f"No item is {in_words(only)}.")]
    return Group(*parts)


def status_json(record: RunRecord) -> dict[str, object]:
    """All there is to know of a run, as plain JSON: money as strings, what is not known as null."""
    ledger = record.ledger
    flying = flying_with(record)
    return {
        "run": record.name,
        "path": record.path,
        "model": record.model,
        "instruction": record.instruction,
        "created_at": record.created_at,
        "standing": str(standing(record)),
        "running": record.running,
        "owner": record.owner or None,
        "stopped": record.stopped,
        "gate": str(record.gate),
        "states": {str(state): record.states[state] for state in ItemState},
        "answers_by_route": dict(answers_by_route(record)),
        "calls": ledger.calls,
        "failed_calls": ledger.failed_calls,
        "calls_in_flight": len(in_flight(record)),
        "calls_by_route": dict(calls_by_route(record)),
        "input_tokens": ledger.usage.input_tokens,
        "cached_tokens": ledger.usage.cached_tokens,
        "output_tokens": ledger.usage.output_tokens,
        "cost_usd": None if ledger.cost_usd is None else str(ledger.cost_usd),
        "unpriced_calls": ledger.unpriced_calls,
        "price_source": ledger.price_source or None,
        "maybe_paid_calls": [
            {"call": call.name, "route": call.route, "items": list(call.members), "sent_at_s": call.sent_at_s}
            for call in record.maybe_paid
        ],
        "jobs": written(record.jobs),
        "maybe_paid_usd": None if ledger.maybe_paid_usd is None else str(ledger.maybe_paid_usd),
        "calibration": written(record.calibration),
        "size_changes": written(record.size_changes),
        "audit": written(record.audit),
        "reviewed": {str(ruling): count for ruling, count in rulings_of(record).items()},
        "items": [
            {
                "id": item.id,
                "state": str(item.state),
                "route": route_of(item, flying) or None,
                "attempts": item.attempts,
                "reason": None if not item.result or not item.result.reason else str(item.result.reason),
                "call": call_of(item, flying) or None,
            }
            for item in record.items
        ],
    }


def watch(
    read: Callable[[], RunRecord],
    console: Console,
    *,
    every_s: float = 1.0,
    pause: Callable[[float], None] = time.sleep,
) -> RunRecord:
    """Show the board and draw it anew until no process works on the run, or someone presses Ctrl-C.

    Where the console is no terminal, only the last board is printed.

    Args:
        read: gives the run as it stands now.
        console: where the board is drawn.
        every_s: seconds between two looks.
        pause: waits that long.

    Returns:
        The run as it was last seen.
    """
    record = read()
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                # Rows that do not fit would push the head off the screen.
                bleed = bleed_board(record)
                more = 0 if bleed is None else len(console.render_lines(bleed)) + 1
                fits = max(LEAST_ROWS, console.height - ROWS_OF_HEAD - more)
                live.update(status_table(record, items=fits), refresh=True)
                if not record.running:
                    return record
                pause(every_s)
                record = read()
        except KeyboardInterrupt:
            return record


def _headline(record: RunRecord) -> Text:
    head = legible(record.name)
    head.stylize("bold")
    head.append("  asks ", "dim").append_text(legible(record.model)).append("\n")
    kind = standing(record)
    if kind is Standing.RUNNING:
        by = f" ({plain(record.owner)})" if record.owner else ""
        wait = ", and waits for its reviewer" if record.gate is Gate.WAITING else ""
        return head.append(f"running{by}{wait}", "bold cyan")
    if kind is Standing.AT_PROVIDER:
        jobs = counted(len(record.jobs_open), "batch job")
        told = f"at the provider: {jobs} under way"
        return head.append(told, "bold cyan").append(f"\n{command('resume', record)}")
    if kind is Standing.REJECTED:
        return head.append("rejected by its reviewer: no result goes on", "bold red")
    if kind is Standing.HELD:
        held = record.states[ItemState.HELD]
        told = f"held: {counted(held, 'answer')} {'waits' if held == 1 else 'wait'} for a review"
        return head.append(told, "bold yellow").append(f"\n{command('review', record)}")
    if kind is Standing.ENDED_EARLY:
        return head.append(f"ended early: {plain(record.stopped or '', 400)}", "bold yellow")
    if kind is Standing.OPEN:
        return head.append("not finished, and no process works on it: run it again to go on", "bold yellow")
    if failed := record.states[ItemState.FAILED]:
        return head.append(f"complete, {failed:,} without a value", "bold red")
    return head.append("complete", "bold green")


def _sums(record: RunRecord) -> Table:
    sums = Table.grid(padding=(0, 2))
    sums.add_column(style="dim", no_wrap=True)
    sums.add_column(overflow="fold")
    for name, told in _told(record):
        # As Text: a string would be read as markup.
        sums.add_row(name, Text(told))
    return sums


def _told(record: RunRecord) -> Iterator[tuple[str, str]]:
    ledger, used = record.ledger, record.ledger.usage
    if answers := answers_by_route(record):
        yield "answers by", _counts(answers)
    flying, routes = len(in_flight(record)), calls_by_route(record)
    yield (
        "calls",
        f"{ledger.calls:,} sent"
        + (f", {ledger.failed_calls:,} failed" if ledger.failed_calls else "")
        + (f", {flying:,} in flight" if flying else "")
        + (f" ({_counts(routes)})" if routes else ""),
    )
    for job in record.jobs_open[:NAMED]:
        at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(job.made_at_s))
        name = plain(job.id, 60) if job.id else "not known yet whether it was handed over"
        yield "batch job", f"{name}: {counted(job.calls, 'call')} since {at} UTC"
    cached = f" ({used.cached_tokens:,} cached)" if used.cached_tokens else ""
    yield "tokens", f"{_number(used.input_tokens)} in{cached}, {_number(used.output_tokens)} out"
    cost = "unknown" if ledger.cost_usd is None else f"{ledger.cost_usd:f} USD"
    unpriced = counted(ledger.unpriced_calls, "call")
    yield "cost", cost + (f", {unpriced} of unknown cost left out" if ledger.unpriced_calls else "")
    if lost := record.maybe_paid:
        most = "" if ledger.maybe_paid_usd is None else f", at most {ledger.maybe_paid_usd:f} USD"
        names = ", ".join(plain(call.name, 40) for call in lost[:NAMED])
        more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
        told = f"{counted(len(lost), 'call')}{most}: {names}{more}; sent, and the reply was lost"
        yield "maybe paid", f"{told} with its process"
    if rulings := rulings_of(record):
        yield "reviewed", ", ".join(f"{count:,} {PAST[ruling]}" for ruling, count in rulings.items())


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
    if result is not None and result.trust is Trust.DOUBTFUL:
        return legible("doubtful: " + ", ".join(sorted({str(signal.kind) for signal in result.signals})))
    if call := call_of(item, flying):
        return legible(f"call {call}" if item.state is ItemState.IN_FLIGHT else "")
    return Text("")


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{plain(name, 40)} {count:,}" for name, count in counts.most_common())


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"

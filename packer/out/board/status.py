"""Where a stored run stands: a board for people, the same as JSON, and a board that keeps itself up to date.

Does not know: how a run is stored, or what to do about what it shows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from packer.out.board.bleed_board import bleed_board
from packer.out.board.item_rows import GROUPS, NAMED, grouped, listed
from packer.out.board.next_step import next_step, stopped_words
from packer.out.board.plain import legible, plain
from packer.out.board.remedies import MAYBE_PAID
from packer.out.board.standing import (
    Standing,
    answers_by_route,
    call_of,
    calls_by_route,
    flying_with,
    in_flight,
    outcome,
    route_of,
    rulings_of,
    standing,
)
from packer.out.board.state_bar import StateBar
from packer.out.board.worth import (
    dear_packing,
    money,
    packing_worth,
    rests_on,
    usd_of_the_rest,
    usd_per_answer,
)
from schemas.counted import counted
from schemas.record import ItemState, RunRecord
from schemas.review import Gate, Ruling
from schemas.written import written

LEAST_ROWS, ROWS_OF_HEAD = 5, 18

PAST = {Ruling.APPROVE: "approved", Ruling.REJECT: "rejected", Ruling.CORRECT: "corrected"}

KINDS = {"good": "bold green", "doubt": "bold yellow", "bad": "bold red", "plain": "bold cyan"}
"""How it is shown how a run stands."""


def status_table(
    record: RunRecord, *, items: int | None = None, only: ItemState | None = None, groups: int = GROUPS
) -> RenderableType:
    """The board: how the run stands, its bar and sums, bleed, items to look at, and what to do next.

    Args:
        record: the run.
        items: rows of a table of items, the failed and held ones first; 0 leaves it out. None groups the
            items that need a look by their reason, and leaves out what says nothing.
        only: show items in this state and no others, 20 of them unless ``items`` says how many.
        groups: rows of such groups.

    Returns:
        Something rich prints, at any width, with or without colour.
    """
    parts: list[RenderableType] = [_headline(record), Text(""), StateBar(record.states)]
    parts += [Text(""), _sums(record)]
    bleed = bleed_board(record)
    if bleed is not None:
        parts += [Text(""), bleed]
    parts += grouped(record, groups) if items is None and only is None else listed(record, items, only)
    if step := next_step(record):
        # The command stands alone on its line, so that it can be copied whole.
        parts += [Text(""), *([Text(f"To go on: {step.note}.", "dim")] if step.note else [])]
        parts.append(Text("Next: ", "bold").append(str(replace(step, note=""))))
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
                live.update(status_table(record, groups=min(GROUPS, fits)), refresh=True)
                if not record.running:
                    return record
                pause(every_s)
                record = read()
        except KeyboardInterrupt:
            return record


def _headline(record: RunRecord) -> Text:
    head = legible(record.name)
    head.stylize("bold")
    head.append("  model ", "dim").append_text(legible(record.model)).append("\n")
    told, kind = outcome(record)
    if detail := _detail(record):
        told += f": {detail}"
    return head.append(told, KINDS[kind])


def _detail(record: RunRecord) -> str:
    """What there is to add to how the run stands."""
    kind = standing(record)
    if kind is Standing.RUNNING:
        wait = "it waits for its reviewer" if record.gate is Gate.WAITING else ""
        return ", ".join(each for each in (plain(record.owner) if record.owner else "", wait) if each)
    if kind is Standing.AT_PROVIDER:
        return f"{counted(len(record.jobs_open), 'batch job')} under way"
    if kind is Standing.REJECTED:
        return "no result goes on"
    if kind is Standing.ENDED_EARLY:
        return plain(stopped_words(record.stopped or ""), 400)
    return "no process works on it; run it again to go on" if kind is Standing.OPEN else ""


def _sums(record: RunRecord) -> Table:
    sums = Table.grid(padding=(0, 2))
    sums.add_column(style="dim", no_wrap=True)
    sums.add_column(overflow="fold")
    for name, told in _told(record):
        # As Text: a string would be read as markup.
        sums.add_row(name, Text(told, _style(record) if name == "packing" else ""))
    return sums


def _style(record: RunRecord) -> str:
    return {"good": "green", "bad": "red"}.get(packing_worth(record.comparisons[0]).kind, "")


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
    unpriced = counted(ledger.unpriced_calls, "call")
    left_out = f", {unpriced} of unknown cost left out" if ledger.unpriced_calls else ""
    each = usd_per_answer(record)
    by_answer = f"; {money(each)} per answered item" if each is not None else ""
    yield "cost", f"{money(ledger.cost_usd)}{left_out}{by_answer}"
    if (rest := usd_of_the_rest(record)) is not None:
        yield "to come", f"about {money(rest)} for the {record.unsettled:,} items that are still open"
    for found in record.comparisons[:1]:
        yield (
            "packing",
            plain(str(packing_worth(found)), 300) + (f" ({basis})" if (basis := rests_on(found)) else ""),
        )
    if dear := dear_packing(record).rpartition("Next time: ")[2]:
        yield "", f"next time: {dear.removesuffix('.')}"
    if lost := record.maybe_paid:
        most = "" if ledger.maybe_paid_usd is None else f", at most {money(ledger.maybe_paid_usd)}"
        names = ", ".join(plain(call.name, 40) for call in lost[:NAMED])
        more = f" and {len(lost) - NAMED:,} more" if len(lost) > NAMED else ""
        told = f"{counted(len(lost), 'call')}{most}: {names}{more}; sent, and the reply was lost"
        yield "maybe paid", f"{told} with its process. {MAYBE_PAID}"
    if rulings := rulings_of(record):
        yield "reviewed", ", ".join(f"{count:,} {PAST[ruling]}" for ruling, count in rulings.items())


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{plain(name, 40)} {count:,}" for name, count in counts.most_common())


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"

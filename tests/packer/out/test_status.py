"""The board of a stored run: what people see at any width, what programs read, how it follows a run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console

from packer.out.board.status import status_json, status_table, watch
from schemas.comparison import Comparison, Way
from schemas.item import ItemId
from schemas.ledger import Baseline, Ledger
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate, Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trust
from schemas.usage import Usage
from schemas.verdict import Fault, Reason

NASTY = "id \x1b[31m[bold]\u202e"


def item(
    item_id: ItemId, state: ItemState, route: Route = Route.PACK, detail: str = "", trust: Trust = Trust.CLEAN
) -> ItemRecord:
    if state in (ItemState.QUEUED, ItemState.IN_FLIGHT):
        return ItemRecord(item_id, "secret text", state, attempts=int(state is ItemState.IN_FLIGHT))
    outcome = Outcome(state.value)
    reason = Reason(Fault.INVALID_VALUE, detail) if detail else None
    signals = (Signal(SignalKind.UNGROUNDED, "not there"),) if trust is Trust.DOUBTFUL else ()
    done: ItemResult[object] = ItemResult(
        item_id, outcome, None, route, reason, signals, attempts=2, call="pack-1", trust=trust
    )
    return ItemRecord(item_id, "secret text", state, result=done, attempts=2)


ITEMS = (
    *(item(f"row-{n}", ItemState.ACCEPTED) for n in range(30)),
    item("odd", ItemState.ACCEPTED, Route.REPACK, trust=Trust.DOUBTFUL),
    item(NASTY, ItemState.FAILED, Route.SINGLE, "'ok\x07' is not one of 'good', 'bad'"),
    item(41, ItemState.HELD, Route.REPACK),
    item(42, ItemState.IN_FLIGHT),
    *(item(n, ItemState.QUEUED) for n in range(43, 60)),
)
CALLS = (
    CallRecord("pack-1", "pack", tuple(f"row-{n}" for n in range(30)), CallState.ANSWERED),
    CallRecord("single-1", "single", (NASTY,), CallState.FAILED, error="boom"),
    CallRecord("single-2", "single", (42,), CallState.IN_FLIGHT),
    *(
        CallRecord(f"[red]pack-{n}", "pack", (50, 51), CallState.MAYBE_PAID, sent_at_s=1.5)
        for n in range(7, 14)
    ),
)
LEDGER = Ledger(
    3,
    1,
    0,
    Usage(12_345, 800, None),
    Baseline(50),
    cost_usd=Decimal("0.001230"),
    unpriced_calls=1,
    maybe_paid_calls=7,
    maybe_paid_usd=Decimal("0.0004"),
)
RUN = RunRecord(
    "may", "runs/may.sqlite", "openai/[x]", "Sentiment.", "2026-01-01T00:00:00Z", ITEMS, CALLS, LEDGER
)


def board(record: RunRecord, width: int = 120, **more: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(status_table(record, **more))  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_every_width_says_all_of_it_and_none_of_it_acts(width: int) -> None:
    told = board(RUN, width, items=5)
    assert max(map(len, told.splitlines())) <= width
    assert not set(told) & set("\x1b\x07\u202e")
    words = " ".join(told.split())
    for piece in (
        "may model openai/[x]",
        "█ 31 accepted",
        "▓ 1 held",
        "x 1 failed",
        "▒ 1 in flight",
        "· 17 queued",
        "of 51",
        "12,345 in (800 cached), unknown out",
        "$0.00123, 1 call of unknown cost left out; $0.0000384 per answered item",
        "and 46 more",
    ):
        assert piece in words
    joined = "".join(told.split())
    for piece in (
        "3sent,1failed,1inflight(single2,pack1)",
        "7calls,atmost$0.0004:[red]pack-7,[red]pack-8,[red]pack-9,[red]pack-10,[red]pack-11and2more",
    ):
        assert piece in joined
    if width >= 60:
        assert "\\x1b[31m[bold]" in told


def test_a_reason_has_its_own_column_where_there_is_room_and_else_stands_under_its_id() -> None:
    wide, narrow = board(RUN, 120, items=1).splitlines(), board(RUN, 60, items=1).splitlines()
    assert any("\\x1b[31m[bold]" in line and "invalid_value" in line for line in wide)
    (under,) = [line for line in narrow if "invalid_value" in line]
    assert not under.startswith("failed")
    assert under.index("invalid_value") == narrow[narrow.index(under) - 1].index("id \\x1b")


def test_the_bar_has_a_stretch_for_each_state_even_one_item_of_a_million() -> None:
    items = (*(ITEMS[0] for _ in range(100_000)), ITEMS[31])
    bar = board(replace(RUN, items=items), 60, items=0).splitlines()[3]
    assert (len(bar), bar.count("█"), bar.count("x")) == (60, 59, 1)


def test_failed_and_held_items_come_first_and_one_state_can_be_asked_for() -> None:
    rows = [
        line.split()[0] for line in board(RUN, items=20).splitlines() if line.startswith(tuple(ItemState))
    ]
    assert rows[:2] == ["failed", "held"]
    only = board(RUN, only=ItemState.QUEUED, items=3)
    assert [line.split()[2] for line in only.splitlines() if line.startswith("queued")] == ["43", "44", "45"]
    assert "and 14 more" in only
    assert "No item is held." in board(replace(RUN, items=ITEMS[:3]), only=ItemState.HELD)
    assert "row-0" not in board(RUN, items=0)


def test_reasons_say_what_each_item_waits_for() -> None:
    told = board(RUN, items=60)
    for line in (
        "invalid_value: 'ok\\x07' is not one of 'good', 'bad'",
        "waits for a review",
        "call single-2",
        "doubtful: ungrounded",
    ):
        assert line in told
    assert "secret text" not in told


@pytest.mark.parametrize(
    ("change", "word", "told"),
    [
        ({"running": True, "owner": "process 7"}, "running", "running: process 7"),
        ({"running": True, "gate": Gate.WAITING}, "running", "running: it waits for its reviewer"),
        ({"gate": Gate.REJECTED}, "rejected", "rejected by its reviewer"),
        (
            {"gate": Gate.WAITING, "stopped": "it waits"},
            "held",
            "held: 1 answer waits for a review\n",
        ),
        ({"stopped": "the ceiling \x07"}, "ended_early", "ended early: the ceiling \\x07"),
        ({}, "open", "not finished: no process works on it; run it again to go on"),
        ({"items": ITEMS[:32]}, "complete", "complete, 1 item without an answer\n"),
        ({"items": ITEMS[:3]}, "complete", "complete\n"),
        ({"items": ()}, "complete", "complete\n"),
    ],
)
def test_the_second_line_says_how_the_run_stands(change: dict[str, object], word: str, told: str) -> None:
    changed = replace(RUN, **change)  # type: ignore[arg-type]
    assert told in board(changed)
    assert status_json(changed)["standing"] == word


def test_a_console_with_ascii_alone_gets_ascii_alone() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=stream, width=70).print(status_table(RUN, items=3))
    stream.flush()
    assert b"# 31 accepted   = 1 held   x 1 failed   > 1 in flight" in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_colour_is_for_terminals_only() -> None:
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=True, color_system="standard").print(status_table(RUN))
    assert "\x1b[31m" in stream.getvalue()
    assert "\x1b" not in board(RUN)


def test_json_holds_every_item_money_as_strings_and_unknown_as_null() -> None:
    reviews = (Review(41, Stage.FIRST, Ruling.APPROVE, "Ada", "2026-01-01T00:00:00Z"),)
    told = status_json(replace(RUN, reviews=reviews))
    assert "reviewed    1 approved\n" in "\n".join(
        map(str.rstrip, board(replace(RUN, reviews=reviews)).splitlines())
    )
    assert json.loads(json.dumps(told)) == told
    assert (told["cost_usd"], told["maybe_paid_usd"], told["output_tokens"]) == ("0.001230", "0.0004", None)
    assert told["states"] == {"queued": 17, "in_flight": 1, "accepted": 31, "held": 1, "failed": 1}
    assert told["answers_by_route"] == {"pack": 30, "repack": 2}
    assert told["reviewed"] == {"approve": 1}
    items = told["items"]
    assert isinstance(items, list)
    assert len(items) == 51
    assert items[31] == {
        "id": NASTY,
        "state": "failed",
        "route": "single",
        "attempts": 2,
        "reason": "invalid_value: 'ok\x07' is not one of 'good', 'bad'",
        "call": "pack-1",
    }
    assert items[33] == {
        "id": 42,
        "state": "in_flight",
        "route": "single",
        "attempts": 1,
        "reason": None,
        "call": "single-2",
    }
    assert (items[34]["route"], items[34]["call"]) == (None, None)
    lost = told["maybe_paid_calls"]
    assert isinstance(lost, list)
    assert lost[0] == {"call": "[red]pack-7", "route": "pack", "items": [50, 51], "sent_at_s": 1.5}
    unknown = status_json(replace(RUN, ledger=Ledger(0, 0, 0, Usage(), Baseline(0))))
    assert (unknown["cost_usd"], unknown["input_tokens"], unknown["owner"]) == (None, None, None)
    assert "secret text" not in json.dumps(told)


def followed(
    records: Iterator[RunRecord], *, terminal: bool, stop_at: int = 99
) -> tuple[RunRecord, str, int]:
    stream, pauses = io.StringIO(), []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == stop_at:
            raise KeyboardInterrupt

    console = Console(file=stream, width=80, height=30, force_terminal=terminal)
    last = watch(lambda: next(records), console, every_s=0.25, pause=pause)
    assert set(pauses) <= {0.25}
    return last, stream.getvalue(), len(pauses)


def test_watching_follows_a_run_to_its_end() -> None:
    running = replace(RUN, running=True, owner="process 7")
    ended = replace(RUN, items=ITEMS[:3])
    last, told, pauses = followed(iter([running, running, ended]), terminal=True)
    assert (last, pauses) == (ended, 2)
    assert told.count("running: process 7") == 2
    assert "complete" in told.rpartition("running")[2]


def test_watching_into_a_pipe_prints_the_last_board_alone() -> None:
    last, told, _ = followed(iter([replace(RUN, running=True), RUN]), terminal=False)
    assert (last, told.count("may  model"), "\x1b" in told) == (RUN, 1, False)
    assert "no process works on it" in told


def test_ctrl_c_ends_watching_calmly() -> None:
    running = replace(RUN, running=True)
    last, _, pauses = followed(iter([running] * 5), terminal=True, stop_at=2)
    assert (last, pauses) == (running, 2)


def test_what_needs_a_look_is_grouped_by_its_reason_and_the_rest_is_left_out() -> None:
    told = board(replace(RUN, items=(*ITEMS, *(replace(ITEMS[31], id=f"bad-{n}") for n in range(8)))), 160)
    (failed,) = [line for line in told.splitlines() if line.startswith("9 failed")]
    assert "invalid_value: 'ok\\x07' is not one of" in failed
    assert failed.rstrip().endswith("'bad-0', 'bad-1', 'bad-2', 'bad-3' and 4 more")
    assert "If that value is right, allow it in the task; else ask a larger model." in told
    assert "Read it beside its text before you use it." in told
    assert "1 held" in told
    assert "1 doubtful" in told
    assert "row-0" not in told
    assert told.rstrip().splitlines()[-1].startswith("Next: ")
    assert "and 10 more for other reasons" in board(
        replace(RUN, items=tuple(item(n, ItemState.FAILED, detail=f"why {n}") for n in range(20)))
    )


def test_the_bar_and_its_legend_do_not_touch() -> None:
    lines = board(RUN, 60, items=0).splitlines()
    assert (lines[3][:1], lines[4].strip(), lines[5][:1]) == ("█", "", "█")


def test_whether_packing_paid_and_what_the_rest_costs_stand_with_the_money() -> None:
    ways = (Way("packed", True, 9, 1, cost_usd=Decimal(3)), Way("singles", True, 9, 1, cost_usd=Decimal(1)))
    told = board(replace(RUN, comparisons=(Comparison(ways, 3.0, False, "packing did not pay"),)))
    assert "packing     3.00 times the cost of single calls (measured on 9 single calls)" in told
    assert 'next time: strategy="single"' in told
    assert "to come     about $54.00 for the 18 items that are still open" in told

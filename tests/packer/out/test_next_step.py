"""What a run cost by answer, whether packing was worth it, and the one command that comes next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from packer.out.board.next_step import next_step, stopped_words
from packer.out.board.worth import (
    asked_again,
    dear_packing,
    packing_worth,
    usd_of_the_rest,
    usd_per_answer,
)
from schemas.comparison import Comparison, Way
from schemas.ledger import Baseline, Ledger
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate
from schemas.route import Route
from schemas.usage import Usage


def items(
    accepted: int, failed: int = 0, queued: int = 0, route: Route = Route.PACK
) -> tuple[ItemRecord, ...]:
    states = [ItemState.ACCEPTED] * accepted + [ItemState.FAILED] * failed + [ItemState.QUEUED] * queued
    made = []
    for number, state in enumerate(states):
        done: ItemResult[object] | None = None
        if state is not ItemState.QUEUED:
            ended = Outcome.ACCEPTED if state is ItemState.ACCEPTED else Outcome.FAILED
            done = ItemResult(number, ended, None, route if ended is Outcome.ACCEPTED else Route.SINGLE)
        made.append(ItemRecord(number, "text", state, result=done))
    return tuple(made)


def run(every: tuple[ItemRecord, ...], **more: object) -> RunRecord:
    ledger = Ledger(18, 0, 0, Usage(), Baseline(len(every)), cost_usd=Decimal("0.009"))
    made = RunRecord("may", "a run.db", "m", "", "2026-01-01T00:00:00Z", every, (), ledger)
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def compared(
    packed: str | None, alone: str | None, paid: bool | None, batch: str | None = None
) -> Comparison:
    def way(name: str, usd: str | None) -> Way:
        cost = None if usd is None else Decimal(usd)
        return Way(name, True, 9, 1, 10.0 if name == "packed" else 20.0, 0.0, 4.0, cost)

    ways = (way("packed", packed), way("singles", alone), way("warm", alone), way("batch", batch))
    over = batch or alone
    ratio = float(Decimal(packed) / Decimal(over)) if packed and over else 14 / 24
    return Comparison(ways, ratio, paid, "packing: said so")


EARLY = run(items(90, queued=310), stopped="Limits(max_calls=18) is used up")
ROOM = (
    "(96 calls in all, 18 already used: room for 310 open items at 0.2 calls an item, as so far, and 25% to "
    "spare)"
)
TYPED = ("run", "--labels=a,b", "--", "in.csv")


def test_money_is_divided_among_the_items_that_have_an_answer() -> None:
    assert usd_per_answer(EARLY) == Decimal("0.0001")
    assert usd_of_the_rest(EARLY) == Decimal("0.0310")
    known = replace(EARLY, comparisons=(compared("0.00005", "0.0001", True),))
    assert usd_of_the_rest(known) == Decimal("0.0155")
    assert usd_per_answer(run(items(0, queued=3))) is None
    assert usd_of_the_rest(run(items(3))) is None


@pytest.mark.parametrize(
    ("found", "told", "kind"),
    [
        (compared("7", "10", True), "30% cheaper than single calls", "good"),
        (compared("30.5", "10", False), "3.05 times the cost of single calls", "bad"),
        (compared("4", "10", True, "5"), "20% cheaper than single calls in batch jobs", "good"),
        (
            compared("8", "10", False),
            "20% cheaper than single calls, yet dearer than those with a warm cache",
            "bad",
        ),
        (compared(None, None, True), "41.7% fewer tokens than single calls", "good"),
        (
            compared(None, None, None),
            "cannot be told without a price: 0.50 times the input tokens and 1.00 times the output tokens of "
            "single calls",
            "soft",
        ),
        (Comparison((), None, None, "it cannot be told: why"), "unknown why", "soft"),
    ],
)
def test_packing_is_judged_in_a_few_words(found: Comparison, told: str, kind: str) -> None:
    worth = packing_worth(found)
    assert (str(worth).replace("42%", "41.7%"), worth.kind) == (told, kind)


def test_packing_that_did_not_pay_says_what_it_was_and_what_to_do() -> None:
    dear = run(items(4, 2), comparisons=(compared("30", "10", False),))
    calls = (CallRecord("pack-1", "pack", (0, 1, 4, 5), CallState.ANSWERED),)
    dear = replace(dear, calls=calls)
    assert asked_again(dear) == (4, 2)
    assert dear_packing(dear) == (
        "Packing did not pay: it took 3.00 times the cost of single calls: 2 of 4 packed items had to be "
        'asked again. Next time: strategy="single".'
    )
    assert "--strategy single" in dear_packing(replace(dear, begun_with=TYPED))
    assert dear_packing(replace(dear, comparisons=(compared("7", "10", True),))) == ""


@pytest.mark.parametrize(
    ("record", "step"),
    [
        (run(items(3)), "packsplit export 'a run.db' --out results.csv"),
        (run(items(3), begun_with=TYPED), "packsplit report 'a run.db'"),
        (run(items(3, 1)), "packsplit report 'a run.db'"),
        (run(items(3), gate=Gate.WAITING), "packsplit review 'a run.db'"),
        (run(items(3), gate=Gate.REJECTED), "packsplit report 'a run.db'"),
        (run(items(3), running=True), "packsplit status 'a run.db' --watch"),
        (run(items(3, queued=1), begun_with=TYPED), "packsplit resume 'a run.db'"),
        (replace(EARLY, begun_with=TYPED), "packsplit resume 'a run.db' --max-calls 96 " + ROOM),
        (
            EARLY,
            "in your Python script, call pack_and_run as before, with store='a run.db', "
            "limits=Limits(max_calls=96) " + ROOM,
        ),
        (
            run(items(3, queued=1)),
            "in your Python script, call pack_and_run as before, with store='a run.db'",
        ),
        (
            replace(EARLY, items=items(0, queued=9), begun_with=TYPED),
            "packsplit resume 'a run.db' --max-calls 30 (30 calls in all, 18 already used: room for 9 open "
            "items, and 25% to spare)",
        ),
        (
            replace(EARLY, begun_with=TYPED, stopped="Limits(max_cost_usd=0.01) leaves no room for another"),
            "packsplit resume 'a run.db' --max-cost 0.049 ($0.049 in all, $0.009 already spent: room for 310 "
            "open items, and 25% to spare)",
        ),
    ],
)
def test_the_next_command_can_be_copied(record: RunRecord, step: str) -> None:
    assert str(next_step(record)) == step


def test_a_report_does_not_send_to_itself() -> None:
    assert next_step(run(items(3), begun_with=TYPED), on_page=True) is None
    assert str(next_step(run(items(3, 1)), on_page=True)).startswith("packsplit export")


def test_a_limit_is_told_without_the_program_s_words() -> None:
    assert stopped_words("Limits(max_calls=1) is used up") == "stopped at its limit of 1 call"
    assert stopped_words("Limits(max_cost_usd=2.5) leaves no room for") == "stopped at its limit of $2.50"
    assert (
        stopped_words("Limits(max_cost_usd=...) leaves no room") == "Limits(max_cost_usd=...) leaves no room"
    )

"""What notebooks show: the facts, bounded in size, in the notebook's own colours, and nothing that acts."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from xml.etree.ElementTree import Element

import html5lib
import pytest

from packer import (
    Decision,
    Evaluation,
    Fallback,
    Gate,
    Guard,
    Item,
    Layout,
    ModelFacts,
    Price,
    Review,
    ReviewGate,
    Ruling,
    RunResult,
    Sheet,
    Signal,
    SignalKind,
    Task,
    evaluate,
    pack_and_run,
    plan,
)
from packer.testing import BleedingClient, FaultKind, FaultyClient, Inject, ScriptedClient
from schemas.advice import Advice, Topic
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.notebook import MOST_ROWS
from schemas.result import ItemResult, Outcome
from schemas.review import Neighbour, Stage, ToReview
from schemas.signal import Trust
from schemas.usage import Usage
from schemas.verdict import Fault, Reason
from tests.packer.out.payloads import PAYLOADS

TASK = Task.classify("Sentiment of a review.", ["good", "bad"])
TRUTH = {f"Review {n}": "good" if n % 3 else "bad" for n in range(60)}
EMPTY = Ledger(0, 0, 0, Usage(), Baseline(0))


def parsed(html: str) -> Element:
    """As a browser reads it; nothing but our own elements and styles may be in it."""
    page = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False).parse(f"<!doctype html>{html}")
    names = {each.tag for each in page.iter()}
    assert names <= {"html", "head", "body", "div", "table", "tbody", "tr", "th", "td", "bdi", "br"}, names
    for each in page.iter():
        assert set(each.attrib) <= {"style"}, each.attrib
        assert not re.search(r"url|expression|#|position|white(?!-space)|black", each.get("style", ""))
    found = page.find("body")
    assert found is not None
    assert len(found) == 1
    return found


def text_of(html: str) -> str:
    return "\n".join(" ".join(each.itertext()) for each in parsed(html).iter("div"))


def rows_of(html: str, number: int = 0) -> list[list[str]]:
    tables = list(parsed(html).iter("table"))
    return [["".join(cell.itertext()) for cell in row] for row in tables[number].iter("tr")]


def shown(value: object) -> str:
    made = value._repr_html_()  # type: ignore[attr-defined]  # as IPython calls it
    assert isinstance(made, str)
    return made


def test_a_run_says_what_happened_what_it_cost_and_shows_first_what_to_look_at() -> None:
    facts = ModelFacts(price=Price(1, 2))
    client = FaultyClient(TRUTH, Inject(FaultKind.UNKNOWN_LABEL, rate=0.1))
    guard = Guard(audit=0.0)
    items = [*TRUTH, " "]
    once = Fallback(repacks=0, session=False, single=False)
    run = pack_and_run(items, TASK, client=client, facts=facts, guard=guard, fallback=once)
    html = shown(run)
    told = text_of(html)
    open_ones = len(run.unresolved)
    assert open_ones > 1
    assert f"61 items: {61 - open_ones} accepted, {open_ones} failed" in told
    assert f"{run.ledger.calls} calls of faulty (one by one: 60)" in told
    assert f"{run.ledger.cost_usd:.6f} USD" in told
    assert f"{open_ones} items to look at, first in the table." in told
    rows = rows_of(html)
    assert rows[0] == ["item", "value", "outcome", "why", "route", "calls"]
    assert [row[0] for row in rows[1 : open_ones + 1]] == [str(each.item_id) for each in run.unresolved]
    assert open_ones < MOST_ROWS
    assert len(rows) == MOST_ROWS + 1
    assert "and 51 more" in told


def test_a_run_that_ended_early_or_waits_says_so_first() -> None:
    stopped = RunResult((ItemResult("a", Outcome.PENDING),), EMPTY, "any", "", 0.0, stopped="Ctrl-C")
    assert "Ended early: Ctrl-C" in text_of(shown(stopped))
    waiting = replace(stopped, gate=Gate.WAITING)
    assert "Held until a reviewer has looked at a sample." in text_of(shown(waiting))
    nothing: RunResult[str] = RunResult((), EMPTY, "any", "", 0.0)
    assert "0 items: none" in text_of(shown(nothing))


def test_doubt_repeats_and_nulls_are_told_apart() -> None:
    results = (
        ItemResult("a", Outcome.ACCEPTED, None),
        ItemResult("b", Outcome.ACCEPTED, "x", same_as="a"),
        ItemResult(
            "c", Outcome.ACCEPTED, {"n": 1}, trust=Trust.DOUBTFUL, signals=(Signal(SignalKind.UNBOUND, ""),)
        ),
        ItemResult("d", Outcome.HELD, "y"),
    )
    rows = rows_of(shown(RunResult(results, EMPTY, "any", "", 0.0)))
    assert [row[:4] for row in rows[1:]] == [
        ["c", '{"n": 1}', "accepted", "doubtful: unbound"],
        ["d", "y", "held", ""],
        ["a", "null", "accepted", ""],
        ["b", "x", "accepted", "same text as a"],
    ]


def test_what_a_ledger_does_not_know_is_unknown_and_not_nothing() -> None:
    html = shown(Ledger(3, 1, 1, Usage(), Baseline(9), maybe_paid_calls=2))
    assert "3 calls, cost unknown" in text_of(html)
    assert ["input tokens", "unknown", "unknown", "unknown"] in rows_of(html)
    assert ["USD", "unknown", "", ""] in rows_of(html)
    for each in ("1 call failed.", "1 call came without usage", "may be billed (an unknown amount)"):
        assert each in text_of(html)
    known = Ledger(
        3,
        0,
        0,
        Usage(10, 0, 5),
        Baseline(9, 100, 5),
        routes={"pack": RouteSum(2), "single": RouteSum(1, Usage(1, 0, 1), Decimal("0.5"))},
        cost_usd=Decimal("0.5"),
    )
    html = shown(known)
    assert ["input tokens", "10", "100", "0.10x"] in rows_of(html)
    assert rows_of(html, 1)[1:] == [
        ["pack", "2", "unknown", "unknown", "unknown", "unknown"],
        ["single", "1", "1", "0", "1", "0.500000"],
    ]


def test_a_plan_shows_both_ways_what_is_refused_and_the_advice() -> None:
    made = plan([*TRUTH, "", "Review 1"], TASK, facts=ModelFacts(price=Price(1, 2)))
    html = shown(made)
    assert "62 items: 60 to ask in" in text_of(html)
    assert ["calls", f"{made.calls}", "60"] in rows_of(html)
    assert rows_of(html, 1)[1] == ["60", "empty_text: the text is empty; nothing was asked"]
    assert all(str(each) in text_of(html) for each in made.advice)
    assert ["USD, expected", "unknown", "unknown"] in rows_of(shown(plan(list(TRUTH), TASK)))


def test_an_evaluation_a_calibration_and_an_audit_show_their_figures() -> None:
    leaky = BleedingClient(TRUTH, copy=0.4)
    found = evaluate(list(TRUTH), TASK, client=leaky, sizes=(5, 10), gold=TRUTH, twice_share=0.2)
    html = shown(found)
    assert found.words in text_of(html)
    assert [row[0] for row in rows_of(html)] == ["", "alone", "packs of 5", "packs of 10"]
    assert "%" in rows_of(html)[2][4]
    assert "no labels" in shown(replace(found, alone_right=None))
    run = pack_and_run(list(TRUTH), TASK, client=ScriptedClient(TRUTH), guard=Guard(max_bleed=0.3, audit=0.5))
    assert run.calibration is not None
    assert run.audit is not None
    assert run.calibration.words in text_of(shown(run.calibration))
    assert run.audit.words in text_of(shown(run.audit))
    assert rows_of(shown(run.audit))[1][0].startswith("route: ")


def test_a_review_shows_what_was_decided_on_what() -> None:
    sheets: list[Sheet] = []

    def look(sheet: Sheet) -> list[Decision]:
        sheets.append(sheet)
        return [Decision(each.item_id, Ruling.CORRECT, "bad", "so it says") for each in sheet.items]

    gate = ReviewGate(sample=12, callback=look, reviewer="Ada")
    run = pack_and_run(list(TRUTH), TASK, client=ScriptedClient(lambda text: "good"), review=gate, name="may")
    html = shown(sheets[0])
    assert "12 answers to review (first sheet of 'may')" in text_of(html)
    assert "and 2 more" in text_of(html)
    assert rows_of(html)[1][1] == sheets[0].items[0].text
    html = shown(run.reviews[0])
    assert f"correct of item {run.reviews[0].item_id} by Ada" in text_of(html)
    assert rows_of(html)[1:] == [["the model's answer", "good"], ["corrected", "bad"], ["why", "so it says"]]


def hostile(text: str) -> list[object]:
    """One of each, with this text wherever a caller's or a model's text can stand."""
    signal = Signal(SignalKind.UNBOUND, text, evidence=text)
    results = (
        ItemResult(text, Outcome.FAILED, None, reason=Reason(Fault.INVALID_VALUE, text)),
        ItemResult("b", Outcome.ACCEPTED, text, trust=Trust.DOUBTFUL, signals=(signal,), same_as=text),
        ItemResult("c", Outcome.ACCEPTED, {text: [text]}),
    )
    ledger = replace(EMPTY, routes={text: RouteSum(1), "b": RouteSum(1)}, price_source=text)
    advice = Advice(Topic.MIXED, False, text)
    item = ToReview(text, text, text, text, Trust.CLEAN, (signal,), (), (Neighbour(text, text, text),))
    return [
        RunResult(results, ledger, text, text, 0.0, stopped=text, advice=(advice,)),
        ledger,
        Sheet(text, Stage.FIRST, (item,), 1, 2),
        Review(text, Stage.FIRST, Ruling.REJECT, text, text, text, text, text),
        replace(PLANNED, advice=(advice,), counter=text, refused=(results[0],)),
        replace(EVALUATED, words=text, stopped=text, model=text),
    ]


PLANNED = plan([Item("a", "Fine."), Item("b", "Broke.")], TASK, layout=Layout(shuffle=False))
EVALUATED: Evaluation = evaluate(
    ["a", "b", "c", "d"], TASK, client=ScriptedClient(lambda text: "good"), sizes=(2,)
)


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_texts_are_shown_and_do_nothing(text: str) -> None:
    for each in hostile(text):
        html = shown(each)
        parsed(html)
        html.encode()  # no half of a character is left
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]", html)


def test_a_long_text_is_cut_wherever_it_stands() -> None:
    assert max(len(shown(each)) for each in hostile("x" * 100_000)) < 15_000


def test_a_value_that_json_does_not_know_is_shown_by_its_own_name() -> None:
    run = RunResult(
        (ItemResult("a", Outcome.ACCEPTED, Decimal(1)), ItemResult("b", Outcome.ACCEPTED, {1, 2})),
        EMPTY,
        "",
        "",
        0,
    )
    assert [row[1] for row in rows_of(shown(run))[1:]] == ["1.000000", "{1, 2}"]

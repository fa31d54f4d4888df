"""A reviewer's sheet: what is shown, what each key does, and the same decisions from a script's rows."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from rich.console import Console

from packer.out.board.review import ReviewPaused, ask_reviewer, decisions_from_rows, sheet_json
from schemas.errors import AwaitsReview, UsageError
from schemas.evidence import Match, Quote
from schemas.review import Decision, Neighbour, Ruling, Sheet, Stage, ToReview
from schemas.signal import Signal, SignalKind, Trust
from tests.strategies import texts

TEXT = "The invoice says \x1b[2J12.99 EUR, not [bold]13[/bold].\nPaid in \u202eetal\u202c May."
QUOTES = (
    Quote("amount", "12.99", Match.EXACT, 21, 26),
    Quote("currency", "eur", Match.NORMALISED, 27, 30),
    Quote("when", "in June", Match.NOT_FOUND),
)
SIGNALS = (
    Signal(SignalKind.FOREIGN_VALUE, "'in June' stands in row-14", 0.9, "in June", ("row-1", "row-14")),
)
NEIGHBOURS = tuple(Neighbour(f"row-{n}", f"Text {n}, due in June", {"amount": n}) for n in range(2, 16))
FULL = ToReview("row-1", TEXT, {"amount": 2}, "pack", Trust.DOUBTFUL, SIGNALS, QUOTES, NEIGHBOURS)
PLAIN = ToReview(2, None, "good", "single", Trust.CLEAN)
LAST = ToReview("three", "Fine.", "good", "repack", Trust.CONFIRMED)
SHEET = Sheet("may", Stage.FIRST, (FULL, PLAIN, LAST), 30, 600)


def parse(typed: str) -> object:
    if typed not in ("good", "bad"):
        raise UsageError(f"'{typed}' is none of good, bad")
    return typed


def sitting(typed: Iterable[str], sheet: Sheet = SHEET, width: int = 100) -> tuple[list[Decision], str]:
    stream, lines = io.StringIO(), iter(typed)
    console = Console(file=stream, width=width)

    def read(prompt: str) -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        stream.write(f"{prompt}{line}\n")
        return line

    decisions = ask_reviewer(sheet, console, parse=parse, read=read)
    assert next(lines, None) is None, "more was typed than was asked for"
    return decisions, stream.getvalue()


def shown(item: ToReview, width: int = 100) -> str:
    return sitting(["a", ""], Sheet("may", Stage.LAST, (item,), 1, 1), width)[1]


def test_approve_reject_and_correct() -> None:
    decisions, told = sitting(["a", "r", "wrong year", "correct", "bad", "says so", ""])
    assert decisions == [
        Decision("row-1", Ruling.APPROVE),
        Decision(2, Ruling.REJECT, None, "wrong year"),
        Decision("three", Ruling.CORRECT, "bad", "says so"),
    ]
    assert "1 of 3 · first answers: 30 of 600 answered" in told
    assert "All 3 answers decided: 1 to approve, 1 to reject, 1 to correct." in told


def test_back_returns_keeps_and_changes() -> None:
    typed = ["b", "a", "c", "bad", "", "b", "", "a", "b", "r", "no", ""]
    decisions, told = sitting(typed)
    assert [each.ruling for each in decisions] == ["approve", "correct", "reject"]
    assert "You decided: correct to bad. Enter keeps that." in told
    assert "You decided: approve. Enter keeps that." in told


def test_nothing_is_approved_by_leaning_on_the_enter_key() -> None:
    decisions, told = sitting(["", "yes", "?", "a", "r", "", "a", "a", "x", ""])
    assert [each.ruling for each in decisions] == ["approve"] * 3
    assert told.count("Type one of a, r, c, b, q") == 2
    assert "approve: the answer is right" in told
    assert "Nothing decided: a rejection needs a reason." in told


def test_a_wrong_correction_is_told_and_asked_for_again_or_given_up() -> None:
    decisions, told = sitting(["a", "a", "c", "gr\x1beat", "bad", "", ""])
    assert decisions[2] == Decision("three", Ruling.CORRECT, "bad")
    assert "'gr\\x1beat' is none of good, bad" in told
    decisions, told = sitting(["a", "a", "c", "", "a", ""])
    assert decisions[2].ruling is Ruling.APPROVE


@pytest.mark.parametrize(
    "typed",
    [[], ["q"], ["a", "quit"], ["a", "r"], ["a", "c"], ["a", "c", "bad"], ["a"] * 3, ["a", "a", "a", "q"]],
)
def test_quitting_at_any_point_decides_nothing_and_says_how_to_go_on(typed: list[str]) -> None:
    with pytest.raises(
        ReviewPaused, match=r"of may was left .* the run stays held; packsplit review"
    ) as told:
        sitting(typed)
    assert isinstance(told.value, AwaitsReview)


def test_an_empty_sheet_asks_nothing() -> None:
    assert sitting([], Sheet("may", Stage.LAST, (), 0, 0))[0] == []


@pytest.mark.parametrize("width", [40, 60, 100, 160])
def test_all_that_is_known_of_an_answer_is_shown_and_none_of_it_acts(width: int) -> None:
    told = shown(FULL, width)
    assert not set(told) & set("\x1b\u202e\u202c")
    joined = "".join(told.split())
    for piece in (
        "idrow-1routepackdoubtful",
        "\\x1b[2J12.99EUR,not[bold]13[/bold].",
        "\\u202eetal\\u202cMay.",
        '{"amount":2}',
        "amount:12.99characters21to26",
        "when:inJunenotfoundintheinput",
        "foreign_value0.90",
        "1of14neighbourswiththesameanswer",
    ):
        # Beside one another the two sides take turns line by line.
        assert piece in joined or width >= 96
    assert all(word in told for word in ("Input", "Answer", "Rests on", "Signals", "Shared its call with"))


def test_neighbours_stand_beside_the_answer_where_there_is_room_and_under_it_elsewhere() -> None:
    wide, narrow = shown(FULL, 120).splitlines(), shown(FULL, 60).splitlines()
    assert any("id row-1" in line and "Shared its call" in line for line in wide)
    assert not any("id row-1" in line and "Shared its call" in line for line in narrow)
    assert len(narrow) < 40


def test_of_many_neighbours_the_named_ones_are_kept() -> None:
    told = shown(FULL, 60)
    assert 'row-14  {"amount": 14}' in told
    assert "named by a signal" in told
    assert [n for n in range(2, 16) if f"row-{n}  " in told] == [2, 3, 4, 14]
    assert "and 10 more" in told


def test_quotes_are_marked_in_the_text_and_traces_in_the_neighbour() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=200, force_terminal=True, color_system="standard")
    typed = iter(["a", ""])
    sheet = Sheet("may", Stage.LAST, (FULL,), 1, 1)
    ask_reviewer(sheet, console, parse=parse, read=lambda prompt: next(typed))
    told = stream.getvalue()
    assert "\x1b[1;4;32m12.99\x1b[0m" in told
    assert "\x1b[1;4;33mEUR\x1b[0m" in told
    assert "\x1b[1;4;31min June\x1b[0m" in told


def test_a_run_without_texts_says_so() -> None:
    assert shown(PLAIN).count("(this run keeps no texts)") == 1
    beside = replace(PLAIN, neighbours=(Neighbour("x", None, None),))
    assert shown(beside).count("(this run keeps no texts)") == 2
    assert "x  no answer" in shown(beside)


@given(texts, texts)
def test_no_input_and_no_answer_reaches_the_terminal_raw(text: str, answer: str) -> None:
    item = ToReview(
        text,
        text,
        answer,
        text,
        Trust.CLEAN,
        (Signal(SignalKind.PROSE, text, 1, answer),),
        (Quote(text, answer, Match.FUZZY, 0, len(text)),),
        (Neighbour(text, answer, text),),
    )
    told = shown(item)
    assert {char for char in told if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl")} <= set(
        "\n\u200c\u200d"
    )
    told.encode("utf-8")


APPROVALS: list[dict[str, object]] = [{"id": item.item_id, "ruling": "approve"} for item in SHEET.items]


def test_rows_decide_in_any_order_and_ids_may_be_strings() -> None:
    rows: list[Mapping[str, object]] = [
        {"id": "three", "ruling": "correct", "value": "bad", "reason": "it says so", "note": "left alone"},
        {"id": "2", "ruling": "reject", "value": None, "reason": "wrong"},
        {"id": "row-1", "ruling": "approve"},
    ]
    assert decisions_from_rows(SHEET, rows, parse) == [
        Decision("row-1", Ruling.APPROVE),
        Decision(2, Ruling.REJECT, None, "wrong"),
        Decision("three", Ruling.CORRECT, "bad", "it says so"),
    ]


def test_a_value_that_is_no_string_is_parsed_as_json() -> None:
    row = {"id": 2, "ruling": "correct", "value": {"amount": None}}
    sheet = Sheet("may", Stage.LAST, (PLAIN,), 1, 1)
    assert decisions_from_rows(sheet, [row], json.loads)[0].value == {"amount": None}
    assert decisions_from_rows(sheet, [{**row, "value": None}], json.loads)[0].value is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"ruling": "approve"}, "decision 1 has no id"),
        ("approve", "decision 1 has no id"),
        (
            {"id": "four", "ruling": "approve"},
            "decision 1: the id 'four' is not on the sheet; on it are 'row-1', 2,",
        ),
        ({"id": True, "ruling": "approve"}, "the id True is not on the sheet"),
        ({"id": 2}, r"decision 1 \(id 2\): the ruling None is none of approve, reject, correct"),
        ({"id": 2, "ruling": "ok"}, "the ruling 'ok' is none of"),
        ({"id": 2, "ruling": "approve", "value": "bad"}, "approve carries no value"),
        ({"id": 2, "ruling": "reject"}, "a rejection needs a reason"),
        ({"id": 2, "ruling": "reject", "reason": 5}, "the reason is a int"),
        ({"id": 2, "ruling": "correct"}, "needs the right answer as its value"),
        (
            {"id": 2, "ruling": "correct", "value": "great"},
            r"decision 1 \(id 2\): 'great' is none of good, bad",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_named(row: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        decisions_from_rows(SHEET, [row, *APPROVALS], parse)


def test_every_answer_must_be_decided_once() -> None:
    with pytest.raises(UsageError, match="2 answers of the sheet not decided: 2, 'three'"):
        decisions_from_rows(SHEET, APPROVALS[:1], parse)
    with pytest.raises(UsageError, match="decision 4: the id 2 is decided twice"):
        decisions_from_rows(SHEET, [*APPROVALS, {"id": 2, "ruling": "approve"}], parse)


def test_a_sheet_as_json_can_be_filled_in() -> None:
    told = json.loads(json.dumps(sheet_json(SHEET)))
    assert (told["run"], told["stage"], told["answered"], told["total"]) == ("may", "first", 30, 600)
    first = told["items"][0]
    assert first["text"] == TEXT
    assert first["quotes"][0] == {
        "field": "amount",
        "text": "12.99",
        "match": "exact",
        "start": 21,
        "end": 26,
    }
    assert first["signals"][0]["items"] == ["row-1", "row-14"]
    assert first["neighbours"][0] == {"id": "row-2", "text": "Text 2, due in June", "answer": {"amount": 2}}
    filled = [{**item, "ruling": "approve"} for item in told["items"]]
    assert [each.item_id for each in decisions_from_rows(SHEET, filled, parse)] == ["row-1", 2, "three"]

"""What leaves a stored run: nothing while it is held; and what failed runs again under the same ids."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Task, pack_and_run
from packer.out.commands.export import check_failures, export_rows, results_of, write_failures
from packer.out.tables.results import write_results
from packer.out.tables.rows import pick_text_field, read_rows
from packer.testing import ScriptedClient
from schemas.errors import UsageError
from schemas.item import Item, as_items
from schemas.ledger import Baseline, Ledger
from schemas.record import ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate, Review, Ruling, Stage
from schemas.route import Route
from schemas.usage import Usage
from schemas.verdict import Fault, Reason
from tests.strategies import texts

ENDS = (Outcome.ACCEPTED, Outcome.HELD, Outcome.FAILED, Outcome.PENDING)
Row = str | dict[str, object]


def ended(item_id: str | int, outcome: Outcome = Outcome.ACCEPTED) -> ItemResult[object]:
    bad = outcome in (Outcome.FAILED, Outcome.PENDING)
    reason = Reason(Fault.MISSING, "the reply has no answer for this item") if bad else None
    return ItemResult(item_id, outcome, None if bad else "good", Route.PACK, reason, attempts=2)


def record(
    *states: ItemState, gate: Gate = Gate.NONE, stopped: str | None = None, reviews: tuple[Review, ...] = ()
) -> RunRecord:
    outcomes = {
        ItemState.ACCEPTED: Outcome.ACCEPTED,
        ItemState.HELD: Outcome.HELD,
        ItemState.FAILED: Outcome.FAILED,
    }
    items = tuple(
        ItemRecord(
            number,
            None,
            state,
            result=ended(number, outcomes[state]) if state in outcomes else None,
            attempts=int(state is not ItemState.QUEUED),
        )
        for number, state in enumerate(states)
    )
    ledger = Ledger(1, 0, 0, Usage(), Baseline(len(items)))
    return RunRecord(
        "may \x1b[2J run",
        "runs/may run.sqlite",
        "local",
        "Sentiment.",
        "2026-01-01T00:00:00Z",
        items,
        (),
        ledger,
        gate,
        reviews,
        stopped=stopped,
    )


def test_results_come_in_input_order_and_open_ones_are_pending(tmp_path: Path) -> None:
    states = (ItemState.ACCEPTED, ItemState.QUEUED, ItemState.FAILED, ItemState.IN_FLIGHT)
    rows = export_rows(record(*states, stopped="the ceiling was reached"))
    assert [(row.item_id, row.outcome) for row in rows] == [
        (0, "accepted"),
        (1, "pending"),
        (2, "failed"),
        (3, "pending"),
    ]
    assert str(rows[1].reason) == "stopped: the ceiling was reached"
    assert (rows[1].usage.input_tokens, rows[3].usage.input_tokens) == (0, None)
    write_results(tmp_path / "out.jsonl", rows)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


def test_a_run_that_is_held_gives_nothing_away() -> None:
    waiting = record(ItemState.HELD, ItemState.HELD, ItemState.QUEUED, gate=Gate.WAITING)
    with pytest.raises(UsageError) as told:
        export_rows(waiting)
    assert str(told.value) == (
        "Not written: 2 answers of may \\x1b[2J run wait for a review. "
        "Next: packsplit review 'runs/may run.sqlite'"
    )
    assert len(results_of(waiting)) == 3


def test_a_run_that_was_rejected_says_who_found_what() -> None:
    reviews = tuple(
        Review(number, Stage.FIRST, ruling, "Ada", "2026-01-01T00:00:00Z", reason)
        for number, (ruling, reason) in enumerate([(Ruling.APPROVE, ""), (Ruling.REJECT, "wrong \x07 year")])
    )
    with pytest.raises(UsageError, match=r"1 of 2 answers looked at were wrong \(wrong \\x07 year\)"):
        export_rows(record(ItemState.HELD, gate=Gate.REJECTED, reviews=reviews))


def test_a_run_that_passed_goes_on() -> None:
    assert export_rows(record(ItemState.ACCEPTED, gate=Gate.PASSED))[0].value == "good"


fields = st.dictionaries(
    st.sampled_from(["text", "body", "note", "packsplit", "é"]),
    st.one_of(texts, st.integers(), st.none(), st.lists(texts, max_size=2), st.floats(allow_nan=False)),
    max_size=3,
)
some_rows = st.lists(
    st.one_of(texts, st.tuples(fields, texts).map(lambda pair: {**pair[0], "text": pair[1]})),
    min_size=1,
    max_size=6,
)


def again(
    path: Path, outcomes: list[Outcome], *, id_field: str | None = None
) -> tuple[list[Item], list[Item], list[Mapping[str, object]]]:
    """The open items of a first run as they were, as a second run reads them, and the rows it reads."""
    rows = list(read_rows(path))
    text_field = "text" if id_field is not None else pick_text_field(rows[0])
    items = as_items(rows, text_field=text_field, id_field=id_field)
    results = [ended(item.id, outcome) for item, outcome in zip(items, outcomes, strict=True)]
    failures = path.with_name("failures.jsonl")
    count = write_failures(failures, results, rows, id_field=id_field)
    left = [item for item, outcome in zip(items, outcomes, strict=True) if outcome is not Outcome.ACCEPTED]
    assert count == len(left)
    second = list(read_rows(failures))
    return left, as_items(second, text_field=text_field, id_field=id_field) if second else [], second


@given(some_rows, st.data())
def test_failed_lines_run_again_under_their_ids_with_their_texts(
    rows: list[Row], data: st.DataObject
) -> None:
    given_ids = data.draw(st.sets(st.integers(0, len(rows) - 1)))
    lines = [
        {**row, "id": f"own-{n}"} if isinstance(row, dict) and n in given_ids else row
        for n, row in enumerate(rows)
    ]
    outcomes = [data.draw(st.sampled_from(ENDS)) for _ in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        left, second, read = again(path, outcomes)
        originals = [row for row, end in zip(read_rows(path), outcomes, strict=True) if end != "accepted"]
    assert second == left
    for original, row in zip(originals, read, strict=True):
        assert {key: row[key] for key in original} == original
        assert set(row) - set(original) <= {"id"}


@given(st.lists(texts, min_size=1, max_size=6), st.booleans(), st.data())
def test_failed_csv_rows_run_again_too(column: list[str], with_ids: bool, data: st.DataObject) -> None:
    column = [text.encode("utf-8", "replace").decode() for text in column]
    outcomes = [data.draw(st.sampled_from(ENDS)) for _ in column]
    name = "key" if with_ids else "note"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "in.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([[name, "text"], *([f"k{n}", text] for n, text in enumerate(column))])
        left, second, read = again(path, outcomes, id_field="key" if with_ids else None)
    assert second == left
    assert all(set(row) == ({"key", "text"} if with_ids else {"id", "note", "text"}) for row in read)


def test_the_only_field_is_picked_again_and_the_line_says_what_happened(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"body": "one"}\n{"body": "two"}\n{"body": "three"}\n')
    left, second, _ = again(path, [Outcome.ACCEPTED, Outcome.FAILED, Outcome.PENDING])
    assert second == left == [Item(1, "two"), Item(2, "three")]
    line = json.loads((tmp_path / "failures.jsonl").read_text().splitlines()[0])
    assert line == {
        "id": 1,
        "body": "two",
        "packsplit": {
            "outcome": "failed",
            "reason": "missing: the reply has no answer for this item",
            "attempts": 2,
        },
    }


def test_a_failures_file_is_an_input_and_may_be_written_over_itself(tmp_path: Path) -> None:
    source, failures = tmp_path / "in.jsonl", tmp_path / "failures.jsonl"
    source.write_text('"first"\n"second"\n"third"\n')
    task = Task.classify("Sentiment.", ["good", "bad"])
    for asked, answers in (
        (source, {"first": "good", "second": "ugly", "third": "ugly"}),
        (failures, {"second": "bad", "third": "ugly"}),
    ):
        rows = list(read_rows(asked))
        done = pack_and_run(rows, task, client=ScriptedClient(answers), text_field="text")
        write_failures(failures, done, read_rows(asked))
    assert [result.item_id for result in done] == [1, 2]
    assert [(row["id"], row["text"]) for row in read_rows(failures)] == [(2, "third")]


def test_rows_that_are_not_the_runs_are_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    path.write_text("old")
    results = [ended("a"), ended("b", Outcome.FAILED)]
    for originals, said in (
        ([{"id": "a"}, {"id": "c"}], "where the run has item 'b', it has 'c'"),
        ([{"id": "a"}], "another number of rows than the run"),
        ([{"id": "a"}, {"id": "b"}, {"id": "c"}], "another number of rows than the run"),
    ):
        with pytest.raises(UsageError, match=said):
            write_failures(path, results, originals)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])


def test_failures_are_json_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"written as \.jsonl"):
        check_failures(tmp_path / "failures.csv")
    with pytest.raises(UsageError, match="no folder"):
        check_failures(tmp_path / "no" / "failures.jsonl")

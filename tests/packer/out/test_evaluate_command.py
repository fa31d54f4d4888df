"""``packsplit eval`` as a user types it, with a scripted model behind the OpenAI wire."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import packer.out.commands.evaluate  # noqa: F401  # importing it registers the command
from packer.out.commands.cli import app
from packer.testing import FaultServer

TRUTH: dict[str, object] = {f"Review {n}": "good" if n % 3 else "bad" for n in range(24)}
PLACES: dict[str, object] = {
    f"{n} Elm Street, Town {n}": {"number": n, "town": f"Town {n}"} for n in range(10, 22)
}
TASK = {"instruction": "Sentiment of a review.", "labels": {"good": "likes it", "bad": "does not"}}
PLACE = {
    "instruction": "The number and the town.",
    "schema": {
        "type": "object",
        "properties": {"number": {"type": "integer"}, "town": {"type": "string"}},
        "required": ["number", "town"],
    },
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer({**TRUTH, **PLACES}) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def written(path: Path, body: object) -> Path:
    path.write_text(json.dumps(body))
    return path


def table(path: Path, *rows: tuple[object, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def evaluated(task: Path, data: Path, *more: object) -> Result:
    return call("eval", task, "--data", data, "--model", "openai/gpt-4.1-mini", "--sizes", "4", *more)


def test_labelled_rows_are_measured_kept_and_not_asked_twice(tmp_path: Path, server: FaultServer) -> None:
    task = written(tmp_path / "task.json", TASK)
    data = table(tmp_path / "in.csv", ("text", "label"), *TRUTH.items())
    more = ("--store", tmp_path / "may", "--profile", tmp_path / "may.profile.json", "--max-bleed", 0.3)
    first = evaluated(task, data, *more)
    assert first.exit_code == 0, first.stderr
    assert "packs of 4 keep max_bleed=0.3 (" in first.stdout
    assert "100.0% right alone and 100.0% packed" in first.stdout
    assert json.loads((tmp_path / "may.profile.json").read_text())["packsplit profile"] == 1
    calls = server.ledger.calls
    assert calls == 24 + 6 + 6
    again = evaluated(task, data, *more, "--json")
    assert server.ledger.calls == calls
    body = json.loads(again.stdout)
    assert (body["items"], body["labelled"], body["alone_right"], body["size"]) == (24, 24, 24, 4)
    assert body["sizes"][0]["accuracy"]["packed_right"] == 24
    assert body["sizes"][0]["spending"]["cost_usd"] is not None


def test_fields_are_read_from_columns_and_from_json(tmp_path: Path, server: FaultServer) -> None:
    task = written(tmp_path / "task.json", PLACE)
    rows = [
        (text, place["number"], place["town"]) for text, place in PLACES.items() if isinstance(place, dict)
    ]
    columns = table(tmp_path / "in.csv", ("place", "number", "town"), *rows, ("Nowhere 1", "", ""))
    found = evaluated(task, columns, "--items", 12, "--json", "--twice", 0)
    assert found.exit_code == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["labelled"], body["alone_right"]) == (12, 12)
    assert [each["name"] for each in body["sizes"][0]["fields"]] == ["number", "town"]
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(json.dumps({"text": t, "gold": gold}) + "\n" for t, gold in PLACES.items()))
    body = json.loads(evaluated(task, lines, "--json", "--twice", 0).stdout)
    assert (body["labelled"], body["alone_right"]) == (12, 12)


def test_rows_come_first_as_in_run_and_plan(tmp_path: Path, server: FaultServer) -> None:
    data = table(tmp_path / "in.csv", ("text", "label"), *list(TRUTH.items())[:8])
    asked = ("--labels", "good,bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini")
    found = call("eval", data, *asked, "--sizes", 4, "--items", 6, "--twice", 0, "--json")
    assert found.exit_code == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["items"], body["labelled"]) == (6, 6)


def test_a_labelled_row_without_a_text_is_not_asked_and_stops_nobody(
    tmp_path: Path, server: FaultServer
) -> None:
    task = written(tmp_path / "task.json", TASK)
    data = table(tmp_path / "in.csv", ("text", "label"), *TRUTH.items(), ("", "good"))
    found = evaluated(task, data, "--json")
    assert found.exit_code == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["items"], body["labelled"]) == (24, 24)


def test_unlabelled_rows_say_nothing_of_accuracy(tmp_path: Path, server: FaultServer) -> None:
    task = written(tmp_path / "task.json", TASK)
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps(text) + "\n" for text in TRUTH))
    found = evaluated(task, data)
    assert found.exit_code == 0, found.stderr
    assert "right" not in found.stdout.splitlines()[-2]
    assert "ask alone, or evaluate more items" in found.stdout


def test_an_evaluation_that_ends_early_says_how_to_go_on(tmp_path: Path, server: FaultServer) -> None:
    task = written(tmp_path / "task.json", TASK)
    data = table(tmp_path / "in.csv", ("text", "label"), *TRUTH.items())
    found = evaluated(task, data, "--max-calls", 10, "--store", tmp_path / "may")
    assert found.exit_code == 1
    assert "The evaluation ended early (alone: " in found.stdout
    assert server.ledger.calls == 10
    assert evaluated(task, data, "--store", tmp_path / "may").exit_code == 0
    assert server.ledger.calls == 24 + 6 + 6


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "holds a list; a task file is one JSON object"),
        ({**TASK, "lables": []}, "'lables' is no key of a task file"),
        ({"instruction": "x"}, "give either 'labels'"),
        ({**TASK, "schema": {}}, "not both"),
        ({"labels": ["a", "b"]}, "'instruction' must be a text"),
        ({**TASK, "multi": "yes"}, "'multi' must be true or false"),
        ({**TASK, "evidence": True}, "'evidence' goes with 'schema'"),
        ({**TASK, "labels": "a,b"}, "'labels' must be a list of texts"),
        ({**TASK, "labels": ["a"]}, "task.json: "),
        ({**TASK, "examples": [["only a text"]]}, "'examples' entry 0"),
        ({**TASK, "examples": [["fine", "splendid"]]}, "Example number 0"),
        ({"instruction": "x", "schema": []}, "'schema' must be a JSON schema"),
    ],
)
def test_a_task_file_that_cannot_work_is_told_with_its_key(
    body: object, told: str, tmp_path: Path, server: FaultServer
) -> None:
    task = tmp_path / "task.json"
    task.write_text(body if isinstance(body, str) else json.dumps(body))
    found = evaluated(task, table(tmp_path / "in.csv", ("text",), ("Review 1",)))
    assert found.exit_code == 2
    assert told in found.stderr
    assert str(task.name) in found.stderr
    assert not server.ledger.calls


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ([("text", "label"), ("Review 1", "splendid")], (), "row 1, 'label'"),
        ([("text", "label"), ("Review 1", "good")], ("--gold-field", "gold"), "no field 'gold'"),
        ([("a", "b"), ("Review 1", "good")], (), "name it with --text-field"),
        ([("text", "label")], (), "has no rows"),
        ([("text",), ("Review 1",)], ("--sizes", "5,x"), "write whole numbers"),
        ([("text",), ("Review 1",)], ("--sizes", "1"), "name pack sizes from 2"),
        ([("text",), ("Review 1",)], ("--profile", "nowhere/at/all.json"), "nowhere"),
    ],
)
def test_data_that_cannot_work_is_told_before_any_call(
    rows: list[tuple[str, ...]], more: tuple[str, ...], told: str, tmp_path: Path, server: FaultServer
) -> None:
    task = written(tmp_path / "task.json", TASK)
    found = evaluated(task, table(tmp_path / "in.csv", *rows), *more)
    assert found.exit_code == 2, found.stdout
    assert told in found.stderr
    assert not server.ledger.calls


def test_several_labels_are_read_from_one_cell(tmp_path: Path, server: FaultServer) -> None:
    truth = {"One": ["a", "b"], "Two": [], "Three": ["b"]}
    with FaultServer(truth) as many:
        task = written(
            tmp_path / "task.json", {"instruction": "Topics.", "labels": ["a", "b"], "multi": True}
        )
        data = table(tmp_path / "in.csv", ("text", "labels"), ("One", "b, a"), ("Two", "[]"), ("Three", ""))
        found = CliRunner().invoke(
            app,
            ["eval", str(task), "--data", str(data), "--model", "openai/gpt-4.1-mini", "--json"],
            env={"OPENAI_BASE_URL": many.url},
        )
    assert found.exit_code == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["labelled"], body["alone_right"]) == (2, 2)


def test_answers_are_read_by_their_schema(tmp_path: Path, server: FaultServer) -> None:
    """Cells of a CSV file as whatever a field may be: a text, a number, yes or no, a choice, nothing."""
    fields: dict[str, object] = {
        "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "number": {"type": ["integer", "null"]},
        "new": {"type": "boolean"},
        "stars": {"enum": [1, 2]},
        "size": {"enum": ["s", "m"]},
    }
    schema = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    task = written(tmp_path / "task.json", {"instruction": "The fields.", "schema": schema})
    truth = {
        "One": {"name": "5", "number": 5, "new": True, "stars": 2, "size": "s"},
        "Two": {"name": None, "number": None, "new": False, "stars": 1, "size": "m"},
    }
    cells = (("One", "5", "5", "True", "2", "s"), ("Two", "", "", "false", "1", "m"))
    wrong = ("Two", "", "five", "false", "1", "m")
    data = table(tmp_path / "in.csv", ("text", *fields), *cells)
    with FaultServer(truth) as answering:
        asked = ("eval", str(task), "--data", str(data), "--model", "openai/gpt-4.1-mini", "--sizes", "2")
        address = {"OPENAI_BASE_URL": answering.url}
        found = CliRunner().invoke(app, [*asked, "--json", "--twice", "0"], env=address)
        table(data, ("text", *fields), cells[0], wrong)
        refused = CliRunner().invoke(app, list(asked), env=address)
    assert found.exit_code == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["labelled"], body["alone_right"]) == (2, 2)
    assert refused.exit_code == 2
    assert "row 2, 'name', 'number', 'new', 'stars', 'size'" in refused.stderr


def test_answers_of_one_column_may_be_json_or_plain(tmp_path: Path, server: FaultServer) -> None:
    task = written(tmp_path / "task.json", {"instruction": "The sum.", "schema": {"type": "integer"}})
    named = written(tmp_path / "named.json", {"instruction": "The name.", "schema": {"type": "string"}})
    sums = table(tmp_path / "sums.csv", ("text", "gold"), ("1 + 1", "2"), ("2 + 2", "4"))
    names = table(tmp_path / "names.csv", ("text", "gold"), ("I am Ada.", "Ada"), ("I am Bo.", "Bo"))
    for file, data, truth in (
        (task, sums, {"1 + 1": 2, "2 + 2": 4}),
        (named, names, {"I am Ada.": "Ada", "I am Bo.": "Bo"}),
    ):
        with FaultServer(truth) as answering:
            words = ["eval", str(file), "--data", str(data), "--model", "openai/gpt-4.1-mini", "--json"]
            found = CliRunner().invoke(app, words, env={"OPENAI_BASE_URL": answering.url})
        assert found.exit_code == 0, found.stderr
        assert json.loads(found.stdout)["alone_right"] == 2

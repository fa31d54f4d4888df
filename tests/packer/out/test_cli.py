"""The command line as a user types it, with a scripted model behind the OpenAI wire."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer.out.commands.cli import app
from packer.out.tables.cells import disarmed
from packer.out.tables.rows import read_rows
from packer.testing import FaultServer, ScriptedClient

ROWS = [("7", "Great value."), ("8", "Arrived broken."), ("9", "Great value.")]
ANSWERS = {"Great value.": "good", "Arrived broken.": "bad"}
OPTIONS = ["--labels", "good, bad", "--instruction", "Sentiment."]


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text", "gold"), *[(*row, "secret gold") for row in ROWS]])
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(ScriptedClient(ANSWERS)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


MODEL = "openai/gpt-4.1-mini"


def run(source: Path, out: Path, *more: object) -> Result:
    return call("run", source, *OPTIONS, "--model", MODEL, "--id-field", "id", "--out", out, *more)


def test_csv_in_jsonl_out(csv_file: Path, tmp_path: Path, server: FaultServer) -> None:
    result = run(csv_file, tmp_path / "out.jsonl", "--json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["id"], r["value"], r["outcome"]) for r in rows] == [
        ("7", "good", "accepted"),
        ("8", "bad", "accepted"),
        ("9", "good", "accepted"),
    ]
    summary = json.loads(result.stdout)
    assert (summary["items"], summary["accepted"], summary["calls"]) == (3, 3, 1)
    assert "secret gold" not in json.dumps(server.requests)


def test_jsonl_in_csv_out(tmp_path: Path, server: FaultServer) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": 1, "body": "Great value."}\n\n{"id": 2, "body": "Arrived broken."}\n')
    result = run(source, tmp_path / "out.csv", "--text-field", "body")
    assert result.exit_code == 0, result.output
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [(row["id"], row["value"]) for row in csv.DictReader(file)] == [("1", "good"), ("2", "bad")]
    assert "one by one" in result.stdout


FIELDS = {
    "instruction": "Number and town.",
    "schema": {
        "type": "object",
        "properties": {"number": {"type": "integer"}, "town": {"type": "string"}},
        "required": ["number", "town"],
    },
    "examples": [["1 Low Road, Hull", {"number": 1, "town": "Hull"}]],
}
PLACES = {f"{n} Elm Street, Town {n}": {"number": n, "town": f"Town {n}"} for n in range(10, 14)}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_fields_are_extracted_by_a_task_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "task.json").write_text(json.dumps(FIELDS))
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(text) + "\n" for text in PLACES))
    asked = (source, "--task", tmp_path / "task.json", "--model", MODEL)
    planned = call("plan", *asked, "--json")
    assert (planned.exit_code, json.loads(planned.stdout)["items"]) == (0, 4), planned.stderr
    out = tmp_path / f"out.{kind}"
    with FaultServer(dict(PLACES)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        done = call("run", *asked, "--items", 3, "--store", tmp_path / "may.run", "--out", out, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["items"] == 3
    values = [row["value"] for row in read_rows(out)]
    read = [json.loads(value) if isinstance(value, str) else value for value in values]
    assert read == list(PLACES.values())[:3]
    exported = call("export", tmp_path / "may.run", "--out", tmp_path / f"again.{kind}", "--json")
    told = json.loads(exported.stdout)
    assert (told["items"], told["accepted"], told["failed"]) == (3, 3, 0)
    assert [row["value"] for row in read_rows(Path(told["out"]))] == values
    reported = json.loads(call("report", tmp_path / "may.run", "--json").stdout)
    assert (Path(reported["out"]).exists(), reported["states"]["accepted"]) == (True, 3)


def test_an_item_without_a_value_fails_the_exit_code_and_is_named(
    tmp_path: Path, server: FaultServer
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('"Great value."\n"  "\n')
    result = call("run", source, *OPTIONS, "--model", MODEL, "--out", tmp_path / "o.jsonl")
    assert result.exit_code == 1
    assert "item 1: empty_text" in result.stderr
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2


def test_plan_asks_nobody(csv_file: Path) -> None:
    result = call("plan", csv_file, *OPTIONS, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["items"], summary["repeated_texts"], summary["calls"]) == (3, 1, 1)
    lines = call("plan", csv_file, *OPTIONS, "--seed", "3").stdout.splitlines()
    assert "one by one" in lines[1]
    assert any(line.startswith("worst case: ") for line in lines)
    begun, *words = shlex.split(lines[-1].removeprefix("Next: packsplit "))
    assert begun == "run"
    assert words[0] == str(csv_file)
    assert words[-4:] == ["--out", "results.csv", "--store", f"{csv_file.stem}.run"]
    assert words[words.index("--seed") + 1] == "3"


@pytest.mark.parametrize(
    ("name", "content", "more", "said"),
    [
        ("a.csv", None, [], "There is no file"),
        ("a.txt", "x", [], "input files are"),
        ("a.csv", "title,body\nx,y\n", [], "name it with --text-field. The fields are: 'title', 'body'"),
        ("a.csv", "text\nx\n", ["--text-field", "txt"], "There is no field 'txt'"),
        ("a.csv", "text\nx,y\n", [], "row 1 has another number of cells"),
        ("a.csv", "text\n", [], "There are no items"),
        ("a.jsonl", '"x"\nnonsense\n', [], "line 2 is not JSON"),
        ("a.jsonl", "3\n", [], "line 1 is a int"),
        ("a.csv", "text\nx\n", ["--model", "gpt-9"], "No model is known as 'gpt-9'"),
        ("a.csv", "text\nx\n", ["--labels", "one"], "at least two labels"),
        ("a.csv", "text\nx\n", ["--out", "o.xls"], "results are written as"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    tmp_path: Path, name: str, content: str | None, more: list[str], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = call(
        "run",
        tmp_path / name,
        *OPTIONS,
        "--out",
        tmp_path / "o.jsonl",
        "--model",
        MODEL,
        *more,
    )
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "o.jsonl").exists()


def test_a_provider_that_is_down_keeps_the_rows_and_says_so(
    csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    result = run(csv_file, tmp_path / "out.jsonl", "--outage", 0)
    assert result.exit_code == 1
    assert "unreachable" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["outcome"] for row in rows} == {"pending"}
    assert "sk-canary" not in result.output + (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\x00x", "＝1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert disarmed(cell) == f"'{cell}"


def test_other_cells_stay_as_they_are() -> None:
    assert [disarmed(cell) for cell in ("plain", 3, -3, None, ["a"])] == ["plain", "3", "'-3", "", '["a"]']

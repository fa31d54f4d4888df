"""``packsplit run --window``: any length of file, one file of results, one summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer.out.commands.cli import app
from packer.testing import FaultServer, ScriptedClient

OPTIONS = ["--labels", "good, bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini"]
COUNT = 13


def answer(text: str) -> str:
    return "good" if int(text.split()[1]) % 3 else "bad"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(ScriptedClient(answer)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows with ids of their own; one of them has no text."""
    path = tmp_path / "in.jsonl"
    rows = [{"id": f"r{n}", "text": f"Review {n}" if n != 7 else " ", "more": n} for n in range(COUNT)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(source: Path, out: Path, *more: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in ("run", source, *OPTIONS, "--out", out, *more)])


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("window", [1, 4, COUNT])
def test_results_are_those_of_a_run_without_windows(
    source: Path, tmp_path: Path, server: FaultServer, window: int
) -> None:
    whole = run(source, tmp_path / "whole.jsonl", "--json", "--audit", 0)
    result = run(source, tmp_path / "out.jsonl", "--json", "--window", window, "--audit", 0)
    assert (result.exit_code, whole.exit_code) == (1, 1), result.output
    told = ("id", "value", "outcome", "reason")
    wanted = [{name: row[name] for name in told} for row in rows(tmp_path / "whole.jsonl")]
    assert [{name: row[name] for name in told} for row in rows(tmp_path / "out.jsonl")] == wanted
    assert result.stderr == whole.stderr
    summary, before = json.loads(result.stdout), json.loads(whole.stdout)
    assert before.keys() | {"windows"} == summary.keys()
    assert [each["items"] for each in summary["windows"]] == [
        min(window, COUNT - start) for start in range(0, COUNT, window)
    ]
    for name in ("items", "accepted", "failed", "pending", "doubtful", "stopped", "model"):
        assert summary[name] == before[name]
    for name in ("calls", "input_tokens", "output_tokens"):
        assert summary[name] == sum(each[name] or 0 for each in summary["windows"])
    if window >= COUNT:  # one window is the run as it always was
        apart = ("elapsed_s", "out", "windows", "comparisons")  # these tell of seconds
        assert len(summary["comparisons"]) == len(before["comparisons"]) == 1
        assert {name: summary[name] for name in before if name not in apart} == {
            name: before[name] for name in before if name not in apart
        }


def test_the_whole_in_words(source: Path, tmp_path: Path, server: FaultServer) -> None:
    result = run(source, tmp_path / "out.csv", "--window", 5, "--audit", 1)
    lines = result.stdout.splitlines()
    assert f"{COUNT} items in 3 windows" in lines
    (audit,) = [line for line in lines if line.startswith("audit: ")]
    assert audit.startswith("audit: of 12 packed answers 12 were asked again alone, and 0 differ; of ")
    assert "one by one" in result.stdout
    assert "no value for item 'r7': empty_text" in result.stderr


def test_rows_without_a_value_can_be_run_again(source: Path, tmp_path: Path, server: FaultServer) -> None:
    again = tmp_path / "again.jsonl"
    result = run(source, tmp_path / "out.jsonl", "--window", 4, "--failures", again, "--max-calls", 2)
    assert result.exit_code == 1
    assert "inputs were read, and none of those that follow" in result.stderr
    left = rows(again)
    ended = [row for row in rows(tmp_path / "out.jsonl") if row["outcome"] != "accepted"]
    assert [row["id"] for row in left] == [row["id"] for row in ended]
    assert left[0]["more"] == int(str(left[0]["id"])[1:])
    result = run(again, tmp_path / "rest.jsonl", "--window", 4)
    assert {row["outcome"] for row in rows(tmp_path / "rest.jsonl")} <= {"accepted", "failed"}


def test_a_review_and_windows_do_not_go_together(source: Path, tmp_path: Path, server: FaultServer) -> None:
    store = tmp_path / "run"
    result = run(source, tmp_path / "out.jsonl", "--window", 4, "--review", 3, "--store", store)
    assert result.exit_code == 2
    assert "give one of the two" in result.stderr
    assert not server.requests
    assert not (tmp_path / "out.jsonl").exists()


def test_a_run_in_windows_goes_on_where_it_ended(source: Path, tmp_path: Path, server: FaultServer) -> None:
    more = ("--window", 5, "--store", tmp_path / "may.run", "--audit", 0, "--json")
    first = run(source, tmp_path / "out.jsonl", *more, "--max-calls", 2)
    assert "run the same again to go on with" in first.stderr
    assert (tmp_path / "may.run.3").exists()
    second = run(source, tmp_path / "out.jsonl", *more)
    assert len(server.requests) == json.loads(second.stdout)["calls"] == 3
    third = run(source, tmp_path / "again.jsonl", *more)
    assert len(server.requests) == 3
    assert json.loads(third.stdout)["calls"] == 3
    assert (tmp_path / "again.jsonl").read_text() == (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize("store", [False, True])
def test_a_bad_row_far_down_does_not_cost_what_was_paid_for(
    source: Path, tmp_path: Path, server: FaultServer, store: bool
) -> None:
    """Without a store those results exist nowhere else; with one, nothing half done takes a file's place."""
    with source.open("a") as file:
        file.write("nonsense\n")
    out = tmp_path / "out.jsonl"
    out.write_text("what stood here before")
    more = ("--store", tmp_path / "run") if store else ()
    result = run(source, out, "--window", 5, *more)
    assert result.exit_code == 2
    assert "line 14 is not JSON" in result.stderr
    if store:
        assert out.read_text() == "what stood here before"
    else:
        assert [row["id"] for row in rows(out)] == [f"r{n}" for n in range(10)]
        assert "holds the 10 results before this" in result.stderr


def test_a_bad_row_in_the_first_window_is_refused_before_any_call(
    source: Path, tmp_path: Path, server: FaultServer
) -> None:
    source.write_text('"Review 1"\nnonsense\n')
    result = run(source, tmp_path / "out.jsonl", "--window", 10)
    assert result.exit_code == 2
    assert not server.requests
    assert not (tmp_path / "out.jsonl").exists()


def test_an_id_that_comes_again_in_a_later_window_names_both_rows(
    source: Path, tmp_path: Path, server: FaultServer
) -> None:
    with source.open("a") as file:
        file.write('{"id": "r3", "text": "Review 99"}\n')
    result = run(source, tmp_path / "out.jsonl", "--window", 10)
    assert result.exit_code == 2
    assert "The id 'r3' occurs twice: inputs number 3 and 13 (counted from 0)." in result.stderr

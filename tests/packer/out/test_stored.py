"""The commands over a stored run, as a user types them, with a scripted model behind the OpenAI wire."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer.out.commands.cli import app
from packer.run.store.run_lock import locked
from packer.testing import FaultKind, FaultServer, Inject

TEXTS = [f"Review {n}" for n in range(40)]
TRUTH = {text: "good" if n % 3 else "bad" for n, text in enumerate(TEXTS)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        rows = [(f"=r{n}", text, "web" if n % 2 else "shop") for n, text in enumerate(TEXTS)]
        csv.writer(file).writerows([("id", "text", "channel"), *rows])
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(TRUTH) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def run(source: Path, *more: object) -> Result:
    options = ["--labels", "good,bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini"]
    return call("run", source, *options, "--id-field", "id", *more)


def decide(path: Path, sheet: dict[str, object], rulings: list[dict[str, object]]) -> Path:
    items = sheet["items"]
    assert isinstance(items, list)
    rows = [{"id": item["id"], **ruling} for item, ruling in zip(items, rulings, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_same_command_goes_on_where_the_run_ended(
    source: Path, tmp_path: Path, server: FaultServer
) -> None:
    store, out = tmp_path / "may.run", tmp_path / "out.jsonl"
    first = run(source, "--store", store, "--out", out, "--max-calls", 2, "--name", "May")
    assert first.exit_code == 1
    assert f"20 items are pending: nothing is wrong with them; run the same again to go on with {store}" in (
        first.stderr
    )
    board = json.loads(call("status", store, "--json").stdout)
    assert (board["run"], board["states"]["accepted"], board["states"]["queued"]) == ("May", 20, 20)
    again = run(source, "--store", store, "--out", out, "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["calls"] == 4 == server.ledger.calls
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["value"] for row in rows] == list(TRUTH.values())
    assert [row["id"] for row in rows] == [f"=r{n}" for n in range(40)]


def test_a_changed_run_is_refused_before_anything_is_sent(
    source: Path, tmp_path: Path, server: FaultServer
) -> None:
    store, out = tmp_path / "may.run", tmp_path / "out.jsonl"
    run(source, "--store", store, "--out", out)
    calls = server.ledger.calls
    changed = run(source, "--store", store, "--out", out, "--seed", 3, "--items-per-pack", 5)
    assert changed.exit_code == 2
    assert "seed (0 -> 3)" in changed.stderr
    assert "budget" in changed.stderr
    assert server.ledger.calls == calls


def test_a_run_that_another_process_has_is_refused(source: Path, tmp_path: Path, server: FaultServer) -> None:
    store, out = tmp_path / "may.run", tmp_path / "out.jsonl"
    run(source, "--store", store, "--out", out)
    with locked(store, lambda: ""):
        second = run(source, "--store", store, "--out", out)
        board = json.loads(call("status", store, "--json").stdout)
    assert second.exit_code == 2
    assert "in use by" in second.stderr
    assert board["running"] is True


def test_a_damaged_run_is_told_with_its_name_and_exit_code_3(
    source: Path, tmp_path: Path, server: FaultServer
) -> None:
    store, out = tmp_path / "may.run", tmp_path / "out.jsonl"
    run(source, "--store", store, "--out", out)
    data = bytearray(store.read_bytes())
    place = data.find(b'"took_s"')
    data[place + 4] ^= 1
    store.write_bytes(bytes(data))
    for told in (run(source, "--store", store, "--out", out), call("status", store)):
        assert told.exit_code == 3
        assert f"{store} is damaged: record" in told.stderr


def test_a_review_from_the_command_line(source: Path, tmp_path: Path, server: FaultServer) -> None:
    store, out, failures = tmp_path / "may.run", tmp_path / "out.csv", tmp_path / "again.jsonl"
    options = ("--store", store, "--review", 3, "--out", out, "--failures", failures, "--group-by", "channel")
    held = run(source, *options)
    assert held.exit_code == 1
    assert "results are held for a review" in held.stderr
    assert not out.exists()
    assert not failures.exists()
    refused = call("export", store, "--out", out)
    assert (refused.exit_code, out.exists()) == (2, False)
    assert "Not written: 20 answers of " in refused.stderr

    sheet = json.loads(call("review", store, "--json").stdout)
    assert (sheet["stage"], len(sheet["items"])) == ("first", 3)
    wrong = decide(tmp_path / "d.jsonl", sheet, [{"ruling": "correct", "value": "neither"}] * 3)
    assert call("review", store, "--decisions", wrong).exit_code == 2
    first = [{"ruling": "reject", "reason": "no"}, {"ruling": "approve"}, {"ruling": "approve"}]
    decided = call(
        "review", store, "--decisions", decide(tmp_path / "d.jsonl", sheet, first), "--reviewer", "ana"
    )
    assert decided.exit_code == 0, decided.stderr
    assert "1 of 3 bad" in decided.stdout
    assert "run the same again to go on" in decided.stdout

    assert run(source, *options).exit_code == 1  # the call's items were asked again, and are shown now
    sheet = json.loads(call("review", store, "--json").stdout)
    assert sheet["stage"] == "first"
    approve = [{"ruling": "approve"}] * len(sheet["items"])
    told = call("review", store, "--decisions", decide(tmp_path / "d.jsonl", sheet, approve), "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (
        0,
        {
            "run": str(store),
            "stage": "first",
            "reviewed": len(sheet["items"]),
            "bad": 0,
            "released": False,
        },
    )

    assert run(source, *options).exit_code == 1
    sheet = json.loads(call("review", store, "--json").stdout)
    last = [
        {"ruling": "correct", "value": "good", "reason": "irony"},
        {"ruling": "approve"},
        {"ruling": "approve"},
    ]
    done = call("review", store, "--decisions", decide(tmp_path / "d.jsonl", sheet, last), "--reviewer", "bo")
    assert f"packsplit export {store} --out FILE" in done.stdout
    assert call("review", store, "--json").exit_code == 2  # nothing waits any more

    assert call("export", store, "--out", out).exit_code == 0
    with out.open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    corrected = rows["'" + sheet["items"][0]["id"]]
    assert (corrected["value"], json.loads(corrected["review"])["by"]) == ("good", "bo")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows.values() for cell in row.values())
    before = out.read_bytes()
    calls = server.ledger.calls
    assert run(source, *options).exit_code == 0
    assert (out.read_bytes(), server.ledger.calls) == (before, calls)
    assert failures.read_text() == ""


def test_what_has_no_value_can_be_run_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, out = tmp_path / "again.jsonl", tmp_path / "out.jsonl"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    with FaultServer(TRUTH, inject=Inject(FaultKind.WRONG_TYPE, rate=0.6)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        bad = run(source, "--out", out, "--failures", failures, "--strategy", "single")
    assert bad.exit_code == 1
    lost = [json.loads(line) for line in failures.read_text().splitlines()]
    assert 0 < len(lost) < 40
    assert {row["packsplit"]["outcome"] for row in lost} == {"failed"}
    with FaultServer(TRUTH) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        again = run(failures, "--out", out)
    assert again.exit_code == 0, again.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["id"], row["value"]) for row in rows] == [(row["id"], TRUTH[row["text"]]) for row in lost]


def test_the_report_is_written_beside_the_run(source: Path, tmp_path: Path, server: FaultServer) -> None:
    store = tmp_path / "may.run"
    run(source, "--store", store, "--out", tmp_path / "out.jsonl", "--baseline", 5)
    told = call("report", store)
    assert told.exit_code == 0, told.stderr
    page = (tmp_path / "may.run.html").read_text()
    assert told.stdout.strip() == str(tmp_path / "may.run.html")
    assert "cheaper</dd>" in page or "times</dd>" in page
    assert "40" in page


def test_no_run_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    for command in (("status",), ("review",), ("report",), ("export", "--out", tmp_path / "o.csv")):
        told = call(command[0], tmp_path / "none.run", *command[1:])
        assert told.exit_code == 2
        assert "There is no run at" in told.stderr

"""Promises and audits from the command line, with a scripted model behind the OpenAI wire."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer.out.commands.cli import app
from packer.testing import FaultServer
from packer.testing.bleeding import BleedingClient

TRUTH = {f"Review {n} of the shop": "good" if n % 3 else "bad" for n in range(200)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return table(tmp_path / "in.csv", [("text", "label"), *TRUTH.items()])


def table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(TRUTH) as server:
        point_at(server, monkeypatch)
        yield server


def point_at(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


OPTIONS = ("--labels", "good,bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini")
OPTIONS += ("--text-field", "text")


def run(source: Path, *more: object) -> Result:
    return call("run", source, *OPTIONS, "--out", source.with_suffix(".jsonl"), *more)


def summary(result: Result) -> dict[str, dict[str, object]]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_a_file_too_small_for_its_promise_is_asked_alone_and_told_why(
    source: Path, server: FaultServer
) -> None:
    told = run(source, "--max-bleed", 0.02)
    assert told.exit_code == 0, told.output
    assert "promised: packing changes at most 2% of the answers beyond the model's own noise" in told.stdout
    assert "promise: kept, as all items are asked alone; max_bleed=0.02 needs about 212 audits" in told.stdout
    assert server.ledger.calls == 200
    packed = summary(run(source, "--max-bleed", 0.02, "--unproven", "pack", "--audit", 0, "--json"))
    assert packed["calibration"]["size"] == 10
    assert (packed["calibration"]["proven"], packed["calls"]) == (False, 20)
    assert "nothing is proven" in str(packed["calibration"]["words"])


def test_a_promise_that_holds_is_proven_and_its_profile_spares_the_next_trial(
    source: Path, server: FaultServer
) -> None:
    profile = source.with_name("shop.profile")
    promise = ("--max-bleed", 0.2, "--profile", profile, "--json")
    first = summary(run(source, *promise))
    assert first["calibration"]["proven"] is True
    assert first["calibration"]["from_profile"] is False
    assert first["routes"]["calibration"]
    assert json.loads(profile.read_text())["promise"] == "max_bleed"
    again = summary(run(source, *promise))
    assert again["calibration"]["from_profile"] is True
    assert again["calibration"]["size"] == first["calibration"]["size"] == 10
    assert "calibration" not in again["routes"]
    assert f"as tried before ({profile.name})" in run(source, *promise[:4]).stdout
    planned = call("plan", source, *OPTIONS, *promise[:4])
    assert f"profile: {profile} is read when the run begins" in " ".join(planned.stdout.split())


def test_a_model_that_bleeds_is_found_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(BleedingClient(TRUTH, shift=0.9)) as server:
        point_at(server, monkeypatch)
        store = source.with_name("may.run")
        promised = run(source, "--max-bleed", 0.2, "--store", store)
        assert promised.exit_code == 0, promised.output
        assert "All items are asked alone: packs of 5" in promised.stdout
        board = json.loads(call("status", store, "--json").stdout)
        assert (board["calibration"]["size"], board["calibration"]["trials"][0]["size"]) == (None, 5)
        assert "packs of 5" in call("status", store).stdout
        assert call("report", store).exit_code == 0
        assert ">Bleed</h2>" in store.with_name("may.run.html").read_text()
        collapsed = run(source, "--audit", 1, "--items-per-pack", 4, "--json")
    assert collapsed.exit_code == 1
    assert "packing surely changes more than 20% of its answers" in collapsed.stderr
    found = json.loads(collapsed.stdout)
    assert found["calibration"] is None
    assert found["audit"]["differ"] > 5
    assert " asked again, " in found["audit"]["words"]


def test_gold_tells_what_packing_spoils(source: Path, server: FaultServer) -> None:
    told = run(source, "--gold", source, "--audit", 1)
    assert told.exit_code == 0, told.output
    assert "audit: 200 asked again, 0 differ" in told.stdout
    assert "audit: by the answers people gave to 200 audited answers, packing spoiled 0%" in told.stdout


def test_accuracy_is_promised_by_gold(source: Path, server: FaultServer) -> None:
    gold = table(source.with_name("gold.csv"), [("text", "human"), *TRUTH.items(), ("never labelled", "")])
    named = ("--gold", gold, "--gold-field", "human")
    done = summary(run(source, "--max-accuracy-loss", 0.2, "--unproven", "pack", *named, "--json"))
    assert done["calibration"]["promise"] == "max_accuracy_loss"
    assert done["calibration"]["proven"] is True
    assert all("never labelled" not in json.dumps(each) for each in server.requests)


def test_several_labels_stand_in_one_cell(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {text: [label] for text, label in TRUTH.items()}
    rows = [
        (text, "good , bad" if n == 1 else f'["{label}"]') for n, (text, label) in enumerate(TRUTH.items())
    ]
    gold = table(source.with_name("gold.csv"), [("text", "label"), *rows])
    with FaultServer(answers) as server:
        point_at(server, monkeypatch)
        done = summary(run(source, "--multi", "--gold", gold, "--audit", 1, "--json"))
    assert done["audit"]["harm"] is not None
    wrong = call("plan", source, *OPTIONS, "--multi", "--gold", source, "--labels", "good,neither")
    assert wrong.exit_code == 2
    assert "row 1, 'label': 'bad' is not one of the labels" in " ".join(wrong.stderr.split())


def test_auto_says_what_it_came_to(source: Path, server: FaultServer) -> None:
    told = run(source, "--strategy", "auto")
    assert told.exit_code == 0, told.output
    assert "strategy: auto came to " in told.stdout


def test_a_plan_says_what_proving_takes(source: Path) -> None:
    small = call("plan", source, *OPTIONS, "--max-bleed", 0.02)
    assert small.exit_code == 0, small.output
    assert "the promise needs about 212 audits for 200 items; all are asked alone" in small.stdout
    pays = call("plan", source, *OPTIONS, "--max-bleed", 0.2)
    assert "to try sizes, up to" in pays.stdout
    assert "promise: tried first on 20 items, asked alone and by packs of 5, 10" in pays.stdout
    trial = summary(call("plan", source, *OPTIONS, "--max-bleed", 0.2, "--json"))["trial"]
    assert (trial["sizes"], trial["items"], trial["pays"], trial["why_not"]) == ([5, 10], 20, True, None)
    assert trial["most_calls"] == 20 + trial["twice"] + 4 + 2 + 4  # type: ignore[operator]
    planned = summary(call("plan", source, *OPTIONS, "--strategy", "auto", "--audit", 0.1, "--json"))
    assert planned["planner"]["words"]
    assert planned["planner"]["strategy"] == planned["strategy"]
    assert planned["audits"] == 20 + 5
    assert planned["trial"] is None


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--max-bleed", 0.02, "--max-accuracy-loss", 0.02], "promise one of the two"),
        (["--max-bleed", 0], 'use strategy="single"'),
        (["--max-accuracy-loss", 0.02], "--max-accuracy-loss needs --gold"),
        (["--profile", "p.json"], "give --max-bleed or --max-accuracy-loss too"),
        (["--max-bleed", 0.02, "--profile", "/nowhere/p.json"], "there is no folder"),
        (["--confidence", 1], "as in 0.95"),
        (["--audit", 2], "Invalid value for '--audit'"),
        (["--max-bleed", 0.6], "Invalid value for '--max-bleed'"),
        (["--unproven", "maybe"], "Invalid value for '--unproven'"),
        (["--gold", "none.csv"], "There is no file 'none.csv'"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(
    source: Path, command: str, more: list[object], said: str
) -> None:
    out = ["--out", source.with_suffix(".jsonl")] if command == "run" else []
    told = call(command, source, *OPTIONS, *out, *more)
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.replace("│", " ").split())
    assert "Traceback" not in told.output


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("text", "human"), ("x", "good")], "row 1 has no field 'label'; name it with --gold-field."),
        ([("body", "label"), ("x", "good")], "row 1 has no field 'text'; name it with --text-field."),
        ([("text", "label"), ("x", "good"), ("y", "\x1b[2Jfine")], "row 2, 'label'"),
        ([("text", "label"), (" ", "good")], "row 1 has no text in field 'text'"),
        ([("text", "label"), ("x", "good"), ("x", "bad")], "rows 1 and 2 have one text and two answers"),
        ([("text", "label"), ("x", "")], "no row has an answer in field 'label'"),
    ],
)
def test_gold_that_cannot_be_used_is_told_by_file_and_row(
    source: Path, rows: list[tuple[str, ...]], said: str
) -> None:
    gold = table(source.with_name("gold.csv"), rows)
    told = call("plan", source, *OPTIONS, "--gold", gold)
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.split())
    assert str(gold) in told.stderr
    assert "\x1b" not in told.stderr
    assert not source.with_suffix(".jsonl").exists()

"""Batch jobs on the command line: hand over, look, resume, cancel; with a provider behind OpenAI's wire."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer import Task, pack_and_run
from packer.out.commands.cli import app
from packer.testing import FaultServer, JobFaults, ScriptedClient

ROWS = [(f"r{n}", f"thing {n}") for n in range(25)]
OPTIONS = [
    "--labels",
    "odd,even",
    "--instruction",
    "Parity.",
    "--model",
    "openai/gpt-4.1-mini",
    "--audit",
    "0",
]


def parity(text: str) -> str:
    return "odd" if int(text.split()[-1]) % 2 else "even"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(parity, jobs=JobFaults(looks=3, done_at_cancel=0.0)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *ROWS])
    return tmp_path


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def run(home: Path, *more: object) -> Result:
    named = ("--id-field", "id", "--out", home / "out.csv", "--store", home / "a run.db", "--poll", "0")
    return call("run", home / "in.csv", *OPTIONS, *named, "--via", "batch", *more)


def written(home: Path) -> dict[str, str]:
    with (home / "out.csv").open(newline="") as file:
        return {row["id"]: row["value"] for row in csv.DictReader(file)}


RIGHT = {name: parity(text) for name, text in ROWS}


def test_a_run_by_batch_jobs_writes_its_results(home: Path, server: FaultServer) -> None:
    result = run(home, "--json")
    assert result.exit_code == 0, result.output
    assert written(home) == RIGHT
    assert [len(job.custom_ids) for job in server.jobs] == [3]
    summary = json.loads(result.stdout)
    assert (summary["accepted"], summary["calls"]) == (25, 3)


def test_hand_over_look_and_resume_with_nothing_but_the_file(
    home: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = run(home, "--no-wait")
    assert left.exit_code == 1
    assert "1 batch job with 3 calls under way" in left.stderr
    assert "packsplit resume" in left.stderr
    assert not (home / "out.csv").exists()
    seen = call("status", home / "a run.db")
    assert "at the provider: 1 batch job under way" in seen.output
    assert server.jobs[0].id in seen.output
    told = json.loads(call("status", home / "a run.db", "--json").stdout)
    assert (told["standing"], told["jobs"][0]["calls"]) == ("at_provider", 3)
    monkeypatch.chdir(home.parent)  # the command's files are kept by their full paths
    done = call("resume", home / "a run.db")
    assert done.exit_code == 0, done.output
    assert written(home) == RIGHT
    assert len(server.jobs) == 1
    again = call("resume", home / "a run.db", "--json")
    assert json.loads(again.stdout)["calls"] == 3
    assert len(server.jobs) == 1


def test_resume_may_look_and_leave_again(home: Path, server: FaultServer) -> None:
    run(home, "--no-wait")
    looked = call("resume", home / "a run.db", "--no-wait")
    assert looked.exit_code == 1
    assert "0 results of 25 there so far" in looked.stderr
    assert call("resume", home / "a run.db").exit_code == 0


def test_cancel_ends_the_jobs_and_resume_asks_the_rest_anew(home: Path, server: FaultServer) -> None:
    run(home, "--no-wait")
    cancelled = call("cancel", home / "a run.db")
    assert cancelled.exit_code == 0, cancelled.output
    assert server.jobs[0].id in cancelled.output
    assert server.jobs[0].state in ("cancelling", "ended")
    assert call("resume", home / "a run.db").exit_code == 0
    assert written(home) == RIGHT
    assert len(server.jobs) == 2
    assert "no batch job under way" in call("cancel", home / "a run.db").stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--via", "batch"], "give --store RUN"),
        (["--no-wait"], "give --via batch too"),
    ],
)
def test_options_that_need_others_say_so(home: Path, server: FaultServer, more: list[str], told: str) -> None:
    result = call("run", home / "in.csv", *OPTIONS, "--out", home / "out.csv", *more)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not server.requests


def test_a_run_begun_from_python_is_not_resumed_by_its_file_alone(home: Path) -> None:
    task = Task.classify("Parity.", ["odd", "even"])
    pack_and_run(["thing 1"], task, client=ScriptedClient(parity), store=home / "py.db")
    result = call("resume", home / "py.db")
    assert result.exit_code == 2
    assert "go on with the call that began it" in result.stderr


def test_resume_and_cancel_of_nothing_say_so(home: Path) -> None:
    for name in ("resume", "cancel"):
        result = call(name, home / "none.db")
        assert result.exit_code == 2
        assert "There is no run at" in result.stderr


def test_the_report_says_that_jobs_are_under_way(home: Path, server: FaultServer) -> None:
    run(home, "--no-wait")
    assert call("report", home / "a run.db").exit_code == 0
    assert "At the provider</strong>: 1 batch job under way" in (home / "a run.db.html").read_text()


def test_a_run_that_its_limit_stopped_is_resumed_as_its_status_says(home: Path, server: FaultServer) -> None:
    command = (
        "run",
        home / "in.csv",
        *OPTIONS,
        "--id-field",
        "id",
        "--out",
        home / "out.csv",
        "--store",
        home / "b.db",
    )
    stopped = call(*command, "--max-calls", "1")
    assert stopped.exit_code == 1
    assert stopped.stderr.splitlines()[-1] == f"Next: packsplit resume {home / 'b.db'}"
    last = call("status", home / "b.db").output.split("Next: packsplit ")[1].split()
    assert last[0] == "resume"
    assert last[-2] == "--max-calls"
    done = call("resume", home / "b.db", *last[-2:])
    assert done.exit_code == 0, done.output
    assert written(home) == RIGHT

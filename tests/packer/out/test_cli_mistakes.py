"""Mistakes on the command line: each is told in one sentence (what, where, what to do); no traceback."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from packer.out.commands.cli import app
from packer.run.live.halt import Halt
from packer.testing import FaultServer, WireFault

ASKED = ("--labels", "good,bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini")
RUN = ("run", "a.csv", *ASKED, "--out", "o.jsonl")
TASK = ("run", "a.csv", "--out", "o.jsonl", "--model", "openai/gpt-4.1-mini", "--task")
EVAL = ("eval", "a.csv", "--task", "task.json", "--model", "openai/gpt-4.1-mini")
TEXTS = {"Great value.": "good", "Arrived broken.": "bad"}

FILES: dict[str, str | bytes] = {
    "a.csv": "id,text,stars\n1,Great value.,5\n2,Arrived broken.,1\n",
    "empty.csv": "",
    "header.csv": "id,text\n",
    "binary.csv": b"\x89PNG\r\n\x00\x00",
    "latin.csv": "text\nCaf\xe9\n".encode("latin-1"),
    "latin.jsonl": '"Great value."\n"Caf\xe9"\n'.encode("latin-1"),
    "utf16.csv": "text\nCafe\n".encode("utf-16"),
    "headless.csv": "The food was really great here.\nIt broke.\n",
    "twice.csv": "text,label,text\na,b,c\n",
    "unnamed.csv": ",text,\n1,a,b\n",
    "ragged.csv": "id,text\n1,a\n2,a,b\n",
    "broken.jsonl": '{"text": "a"}\n{"text": \n',
    "array.jsonl": '[{"text": "a"}]\n',
    "array.json": '[{"text": "a"}]\n',
    "number.jsonl": '{"text": 3}\n',
    "same.csv": "id,text\n1,a\n1,b\n",
    "bad.parquet": "x",
    "quote.csv": 'text\n"abc\n',
    "gold.csv": "text,label\nGreat value.,god\n",
    "open.csv": "text,label\nGreat value.,\n",
    "notes.txt": "hello",
    "task.json": json.dumps({"instruction": "Sentiment.", "labels": ["good", "bad"]}),
    "gibberish.json": "{{{",
    "typo.json": json.dumps({"instruction": "Sentiment.", "lables": ["good", "bad"]}),
    "schema.json": json.dumps({"instruction": "x", "schema": {"type": "objekt"}}),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    # Nobody listens there: a mistake that is not told before the first call shows as another sentence.
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    return tmp_path


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def run_on(name: str) -> tuple[str, ...]:
    return ("run", name, *RUN[2:])


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("stauts",), "There is no command 'stauts'. Did you mean 'status'?"),
    (("frobnicate",), "There are: run, plan, eval"),
    ((*RUN, "--lables", "x"), "There is no option --lables. Did you mean '--labels'?"),
    ((*RUN, "extra.csv"), "What is 'extra.csv' for?"),
    (
        (*RUN, "--strategy", "packs"),
        "'packs' is not one of 'auto', 'pack', 'session', 'single'. Did you mean",
    ),
    (("status", "x", "--only", "fialed"), "Did you mean 'failed'?"),
    (("run",), "INPUT"),
    (("run", "a.csv", *ASKED), "Missing option '--out'"),
    # Inputs
    (run_on("a.cvs"), "There is no file 'a.cvs'. Did you mean 'a.csv'?"),
    (run_on("zzzzzz.csv"), "There is no file 'zzzzzz.csv'."),
    (run_on("folder"), "'folder' is a folder: name one .csv"),
    (run_on("empty.csv"), "'empty.csv' is empty"),
    (run_on("header.csv"), "There are no items"),
    (run_on("binary.csv"), "'binary.csv' is no text file"),
    (run_on("latin.csv"), "'latin.csv' is not UTF-8: save it as UTF-8"),
    (run_on("latin.jsonl"), "'latin.jsonl' is not UTF-8"),
    (run_on("utf16.csv"), "'utf16.csv' is written in UTF-16: save it as UTF-8"),
    (run_on("twice.csv"), "'text' is there twice"),
    (run_on("unnamed.csv"), "of the columns one has no name"),
    (run_on("ragged.csv"), "row 2 has another number of cells"),
    (run_on("broken.jsonl"), "broken.jsonl, line 2 is not JSON: Expecting value, at character 10."),
    (run_on("array.jsonl"), "holds a JSON array"),
    (run_on("array.json"), "a task file goes behind --task"),
    (run_on("number.jsonl"), "has a text of type int"),
    (run_on("same.csv"), "The id '1' occurs twice"),
    (run_on("bad.parquet"), "bad.parquet cannot be read as Parquet"),
    (run_on("quote.csv"), "quote.csv cannot be read as CSV"),
    (run_on("notes.txt"), "input files are .csv, .jsonl or .parquet"),
    ((*RUN, "--text-field", "txt"), "The fields are: 'id', 'text', 'stars'. Did you mean 'text'?"),
    ((*RUN, "--id-field", "ids"), "name it with --id-field. The fields are: 'id', 'text', 'stars'. Did you"),
    ((*RUN, "--group-by", "star"), "Did you mean 'stars'?"),
    # What is asked
    ((*RUN, "--labels", ""), "at least two labels"),
    ((*RUN, "--labels", "good"), "at least two labels"),
    ((*RUN, "--labels", "good,good"), "The label 'good' occurs twice"),
    ((*RUN, "--instruction", " "), "--instruction is empty"),
    (("run", "a.csv", "--out", "o.csv"), "Nothing says what is asked"),
    (("plan", "a.csv", "--labels", "a,b"), "nothing what is asked: give --instruction"),
    (("plan", "a.csv", "--instruction", "S."), "give --labels a,b,c"),
    ((*TASK, "task.json", "--labels", "a,b"), "and so does --labels: give one of the two"),
    ((*TASK, "task.json", "--multi"), "and so does --multi"),
    ((*TASK, "tsak.json"), "There is no task file 'tsak.json'. Did you mean 'task.json'?"),
    ((*TASK, "gibberish.json"), "gibberish.json is not JSON"),
    ((*TASK, "typo.json"), "'lables' is no key of a task file"),
    ((*TASK, "typo.json"), "Did you mean 'labels'?"),
    ((*TASK, "schema.json"), "schema.json: The output is not a valid JSON schema"),
    ((*TASK, "a.csv"), "'a.csv' looks like rows"),
    ((*TASK, "folder"), "'folder' is a folder"),
    ((*RUN, "--model", "openia/gpt-4.1"), "Did you mean 'openai/gpt-4.1'?"),
    ((*RUN, "--model", "gpt-4.1"), "Did you mean 'openai/gpt-4.1'?"),
    ((*RUN, "--model", "local/qwen"), "Did you mean 'local/qwen-0.5b'?"),
    ((*RUN, "--model", "openai/"), "No model is known as 'openai/'"),
    # Numbers
    ((*RUN, "--items-per-pack", "-3"), "Invalid value for '--items-per-pack'"),
    ((*RUN, "--items-per-pack", "5000"), "Invalid value for '--items-per-pack'"),
    ((*RUN, "--max-cost", "abc"), "--max-cost 'abc' is no amount of USD above zero"),
    ((*RUN, "--max-cost", "nan"), "--max-cost 'nan' is no amount"),
    ((*RUN, "--max-cost", "-1"), "--max-cost '-1' is no amount"),
    ((*RUN, "--model", "local", "--max-cost", "1"), "runs on this machine and has no price"),
    ((*RUN, "--deadline", "nan"), "Invalid value for '--deadline'"),
    ((*RUN, "--deadline", "inf"), "inf is not a number that can be used"),
    ((*RUN, "--deadline", "0"), "--deadline 0 leaves no time"),
    ((*RUN, "--max-bleed", "nan"), "Invalid value for '--max-bleed'"),
    ((*RUN, "--confidence", "1"), "write it as in 0.95"),
    # Files that are written
    ((*RUN, "--out", "no/such/o.csv"), "there is no folder 'no/such'; make it first"),
    ((*RUN, "--out", "a.csv"), "--out 'a.csv' is the input, and would be written over"),
    ((*RUN, "--out", "folder"), "results are written as .jsonl, .csv or .parquet"),
    ((*RUN, "--failures", "o.jsonl"), "--failures 'o.jsonl' is --out"),
    ((*RUN, "--failures", "f.csv"), "rows to run again are written as .jsonl"),
    ((*RUN, "--store", "notes.txt"), "notes.txt is no run of packsplit"),
    ((*RUN, "--store", "folder"), "a store is one file"),
    ((*RUN, "--store", "no/s.run"), "its folder is not there"),
    ((*RUN, "--cache", "notes.txt"), "cannot be used"),
    ((*RUN, "--no-texts"), "give --store too"),
    ((*RUN, "--review", "1"), "give --store"),
    ((*RUN, "--review", "1", "--window", "5"), "give one of the two"),
    # People's answers
    ((*RUN, "--gold", "gold.csv"), "'god' is not one of the labels 'good', 'bad'. Did you mean 'good'?"),
    ((*RUN, "--gold", "open.csv"), "no row has an answer in field 'label'"),
    ((*RUN, "--gold", "gold.csv", "--gold-field", "lable"), "Did you mean 'label'?"),
    ((*RUN, "--gold", "a.csv"), "row 1 has no field 'label'; name it with --gold-field"),
    ((*EVAL, "--sizes", "5,x"), "--sizes '5,x': write whole numbers"),
    ((*EVAL, "--sizes", ""), "--sizes '': write whole numbers"),
    ((*EVAL, "--store", "notes.txt"), "an evaluation is kept in a folder"),
    ((*EVAL, "--max-bleed", "0.02", "--max-accuracy-loss", "0.02"), "promise one of the two"),
    ((*EVAL, "--max-accuracy-loss", "0.02"), "needs people's answers"),
    ((*EVAL, "--gold-field", "star"), "Did you mean 'stars'?"),
    ((*EVAL, "--gold-field", "stars", "--text-field", "stars"), "is the column of people's answers"),
    (("eval", "task.json"), "packsplit eval labelled.csv --task 'task.json'"),
    (("eval", "task.json", "--data", "a.csv", "--task", "typo.json"), "are two task files"),
    # Stored runs
    (("status", "notes.txt"), "notes.txt is no run of packsplit"),
    (("status", "folder"), "'folder' is a folder: name a run's file"),
    (("status", "note.txt"), "There is no run at 'note.txt'. Did you mean 'notes.txt'?"),
    (("status", "notes.txt", "--watch", "--json"), "give one of the two"),
    (("report", "notes.txt", "--out", "notes.txt"), "notes.txt is no run of packsplit"),
    (("export", "notes.txt", "--out", "x.csv"), "notes.txt is no run of packsplit"),
    (("review", "none.run"), "There is no run at 'none.run'"),
    (("resume", "notes.txt"), "notes.txt is no run of packsplit"),
    (("cancel", "none.run"), "There is no run at 'none.run'"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES, ids=lambda each: " ".join(each)[-60:] if each else "")
def test_a_mistake_is_one_sentence_and_exit_code_2(words: tuple[str, ...], said: str, here: Path) -> None:
    told = call(*words)
    assert isinstance(told.exception, SystemExit), told.exception
    assert told.exit_code == 2, told.output
    assert said in told.stderr
    assert told.stderr.startswith("packsplit: ")
    assert told.stderr.count("\n") == 1
    assert told.stdout == ""
    assert not (here / "o.jsonl").exists()
    assert (here / "a.csv").read_text() == FILES["a.csv"]


def test_no_key_and_an_address_that_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "example.org/v1")
    told = call(*RUN)
    assert (told.exit_code, "OPENAI_BASE_URL is 'example.org/v1', which is no address" in told.stderr) == (
        2,
        True,
    )
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OPENAI_API_KEY")
    told = call(*RUN)
    assert (told.exit_code, "OPENAI_API_KEY" in told.stderr) == (2, True), told.output
    assert told.stderr.count("\n") == 1


def test_a_header_that_looks_like_a_text_is_told_and_taken(here: Path) -> None:
    plan = ("plan", "headless.csv", *ASKED)
    told = call(*plan)
    assert (told.exit_code, told.stderr.count("\n")) == (0, 1), told.output
    assert "'The food was really great here.' looks like a text" in told.stderr
    assert "put a row with the word text above it" in told.stderr
    named = call(*plan, "--text-field", "The food was really great here.")
    assert (named.exit_code, named.stderr) == (0, ""), named.output


def test_a_wrong_key_is_one_sentence_without_the_key(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = WireFault(401, {"error": {"message": "Incorrect API key provided: sk-canary.", "code": "x"}})
    with FaultServer(TEXTS) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.faults.extend([denied] * 9)
        told = call(*RUN)
        calls = server.ledger.calls
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (3, "", 1), told.output
    assert "Incorrect API key provided" in told.stderr
    assert "sk-canary" not in told.stderr
    assert calls == 1
    assert not (here / "o.jsonl").exists()


def test_a_user_without_a_home_or_a_name(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer(TEXTS) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        asked = call(*RUN, "--store", "may.run", "--review", "1")
    assert asked.exit_code == 1, asked.output
    sheet = json.loads(call("review", "may.run", "--json").stdout)
    decided = [{"id": each["id"], "ruling": "approve"} for each in sheet["items"]]
    (here / "decided.jsonl").write_text("".join(json.dumps(each) + "\n" for each in decided))
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    told = call("review", "may.run", "--decisions", "decided.jsonl")
    assert (told.exit_code, told.stderr) == (0, ""), told.output


def test_files_that_may_not_be_read_or_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied", "a.csv")

    monkeypatch.setattr("packer.out.commands.looked_at._check_text", refused)
    told = call(*RUN)
    assert (told.exit_code, told.stderr) == (2, "packsplit: 'a.csv': Permission denied.\n")

    def full(*args: object, **named: object) -> None:
        raise OSError(28, "No space left on device", "a.csv")

    monkeypatch.setattr("packer.out.commands.looked_at._check_text", full)
    told = call(*RUN)
    assert (told.exit_code, told.stderr) == (3, "packsplit: 'a.csv': No space left on device.\n")


def test_a_run_that_is_stopped_keeps_what_it_has(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Review {n}" for n in range(30)]
    (here / "many.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    asked: list[str] = []
    heard, halt = threading.Event(), Halt.ask

    def hearing(self: Halt, why: str) -> None:
        halt(self, why)
        heard.set()

    def answer(text: str) -> str:
        asked.append(text)
        if len(asked) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            # The signal is the main thread's to take; until then no call may go on.
            assert heard.wait(60)
        return "good"

    monkeypatch.setattr(Halt, "ask", hearing)

    with FaultServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        told = call(*run_on("many.jsonl"), "--strategy", "single", "--concurrency", "1")
    assert told.exit_code == 1, told.output
    assert "the run ended early" in told.stderr
    assert "items are pending: nothing is wrong with them" in told.stderr
    rows = [json.loads(line) for line in (here / "o.jsonl").read_text().splitlines()]
    assert len(rows) == 30
    assert {row["outcome"] for row in rows} == {"accepted", "pending"}


def test_stopping_anywhere_else_is_exit_code_130(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("packer.out.commands.stored.read_run", stopped)
    told = call("status", "notes.txt")
    assert (told.exit_code, told.stderr.strip().splitlines()[-1]) == (130, "packsplit: stopped")


def test_another_task_for_a_stored_run_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(TEXTS) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert call(*RUN, "--store", "may.run").exit_code == 0
        told = call(*RUN, "--store", "may.run", "--labels", "good,bad,mixed")
    assert told.exit_code == 2
    assert "may.run holds a run that was begun with something else" in told.stderr
    over = call("report", "may.run", "--out", "may.run")
    assert (over.exit_code, "would be written over" in over.stderr) == (2, True)
    assert call("status", "may.run").exit_code == 0

"""Every shell line of the pages works: ``packsplit`` is run for real, the rest is held against what there is.

Blocks marked ``sh`` are run in order, those of a page in one folder, where the file of the five-minute start
lies ready (as .csv, .jsonl, .parquet, and with labels), against a server with faults in place of every model.
``...`` stands for the labels and instruction of the lines before. A command on a stored run gets a run where
the page's Python made it. A line may end with exit code 2 only where its comment says that it refuses. A
block below ``<!-- not run: why -->`` is only read, but for files that it writes.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from packer.clients import OpenAIChat
from packer.out.commands.app import UNRESOLVED
from packer.out.commands.cli import app
from packer.testing import FaultServer, JobFaults
from tests.docs.pages import DOCS, HOME, blocks, name_of, spans, text_pages
from tests.docs.shell import HERE, LANGUAGES, STANDARD, commands, wrong_module, wrong_with

STORED = ("status", "review", "export", "report", "resume", "cancel")
COMMAND = re.compile(r"(packsplit (--?)?[a-z-]+|make [a-z-]+|python -m [\w.]+)( |$)")
NOT_RUN = "<!-- not run:"
APPROVE_ALL = "a\n\n" * 24
"""``a`` approves an answer; an empty line hands in, and is asked again before that."""

PAGES = [page for page in text_pages() if page.parent == HOME or page.is_relative_to(DOCS)]
WITH_SHELL = [page for page in PAGES if any(each.language in LANGUAGES for each in blocks(page.read_text()))]


class Room:
    """A folder with inputs, and a model that gives each row one of two answers that the task allows."""

    def __init__(self, server: FaultServer, answers: list[object]) -> None:
        self.server, self.answers = server, answers

    def call(self, words: list[str], *, page: Sequence[list[str]] = ()) -> Result:
        """Run one command as it stands, and before it the page's own that makes the run it is about."""
        if "..." in words:
            words = [each for each in words if each != "..."]
            for name, value in zip(STANDARD[::2], STANDARD[1::2], strict=True):
                words += [] if name in words else [name, value]
        if words[0] in STORED and len(words) > 1 and not Path(words[1]).exists():
            standard = ["run", "reviews.csv", *STANDARD, "--store", words[1], "--out", "made.jsonl"]
            made = next((each[1:] for each in page if each[1:2] == ["run"] and words[1] in each), standard)
            check(f"{words[1]} for {words[0]}", self.call(made), refuses=False)
        self.answers[:] = _answers(words)[:2]
        return CliRunner().invoke(app, words, input=APPROVE_ALL)


def _answers(words: list[str]) -> list[object]:
    """Answers that fit the task of a command: two, or one for both."""
    if "--labels" in words:
        return list(words[words.index("--labels") + 1].split(","))
    for name in words:
        if name.endswith(".json") and Path(name).exists():
            task = json.loads(Path(name).read_text())
            return list(task["labels"]) if "labels" in task else [_fitting(task["schema"])] * 2
    return ["good", "bad"]


def _fitting(schema: Mapping[str, object]) -> object:
    """A value that a plain schema allows."""
    fields = schema.get("properties")
    if isinstance(fields, dict):
        return {name: _fitting(inner) for name, inner in fields.items()}
    plain: dict[object, object] = {"number": 1.5, "integer": 1, "boolean": True, "array": [], "null": None}
    options = schema.get("enum")
    return options[0] if isinstance(options, list) else plain.get(schema.get("type"), "some words")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    started = {name: content for name, _, content in HERE.findall((DOCS / "start.md").read_text())}
    (tmp_path / "reviews.csv").write_text(started["reviews.csv"])
    rows = list(csv.DictReader(io.StringIO(started["reviews.csv"])))
    with (tmp_path / "labelled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"])
        writer.writeheader()
        writer.writerows(
            {"id": row["id"], "text": row["text"], "label": "good"} for row in rows if row["text"]
        )
    for name in ("reviews.jsonl", "big.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "reviews.parquet")
    (tmp_path / "task.json").write_text(json.dumps({"instruction": "Sentiment.", "labels": ["good", "bad"]}))
    shutil.copy(HOME / "examples" / "tweets.csv", tmp_path)
    answers: list[object] = ["good", "bad"]
    monkeypatch.chdir(tmp_path)
    with FaultServer(lambda text: answers["broke" in text], jobs=JobFaults(looks=0)) as server:
        for vendor, address in (("OPENAI", server.url), ("ANTHROPIC", server.root_url)):
            monkeypatch.setenv(f"{vendor}_BASE_URL", address)
            monkeypatch.setenv(f"{vendor}_API_KEY", "none")

        monkeypatch.setattr("packer.clients.local.LocalModel", OpenAIChat)
        yield Room(server, answers)


@pytest.mark.parametrize("page", WITH_SHELL, ids=name_of)
def test_shell_blocks_run(page: Path, room: Room) -> None:
    shells = [each for each in blocks(page.read_text()) if each.language in LANGUAGES]
    every = [words for block in shells for words, _ in commands(block.code)]
    for block in shells:
        for name, _, content in HERE.findall(block.code):
            Path(name).write_text(content)
        for words, comment in commands(block.code):
            where = f"{name_of(page)}:{block.line}: {' '.join(words)}"
            assert (wrong := wrong_with(words)) == "", f"{where}: {wrong}"
            if words[0] == "packsplit" and len(words) > 1 and not block.above.startswith(NOT_RUN):
                check(where, room.call(words[1:], page=every), refuses="refuses" in comment)


def check(where: str, done: Result, *, refuses: bool) -> None:
    told = f"{where}: exit code {done.exit_code}\n{done.output}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        told += "".join(traceback.format_exception(done.exception))
    assert done.exit_code in ((2,) if refuses else (0, UNRESOLVED)), told


@pytest.mark.parametrize("page", text_pages(), ids=name_of)
def test_commands_in_the_text_name_what_is_there(page: Path) -> None:
    wrong = []
    for span in spans(page.read_text()):
        if COMMAND.match(span) and "\n" not in span:
            wrong += [wrong_with(words) for words, _ in commands(span)]
    assert [each for each in wrong if each] == []


@pytest.mark.parametrize(
    "line",
    [
        "packsplit runn reviews.csv",
        "packsplit run reviews.csv --lables a,b",
        "packsplit --nope",
        "make demos",
        "pip install 'packsplit[locl]'",
        "python -m benchmarks.nothing",
        "python -m benchmarks.binpack --itms 3",
        "rm -rf everything",
    ],
)
def test_a_line_that_cannot_work_is_seen(line: str) -> None:
    ((words, _),) = commands(line)
    assert wrong_with(words)


def test_lines_are_taken_apart() -> None:
    code = "# none\nA_KEY=1 packsplit plan 'a b.csv' \\\n  --json | head -1 > out  # all of it\n"
    code += "$ make test && make lint\n"
    assert list(commands(code)) == [
        (["packsplit", "plan", "a b.csv", "--json"], "all of it"),
        (["head", "-1"], "all of it"),
        (["make", "test"], ""),
        (["make", "lint"], ""),
    ]


def test_options_of_a_module_are_read_from_its_text() -> None:
    assert wrong_module("benchmarks.binpack", ["--items", "3", "--rounds=2"]) == ""


def test_a_command_that_fails_is_seen(room: Room) -> None:
    with pytest.raises(AssertionError, match="exit code 2"):
        check("here", room.call(["run", "gone.csv", "...", "--out", "r.csv"]), refuses=False)

"""The commands in a real terminal, narrow, wide, dumb, without colour, and into a pipe that nobody reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from packer import Task, pack_and_run
from packer.testing import ScriptedClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

STEPS = """
import fcntl, json, os, struct, sys, termios
from packer.out.commands.cli import app, main
for columns, no_color, words in json.loads(sys.argv[1]):
    if columns:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    os.environ["NO_COLOR"] = no_color
    print("$", words[0], flush=True)
    try:
        app(words)
    except SystemExit as end:
        print("=", end.code, flush=True)
if len(sys.argv) > 2:
    print("over", flush=True)
    sys.stdin.readline()
    sys.argv[1:] = sys.argv[2:]
    main()
"""
STYLE = re.compile(r"\x1b\[[0-9;]*m")
LOOKS = [
    ["status", "may.run", "--show", "3"],
    ["plan", "in.jsonl", "--labels", "good,bad", "--instruction", "Sentiment of a review."],
    ["stauts"],
    ["export", "may.run", "--out", "no/such/folder/results.csv"],
    ["--help"],
]


Step = tuple[int, str, list[str]]
"""Columns of the terminal (0: there is none), NO_COLOR, and the words of a command."""

NARROW: list[Step] = [(40, "", words) for words in LOOKS]
WITHOUT_COLOUR: list[Step] = [(200, "1", LOOKS[at]) for at in (0, 2, 4)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    texts = [f"Review number {n} says that the thing holds what it promises." for n in range(24)]
    (folder / "in.jsonl").write_text("".join(f'"{text}"\n' for text in texts))
    client = ScriptedClient(lambda text: "good")
    store = folder / "may.run"
    pack_and_run(texts, Task.classify("Sentiment of a review.", ["good", "bad"]), client=client, store=store)
    return folder


def environment(**more: str) -> dict[str, str]:
    left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING")
    return {**{name: value for name, value in os.environ.items() if name not in left_out}, **more}


def child(steps: list[Step], *last: str) -> list[str]:
    return [sys.executable, "-c", STEPS, json.dumps(steps), *last]


@pytest.fixture(scope="module")
def screens(home: Path) -> tuple[str, str]:
    """What a terminal is sent by one child: forty columns wide, then wide and without colours."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        child(NARROW + WITHOUT_COLOUR),
        cwd=home,
        env=environment(TERM="xterm-256color"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # Linux says so when the other side has closed
                break
            if not part:
                break
            seen += part
        assert process.wait(timeout=60) == 0
    os.close(ours)
    told = re.split(r"(?m)^(?=\$ )", seen.decode().replace("\r\n", "\n"))[1:]
    assert len(told) == len(NARROW) + len(WITHOUT_COLOUR)
    return "".join(told[: len(NARROW)]), "".join(told[len(NARROW) :])


def test_forty_columns_are_enough(screens: tuple[str, str]) -> None:
    told, _ = screens
    assert STYLE.search(told)
    lines = STYLE.sub("", told).splitlines()
    assert "\x1b" not in STYLE.sub("", told)
    assert [line for line in lines if len(line.rstrip()) > 40] == []
    text = " ".join(" ".join(lines).split())
    assert "Did you mean 'status'?" in text
    assert "there is no folder 'no/such/folder'; make it first" in text
    assert "complete" in text
    assert "Traceback" not in text
    assert [line for line in lines if line.startswith("=")] == ["= 0", "= 0", "= 2", "= 2", "= 0"]


def test_no_escape_codes_with_no_color(screens: tuple[str, str]) -> None:
    _, told = screens
    assert "\x1b" not in told
    assert "24 accepted" in told


def test_a_pipe_gets_plain_text_in_whatever_it_can_hold_and_ends_quietly_when_nobody_reads(
    home: Path,
) -> None:
    labels = ["plan", "in.jsonl", "--labels", "gut,schön", "--instruction", "Grüße"]
    steps: list[Step] = [(0, "", words) for words in (LOOKS[0], labels, ["plan", "schön.csv", *labels[2:]])]
    with subprocess.Popen(
        child(steps, "status", "may.run", "--json"),
        cwd=home,
        env=environment(PYTHONIOENCODING="ascii", TERM="xterm-256color"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        said = b"".join(iter(process.stdout.readline, b"over\n"))
        process.stdout.close()  # from here on nobody reads
        process.stdin.write(b"\n")
        process.stdin.close()
        wrong = process.stderr.read()
        assert process.wait(timeout=60) == 141
    assert b"\x1b" not in said + wrong
    assert said.isascii()
    assert b"# 24 accepted" in said
    # All of it is told before the pipe is closed: what came after is silence.
    assert wrong.count(b"\n") == 1
    assert b"There is no file 'sch\\xf6n.csv'" in wrong

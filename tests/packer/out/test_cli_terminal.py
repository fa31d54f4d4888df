"""The commands in a real terminal, narrow, wide, dumb, without colour, and into a pipe that nobody reads."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from packer import Task, pack_and_run
from packer.testing import ScriptedClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

SEVERAL = """
import sys, json
from packer.out.commands.cli import app
for words in json.loads(sys.argv[1]):
    print("$", words[0], flush=True)
    try:
        app(words)
    except SystemExit as end:
        print("=", end.code, flush=True)
"""
STYLE = re.compile(r"\x1b\[[0-9;]*m")
LOOKS = [
    ["status", "may.run", "--show", "3"],
    ["plan", "in.jsonl", "--labels", "good,bad", "--instruction", "Sentiment of a review."],
    ["stauts"],
    ["export", "may.run", "--out", "no/such/folder/results.csv"],
    ["--help"],
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    texts = [f"Review number {n} says that the thing holds what it promises." for n in range(24)]
    (tmp_path / "in.jsonl").write_text("".join(f'"{text}"\n' for text in texts))
    client = ScriptedClient(lambda text: "good")
    store = tmp_path / "may.run"
    pack_and_run(texts, Task.classify("Sentiment of a review.", ["good", "bad"]), client=client, store=store)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING")
    return {**{name: value for name, value in os.environ.items() if name not in left_out}, **more}


def child(words: list[list[str]]) -> list[str]:
    import json

    return [sys.executable, "-c", SEVERAL, json.dumps(words)]


def in_terminal(words: list[list[str]], home: Path, columns: int, **more: str) -> str:
    """What a terminal of so many columns is sent."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        child(words), cwd=home, env=environment(**more), stdin=theirs, stdout=theirs, stderr=theirs
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
    return seen.decode().replace("\r\n", "\n")


def test_forty_columns_are_enough(home: Path) -> None:
    told = in_terminal(LOOKS, home, 40, TERM="xterm-256color")
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


def test_no_escape_codes_with_no_color(home: Path) -> None:
    told = in_terminal([LOOKS[0], LOOKS[2], LOOKS[4]], home, 200, NO_COLOR="1", TERM="xterm-256color")
    assert "\x1b" not in told
    assert "24 accepted" in told


def test_a_pipe_gets_plain_text_in_whatever_it_can_hold(home: Path) -> None:
    labels = ["plan", "in.jsonl", "--labels", "gut,schön", "--instruction", "Grüße"]
    said = subprocess.run(
        child([LOOKS[0], labels, ["plan", "schön.csv"]]),
        cwd=home,
        env=environment(PYTHONIOENCODING="ascii", TERM="xterm-256color"),
        capture_output=True,
        check=True,
    )
    assert b"\x1b" not in said.stdout + said.stderr
    assert said.stdout.isascii()
    assert b"Traceback" not in said.stderr
    assert b"# 24 accepted" in said.stdout


def test_a_pipe_that_nobody_reads_ends_the_command_quietly(home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from packer.out.commands.cli import main; main()",
            "status",
            "may.run",
            "--json",
        ],
        cwd=home,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (said.returncode, said.stderr) == (141, b"")

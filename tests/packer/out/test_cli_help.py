"""The help: the docs' page is what commands say; each command has examples, groups and completion."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.core import TyperCommand
from typer.testing import CliRunner

from packer.out.commands.app import ORDER
from packer.out.commands.cli import app
from packer.out.commands.help_page import EXAMPLES, GROUPS
from scripts.write_cli_help import PAGE, with_help

COMMANDS: dict[str, TyperCommand] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def help_of(*words: str, columns: int = 100) -> str:
    told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(columns)})
    assert told.exit_code == 0, told.output
    return told.stdout


def test_the_docs_say_what_the_commands_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_help(page), "docs/cli.md is old; write it anew: python -m scripts.write_cli_help"


def test_nothing_but_packsplit_prints_what_there_is() -> None:
    told = CliRunner().invoke(app, [], env={"COLUMNS": "100"})
    assert told.exit_code == 0
    assert told.stdout == help_of()
    assert [line.split()[0] for line in told.stdout.splitlines() if line[2:].startswith(ORDER)] == list(ORDER)


def test_the_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout.split()[0]) == (0, "packsplit")
    assert told.stdout.split()[1][0].isdigit()


@pytest.mark.parametrize("name", ORDER)
def test_every_command_has_json_groups_and_examples_that_parse(name: str) -> None:
    command = COMMANDS[name]
    options = {opt for param in command.params for opt in param.opts}
    assert "--json" in options
    assert [
        param.name for param in command.params if getattr(param, "rich_help_panel", None) not in GROUPS
    ] == []
    examples = (command.help or "").partition(EXAMPLES)[2].replace("\\\n", " ").strip().splitlines()
    assert 1 <= len(examples) <= 3
    for example in examples:
        words = shlex.split(example)
        assert words[:2] == ["packsplit", name]
        assert {word for word in words if word.startswith("--")} <= options
        command.make_context(name, words[2:], resilient_parsing=False).close()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_torn(columns: int) -> None:
    wide = help_of("run", columns=200)
    for name in ORDER:
        told = help_of(name, columns=columns)
        assert max(map(len, told.splitlines())) <= min(columns, 100)
        assert "\x1b" not in told
        assert "<" not in told
    words = set(help_of("run", columns=columns).replace(" \\", "").split())
    assert words == set(wide.replace(" \\", "").split())


def test_options_mean_the_same_everywhere() -> None:
    """One name, one help text; the few that differ are listed with what they take."""
    seen: dict[str, set[str | None]] = {}
    for name in ORDER:
        for param in COMMANDS[name].params:
            seen.setdefault(param.opts[0], set()).add(getattr(param, "help", None))
    different = {opt for opt, helps in seen.items() if len(helps) > 1}
    assert different == {"source", "--store", "--out", "--no-wait"}  # a folder for eval, a page for report


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("packsplit sta", ["status"]),
        ("packsplit run in.csv --strategy s", ["session", "single"]),
        ("packsplit run in.csv --model local", ["local", "local/qwen-0.5b", "local/smollm2"]),
        ("packsplit plan in.csv --model openai", ["openai/", "openai-responses/"]),
        ("packsplit status --only f", ["failed"]),
        ("packsplit eval --ta", ["--task"]),
        ("packsplit status may", []),  # a file: bash offers those itself
    ],
)
def test_bash_completes(words: str, offered: list[str]) -> None:
    environment = {"_PACKSPLIT_COMPLETE": "complete_bash", "COMP_WORDS": words}
    told = CliRunner().invoke(app, [], env={**environment, "COMP_CWORD": str(len(words.split()) - 1)})
    assert told.stdout.split() == offered

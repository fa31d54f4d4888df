"""Lines of a shell as the pages have them: taken apart, and held against what there really is."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache

import click
import typer

from packer.out.commands.cli import app
from tests.docs.pages import HOME

LANGUAGES = ("sh", "bash", "shell", "console")
FOREIGN = ("vllm", "git", "cd", "mkdocs", ".", "cat")
"""Programs that are not ours."""

STANDARD = ("--labels", "good,bad", "--instruction", "Sentiment of a review.")
"""What ``...`` stands for in a command that asks: the options of the lines before."""

HERE = re.compile(r"^cat > (\S+) <<'(\w+)'\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
"""A file that a page writes: its name, and what is in it."""

_ENDS = {"|", "&&", ";", "||", "&"}
_REDIRECT = re.compile(r"\d?>{1,2}&?|<")


def commands(code: str) -> Iterator[tuple[list[str], str]]:
    """The commands of a block, as words, each with the comment behind it."""
    for line in re.sub(r"\\\n\s*", " ", HERE.sub(r"cat > \1", code)).splitlines():
        line = line.removeprefix("$ ").strip()
        if not line or line.startswith("#"):
            continue
        comment = line.partition(" #")[2].strip()
        words: list[str] = []
        skip = False
        for word in [*_words(line), ";"]:
            if word in _ENDS:
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words:
                    yield [words[0].removeprefix(".venv/bin/"), *words[1:]], comment
                words = []
            elif _REDIRECT.fullmatch(word):
                skip = True
            elif not skip:
                words.append(word)
            else:
                skip = False


def _words(line: str) -> list[str]:
    read = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    read.whitespace_split = True
    read.commenters = "#"
    return list(read)


def wrong_with(words: list[str]) -> str:
    """What a command names that is not there; empty when all is."""
    program, *rest = words
    if program == "packsplit":
        return _wrong_call(rest)
    if program == "make":
        return next((f"make {each}: no such target" for each in rest if each not in _targets()), "")
    if program in ("pip", "uv"):
        return next((f"{each}: no such extra" for each in _extras_in(rest) if each not in _extras()), "")
    if program in ("python", "python3") and rest[:1] == ["-m"] and len(rest) > 1:
        return wrong_module(rest[1], rest[2:])
    return "" if program in FOREIGN else f"{program}: nobody knows whether that works; see FOREIGN"


def _wrong_call(words: list[str]) -> str:
    whole = _whole()
    if not words or words[0].startswith("-"):
        return next(
            (f"packsplit {each}: no such option" for each in words if each not in _options(whole)), ""
        )
    command = whole.commands.get(words[0])
    if command is None:
        return f"packsplit {words[0]}: no such command"
    given = [each.partition("=")[0] for each in words[1:] if each.startswith("--")]
    return next(
        (f"packsplit {words[0]} {each}: no such option" for each in given if each not in _options(command)),
        "",
    )


@cache
def _whole() -> click.Group:
    """The command line as it is parsed."""
    made = typer.main.get_command(app)
    assert hasattr(made, "commands")
    return made  # type: ignore[return-value]  # typer's own kind of group


def _options(command: click.Command) -> set[str]:
    return {"--help", *(name for each in command.params for name in (*each.opts, *each.secondary_opts))}


def wrong_module(name: str, words: list[str]) -> str:
    """What is wrong with a call of a module of ours; modules of others are not looked at."""
    if name.partition(".")[0] not in ("benchmarks", "examples", "scripts", "packer"):
        return ""
    path = HOME / f"{name.replace('.', '/')}.py"
    if not path.exists():
        return f"python -m {name}: no such module"
    known = _arguments(name)
    given = [each.partition("=")[0] for each in words if each.startswith("--")]
    return next((f"python -m {name} {each}: no such option" for each in given if each not in known), "")


@cache
def _arguments(name: str) -> frozenset[str]:
    """Options that a module's parser has, read from its text; also those of a parser that it borrows."""
    tree = ast.parse((HOME / f"{name.replace('.', '/')}.py").read_text())
    found: set[object] = {"--help"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
        if isinstance(node, ast.ImportFrom) and "arguments" in [each.name for each in node.names]:
            found |= _arguments(str(node.module))
    return frozenset(str(each) for each in found)


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([\w-]+):", (HOME / "Makefile").read_text(), re.MULTILINE))


@cache
def _extras() -> frozenset[str]:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    return frozenset(project["optional-dependencies"])


def _extras_in(words: list[str]) -> list[str]:
    found = re.findall(r"(?:packsplit|\.)\[([\w,-]+)\]", " ".join(words))
    return [extra for each in found for extra in each.split(",")]

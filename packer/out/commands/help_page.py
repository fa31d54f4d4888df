"""The help of a command: plain lines, options in groups, examples that can be copied, at any width.

The same on every machine: nothing in it depends on a library's version, on colours or on the terminal's kind,
only on its width. Does not know: commands or their options.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from typer.core import TyperArgument, TyperCommand, TyperOption

WIDEST, NARROW, NAMES = 100, 64, 34
"""Columns that are used at most; below which a meaning stands under its option; that names take at most."""

EXAMPLES = "Examples:"

GROUPS = (
    "Input",
    "What is asked",
    "Calls and packs",
    "Limits and money",
    "Storing and resuming",
    "Promises and audit",
    "Review",
    "Output",
)
"""Of options, in the order they are shown."""


class Asked(Protocol):
    """What a page needs of a parsed command line."""

    @property
    def command_path(self) -> str:
        """As it was typed, without options."""
        ...


class Command(TyperCommand):
    """A command whose help is one of our pages; ``Examples:`` ends the prose of its docstring."""

    def get_help(self, ctx: Asked) -> str:
        """The whole page."""
        return page(
            ctx.command_path,
            self.help or "",
            [each for each in self.params if isinstance(each, TyperArgument | TyperOption)],
        )


def page(path: str, told: str, params: Sequence[TyperArgument | TyperOption]) -> str:
    """A command's page.

    Args:
        path: what is typed for the command, such as ``packsplit run``.
        told: its docstring: prose, then ``Examples:`` and one command a paragraph or line.
        params: its arguments and options, in the order they are shown within their group.
    """
    width = columns()
    prose, _, examples = told.partition(EXAMPLES)
    arguments = [each for each in params if isinstance(each, TyperArgument)]
    named = " ".join(_bracketed(each) for each in arguments)
    lines = [*wrapped(f"Usage: {path} {named} [OPTIONS]", width), ""]
    for paragraph in textwrap.dedent(prose).strip().split("\n\n"):
        lines += [*wrapped(" ".join(paragraph.split()), width), ""]
    if examples.strip():
        lines.append(title("Examples"))
        for example in _commands(examples):
            lines += command_lines(example, width)
        lines.append("")
    rows = {
        group: [(_name(each), _meaning(each)) for each in params if each.rich_help_panel == group]
        for group in GROUPS
    }
    return "\n".join(
        [*lines, *groups({name: pairs for name, pairs in rows.items() if pairs}, width)]
    ).rstrip()


def groups(rows: Mapping[str, Sequence[tuple[str, str]]], width: int) -> Iterator[str]:
    """Groups of names and meanings, meanings in one column wherever they stand."""
    longest = max((len(name) for group in rows.values() for name, _ in group), default=0)
    column = min(longest, NAMES) + 4
    for group, pairs in rows.items():
        yield title(group)
        for name, meaning in pairs:
            yield from _entry(name, meaning, column, width)
        yield ""


def columns() -> int:
    """How many columns there are to write in."""
    return max(30, min(WIDEST, shutil.get_terminal_size().columns))


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines that end between words; an option's name is never torn."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def title(text: str) -> str:
    """A group's name, bold where that can be shown and nobody forbids it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if plain else f"\x1b[1m{text}\x1b[0m"


def command_lines(example: str, width: int) -> list[str]:
    """A command over as many lines as it takes, each but the last ended so that a shell goes on."""
    lines: list[str] = []
    for words in _kept_together(shlex.split(example, posix=False), width - 8):
        if lines and len(lines[-1]) + 1 + len(words) <= width - 2:
            lines[-1] += " " + words
        else:
            lines.append(("      " if lines else "  ") + words)
    return [*(f"{line} \\" for line in lines[:-1]), *lines[-1:]]


def _kept_together(words: Sequence[str], most: int) -> Iterator[str]:
    """An option with what is given to it, where that is not too long; ``packsplit`` with its command."""
    at = 0
    while at < len(words):
        pair = at + 1 < len(words) and not words[at + 1].startswith("--")
        if pair and len(words[at]) + 1 + len(words[at + 1]) > most:
            pair = False
        taken = 2 if pair and (words[at].startswith("--") or at == 0) else 1
        yield " ".join(words[at : at + taken])
        at += taken


def _commands(examples: str) -> Iterable[str]:
    """One command a line; a line that ends in a backslash goes on in the next."""
    return (" ".join(each.split()) for each in examples.replace("\\\n", " ").splitlines() if each.strip())


def _entry(name: str, meaning: str, column: int, width: int) -> Iterator[str]:
    beside = width >= NARROW and len(name) + 4 <= column
    if not beside:
        yield from wrapped(name, width, "  ")
    indent = " " * (column if width >= NARROW else 6)
    lines = wrapped(meaning, width, indent)
    if beside and lines:
        lines[0] = f"  {name}".ljust(column) + lines[0][column:]
    yield from lines


def _bracketed(argument: TyperArgument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _name(param: TyperArgument | TyperOption) -> str:
    if isinstance(param, TyperArgument):
        return param.metavar or (param.name or "").upper()
    return param.opts[0] + (f" {param.metavar}" if param.metavar else "")


def _meaning(param: TyperArgument | TyperOption) -> str:
    told = param.help or ""
    if isinstance(param, TyperArgument):
        return told
    if param.required:
        return f"{told} (required)"
    default = param.default
    if isinstance(default, bool) or not isinstance(default, str | int | float) or default == "":
        return told
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{told} (default: {shown})"

"""What the parser of the command line says of a mistyped command, as one sentence with a near miss.

Does not know: commands, or what any option means.
"""

from __future__ import annotations

import re
from typing import Protocol, cast

import typer

from packer.out.board.plain import LONGEST, plain
from packer.out.commands.near import did_you_mean

# The parser is typer's own in new releases and click's in older ones; both call it that.
Misuse: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

_QUOTED = r"'((?:[^'\\]|\\.)*)'"
_COMMAND = re.compile(rf"No such command {_QUOTED}")
_OPTION = re.compile(r"No such option:? '?(-[^\s'(]*)'?")
_CHOICE = re.compile(rf"{_QUOTED} is not one of (.*)\.")
_EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)")


class _Param(Protocol):
    opts: list[str]


class _Command(Protocol):
    params: list[_Param]


class _Context(Protocol):
    command: _Command

    @property
    def command_path(self) -> str: ...


def misuse_of(error: Exception, commands: tuple[str, ...]) -> str:
    """The sentence.

    Args:
        error: a ``Misuse``.
        commands: names of all commands.
    """
    told = str(getattr(error, "format_message", lambda: error)())
    told = " ".join(told.replace("Value error, ", "").split())
    context = cast("_Context | None", getattr(error, "ctx", None))
    path = "packsplit" if context is None else context.command_path
    return f"{plain(_sentence(told, context, commands), LONGEST)} See: {path} --help"


def _sentence(told: str, context: _Context | None, commands: tuple[str, ...]) -> str:
    if found := _COMMAND.search(told):
        near = did_you_mean(found[1], commands)
        return f"There is no command {found[1]!r}.{near or ' There are: ' + ', '.join(commands) + '.'}"
    if found := _OPTION.search(told):
        name = found[1].partition("=")[0]
        known = [opt for each in context.command.params for opt in each.opts] if context else []
        return f"There is no option {name}.{did_you_mean(name, [*known, '--help'])}"
    if found := _CHOICE.search(told):
        near = did_you_mean(found[1], re.findall(_QUOTED, found[2]))
        return f"{_ended(told)}{near}"
    if found := _EXTRA.search(told):
        return (
            f"What is {found[1]!r} for? A value with spaces in it needs quotes, as in --labels 'good, bad'."
        )
    return _ended(told)


def _ended(told: str) -> str:
    return told if told.endswith((".", "?", "!")) else f"{told}."

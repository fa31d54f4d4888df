"""The command line as a whole: its name, its exit codes, and how things and errors are told.

A user's mistake is one sentence and exit code 2, never a traceback; exit code 1 means that some item has
no value yet, 3 that the world failed, 130 that somebody stopped it. Each command is called through
``Commands.main``: it raises its error and leaves the telling to it. Does not know: commands.
"""

from __future__ import annotations

import getpass
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, TextIO

import typer
from rich.console import Console
from typer.core import TyperGroup

from packer.out.board.fit import fitted
from packer.out.board.plain import LONGEST, plain
from packer.out.commands.help_page import Asked, columns, command_lines, groups, title, wrapped
from packer.out.commands.misuse import Misuse, misuse_of
from schemas.errors import AwaitsReview, PacksplitError, UsageError

UNRESOLVED, MISUSED, WORLD_FAILED, STOPPED, PIPE_CLOSED = 1, 2, 3, 130, 141

ORDER = ("run", "plan", "eval", "status", "review", "resume", "cancel", "export", "report")

BEGINNING = (
    'packsplit plan reviews.csv --labels good,bad --instruction "Sentiment of a review."',
    'packsplit run reviews.csv --labels good,bad --instruction "Sentiment of a review." --store may.run '
    "--out results.csv",
    "packsplit status may.run",
    "packsplit report may.run",
)

_ANOTHER_PATH = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)


class Commands(TyperGroup):
    """All commands, in the order of their use; tells what any of them raises."""

    def list_commands(self, ctx: object) -> list[str]:
        """Names of commands."""
        return sorted(self.commands, key=ORDER.index)

    def get_help(self, ctx: Asked) -> str:
        """The page that lists them."""
        width = columns()
        lines = [f"Usage: {ctx.command_path} COMMAND [OPTIONS]", "", *wrapped(self.help or "", width), ""]
        lines.append(title("Examples"))
        for example in BEGINNING:
            lines += command_lines(example, width)
        told = ((name, self.commands[name].help or "") for name in self.list_commands(ctx))
        rows = {"Commands": [(name, " ".join(text.partition("\n\n")[0].split())) for name, text in told]}
        rows["Options"] = [
            ("--version", "Print the version."),
            ("--install-completion", "Teach your shell to complete commands, options and files."),
            ("--show-completion", "Print what that would add to your shell's settings."),
            ("--help", "This page; behind a command, all about the command."),
        ]
        return "\n".join([*lines, "", *groups(rows, width)]).rstrip()

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> object:
        """Run a command line and end the process with its exit code.

        Args:
            args: the words; None takes the process's own.
            prog_name: the first of them.
            complete_var: for the shell's completion.
            standalone_mode: False gives the exit code back, and lets errors through.
            windows_expand_args: whether wildcards are ours to expand there.
            extra: for the parser.
        """

        def called() -> object:
            return super(Commands, self).main(
                args, prog_name or "packsplit", complete_var, False, windows_expand_args, **extra
            )

        if not standalone_mode:
            return called()
        for stream in (sys.stdout, sys.stderr):
            _writable(stream)
        code = _told(called)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            code = PIPE_CLOSED
        if code == PIPE_CLOSED:
            _forget_stdout()
        sys.exit(code)


app = typer.Typer(
    name="packsplit",
    cls=Commands,
    help="Pack several texts into one LLM call and split the reply back per item.",
    invoke_without_command=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def everything(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Say the version, or what there is where no command is named."""
    if show_version:
        say(f"packsplit {version('packsplit')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(context.get_help())


def say(text: str) -> None:
    """Lines on standard output; fitted to it where that is a terminal."""
    _write(sys.stdout, text)


def warn(text: str) -> None:
    """Lines on standard error; fitted to it where that is a terminal."""
    _write(sys.stderr, text)


def say_next(command: str) -> None:
    """The command to type next; on a terminal over as many lines as it takes to be copied whole."""
    shown = plain(command, len(command) * 6)
    if sys.stdout.isatty() and len(shown) > columns() - 6:
        shown = "\n".join(command_lines(shown, columns() - 4)).strip()
    sys.stdout.write(f"Next: {shown}\n")
    sys.stdout.flush()


def say_json(body: Mapping[str, object]) -> None:
    """What a command found, as one JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(body) + "\n")


def screen(*, stderr: bool = False) -> Console:
    """A console for our own views: no markup, no guessed colours, and none at all with NO_COLOR."""
    return Console(
        stderr=stderr,
        markup=False,
        emoji=False,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def reviewer_name(given: str) -> str:
    """Who reviews: as given, else the account's name."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def _write(stream: TextIO, text: str) -> None:
    shown = fitted(text, shutil.get_terminal_size().columns) if stream.isatty() else text
    stream.write(shown.rstrip("\n") + "\n")
    stream.flush()


def _writable(stream: TextIO) -> None:
    """What the stream's encoding lacks is written out, so that no letter ends a run."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _told(called: Callable[[], object]) -> int:
    """The exit code of a command; what it raised is told in one sentence."""
    try:
        code = called()
    except Misuse as error:
        return _failed(MISUSED, misuse_of(error, ORDER))
    except UsageError as error:
        return _failed(MISUSED, str(error))
    except AwaitsReview as error:
        return _failed(UNRESOLVED, str(error))
    except PacksplitError as error:
        return _failed(WORLD_FAILED, str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = STOPPED
    except BrokenPipeError:
        return PIPE_CLOSED
    except SystemExit as error:
        # The parser and rich turn a closed pipe into an exit of their own.
        if isinstance(error.__context__, BrokenPipeError):
            return PIPE_CLOSED
        raise
    except OSError as error:
        place = f"{error.filename!r}: " if error.filename else ""
        wrong = MISUSED if isinstance(error, _ANOTHER_PATH) else WORLD_FAILED
        return _failed(wrong, f"{place}{error.strerror or error}.")
    if code == STOPPED:
        warn("packsplit: stopped")
    return code if isinstance(code, int) else 0


def _failed(code: int, told: str) -> int:
    warn(f"packsplit: {plain(told, LONGEST)}")
    return code


def _forget_stdout() -> None:
    """Nobody reads it any more: the interpreter must not try once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

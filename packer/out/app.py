"""The command line as a whole: its name, its exit codes, and how errors are told.

A user's mistake is one sentence and exit code 2, never a traceback; exit code 1 means that some item has
no value yet, 3 that the world failed. Does not know: commands.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from packer.out.plain import plain
from schemas.errors import AwaitsReview, PacksplitError, UsageError

UNRESOLVED, MISUSED, WORLD_FAILED, STOPPED = 1, 2, 3, 130
LONGEST = 1_000

app = typer.Typer(
    name="packsplit",
    help="Pack several texts into one LLM call and split the reply back per item.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@contextmanager
def for_people() -> Iterator[None]:
    """Turn our errors into one sentence on standard error and an exit code."""
    try:
        yield
    except AwaitsReview as error:
        warn(f"packsplit: {plain(str(error), LONGEST)}")
        raise typer.Exit(UNRESOLVED) from None
    except PacksplitError as error:
        warn(f"packsplit: {plain(str(error), LONGEST)}")
        raise typer.Exit(MISUSED if isinstance(error, UsageError) else WORLD_FAILED) from None
    except KeyboardInterrupt:
        warn("packsplit: stopped")
        raise typer.Exit(STOPPED) from None


def warn(text: str) -> None:
    """One line on standard error."""
    typer.echo(text, err=True)


def reviewer_name(given: str) -> str:
    """Who reviews: as given, else the account's name."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""

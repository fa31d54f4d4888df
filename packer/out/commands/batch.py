"""Batch jobs on the command line: the options that ask for them, and what is said of jobs left behind.

Does not know: what a job is made of.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from packer.out.board.plain import LONGEST, plain
from packer.out.commands.app import warn
from schemas.batch import Batch
from schemas.counted import counted
from schemas.errors import UsageError
from schemas.result import RunResult

NOT_KEPT = ("--no-wait", "--json", "--store")
"""What each process says for itself."""


def via_of(via: str, poll_s: float, store: Path | None, *, wait: bool) -> Batch | None:
    """The batch jobs by which asks reach the provider; None asks live.

    Raises:
        UsageError: batch jobs without a store, or options of theirs without batch jobs.
    """
    if via == "calls":
        if not wait:
            raise UsageError("--no-wait hands batch jobs over and leaves: give --via batch too.")
        return None
    if store is None:
        raise UsageError(
            "--via batch may take a day: give --store RUN, so that nothing is lost meanwhile and "
            "`packsplit resume RUN` can collect the answers."
        )
    return Batch(poll_s=poll_s, wait_s=None if wait else 0)


def begun_with(context: typer.Context) -> tuple[str, ...]:
    """The command as it was typed, files by their full paths, so that it can be run again from anywhere."""
    told = [context.info_name or ""]
    places = []
    for each in context.command.params:
        value = context.params.get(each.name or "")
        if value is None or value == each.get_default(context) or set(each.opts) & set(NOT_KEPT):
            continue
        shown = str(value.resolve()) if isinstance(value, Path) else str(value)
        if each.param_type_name == "argument":
            places.append(shown)
        elif isinstance(value, bool):
            told.append(each.opts[0])
        else:
            told.append(f"{each.opts[0]}={shown}")
    return (*told, "--", *places)


def as_run(context: typer.Context) -> str:
    """The command that asks what a plan was made for, with the options as they were typed."""
    told, places = [], []
    for each in context.command.params:
        value = context.params.get(each.name or "")
        if value is None or value == each.get_default(context) or set(each.opts) & set(NOT_KEPT):
            continue
        if each.param_type_name == "argument":
            places.append(shlex.quote(str(value)))
        elif isinstance(value, bool):
            told.append(each.opts[0])
        else:
            told.append(f"{each.opts[0]} {shlex.quote(str(value))}")
    return " ".join(("packsplit run", *places, *told, "--out results.csv"))


def handed_over(run: RunResult[object], store: Path, out: Path) -> None:
    """Say that jobs are under way, and what to type to have their answers."""
    warn(f"packsplit: {plain(run.stopped or 'nothing is under way', LONGEST)}")
    ready = len(run) - len(run.pending)
    warn(f"{counted(ready, 'result')} of {len(run):,} there so far; {plain(str(out))} is not written yet")
    warn(f"Next: packsplit resume {shlex.quote(plain(str(store), 500))}")

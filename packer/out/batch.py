"""Batch jobs on the command line: the options that ask for them, and the commands ``resume`` and ``cancel``.

Does not know: what a job is made of.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from packer.out.app import LONGEST, app, for_people, warn
from packer.out.options import AsJson, RunPath
from packer.out.plain import plain
from packer.out.standing import command
from packer.out.state_bar import counted
from packer.run.cancel_jobs import cancel_jobs
from packer.run.read_run import read_run
from schemas.batch import Batch, Via
from schemas.errors import UsageError
from schemas.result import RunResult

NOT_KEPT = ("--no-wait", "--json", "--store")
"""What each process says for itself."""


def via_of(via: str, poll_s: float, store: Path | None, *, wait: bool) -> Via:
    """How asks reach the provider.

    Raises:
        UsageError: batch jobs without a store, or options of theirs without batch jobs.
    """
    if via == "calls":
        if not wait:
            raise UsageError("--no-wait hands batch jobs over and leaves: give --via batch too.")
        return "calls"
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


def handed_over(run: RunResult[object], store: Path, out: Path) -> None:
    """Say that jobs are under way, and what to type to have their answers."""
    warn(f"packsplit: {plain(run.stopped or 'nothing is under way', LONGEST)}")
    ready = len(run) - len(run.pending)
    warn(f"{counted(ready, 'result')} of {len(run):,} there so far; {plain(str(out))} is not written yet")
    warn(f"packsplit resume {shlex.quote(plain(str(store), 500))} goes on")


@app.command("resume")
def resume_command(
    run: RunPath,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Collect what is there, hand over what is due, and leave.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a stored run: collect its batch jobs, ask what is left, write its results.

    Example: packsplit resume reviews.run
    """
    with for_people():
        record = read_run(run)
        if not record.begun_with:
            raise UsageError(
                f"{plain(str(run))} was not begun by `packsplit run`: go on with the call that began it "
                "(pack_and_run(..., store=...))."
            )
        name, *rest = record.begun_with
        again = [name, f"--store={run.resolve()}", *(["--no-wait"] if no_wait else [])]
        again += ["--json"] if as_json else []
        code = typer.main.get_command(app).main([*again, *rest], prog_name="packsplit", standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)


@app.command("cancel")
def cancel_command(run: RunPath, as_json: AsJson = False) -> None:
    """Cancel the batch jobs of a stored run; what they have done by then is paid for and kept.

    Example: packsplit cancel reviews.run
    """
    with for_people():
        jobs = cancel_jobs(run)
        record = read_run(run)
        if as_json:
            sys.stdout.write(json.dumps({"cancelled": [job.id for job in jobs]}) + "\n")
            return
        if not jobs:
            warn(f"{plain(str(run))} has no batch job under way")
            return
        names = ", ".join(plain(job.id, 60) for job in jobs)
        typer.echo(f"{counted(len(jobs), 'batch job')} asked to end: {names}")
        typer.echo(f"{command('resume', record)} collects what is done by then, and asks the rest anew")

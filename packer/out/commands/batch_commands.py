"""The commands ``resume`` and ``cancel``, for runs that are kept in a file.

Does not know: what a batch job is made of, or how a run goes on.
"""

from __future__ import annotations

from typing import Annotated

import typer

from packer.out.board.plain import plain
from packer.out.board.standing import command
from packer.out.commands.app import app, say, say_json, warn
from packer.out.commands.help_page import Command
from packer.out.commands.options import KEPT, MaxCalls, MaxCost, RunPath
from packer.out.commands.result_options import AsJson
from packer.out.commands.stored import kept_run
from packer.run.cancel_jobs import cancel_jobs
from packer.run.read_run import read_run
from schemas.counted import counted
from schemas.errors import UsageError


@app.command("resume", cls=Command)
def resume_command(
    run: RunPath,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help="Collect what is there, hand over what is due, and leave.",
            rich_help_panel=KEPT,
        ),
    ] = False,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a stored run: collect its batch jobs, ask what is left, write its results.

    A run that its --max-calls or --max-cost has stopped needs a higher one; what it used before counts.

    Examples:
        packsplit resume may.run
        packsplit resume may.run --max-cost 5.00
    """
    record = kept_run(run)
    if not record.begun_with:
        raise UsageError(
            f"{plain(str(run))} was not begun by `packsplit run`: go on with the call that began it "
            "(pack_and_run(..., store=...))."
        )
    name, *rest = record.begun_with
    again = [name, f"--store={run.resolve()}", *(["--no-wait"] if no_wait else [])]
    again += ["--json"] if as_json else []
    for option, value in (("--max-calls", max_calls), ("--max-cost", max_cost)):
        if value is not None:
            rest = [each for each in rest if not each.startswith(f"{option}=")]
            again.append(f"{option}={value}")
    code = typer.main.get_command(app).main([*again, *rest], prog_name="packsplit", standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)


@app.command("cancel", cls=Command)
def cancel_command(run: RunPath, as_json: AsJson = False) -> None:
    """Cancel the batch jobs of a stored run; what they have done by then is paid for and kept.

    Examples:
        packsplit cancel may.run
    """
    kept_run(run)
    jobs = cancel_jobs(run)
    if as_json:
        say_json({"run": str(run), "cancelled": [job.id for job in jobs]})
        return
    if not jobs:
        warn(f"{plain(str(run))} has no batch job under way")
        return
    names = ", ".join(plain(job.id, 60) for job in jobs)
    say(f"{counted(len(jobs), 'batch job')} asked to end: {names}")
    say(f"{command('resume', read_run(run))} collects what is done by then, and asks the rest anew")

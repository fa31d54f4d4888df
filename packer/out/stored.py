"""Commands over a run that is kept in a file: ``status``, ``review``, ``export`` and ``report``.

Does not know: how runs are made, or how they are stored.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from packer.out.app import UNRESOLVED, app, for_people, reviewer_name
from packer.out.export import export_rows, output_of
from packer.out.options import AsJson, Reviewer, RunPath
from packer.out.plain import plain, terminal
from packer.out.report import write_report
from packer.out.review import ask_reviewer, decisions_from_rows, sheet_json
from packer.out.rows import check_out, read_rows, write_results
from packer.out.status import status_json, status_table, watch
from packer.run.read_run import read_run
from packer.run.review_run import decide, parser_of, sheet_of
from packer.sampling import bad_share
from schemas.record import ItemState
from schemas.result import Outcome
from schemas.review import Ruling, Stage


@app.command("status")
def status_command(
    run: RunPath,
    watched: Annotated[bool, typer.Option("--watch", help="Redraw until the run has ended.")] = False,
    only: Annotated[ItemState | None, typer.Option("--only", help="Items in this state alone.")] = None,
    items: Annotated[int, typer.Option("--items", min=0, help="Most items to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show where a stored run and its items stand.

    Example: packsplit status reviews.run --watch
    """
    with for_people():
        if as_json:
            sys.stdout.write(json.dumps(status_json(read_run(run))) + "\n")
        elif watched:
            watch(lambda: read_run(run), terminal())
        else:
            terminal().print(status_table(read_run(run), items=items, only=only))


@app.command("review")
def review_command(
    run: RunPath,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", help="A .jsonl file: one object with id, ruling, value, reason a line."),
    ] = None,
    reviewer: Reviewer = "",
    as_json: AsJson = False,
) -> None:
    """Look at the sample that a run waits for: approve, reject or correct each answer.

    Example: packsplit review reviews.run --reviewer ana
    """
    with for_people():
        sheet = sheet_of(run)
        if as_json and decisions is None:
            sys.stdout.write(json.dumps(sheet_json(sheet)) + "\n")
            return
        check = parser_of(run)
        if decisions is not None:
            decided = decisions_from_rows(sheet, read_rows(decisions), check)
        else:
            decided = ask_reviewer(sheet, terminal(), parse=check)
        reviews = decide(run, decided, reviewer=reviewer_name(reviewer))
        share = bad_share(sum(each.bad for each in reviews), len(reviews))
        rejected = any(each.ruling is Ruling.REJECT for each in reviews)
        done = sheet.stage is Stage.LAST and not rejected
        then = f"packsplit export {plain(str(run))} --out FILE" if done else "run the same again to go on"
        typer.echo(f"{share}; {then}")


@app.command("export")
def export_command(
    run: RunPath,
    out: Annotated[Path, typer.Option("--out", help="Where results go: .jsonl, .csv or .parquet.")],
) -> None:
    """Write a stored run's results, once its reviewer lets them go.

    Example: packsplit export reviews.run --out results.csv
    """
    with for_people():
        check_out(out)
        rows = export_rows(read_run(run))
        write_results(out, rows, output_of(run))
        if any(each.outcome is not Outcome.ACCEPTED for each in rows):
            raise typer.Exit(UNRESOLVED)


@app.command("report")
def report_command(
    run: RunPath,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the page goes; else beside the run.")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a stored run.

    Example: packsplit report reviews.run
    """
    with for_people():
        page = out if out is not None else run.with_name(run.name + ".html")
        write_report(read_run(run), page)
        typer.echo(str(page))

"""Commands over a run that is kept in a file: ``status``, ``review``, ``export`` and ``report``.

Does not know: how runs are made, or how they are stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from packer.out.board.plain import plain
from packer.out.board.review import ask_reviewer, decisions_from_rows, sheet_json
from packer.out.board.status import status_json, status_table, watch
from packer.out.commands.app import UNRESOLVED, app, reviewer_name, say, say_json, screen
from packer.out.commands.export import export_rows, output_of
from packer.out.commands.help_page import Command
from packer.out.commands.looked_at import file_rows
from packer.out.commands.near import near_file
from packer.out.commands.options import OUTPUT, RunPath
from packer.out.commands.places import check_places
from packer.out.commands.result_options import AsJson, Decisions, Out, Reviewer
from packer.out.report.document import write_report
from packer.out.tables.results import write_results
from packer.run.read_run import read_run
from packer.run.review_run import decide, parser_of, sheet_of
from packer.sampling import bad_share
from schemas.errors import UsageError
from schemas.record import ItemState, RunRecord
from schemas.result import Outcome
from schemas.review import Ruling, Stage


def kept_run(path: Path) -> RunRecord:
    """The run in a file.

    Raises:
        UsageError: there is none, or the file is something else.
        StoreFailed: it cannot be read, or is damaged.
    """
    if path.is_dir():
        raise UsageError(f"{plain(str(path))!r} is a folder: name a run's file, as --store named it.")
    if not path.exists():
        raise UsageError(f"There is no run at {plain(str(path))!r}.{near_file(path)}")
    return read_run(path)


@app.command("status", cls=Command)
def status_command(
    run: RunPath,
    watched: Annotated[
        bool, typer.Option("--watch", help="Redraw until the run has ended.", rich_help_panel=OUTPUT)
    ] = False,
    only: Annotated[
        ItemState | None,
        typer.Option(
            "--only", metavar="|".join(ItemState), help="Items in this state alone.", rich_help_panel=OUTPUT
        ),
    ] = None,
    show: Annotated[
        int | None,
        typer.Option(
            "--show",
            metavar="N",
            min=0,
            help="List so many items one by one, instead of grouping those to look at.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a stored run and its items stand.

    Examples:
        packsplit status may.run --watch
        packsplit status may.run --only failed --show 100
    """
    if as_json and watched:
        raise UsageError("--watch draws again and again, and --json says it once: give one of the two.")
    record = kept_run(run)
    if as_json:
        say_json(status_json(record))
    elif watched:
        watch(lambda: read_run(run), screen())
    else:
        screen().print(status_table(record, items=show, only=only))


@app.command("review", cls=Command)
def review_command(
    run: RunPath, decisions: Decisions = None, reviewer: Reviewer = "", as_json: AsJson = False
) -> None:
    """Look at the sample that a run waits for: approve, reject or correct each answer.

    With --json and without --decisions the sample is printed, for a script to decide on.

    Examples:
        packsplit review may.run --reviewer ana
        packsplit review may.run --json
        packsplit review may.run --decisions decided.jsonl --reviewer ana
    """
    kept_run(run)
    sheet = sheet_of(run)
    if as_json and decisions is None:
        say_json(sheet_json(sheet))
        return
    check = parser_of(run)
    if decisions is not None:
        decided = decisions_from_rows(sheet, file_rows(decisions, "--decisions"), check)
    else:
        decided = ask_reviewer(sheet, screen(), parse=check)
    reviews = decide(run, decided, reviewer=reviewer_name(reviewer))
    bad = sum(each.bad for each in reviews)
    rejected = any(each.ruling is Ruling.REJECT for each in reviews)
    done = sheet.stage is Stage.LAST and not rejected
    if as_json:
        body = {"run": str(run), "stage": str(sheet.stage), "reviewed": len(reviews), "bad": bad}
        say_json({**body, "released": done})
        return
    then = f"packsplit export {plain(str(run))} --out FILE" if done else "run the same again to go on"
    say(f"{bad_share(bad, len(reviews))}; {then}")


@app.command("export", cls=Command)
def export_command(run: RunPath, out: Out, as_json: AsJson = False) -> None:
    """Write a stored run's results, once its reviewer lets them go.

    Examples:
        packsplit export may.run --out results.csv
    """
    check_places(None, out=out, run=run)
    rows = export_rows(kept_run(run))
    write_results(out, rows, output_of(run))
    counts = {str(outcome): sum(each.outcome is outcome for each in rows) for outcome in Outcome}
    if as_json:
        say_json({"run": str(run), "out": str(out), "items": len(rows), **counts})
    if counts[Outcome.ACCEPTED] < len(rows):
        raise typer.Exit(UNRESOLVED)


@app.command("report", cls=Command)
def report_command(
    run: RunPath,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where the page goes; else beside the run, as RUN.html.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page about a stored run.

    Examples:
        packsplit report may.run
        packsplit report may.run --out may.html
    """
    record = kept_run(run)
    page = out if out is not None else run.with_name(run.name + ".html")
    if page.resolve() == run.resolve():
        raise UsageError(f"--out {plain(str(page))!r} is the run, and would be written over.")
    write_report(record, page)
    if as_json:
        counts = {str(state): record.states[state] for state in ItemState}
        say_json({"run": str(run), "out": str(page), "items": len(record.items), "states": counts})
    else:
        say(plain(str(page), len(str(page))))

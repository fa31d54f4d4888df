"""The command line: ``packsplit run`` and ``packsplit plan``.

Quiet in a pipe, progress on a terminal; a user's mistake is one sentence and exit code 2, never a
traceback. Exit code 1 means that some item has no value. Does not know: how a run works inside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from packer.out.options import (
    AsJson,
    Bound,
    Concurrency,
    Deadline,
    HowAsked,
    IdField,
    Input,
    Instruction,
    Labels,
    MaxCalls,
    MaxCost,
    Model,
    Multi,
    Outage,
    PackItems,
    Rpm,
    Seed,
    TextField,
    Tpm,
)
from packer.out.rows import pick_text_field, read_rows, write_results
from packer.out.summary import plan_summary, run_summary, told
from packer.plan import plan
from packer.run.api import pack_and_run
from packer.run.job import OnProgress
from schemas.errors import PacksplitError, UsageError
from schemas.result import Outcome
from schemas.settings import DEFAULT_ITEMS_PER_PACK, Budget, Layout, Limits
from schemas.task import Task

if TYPE_CHECKING:
    from packer.run.tally import Tally

_DEFAULTS = Limits()

UNRESOLVED, MISUSED, WORLD_FAILED = 1, 2, 3

app = typer.Typer(
    name="packsplit",
    help="Pack several texts into one LLM call and split the reply back per item.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@app.command("run")
def run_command(
    source: Input,
    instruction: Instruction,
    labels: Labels,
    out: Annotated[Path, typer.Option("--out", help="Where results go: .jsonl or .csv.")],
    model: Model = "local",
    multi: Multi = False,
    text_field: TextField = None,
    id_field: IdField = None,
    items_per_pack: PackItems = DEFAULT_ITEMS_PER_PACK,
    strategy: HowAsked = "pack",
    binding: Bound = "none",
    seed: Seed = 0,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = _DEFAULTS.concurrency,
    deadline: Deadline = None,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    outage: Outage = _DEFAULTS.outage_s,
    as_json: AsJson = False,
) -> None:
    """Classify every row of a file.

    Example: packsplit run reviews.csv --labels good,bad --instruction "Sentiment." --out results.jsonl
    """
    with _for_people():
        if out.suffix.lower() not in (".jsonl", ".ndjson", ".csv"):
            raise UsageError(f"--out {str(out)!r}: results are written as .jsonl or .csv.")
        task = _task(instruction, labels, multi)
        rows, text, key = _rows(source, text_field, id_field)
        with _shown() as on_progress:
            done = pack_and_run(
                rows,
                task,
                model=model,
                budget=Budget(items=items_per_pack),
                limits=Limits(
                    rpm=rpm,
                    tpm=tpm,
                    concurrency=concurrency,
                    deadline_s=deadline,
                    max_cost_usd=_money(max_cost),
                    max_calls=max_calls,
                    outage_s=outage,
                ),
                strategy=strategy,
                layout=Layout(binding=binding),
                seed=seed,
                text_field=text,
                id_field=key,
                on_progress=on_progress,
            )
        write_results(out, done)
        _say(run_summary(done, out), told(done), as_json)
        if done.stopped is not None:
            typer.echo(f"packsplit: the run ended early: {done.stopped}", err=True)
        failed = [result for result in done.unresolved if result.outcome is not Outcome.PENDING]
        for result in failed[:3]:
            typer.echo(f"no value for item {result.item_id!r}: {result.reason}", err=True)
        if (left := len(failed)) > 3:
            typer.echo(f"... and {left - 3} more; see {out}", err=True)
        if done.pending:
            typer.echo(f"{len(done.pending)} items are pending: nothing is wrong with them", err=True)
        if done.unresolved:
            raise typer.Exit(UNRESOLVED)


@app.command("plan")
def plan_command(
    source: Input,
    instruction: Instruction,
    labels: Labels,
    model: Model = "local",
    multi: Multi = False,
    text_field: TextField = None,
    id_field: IdField = None,
    items_per_pack: PackItems = DEFAULT_ITEMS_PER_PACK,
    strategy: HowAsked = "pack",
    binding: Bound = "none",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Show calls and tokens, packed and one by one, without asking anybody.

    Example: packsplit plan reviews.csv --labels good,bad --instruction "Sentiment."
    """
    with _for_people():
        task = _task(instruction, labels, multi)
        rows, text, key = _rows(source, text_field, id_field)
        made = plan(
            rows,
            task,
            model=model,
            budget=Budget(items=items_per_pack),
            strategy=strategy,
            layout=Layout(binding=binding),
            seed=seed,
            text_field=text,
            id_field=key,
        )
        _say(plan_summary(made), str(made), as_json)


def main() -> None:
    """Entry point of the ``packsplit`` command."""
    app()


@contextmanager
def _for_people() -> Iterator[None]:
    """Turn our errors into one sentence on standard error and an exit code."""
    try:
        yield
    except PacksplitError as error:
        typer.echo(f"packsplit: {error}", err=True)
        raise typer.Exit(MISUSED if isinstance(error, UsageError) else WORLD_FAILED) from None
    except KeyboardInterrupt:
        typer.echo("packsplit: stopped", err=True)
        raise typer.Exit(130) from None


def _money(given: str | None) -> Decimal | None:
    try:
        return None if given is None else Decimal(given)
    except InvalidOperation:
        raise UsageError(f"--max-cost {given!r} is no amount of USD; write it as 1.50.") from None


def _task(instruction: str, labels: str, multi: bool) -> Task[object]:
    names = [name.strip() for name in labels.split(",") if name.strip()]
    if multi:
        return Task.classify(instruction, names, multi=True)
    return Task.classify(instruction, names)


def _rows(
    source: Path, text_field: str | None, id_field: str | None
) -> tuple[Iterator[Mapping[str, object]], str | None, str | None]:
    rows = iter(read_rows(source))
    first = next(rows, None)
    if first is None:
        return iter(()), None, None
    return chain([first], rows), pick_text_field(first, text_field), id_field


@contextmanager
def _shown() -> Iterator[OnProgress | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("items"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        row = bar.add_task("", total=None)

        def show(tally: Tally) -> None:
            told = f"{tally.calls} calls, {tally.usage.output_tokens or 0:,} tokens out"
            bar.update(row, total=tally.items, completed=tally.settled, description=told)

        yield show


def _say(summary: dict[str, object], text: str, as_json: bool) -> None:
    sys.stdout.write((json.dumps(summary) if as_json else text) + "\n")

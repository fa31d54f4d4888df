"""The command ``eval``: what packing does to the answers of a task, measured on a user's own rows.

Does not know: how anything is measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from packer.out.app import UNRESOLVED, app, for_people
from packer.out.gold_rows import gold_fields, gold_of
from packer.out.options import (
    AsJson,
    Bound,
    Concurrency,
    GroupField,
    IdField,
    MaxCalls,
    MaxCost,
    Model,
    Rpm,
    Seed,
    TextField,
    Tpm,
)
from packer.out.plain import plain
from packer.out.rows import pick_text_field, read_rows, with_texts
from packer.out.task_file import read_task
from packer.out.whole import check_writable
from packer.run.arms import OnArm
from packer.run.evaluate import SIZES, evaluate
from packer.run.written import written
from schemas.errors import UsageError
from schemas.guard import TWICE
from schemas.item import as_items
from schemas.settings import Layout, Limits

if TYPE_CHECKING:
    from packer.run.tally import Tally

_DEFAULTS = Limits()


@app.command("eval")
def eval_command(
    task: Annotated[
        Path, typer.Argument(metavar="TASK", help="A JSON file: instruction and labels or schema.")
    ],
    data: Annotated[Path, typer.Option("--data", help="A .csv (with header), .jsonl or .parquet file.")],
    model: Model = "local",
    sizes: Annotated[str, typer.Option("--sizes", help="Items a pack, comma-separated.")] = ",".join(
        map(str, SIZES)
    ),
    gold_field: Annotated[
        str | None,
        typer.Option("--gold-field", help="Which field holds people's answers; else label, or one a field."),
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="Write what was found here, for Guard(profile=...).")
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="A folder; the same again goes on with what is in it.")
    ] = None,
    max_bleed: Annotated[
        float | None, typer.Option("--max-bleed", help="Hold sizes against this share; 0.02 unless given.")
    ] = None,
    max_accuracy_loss: Annotated[
        float | None, typer.Option("--max-accuracy-loss", help="Hold them against this share instead.")
    ] = None,
    twice: Annotated[
        float, typer.Option("--twice", min=0, max=1, help="Share of items asked alone twice.")
    ] = TWICE,
    items: Annotated[int | None, typer.Option("--items", min=1, help="Take the first so many rows.")] = None,
    text_field: TextField = None,
    id_field: IdField = None,
    group_by: GroupField = None,
    binding: Bound = "none",
    seed: Seed = 0,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: Concurrency = _DEFAULTS.concurrency,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    as_json: AsJson = False,
) -> None:
    """Ask every row alone and packed, and say which pack size keeps a promise.

    Example: packsplit eval task.json --data labelled.csv --sizes 5,10 --store may.eval
    """
    with for_people():
        asked = read_task(task)
        chosen = _sizes(sizes)
        if profile is not None:
            check_writable(profile)
        rows = list(read_rows(data))[:items]
        if not rows:
            raise UsageError(f"{data} has no rows: there is nothing to evaluate.")
        named = gold_fields(rows[0], asked.output, gold_field)
        # A column of answers is not the text, even where only one other is left.
        text = pick_text_field({name: rows[0][name] for name in rows[0] if name not in named}, text_field)
        every = as_items(with_texts(rows, text), text_field=text, id_field=id_field, group_by=group_by)
        typed = data.suffix.lower() != ".csv"
        answers = gold_of(str(data), rows, asked.output, named, typed=typed) if named else [None] * len(rows)
        gold = [
            (item.text, answer) for item, answer in zip(every, answers, strict=True) if answer is not None
        ]
        with _shown() as on_progress:
            found = evaluate(
                every,
                asked,
                model=model,
                sizes=chosen,
                layout=Layout(binding=binding),
                gold=gold,
                limits=Limits(
                    rpm=rpm,
                    tpm=tpm,
                    concurrency=concurrency,
                    max_calls=max_calls,
                    max_cost_usd=_money(max_cost),
                ),
                store=store,
                seed=seed,
                twice_share=twice,
                profile=profile,
                max_bleed=max_bleed,
                max_accuracy_loss=max_accuracy_loss,
                on_progress=on_progress,
            )
        sys.stdout.write((json.dumps(written(found)) if as_json else _told(str(found))) + "\n")
        if found.stopped is not None:
            raise typer.Exit(UNRESOLVED)


def _told(text: str) -> str:
    """Lines of ours, in which a provider's words may stand."""
    return "\n".join(plain(line, len(line)) for line in text.splitlines())


def _sizes(given: str) -> Sequence[int]:
    try:
        return [int(each) for each in given.split(",") if each.strip()]
    except ValueError:
        raise UsageError(f"--sizes {given!r}: write whole numbers with commas between, as 5,10,20.") from None


def _money(given: str | None) -> Decimal | None:
    try:
        return None if given is None else Decimal(given)
    except InvalidOperation:
        raise UsageError(f"--max-cost {given!r} is no amount of USD; write it as 1.50.") from None


@contextmanager
def _shown() -> Iterator[OnArm | None]:
    """One line on a terminal that says which arm is asked, nothing elsewhere."""
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False)
    if not console.is_terminal:
        yield None
        return
    with console.status("") as line:

        def show(arm: str, tally: Tally) -> None:
            line.update(f"{arm}: {tally.settled:,} of {tally.items:,} items, {tally.calls:,} calls")

        yield show

"""The command ``eval``: what packing does to the answers of a task, measured on a user's own rows.

Does not know: how anything is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from packer.out.board.plain import plain
from packer.out.commands import options as opt
from packer.out.commands import proof_options as proof
from packer.out.commands import result_options as res
from packer.out.commands.app import UNRESOLVED, app, say, say_json, screen
from packer.out.commands.asked import checked_model, limits_of, task_of
from packer.out.commands.guarded import answers_of, check_promise
from packer.out.commands.help_page import Command
from packer.out.commands.looked_at import check_field, file_rows, text_field_of
from packer.out.tables.gold_rows import gold_fields
from packer.out.tables.rows import with_texts
from packer.out.tables.whole import check_writable
from packer.run.evaluation.arms import OnArm
from packer.run.evaluation.evaluate import SIZES, evaluate
from packer.run.live.tally import Tally
from schemas.errors import UsageError
from schemas.guard import TWICE
from schemas.item import Item, as_items
from schemas.settings import Layout, Limits
from schemas.task import Task
from schemas.written import written

_LIMITS = Limits()


@app.command("eval", cls=Command)
def eval_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A .csv (with header), .jsonl or .parquet file; with --data, the task file.",
            rich_help_panel=opt.INPUT,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="INPUT, where the argument is the task file: eval task.json --data labelled.csv.",
            rich_help_panel=opt.INPUT,
        ),
    ] = None,
    text_field: opt.TextField = None,
    id_field: opt.IdField = None,
    group_by: opt.GroupField = None,
    items: opt.FirstItems = None,
    task: opt.TaskFile = None,
    instruction: opt.Instruction = None,
    labels: opt.Labels = None,
    multi: opt.Multi = False,
    model: opt.Model = "local",
    sizes: Annotated[
        str,
        typer.Option(
            "--sizes",
            metavar="N,N,...",
            help="Items in one call, each size tried.",
            rich_help_panel=opt.PACKS,
        ),
    ] = ",".join(map(str, SIZES)),
    binding: opt.Bound = "none",
    seed: opt.Seed = 0,
    rpm: opt.Rpm = None,
    tpm: opt.Tpm = None,
    concurrency: opt.Concurrency = _LIMITS.concurrency,
    deadline: opt.Deadline = None,
    max_calls: opt.MaxCalls = None,
    max_cost: opt.MaxCost = None,
    outage: opt.Outage = _LIMITS.outage_s,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="FOLDER",
            help="Keep the evaluation's runs in this folder; the same again goes on with them.",
            rich_help_panel=opt.KEPT,
        ),
    ] = None,
    max_bleed: proof.MaxBleed = None,
    max_accuracy_loss: proof.MaxLoss = None,
    gold_field: proof.GoldField = None,
    profile: proof.ProfileFile = None,
    twice: Annotated[
        float,
        typer.Option(
            "--twice",
            metavar="SHARE",
            min=0,
            max=1,
            help="Share of items asked alone twice, to know the model's own noise.",
            callback=opt.a_number,
            rich_help_panel=opt.PROMISES,
        ),
    ] = TWICE,
    as_json: res.AsJson = False,
) -> None:
    """Ask every row alone and packed, and say which pack size keeps a promise.

    Without one, sizes are held against --max-bleed 0.02. People's answers, where a column holds them, say how
    many are right.

    Examples:
        packsplit eval labelled.csv --labels good,bad --instruction "Sentiment of a review." --items 200
        packsplit eval labelled.csv --task task.json --sizes 5,10 --store may.eval
    """
    if data is not None:
        if task is not None:
            raise UsageError(f"--task {str(task)!r} and {str(source)!r} are two task files: give one.")
        source, task = data, source
    elif task is None and source.suffix.lower() == ".json":
        raise UsageError(
            f"{str(source)!r} looks like a task: name the rows too, as in "
            f"packsplit eval labelled.csv --task {str(source)!r}."
        )
    check_promise(max_bleed, max_accuracy_loss)
    if store is not None and store.exists() and not store.is_dir():
        raise UsageError(f"--store {str(store)!r} is a file; an evaluation is kept in a folder.")
    asked = task_of(task, instruction, labels, multi)
    checked_model(model)
    chosen = _sizes(sizes)
    if profile is not None:
        check_writable(profile)
    every, gold = _labelled(
        source, asked, text_field, id_field, group_by, items, gold_field, loss=max_accuracy_loss is not None
    )
    with _shown() as on_progress:
        found = evaluate(
            every,
            asked,
            model=model,
            sizes=chosen,
            layout=Layout(binding=binding),
            gold=gold,
            limits=limits_of(
                model=model,
                rpm=rpm,
                tpm=tpm,
                concurrency=concurrency,
                deadline=deadline,
                max_calls=max_calls,
                max_cost=max_cost,
                outage=outage,
            ),
            store=store,
            seed=seed,
            twice_share=twice,
            profile=profile,
            max_bleed=max_bleed,
            max_accuracy_loss=max_accuracy_loss,
            on_progress=on_progress,
        )
    if as_json:
        say_json(_object(written(found)))
    else:
        say(_told(str(found)))
    if found.stopped is not None:
        raise typer.Exit(UNRESOLVED)


def _labelled(
    source: Path,
    task: Task[object],
    text_field: str | None,
    id_field: str | None,
    group_by: str | None,
    most: int | None,
    gold_field: str | None,
    *,
    loss: bool,
) -> tuple[list[Item], list[tuple[str, object]]]:
    """The items of a file, and those of their texts that people have answered."""
    rows = list(islice(file_rows(source), most))
    if not rows:
        raise UsageError(f"{source} has no rows: there is nothing to evaluate.")
    for name, option in (
        (id_field, "--id-field"),
        (group_by, "--group-by"),
        (gold_field, "--gold-field"),
    ):
        check_field(rows[0], name, option)
    named = (gold_field,) if gold_field is not None else gold_fields(rows[0], task.output)
    if text_field in named:
        raise UsageError(
            f"--text-field {text_field!r} is the column of people's answers: name the texts' own, or the "
            "answers' with --gold-field."
        )
    # A column of answers is not the text, even where only one other is left.
    text = text_field_of(source, rows[0], text_field, named)
    every = as_items(with_texts(rows, text), text_field=text, id_field=id_field, group_by=group_by)
    if not named:
        if loss:
            raise UsageError(
                f"--max-accuracy-loss needs people's answers, and {str(source)!r} has no column label, "
                "labels or gold: name theirs with --gold-field. --max-bleed needs none."
            )
        return every, []
    answers = answers_of(str(source), source, rows, task.output, named)
    pairs = zip(every, answers, strict=True)
    # An empty text is not asked, whatever people said of it.
    return every, [(item.text, answer) for item, answer in pairs if answer is not None and item.text.strip()]


def _object(found: object) -> dict[str, object]:
    assert isinstance(found, dict)  # noqa: S101  # as an evaluation is one
    return found


def _told(text: str) -> str:
    """Lines of ours, in which a provider's words may stand."""
    return "\n".join(plain(line, len(line)) for line in text.splitlines())


def _sizes(given: str) -> Sequence[int]:
    try:
        sizes = [int(each) for each in given.split(",") if each.strip()]
    except ValueError:
        sizes = []
    if not sizes:
        raise UsageError(f"--sizes {given!r}: write whole numbers with commas between, as 5,10,20.")
    return sizes


@contextmanager
def _shown() -> Iterator[OnArm | None]:
    """One line on a terminal that says which arm is asked, nothing elsewhere."""
    console = screen(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with console.status("") as line:

        def show(arm: str, tally: Tally) -> None:
            line.update(f"{arm}: {tally.settled:,} of {tally.items:,} items, {tally.calls:,} calls")

        yield show

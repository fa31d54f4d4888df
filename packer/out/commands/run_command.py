"""The command ``run``: every row of a file asked, and a result written for each.

Quiet in a pipe, progress on a terminal. Does not know: how a run works inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from packer.frames import items_from
from packer.out.board.summary import run_summary, told
from packer.out.commands import options as opt
from packer.out.commands import proof_options as proof
from packer.out.commands import result_options as res
from packer.out.commands.app import UNRESOLVED, app, say, say_json, warn
from packer.out.commands.asked import Rows, checked_model, gate_of, limits_of, rows_of, task_of
from packer.out.commands.bar import shown
from packer.out.commands.batch import begun_with, handed_over, via_of
from packer.out.commands.export import check_failures, write_failures
from packer.out.commands.guarded import guard_of
from packer.out.commands.help_page import Command
from packer.out.commands.open_items import say_open, say_step
from packer.out.commands.places import check_places
from packer.out.commands.streamed import check_windows, run_streamed
from packer.out.tables.results import write_results
from packer.run.complete import complete
from packer.run.live.loop import run_until_asked
from packer.run.options import Options
from schemas.errors import UsageError
from schemas.guard import Guard
from schemas.keeping import Store
from schemas.result import Outcome, RunResult
from schemas.review import Gate
from schemas.settings import DEFAULT_ITEMS_PER_PACK, Budget, Layout, Limits
from schemas.task import Task

_LIMITS, _GUARD = Limits(), Guard()


@app.command("run", cls=Command)
def run_command(
    context: typer.Context,
    source: opt.Input,
    out: res.Out,
    text_field: opt.TextField = None,
    id_field: opt.IdField = None,
    group_by: opt.GroupField = None,
    items: opt.FirstItems = None,
    task: opt.TaskFile = None,
    instruction: opt.Instruction = None,
    labels: opt.Labels = None,
    multi: opt.Multi = False,
    model: opt.Model = "local",
    items_per_pack: opt.PackItems = DEFAULT_ITEMS_PER_PACK,
    strategy: opt.HowAsked = "pack",
    binding: opt.Bound = "none",
    via: opt.How = "calls",
    seed: opt.Seed = 0,
    baseline: opt.BaselineItems = 0,
    window: opt.WindowItems = None,
    rpm: opt.Rpm = None,
    tpm: opt.Tpm = None,
    concurrency: opt.Concurrency = _LIMITS.concurrency,
    deadline: opt.Deadline = None,
    max_calls: opt.MaxCalls = None,
    max_cost: opt.MaxCost = None,
    outage: opt.Outage = _LIMITS.outage_s,
    store: opt.StorePath = None,
    poll: opt.Poll = 60.0,
    no_wait: opt.NoWait = False,
    no_texts: opt.NoTexts = False,
    cache: opt.CachePath = None,
    name: opt.RunName = None,
    audit: proof.AuditShare = _GUARD.audit,
    max_bleed: proof.MaxBleed = None,
    max_accuracy_loss: proof.MaxLoss = None,
    gold: proof.GoldFile = None,
    gold_field: proof.GoldField = None,
    confidence: proof.Confidence = _GUARD.confidence,
    profile: proof.ProfileFile = None,
    unproven: proof.WhenUnproven = _GUARD.unproven,
    review: res.ReviewSample = 0,
    review_by: res.ReviewBy = "random",
    on_reject: res.WhenRejected = "again",
    failures: res.Failures = None,
    as_json: res.AsJson = False,
) -> None:
    """Classify every row of a file, or extract fields from it; a result for each row is written to --out.

    With --store, running the same again goes on where it ended.

    Examples:
        packsplit run reviews.csv --labels good,bad --instruction "Sentiment of a review." --out results.csv
        packsplit run letters.jsonl --task fields.json --model openai/gpt-6-luna --max-cost 2.50 \
            --store may.run --out results.parquet
        packsplit run reviews.csv --task task.json --items 200 --max-bleed 0.02 --out results.jsonl
    """
    check_places(source, out=out, failures=failures, store=store, cache=cache)
    if failures is not None:
        check_failures(failures)
    if no_texts and store is None:
        raise UsageError("--no-texts keeps texts out of the store: give --store too.")
    check_windows(window, review)
    asked = task_of(task, instruction, labels, multi)
    checked_model(model)
    rows = rows_of(source, text_field, id_field, group_by, items)
    guard = guard_of(
        asked,
        audit=audit,
        max_bleed=max_bleed,
        max_accuracy_loss=max_accuracy_loss,
        gold=gold,
        gold_field=gold_field,
        text_field=rows.text_field,
        confidence=confidence,
        profile=profile,
        unproven=unproven,
    )
    limits = limits_of(
        model=model,
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        deadline=deadline,
        max_calls=max_calls,
        max_cost=max_cost,
        outage=outage,
    )
    options = Options(
        strategy=strategy,
        budget=Budget(items=items_per_pack),
        limits=limits,
        guard=guard,
        layout=Layout(binding=binding),
        seed=seed,
        store=None if store is None else Store(store, texts=not no_texts, begun_with=begun_with(context)),
        cache=cache,
        name=name,
        baseline=baseline,
        review=gate_of(review, review_by, on_reject, store),
        via=via_of(via, poll, store, wait=not no_wait),
    )
    order = _Order(rows, asked, model, options, out, failures, as_json)
    if window is not None:
        _in_windows(order, window)
    else:
        _whole(order, leaves=no_wait)


@dataclass(frozen=True, slots=True)
class _Order:
    """A run that was asked for.

    Attributes:
        rows: what is asked about.
        task: what is asked.
        model: who is asked.
        options: of the run.
        out: where results go.
        failures: where rows without a value go; None for nowhere.
        as_json: whether its summary is JSON.
    """

    rows: Rows
    task: Task[object]
    model: str
    options: Options
    out: Path
    failures: Path | None
    as_json: bool

    @property
    def store(self) -> Path | None:
        return None if self.options.store is None else Path(self.options.store.path)

    def say(self, summary: dict[str, object], words: str) -> None:
        if self.as_json:
            say_json(summary)
        else:
            say(words)


def _whole(order: _Order, *, leaves: bool) -> None:
    """Ask all rows as one run; ``leaves`` it at the provider where batch jobs are under way."""
    done = _asked(order)
    if leaves and done.pending and order.store is not None:
        if order.as_json:
            say_json(run_summary(done, None))
        handed_over(done, order.store, order.out)
        raise typer.Exit(UNRESOLVED)
    held = done.gate not in (Gate.NONE, Gate.PASSED)
    if not held:
        write_results(order.out, done, order.task.output)
        if order.failures is not None:
            write_failures(order.failures, done.results, order.rows.again(), id_field=order.rows.id_field)
    order.say(run_summary(done, None if held else order.out), told(done, asked=order.options.strategy))
    if held:
        warn(f"results are held for a review, so {order.out} was not written")
    failed = [each for each in done.unresolved if each.outcome is Outcome.FAILED]
    say_open(done.stopped, failed, done.outcomes, order.out, order.store)
    if not order.as_json:
        say_step(done.outcomes, order.store, held=held)
    if done.unresolved:
        raise typer.Exit(UNRESOLVED)


def _asked(order: _Order) -> RunResult[object]:
    rows = order.rows
    every = items_from(rows.each, text_field=rows.text_field, id_field=rows.id_field, group_by=rows.group_by)
    with shown() as on_progress:
        return run_until_asked(
            lambda halt: complete(
                every, order.task, order.model, None, order.options, halt=halt, on_progress=on_progress
            )
        )


def _in_windows(order: _Order, window: int) -> None:
    """Ask so many rows at a time; what was settled before an error is written all the same."""
    rows, failures = order.rows, order.failures
    with shown() as on_progress:
        sums, broken = run_streamed(
            rows.each,
            order.task,
            order.options,
            model=order.model,
            window=window,
            out=order.out,
            failures=None if failures is None else (failures, rows.again()),
            text_field=rows.text_field,
            id_field=rows.id_field,
            group_by=rows.group_by,
            on_progress=on_progress,
        )
    order.say(sums.summary(order.out), sums.told(order.options.strategy))
    say_open(sums.stopped, sums.failed, sums.outcomes, order.out, order.store)
    if not order.as_json and broken is None:
        say_step(sums.outcomes, order.store, held=False)
    if broken is not None:
        warn(f"packsplit: {order.out} holds the {sums.items:,} results before this:")
        raise broken
    if sums.outcomes[Outcome.ACCEPTED] < sums.items:
        raise typer.Exit(UNRESOLVED)

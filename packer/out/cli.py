"""The command line: ``packsplit run`` and ``packsplit plan``, and the entry to all commands.

Quiet in a pipe, progress on a terminal. Does not know: how a run works inside.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from packer.out import options as opt
from packer.out.app import UNRESOLVED, app, for_people, warn
from packer.out.asked import gate_of, money_of, rows_of, task_of
from packer.out.bar import shown
from packer.out.batch import begun_with, handed_over, via_of
from packer.out.export import check_failures, write_failures
from packer.out.guarded import guard_of
from packer.out.open_items import say_open
from packer.out.rows import check_out, read_rows, write_results
from packer.out.streamed import check_windows, run_streamed
from packer.out.summary import plan_summary, plan_told, run_summary, told
from packer.plan import plan
from packer.run.api import pack_and_run
from packer.run.job import Options
from schemas.batch import Batch
from schemas.errors import UsageError
from schemas.guard import Guard
from schemas.keeping import Store
from schemas.result import Outcome
from schemas.review import Gate
from schemas.settings import DEFAULT_ITEMS_PER_PACK, Budget, Layout, Limits

_DEFAULTS, _GUARD = Limits(), Guard()

__all__ = ["app", "batch_commands", "evaluate", "main", "stored"]


@app.command("run")
def run_command(
    context: typer.Context,
    source: opt.Input,
    instruction: opt.Instruction,
    labels: opt.Labels,
    out: Annotated[Path, typer.Option("--out", help="Where results go: .jsonl, .csv or .parquet.")],
    model: opt.Model = "local",
    multi: opt.Multi = False,
    text_field: opt.TextField = None,
    id_field: opt.IdField = None,
    items_per_pack: opt.PackItems = DEFAULT_ITEMS_PER_PACK,
    strategy: opt.HowAsked = "pack",
    binding: opt.Bound = "none",
    seed: opt.Seed = 0,
    rpm: opt.Rpm = None,
    tpm: opt.Tpm = None,
    concurrency: opt.Concurrency = _DEFAULTS.concurrency,
    deadline: opt.Deadline = None,
    max_calls: opt.MaxCalls = None,
    max_cost: opt.MaxCost = None,
    outage: opt.Outage = _DEFAULTS.outage_s,
    store: opt.StorePath = None,
    via: opt.How = "calls",
    poll: opt.Poll = 60.0,
    no_wait: opt.NoWait = False,
    no_texts: opt.NoTexts = False,
    cache: opt.CachePath = None,
    name: opt.RunName = None,
    baseline: opt.BaselineItems = 0,
    group_by: opt.GroupField = None,
    review: opt.ReviewSample = 0,
    review_by: opt.ReviewBy = "random",
    on_reject: opt.WhenRejected = "again",
    failures: opt.Failures = None,
    window: opt.WindowItems = None,
    audit: opt.AuditShare = _GUARD.audit,
    max_bleed: opt.MaxBleed = None,
    max_accuracy_loss: opt.MaxLoss = None,
    gold: opt.GoldFile = None,
    gold_field: opt.GoldField = "label",
    confidence: opt.Confidence = _GUARD.confidence,
    profile: opt.ProfileFile = None,
    unproven: opt.WhenUnproven = _GUARD.unproven,
    as_json: opt.AsJson = False,
) -> None:
    """Classify every row of a file. With --store, running the same again goes on where it ended.

    Example: packsplit run reviews.csv --labels good,bad --instruction "Sentiment." --out results.jsonl
    """
    with for_people():
        check_out(out)
        if failures is not None:
            check_failures(failures)
        if no_texts and store is None:
            raise UsageError("--no-texts keeps texts out of the store: give --store too.")
        check_windows(window, review)
        task = task_of(instruction, labels, multi)
        rows, text, key = rows_of(source, text_field, id_field)
        guard = guard_of(
            task,
            audit=audit,
            max_bleed=max_bleed,
            max_accuracy_loss=max_accuracy_loss,
            gold=gold,
            gold_field=gold_field,
            text_field=text,
            confidence=confidence,
            profile=profile,
            unproven=unproven,
        )
        limits = Limits(
            rpm=rpm,
            tpm=tpm,
            concurrency=concurrency,
            deadline_s=deadline,
            max_cost_usd=money_of(max_cost),
            max_calls=max_calls,
            outage_s=outage,
        )
        way = via_of(via, poll, store, wait=not no_wait)
        kept = None
        if store is not None:
            kept = Store(store, texts=not no_texts, begun_with=begun_with(context))
        budget, layout = Budget(items=items_per_pack), Layout(binding=binding)
        if window is not None:
            options = Options(
                strategy=strategy,
                budget=budget,
                limits=limits,
                guard=guard,
                layout=layout,
                seed=seed,
                store=kept,
                cache=cache,
                name=name,
                baseline=baseline,
                via=way if isinstance(way, Batch) else None,
            )
            with shown() as on_progress:
                sums, broken = run_streamed(
                    rows,
                    task,
                    options,
                    model=model,
                    window=window,
                    out=out,
                    failures=None if failures is None else (failures, iter(read_rows(source))),
                    text_field=text,
                    id_field=key,
                    group_by=group_by,
                    on_progress=on_progress,
                )
            _say(sums.summary(out), sums.told(strategy), as_json)
            say_open(sums.stopped, sums.failed, sums.outcomes, out, store)
            if broken is not None:
                warn(f"packsplit: {out} holds the {sums.items:,} results before this:")
                raise broken
            if sums.outcomes[Outcome.ACCEPTED] < sums.items:
                raise typer.Exit(UNRESOLVED)
            return
        with shown() as on_progress:
            done = pack_and_run(
                rows,
                task,
                model=model,
                budget=budget,
                limits=limits,
                guard=guard,
                strategy=strategy,
                layout=layout,
                seed=seed,
                store=kept,
                via=way,
                cache=cache,
                name=name,
                baseline=baseline,
                review=gate_of(review, review_by, on_reject, store),
                group_by=group_by,
                text_field=text,
                id_field=key,
                on_progress=on_progress,
            )
        if no_wait and done.pending and store is not None:
            if as_json:
                _say(run_summary(done, None), "", as_json)
            handed_over(done, store, out)
            raise typer.Exit(UNRESOLVED)
        held = done.gate not in (Gate.NONE, Gate.PASSED)
        if not held:
            write_results(out, done, task.output)
        if failures is not None and not held:
            write_failures(failures, done.results, read_rows(source), id_field=key)
        _say(run_summary(done, None if held else out), told(done, asked=strategy), as_json)
        if held:
            warn(f"results are held for a review, so {out} was not written")
        failed = [each for each in done.unresolved if each.outcome is Outcome.FAILED]
        say_open(done.stopped, failed, done.outcomes, out, store)
        if done.unresolved:
            raise typer.Exit(UNRESOLVED)


@app.command("plan")
def plan_command(
    source: opt.Input,
    instruction: opt.Instruction,
    labels: opt.Labels,
    model: opt.Model = "local",
    multi: opt.Multi = False,
    text_field: opt.TextField = None,
    id_field: opt.IdField = None,
    items_per_pack: opt.PackItems = DEFAULT_ITEMS_PER_PACK,
    strategy: opt.HowAsked = "pack",
    binding: opt.Bound = "none",
    seed: opt.Seed = 0,
    baseline: opt.BaselineItems = 0,
    group_by: opt.GroupField = None,
    audit: opt.AuditShare = _GUARD.audit,
    max_bleed: opt.MaxBleed = None,
    max_accuracy_loss: opt.MaxLoss = None,
    gold: opt.GoldFile = None,
    gold_field: opt.GoldField = "label",
    confidence: opt.Confidence = _GUARD.confidence,
    profile: opt.ProfileFile = None,
    unproven: opt.WhenUnproven = _GUARD.unproven,
    as_json: opt.AsJson = False,
) -> None:
    """Show calls and tokens, packed and one by one, without asking anybody.

    Example: packsplit plan reviews.csv --labels good,bad --instruction "Sentiment."
    """
    with for_people():
        task = task_of(instruction, labels, multi)
        rows, text, key = rows_of(source, text_field, id_field)
        guard = guard_of(
            task,
            audit=audit,
            max_bleed=max_bleed,
            max_accuracy_loss=max_accuracy_loss,
            gold=gold,
            gold_field=gold_field,
            text_field=text,
            confidence=confidence,
            profile=profile,
            unproven=unproven,
        )
        made = plan(
            rows,
            task,
            model=model,
            budget=Budget(items=items_per_pack),
            guard=guard,
            strategy=strategy,
            layout=Layout(binding=binding),
            seed=seed,
            baseline=baseline,
            group_by=group_by,
            text_field=text,
            id_field=key,
        )
        _say(plan_summary(made), plan_told(made, profile), as_json)


def main() -> None:
    """Entry point of the ``packsplit`` command."""
    app()


def _say(summary: dict[str, object], text: str, as_json: bool) -> None:
    sys.stdout.write((json.dumps(summary) if as_json else text) + "\n")


# Last, so that its commands come after these in the help.
from packer.out import batch_commands, evaluate, stored  # noqa: E402

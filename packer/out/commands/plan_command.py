"""The command ``plan``: what a run would take, without asking anybody.

Does not know: how a plan is made.
"""

from __future__ import annotations

import shlex

import typer

from packer.out.board.plain import plain
from packer.out.board.summary import plan_summary, plan_told
from packer.out.commands import options as opt
from packer.out.commands import proof_options as proof
from packer.out.commands import result_options as res
from packer.out.commands.app import app, say, say_json, say_next
from packer.out.commands.asked import checked_model, rows_of, task_of
from packer.out.commands.batch import as_run
from packer.out.commands.guarded import guard_of
from packer.out.commands.help_page import Command
from packer.plan import plan
from schemas.guard import Guard
from schemas.settings import DEFAULT_ITEMS_PER_PACK, Budget, Layout

_GUARD = Guard()


@app.command("plan", cls=Command)
def plan_command(
    context: typer.Context,
    source: opt.Input,
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
    seed: opt.Seed = 0,
    baseline: opt.BaselineItems = 0,
    audit: proof.AuditShare = _GUARD.audit,
    max_bleed: proof.MaxBleed = None,
    max_accuracy_loss: proof.MaxLoss = None,
    gold: proof.GoldFile = None,
    gold_field: proof.GoldField = None,
    confidence: proof.Confidence = _GUARD.confidence,
    profile: proof.ProfileFile = None,
    unproven: proof.WhenUnproven = _GUARD.unproven,
    as_json: res.AsJson = False,
) -> None:
    """Show calls, tokens and costs, packed and one by one, without asking anybody.

    Examples:
        packsplit plan reviews.csv --labels good,bad --instruction "Sentiment of a review."
        packsplit plan letters.jsonl --task fields.json --model openai/gpt-6-luna --json
    """
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
    made = plan(
        rows.each,
        asked,
        model=model,
        budget=Budget(items=items_per_pack),
        guard=guard,
        strategy=strategy,
        layout=Layout(binding=binding),
        seed=seed,
        baseline=baseline,
        group_by=rows.group_by,
        text_field=rows.text_field,
        id_field=rows.id_field,
    )
    if as_json:
        say_json(plan_summary(made))
    else:
        say(plan_told(made, profile))
        store = f"{source.stem}.run"
        say_next(f"{as_run(context)} --store {shlex.quote(plain(store))}")

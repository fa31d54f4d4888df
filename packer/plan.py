"""Items to packs, before any call: what will be asked, in how many calls, and what is refused.

The plan is what a run carries out, not an estimate of it: the same inputs, options and seed give the
same packs and the same prompts, to the byte. No network. Does not know: clients, or replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from packer.budget import Allowance, allowance
from packer.cost.baseline import predict
from packer.cost.circumstances import auto, circumstances_of, proving
from packer.cost.expect import forecast
from packer.cost.prices import Prices
from packer.delimit import end, nonce_for
from packer.fit.suit import advise_items, advise_packs, checked_task
from packer.frames import Frame, items_from
from packer.models import facts_of
from packer.packs import Packs
from packer.planned import Plan as Plan
from packer.promising import NO_TRIAL, TrialPlan, trial_for
from packer.render import pack_system
from packer.seat import DEAR_NONCE, Markers, alone
from packer.seating import Seating, decide, distinct
from packer.tokens import counter_for
from packer.wanted import Wanted
from schemas.advice import Advice
from schemas.errors import Unsuitable
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import GroupBy, Item, ItemLike
from schemas.protocols import TokenCounter
from schemas.settings import Budget, Fallback, Layout, Strategy
from schemas.task import Task

T = TypeVar("T")


def plan(
    items: Iterable[ItemLike] | Frame,
    task: Task[T],
    *,
    model: str = "",
    counter: TokenCounter | None = None,
    facts: ModelFacts | None = None,
    budget: Budget | None = None,
    layout: Layout | None = None,
    fallback: Fallback | None = None,
    guard: Guard | None = None,
    strategy: Strategy = "pack",
    seed: int = 0,
    baseline: int = 0,
    group_by: GroupBy | None = None,
    text_field: str | None = None,
    id_field: str | None = None,
) -> Plan[T]:
    """Work out the packs, without network.

    Args:
        items: anything ``pack_and_run`` takes.
        task: what is asked of each.
        model: whose tokens are counted, such as ``"openai/gpt-6-luna"``.
        counter: counts tokens; None takes the best that is there.
        facts: what the caller knows of the model; goes before the table of known models. Where nothing
            is known, prompt and reply get 32,000 tokens together.
        budget: how large a pack may grow.
        layout: envelope, binding, packing and order.
        fallback: the ladder, for the worst case.
        guard: its canaries take seats.
        strategy: ``"single"`` and ``"session"`` plan one call per item; ``"auto"`` takes what is cheapest.
        seed: same seed, same packs and prompts.
        baseline: so many items are asked alone first, to measure with.
        group_by: items share packs only within a group: a record's field that names it, or a function.
        text_field: the text's field in records, when not ``text``.
        id_field: the id's field in records, when not ``id``.

    Returns:
        The packs, their tokens, and the same for one call per item.

    Raises:
        UsageError: unusable items, a budget that leaves no room, or (``Unsuitable``) items that must not
            share a call.

    Example:
        >>> from packer import Task, plan
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> made = plan(["Great.", "Awful.", "Great."], task)
        >>> made.calls, made.same_as
        (1, {2: 0})
    """
    task = checked_task(task)
    facts = (facts or ModelFacts()).over(facts_of(model))
    return plan_for(
        items_from(items, text_field=text_field, id_field=id_field, group_by=group_by),
        task,
        Wanted(
            counter or counter_for(model),
            facts,
            budget or Budget(),
            layout or Layout(),
            fallback or Fallback(),
            guard or Guard(),
            strategy,
            seed,
            baseline,
            Prices(model, override=facts.price),
        ),
    )


def plan_for(
    every: Sequence[Item],
    task: Task[T],
    wanted: Wanted,
    *,
    markers: Markers | None = None,
    seating: Seating[T] | None = None,
    about: tuple[Advice, ...] | None = None,
) -> Plan[T]:
    """``plan``, for items made already, which may be none: a resumed run can have nothing left to ask.

    Args:
        every: the items.
        task: what is asked of each.
        wanted: the options.
        markers: prices markers; None makes them.
        seating: of the same inputs, decided before, and weighed then; None decides.
        about: ``advise_items`` of the whole run's inputs, where these are what a resumed run has left; None
            works it out.

    Raises:
        UsageError: see ``plan``.
    """
    inputs = _Inputs(every, markers or Markers(wanted.counter, wanted.layout))
    if wanted.strategy == "auto":
        return _auto(inputs, task, wanted)
    return _plan(inputs, task, wanted, seating, about)


class _Inputs:
    """What does not depend on how inputs are asked: looked at once, counted once."""

    def __init__(self, every: Sequence[Item], markers: Markers) -> None:
        self.every, self.markers = every, markers
        self.asked, self.same_as = distinct(every)
        self._tokens: list[int] | None = None

    @property
    def text_tokens(self) -> list[int]:
        """Of each text that is asked."""
        if self._tokens is None:
            every, asked = self.every, self.asked
            texts = [item.text for item in every] if len(asked) == len(every) else None
            self._tokens = self.markers.text_tokens(texts or [every[each].text for each in asked])
        return self._tokens


def _plan(
    inputs: _Inputs,
    task: Task[T],
    wanted: Wanted,
    seating: Seating[T] | None = None,
    about: tuple[Advice, ...] | None = None,
) -> Plan[T]:
    about = advise_items(inputs.every, wanted.strategy) if about is None else about
    fresh = seating is None
    if seating is None:
        seating = _decided(inputs, task, wanted)
    trial = _trial(wanted, len(inputs.asked) - wanted.sample_items, seating.allowance)
    made = _made(inputs, task, wanted, seating, about, trial)
    return _weighed(made, wanted) if fresh and wanted.strategy == "pack" else made


def _decided(inputs: _Inputs, task: Task[T], wanted: Wanted) -> Seating[T]:
    counter, layout, markers = wanted.counter, wanted.layout, inputs.markers
    fixed = sum(counter.count_batch([pack_system(task, layout), end(nonce_for(layout.framing, DEAR_NONCE))]))
    room = allowance(task, wanted.budget, layout, counter, fixed_tokens=fixed, facts=wanted.facts)
    if canaries := wanted.canaries_of(task):
        room = room.less_one(max(markers.text_tokens([c.text for c in canaries])) + markers.dearest)
    own = wanted.guard.promise == "max_bleed"
    return decide(
        inputs.every,
        inputs.asked,
        room,
        layout,
        counter,
        text_tokens=inputs.text_tokens,
        dearest_tokens=markers.dearest,
        strategy=wanted.strategy,
        seed=wanted.seed,
        sample_items=wanted.sample_items,
        trial_items=_trial(wanted, len(inputs.asked) - wanted.sample_items, room).items if own else 0,
        audit=wanted.guard.audit,
        audit_twice=wanted.guard.audit_twice,
    )


def _made(
    inputs: _Inputs,
    task: Task[T],
    wanted: Wanted,
    seating: Seating[T],
    about: tuple[Advice, ...],
    trial: TrialPlan,
) -> Plan[T]:
    counter, layout, strategy = wanted.counter, wanted.layout, wanted.strategy
    every, room, tokens = inputs.every, seating.allowance, seating.text_tokens
    sample = tuple(alone(task, every[each], tokens[each], layout) for each in seating.sample)
    if strategy != "pack":
        packs = Packs(task, every, seating.bins, tokens, layout)
        input_tokens = predict(task, [tokens[each] for (each,) in seating.bins], 0, counter).input_tokens or 0
    else:
        packs = Packs(
            task,
            every,
            seating.bins,
            tokens,
            layout,
            markers=inputs.markers,
            seed=wanted.seed,
            canaries=wanted.canaries_of(task),
        )
        input_tokens = packs.prompt_tokens(*counter.count_batch([pack_system(task, layout)]))
    alone_first = predict(task, [tokens[each] for each in seating.sample], 0, counter)
    further = len(seating.audited) + len(seating.twice) + len(seating.trial) + trial.most_calls
    return Plan(
        items=tuple(every),
        packs=packs,
        sample=sample,
        refused=seating.refused,
        same_as=inputs.same_as,
        counter=counter.name,
        input_tokens=input_tokens + (alone_first.input_tokens or 0) * bool(sample),
        reply_tokens=room.reply_tokens_per_item * (len(sample) + packs.seats),
        worst_case_calls=len(sample) + packs.worst_case_calls(wanted.fallback, strategy) + further,
        allowance=room,
        baseline=predict(task, tokens.values(), room.reply_tokens_per_item, counter),
        seating=seating,
        forecast=forecast(
            task,
            packs,
            seating,
            layout,
            counter,
            prompt_tokens=input_tokens,
            prices=wanted.prices,
            facts=wanted.facts,
            answer_tokens=wanted.budget.answer_tokens,
        ),
        advice=(*about, *_of_packs(every, task, seating, wanted)),
        trial=trial,
        strategy=strategy,
    )


def _auto(inputs: _Inputs, task: Task[T], wanted: Wanted) -> Plan[T]:
    """Plan packs, see what the planner says of them, and plan again what it says instead."""
    try:
        made = _plan(inputs, task, replace(wanted, strategy="pack"))
    except Unsuitable:  # items that must not share a call are asked alone
        return _plan(inputs, task, replace(wanted, strategy="single"))
    choice = made.choice
    if choice is None or (choice.strategy == "pack" and choice.size >= made.allowance.room.items):
        return made
    budget = replace(wanted.budget, items=max(choice.size, 1))
    better = _plan(inputs, task, replace(wanted, strategy=choice.strategy, budget=budget))
    return replace(better, choice=choice)


def _weighed(made: Plan[T], wanted: Wanted) -> Plan[T]:
    """The plan, with what the planner says of it."""
    guard = wanted.guard
    of = circumstances_of(
        made.packs, made.seating, made.forecast, guard=guard, prices=wanted.prices, facts=wanted.facts
    )
    if made.trial.sizes and guard.promise == "max_bleed":
        return replace(made, not_worth=proving(of, made.trial))
    return replace(made, choice=auto(of, made.allowance.room.items))


def _trial(wanted: Wanted, items: int, room: Allowance) -> TrialPlan:
    if wanted.strategy != "pack" or wanted.profiled:
        return NO_TRIAL
    return trial_for(wanted.guard, items, room.room.items)


def _of_packs(
    every: Sequence[Item], task: Task[T], seating: Seating[T], wanted: Wanted
) -> tuple[Advice, ...]:
    if wanted.strategy != "pack":
        return ()
    return advise_packs(
        every, task, seating, counter=wanted.counter, answer_tokens=wanted.budget.answer_tokens
    )

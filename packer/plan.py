"""Items to packs, before any call: what will be asked, in how many calls, and what is refused.

The plan is what a run carries out, not an estimate of it: the same inputs, options and seed give the
same packs and the same prompts, to the byte. No network. Does not know: clients, or replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.baseline import predict
from packer.budget import Allowance, allowance
from packer.delimit import end
from packer.expect import Forecast, forecast
from packer.models import facts_of
from packer.prices import Prices
from packer.render import pack_system
from packer.seat import DEAR_NONCE, Markers, alone, seat
from packer.seating import Seating, decide, distinct
from packer.suit import advise_items, advise_packs, checked_task
from packer.tokens import counter_for
from schemas.advice import Advice
from schemas.comparison import Comparison
from schemas.errors import BadTask
from schemas.facts import ModelFacts
from schemas.guard import Canary, Guard
from schemas.item import GroupBy, Item, ItemId, ItemLike, as_items
from schemas.ledger import Baseline
from schemas.output import Mismatch
from schemas.pack import Pack
from schemas.protocols import TokenCounter
from schemas.result import ItemResult
from schemas.settings import Budget, Fallback, Layout, Strategy
from schemas.task import Task

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan(Generic[T_co]):
    """What a run will do.

    Attributes:
        items: all inputs, in input order.
        packs: the calls, in the order in which they are sent.
        sample: calls that ask one item alone before any pack, as the baseline.
        refused: inputs that no call will be spent on, with the reason.
        same_as: inputs whose text was seen before, and the input that is asked for them.
        counter: the counter's name.
        input_tokens: prompt tokens of all packs as counted, chat templates not included.
        reply_tokens: reply tokens that room is kept for; ``forecast`` says what is expected.
        worst_case_calls: calls if everything that can go wrong does.
        allowance: the room each pack had.
        baseline: one call per distinct text.
        seating: the plan in plain numbers.
        forecast: what the calls will take when every reply is good, in tokens and money.
        advice: what speaks against packing these inputs, or this task.
    """

    items: tuple[Item, ...]
    packs: tuple[Pack[T_co], ...]
    sample: tuple[Pack[T_co], ...]
    refused: tuple[ItemResult[T_co], ...]
    same_as: dict[ItemId, ItemId]
    counter: str
    input_tokens: int
    reply_tokens: int
    worst_case_calls: int
    allowance: Allowance
    baseline: Baseline
    seating: Seating[T_co]
    forecast: Forecast
    advice: tuple[Advice, ...]

    @property
    def calls(self) -> int:
        """Calls when every reply is good."""
        return len(self.sample) + len(self.packs)

    @property
    def comparison(self) -> Comparison | None:
        """Whether packing pays, going by the forecast; None where nothing is packed."""
        return self.forecast.comparison

    def __str__(self) -> str:
        alone = self.forecast.alone
        return "\n".join(
            [
                f"{len(self.items):,} items: {alone.calls:,} to ask, {len(self.same_as):,} repeated texts, "
                f"{len(self.refused):,} refused",
                f"{'':<22}{'packed':>12} {'one by one':>12}",
                f"{'calls':<22}{self.calls:>12,} {alone.calls:>12,}",
                f"{'  at the very worst':<22}{self.worst_case_calls:>12,}",
                *self.forecast.rows,
                f"counted by {self.counter}",
                *(f"advice: {each}" for each in self.advice),
            ]
        )


def plan(
    items: Iterable[ItemLike],
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
        strategy: ``"single"`` and ``"session"`` plan one call per item.
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
        as_items(items, text_field=text_field, id_field=id_field, group_by=group_by),
        task,
        counter=counter or counter_for(model),
        facts=facts,
        budget=budget or Budget(),
        layout=layout or Layout(),
        fallback=fallback or Fallback(),
        guard=guard or Guard(),
        strategy=strategy,
        seed=seed,
        sample_items=baseline,
        prices=Prices(model, override=facts.price),
    )


def plan_for(
    every: Sequence[Item],
    task: Task[T],
    *,
    counter: TokenCounter,
    facts: ModelFacts,
    budget: Budget,
    layout: Layout,
    fallback: Fallback,
    guard: Guard,
    strategy: Strategy,
    seed: int,
    sample_items: int = 0,
    markers: Markers | None = None,
    seating: Seating[T] | None = None,
    about: tuple[Advice, ...] | None = None,
    prices: Prices | None = None,
) -> Plan[T]:
    """``plan``, for items made already, which may be none: a resumed run can have nothing left to ask.

    Args:
        every: the items.
        task: what is asked of each.
        counter: counts tokens.
        facts: what is known of the model.
        budget: how large a pack may grow.
        layout: as used.
        fallback: the ladder.
        guard: its canaries take seats.
        strategy: how packs are asked.
        seed: of the run.
        sample_items: so many are asked alone first, as the baseline.
        markers: prices markers; None makes them.
        seating: of the same inputs, decided before; None decides.
        about: ``advise_items`` of the whole run's inputs, where these are what a resumed run has left; None
            works it out.
        prices: of the model, for the forecast; None forecasts tokens alone.

    Raises:
        UsageError: see ``plan``.
    """
    about = advise_items(every, strategy) if about is None else about
    canaries = _checked_canaries(guard.canaries, task) if strategy == "pack" else ()
    asked, same_as = distinct(every)
    markers = markers or Markers(counter, layout)
    if seating is None:
        fixed = sum(counter.count_batch([pack_system(task, layout), end(DEAR_NONCE)]))
        room = allowance(task, budget, layout, counter, fixed_tokens=fixed, facts=facts)
        if canaries:
            room = room.less_one(max(markers.text_tokens([c.text for c in canaries])) + markers.dearest)
        seating = decide(every, asked, room, markers, layout, counter, strategy, seed, sample_items)
    room, tokens = seating.allowance, seating.text_tokens
    sample = tuple(alone(task, every[each], tokens[each], layout) for each in seating.sample)
    if strategy != "pack":
        packs = tuple(alone(task, every[each], tokens[each], layout) for (each,) in seating.bins)
        input_tokens = predict(task, [tokens[each] for (each,) in seating.bins], 0, counter).input_tokens or 0
    else:
        packs = tuple(
            seat(
                f"p{n}", task, [(every[i], tokens[i]) for i in bin_], layout, seed, markers, canaries=canaries
            )
            for n, bin_ in enumerate(seating.bins)
        )
        input_tokens = markers.prompt_tokens(packs, pack_system(task, layout))
    alone_first = predict(task, [tokens[each] for each in seating.sample], 0, counter)
    return Plan(
        items=tuple(every),
        packs=packs,
        sample=sample,
        refused=seating.refused,
        same_as=same_as,
        counter=counter.name,
        input_tokens=input_tokens + (alone_first.input_tokens or 0) * bool(sample),
        reply_tokens=room.reply_tokens_per_item * sum(len(pack.slots) for pack in (*sample, *packs)),
        worst_case_calls=len(sample) + _worst_case(packs, fallback, strategy),
        allowance=room,
        baseline=predict(task, list(tokens.values()), room.reply_tokens_per_item, counter),
        seating=seating,
        forecast=forecast(
            task,
            packs,
            seating,
            layout,
            counter,
            prompt_tokens=input_tokens,
            prices=prices or Prices(""),
            facts=facts,
            answer_tokens=budget.answer_tokens,
        ),
        advice=(*about, *_of_packs(every, task, seating, counter, budget, strategy)),
    )


def _of_packs(
    every: Sequence[Item],
    task: Task[T],
    seating: Seating[T],
    counter: TokenCounter,
    budget: Budget,
    strategy: Strategy,
) -> tuple[Advice, ...]:
    if strategy != "pack":
        return ()
    return advise_packs(every, task, seating, counter=counter, answer_tokens=budget.answer_tokens)


def _worst_case(packs: Sequence[Pack[object]], fallback: Fallback, strategy: Strategy) -> int:
    if strategy == "single":
        return len(packs)
    if strategy == "session":
        return len(packs) * (1 + fallback.single)
    return sum(fallback.worst_case_calls(len(pack.asked)) for pack in packs)


def _checked_canaries(canaries: Sequence[Canary], task: Task[object]) -> Sequence[Canary]:
    for canary in canaries:
        try:
            task.output.encode(canary.answer)
        except Mismatch as error:
            told = f"The canary {canary.text[:40]!r} has an answer that the task does not allow: {error}"
            raise BadTask(told) from None
    return canaries

"""From what a caller asked for to a run that is ready to go: facts, envelope, plan, ceilings, driver.

Everything that can be refused is refused here, before money is spent. Does not know: how a run is
driven, or what becomes of its results.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from packer.clients.choose import Chosen
from packer.clients.constrain import PROBE_TOKENS
from packer.pacing import Need, Pace
from packer.plan import Plan, plan_for
from packer.prices import Prices
from packer.render import pack_system, render, single_system
from packer.run.ask import Ask, Rules
from packer.run.circuit import Circuit
from packer.run.drive import Driver
from packer.run.halt import Halt
from packer.run.job import Job, Options
from packer.run.ladder import Ladder
from packer.run.needs import Needs
from packer.run.send import Sender
from packer.run.shared_pace import shared_pace
from packer.run.spending import Spending
from packer.run.tally import Tally
from packer.run.trace import Trace
from packer.run.turnstile import Turnstile
from packer.seat import Markers
from packer.tokens import counter_for
from schemas.chat import Completion, Prompt
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.item import Item, ItemId
from schemas.protocols import TokenCounter
from schemas.result import ItemResult, Outcome, Route, RunResult
from schemas.settings import Layout, Limits
from schemas.task import Task

T = TypeVar("T")

WARM_TOKENS = 1_024
"""Shorter prefixes are not cached by any provider, so nothing is gained by letting one call go ahead."""

CEILING_SHARE = 0.5
"""Of a ceiling on tokens a minute, one call's prompt may take so much."""


async def prepare(
    chosen: Chosen,
    every: Sequence[Item],
    task: Task[T],
    options: Options,
    resume: RunResult[T] | None,
    halt: Halt,
) -> Job[T]:
    """Make a run ready.

    Raises:
        UsageError: options, items or an earlier run that cannot work; raised before any item is sent.
    """
    fingerprint = await asyncio.to_thread(fingerprint_of, every, task)
    kept = _kept(resume, fingerprint)
    facts = options.facts.over(await chosen.facts())
    prices = Prices(chosen.name, provider=chosen.provider, override=facts.price)
    _check_money(options.limits, prices)
    # The embedded model's own counter starts its server: blocking work that belongs in a thread.
    counter = options.counter or await asyncio.to_thread(chosen.counter) or counter_for(chosen.name)
    tally = Tally(len(every), prices)
    layout, probes, probed_usd = await _held_to(chosen, options.layout, tally)
    limits = options.limits
    if chosen.concurrency is not None:
        limits = replace(limits, concurrency=min(limits.concurrency, chosen.concurrency))
    asked = [item for item in every if item.id not in kept]
    made = await asyncio.to_thread(_planned, asked, task, counter, facts, layout, options, limits)
    heads = await asyncio.to_thread(counter.count_batch, [pack_system(task, layout), single_system(task)])
    needs = Needs(heads[0], heads[1], chosen.reply_cap)
    pace = Pace(limits.ceilings)
    for probe in probes:
        pace.enter(asyncio.get_running_loop().time(), probe)
    route = Route.SINGLE if options.strategy == "single" else Route.PACK
    _check_ceilings(made, needs, pace, route, limits, prices)
    ladder = Ladder[T](
        Rules(
            options.fallback,
            options.guard,
            layout,
            made.allowance,
            Markers(counter, layout),
            max(heads),
            options.seed,
        ),
        route=route,
    )
    turnstile = Turnstile(
        pace,
        limits.concurrency,
        warm_first=len(made.packs) > 1 and _is_cached(facts, pack_system(task, layout)),
        shared=shared_pace(limits),
    )
    retries = chosen.max_retries if limits.retries is None else limits.retries
    sender = Sender(
        chosen.client,
        limits,
        retries,
        turnstile,
        Spending(limits, prices, calls=tally.calls, spent_usd=probed_usd),
        needs,
        tally,
        Circuit(limits.outage_s),
        Trace(chosen.name, chosen.provider, sdk_traces=chosen.traces_itself),
    )
    most_items = max((len(pack.slots) for pack in made.packs), default=1)
    deadline_s = limits.run_deadline_s(made.worst_case_calls, most_items, retries)
    driver = Driver(sender, ladder, options.strategy, halt, deadline_s)
    return Job(every, made, driver, tally, counter, layout, options.seed, kept, fingerprint)


async def _held_to(chosen: Chosen, layout: Layout, tally: Tally) -> tuple[Layout, list[Need], Decimal]:
    """The layout with an envelope that the provider can be held to; what finding out has used and cost."""
    envelope, used = await chosen.envelope(layout.envelope)
    most = Need(PROBE_TOKENS, chosen.reply_cap(Prompt((), {}, PROBE_TOKENS)))
    cost_usd = Decimal(0)
    for usage in used:
        known_usd = tally.book("probe", None, Completion("", usage=usage))
        most_usd = tally.prices.most_usd(most.input_tokens, most.output_tokens)
        cost_usd += known_usd if known_usd is not None else most_usd or 0
    return replace(layout, envelope=envelope), [most.used(usage) for usage in used], cost_usd


def _planned(
    asked: Sequence[Item],
    task: Task[T],
    counter: TokenCounter,
    facts: ModelFacts,
    layout: Layout,
    options: Options,
    limits: Limits,
) -> Plan[T]:
    within = _within_ceilings(facts, limits)
    try:
        return plan_for(
            asked,
            task,
            counter=counter,
            facts=within,
            budget=options.budget,
            layout=layout,
            fallback=options.fallback,
            guard=options.guard,
            strategy=options.strategy,
            seed=options.seed,
        )
    except UsageError as error:
        if within == facts:
            raise
        most = f"one call's prompt may take {CEILING_SHARE:.0%} of the tokens a minute that Limits allows"
        raise UsageError(f"{error} (Here {most}: {within.input_tokens:,}.)") from None


def _within_ceilings(facts: ModelFacts, limits: Limits) -> ModelFacts:
    """No call may be larger than a minute's tokens."""
    ceilings = [each for each in (limits.tpm, limits.input_tpm) if each is not None]
    if not ceilings:
        return facts
    most = max(1, int(min(ceilings) * CEILING_SHARE))
    return replace(facts, input_tokens=min(most, facts.input_tokens or most))


def _is_cached(facts: ModelFacts, shared: str) -> bool:
    """Whether the shared part is long enough for the provider's cache; a byte bound would say so too soon."""
    if facts.cache in (None, "none"):
        return False
    return counter_for().count_batch([shared])[0] >= WARM_TOKENS


def _check_money(limits: Limits, prices: Prices) -> None:
    if limits.max_cost_usd is not None and not prices.known:
        raise UsageError(
            f"Limits(max_cost_usd={limits.max_cost_usd}) cannot be kept: {prices.source}. Give the price "
            "with facts=ModelFacts(price=Price(input_usd_per_mtok=..., output_usd_per_mtok=...))."
        )


def _check_ceilings(
    made: Plan[T], needs: Needs, pace: Pace, route: Route, limits: Limits, prices: Prices
) -> None:
    """Refuse ceilings that a single call of the plan would break."""
    if not made.packs:
        return
    by_size = max(made.packs, key=lambda pack: sum(slot.size_tokens for slot in pack.slots))
    by_count = max(made.packs, key=lambda pack: len(pack.slots))
    for pack in (by_size, by_count):
        prompt = render(pack, max_output_tokens=made.allowance.max_output_tokens(len(pack.slots)))
        need = needs.of(Ask(pack, prompt, route))
        if (broken := pace.too_large(need)) is not None:
            kind, limit, amount = broken
            raise UsageError(
                f"The ceiling of {limit:,} {kind.replace('_', ' ')} a minute cannot hold one call: a pack of "
                f"{len(pack.slots)} items may need {amount:,} ({need.input_tokens:,} for the prompt, "
                f"{need.output_tokens:,} as the reply's cap). Raise it, or lower Budget(items=...)."
            )
        most_usd = None
        if limits.max_cost_usd is not None:
            most_usd = prices.most_usd(need.input_tokens, need.output_tokens)
        if most_usd is not None and limits.max_cost_usd is not None and most_usd > limits.max_cost_usd:
            raise UsageError(
                f"Limits(max_cost_usd={limits.max_cost_usd}) cannot hold one call: a pack of "
                f"{len(pack.slots)} items may cost {most_usd:.6f} USD. Raise it, or lower Budget(items=...)."
            )


def fingerprint_of(every: Sequence[Item], task: Task[object]) -> str:
    """Hash of what must not change when a run is resumed: the task, and all inputs in their order."""
    digest = hashlib.sha256(task.fingerprint.encode())
    for item in every:
        digest.update(f"\0{type(item.id).__name__}\0{item.id}\0{item.text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _kept(resume: RunResult[T] | None, fingerprint: str) -> dict[ItemId, ItemResult[T]]:
    if resume is None:
        return {}
    if resume.fingerprint != fingerprint:
        raise UsageError(
            "resume= is a run over other inputs, or of another task: give the same items, in the same order, "
            "and the same task as the run that is to be resumed."
        )
    return {result.item_id: result for result in resume.results if result.outcome is Outcome.ACCEPTED}

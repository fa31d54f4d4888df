"""Refuses options that cannot be kept, before any item is sent: ceilings, money, a review without a store.

Does not know: how ceilings are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from packer.clients.choose import Chosen
from packer.cost.prices import Prices
from packer.pacing import Pace
from packer.plan import Plan
from packer.render import render
from packer.run.flow.ask import Ask
from packer.run.live.needs import Needs
from packer.run.options import Options
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.protocols import BatchClient, HasBatches
from schemas.route import Route
from schemas.settings import Limits

T = TypeVar("T")

CEILING_SHARE = 0.5
"""Of a ceiling on tokens a minute, one call's prompt may take so much."""


def check_review(options: Options) -> None:
    """Refuse a gate that nobody could ever open."""
    if options.review is not None and options.review.callback is None and options.store is None:
        raise UsageError(
            "ReviewGate() without a callback waits for `packsplit review`, which needs a store: give "
            "store=PATH too, or ReviewGate(callback=...)."
        )


def for_batch(chosen: Chosen, options: Options) -> Options:
    """What batch jobs make of the options: no turns, no smaller packs; what fails goes alone.

    Raises:
        UsageError: the provider has no batch jobs, or an option that has no meaning in them.
    """
    if options.via is None:
        return options
    batches_of(chosen)
    if options.strategy == "session":
        raise UsageError(
            'strategy="session" and via="batch" do not go together: a turn waits for the one before it. '
            'Choose "pack" or "single".'
        )
    limits = options.limits
    named = [name for name in ("rpm", "tpm", "input_tpm", "output_tpm", "shared") if getattr(limits, name)]
    if named:
        raise UsageError(
            f'Limits({named[0]}=...) has no meaning with via="batch": the provider paces its batch jobs '
            "itself. Leave it out; max_calls, max_cost_usd and deadline_s hold."
        )
    fallback = replace(options.fallback, repacks=0, session=False)
    return replace(options, fallback=fallback)


def batches_of(chosen: Chosen) -> BatchClient:
    """The way to a provider's batch jobs.

    Raises:
        UsageError: there is none.
    """
    if isinstance(chosen.client, HasBatches):
        return chosen.client.batches()
    raise UsageError(
        f"{chosen.name} has no batch jobs: via='batch' needs OpenAI's or Anthropic's own API, as "
        'model="openai/<name>", "openai-responses/<name>", "anthropic/<name>" or an SDK client of theirs.'
    )


def check_money(limits: Limits, prices: Prices) -> None:
    """Refuse a ceiling on money where nobody knows a price."""
    if limits.max_cost_usd is not None and not prices.known:
        raise UsageError(
            f"Limits(max_cost_usd={limits.max_cost_usd}) cannot be kept: {prices.source}. Give the price "
            "with facts=ModelFacts(price=Price(input_usd_per_mtok=..., output_usd_per_mtok=...))."
        )


def check_ceilings(
    made: Plan[T], needs: Needs, pace: Pace, route: Route, limits: Limits, prices: Prices
) -> None:
    """Refuse ceilings that a single call of the plan would break."""
    if not made.packs or (limits.max_cost_usd is None and not any(limits.ceilings.values())):
        return
    for pack in made.packs.largest():
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


def within_ceilings(facts: ModelFacts, limits: Limits) -> ModelFacts:
    """No call may be larger than a minute's tokens."""
    ceilings = [each for each in (limits.tpm, limits.input_tpm) if each is not None]
    if not ceilings:
        return facts
    most = max(1, int(min(ceilings) * CEILING_SHARE))
    return replace(facts, input_tokens=min(most, facts.input_tokens or most))

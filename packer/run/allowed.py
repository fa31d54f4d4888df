"""Refuses options that cannot be kept, before any item is sent: ceilings, money, a review without a store.

Does not know: how ceilings are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from packer.pacing import Pace
from packer.plan import Plan
from packer.prices import Prices
from packer.render import render
from packer.run.ask import Ask
from packer.run.job import Options
from packer.run.needs import Needs
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.result import Route
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


def within_ceilings(facts: ModelFacts, limits: Limits) -> ModelFacts:
    """No call may be larger than a minute's tokens."""
    ceilings = [each for each in (limits.tpm, limits.input_tpm) if each is not None]
    if not ceilings:
        return facts
    most = max(1, int(min(ceilings) * CEILING_SHARE))
    return replace(facts, input_tokens=min(most, facts.input_tokens or most))

"""A plan in the terms of the planner: mean tokens of prompts and replies, shares, prices.

Does not know: which way of asking is cheapest, or how a run fares.
"""

from __future__ import annotations

from typing import TypeVar

from packer.cost.compare import CACHED_FROM_TOKENS
from packer.cost.expect import Forecast
from packer.cost.prices import Prices
from packer.cost.ways import cheapest, per_token, prospects, worth_proving
from packer.packs import Packs
from packer.promising import TrialPlan, sizes_up_to
from packer.seating import Seating
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.ways import Choice, Circumstances

T = TypeVar("T")

EXPECTED_FALLBACK, EXPECTED_PER_SEAT = 0.008, 0.0002
"""Share of packed items that are asked again before any was seen, and what each seat of a pack adds to it
(benchmarks/results/bleed_labels.md and planner.md)."""


def circumstances_of(
    packs: Packs[T],
    seating: Seating[object],
    forecast: Forecast,
    *,
    guard: Guard,
    prices: Prices,
    facts: ModelFacts,
) -> Circumstances:
    """What a plan of packs says of its job.

    Args:
        packs: of the plan.
        seating: of the plan.
        forecast: of the plan.
        guard: its canaries and audits.
        prices: of the model.
        facts: whether the provider caches prompts.
    """
    alone, packed = forecast.alone, forecast.packs
    items = len(seating.text_tokens)
    texts = sum(seating.text_tokens.values())
    calls, seats = max(1, len(packs)), max(1, packs.seats)
    blocks, own = packs.block_tokens, packs.text_tokens
    # A keyed schema names each seat; others are the same for every size.
    keyed = packs.layout.envelope == "keyed" and len(packs) > 0
    schema_tokens = packed.schema_tokens / calls if keyed else 0.0
    return Circumstances(
        items=items,
        single_prefix_tokens=max(0.0, (alone.input_tokens - texts) / max(1, alone.calls)),
        pack_prefix_tokens=max(0.0, (packed.input_tokens - blocks) / calls - schema_tokens),
        seat_prefix_tokens=schema_tokens * calls / seats,
        item_tokens=texts / max(1, items),
        marker_tokens=(blocks - own) / seats,
        single_answer_tokens=alone.output_tokens / max(1, alone.calls),
        packed_answer_tokens=packed.output_tokens / seats,
        caches=facts.cache in ("key", "breakpoint"),
        cached_from_tokens=CACHED_FROM_TOKENS,
        fallback_share=EXPECTED_FALLBACK,
        fallback_per_seat=EXPECTED_PER_SEAT,
        audit_share=guard.audit,
        audit_twice_share=guard.audit_twice,
        canaries=1.0 if guard.canaries else 0.0,
        prices=per_token(prices, prompt_tokens=max(1, packed.input_tokens // max(1, packed.calls))),
    )


def auto(of: Circumstances, most: int) -> Choice:
    """The cheapest way, where nothing is promised.

    Args:
        of: the job.
        most: items that a pack may hold.
    """
    return cheapest(prospects(of, sizes_up_to(most)))


def proving(of: Circumstances, trial: TrialPlan) -> str:
    """Why proving a promise first does not pay, in words; empty where it does."""
    if of.prices is None:
        # Without a price the saving is in calls: those of the trial against those that packs save.
        packed = trial.most_calls + (of.items - trial.items) * (1 / max(trial.sizes) + of.audit_share)
        if trial.items and packed < of.items:
            return ""
        return f"packing would take about {packed:,.0f} calls" if trial.items else "too few items"
    choice = worth_proving(of, trial.items or trial.needed, trial.sizes, again=trial.twice)
    # How many audits it takes is said where the promise is named.
    return "" if choice.strategy == "pack" else choice.words.partition(" items: ")[2] or choice.words

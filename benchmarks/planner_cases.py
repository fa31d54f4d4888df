"""The planner's model beside published figures and goals: six cases, one job at dated prices, small promises.

Does not know: what real models answer, or what providers bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product
from statistics import fmean

from packer import Budget, Layout, Task, plan
from packer.cost.prices import Prices
from packer.cost.ways import cheapest, per_token, prospects, worth_proving
from packer.render import pack_system, single_system
from packer.tokens import counter_for
from schemas.ways import Circumstances, PerToken, Prospect

MODELS = ("anthropic/claude-haiku-4-5", "openai/gpt-4.1-mini", "openai/gpt-5-mini")
G1_SIZES = (10, 16, 25, 32, 50)
PAPERS = (
    # prefix, item, answer, sizes, cached, published raw, published all-in, published over warm
    (600, 60, 8, (16,), False, "180", "226", "0.32"),
    (2_000, 100, 10, (16, 32), True, "204 / 198", "235 / 222", "0.67 / 0.63"),
    (6_000, 100, 10, (25,), True, "216", "262", "0.35"),
    (1_500, 400, 60, (10,), True, "757", "875", "1.03"),
    (1_024, 1_000, 200, (8,), True, "2,055", "2,417", "1.15"),
    (4_000, 3_000, 300, (5,), True, "4,622", "5,791", "1.18"),
)


def paper_case(prefix: int, item: int, answer: int) -> Circumstances:
    """One of the cases: output 5, reads 0.1, 3% again, 2% audited, a full-size canary in each call."""
    return Circumstances(
        items=160_000,
        single_prefix_tokens=prefix,
        pack_prefix_tokens=prefix,
        item_tokens=item,
        marker_tokens=12,
        single_answer_tokens=answer,
        packed_answer_tokens=answer + 6,
        caches=True,
        fallback_share=0.03,
        audit_share=0.02,
        canaries=1,
        prices=PerToken(Decimal(1), Decimal(5), Decimal("0.1")),
    )


def paper_rows() -> list[list[str]]:
    """Published and ours, per item."""
    rows = []
    for prefix, item, answer, sizes, cached, raw, all_in, over in PAPERS:
        of = paper_case(prefix, item, answer)
        made = prospects(of, sizes)
        chosen = cheapest(made)
        base = made[1] if cached else made[0]
        packs = made[3:]
        ours = " / ".join(f"{_each(pack, of, 'packs'):,.0f}" for pack in packs)
        whole = " / ".join(f"{_each(pack, of):,.0f}" for pack in packs)
        ratio = " / ".join(f"{float((pack.usd or 0) / (base.usd or 1)):.2f}" for pack in packs)
        rows.append(
            [
                f"{prefix:,}, {item:,}, {answer}, {' / '.join(map(str, sizes))}",
                f"{raw} | {ours}",
                f"{all_in} | {whole}",
                f"{over} | {ratio}",
                chosen.strategy if chosen.strategy != "pack" else f"packs of {chosen.size}",
            ]
        )
    return rows


def _each(made: Prospect, of: Circumstances, part: str = "") -> float:
    usd = (
        made.usd if not part else sum((p.usd or Decimal(0) for p in made.parts if p.name == part), Decimal(0))
    )
    return float(usd or 0) / of.items


def g1_engine(size: int, model: str) -> Circumstances:
    """G1's job as the engine itself plans it: prompts and replies counted, seals on."""
    counter = counter_for(model)
    labels = ["the delivery and the packaging of it", "the product and how it works", "the price of it"]
    rule = "Rule {}: where a review speaks of matter {}, hold it against part {} of the terms."
    task = Task.classify(
        "What is the review about? " + " ".join(rule.format(n, n, n) for n in range(80)), labels
    )
    text = "The parcel came late and the box was torn, but inside all was well and the price was fair. " * 5
    layout = Layout(binding="seal")
    made = plan(
        [f"{n}: {text}" for n in range(10 * size)],
        task,
        model=model,
        layout=layout,
        budget=Budget(items=size),
    )
    packed, alone = made.forecast.packed, made.forecast.alone
    slots = [slot for pack in made.packs for slot in pack.slots]
    single, packs = counter.count_batch([single_system(task), pack_system(task, layout)])
    item = fmean(slot.text_tokens for slot in slots)
    wrapped = packed.wrapping_tokens
    return Circumstances(
        items=10_000,
        single_prefix_tokens=single + alone.wrapping_tokens,
        pack_prefix_tokens=packs + wrapped,
        item_tokens=item,
        marker_tokens=fmean(slot.size_tokens - slot.text_tokens for slot in slots),
        single_answer_tokens=alone.output_tokens / alone.calls,
        packed_answer_tokens=packed.output_tokens / len(slots),
        caches=True,
    )


def g1_rows() -> list[list[str]]:
    """All-in cost at dated prices: as the goal is put, and as the engine plans."""
    briefed = Circumstances(
        items=10_000,
        single_prefix_tokens=2_000,
        pack_prefix_tokens=2_000,
        item_tokens=100,
        marker_tokens=17,
        single_answer_tokens=10,
        packed_answer_tokens=16,
        caches=True,
    )
    rows = []
    for model in MODELS:
        # Claude's tokens are not counted here, only bounded: OpenAI's vocabulary stands in.
        counted_as = model if model.startswith("openai") else "openai/gpt-4.1-mini"
        rows.append(_g1_row(model, "2,000 / 100 / 10", dict.fromkeys(G1_SIZES, briefed)))
        bare = replace(briefed, marker_tokens=12, packed_answer_tokens=12)
        rows.append(_g1_row(model, "the same, no seals", dict.fromkeys(G1_SIZES, bare)))
        planned = {size: g1_engine(size, counted_as) for size in G1_SIZES}
        rows.append(_g1_row(model, "as planned", planned))
    return rows


def _g1_row(model: str, job: str, of_size: Mapping[int, Circumstances]) -> list[str]:
    price = per_token(Prices(model), prompt_tokens=4_000)
    if price is None or price.cached_usd is None:
        return [model, "no price", job, "-", "-", "-", "-"]
    tried = []
    for size, of in of_size.items():
        of = replace(of, prices=price, fallback_share=0.01, audit_share=0.02, audit_twice_share=0.25)
        plain, warm, _, pack = (float(each.usd or 0) for each in prospects(of, (size,)))
        tried.append((pack / warm, pack / plain, size))
    over_warm, over_plain, size = min(tried)
    return [
        model,
        f"{price.output_usd / price.input_usd:.0f}, {price.cached_usd / price.input_usd:.2f}",
        job,
        str(size),
        f"{over_plain:.3f}x",
        f"{over_warm:.3f}x",
        "yes" if over_plain <= 0.12 and over_warm <= 0.65 else "**no**",
    ]


def proving_rows() -> list[list[str]]:
    """When a promise is too small to prove."""
    rows = []
    for prefix, item, answer in ((2_000, 100, 10), (600, 60, 8)):
        for items, needed in product((150, 400, 1_000, 3_000), (150, 220)):
            of = replace(paper_case(prefix, item, answer), items=items, canaries=0)
            made = worth_proving(of, needed, (10, 25), again=needed // 4)
            rows.append([f"{prefix:,} / {item} / {answer}", f"{items:,}", str(needed), made.words])
    return rows

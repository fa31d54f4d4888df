"""Packing beside single calls: who wins by money and by tokens, and when nobody can tell."""

from __future__ import annotations

from decimal import Decimal

import pytest

from packer.cost.compare import Spent, compare
from packer.cost.prices import Prices
from schemas.comparison import Comparison
from schemas.facts import ModelFacts, Price
from schemas.ledger import Baseline
from schemas.usage import Usage

PRICE = Price(1, 5, cached_usd_per_mtok=Decimal("0.1"), batch_share=Decimal("0.5"))
PRICED, UNPRICED = Prices("any", override=PRICE), Prices("any")
CACHED = ModelFacts(cache="key")
PREFIX = 2_000


def spent(items: int, calls: int, sent: int, replied: int, *, cached: int = 0, **more: object) -> Spent:
    usage = Usage(sent, cached, replied)
    cost_usd = PRICED.even_usd(usage, calls)
    return Spent(items, calls, usage, **{"cost_usd": cost_usd, **more})  # type: ignore[arg-type]


def beside(
    packed: Spent,
    alone: Spent | None = None,
    *,
    predicted: Baseline | None = None,
    shared_tokens: int = 0,
    prices: Prices = PRICED,
    facts: ModelFacts = CACHED,
    concurrency: int = 4,
    asked: bool = True,
) -> Comparison:
    return compare(
        packed,
        alone,
        predicted=predicted,
        shared_tokens=shared_tokens,
        prices=prices,
        facts=facts,
        concurrency=concurrency,
        asked=asked,
    )


# 160 items in 10 calls: a prefix of 2,000 tokens, 100 for each text, 16 of reply each.
PACKED = spent(160, 10, 10 * PREFIX + 160 * 112, 160 * 16, call_s=80.0)
ALONE = spent(20, 20, 20 * (PREFIX + 100), 20 * 10, call_s=20.0)


def test_the_four_ways_per_item() -> None:
    made = beside(PACKED, ALONE, shared_tokens=PREFIX)
    packed, plain, warm, batch = made.ways
    assert [way.name for way in made.ways] == [
        "packed",
        "singles",
        "singles, warm cache",
        "singles, batch price",
    ]
    assert [way.measured for way in made.ways] == [True, True, False, False]
    assert [way.items for way in made.ways] == [160, 20, 20, 20]
    assert [way.calls for way in made.ways] == [10 / 160, 1, 1, 1]
    assert (packed.input_tokens, packed.output_tokens) == (237, 16)
    assert (plain.input_tokens, plain.cached_tokens, plain.output_tokens) == (2_100, 0, 10)
    assert (warm.input_tokens, warm.cached_tokens) == (2_100, 2_000)
    assert packed.cost_usd == Decimal(237 + 80) / 1_000_000
    assert plain.cost_usd == Decimal(2_100 + 50) / 1_000_000
    assert warm.cost_usd == Decimal(100 + 200 + 50) / 1_000_000
    assert batch.cost_usd == Decimal(2_150) / 2_000_000
    assert (packed.seconds, packed.items_per_hour) == (0.5, 28_800)
    assert (plain.seconds, plain.items_per_hour) == (1.0, 14_400)
    assert (warm.seconds, warm.items_per_hour, batch.seconds) == (None, None, None)


def test_packing_that_paid_says_so_in_one_sentence() -> None:
    made = beside(PACKED, ALONE, shared_tokens=PREFIX)
    assert made.paid is True
    assert made.ratio == pytest.approx(317 / 2_150)
    assert made.verdict == (
        "packing paid: 0.15x the money of plain single calls (0.91x with a warm cache, 0.29x of the batch "
        "price); 20 singles measured"
    )


def test_packing_that_only_a_warm_cache_beats_did_not_pay() -> None:
    """The honest rival is the single call whose instruction is cached."""
    long = spent(100, 20, 20 * PREFIX + 100 * 1_012, 100 * 226)
    made = beside(long, spent(1, 1, PREFIX + 1_000, 200), shared_tokens=PREFIX)
    assert made.paid is False
    assert made.ratio is not None
    assert made.ratio < 1
    assert made.verdict.startswith("packing did not pay: 0.64x the money of plain single calls (1.16x with a")
    assert made.verdict.endswith('; use strategy="single"; 1 single measured')


def test_packing_that_costs_more_than_plain_calls_did_not_pay() -> None:
    made = beside(spent(10, 10, 1_000, 500), spent(10, 10, 1_000, 400))
    assert made.paid is False
    assert made.ratio == pytest.approx(3_500 / 3_000)
    assert "1.17x the money" in made.verdict


@pytest.mark.parametrize(
    ("facts", "shared_tokens", "said"),
    [
        (ModelFacts(cache="none"), PREFIX, "this model's prompts are not cached"),
        (ModelFacts(), PREFIX, "is not known"),
        (CACHED, 1_023, "the 1,023 tokens that single calls share are too few"),
    ],
)
def test_where_no_cache_helps_warm_calls_are_plain_ones(
    facts: ModelFacts, shared_tokens: int, said: str
) -> None:
    made = beside(PACKED, ALONE, shared_tokens=shared_tokens, facts=facts)
    _, plain, warm, _ = made.ways
    assert (warm.cost_usd, warm.cached_tokens) == (plain.cost_usd, 0)
    assert said in made.verdict
    assert "with a warm cache" not in made.verdict


def test_the_shortest_cached_prefix_is_cached() -> None:
    _, _, warm, _ = beside(PACKED, ALONE, shared_tokens=1_024).ways
    assert warm.cached_tokens == 1_024


def test_a_server_that_reads_short_prefixes_from_a_cache_is_believed() -> None:
    alone = spent(20, 20, 2_000, 200, cached=1_200, call_s=10.0)
    _, plain, warm, _ = beside(PACKED, alone, shared_tokens=60, facts=ModelFacts()).ways
    assert (plain.cached_tokens, warm.cached_tokens) == (0, 60)
    assert plain.cost_usd == Decimal(100 + 50) / 1_000_000
    assert warm.cost_usd == Decimal(40 + 6 + 50) / 1_000_000
    assert (warm.measured, warm.seconds) == (True, 0.5)


def test_more_is_never_cached_than_was_sent() -> None:
    _, _, warm, _ = beside(PACKED, ALONE, shared_tokens=50_000).ways
    assert warm.cached_tokens == 2_100


def test_without_a_sample_single_calls_are_predicted_and_the_verdict_says_so() -> None:
    predicted = Baseline(160, 160 * 2_100, 160 * 10)
    made = beside(PACKED, predicted=predicted, shared_tokens=PREFIX)
    assert [way.measured for way in made.ways] == [True, False, False, False]
    assert made.ratio == pytest.approx(317 / 2_150)
    assert made.ways[1].seconds is None
    assert made.verdict.endswith("; single calls are predicted, none was measured")


def test_a_sample_without_usage_leaves_the_prediction() -> None:
    alone = Spent(20, 20, Usage(), unmetered_calls=20)
    made = beside(PACKED, alone, predicted=Baseline(160, 160 * 2_100, 160 * 10))
    assert made.paid is True
    assert made.verdict.endswith("; single calls are predicted: those that were made came without usage")


def test_a_forecast_speaks_of_what_is_to_come() -> None:
    made = beside(PACKED, predicted=Baseline(160, 160 * 2_100, 1_600), asked=False)
    assert not any(way.measured for way in made.ways)
    assert made.verdict.startswith("packing pays: ")
    assert made.verdict.endswith("; all predicted, nothing was asked")


@pytest.mark.parametrize(
    ("packed", "predicted", "said"),
    [
        (Spent(), Baseline(1, 1, 1), "no item was packed"),
        (PACKED, None, "measure some with baseline=20"),
        (PACKED, Baseline(160, 5_000, None), "no answer came"),
        (Spent(9, 3, Usage(5, 0, 5), unmetered_calls=2), Baseline(9, 99, 9), "2 of 3 calls came without"),
        (Spent(9, 3, Usage()), Baseline(9, 99, 9), "3 of 3 calls came without usage"),
    ],
)
def test_what_cannot_be_told_has_a_reason(packed: Spent, predicted: Baseline | None, said: str) -> None:
    made = beside(packed, predicted=predicted)
    assert (made.paid, made.ratio) == (None, None)
    assert made.verdict.startswith("whether packing paid cannot be told: ")
    assert said in made.verdict
    assert len(made.ways) == 4


@pytest.mark.parametrize(
    ("sent", "replied", "paid", "ratio", "said"),
    [
        (50, 10, True, 60 / 110, "packing paid: 0.50x the input and 1.00x the output tokens"),
        (120, 12, False, 132 / 110, "packing did not pay: 1.20x the input and 1.20x the output"),
        (50, 12, None, 62 / 110, "whether packing paid cannot be told: 0.50x the input and 1.20x"),
        (100, 10, False, 1.0, "packing did not pay: 1.00x the input and 1.00x the output"),
    ],
)
def test_without_a_price_neither_count_may_be_above(
    sent: int, replied: int, paid: bool | None, ratio: float, said: str
) -> None:
    packed = Spent(1, 1, Usage(sent, 0, replied))
    made = beside(packed, Spent(1, 1, Usage(100, 0, 10)), prices=UNPRICED)
    assert made.paid is paid
    assert made.ratio == pytest.approx(ratio)
    assert made.verdict.startswith(said)
    assert "no price is known for 'any'" in made.verdict


def test_without_a_price_fewer_tokens_do_not_beat_cached_ones() -> None:
    """Half the tokens, but all of them fresh: at a tenth for cached ones, single calls may be cheaper."""
    alone = Spent(1, 1, Usage(2_000, 0, 10))
    packed = Spent(1, 1, Usage(1_000, 0, 10))
    told = beside(packed, alone, prices=UNPRICED, shared_tokens=1_900)
    assert told.paid is None
    assert beside(packed, alone, prices=UNPRICED, shared_tokens=0).paid is True


def test_a_cost_that_leaves_calls_out_is_no_cost() -> None:
    packed = spent(10, 2, 500, 50, unpriced_calls=1)
    made = beside(packed, spent(10, 10, 1_000, 50))
    assert made.ways[0].cost_usd is None
    assert made.paid is True
    assert made.ratio == pytest.approx(550 / 1_050)
    assert "1 of 2 calls have no known price" in made.verdict


def test_free_models_are_told_by_tokens() -> None:
    free = Prices("any", override=Price(0, 0))
    made = beside(Spent(1, 1, Usage(50, 0, 10), cost_usd=Decimal(0)), ALONE, prices=free)
    assert made.paid is True
    assert "its price is zero" in made.verdict


def test_an_unknown_batch_price_is_said_to_be_unknown() -> None:
    prices = Prices("any", override=Price(1, 5))
    made = beside(PACKED, ALONE, prices=prices)
    assert made.ways[3].cost_usd is None
    assert "batch price unknown" in made.verdict


def test_single_calls_are_not_priced_as_one_long_prompt() -> None:
    """Twenty prompts of 20,000 tokens stay below the step at 272,000, their sum does not."""
    prices = Prices("gpt-5.4")
    made = beside(PACKED, Spent(20, 20, Usage(400_000, 0, 200)), prices=prices)
    assert made.ways[1].cost_usd == prices.cost_usd(Usage(20_000, 0, 10))


def test_a_groups_comparison_names_it() -> None:
    made = compare(
        PACKED,
        ALONE,
        predicted=None,
        shared_tokens=0,
        prices=PRICED,
        facts=CACHED,
        concurrency=1,
        group="invoices",
    )
    assert made.group == "invoices"

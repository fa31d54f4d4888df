"""Prices: exact, offline, an upper bound that holds, and none at all where none is known."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer.cost.prices import Prices
from schemas.errors import UsageError
from schemas.facts import Price
from schemas.usage import Usage

M = 1_000_000
DEAR_WRITES = Price(1, 4, cached_usd_per_mtok=Decimal("0.1"), cache_write_usd_per_mtok=Decimal("1.25"))
PRICED = [
    Prices("gpt-4.1-mini"),
    Prices("gpt-5.4"),
    Prices("gpt-6-luna"),
    Prices("o1-pro"),
    Prices("claude-haiku-5-5"),
    Prices("claude-opus-5"),
    Prices("gpt-4o", provider="azure"),
    Prices("local", override=DEAR_WRITES),
    Prices("local", override=Price(1, 4, cached_usd_per_mtok=9)),
]


def test_an_unknown_model_is_unpriced_and_says_so() -> None:
    prices = Prices("gpt-6.2-sol", provider="openai")
    assert not prices.known
    assert prices.source == "no price is known for 'gpt-6.2-sol'"
    assert prices.cost_usd(Usage(1, 0, 1)) is None
    assert prices.most_usd(1, 1) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("", ""),
        ("local", ""),
        ("local", "openai"),
        ("Qwen/Qwen3-4B", ""),
        ("Qwen/Qwen3-4B", "openai"),
        ("openai/gpt-oss-20b", ""),
        ("gpt-oss-20b", "openai"),
        ("gpt-oss-120b", "azure"),
        ("groq/gpt-4o", ""),
        ("gpt-4o", "somewhere-else"),
        ("openrouter/openai/gpt-4o", ""),
        ("claude-opus-5", "openai"),
        ("claude-haiku-4-5-distill", ""),
        ("claude-haiku-4-5-distill", "anthropic"),
        ("my-o4-mini", "azure"),
        ("gpt-4o-of-mine", ""),
        ("ada", ""),
        ("whisper-1", "openai"),
        ("text-embedding-3-small", "openai"),
        ("omni-moderation-latest", "openai"),
    ],
)
def test_a_name_without_a_price_of_its_own_is_not_given_another(model: str, provider: str) -> None:
    prices = Prices(model, provider=provider)
    assert not prices.known
    assert prices.most_usd(M, M) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4.1-mini", ""),
        ("GPT-4.1-mini-2025-04-14", ""),
        ("openai/gpt-4.1-mini", ""),
        ("openai-responses/gpt-4.1-mini", ""),
        ("gpt-4.1-mini", "openai"),
        ("azure/gpt-4.1-mini", ""),
        ("gpt-4.1-mini", "azure"),
    ],
)
def test_a_model_costs_the_same_under_all_its_spellings(model: str, provider: str) -> None:
    prices = Prices(model, provider=provider)
    assert prices.known
    assert prices.source.startswith("genai-prices ")
    assert prices.cost_usd(Usage(M, 0, M)) == Decimal("2.0")


def test_neighbours_in_name_keep_apart() -> None:
    def one(model: str) -> Decimal | None:
        return Prices(model).cost_usd(Usage(1000, 0, 1000))

    assert len({one("gpt-4"), one("gpt-4.1"), one("gpt-4.1-mini"), one("gpt-4o-mini")}) == 4
    assert len({one("gpt-5"), one("gpt-5.6-luna"), one("gpt-5.6"), one("gpt-5-mini")}) == 4
    old, new = one("gpt-4o-2024-05-13"), one("gpt-4o")
    assert old is not None
    assert new is not None
    assert old > new
    assert one("claude-opus-4-5-20251101") == one("claude-opus-4-5") != one("claude-opus-5-5") is not None


@pytest.mark.parametrize("base", ["gpt-4o-2024-08-06", "gpt-4.1-mini-2025-04-14", "gpt-4o-mini-2024-07-18"])
def test_a_fine_tuned_model_is_never_priced_as_its_base(base: str) -> None:
    tuned, plain = Prices(f"ft:{base}:org::id").most_usd(M, M), Prices(base).most_usd(M, M)
    assert plain is not None
    assert tuned is None or tuned > plain


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "local"])
def test_the_callers_price_is_believed_before_any_list(model: str) -> None:
    prices = Prices(model, provider="openai", override=DEAR_WRITES)
    assert prices.known
    assert prices.source == "given by the caller"
    # 2 fresh + 3 read + 5 written + 7 out
    assert prices.cost_usd(Usage(10 * M, 3 * M, 7 * M, 5 * M)) == Decimal("2") + Decimal("0.3") + Decimal(
        "6.25"
    ) + Decimal("28")
    assert prices.most_usd(M, M) == Decimal("5.25")


def test_cached_tokens_are_part_of_the_prompt_and_cheaper() -> None:
    prices = Prices("gpt-4.1-mini")
    assert prices.cost_usd(Usage(M, 0, 0)) == Decimal("0.4")
    assert prices.cost_usd(Usage(M, M, 0)) == Decimal("0.1")
    assert prices.cost_usd(Usage(M, M // 2, 0)) == Decimal("0.25")
    assert prices.cost_usd(Usage(M, None, 0)) == Decimal("0.4")


@pytest.mark.parametrize("model", ["gpt-6-luna", "claude-opus-5"])
def test_cache_writes_cost_a_quarter_more_and_the_bound_reckons_with_them(model: str) -> None:
    prices = Prices(model)
    plain, written = prices.cost_usd(Usage(1000, 0, 0, 0)), prices.cost_usd(Usage(1000, 0, 0, 1000))
    assert plain is not None
    assert written == plain * Decimal("1.25") == prices.most_usd(1000, 0)


@pytest.mark.parametrize(("model", "step"), [("gpt-5.4", 272_000), ("claude-haiku-5-5", 100_000)])
def test_a_prompt_above_the_step_costs_more_from_its_first_token_on(model: str, step: int) -> None:
    prices = Prices(model)
    per_token = prices.cost_usd(Usage(1, 0, 0))
    below, above = prices.cost_usd(Usage(step, 0, 0)), prices.cost_usd(Usage(step + 1, 0, 0))
    assert per_token is not None
    assert above is not None
    assert below == per_token * step
    assert above > per_token * (step + 1) * Decimal("1.4")
    answer = prices.cost_usd(Usage(1, 0, 1000))
    assert answer is not None
    assert prices.cost_usd(Usage(step + 1, 0, 1000)) > above + answer - per_token
    cached = prices.cost_usd(Usage(step + 1, step + 1, 0))
    assert cached is not None
    assert cached < above


@pytest.mark.parametrize(
    "usage",
    [Usage(), Usage(None, 0, 5), Usage(5, 0, None), Usage(-1, 0, 5), Usage(5, -1, 5), Usage(5, 0, 5, -1)],
)
@pytest.mark.parametrize("prices", PRICED[-3:])
def test_tokens_that_are_not_known_have_no_cost(prices: Prices, usage: Usage) -> None:
    assert prices.cost_usd(usage) is None


@pytest.mark.parametrize("prices", PRICED)
def test_parts_that_exceed_their_whole_are_charged_and_never_raise(prices: Prices) -> None:
    odd, plain = prices.cost_usd(Usage(10, 30, 5, 40)), prices.cost_usd(Usage(10, 10, 5, 0))
    assert odd is not None
    assert plain is not None
    assert odd > plain


@given(
    st.sampled_from(PRICED),
    st.integers(0, 900_000),
    st.integers(0, 130_000),
    st.fractions(0, 1),
    st.fractions(0, 1),
    st.fractions(0, 1),
    st.fractions(0, 1),
)
def test_no_call_within_the_tokens_costs_more_than_the_most(
    prices: Prices,
    most_in: int,
    most_out: int,
    used: Fraction,
    said: Fraction,
    read: Fraction,
    kept: Fraction,
) -> None:
    tokens = int(most_in * used)
    cached = int(tokens * read)
    cost = prices.cost_usd(Usage(tokens, cached, int(most_out * said), int((tokens - cached) * kept)))
    most = prices.most_usd(most_in, most_out)
    assert isinstance(cost, Decimal)
    assert isinstance(most, Decimal)
    assert 0 <= cost <= most


@given(st.sampled_from(PRICED), st.integers(0, 900_000), st.integers(0, 100_000))
def test_the_bound_is_reached_by_some_call(prices: Prices, tokens: int, output_tokens: int) -> None:
    """A bound far above every call would hold too, and end runs that still had money."""
    ways = [Usage(tokens, read, output_tokens, kept) for read, kept in ((0, 0), (tokens, 0), (0, tokens))]
    assert prices.most_usd(tokens, output_tokens) in [prices.cost_usd(way) for way in ways]


def test_prices_are_found_late_offline_and_without_a_thread() -> None:
    script = (
        "import sys, socket, threading\n"
        "from packer.cost.prices import Prices\n"
        "early = [name for name in ('genai_prices', 'pydantic') if name in sys.modules]\n"
        "def no(*args, **kwargs): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = no\n"
        "print(early, Prices('gpt-4.1-mini').most_usd(1000000, 0), threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 0.4 1"


@pytest.mark.parametrize(
    ("model", "provider", "share"),
    [
        ("gpt-4.1-mini", "", Decimal("0.5")),
        ("openai-responses/gpt-4.1-mini", "", Decimal("0.5")),
        ("claude-haiku-4-5", "", Decimal("0.5")),
        ("gpt-4.1-mini", "azure", None),
        ("gpt-6.2-sol", "openai", None),
        ("Qwen/Qwen3-4B", "", None),
    ],
)
def test_batch_jobs_cost_half_where_the_provider_says_so(
    model: str, provider: str, share: Decimal | None
) -> None:
    prices, usage = Prices(model, provider=provider), Usage(1_000, 0, 100)
    cost_usd = prices.cost_usd(usage)
    expected = None if share is None or cost_usd is None else cost_usd * share
    assert prices.batch_usd(usage) == expected
    assert (share is None) == (expected is None)
    assert prices.batch_usd(Usage(1_000, 0, None)) is None


def test_a_callers_price_has_the_batch_share_that_the_caller_gives() -> None:
    usage = Usage(M, 0, M)
    assert Prices("gpt-4.1-mini", override=Price(1, 4)).batch_usd(usage) is None
    shared = Price(1, 4, batch_share=Decimal("0.4"))
    assert Prices("local", override=shared).batch_usd(usage) == Decimal("2.0")
    assert Prices("local", override=Price(1, 4, batch_share=1)).batch_usd(usage) == 5


@pytest.mark.parametrize("share", [Decimal("1.5"), Decimal("-0.1"), 0.5, 50])
def test_a_batch_share_is_a_part_and_exact(share: object) -> None:
    with pytest.raises(UsageError, match="batch_share"):
        Price(1, 4, batch_share=share)  # type: ignore[arg-type]


@given(st.sampled_from(PRICED), st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 500)), min_size=1))
def test_a_sum_of_like_calls_costs_what_they_cost(prices: Prices, sizes: list[tuple[int, int]]) -> None:
    sent, replied = sum(each[0] for each in sizes), sum(each[1] for each in sizes)
    apart = [prices.cost_usd(Usage(one, 0, other)) for one, other in sizes]
    assert all(cost is not None for cost in apart)
    whole = prices.even_usd(Usage(sent, 0, replied), len(sizes))
    assert whole == sum((cost for cost in apart if cost is not None), Decimal(0))


def test_no_calls_cost_nothing_where_there_is_a_price() -> None:
    assert Prices("gpt-5.4").even_usd(Usage(0, 0, 0), 0) == 0


def test_a_sum_of_calls_is_not_priced_as_one_long_prompt() -> None:
    prices = Prices("gpt-5.4")
    one = prices.cost_usd(Usage(1_000, 0, 10))
    assert one is not None
    assert prices.even_usd(Usage(1_000_000, 0, 10_000), 1_000) == 1_000 * one
    assert prices.even_usd(Usage(1_000_000, 0, 10_000), 1) != 1_000 * one
    assert prices.even_usd(Usage(1_000, 0, None), 2) is None
    assert Prices("local").even_usd(Usage(1_000, 0, 10), 2) is None


@pytest.mark.parametrize(
    ("model", "provider", "asked"),
    [
        ("gpt-4.1-mini", "", "openai"),
        ("openai-responses/gpt-6.2-sol", "", "openai"),
        ("claude-opus-5", "", "anthropic"),
        ("gpt-4o", "azure", "azure"),
        ("gpt-oss-20b", "", ""),
        ("local", "local", ""),
        ("", "", ""),
    ],
)
def test_who_is_asked_is_known_without_a_price(model: str, provider: str, asked: str) -> None:
    assert Prices(model, provider=provider, override=Price(1, 1)).provider == asked

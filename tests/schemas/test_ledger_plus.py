"""Ledgers of parts add up to the ledger of the whole, exactly, in whatever order."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.usage import Usage

counts = st.integers(0, 50)
known = st.one_of(st.none(), counts)
money = st.one_of(st.none(), st.decimals(0, 1, places=18))
usages = st.builds(Usage, known, known, known, known, known)
sums = st.builds(RouteSum, counts, usages, money)
tables = st.dictionaries(st.sampled_from(["pack", "single", "audit"]), sums)
ledgers = st.builds(
    Ledger,
    counts,
    counts,
    counts,
    usages,
    st.builds(Baseline, counts, known, known),
    tables,
    cost_usd=money,
    unpriced_calls=counts,
    price_source=st.sampled_from(["", "a list", "a list; the caller", "the caller"]),
    charged=sums,
    overheads=tables,
    maybe_paid_calls=st.integers(0, 2),
    maybe_paid_usd=money,
)


@given(st.lists(ledgers, min_size=1, max_size=5), st.integers(0, 4))
@settings(max_examples=30)
def test_parts_add_up_to_the_whole(parts: list[Ledger], at: int) -> None:
    whole = reduce(Ledger.plus, parts)
    for name in ("calls", "failed_calls", "unmetered_calls", "unpriced_calls", "maybe_paid_calls"):
        assert getattr(whole, name) == sum(getattr(each, name) for each in parts)
    paid = [each.cost_usd for each in parts if each.cost_usd is not None]
    # Beyond the digits of the default context: money is not rounded.
    assert whole.cost_usd == (sum((Decimal(each) for each in paid), Decimal(0)) if paid else None)
    for name in {name for each in parts for name in each.routes}:
        routes = [each.routes[name] for each in parts if name in each.routes]
        assert whole.routes[name] == reduce(RouteSum.plus, routes)
    if 0 < at < len(parts):
        assert reduce(Ledger.plus, parts[:at]).plus(reduce(Ledger.plus, parts[at:])) == whole


def of(calls: int, **more: object) -> Ledger:
    return Ledger(calls, 0, 0, Usage(), Baseline(calls, calls * 10, calls), **more)  # type: ignore[arg-type]


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole() -> None:
    """Half a prediction beside all calls, or half of what may be billed, would say too little."""
    assert of(2).plus(of(3)).baseline == Baseline(5, 50, 5)
    unknown = Ledger(1, 0, 0, Usage(), Baseline(1))
    assert of(2).plus(unknown).baseline == Baseline(3, None, None)
    nothing = Ledger(0, 0, 0, Usage(), Baseline(0))
    assert of(2).plus(nothing).baseline == nothing.plus(of(2)).baseline == of(2).baseline
    lost = of(1, maybe_paid_calls=1)
    priced = of(1, maybe_paid_calls=1, maybe_paid_usd=Decimal("0.5"))
    assert priced.plus(lost).maybe_paid_usd is None
    assert priced.plus(of(1)).maybe_paid_usd == Decimal("0.5")
    assert priced.plus(priced).maybe_paid_usd == 1


def test_prices_of_both_are_named_once() -> None:
    one, other = of(1, price_source="a list"), of(1, price_source="the caller")
    assert one.plus(one).price_source == "a list"
    assert one.plus(other).plus(one).plus(of(1)).price_source == "a list; the caller"

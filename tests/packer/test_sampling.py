"""Bounds from a sample: as in the tables, exact for any size, and never promising more than they hold."""

from __future__ import annotations

import math

import pytest

from packer.sampling import bad_share
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("bad", "looked", "lower", "upper"),
    [
        # Both bounds at 95%, so together the two-sided 90% interval of the usual tables.
        (0, 5, 0.0, 0.4507197283),
        (0, 10, 0.0, 0.2588655509),
        (0, 59, 0.0, 0.0495076099),
        (1, 10, 0.0051161969, 0.3941633024),
        (2, 10, 0.0367714140, 0.5069013123),
        (5, 10, 0.2224411010, 0.7775588990),
        (1, 1, 0.05, 1.0),
        (5, 5, 0.5492802717, 1.0),
    ],
)
def test_bounds_are_those_of_the_tables(bad: int, looked: int, lower: float, upper: float) -> None:
    share = bad_share(bad, looked)
    assert share.lower == pytest.approx(lower, abs=1e-7)
    assert share.upper == pytest.approx(upper, abs=1e-7)


@pytest.mark.parametrize("looked", [1, 2, 7, 100, 12_345, 1_000_000])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_ends_are_exact(looked: int, confidence: float) -> None:
    none, every = bad_share(0, looked, confidence), bad_share(looked, looked, confidence)
    assert none.lower == 0.0
    assert every.upper == 1.0
    assert none.upper == pytest.approx(-math.expm1(math.log(1 - confidence) / looked), abs=1e-9)
    assert every.lower == pytest.approx(math.exp(math.log(1 - confidence) / looked), abs=1e-9)


def tail(bad: int, looked: int, share: float) -> float:
    """The chance of so many bad ones or fewer, term by term."""
    return math.fsum(math.comb(looked, n) * share**n * (1 - share) ** (looked - n) for n in range(bad + 1))


@pytest.mark.parametrize("looked", [1, 3, 20, 60])
def test_a_bound_is_where_the_tail_has_just_the_chance_that_is_left(looked: int) -> None:
    for bad in range(looked + 1):
        share = bad_share(bad, looked)
        if bad < looked:
            assert tail(bad, looked, share.upper) == pytest.approx(0.05, abs=1e-9)
        if bad:
            assert 1 - tail(bad - 1, looked, share.lower) == pytest.approx(0.05, abs=1e-9)


def test_bounds_hold_as_often_as_they_promise() -> None:
    """All samples of 20, weighed by their chance, at 199 true shares."""
    looked = 20
    shares = [bad_share(bad, looked) for bad in range(looked + 1)]
    for step in range(1, 200):
        true = step / 200
        chances = [math.comb(looked, n) * true**n * (1 - true) ** (looked - n) for n in range(looked + 1)]
        too_low = math.fsum(
            chance for chance, share in zip(chances, shares, strict=True) if share.upper < true
        )
        too_high = math.fsum(
            chance for chance, share in zip(chances, shares, strict=True) if share.lower > true
        )
        assert too_low <= 0.05 + 1e-12
        assert too_high <= 0.05 + 1e-12


@pytest.mark.parametrize("bad", [1, 3, 500, 500_000, 999_999])
def test_bounds_stay_exact_for_a_million(bad: int) -> None:
    """The two bounds come from each other by counting the good ones instead."""
    looked = 1_000_000
    share, turned = bad_share(bad, looked), bad_share(looked - bad, looked)
    assert share.lower < bad / looked < share.upper
    assert share.upper == pytest.approx(1 - turned.lower, abs=1e-9)
    assert share.lower == pytest.approx(1 - turned.upper, abs=1e-9)


def test_a_bound_of_a_million_is_where_its_tail_says() -> None:
    """Three of a million: the tail of so rare an event is Poisson's to better than a millionth."""
    mean = bad_share(3, 1_000_000).upper * 1_000_000
    poisson = math.exp(-mean) * math.fsum(mean**n / math.factorial(n) for n in range(4))
    assert poisson == pytest.approx(0.05, abs=1e-6)


def test_more_looked_at_or_less_confidence_narrows_the_bounds() -> None:
    assert bad_share(2, 40).upper > bad_share(4, 80).upper > bad_share(40, 800).upper > 0.05
    assert bad_share(2, 40, 0.99).upper > bad_share(2, 40).upper > bad_share(2, 40, 0.5).upper


@pytest.mark.parametrize(
    ("bad", "looked", "told"),
    [
        (0, 5, "0 of 5 bad: up to 45% could be (95% confidence)"),
        (2, 40, "2 of 40 bad: 0.9% to 15% could be (95% confidence each way)"),
        (5, 5, "5 of 5 bad: at least 55% are (95% confidence)"),
        (0, 0, "nothing looked at: nothing is known"),
        (0, 10_000, "0 of 10,000 bad: up to 0.03% could be (95% confidence)"),
        (9_999, 10_000, "9,999 of 10,000 bad: >99.9% to >99.9% could be (95% confidence each way)"),
        (996, 1_000, "996 of 1,000 bad: 99.1% to 99.9% could be (95% confidence each way)"),
        (0, 1_000_000, "0 of 1,000,000 bad: up to <0.001% could be (95% confidence)"),
    ],
)
def test_a_share_says_itself_in_plain_words(bad: int, looked: int, told: str) -> None:
    assert str(bad_share(bad, looked)) == told


def test_of_nothing_nothing_is_known() -> None:
    share = bad_share(0, 0)
    assert (share.lower, share.upper) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("bad", "looked", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)]
)
def test_what_cannot_be_a_sample_is_refused(bad: int, looked: int, confidence: float) -> None:
    with pytest.raises(UsageError, match="bad_share"):
        bad_share(bad, looked, confidence)

"""Rates with intervals: weighted without bias, as wide as calls scatter, true as often as they say."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from random import Random
from statistics import NormalDist, fmean

import numpy as np
import pytest

from packer.audit import numeric, scipy_part
from packer.audit.rate import estimate, harm_help, share
from schemas.errors import UsageError
from tests.packer.audit.rows import by_call, row, rows


def test_wilson_as_in_the_tables() -> None:
    # 10 of 1,000, each in a call of its own; Wilson with z gives 0.00544 to 0.01831.
    packed, noise, bleed = estimate(rows(1000, 10))
    assert packed.value == 0.01
    assert packed.lower == pytest.approx(0.00544, abs=1e-5)
    assert packed.upper == pytest.approx(0.01831, abs=1e-5)
    assert packed.asked == 1000
    assert noise is None
    assert bleed is None


@pytest.mark.parametrize("asked", [5, 50, 500])
def test_ends_are_reached_where_nothing_or_all_differs(asked: int) -> None:
    none, _, _ = estimate(rows(asked, 0))
    every, _, _ = estimate(rows(asked, asked))
    z = NormalDist().inv_cdf(0.975)
    assert (none.value, none.lower) == (0.0, 0.0)
    assert (every.value, every.upper) == (1.0, 1.0)
    assert none.upper == pytest.approx(z**2 / (asked + z**2), rel=1e-6)
    assert every.lower == pytest.approx(1 - none.upper, rel=1e-6)


def test_more_that_differ_are_more_everywhere() -> None:
    found = [estimate(rows(200, differ, 100, 3)) for differ in range(0, 201, 5)]
    for (packed, _, bleed), (packed_, _, bleed_) in pairwise(found):
        assert packed.lower <= packed_.lower
        assert packed.upper <= packed_.upper
        assert bleed is not None
        assert bleed_ is not None
        assert bleed.value < bleed_.value
        assert bleed.lower <= bleed.value <= bleed.upper


def test_noise_is_taken_off_and_bleed_may_be_negative() -> None:
    packed, noise, bleed = estimate(rows(400, 4, 200, 20))
    assert noise is not None
    assert bleed is not None
    assert (packed.value, noise.value, noise.asked) == (0.01, 0.1, 200)
    assert bleed.value == pytest.approx(-0.09)
    assert bleed.upper < 0


def test_calls_that_go_wrong_together_make_it_less_sure() -> None:
    spread = by_call([[1, 0, 0, 0, 0]] * 20 + [[0] * 5] * 20)
    together = by_call([[1] * 5] * 4 + [[0] * 5] * 36)
    one, two = estimate(spread)[0], estimate(together)[0]
    assert one.value == two.value == 0.1
    # A hundred fives that fall together are as good as forty answers.
    assert two.upper - two.lower > 1.8 * (one.upper - one.lower)


def test_what_both_rates_share_cancels_out() -> None:
    random = Random(3)
    odd = [random.random() < 0.1 for _ in range(400)]
    shared = [row(n, differs=hit, again=hit) for n, hit in enumerate(odd)]
    apart = [row(n, differs=hit, again=odd[n - 200]) for n, hit in enumerate(odd)]
    same_first, other_first = estimate(shared)[2], estimate(apart)[2]
    assert same_first is not None
    assert other_first is not None
    assert same_first.value == other_first.value == 0
    # What moves both alike leaves the difference at rest, on either side.
    assert same_first.upper < 0.4 * other_first.upper
    assert same_first.lower > 0.4 * other_first.lower


def test_weights_undo_an_uneven_draw() -> None:
    """Suspects differ ten times as often and are drawn five times as often."""
    random = Random(11)
    weighted, plain = [], []
    for _ in range(300):
        drawn = []
        for n in range(600):
            suspect = random.random() < 0.1
            differs = random.random() < (0.5 if suspect else 0.05)
            chance = 0.5 if suspect else 0.1
            if random.random() < chance:
                drawn.append(row(n, differs=differs, weight=1 / chance))
        weighted.append(estimate(drawn)[0].value)
        plain.append(fmean(each.differs for each in drawn))
    truth = 0.1 * 0.5 + 0.9 * 0.05
    assert fmean(weighted) == pytest.approx(truth, abs=0.006)
    assert fmean(plain) > 1.7 * truth


@pytest.mark.parametrize(("packed", "icc"), [(0.03, 0.0), (0.1, 0.1), (0.3, 0.1)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(packed: float, icc: float) -> None:
    """2,000 fleets of 100 whole calls of 5; single answers stray 1% of the time, each twice."""
    random = np.random.default_rng(7)
    fleets, calls, size, stray = 2_000, 100, 5, 0.01
    noise = 2 * stray * (1 - stray)
    wrong = (packed - stray) / (1 - 2 * stray)
    rate = np.full((fleets, calls), wrong)
    if icc:
        rate = random.beta(wrong * (1 - icc) / icc, (1 - wrong) * (1 - icc) / icc, (fleets, calls))
    first = random.random((fleets, calls, size)) < stray
    differs = (random.random((fleets, calls, size)) < rate[..., None]) ^ first
    again = (random.random((fleets, calls, size)) < stray) ^ first
    weight = np.full((fleets, calls), float(size))
    number = np.full(fleets, float(calls * size))
    one = numeric.rates(weight, differs.sum(-1).astype(float), number, number)
    other = numeric.rates(weight, again.sum(-1).astype(float), number, number)
    for (low, high), truth in (
        (numeric.wilson(one, 0.95), packed),
        (numeric.wilson(other, 0.95), noise),
        (numeric.excess(one, other, numeric.jeffreys, 0.95), packed - noise),
    ):
        assert 0.93 < ((low <= truth) & (truth <= high)).mean() < 0.975
    # Taken for independent, answers of calls that go wrong together would be trusted too far.
    reach = 1.96 * np.sqrt(one.value * (1 - one.value) / number)
    naive = (np.abs(one.value - packed) <= reach).mean()
    assert (naive < 0.92) == (icc > 0)
    # And rows give what the arrays give.
    made = [
        row(n * calls + call, call=call, differs=bool(differs[0, call, n]), again=bool(again[0, call, n]))
        for call in range(calls)
        for n in range(size)
    ]
    found, own, bleed = estimate(made)
    assert own is not None
    assert bleed is not None
    assert found.value == pytest.approx(float(one.value[0]))
    assert (found.lower, found.upper) == pytest.approx([float(each[0]) for each in numeric.wilson(one, 0.95)])
    both = numeric.excess(one, other, numeric.jeffreys, 0.95)
    assert (bleed.lower, bleed.upper) == pytest.approx([float(each[0]) for each in both])


def test_harm_and_help_count_only_what_people_answered() -> None:
    made = [row(n, right=n >= 6, single_right=n < 97) for n in range(100)] + rows(50, 50)
    harm, gain = harm_help(made)
    assert harm is not None
    assert gain is not None
    assert (harm.value, harm.asked) == (0.06, 100)
    assert gain.value == 0.03
    assert harm.lower < 0.06 < harm.upper
    assert harm_help(rows(10, 1)) == (None, None)
    assert share([], lambda row: True) is None


def test_intervals_want_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scipy_part, "installed", lambda: False)
    with pytest.raises(UsageError, match=r"packsplit\[audit\]"):
        estimate(rows(10, 1))


def test_nothing_is_no_estimate() -> None:
    with pytest.raises(UsageError, match="0 rows"):
        estimate([])
    with pytest.raises(UsageError, match="confidence=1"):
        estimate(rows(10, 1), confidence=1.0)


def test_a_wider_interval_for_more_confidence() -> None:
    wide, narrow = estimate(rows(200, 20), confidence=0.99)[0], estimate(rows(200, 20), confidence=0.8)[0]
    assert wide.lower < narrow.lower < 0.1 < narrow.upper < wide.upper
    assert narrow.upper - narrow.lower == pytest.approx(2 * 1.2816 * sqrt(0.09 / 200), rel=0.03)

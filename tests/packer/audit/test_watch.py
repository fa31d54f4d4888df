"""Bounds that are looked at all the time: right at every moment, and quick where much differs."""

from __future__ import annotations

from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer.audit.watch import Watch
from schemas.errors import UsageError


def test_nothing_seen_nothing_known() -> None:
    watch = Watch()
    watch.add(0, 0)
    assert (watch.calls, watch.lower, watch.upper) == (0, 0.0, 1.0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.just(4)), max_size=60))
def test_bounds_only_ever_close_in(calls: list[tuple[int, int]]) -> None:
    watch = Watch()
    lower, upper = 0.0, 1.0
    for differ, items in calls:
        watch.add(differ, items)
        assert lower <= watch.lower <= 1
        assert 0 <= watch.upper <= upper
        lower, upper = watch.lower, watch.upper


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=40))
def test_what_differs_and_what_agrees_mirror_each_other(calls: list[int]) -> None:
    one, other = Watch(), Watch()
    for differ in calls:
        one.add(differ, 3)
        other.add(3 - differ, 3)
    assert one.lower == pytest.approx(1 - other.upper)
    assert one.upper == pytest.approx(1 - other.lower)


def test_a_wide_call_is_one_observation() -> None:
    """However many of a call differ together, it says no more than one answer of a narrow call."""
    wide, narrow = Watch(), Watch()
    for n in range(40):
        wide.add(20 * (n % 2), 20)
        narrow.add(n % 2, 1)
    assert (wide.lower, wide.upper) == (narrow.lower, narrow.upper)


@pytest.mark.parametrize(("rate", "items", "together"), [(0.03, 1, False), (0.3, 1, False), (0.2, 10, True)])
def test_bounds_are_wrong_at_no_time_in_most_runs(rate: float, items: int, together: bool) -> None:
    """Each bound may fail in 2.5% of runs at any time; of 150 runs 11 would once in a thousand."""
    random = Random(5)
    low = high = 0
    for _ in range(150):
        watch = Watch()
        for _ in range(60):
            hits = (
                items * (random.random() < rate)
                if together
                else sum(random.random() < rate for _ in range(items))
            )
            watch.add(hits, items)
        low += watch.lower > rate
        high += watch.upper < rate
    assert low < 11
    assert high < 11


def test_a_collapse_is_soon_seen() -> None:
    random = Random(2)
    taken = []
    for _ in range(51):
        watch = Watch()
        while watch.lower <= 0.2:
            watch.add(random.random() < 0.5, 1)
        taken.append(watch.calls)
    assert median(taken) <= 25
    assert max(taken) < 150


def test_what_never_differs_is_bounded_from_above() -> None:
    watch = Watch()
    for _ in range(150):
        watch.add(0, 1)
    assert watch.lower == 0
    # At a fixed time 2.5% would give 2.4%; looking all the time has its price.
    assert 0.0243 < watch.upper < 0.04


def test_impossible_calls_are_refused() -> None:
    with pytest.raises(UsageError, match="between 0"):
        Watch().add(2, 1)
    with pytest.raises(UsageError, match="confidence"):
        Watch(confidence=1.0)

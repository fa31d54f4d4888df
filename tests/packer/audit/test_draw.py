"""The draw: as many as promised, every seat as likely as any other, each quarter and size its part."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer.audit.draw import also, of_calls, stratified
from schemas.errors import UsageError

SEATS = [(seat, size) for size in (5, 10, 20) for _ in range(4) for seat in range(size)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400), st.integers(0, 100), st.integers(0, 50), st.integers(0, 3))
def test_exactly_so_many_are_drawn(number: int, percent: int, least: int, seed: int) -> None:
    seats = [(n % 10, 10) for n in range(number)]
    drawn = stratified(seats, percent / 100, seed=seed, least=least)
    assert len(drawn) == min(number, max(least, number * percent // 100))
    assert list(drawn) == sorted(set(drawn))
    assert all(0 <= at < number for at in drawn)
    assert drawn == stratified(seats, percent / 100, seed=seed, least=least)


def test_every_seat_is_as_likely_as_any_other() -> None:
    draws, share = 2_000, 0.1
    counts = Counter(at for seed in range(draws) for at in stratified(SEATS, share, seed=seed))
    expected = draws * (len(SEATS) // 10) / len(SEATS)
    # 140 seats: five standard deviations are passed by chance once in ten thousand tests.
    assert max(abs(counts[at] - expected) for at in range(len(SEATS))) < 5 * sqrt(expected)


def test_sizes_and_quarters_get_their_part() -> None:
    strata = Counter((size, 4 * seat // size) for seat, size in SEATS)
    for seed in range(50):
        drawn = Counter(
            (SEATS[at][1], 4 * SEATS[at][0] // SEATS[at][1]) for at in stratified(SEATS, 0.25, seed=seed)
        )
        assert all(abs(drawn[each] - number / 4) < 1 for each, number in strata.items())


def test_whole_calls_are_drawn_from_as_seats_are() -> None:
    """Seats of calls of several sizes: as many, each as likely, each size and quarter its part."""
    sizes = [5, 10, 7, 20, 10, 1, 6, 20, 3]
    every = [(call, place) for call, size in enumerate(sizes) for place in range(size)]
    strata = Counter((sizes[call].bit_length(), 4 * place // sizes[call]) for call, place in every)
    draws, share = 2_000, 0.25
    counts: Counter[tuple[int, int]] = Counter()
    for seed in range(draws):
        drawn = of_calls(sizes, share, seed=seed)
        assert drawn == sorted(set(drawn))
        assert len(drawn) == len(every) // 4
        counts.update(drawn)
        parts = Counter((sizes[call].bit_length(), 4 * place // sizes[call]) for call, place in drawn)
        assert all(abs(parts[each] - number * len(drawn) / len(every)) < 1 for each, number in strata.items())
    expected = draws * (len(every) // 4) / len(every)
    assert set(counts) == set(every)
    assert max(abs(number - expected) for number in counts.values()) < 5 * sqrt(expected)
    assert of_calls(sizes, 1.0, seed=0) == every
    assert of_calls([], 0.5, seed=0) == []


def test_seeds_draw_differently() -> None:
    assert len({stratified(SEATS, 0.1, seed=seed) for seed in range(20)}) == 20


def test_late_ones_are_drawn_by_their_key_alone() -> None:
    keys = [f"item {n}" for n in range(4_000)]
    drawn = [key for key in keys if also(key, 0.1, seed=1)]
    assert 330 < len(drawn) < 470
    assert drawn == [key for key in keys if also(key, 0.1, seed=1)]
    assert drawn != [key for key in keys if also(key, 0.1, seed=2)]
    # Who is drawn at a small share is drawn at every larger one.
    assert all(also(key, 0.3, seed=1) for key in drawn)
    assert not any(also(key, 0.0, seed=1) for key in keys)
    assert all(also(key, 1.0, seed=1) for key in keys)


@pytest.mark.parametrize(("share", "least"), [(-0.1, 0), (1.1, 0), (0.5, -1)])
def test_impossible_draws_are_refused(share: float, least: int) -> None:
    with pytest.raises(UsageError, match="stratified"):
        stratified(SEATS, share, seed=0, least=least)


@pytest.mark.parametrize("percent", range(101))
def test_whole_percents_of_a_hundred_are_no_less(percent: int) -> None:
    """0.29 x 100 is 28.999999999999996 to a float."""
    assert len(stratified([(0, 5)] * 100, percent / 100, seed=0)) == percent

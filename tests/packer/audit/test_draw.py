"""The draw: as many as promised, every seat as likely as any other, each quarter and size its part."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer.audit.draw import also, of_calls
from schemas.errors import UsageError

SIZES = [5, 10, 7, 20, 10, 1, 6, 20, 3]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), max_size=40), st.integers(0, 100), st.integers(0, 3))
def test_exactly_so_many_are_drawn(sizes: list[int], percent: int, seed: int) -> None:
    drawn = of_calls(sizes, percent / 100, seed=seed)
    assert len(drawn) == sum(sizes) * percent // 100
    assert drawn == sorted(set(drawn))
    assert all(0 <= place < sizes[call] for call, place in drawn)
    assert drawn == of_calls(sizes, percent / 100, seed=seed)


def test_whole_calls_are_drawn_from_as_seats_are() -> None:
    """Seats of calls of several sizes: as many, each as likely, each size and quarter its part."""
    sizes = SIZES
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
    assert len({tuple(of_calls(SIZES, 0.1, seed=seed)) for seed in range(20)}) == 20


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


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_impossible_draws_are_refused(share: float) -> None:
    with pytest.raises(UsageError, match="a share is 0 to 1"):
        of_calls(SIZES, share, seed=0)


@pytest.mark.parametrize("percent", range(101))
def test_whole_percents_of_a_hundred_are_no_less(percent: int) -> None:
    """0.29 x 100 is 28.999999999999996 to a float."""
    assert len(of_calls([5] * 20, percent / 100, seed=0)) == percent

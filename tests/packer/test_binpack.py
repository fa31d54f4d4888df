"""Packing through its two public ways: nothing lost, no limit broken, and close to the bound."""

from __future__ import annotations

import hashlib
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import binpack
from packer.binpack import Room, least_bins, lower_bound, pack_in_order, pack_tightly

rooms = st.builds(Room, st.integers(20, 60), st.integers(1, 7))
sizes_lists = st.lists(st.integers(0, 20), max_size=80)


def check(bins: list[list[int]], sizes: list[int], room: Room) -> None:
    assert sorted(index for each in bins for index in each) == list(range(len(sizes)))
    for each in bins:
        assert 1 <= len(each) <= room.items
        assert sum(sizes[index] for index in each) <= room.tokens
        assert each == sorted(each)


@given(sizes_lists, rooms)
def test_nothing_is_lost_and_no_limit_broken(sizes: list[int], room: Room) -> None:
    ordered, tight = pack_in_order(sizes, room), pack_tightly(sizes, room)
    check(ordered, sizes, room)
    check(tight, sizes, room)
    assert lower_bound(sizes, room) <= len(tight) <= len(ordered)
    assert tight == pack_tightly(sizes, room)


@given(sizes_lists, rooms)
def test_in_order_keeps_the_order(sizes: list[int], room: Room) -> None:
    assert [index for each in pack_in_order(sizes, room) for index in each] == list(range(len(sizes)))


@pytest.mark.parametrize(
    ("sizes", "room", "fewest"),
    [
        ([], Room(10, 3), 0),
        ([10] * 4, Room(10, 3), 4),
        ([1] * 7, Room(10, 3), 3),
        ([6, 6, 4, 4], Room(10, 9), 2),
        ([9, 1, 9, 1, 9, 1], Room(10, 2), 3),
        # First-fit-decreasing pairs the big ones and runs out of seats: 4 bins.
        ([5, 5, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1], Room(13, 4), 3),
        # Two to a bin, above any bound: input order is as good as every way.
        ([4, 4, 4, 4, 4], Room(10, 9), 3),
        # No way but aiming at the bound gets there.
        ([17, 15, 3, 1, 11, 7], Room(28, 3), 2),
        ([4, 1, 14, 12, 2, 4, 5, 1], Room(16, 3), 3),
        ([5, 9, 9, 6, 10, 7, 6, 19], Room(24, 3), 3),
        ([3, 2, 8, 4, 2, 13, 9], Room(14, 4), 3),
        ([19, 9, 1, 7, 8, 10, 1], Room(28, 4), 2),
        ([8, 24, 4, 4, 14, 11, 12, 3], Room(27, 3), 3),
    ],
)
def test_known_optimum(sizes: list[int], room: Room, fewest: int) -> None:
    assert len(pack_tightly(sizes, room)) == fewest


def best(sizes: list[int], room: Room) -> int:
    """The true optimum, by trying everything."""
    fewest = len(sizes)

    def place(index: int, loads: list[int], counts: list[int]) -> None:
        nonlocal fewest
        if len(loads) >= fewest:
            return
        if index == len(sizes):
            fewest = len(loads)
            return
        for at in range(len(loads)):
            if loads[at] + sizes[index] <= room.tokens and counts[at] < room.items:
                loads[at] += sizes[index]
                counts[at] += 1
                place(index + 1, loads, counts)
                loads[at] -= sizes[index]
                counts[at] -= 1
        place(index + 1, [*loads, sizes[index]], [*counts, 1])

    place(0, [], [])
    return fewest


@given(st.lists(st.integers(1, 20), min_size=1, max_size=7), rooms)
def test_at_most_one_above_the_optimum(sizes: list[int], room: Room) -> None:
    assert len(pack_tightly(sizes, room)) <= best(sizes, room) + 1


@given(st.lists(st.integers(0, 20), min_size=1, max_size=7), rooms)
def test_no_packing_goes_below_the_bound(sizes: list[int], room: Room) -> None:
    assert lower_bound(sizes, room) <= least_bins(sizes, room) <= best(sizes, room)


@given(sizes_lists, rooms)
def test_the_bound_is_martello_and_toths(sizes: list[int], room: Room) -> None:
    """By its definition, a threshold at a time."""
    most = lower_bound(sizes, room)
    for small in range(room.tokens // 2 + 1):
        alone = [s for s in sizes if s > room.tokens - small]
        large = [s for s in sizes if room.tokens // 2 < s <= room.tokens - small]
        rest = sum(s for s in sizes if small <= s <= room.tokens // 2)
        over = rest - (len(large) * room.tokens - sum(large))
        most = max(most, len(alone) + len(large) + max(0, -(-over // room.tokens)))
    assert least_bins(sizes, room) == most


@pytest.mark.parametrize(
    ("mean", "spread", "room"),
    [
        (4.6, 0.7, Room(3_000, 20)),
        (3.6, 0.5, Room(3_000, 20)),
        (6.5, 0.7, Room(3_000, 10**9)),
        (4.85, 0.5, Room(3_000, 20)),
    ],
)
@pytest.mark.parametrize("best_fit", [True, False])
def test_many_items_take_hardly_more_than_the_bound(
    mean: float, spread: float, room: Room, best_fit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mild, by the item limit, long without one, and by both; with and without what is too slow for more."""
    monkeypatch.setattr(binpack, "MOST_FOR_BEST_FIT", 20_000 * best_fit)
    sizes = long_tail(20_000, mean, spread)
    bins = pack_tightly(sizes, room)
    check(bins, sizes, room)
    assert len(bins) <= 1.005 * least_bins(sizes, room)


@pytest.mark.parametrize("way", [pack_in_order, pack_tightly])
@pytest.mark.parametrize("sizes", [[11], [1, -1], [0, 11]])
def test_impossible_sizes_are_named(way: object, sizes: list[int]) -> None:
    assert callable(way)
    with pytest.raises(ValueError, match=f"item {len(sizes) - 1}"):
        way(sizes, Room(10, 3))


@pytest.mark.parametrize("items", [20, 10**6])
def test_so_many_that_best_fit_takes_too_long_are_packed_as_well(
    items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binpack, "MOST_FOR_BEST_FIT", 10)
    random, room = Random(3), Room(3_000, items)
    sizes = [random.randrange(100, 2_000) for _ in range(3_000)]
    bins = pack_tightly(sizes, room)
    assert sorted(index for members in bins for index in members) == list(range(len(sizes)))
    assert all(len(each) <= items and sum(sizes[index] for index in each) <= 3_000 for each in bins)
    assert len(bins) <= least_bins(sizes, room) * 1.01


@pytest.mark.parametrize("room", [Room(0, 1), Room(1, 0), Room(-1, 5)])
def test_a_room_that_holds_nothing_is_refused(room: Room) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        pack_tightly([0], room)


def test_the_smallest_room_holds_one() -> None:
    assert pack_tightly([1, 0, 1], Room(1, 1)) == [[0], [1], [2]]
    assert pack_in_order([1, 0, 1], Room(1, 2)) == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("sizes", "room", "bound"),
    [
        ([], Room(10, 3), 0),
        ([1] * 7, Room(100, 3), 3),
        ([5, 5], Room(10, 9), 1),
        ([5, 5, 1], Room(10, 9), 2),
        ([0, 0], Room(10, 9), 1),
    ],
)
def test_the_plain_bound_rounds_up(sizes: list[int], room: Room, bound: int) -> None:
    assert lower_bound(sizes, room) == bound


@pytest.mark.parametrize(
    ("sizes", "room", "bound"),
    [
        ([6, 6, 6], Room(10, 9), 3),  # no two of them share a bin, whatever their sum says
        ([6, 6, 6, 4], Room(10, 9), 3),
        ([6, 6, 5, 5, 5], Room(10, 9), 4),  # nothing fits beside the large ones
        ([9, 1], Room(10, 9), 1),
        ([9, 2, 3, 3, 3], Room(10, 9), 3),  # all the small ones count, the smallest too
        ([9, 2, 2, 2, 2, 2, 1], Room(10, 9), 2),  # but not the 1, which fits beside the 9
        ([9, 7, 2, 2], Room(10, 9), 3),  # beside the 7 there is room for one 2
    ],
)
def test_large_items_raise_the_bound(sizes: list[int], room: Room, bound: int) -> None:
    assert least_bins(sizes, room) == bound


def even(items: int) -> list[int]:
    draw = Random(1)
    return [draw.randrange(2_000) for _ in range(items)]


def few(items: int, sizes: tuple[int, ...] = (0, 300, 700, 1_100, 1_600, 2_900)) -> list[int]:
    draw = Random(1)
    return [draw.choice(sizes) for _ in range(items)]


def long_tail(items: int, mean: float, spread: float) -> list[int]:
    draw = Random(7)
    return [min(3_000, max(1, round(draw.lognormvariate(mean, spread)))) for _ in range(items)]


@pytest.mark.parametrize(
    ("sizes", "room", "best_fit", "made"),
    [
        (even(700), Room(3_000, 2), True, "350 0208a437"),
        (even(700), Room(3_000, 20), True, "238 9e5aac42"),
        (few(700), Room(3_000, 7), True, "255 107128b5"),
        (even(700), Room(2_000, 4), True, "362 4cc72282"),
        (even(700), Room(2_000, 4), False, "362 4cc72282"),
        (few(700), Room(3_000, 7), False, "255 9d493a52"),
        (few(6_000), Room(3_000, 4), False, "2246 eecd520c"),
        (even(3_000), Room(2_500, 10**6), False, "1216 877d0e10"),
        # Aiming at the bound wins none of those above; it wins these.
        (few(700, (0, 100, 400, 900, 1_900)), Room(3_000, 4), True, "175 6e01dae6"),
        (few(8_000, (50, 200, 350, 800, 1_500)), Room(3_000, 5), True, "1763 66824063"),
        (few(8_000, (50, 200, 350, 800, 1_500)), Room(3_000, 5), False, "1763 66824063"),
        (long_tail(700, 6.0, 0.7), Room(3_000, 4), True, "176 9b23504c"),
        (long_tail(700, 5.5, 0.8), Room(3_000, 8), False, "88 8ac2d053"),
    ],
)
def test_the_same_sizes_are_packed_as_in_the_release_before(
    sizes: list[int], room: Room, best_fit: bool, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored runs are taken up by it: who means to change these must raise ``RULES`` in run/fingerprint."""
    monkeypatch.setattr(binpack, "MOST_FOR_BEST_FIT", 10_000 * best_fit)
    bins = pack_tightly(sizes, room)
    found = f"{len(bins)} {hashlib.sha256(json.dumps(bins).encode()).hexdigest()[:8]}"
    assert found == made

"""Sizes into bins under a token limit and an item limit: the fewest calls found, or input order kept.

Classic first-fit-decreasing is worse than next-fit once an item limit exists (big items pair up and
small ones use the limit up), so the tight packer aims each bin at the load that the lower bound
implies. Sizes are few where items are many, so a bin once found is repeated as long as its sizes last.
Works on plain integers. Does not know: texts, tokenizers, or prompts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

OPEN_BINS = 16
MOST_FOR_BEST_FIT = 100_000
GOOD_ENOUGH = 500
"""Of more items than best fit takes, the search ends at one bin in so many above the bound."""

STEPS = 512
"""Of the bins still to come, one in so many may repeat the last: what is left changes little meanwhile."""


@dataclass(frozen=True, slots=True)
class Room:
    """What one bin holds.

    Attributes:
        tokens: most tokens; sum of sizes.
        items: most items.
    """

    tokens: int
    items: int


def lower_bound(sizes: Sequence[int], room: Room) -> int:
    """Calls that no packing can go below."""
    if not sizes:
        return 0
    return max(-(-sum(sizes) // room.tokens), -(-len(sizes) // room.items))


def least_bins(sizes: Sequence[int], room: Room) -> int:
    """Calls that no packing can go below, large items that cannot share a bin seen to.

    Martello and Toth's bound L2 (1990), which leaves item limits aside, or items by their limit.

    Args:
        sizes: tokens per item, none above the room.
        room: both limits.
    """
    best, tokens = lower_bound(sizes, room), room.tokens
    if max(sizes, default=0) <= tokens // 2:
        return best
    by_size = Counter(sizes)
    ordered = sorted(by_size)
    counts = [0, *accumulate(by_size[size] for size in ordered)]
    sums = [0, *accumulate(size * by_size[size] for size in ordered)]
    half = bisect_right(ordered, tokens // 2)
    for start, small in enumerate([0, *ordered[:half]], -1):
        # Beside those that leave no room even for the small ones, nothing is put.
        alone = bisect_right(ordered, tokens - small)
        spare = (counts[alone] - counts[half]) * tokens - (sums[alone] - sums[half])
        beside = sums[half] - sums[max(start, 0)]
        best = max(best, counts[-1] - counts[half] - (spare - beside) // tokens * (beside > spare))
    return best


def pack_in_order(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Fill bins one after the other; every bin is a run of neighbouring indices.

    Args:
        sizes: tokens per item.
        room: both limits.

    Returns:
        Indices per bin; every index once, no bin empty or over a limit.

    Raises:
        ValueError: an item alone exceeds the room; names its index.
    """
    _check(sizes, room)
    return [list(range(start, stop)) for start, stop in _runs(sizes, room)]


def pack_tightly(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Use as few bins as any of the known ways finds.

    Ways are tried in the order of how little they sort by size, and the first that reaches the lower
    bound wins: where input order is as good as anything, neighbours stay a matter of chance.

    Args:
        sizes: tokens per item.
        room: both limits.

    Returns:
        Indices per bin, ascending in each bin, bins by their first index.

    Raises:
        ValueError: an item alone exceeds the room; names its index.
    """
    _check(sizes, room)
    runs = _runs(sizes, room)
    if len(runs) <= lower_bound(sizes, room) or len(runs) <= (floor := least_bins(sizes, room)):
        return [list(range(start, stop)) for start, stop in runs]
    best: list[list[int]] | None = None
    fewest = len(runs)
    ways: list[Callable[[Sequence[int], Room], list[list[int]]]] = [_aim_at_bound, _first_fit_decreasing]
    enough = floor
    if len(sizes) <= MOST_FOR_BEST_FIT:
        ways.insert(0, _best_fit)
    else:
        # Of so many, what a further way could save is less than looking for it takes.
        enough += floor // GOOD_ENOUGH
        if len(sizes) <= floor * room.items // 2:  # the item limit binds nowhere, so the classic way is best
            ways.reverse()
    for way in ways:
        if len(found := way(sizes, room)) < fewest:
            best, fewest = found, len(found)
        if fewest <= enough:
            break
    if best is None:
        return [list(range(start, stop)) for start, stop in runs]
    for each in best:
        each.sort()
    # All first indices differ, so lists are told apart by them alone.
    best.sort()
    return best


def _runs(sizes: Sequence[int], room: Room) -> list[tuple[int, int]]:
    """Where each bin begins and ends when input order is kept."""
    count, most = len(sizes), room.items
    if max(sizes, default=0) * most <= room.tokens:
        return [(start, min(start + most, count)) for start in range(0, count, most)]
    sums = array("q", accumulate(sizes, initial=0))
    runs = []
    start = 0
    while start < count:
        stop = bisect_right(sums, sums[start] + room.tokens, start + 1, min(start + most, count) + 1) - 1
        runs.append((start, stop))
        start = stop
    return runs


def _best_fit(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Put each item where the least room stays, among a few open bins; of equals in the oldest."""
    tokens, most = room.tokens, room.items
    done: list[list[int]] = []
    # By load, of equal loads the oldest last.
    still_open: list[tuple[int, int, list[int]]] = []
    for index, size in enumerate(sizes):
        place = bisect_left(still_open, (tokens - size + 1,))
        if place:
            load, born, members = still_open.pop(place - 1)
            members.append(index)
            if len(members) == most:
                done.append(members)
            else:
                insort(still_open, (load + size, born, members))
        else:
            if len(still_open) == OPEN_BINS:
                done.append(still_open.pop()[2])
            insort(still_open, (size, -index, [index]))
    return done + [members for _, _, members in still_open]


class _Histogram:
    """Items by size, with "largest size at most x" in logarithmic time."""

    def __init__(self, sizes: Sequence[int]) -> None:
        members: dict[int, list[int]] = {size: [] for size in set(sizes)}
        # Backwards, so that the last of a size is the first to go.
        for index, size in zip(range(len(sizes) - 1, -1, -1), reversed(sizes), strict=True):
            members[size].append(index)
        self._members = members
        self._counts = {size: len(each) for size, each in members.items()}
        self.sizes = sorted(members)

    def at_most(self, limit: int) -> int | None:
        place = bisect_right(self.sizes, limit)
        return self.sizes[place - 1] if place else None

    def nearest(self, wish: float, limit: int) -> int | None:
        place = bisect_right(self.sizes, min(wish, limit))
        below = self.sizes[place - 1] if place else None
        above = self.sizes[place] if place < len(self.sizes) and self.sizes[place] <= limit else None
        if below is None or above is None:
            return above if below is None else below
        return below if wish - below <= above - wish else above

    def count(self, size: int) -> int:
        return self._counts[size]

    def take(self, size: int, times: int = 1) -> None:
        """Set items of a size aside for the bin that is being filled."""
        self._counts[size] -= times
        if not self._counts[size]:
            self.sizes.pop(bisect_left(self.sizes, size))

    def repeats(self, taken: Sequence[int], most: int) -> int:
        """How many bins of these very sizes there are, the one whose items are set aside among them."""
        if most <= 1:
            return 1
        return min(most, *(1 + self._counts[size] // taken.count(size) for size in set(taken)))

    def bins(self, taken: Sequence[int], times: int) -> list[list[int]]:
        """Fill so many bins with these sizes; the items of one are set aside already."""
        columns = []
        for size in taken:
            members = self._members[size]
            columns.append(members[-1 : -times - 1 : -1])
            del members[-times:]
            if times > 1:
                self.take(size, times - 1)
        return [*map(list, zip(*columns, strict=True))]


def _aim_at_bound(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Fill each bin with as many items as the lower bound of what is left implies.

    The largest size goes first, then sizes near what is left per seat, and the last seat takes the
    largest that fits.
    """
    left = _Histogram(sizes)
    tokens, items = sum(sizes), len(sizes)
    bins: list[list[int]] = []
    while items:
        bound = max(-(-tokens // room.tokens), -(-items // room.items), 1)
        seats = min(-(-items // bound), room.items)
        taken: list[int] = []
        free = room.tokens
        while len(taken) < room.items:
            wanted = seats - len(taken)
            at_ends = not taken or wanted <= 1
            size = left.at_most(free) if at_ends else left.nearest(free / wanted, free)
            if size is None or (wanted <= 0 and free * bound < tokens):
                break
            left.take(size)
            taken.append(size)
            free -= size
        times = left.repeats(taken, bound // STEPS)
        bins += left.bins(taken, times)
        items -= times * len(taken)
        tokens -= times * (room.tokens - free)
    return bins


def _first_fit_decreasing(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Fill each bin with the largest that still fits: first-fit-decreasing, bin by bin."""
    left = _Histogram(sizes)
    bins: list[list[int]] = []
    while left.sizes:
        taken: list[int] = []
        free = room.tokens
        while len(taken) < room.items and (size := left.at_most(free)) is not None:
            times = min(left.count(size), room.items - len(taken), free // size if size else room.items)
            left.take(size, times)
            taken += [size] * times
            free -= times * size
        bins += left.bins(taken, left.repeats(taken, len(sizes)))
    return bins


def _check(sizes: Sequence[int], room: Room) -> None:
    if room.tokens < 1 or room.items < 1:
        raise ValueError(f"{room} holds nothing")
    if sizes and (min(sizes) < 0 or max(sizes) > room.tokens):
        index = next(index for index, size in enumerate(sizes) if not 0 <= size <= room.tokens)
        raise ValueError(f"item {index} has size {sizes[index]}; a bin holds 0 to {room.tokens} tokens")

"""Sizes into bins under a token limit and an item limit: the fewest calls found, or input order kept.

Classic first-fit-decreasing is worse than next-fit once an item limit exists (big items pair up and
small ones use the limit up), so the tight packer aims each bin at the load that the lower bound
implies. Works on plain integers. Does not know: texts, tokenizers, or prompts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

OPEN_BINS = 16
MOST_FOR_BEST_FIT = 100_000


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
    bins: list[list[int]] = []
    load = 0
    for index, size in enumerate(sizes):
        if not bins or load + size > room.tokens or len(bins[-1]) == room.items:
            bins.append([])
            load = 0
        bins[-1].append(index)
        load += size
    return bins


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
    best = pack_in_order(sizes, room)
    floor = lower_bound(sizes, room)
    ways = [_best_fit] if len(sizes) <= MOST_FOR_BEST_FIT else []
    for way in (*ways, _aim_at_bound, _first_fit_decreasing):
        if len(best) <= floor:
            break
        if len(found := way(sizes, room)) < len(best):
            best = found
    return sorted((sorted(each) for each in best), key=lambda each: each[0])


def _best_fit(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Put each item where the least room stays, among a few open bins."""
    done: list[list[int]] = []
    still_open: list[tuple[int, list[int]]] = []
    for index, size in enumerate(sizes):
        fits = [(load, place) for place, (load, _) in enumerate(still_open) if load + size <= room.tokens]
        if fits:
            load, place = max(fits, key=lambda each: (each[0], -each[1]))
            members = still_open[place][1]
            members.append(index)
            still_open[place] = (load + size, members)
            if len(members) == room.items:
                done.append(still_open.pop(place)[1])
        else:
            if len(still_open) == OPEN_BINS:
                fullest = max(range(OPEN_BINS), key=lambda place: still_open[place][0])
                done.append(still_open.pop(fullest)[1])
            if room.items == 1:
                done.append([index])
            else:
                still_open.append((size, [index]))
    return done + [members for _, members in still_open]


class _Histogram:
    """Items by size, with "largest size at most x" in logarithmic time."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.members: dict[int, list[int]] = {}
        for index in range(len(sizes) - 1, -1, -1):
            self.members.setdefault(sizes[index], []).append(index)
        self.sizes = sorted(self.members)

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

    def take(self, size: int) -> int:
        members = self.members[size]
        index = members.pop()
        if not members:
            del self.members[size]
            self.sizes.pop(bisect_right(self.sizes, size) - 1)
        return index


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
        members: list[int] = []
        free = room.tokens
        while len(members) < room.items:
            wanted = seats - len(members)
            at_ends = not members or wanted <= 1
            size = left.at_most(free) if at_ends else left.nearest(free / wanted, free)
            if size is None or (wanted <= 0 and free * bound < tokens):
                break
            members.append(left.take(size))
            free -= size
        bins.append(members)
        items -= len(members)
        tokens -= room.tokens - free
    return bins


def _first_fit_decreasing(sizes: Sequence[int], room: Room) -> list[list[int]]:
    """Fill each bin with the largest that still fits: first-fit-decreasing, bin by bin."""
    left = _Histogram(sizes)
    bins: list[list[int]] = []
    while left.sizes:
        members: list[int] = []
        free = room.tokens
        while len(members) < room.items and (size := left.at_most(free)) is not None:
            members.append(left.take(size))
            free -= size
        bins.append(members)
    return bins


def _check(sizes: Sequence[int], room: Room) -> None:
    if room.tokens < 1 or room.items < 1:
        raise ValueError(f"{room} holds nothing")
    for index, size in enumerate(sizes):
        if not 0 <= size <= room.tokens:
            raise ValueError(f"item {index} has size {size}; a bin holds 0 to {room.tokens} tokens")

"""Which items are so long beside the rest that they should not share a call.

A long item makes all its neighbours wait while it is read, and is paid for again whenever their call
has to be. Works on plain integers. Does not know: texts, tokenizers, or how the rest is packed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from statistics import median_low

from packer.binpack import Room, lower_bound

MANY_TIMES = 8
"""Beside nine typical neighbours such an item is about half of the prompt."""

LONG_TEXT_TOKENS = 4_000
"""A call of its own costs one more system part, some 100 to 150 tokens. Of all calls about 3% have to be
sent again (the cost model's f), so from 120 / 0.03 tokens on, sharing costs more than it saves."""

SHARE_OF_ROOM = 4
"""A quarter of the room: where rooms are small, such an item takes seats from others."""

MORE_CALLS = 0.10
"""Packs of their own may raise the number of calls by so much, or by one."""


def crowding(
    text_tokens: Sequence[int], room: Room, *, groups: Sequence[Hashable] | None = None
) -> frozenset[int]:
    """Find the items that get a pack of their own.

    An item crowds the rest when it is more than 8 times the median of those it could sit with, and
    takes more than a quarter of the room or more than 4,000 tokens. Where there are too many, the
    longest are taken: a tenth of the fewest calls possible, or one. Each costs at most one more call.

    Args:
        text_tokens: tokens per item, markers included.
        room: of one pack.
        groups: of each item, its group; medians are taken within groups. None for all in one.

    Returns:
        Positions in ``text_tokens``.

    Example:
        >>> crowding([30, 25, 40, 900, 35], Room(tokens=2_000, items=10))
        frozenset({3})
    """
    found = long_ones(text_tokens, room, groups=groups)
    if not found:
        return frozenset()
    calls = sum(lower_bound(each, room) for each in _by_group(text_tokens, groups).values())
    most = max(1, int(calls * MORE_CALLS))
    return frozenset(sorted(found, key=lambda position: (-text_tokens[position], position))[:most])


def long_ones(
    text_tokens: Sequence[int], room: Room, *, groups: Sequence[Hashable] | None = None
) -> list[int]:
    """All that crowd the rest, also those for whom there are not enough calls; in input order."""
    least = crowding_from(room)
    if max(text_tokens, default=0) <= least:
        return []
    many = {name: MANY_TIMES * median_low(each) for name, each in _by_group(text_tokens, groups).items()}
    names = groups or [None] * len(text_tokens)
    return [
        position
        for position, (tokens, name) in enumerate(zip(text_tokens, names, strict=True))
        if tokens > max(least, many[name])
    ]


def crowding_from(room: Room) -> int:
    """Items of so many tokens, markers included, crowd nobody."""
    return min(room.tokens // SHARE_OF_ROOM, LONG_TEXT_TOKENS)


def _by_group(text_tokens: Sequence[int], groups: Sequence[Hashable] | None) -> dict[Hashable, Sequence[int]]:
    if groups is None:
        return {None: text_tokens}
    found: dict[Hashable, list[int]] = {}
    for tokens, name in zip(text_tokens, groups, strict=True):
        found.setdefault(name, []).append(tokens)
    return dict(found)

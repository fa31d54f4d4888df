"""Where rejected items of all packs wait for new neighbours.

Groups are made so that nobody's new call holds more than half as many items as its last one, nor more
tokens than a call may. Does not know: why an item waits, or what it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """An item that says how many may share its next call, and how many tokens it brings."""

    most_items: int
    tokens: int

    @property
    def group(self) -> str | None:
        """Whose calls it may share."""
        ...


W = TypeVar("W", bound=Waiting)


class Pool(Generic[W]):
    """Waiting items by their group and by the size of the call they may share."""

    def __init__(self, most_tokens: int, marker_tokens: int) -> None:
        """Open an empty pool.

        Args:
            most_tokens: room for items in one call.
            marker_tokens: most that a marker adds to an item's own tokens.
        """
        self._room = most_tokens
        self._marker = marker_tokens
        self._by_size: dict[tuple[str | None, int], list[W]] = {}
        self._full: set[tuple[str | None, int]] = set()

    def add(self, each: W) -> None:
        """Let an item wait."""
        key = each.group, each.most_items
        waiting = self._by_size.setdefault(key, [])
        waiting.append(each)
        if len(waiting) >= each.most_items:
            self._full.add(key)

    def full_groups(self) -> Sequence[Sequence[W]]:
        """Take out as many items as fill whole groups of the size that their members allow."""
        groups: list[Sequence[W]] = []
        if not self._full:  # asked after each reply, whatever number of groups there are
            return groups
        full = [key for key in self._by_size if key in self._full] if len(self._full) > 1 else [*self._full]
        self._full.clear()
        for key in full:
            size, waiting = key[1], self._by_size[key]
            count = len(waiting) // size
            taken = waiting[: count * size]
            del waiting[: count * size]
            # Every count-th: items that were rejected together are spread over the groups.
            for number in range(count):
                groups += self._fitting(taken[number::count])
        return groups

    def rest(self) -> Sequence[Sequence[W]]:
        """Take out everything, in as few groups as the members' limits allow."""
        by_group: dict[str | None, list[W]] = {}
        for key in sorted(self._by_size, key=lambda each: -each[1]):
            by_group.setdefault(key[0], []).extend(self._by_size[key])
        self._by_size.clear()
        self._full.clear()
        return [group for waiting in by_group.values() for group in self._fitting(waiting)]

    def _fitting(self, members: Sequence[W]) -> list[list[W]]:
        """Consecutive groups within every limit; members come with falling limits on their numbers."""
        groups: list[list[W]] = []
        load = 0
        for each in members:
            size = each.tokens + self._marker
            if groups and len(groups[-1]) < each.most_items and load + size <= self._room:
                groups[-1].append(each)
                load += size
            else:
                groups.append([each])
                load = size
        return groups


def halves(members: Sequence[W], most: int) -> list[Sequence[W]]:
    """Even groups, none above the limit."""
    count = -(-len(members) // most)
    return [members[number::count] for number in range(count)]

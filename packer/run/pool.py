"""Where rejected items of all packs wait for new neighbours.

Groups are made so that nobody's new call holds more than half as many items as its last one. Does not
know: why an item waits, or what it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """An item that says how many may share its next call."""

    most_items: int


W = TypeVar("W", bound=Waiting)


class Pool(Generic[W]):
    """Waiting items by the size of the call they may share."""

    def __init__(self) -> None:
        self._by_size: dict[int, list[W]] = {}

    def add(self, each: W) -> None:
        """Let an item wait."""
        self._by_size.setdefault(each.most_items, []).append(each)

    def full_groups(self) -> list[Sequence[W]]:
        """Take out every group that is as large as its members allow."""
        groups: list[Sequence[W]] = []
        for size, waiting in self._by_size.items():
            if count := len(waiting) // size:
                taken = waiting[: count * size]
                del waiting[: count * size]
                # Every count-th: items that were rejected together are spread over the groups.
                groups += [taken[number::count] for number in range(count)]
        return groups

    def rest(self) -> Sequence[Sequence[W]]:
        """Take out everything, in as few groups as the members' limits allow."""
        waiting = [each for size in sorted(self._by_size, reverse=True) for each in self._by_size[size]]
        self._by_size.clear()
        groups: list[list[W]] = []
        for each in waiting:
            if groups and len(groups[-1]) < each.most_items:
                groups[-1].append(each)
            else:
                groups.append([each])
        return groups

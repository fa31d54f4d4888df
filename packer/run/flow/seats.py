"""The packs of a plan that are still to be opened, in their order; what is left can be seated anew.

A run that is taken up again opens the same packs by name. Does not know: how asks are sent, or why packs
become larger or smaller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from packer.plan import Plan
from packer.run.flow.ask import Ask
from packer.run.flow.ladder import Ladder
from packer.run.flow.talks import SESSION_ITEMS
from packer.seat import alone
from packer.seating import seated_anew
from schemas.item import Item, ItemId
from schemas.pack import Pack
from schemas.route import Route
from schemas.settings import Layout, Strategy
from schemas.task import Task

T = TypeVar("T")

Ranges = list[list[int]]
"""Numbers of packs as [first, behind the last] pairs."""


@dataclass(slots=True)
class Seats(Generic[T]):
    """Opens packs.

    Attributes:
        plan: seats everybody at first.
        ladder: makes the asks.
        task: what is asked.
        layout: of the run.
        strategy: how packs of the plan are asked.
        seed: of the run.
    """

    plan: Plan[T]
    ladder: Ladder[T]
    task: Task[T]
    layout: Layout
    strategy: Strategy
    seed: int
    _left: deque[int] = field(default_factory=deque)
    _bins: list[tuple[int, ...]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _alone_from: int | None = None
    _replaced: set[int] = field(default_factory=set)
    _positions: dict[ItemId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._left.extend(range(len(self.plan.packs)))

    def __len__(self) -> int:
        return len(self._left)

    @property
    def taken(self) -> int:
        """How many packs are opened."""
        return len(self.plan.packs) + len(self._bins) - len(self._left) - len(self._replaced)

    def members(self) -> Iterator[int]:
        """How many items each pack has, opened or not, in the order of opening."""
        for number in range(len(self.plan.packs) + len(self._bins)):
            if number not in self._replaced:
                yield len(self._members(number))

    def asks(self, most: int | None = None) -> Iterator[Ask[T]]:
        """Open packs one after the other, as they are asked for; so many at most."""
        while self._left and most != 0:
            if self._in_session():
                chosen = list(
                    islice(iter(self._left), SESSION_ITEMS if most is None else min(most, SESSION_ITEMS))
                )
            else:
                chosen = [self._left[0]]
            most = None if most is None else most - len(chosen)
            yield self._opened(chosen)

    def open(self, name: str) -> Iterator[Ask[T]]:
        """Open what was opened under that name before, sessions up to it.

        Raises:
            KeyError: nothing left goes by that name.
        """
        if self.strategy == "session":
            while self._left:
                yield self._opened(list(islice(iter(self._left), SESSION_ITEMS)))
            return
        number = self._number(name)
        self._left.remove(number)
        yield self.ladder.first(self._pack(number), self._route(number))

    def seat_anew(self, size: int, more: Sequence[int] = ()) -> Ranges:
        """Seat all that is left in packs of at most so many items; 1 asks them alone.

        Gives back which packs those were, so that ``seat_again`` can do the same.

        Args:
            size: most items a pack.
            more: positions of further inputs, which no pack has had so far.
        """
        left = _ranges(self._left)
        self.seat_again(size, left, more)
        return left

    def seat_again(self, size: int, left: Ranges, more: Sequence[int] = ()) -> None:
        """What ``seat_anew`` did when those packs were left."""
        numbers = [each for first, behind in left for each in range(first, behind)]
        self._replaced.update(numbers)
        kept = [each for each in self._left if each not in self._replaced]
        positions = [each for number in numbers for each in self._members(number)] + list(more)
        start = len(self.plan.packs) + len(self._bins)
        self._bins += seated_anew(self.plan.items, positions, self.plan.seating, self.layout, self.seed, size)
        self._left = deque([*kept, *range(start, len(self.plan.packs) + len(self._bins))])
        if size == 1 and self._alone_from is None:
            self._alone_from = start

    def position(self, item: Item) -> int:
        """Where an item stands among the plan's inputs."""
        if not self._positions:
            self._positions.update((each.id, place) for place, each in enumerate(self.plan.items))
        return self._positions[item.id]

    def rest(self) -> Iterator[Pack[T]]:
        """The packs that nobody has opened."""
        for number in self._left:
            yield self._pack(number)

    def _opened(self, numbers: Sequence[int]) -> Ask[T]:
        for _ in numbers:
            self._left.popleft()
        packs = [self._pack(each) for each in numbers]
        if self._in_session():
            return self.ladder.converse(packs)
        return self.ladder.first(packs[0], self._route(numbers[0]))

    def _in_session(self) -> bool:
        return self.strategy == "session"

    def _is_alone(self, number: int) -> bool:
        return self._alone_from is not None and number >= self._alone_from

    def _route(self, number: int) -> Route | None:
        return Route.SINGLE if self._is_alone(number) else None

    def _members(self, number: int) -> tuple[int, ...]:
        planned = len(self.plan.packs)
        return self.plan.seating.bins[number] if number < planned else self._bins[number - planned]

    def _pack(self, number: int) -> Pack[T]:
        planned = len(self.plan.packs)
        if number < planned:
            return self.plan.packs[number]
        tokens = self.plan.seating.text_tokens
        members = [(self.plan.items[each], tokens[each]) for each in self._members(number)]
        if self._is_alone(number):
            return alone(self.task, *members[0], self.layout)
        return self.ladder.seated(f"p{number}", self.task, members)

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            planned = len(self.plan.packs)
            for number in range(len(self._numbers), planned + len(self._bins)):
                is_alone = self.plan.packs.are_alone if number < planned else self._is_alone(number)
                item = self.plan.items[self._members(number)[0]]
                self._numbers[f"single:{item.id}" if is_alone else f"p{number}"] = number
        return self._numbers[name]


def _ranges(numbers: Sequence[int] | deque[int]) -> Ranges:
    found: Ranges = []
    for each in numbers:
        if found and found[-1][1] == each:
            found[-1][1] = each + 1
        else:
            found.append([each, each + 1])
    return found

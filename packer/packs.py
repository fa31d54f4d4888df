"""A plan's packs, each made when it is looked at and not kept: what is kept is who sits in it, and its draw.

A million items are a hundred thousand packs; as objects they would cost more memory than their texts. What
all of them take together is known without making one. Does not know: prompts, clients, or how the members
of a pack were chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import ClassVar, Generic, TypeVar, overload

from packer.seat import Draw, Markers, alone, chosen, seated
from schemas.guard import Canary
from schemas.item import Item
from schemas.pack import Pack
from schemas.settings import Fallback, Layout, Strategy
from schemas.task import Task

T_co = TypeVar("T_co", covariant=True)

DRAWN_AT_ONCE = 1_024


class Packs(Sequence[Pack[T_co]], Generic[T_co]):
    """The packs of a plan, in the order in which they are sent: a sequence, equal to any other of the same.

    Looked at twice, a pack is made twice, equal each time.
    """

    def __init__(
        self,
        task: Task[T_co],
        items: Sequence[Item],
        bins: Sequence[tuple[int, ...]],
        tokens: Mapping[int, int],
        layout: Layout,
        *,
        markers: Markers | None = None,
        seed: int = 0,
        canaries: Sequence[Canary] = (),
    ) -> None:
        """Draw what chance decides of each pack, and add up what they take.

        Args:
            task: what is asked.
            items: all inputs.
            bins: of each pack, its members as positions among the inputs.
            tokens: of each input's text.
            layout: order and binding.
            markers: prices markers; None seats every item alone, without any.
            seed: of the run.
            canaries: one of them gets a seat in each pack.
        """
        self._task, self._inputs, self._bins = task, items, bins
        self._tokens, self._layout, self._markers = tokens, layout, markers
        self._draws: list[Draw] = []
        self._canaries = canaries
        self._canary_tokens: list[int] = []
        self.by_seats: dict[int, list[int]] = {}
        """Numbers of the packs, by how many seats they have."""
        self.items: int = sum(map(len, bins))
        """How many of the caller's items sit in them."""
        extra = 0 if markers is None else bool(canaries)
        for number, bin_ in enumerate(bins):
            self.by_seats.setdefault(len(bin_) + extra, []).append(number)
        self.seats: int = sum(seats * len(alike) for seats, alike in self.by_seats.items())
        """Of all packs, canaries' seats among them."""
        whole = len(tokens) == self.items
        self.text_tokens: int = (
            sum(tokens.values()) if whole else sum(tokens[each] for bin_ in bins for each in bin_)
        )
        """Of all packs' texts, canaries' among them."""
        self.block_tokens: int = self.text_tokens
        """Of all packs' blocks: texts and markers."""
        self._end_tokens = 0
        if markers is not None:
            self._add_markers(markers, seed)

    def _add_markers(self, markers: Markers, seed: int) -> None:
        items, bins, canaries = self._inputs, self._bins, self._canaries
        for start in range(0, len(bins), DRAWN_AT_ONCE):
            some = bins[start : start + DRAWN_AT_ONCE]
            names = [f"p{number}" for number in range(start, start + len(some))]
            texts = [[items[each].text for each in bin_] for bin_ in some]
            self._draws += markers.draws(names, texts, seed, canaries)
        if canaries:
            self._canary_tokens = markers.text_tokens([canary.text for canary in canaries])
            self.text_tokens += sum(self._canary_tokens[chosen(draw, len(canaries))] for draw in self._draws)
        first = [0, *accumulate(markers.by_seat)]
        self.block_tokens = self.text_tokens
        for seats, alike in self.by_seats.items():
            self.block_tokens += first[seats] * len(alike)
            self.block_tokens += seats * sum(self._draws[number].nonce_tokens for number in alike)
        self._end_tokens = len(bins) * markers.end_tokens + sum(draw.nonce_tokens for draw in self._draws)

    def prompt_tokens(self, system_tokens: int) -> int:
        """Tokens of all prompts: the parts' sum, which is the whole's count.

        Args:
            system_tokens: of the part that all of them share.
        """
        return len(self) * system_tokens + self.block_tokens + self._end_tokens

    @property
    def most_seats(self) -> int:
        """Of the largest pack; 1 where there is none."""
        return max(self.by_seats, default=1)

    def largest(self) -> tuple[Pack[T_co], Pack[T_co]]:
        """The pack with the most tokens, and one with the most seats.

        Raises:
            ValueError: there is no pack.
        """
        tokens = self._tokens
        heavy = [sum([tokens[each] for each in bin_]) for bin_ in self._bins]
        heaviest = max(range(len(heavy)), key=heavy.__getitem__)
        return self[heaviest], self[self.by_seats[self.most_seats][0]]

    @property
    def are_alone(self) -> bool:
        """Whether every item is asked in a call of its own, without markers."""
        return self._markers is None

    @property
    def layout(self) -> Layout:
        """Of the packs."""
        return self._layout

    def worst_case_calls(self, fallback: Fallback, strategy: Strategy) -> int:
        """Calls if every pack goes down the whole ladder.

        Args:
            fallback: the ladder.
            strategy: how the packs are asked.
        """
        if self.are_alone:
            return len(self) * (1 + fallback.single) if strategy == "session" else len(self)
        beside = bool(self._canaries)
        return sum(
            len(alike) * fallback.worst_case_calls(seats - beside) for seats, alike in self.by_seats.items()
        )

    def __len__(self) -> int:
        return len(self._bins)

    @overload
    def __getitem__(self, which: int) -> Pack[T_co]: ...

    @overload
    def __getitem__(self, which: slice) -> tuple[Pack[T_co], ...]: ...

    def __getitem__(self, which: int | slice) -> Pack[T_co] | tuple[Pack[T_co], ...]:
        if isinstance(which, slice):
            return tuple(self._made(number) for number in range(len(self))[which])
        return self._made(range(len(self))[which])

    def __iter__(self) -> Iterator[Pack[T_co]]:
        return map(self._made, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Packs | tuple | list) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Packs | tuple | list) else False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__: ClassVar[None]  # type: ignore[assignment]  # as lists: equal to others, and too large to hash

    def __repr__(self) -> str:
        return f"<{len(self):,} packs>"

    def _made(self, number: int) -> Pack[T_co]:
        bin_, inputs, tokens = self._bins[number], self._inputs, self._tokens
        if self._markers is None:
            (at,) = bin_
            return alone(self._task, self._inputs[at], self._tokens[at], self._layout)
        draw = self._draws[number]
        canary = None
        if self._canaries:
            which = chosen(draw, len(self._canaries))
            canary = self._canaries[which], self._canary_tokens[which]
        return seated(
            f"p{number}",
            self._task,
            [inputs[each] for each in bin_],
            [tokens[each] for each in bin_],
            self._layout,
            self._markers,
            draw,
            canary,
        )

"""One reply as the detectors see it: the pack, what each seat was given, and what can be searched.

Values are looked up in the item's own text first, as they are; a text that this settles is never folded,
and the neighbours' texts are searched together. Does not know: any detector, or what becomes of an answer.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from schemas.item import ItemId
from schemas.output import ManyLabels, OneLabel
from schemas.pack import Pack
from splitter.align import Aligned
from splitter.entries import Entry
from splitter.leaves import Leaf, Place, leaves_of, place_of
from splitter.match import EDGES, MOST_NEEDLE, Hay, folded, near, word_at
from splitter.settled import Settled, settle

NOWHERE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The open values of a reply, by whether their own item's text holds them.

    Attributes:
        home: the seats with a value that stands in its own text.
        strays: seat and value of those that do not.
        loose: seat and value of free text that does not stand in its own text word for word.
    """

    home: set[int]
    strays: list[tuple[int, Leaf]]
    loose: list[tuple[int, Leaf]]


@dataclass(frozen=True)
class Reading:
    """A reply, parsed and seated.

    Attributes:
        pack: what was asked.
        entries: what the reply held, as written; empty where ``one_to_one``.
        seats: one per slot, in the pack's order.
        cut: True when the reply breaks off.
        one_to_one: True when the reply is known to have one entry for each handle, and no other.
    """

    pack: Pack[object]
    entries: tuple[Entry, ...]
    seats: tuple[Aligned, ...]
    cut: bool = False
    one_to_one: bool = False
    _standing: dict[tuple[str, bool], frozenset[int]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def hays(self) -> tuple[Hay, ...]:
        """Each seat's text, to be searched."""
        return tuple([Hay(seat.slot.item.text) for seat in self.seats])

    @cached_property
    def ids(self) -> tuple[ItemId, ...]:
        """Each seat's item."""
        return tuple([seat.slot.item.id for seat in self.seats])

    @cached_property
    def leaves(self) -> tuple[list[Leaf], ...]:
        """Each seat's plain values; none for labels, which are closed by nature."""
        return tuple([self._leaves_at(place) for place in range(len(self.seats))])

    @cached_property
    def _root(self) -> Place | None:
        output = self.pack.task.output
        return None if isinstance(output, OneLabel | ManyLabels) else place_of(output)

    def _leaves_at(self, place: int) -> list[Leaf]:
        seat = self.seats[place]
        return [] if seat.reason is not None or self._root is None else leaves_of(seat.answer, self._root)

    @cached_property
    def settled(self) -> Settled:
        """What surely rests on the seats' own texts, told at one look."""
        return settle(self.seats, self._root)

    @property
    def quiet(self) -> bool:
        """True when surely no detector finds anything, told without asking them."""
        return self.one_to_one and self.pack.layout.binding == "none" and self.settled.wholly

    @cached_property
    def looked_up(self) -> LookedUp:
        """Each open value, looked up in its own text; of that, it may also be put together."""
        home: set[int] = set()
        strays: list[tuple[int, Leaf]] = []
        loose: list[tuple[int, Leaf]] = []
        for place, (settled, seat) in enumerate(zip(self.settled.values, self.seats, strict=True)):
            if settled:
                home.add(place)
                continue
            own = seat.slot.item.text
            exact = own.isascii()
            for leaf in self._leaves_at(place):
                if leaf.closed:
                    continue
                text = leaf.text
                at = own.find(text)
                if leaf.numeric:
                    stands = at >= 0 and self.hays[place].numbered(text, at)
                    stands = stands or abs(Decimal(text).normalize()) in self.hays[place].numbers
                elif (
                    # Between characters of no word it stands in the folded text too, as words of its own.
                    exact
                    and at >= 0
                    and own[at - 1 : at] in EDGES
                    and own[(end := at + len(text)) : end + 1] in EDGES
                ):
                    stands = True
                else:
                    hay = self.hays[place]
                    stands = hay.holds(text)
                    if not stands:
                        loose.append((place, leaf))
                        stands = hay.has_words_of(text)
                if stands:
                    home.add(place)
                else:
                    strays.append((place, leaf))
        return LookedUp(home, strays, loose)

    @cached_property
    def _joined(self) -> tuple[str, list[int]]:
        """All folded texts, one a line (none holds a line break), and where each begins."""
        starts: list[int] = []
        at = 0
        for hay in self.hays:
            starts.append(at)
            at += len(hay.folded) + 1
        return "\n".join([hay.folded for hay in self.hays]), starts

    def stands(self, leaf: Leaf) -> frozenset[int]:
        """The seats whose text holds an open value as it is."""
        key = (leaf.text, leaf.numeric)
        if (found := self._standing.get(key)) is None:
            found = self._standing[key] = self._holders(leaf)
        return found

    def _holders(self, leaf: Leaf) -> frozenset[int]:
        if leaf.numeric:
            number = abs(Decimal(leaf.text).normalize())
            return frozenset(place for place, hay in enumerate(self.hays) if number in hay.numbers)
        return frozenset(self.holding(folded(leaf.text[:MOST_NEEDLE]), whole_words=True))

    def holding(self, small: str, *, whole_words: bool = False) -> list[int]:
        """The seats whose text holds a folded needle, in seat order; none for an empty one."""
        text, starts = self._joined
        found: list[int] = []
        at = 0 if small else -1
        while at >= 0:
            at = word_at(text, small, at) if whole_words else text.find(small, at)
            if at < 0:
                break
            place = bisect_right(starts, at) - 1
            found.append(place)
            at = starts[place + 1] if place + 1 < len(starts) else -1
        return found

    def near(self, needle: str, place: int, least: float) -> list[int]:
        """The seats other than this one whose text holds a needle at least so nearly (above 0)."""
        return near(needle, {other: hay for other, hay in enumerate(self.hays) if other != place}, least)

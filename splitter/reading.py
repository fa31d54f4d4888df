"""One reply as the detectors see it: the pack, what each seat was given, and what can be searched.

Does not know: any detector, or what becomes of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

from schemas.item import ItemId
from schemas.output import ManyLabels, OneLabel
from schemas.pack import Pack
from splitter.align import Aligned
from splitter.match import MOST_NEEDLE, Hay
from splitter.parse import Entry

MOST_LEAVES = 64


@dataclass(frozen=True, slots=True)
class Leaf:
    """One plain value inside an answer.

    Attributes:
        field: where, list positions left out: ``items[].price``.
        text: the value as text, at most 400 characters.
        number: the value when it is a number.
        closed: True when the schema allows only certain values here, or true and false.
    """

    field: str
    text: str
    number: Decimal | None = None
    closed: bool = False

    def stands_in(self, hay: Hay, *, own: bool = False) -> bool:
        """True when a text holds this value; of its own text, it may also be put together."""
        if self.number is not None:
            return abs(self.number) in hay.numbers
        return hay.holds(self.text) or (own and hay.has_words_of(self.text))


@dataclass(frozen=True)
class Reading:
    """A reply, parsed and seated.

    Attributes:
        pack: what was asked.
        entries: what the reply held, as written.
        seats: one per slot, in the pack's order.
        cut: True when the reply breaks off.
    """

    pack: Pack[object]
    entries: tuple[Entry, ...]
    seats: tuple[Aligned, ...]
    cut: bool = False

    @cached_property
    def hays(self) -> tuple[Hay, ...]:
        """Each seat's text, to be searched."""
        return tuple(Hay(seat.slot.item.text) for seat in self.seats)

    @cached_property
    def ids(self) -> tuple[ItemId, ...]:
        """Each seat's item."""
        return tuple(seat.slot.item.id for seat in self.seats)

    @cached_property
    def leaves(self) -> tuple[tuple[Leaf, ...], ...]:
        """Each seat's plain values; none for labels, which are closed by nature."""
        output = self.pack.task.output
        if isinstance(output, OneLabel | ManyLabels):
            return ((),) * len(self.seats)
        schema = output.portable.answer
        return tuple(
            () if seat.reason is not None else _some(_leaves(seat.answer, schema, "")) for seat in self.seats
        )

    @cached_property
    def elsewhere(self) -> tuple[tuple[frozenset[int], ...], ...]:
        """Per seat and leaf: the seats in whose text the leaf stands (its own among them)."""
        return tuple(
            tuple(
                frozenset()
                if leaf.closed
                else frozenset(
                    place for place, hay in enumerate(self.hays) if leaf.stands_in(hay, own=place == seat)
                )
                for leaf in leaves
            )
            for seat, leaves in enumerate(self.leaves)
        )


def _some(leaves: Iterator[Leaf]) -> tuple[Leaf, ...]:
    return tuple(leaf for leaf, _ in zip(leaves, range(MOST_LEAVES), strict=False))


def _leaves(value: object, schema: object, field: str, depth: int = 0) -> Iterator[Leaf]:
    if depth > 16:
        return
    forms = _forms(schema)
    if isinstance(value, Mapping):
        for name, each in value.items():
            inner = next((p[name] for form in forms if name in (p := _properties(form))), {})
            yield from _leaves(each, inner, f"{field}.{name}" if field else str(name), depth + 1)
    elif isinstance(value, list):
        inner = next((form["items"] for form in forms if "items" in form), {})
        for each in value:
            yield from _leaves(each, inner, f"{field}[]", depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, str):
        if value.strip():
            closed = any("enum" in form for form in forms)
            yield Leaf(field, value[:MOST_NEEDLE], closed=closed)
    elif isinstance(value, int | float):
        closed = any("enum" in form for form in forms)
        try:
            yield Leaf(field, str(value), Decimal(str(value)).normalize(), closed)
        except InvalidOperation:
            return


def _forms(schema: object) -> list[Mapping[str, object]]:
    if not isinstance(schema, Mapping):
        return []
    options = schema.get("anyOf")
    return [form for each in options for form in _forms(each)] if isinstance(options, list) else [schema]


def _properties(form: Mapping[str, object]) -> Mapping[str, object]:
    found = form.get("properties")
    return found if isinstance(found, Mapping) else {}

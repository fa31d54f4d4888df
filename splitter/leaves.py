"""The plain values inside an answer, and where they stand in it.

What a schema says of a place is worked out once for a task, not for each of its answers. Does not know:
items, or where else a value stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from weakref import WeakKeyDictionary

from schemas.output import Output
from splitter.match import MOST_NEEDLE

MOST_LEAVES = 64
_MOST_DEPTH = 16


# Not frozen, as nobody outside this room holds one: freezing would make each four times as dear.
@dataclass(slots=True)
class Leaf:
    """One plain value inside an answer.

    Attributes:
        field: where, list positions left out: ``items[].price``.
        text: the value as text, at most 400 characters.
        numeric: True when the value is a number.
        closed: True when the schema allows only certain values here, or true and false.
    """

    field: str
    text: str
    numeric: bool
    closed: bool

    @property
    def number(self) -> Decimal | None:
        """The value when it is a number."""
        return Decimal(self.text).normalize() if self.numeric else None


class Place:
    """What the schema says of one place in an answer.

    Attributes:
        field: as in a ``Leaf``.
        closed: as in a ``Leaf``.
        known: the places of the fields that were asked for before.
    """

    __slots__ = ("_element", "_forms", "closed", "field", "known")

    def __init__(self, schema: object, field: str) -> None:
        self.field = field
        self._forms = _forms(schema)
        self.closed = any("enum" in form for form in self._forms)
        self.known: dict[str, Place] = {}
        self._element: Place | None = None

    def named(self, name: str) -> Place:
        """The place of a field of the object that stands here; see ``known`` first."""
        schemas = [fields[name] for form in self._forms if name in (fields := _properties(form))]
        made = Place(schemas[0] if schemas else {}, f"{self.field}.{name}" if self.field else name)
        if schemas:  # names that a model made up are not kept
            self.known[name] = made
        return made

    @property
    def element(self) -> Place:
        """The place of an element of the list that stands here."""
        if self._element is None:
            inner = next((form["items"] for form in self._forms if "items" in form), {})
            self._element = Place(inner, f"{self.field}[]")
        return self._element


_roots: WeakKeyDictionary[Output[object], Place] = WeakKeyDictionary()


def place_of(output: Output[object]) -> Place:
    """The place of a whole answer of this output."""
    try:
        found = _roots.get(output)
        if found is None:
            found = _roots[output] = Place(output.portable.answer, "")
    except TypeError:  # an output of the caller's own that cannot be a key
        return Place(output.portable.answer, "")
    return found


def leaves_of(answer: object, place: Place) -> list[Leaf]:
    """The first 64 plain values of an answer, in the order written; no null, true or false among them."""
    found: list[Leaf] = []
    _gather(answer, place, found, 0)
    del found[MOST_LEAVES:]
    return found


def _gather(value: object, place: Place, found: list[Leaf], depth: int) -> None:
    if isinstance(value, str):
        if value and not value.isspace():
            found.append(Leaf(place.field, value[:MOST_NEEDLE], numeric=False, closed=place.closed))
    elif isinstance(value, dict | list):
        if depth < _MOST_DEPTH and len(found) < MOST_LEAVES:
            _gather_inside(value, place, found, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found.append(Leaf(place.field, str(value), numeric=True, closed=place.closed))


def _gather_inside(
    value: dict[str, object] | list[object], place: Place, found: list[Leaf], depth: int
) -> None:
    if isinstance(value, list):
        inner = place.element
        for each in value:
            _gather(each, inner, found, depth)
        return
    known = place.known
    for name, each in value.items():
        inner = known.get(name) or place.named(name)
        if type(each) is str:  # most are; a call for each would cost more than the rest
            if each and not each.isspace():
                found.append(Leaf(inner.field, each[:MOST_NEEDLE], False, inner.closed))
        elif each is not None:
            _gather(each, inner, found, depth)


def _forms(schema: object) -> list[Mapping[str, object]]:
    if not isinstance(schema, Mapping):
        return []
    options = schema.get("anyOf")
    return [form for each in options for form in _forms(each)] if isinstance(options, list) else [schema]


def _properties(form: Mapping[str, object]) -> Mapping[str, object]:
    found = form.get("properties")
    return found if isinstance(found, Mapping) else {}

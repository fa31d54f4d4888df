"""Whether records that are shown whole are of one kind: the fields they have in common say so.

Does not know: tasks, tokens, or what a field means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from schemas.item import Item

NOTABLE_SHARE = 0.10
"""Fewer are odd ones out, not a kind."""

COMMON_SHARE = 0.5
"""Of the smaller record's fields. Optional fields that were left out do not matter: a record that has some
of another's fields shares all it has."""

SHAPES_COMPARED = 30
SHOWN_FIELDS = 3
SHOWN_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class Mixture:
    """Inputs of more than one kind that may share packs.

    Attributes:
        apart: True when the kinds share no field at all and each is a notable part.
        detail: the kinds, in words.
        items: positions of the first of each kind; of the odd ones, where they are few.
    """

    apart: bool
    detail: str
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    fields: frozenset[str]
    items: tuple[int, ...]

    def told(self, items: Sequence[Item]) -> str:
        names = sorted(self.fields)
        shown = ", ".join(_cut(repr(name)) for name in names[:SHOWN_FIELDS])
        more = ", ..." if len(names) > SHOWN_FIELDS else ""
        return f"{len(self.items):,} with {shown}{more} (such as item {_cut(repr(items[self.items[0]].id))})"


def mixture(items: Sequence[Item]) -> Mixture | None:
    """The worst mixture within any one group; None when groups are of one kind each."""
    if not any("{" in item.text for item in items):
        return None
    groups: dict[str | None, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(item.group, []).append(position)
    worst: Mixture | None = None
    for members in groups.values():
        found = _within(items, members)
        if found is not None and found.apart:
            return found
        worst = worst or found
    return worst


def fields_of(text: str) -> frozenset[str] | None:
    """A record's fields, when the text is a JSON object; None when it is anything else."""
    if "{" not in text or not (text.lstrip().startswith("{") and text.rstrip().endswith("}")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frozenset(value) if isinstance(value, dict) else None


def _within(items: Sequence[Item], members: Sequence[int]) -> Mixture | None:
    shapes: dict[frozenset[str], list[int]] = {}
    texts: list[int] = []
    for position in members:
        fields = fields_of(items[position].text)
        if fields is None:
            texts.append(position)
        elif fields:
            shapes.setdefault(fields, []).append(position)
    records = sum(map(len, shapes.values()))
    if not shapes:
        return None
    return (
        _foreign(items, shapes, records)
        or _unlike(items, shapes, records)
        or _beside_texts(shapes, records, texts)
    )


def _foreign(items: Sequence[Item], shapes: dict[frozenset[str], list[int]], records: int) -> Mixture | None:
    kinds = list(_joined(shapes))
    if len(kinds) < 2:
        return None
    notable = [kind for kind in kinds if len(kind.items) >= NOTABLE_SHARE * records and len(kind.fields) > 1]
    apart = len(notable) > 1
    told = notable if apart else sorted(kinds, key=lambda kind: -len(kind.items))
    named = told if apart else told[1:]
    detail = f"records of kinds that share no field: {'; '.join(kind.told(items) for kind in told[:3])}"
    return Mixture(apart, detail, tuple(kind.items[0] for kind in named))


def _unlike(items: Sequence[Item], shapes: dict[frozenset[str], list[int]], records: int) -> Mixture | None:
    by_count = sorted(shapes, key=lambda shape: -len(shapes[shape]))[:SHAPES_COMPARED]
    notable = [shape for shape in by_count if len(shapes[shape]) >= NOTABLE_SHARE * records]
    for one, other in combinations(notable, 2):
        if len(one & other) < COMMON_SHARE * min(len(one), len(other)):
            pair = [_Kind(shape, tuple(shapes[shape])) for shape in (one, other)]
            detail = f"records that share few fields: {'; '.join(kind.told(items) for kind in pair)}"
            return Mixture(False, detail, tuple(kind.items[0] for kind in pair))
    return None


def _beside_texts(
    shapes: dict[frozenset[str], list[int]], records: int, texts: Sequence[int]
) -> Mixture | None:
    fewer = min(records, len(texts))
    if fewer < 2 or fewer < NOTABLE_SHARE * (records + len(texts)):
        return None
    first = min(min(positions) for positions in shapes.values())
    return Mixture(False, f"{records:,} JSON records and {len(texts):,} plain texts", (first, texts[0]))


def _joined(shapes: dict[frozenset[str], list[int]]) -> Iterator[_Kind]:
    """Shapes that share a field, directly or through others, are one kind."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for shape in shapes:
        for name in shape:
            parent.setdefault(name, name)
        first, *others = (root(name) for name in shape)
        for other in others:
            parent[root(other)] = root(first)
    kinds: dict[str, tuple[set[str], list[int]]] = {}
    for shape, positions in shapes.items():
        fields, found = kinds.setdefault(root(next(iter(shape))), (set(), []))
        fields |= shape
        found += positions
    for fields, found in sorted(kinds.values(), key=lambda kind: min(kind[1])):
        yield _Kind(frozenset(fields), tuple(sorted(found)))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

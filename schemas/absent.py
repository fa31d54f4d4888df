"""Nulls that mean "not there": the way back from nullable fields to the caller's optional ones.

The portable schema makes every optional field a required one that may be null. What may have to go is
worked out once for a schema, so that an answer with nothing to drop is handed on as it is.
Does not know: whether an answer fits the schema.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.portable import MOST_DEPTH, resolve

_MOST_REFS = 32


class Absent:
    """Drops nulls that a full schema means as "not there"."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        """Work out where they can be.

        Args:
            schema: the caller's full schema.
        """
        self._root = _Place.of(schema, schema, 0)

    @property
    def drops(self) -> bool:
        """False when there never is anything to drop."""
        return self._root is not None

    def dropped(self, value: object) -> object:
        """An answer without keys whose value is null where the field is optional and takes no null.

        Args:
            value: an answer that follows the portable schema; left as it is, and returned itself when there
                is nothing to drop.
        """
        return value if self._root is None else self._root.dropped(value)


class _Form:
    """One plain object schema: its fields, which of them may be absent, and which have work inside."""

    __slots__ = ("inner", "may_go", "names")

    def __init__(self, names: Mapping[str, object], may_go: frozenset[str], inner: dict[str, _Place]) -> None:
        self.names, self.may_go, self.inner = names.keys(), may_go, inner


class _Place:
    """A place in a schema at which, or below which, something may have to be dropped."""

    __slots__ = ("lists", "objects")

    def __init__(self, objects: list[_Form], lists: list[tuple[list[_Place | None], _Place | None]]) -> None:
        self.objects, self.lists = objects, lists

    @classmethod
    def of(cls, schema: object, root: Mapping[str, object], depth: int) -> _Place | None:
        """The place of a schema; None when nothing below it can ever go."""
        if depth > MOST_DEPTH:  # no portable schema nests so deep, so no reply was asked to follow it
            return None
        objects: list[_Form] = []
        lists: list[tuple[list[_Place | None], _Place | None]] = []
        busy = False
        for form in _forms(schema, root, 0):
            properties = form.get("properties")
            if isinstance(properties, Mapping):
                required = form.get("required")
                needed = required if isinstance(required, list) else []
                may_go = frozenset(
                    name
                    for name, each in properties.items()
                    if name not in needed and not _takes_null(each, root)
                )
                inner = {
                    name: place
                    for name, each in properties.items()
                    if (place := cls.of(each, root, depth + 1)) is not None
                }
                objects.append(_Form(properties, may_go, inner))
                busy = busy or bool(may_go or inner)
            prefix, rest = form.get("prefixItems"), form.get("items")
            ahead = [cls.of(each, root, depth + 1) for each in prefix] if isinstance(prefix, list) else []
            if ahead or isinstance(rest, Mapping):
                behind = cls.of(rest, root, depth + 1)
                lists.append((ahead, behind))
                busy = busy or behind is not None or any(each is not None for each in ahead)
        return cls(objects, lists) if busy else None

    def dropped(self, value: object) -> object:
        """The first form that a value can follow decides."""
        if isinstance(value, Mapping):
            for form in self.objects:
                if value.keys() <= form.names:
                    return _without(value, form)
        elif isinstance(value, list):
            for ahead, behind in self.lists:
                places = [ahead[at] if at < len(ahead) else behind for at in range(len(value))]
                return [
                    each if place is None else place.dropped(each)
                    for each, place in zip(value, places, strict=True)
                ]
        return value


def _without(value: Mapping[str, object], form: _Form) -> object:
    if not form.inner and not any(each is None for each in value.values()):
        return value
    kept: dict[str, object] = {}
    for key, each in value.items():
        if each is None and key in form.may_go:
            continue
        place = form.inner.get(key)
        kept[key] = each if place is None else place.dropped(each)
    return kept


def _forms(schema: object, root: Mapping[str, object], followed: int) -> list[Mapping[str, object]]:
    """The plain schemas a value may follow."""
    if not isinstance(schema, Mapping) or followed > _MOST_REFS:
        return []
    if isinstance(ref := schema.get("$ref"), str):
        return _forms(resolve(root, ref), root, followed + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(options := schema.get(word), list):
            return [form for option in options for form in _forms(option, root, followed + 1)]
    return [schema]


def _takes_null(schema: object, root: Mapping[str, object]) -> bool:
    for form in _forms(schema, root, 0):
        kind = form.get("type")
        values = form.get("enum")
        if kind == "null" or (isinstance(kind, list) and "null" in kind):
            return True
        if "const" in form and form["const"] is None:
            return True
        if isinstance(values, list) and None in values:
            return True
    return False

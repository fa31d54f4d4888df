"""What a column of answers holds: which type it has, by the answer's schema, and what stands in its cells.

A column is of one type where the schema names one: text, whole numbers, numbers, yes or no, or lists of
texts. All else is text: a string is itself, anything other is its JSON, as in a CSV file. Does not know: any
table, file or library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from schemas.output import Output, TypedOutput

VALUE = "value"
_LARGEST = 2**63 - 1
_as_json = json.JSONEncoder(ensure_ascii=False).encode


class Kind(StrEnum):
    """The type of a column; every cell may also be missing."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXTS = "texts"


_BY_TYPE = {
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
}


class Unfit(ValueError):
    """A value that is not of its column's kind."""


def fields_of(schema: Mapping[str, object]) -> dict[str, Kind] | None:
    """The columns of an answer with named fields, in the schema's order; None for any other answer."""
    found = list(_alternatives(schema, schema))
    if len(found) != 1 or not isinstance(named := found[0].get("properties"), Mapping) or not named:
        return None
    return {str(name): kind_of(each, schema) for name, each in named.items()}


def kind_of(schema: object, whole: Mapping[str, object]) -> Kind:
    """The kind of a column whose values a schema describes.

    Args:
        schema: of the values; null among them makes no difference.
        whole: the schema that references in it point into.
    """
    return _named_kind(schema, whole) or Kind.TEXT


def cells_of(values: Iterable[object], kind: Kind) -> list[object]:
    """Values as the cells of a column.

    Raises:
        Unfit: one is not of that kind; never for ``Kind.TEXT``.
    """
    return [None if value is None else _cell(value, kind) for value in values]


def fitted(values: Sequence[object], kind: Kind) -> tuple[Kind, list[object]]:
    """Cells of that kind, or of text where one does not fit: an integer of more than 64 bits, say."""
    try:
        return kind, cells_of(values, kind)
    except Unfit:
        return Kind.TEXT, cells_of(values, Kind.TEXT)


def text_cell(value: object) -> str:
    r"""A value as text: a string is itself, all else is its JSON; what UTF-8 cannot hold is ``\ud800``."""
    text = str(value) if isinstance(value, str) else _as_json(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain_value(value: object, output: Output[object] | None) -> object:
    """A task's value as plain JSON, in the names of its schema."""
    if isinstance(output, TypedOutput):
        plain: object = output.adapter.dump_python(value, mode="json", by_alias=True, warnings=False)
        return plain
    return value


def _cell(value: object, kind: Kind) -> object:
    if kind is Kind.TEXT:
        return text_cell(value)
    if kind is Kind.TEXTS and isinstance(value, list | tuple):
        if all(isinstance(each, str) for each in value):
            return [text_cell(each) for each in value]
    elif kind is Kind.BOOLEAN and isinstance(value, bool):
        return value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if kind is Kind.INTEGER and -_LARGEST <= value <= _LARGEST and value == int(value):
            return int(value)
        if kind is Kind.NUMBER and (isinstance(value, float) or -_LARGEST <= value <= _LARGEST):
            return float(value)
    raise Unfit(f"{value!r} is not {kind}")


def _alternatives(
    schema: object, whole: Mapping[str, object], deep: int = 0
) -> Iterator[Mapping[str, object]]:
    """What a value may be, each without references or choices of its own; null is left out."""
    if not isinstance(schema, Mapping) or deep > 20:  # a schema that refers to itself
        yield {}
        return
    if isinstance(to := schema.get("$ref"), str):
        yield from _alternatives(_pointed(to, whole), whole, deep + 1)
        return
    for choice in ("anyOf", "oneOf", "allOf"):
        several = schema.get(choice)
        if isinstance(several, list) and several and (choice != "allOf" or len(several) == 1):
            for each in several:
                yield from _alternatives(each, whole, deep + 1)
            return
    if schema.get("type") != "null":
        yield schema


def _pointed(to: str, whole: Mapping[str, object]) -> object:
    found: object = whole
    for part in to.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _named_kind(schema: object, whole: Mapping[str, object]) -> Kind | None:
    """The one kind that a schema names; None where it names several, or none that is ours."""
    kinds = {_one_kind(each, whole) for each in _alternatives(schema, whole)}
    if kinds == {Kind.INTEGER, Kind.NUMBER}:
        return Kind.NUMBER
    return kinds.pop() if len(kinds) == 1 else None


def _one_kind(schema: Mapping[str, object], whole: Mapping[str, object]) -> Kind | None:
    if isinstance(allowed := schema.get("enum"), list):
        return _seen({type(each) for each in allowed if each is not None})
    if "const" in schema:
        return _seen({type(schema["const"])})
    named = schema.get("type")
    types = {str(each) for each in (named if isinstance(named, list) else [named]) if each != "null"}
    if types == {"integer", "number"}:
        return Kind.NUMBER
    if types == {"array"}:
        return Kind.TEXTS if _named_kind(schema.get("items"), whole) is Kind.TEXT else None
    return _BY_TYPE.get(types.pop()) if len(types) == 1 else None


def _seen(types: set[type]) -> Kind | None:
    if types and types <= {int, float}:
        return Kind.INTEGER if types == {int} else Kind.NUMBER
    return {str: Kind.TEXT, bool: Kind.BOOLEAN}.get(types.pop()) if len(types) == 1 else None

"""Whether a plain JSON value surely fits a schema, told fast; by jsonschema-rs, where it is installed.

Two implementations of JSON Schema agree on most words and differ on some (patterns, formats, equality of
floats), so only schemas of words that leave no room are taken; ``jsonschema`` decides all others, and names
every fault. Does not know: messages, or what a value that does not surely fit has wrong.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Protocol, cast

from schemas.portable import MOST_DEPTH, resolve

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_EXACT = 2**52
"""Bounds up to here are exact in whatever kind of number a validator compares with."""

MOST_SMALL = 10**18
"""Larger integers may not fit into 64 bits."""

_NOTES = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
)
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_BRANCHES = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_TABLES = frozenset({"properties", "$defs", "definitions"})
_KINDS = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})


class Validator(Protocol):
    """Says yes or no to a value of dicts, lists, strings, finite numbers, booleans and null."""

    def is_valid(self, value: object, /) -> bool:
        """True when it follows the schema."""
        ...


@dataclass(frozen=True, slots=True)
class Sure:
    """A yes that can be relied on.

    Attributes:
        fits: True when a plain value surely fits; False says nothing.
        shallow: True when a value that fits nests no deeper than a portable schema does.
        all_fit: True when each of a list of values surely fits, and holds no number above ``MOST_SMALL``;
            None when the schema cannot be asked so.
        objects: where values that fit hold objects, as far as that is easy to say.
    """

    fits: Callable[[object], bool]
    shallow: bool
    all_fit: Callable[[list[object]], bool] | None = None
    objects: Objects | None = None


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects at one place of a schema, one a value or a list of them.

    Attributes:
        listed: True when the place holds a list of them.
        inside: the fields that hold further ones.
    """

    listed: bool
    inside: tuple[tuple[str, Objects], ...]


def keys_in(values: Sequence[object], objects: Objects) -> int:
    """How many keys values have that stand where these objects may; never more than they really have.

    Args:
        values: they follow the schema that the objects come from.
        objects: where objects are.
    """
    if objects.listed:
        values = list(chain.from_iterable(cast("Sequence[list[object]]", values)))
    dicts = cast("Sequence[dict[str, object]]", values)
    found = sum(map(len, dicts))
    for name, below in objects.inside:
        try:
            held = list(map(itemgetter(name), dicts))
        except KeyError:  # a field that may be absent
            held = [each[name] for each in dicts if name in each]
        found += keys_in(held, below)
    return found


def sure_of(schema: Mapping[str, object]) -> Sure | None:
    """The fast way to say yes for a schema; None without the ``fast`` extra, or where it cannot be sure.

    Args:
        schema: a valid JSON schema.
    """
    if importlib.util.find_spec("jsonschema_rs") is None or not _is_plain(schema, root=True):
        return None
    # Without oneOf, forbidding keys that nobody named only makes a schema narrower, so what follows the
    # narrow one follows both; and that nests no deeper than the schema is written.
    narrow = None if _holds(schema, "oneOf") else _closed(schema)
    if isinstance(narrow, dict) and _depth(narrow, narrow, 0) <= MOST_DEPTH:
        fits = _validator(narrow).is_valid
        each = _small(narrow)
        if not isinstance(each, dict) or not _stands_alone(each):
            return Sure(fits, shallow=True)
        tables = {word: each[word] for word in ("$defs", "definitions") if word in each}
        every = {
            "type": "array",
            "items": {w: v for w, v in each.items() if w not in tables and w != "$schema"},
        }
        all_fit = _validator({**tables, **every}).is_valid
        return Sure(fits, shallow=True, all_fit=all_fit, objects=_objects(narrow, narrow, 0))
    return Sure(_validator(dict(schema)).is_valid, shallow=False)


def _validator(schema: dict[str, object]) -> Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema)


def _is_plain(schema: object, *, root: bool = False) -> bool:
    """Only words that every implementation reads alike."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    return all(_is_plain_word(word, value, root=root) for word, value in schema.items())


def _is_plain_word(word: object, value: object, *, root: bool) -> bool:
    if word in _NOTES:
        return True
    if word in ("additionalProperties", "items"):
        return _is_plain(value)
    if word in _BRANCHES:
        return isinstance(value, list) and all(map(_is_plain, value))
    if word in _TABLES:
        return isinstance(value, dict) and all(map(_is_plain, value.values()))
    if word in _COUNTS:
        return type(value) is int and value <= MOST_EXACT
    if word in _BOUNDS:
        return type(value) in (int, float) and isinstance(value, int | float) and abs(value) <= MOST_EXACT
    if word == "type":
        return all(each in _KINDS for each in (value if isinstance(value, list) else [value]))
    if word == "required":
        return isinstance(value, list)
    if word in ("enum", "const"):
        return all(map(_is_exact, value if word == "enum" and isinstance(value, list) else [value]))
    if word == "$ref":
        return isinstance(value, str) and value.startswith("#/") and "%" not in value
    return root and word == "$schema" and value in (DIALECT, f"{DIALECT}#")


def _is_exact(value: object) -> bool:
    if isinstance(value, str):
        return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in value)
    return value is None or isinstance(value, bool) or (type(value) is int and abs(value) <= MOST_EXACT)


def _holds(schema: object, word: str) -> bool:
    if isinstance(schema, dict):
        return word in schema or any(_holds(each, word) for each in schema.values())
    return isinstance(schema, list) and any(_holds(each, word) for each in schema)


def _with_inner(schema: Mapping[str, object], made_of: Callable[[object], object]) -> dict[str, object]:
    """A schema in which another one stands for each that is written inside it."""
    made: dict[str, object] = {}
    for word, value in schema.items():
        if word in _TABLES and isinstance(value, dict):
            made[word] = {name: made_of(each) for name, each in value.items()}
        elif word in _BRANCHES and isinstance(value, list):
            made[word] = [made_of(each) for each in value]
        else:
            made[word] = made_of(value) if word == "items" else value
    return made


def _kinds(schema: Mapping[str, object]) -> list[object]:
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind]


def _closed(schema: object) -> object:
    """A schema whose objects take only the keys that it names."""
    if not isinstance(schema, dict):
        return schema
    made = _with_inner(schema, _closed)
    if "properties" in made:
        made["additionalProperties"] = False
    return made


def _small(schema: object) -> object:
    """A closed schema that takes no huge number, so that none that lost digits on its way here passes."""
    if not isinstance(schema, dict):
        return schema
    made = _with_inner(schema, _small)
    kinds = _kinds(schema)
    if "integer" in kinds or "number" in kinds:
        made.setdefault("maximum", MOST_SMALL)  # a bound that is there already is lower: see ``MOST_EXACT``
        made.setdefault("minimum", -MOST_SMALL)
    return made


def _stands_alone(schema: Mapping[str, object]) -> bool:
    """True when its references lead to its tables of definitions, which may be moved."""
    return all(ref.startswith(("#/$defs/", "#/definitions/")) for ref in _references(schema))


def _references(schema: object) -> list[str]:
    if isinstance(schema, dict):
        own = [ref] if isinstance(ref := schema.get("$ref"), str) else []
        return own + [ref for each in schema.values() for ref in _references(each)]
    return [ref for each in schema for ref in _references(each)] if isinstance(schema, list) else []


def _objects(
    schema: object, root: Mapping[str, object], level: int, *, listed: bool = False
) -> Objects | None:
    """Where values of a closed schema hold objects; None when nowhere, or when that is hard to say."""
    if level > MOST_DEPTH or not isinstance(schema, dict):
        return None
    if isinstance(ref := schema.get("$ref"), str):
        return _objects(resolve(root, ref), root, level + 1, listed=listed)
    if schema.get("type") == "array" and not listed:
        return _objects(schema.get("items"), root, level + 1, listed=True)
    fields = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(fields, dict):
        return None
    inside = [(name, below) for name, each in fields.items() if (below := _objects(each, root, level + 1))]
    return Objects(listed, tuple(inside))


def _depth(schema: object, root: Mapping[str, object], level: int) -> int:
    """How deep a value that follows a closed schema can nest; more than is allowed where that is open."""
    too_deep = MOST_DEPTH + 1
    if level > MOST_DEPTH * 2 or not isinstance(schema, dict):
        return too_deep
    if "enum" in schema or "const" in schema:
        return 0
    if isinstance(ref := schema.get("$ref"), str):
        return _depth(resolve(root, ref), root, level + 1)
    for word in ("anyOf", "allOf"):
        if isinstance(options := schema.get(word), list) and options:
            return max(_depth(each, root, level + 1) for each in options)
    deepest = 0
    for each in _kinds(schema):
        if each not in _KINDS:
            return too_deep
        if each == "object":
            fields = schema.get("properties")
            inside: Sequence[object] = [*fields.values()] if isinstance(fields, dict) else [None]
        elif each == "array":
            ahead = schema.get("prefixItems")
            inside = [*(ahead if isinstance(ahead, list) else []), schema.get("items")]
        else:
            continue
        deepest = max(deepest, 1 + max((_depth(part, root, level + 1) for part in inside), default=0))
    return deepest

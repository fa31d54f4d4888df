"""One reply schema that every vendor's constrained decoding accepts, made from the caller's full schema.

The subset (OpenAI strict mode and Anthropic ``output_config``, November 2026): every object lists all
its properties as required and allows no others, optional fields are nullable, no bounds, patterns,
formats or defaults, no maps, no recursion. What is dropped here is checked on our side against the
full schema. Does not know: envelopes, packs, or what any field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import SchemaNotPortable

MOST_DEPTH = 8
MOST_ENUM_VALUES = 1_000
LONG_ENUM = 250
LONG_ENUM_CHARACTERS = 15_000

ANSWER_NAME = "Answer"
"""The name the envelope gives to one answer's definition; no other definition may take it."""

# What only narrows a value: dropped from the wire, checked on our side.
_NARROWING = frozenset(
    (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"),
        *("minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
        *("minProperties", "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas"),
        *("not", "if", "then", "else"),
    )
)

Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Portable:
    """One answer's schema inside the common subset.

    Attributes:
        answer: the schema of one answer, without references.
        dropped: constraints that vendors refuse, as ``path: keywords``; checked on our side instead.
    """

    answer: Schema
    dropped: tuple[str, ...] = ()


def portable(schema: Mapping[str, object]) -> Portable:
    """Reduce a full JSON schema to the common subset.

    References are written out in place: a definition used twice is repeated, which the limits allow and
    which spares every provider's resolver.

    Args:
        schema: the caller's schema of one answer; left as it is.

    Raises:
        SchemaNotPortable: it cannot be expressed; says where, why and what to do instead.
    """
    maker = _Maker(schema)
    answer = maker.make(schema, "$", (), 1)
    return Portable(answer, tuple(maker.dropped))


class _Maker:
    def __init__(self, root: Mapping[str, object]) -> None:
        self.root = root
        self.dropped: list[str] = []
        self.enum_values = 0

    def make(self, schema: object, path: str, open_refs: tuple[str, ...], depth: int) -> Schema:
        if depth > MOST_DEPTH:
            raise SchemaNotPortable(
                path, f"objects and lists nest deeper than {MOST_DEPTH} levels; flatten it"
            )
        if schema is True or schema == {}:
            raise SchemaNotPortable(path, "anything is allowed; say which type the value has")
        if not isinstance(schema, Mapping):
            raise SchemaNotPortable(path, "nothing is allowed; remove the field or give it a type")
        if isinstance(ref := schema.get("$ref"), str):
            return self._follow(ref, schema, path, open_refs, depth)
        if isinstance(parts := schema.get("allOf"), list):
            return self._all_of(parts, schema, path, open_refs, depth)
        self._note_dropped(schema, path)
        made = self._body(schema, path, open_refs, depth)
        if isinstance(note := schema.get("description"), str) and "anyOf" not in made:
            made["description"] = note
        return made

    def _body(self, schema: Mapping[str, object], path: str, refs: tuple[str, ...], depth: int) -> Schema:
        for word in ("anyOf", "oneOf"):
            if isinstance(options := schema.get(word), list) and options:
                made = [self.make(o, f"{path}.{word}[{i}]", refs, depth) for i, o in enumerate(options)]
                return _any_of(made)
        if "const" in schema:
            return self._enum([schema["const"]], path)
        if isinstance(values := schema.get("enum"), list):
            return self._enum(values, path)
        kind = schema.get("type")
        if isinstance(kind, list):
            return _any_of([self._body({**schema, "type": each}, path, refs, depth) for each in kind])
        if kind is None and "properties" in schema:
            kind = "object"
        if kind is None and ("items" in schema or "prefixItems" in schema):
            kind = "array"
        if kind == "object":
            return self._object(schema, path, refs, depth)
        if kind == "array":
            return self._array(schema, path, refs, depth)
        if kind in ("string", "integer", "number", "boolean", "null"):
            return {"type": kind}
        raise SchemaNotPortable(path, 'the type is not said; add "type"')

    def _object(self, schema: Mapping[str, object], path: str, refs: tuple[str, ...], depth: int) -> Schema:
        properties = schema.get("properties")
        open_to = schema.get("additionalProperties", False)
        if not isinstance(properties, Mapping) or not properties or schema.get("patternProperties"):
            raise SchemaNotPortable(
                path,
                "an object with free keys (a map) cannot be constrained; use a list of {key, value} objects",
            )
        if isinstance(open_to, Mapping) and open_to:
            raise SchemaNotPortable(
                path, "an object has further free keys; use a list of {key, value} objects for them"
            )
        required = schema.get("required")
        wanted = set(required) if isinstance(required, list) else set()
        made: Schema = {}
        for name, each in properties.items():
            value = self.make(each, f"{path}.{name}", refs, depth + 1)
            made[name] = value if name in wanted else _nullable(value)
        return closed_object(made)

    def _array(self, schema: Mapping[str, object], path: str, refs: tuple[str, ...], depth: int) -> Schema:
        prefix, rest = schema.get("prefixItems"), schema.get("items")
        options = list(prefix) if isinstance(prefix, list) else []
        if rest is not None and rest is not False:
            options.append(rest)
        if not options:
            raise SchemaNotPortable(path, 'a list does not say what it holds; add "items"')
        if isinstance(prefix, list):
            self.dropped.append(f"{path}: prefixItems (positions)")
        made = [self.make(each, f"{path}[]", refs, depth + 1) for each in options]
        return {"type": "array", "items": _any_of(made)}

    def _enum(self, values: list[object], path: str) -> Schema:
        if not values:
            raise SchemaNotPortable(path, "an enum without values allows nothing")
        kinds = {_kind(value) for value in values}
        if None in kinds:
            raise SchemaNotPortable(path, "an enum holds a list or an object; enums are of plain values")
        strings = [value for value in values if isinstance(value, str)]
        self.enum_values += len(values)
        too_many = self.enum_values > MOST_ENUM_VALUES
        too_long = len(strings) > LONG_ENUM and sum(map(len, strings)) > LONG_ENUM_CHARACTERS
        if too_many or too_long:
            self.enum_values -= len(values)
            self.dropped.append(f"{path}: enum of {len(values)} values")
            return _any_of([{"type": kind} for kind in sorted(str(kind) for kind in kinds)])
        by_kind: dict[str, list[object]] = {}
        for value in values:
            by_kind.setdefault(str(_kind(value)), []).append(value)
        return _any_of([{"type": kind, "enum": group} for kind, group in by_kind.items()])

    def _follow(
        self, ref: str, schema: Mapping[str, object], path: str, refs: tuple[str, ...], depth: int
    ) -> Schema:
        if ref in refs or ref == "#":
            raise SchemaNotPortable(
                path, f"{ref!r} refers back to itself; limit the nesting with separate types"
            )
        target = resolve(self.root, ref)
        if target is None:
            raise SchemaNotPortable(path, f"{ref!r} leads nowhere inside this schema; define it under $defs")
        made = self.make(target, path, (*refs, ref), depth)
        if isinstance(note := schema.get("description"), str) and "anyOf" not in made:
            made = {**made, "description": note}
        return made

    def _all_of(
        self, parts: list[object], schema: Mapping[str, object], path: str, refs: tuple[str, ...], depth: int
    ) -> Schema:
        siblings = {"type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf"} & set(
            schema
        )
        if len(parts) != 1 or siblings - {"type"}:
            raise SchemaNotPortable(path, "allOf combines several schemas; write them out as one")
        return self.make(parts[0], path, refs, depth)

    def _note_dropped(self, schema: Mapping[str, object], path: str) -> None:
        if gone := sorted(_NARROWING & set(schema)):
            self.dropped.append(f"{path}: {', '.join(gone)}")


def closed_object(properties: Mapping[str, object]) -> Schema:
    """The schema of an object that has all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def resolve(root: Mapping[str, object], ref: str) -> object | None:
    """Follow a local JSON pointer such as ``#/$defs/Name``; None when it leads nowhere."""
    if not ref.startswith("#/"):
        return None
    place: object = root
    for part in ref[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, Mapping) or key not in place:
            return None
        place = place[key]
    return place


def _nullable(schema: Schema) -> Schema:
    return _any_of([schema, {"type": "null"}])


def _any_of(options: list[Schema]) -> Schema:
    """Alternatives, flattened and each once; a single one stands for itself."""
    flat: list[Schema] = []
    for option in options:
        inner = option.get("anyOf")
        for each in inner if isinstance(inner, list) else [option]:
            if each not in flat:
                flat.append(each)
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _kind(value: object) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else None

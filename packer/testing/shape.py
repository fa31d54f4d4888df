"""What a reply schema asks for, ours or another library's, and replies written to it.

Ours: one key per handle, a list of ``{"id", "answer"}``, or the one key of a single call; where we send no
schema, because nothing could hold a model to it, the system part's sample of a reply stands in for one.
Others': the first list of objects, its id field and its answer field. Does not know: items or faults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from packer.render import first_words
from packer.testing.faults import Written
from packer.testing.leaves import has_evidence
from schemas.envelope import ANSWER_KEY, ID_KEY
from schemas.evidence import QUOTES_KEY, VALUE_KEY, quoted
from schemas.pack import SINGLE_HANDLE

ID_FIELDS = ("id", "index", "custom_id", "row_id", "item_id", "key")
BINDINGS = ("seal", "words", "quote")
Schema = Mapping[str, object]

# The wording of packer.render: a list's sample has the same rows, but only lines begin the sample with one,
# and the replies of worked examples show no placeholders.
_SAMPLE = re.compile(
    rf'^(?:(?<=the items:\n)\{{"{ID_KEY}":"<tag>",'
    rf'(?:"(?P<binding>{"|".join(BINDINGS)})":"<(?P=binding)>",)?"{ANSWER_KEY}":'
    rf'|(?P<single>Reply with compact JSON on one line, [^{{]*\{{"{SINGLE_HANDLE}":))'
    rf'(?P<evidence>\{{"{QUOTES_KEY}":)?',
    re.MULTILINE,
)
_ONE_LABEL = re.compile(r"^Labels: (.*)\. Give exactly one label\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shape:
    """A reply's form.

    Attributes:
        form: one object keyed by handle, a list, one object a line, one answer alone, or a list that
            nobody asked for.
        name: the key that holds the list or the one answer; None when it is the whole reply.
        id_field: the entries' id in a list; None when order alone tells them apart.
        id_type: what the id is to be.
        binding: what an entry repeats of its item before the answer; None for nothing.
        fields: the answer's places in a list's entry.
        nested: the answer's one place inside its field, when the field is an object.
        answer: the schema of one answer.
    """

    form: Literal["keyed", "list", "lines", "single", "plain"]
    name: str | None = None
    id_field: str | None = "id"
    id_type: object = None
    binding: str | None = None
    fields: tuple[str, ...] = ()
    nested: str | None = None
    answer: Schema = field(default_factory=dict)


def shape_of(schema: Schema, handles: Sequence[str | int] = (), told: str = "") -> Shape:
    """Read a reply schema.

    Args:
        schema: of the whole reply; empty when none was sent.
        handles: the ids that the prompt gives its items; they tell a keyed reply from others.
        told: the system part of one of our prompts; looked at only when there is no schema.
    """
    if not schema and (shown := shape_told(told)) is not None:
        return shown
    root = _resolved(schema, schema)
    properties = _properties(root)
    if set(properties) == {SINGLE_HANDLE}:
        return Shape("single", SINGLE_HANDLE, answer=_resolved(properties[SINGLE_HANDLE], schema))
    if handles and all(str(handle) in properties for handle in handles):
        entry = _resolved(properties[str(handles[0])], schema)
        binding = _binding(_properties(entry))
        answer = _resolved(_properties(entry)[ANSWER_KEY], schema) if binding else entry
        return Shape("keyed", binding=binding, answer=answer)
    candidates: list[tuple[str | None, object]] = [(None, root), *properties.items()]
    for name, each in candidates:
        resolved = _resolved(each, schema)
        if resolved.get("type") == "array":
            return _list_shape(name, _resolved(resolved.get("items"), schema), schema)
    if len(properties) == 1:
        (name,) = properties
        return Shape("single", name, answer=_resolved(properties[name], schema))
    return Shape("plain", fields=("result",))


def shape_told(told: str) -> Shape | None:
    """What a system part of ours asks for in words; None when it is none of ours.

    The last sample counts: an instruction of the caller's stands before it and may hold one too.
    """
    samples = list(_SAMPLE.finditer(told))
    if not samples:
        return None
    sample = samples[-1]
    answer: Schema = {}
    # Of an answer's schema, the words give away its evidence, or the labels it is one of.
    if sample["evidence"] is not None:
        answer = {"properties": {QUOTES_KEY: {}, VALUE_KEY: {}}}
    elif labels := _ONE_LABEL.findall(told):
        answer = {"enum": labels[-1].split(", ")}
    if sample["single"] is not None:
        return Shape("single", SINGLE_HANDLE, answer=answer)
    return Shape("lines", None, ID_KEY, "string", sample["binding"], (ANSWER_KEY,), None, answer)


def answer_in(shape: Shape, answer: object, text: str) -> object:
    """The answer as the shape wants it: with quotes from the text where evidence is asked for."""
    properties = _properties(shape.answer)
    if set(properties) != {QUOTES_KEY, VALUE_KEY} or has_evidence(answer):
        return answer
    value = properties[VALUE_KEY]
    return quoted(answer, text, value if isinstance(value, Mapping) else {})


def bound(shape: Shape, text: str, seal: str | None) -> dict[str, str]:
    """What an entry has to repeat of its item."""
    if shape.binding == "seal":
        return {"seal": seal or ""}
    if shape.binding == "words":
        return {"words": first_words(text)}
    return {"quote": _opening(text)} if shape.binding == "quote" else {}


def written(shape: Shape, entries: Sequence[Written]) -> str:
    """Put entries into words."""
    if shape.form == "single" and len(entries) == 1 and entries[0].handle == SINGLE_HANDLE:
        return f"{{{_json(shape.name)}:{_json(entries[0].answer)}}}"
    if shape.form == "lines":
        return "\n".join(_json(_listed(shape, each)) for each in entries)
    if shape.form in ("keyed", "single"):
        lines = [f"{_json(str(each.handle))}:{_json(_keyed(each))}" for each in entries]
        return "{\n" + ",\n".join(lines) + "\n}"
    listed = "[\n" + ",\n".join(_json(_listed(shape, each)) for each in entries) + "\n]"
    return listed if shape.name is None else f"{{{_json(shape.name)}:{listed}}}"


def pointed(reference: str, root: Schema) -> object:
    """What a reference such as ``#/$defs/place`` leads to; None where it leads nowhere."""
    found: object = root
    for part in filter(None, reference.removeprefix("#").split("/")):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _keyed(entry: Written) -> object:
    return {**entry.binding, ANSWER_KEY: entry.answer} if entry.binding else entry.answer


def _listed(shape: Shape, entry: Written) -> object:
    answer = entry.answer
    if shape.nested is not None and not (isinstance(answer, Mapping) and shape.nested in answer):
        answer = {shape.nested: answer}
    place: dict[str, object] = {}
    if shape.id_field is not None:
        place[shape.id_field] = _id(entry.handle, shape.id_type)
    place.update(entry.binding)
    if len(shape.fields) > 1 and isinstance(answer, Mapping) and set(answer) & set(shape.fields):
        return {**place, **answer}
    if not shape.fields:
        return {**place, ANSWER_KEY: answer} if place else answer
    return {**place, **dict.fromkeys(shape.fields), shape.fields[0]: answer}


def _id(handle: str | int, wanted: object) -> str | int:
    if wanted == "string":
        return str(handle)
    if wanted in ("integer", "number") and isinstance(handle, str) and handle.lstrip("-").isdecimal():
        return int(handle)
    return handle


def _list_shape(name: str | None, entry: Schema, schema: Schema) -> Shape:
    properties = _properties(entry)
    id_field = next((each for each in ID_FIELDS if each in properties), None)
    rest = {key: each for key, each in properties.items() if key != id_field}
    binding = _binding(rest)
    fields = tuple(key for key in rest if key != binding)
    answer = _resolved(rest[fields[0]], schema) if len(fields) == 1 else {}
    inside = _properties(answer)
    return Shape(
        "list",
        name,
        id_field,
        _resolved(properties.get(id_field or ""), schema).get("type"),
        binding,
        fields,
        next(iter(inside)) if len(inside) == 1 and fields != (ANSWER_KEY,) else None,
        answer,
    )


def _binding(properties: Mapping[str, object]) -> str | None:
    names = tuple(properties)
    return names[0] if len(names) == 2 and names[0] in BINDINGS and names[1] == ANSWER_KEY else None


def _properties(schema: Schema) -> Mapping[str, object]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _resolved(schema: object, root: Schema) -> Schema:
    """Follow references, and the one way through ``allOf`` or a nullable ``anyOf``."""
    for _ in range(20):  # a reference may lead back to itself
        if not isinstance(schema, Mapping):
            return {}
        options = schema.get("allOf") or schema.get("anyOf")
        if isinstance(reference := schema.get("$ref"), str):
            schema = pointed(reference, root)
        elif isinstance(options, list) and len(real := [o for o in options if o != {"type": "null"}]) == 1:
            (schema,) = real
        else:
            return schema
    return {}


def _opening(text: str) -> str:
    """Forty characters of the text, up to the end of a word."""
    if len(text) <= 40:
        return text
    return text[:40].rsplit(None, 1)[0] if " " in text[:40].strip() else text[:40]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

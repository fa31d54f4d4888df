"""A fast yes to a value is a yes of jsonschema's, and nulls that mean "not there" go as they went."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from schemas import sure
from schemas.absent import Absent
from schemas.output import Mismatch, SchemaOutput, Unsure, output_for

PART = {"type": "object", "properties": {"q": {"type": "integer", "minimum": 1}}, "required": ["q"]}
PLAIN: dict[str, dict[str, object]] = {
    "record": {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 1, "maxLength": 3},
            "b": {"type": ["integer", "null"]},
            "c": {"enum": ["x", 1, True, None]},
            "d": {"type": "array", "items": PART, "maxItems": 2},
        },
        "required": ["a"],
    },
    "reference": {"$defs": {"P": PART}, "type": "object", "properties": {"a": {"$ref": "#/$defs/P"}}},
    "alternatives": {"anyOf": [PART, {"type": "number", "exclusiveMaximum": 5}, {"const": "x"}]},
    "one of": {"oneOf": [{"type": "integer"}, {"type": "number", "maximum": 1}]},
    "closed": {**PART, "additionalProperties": False},
}
DOUBTFUL: dict[str, dict[str, object]] = {
    "pattern": {"type": "string", "pattern": "^x$"},
    "format": {"type": "string", "format": "date"},
    "steps": {"type": "number", "multipleOf": 0.1},
    "set": {"type": "array", "items": {"type": "number"}, "uniqueItems": True},
    "float": {"type": "number", "enum": [0.1]},
    "large bound": {"type": "integer", "maximum": 2**60},
    "older": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "string"},
}
keys = st.sampled_from(["a", "b", "c", "d", "q", "z"])
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 6),
    st.sampled_from([1.0, 0.5, 2**60, 1e300, "", "x", "xyz", "wxyz"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=80)
@given(values)
def test_a_fast_yes_is_a_slow_yes(value: object) -> None:
    for schema in PLAIN.values():
        fast = sure.sure_of(schema)
        assert fast is not None
        if fast.fits(value):
            assert Draft202012Validator(schema).is_valid(value)  # type: ignore[arg-type]  # decoded JSON
            assert len(json.dumps(value)) < 1_000 or not fast.shallow


def test_good_values_get_their_yes() -> None:
    record = sure.sure_of(PLAIN["record"])
    assert record is not None
    assert record.shallow
    assert record.fits({"a": "x", "b": 1, "c": None, "d": [{"q": 1.0}]})
    assert not record.fits({"a": "x", "deep": [[[]]]})  # jsonschema takes it; no promise of its depth
    one = sure.sure_of(PLAIN["one of"])
    assert one is not None
    assert not one.shallow
    assert one.fits(0.5)
    assert not one.fits(1)


@pytest.mark.parametrize("schema", DOUBTFUL.values(), ids=DOUBTFUL)
def test_words_that_leave_room_are_left_to_jsonschema(schema: dict[str, object]) -> None:
    assert sure.sure_of(schema) is None
    with pytest.raises(Unsure):
        SchemaOutput(schema).decode_plain("x")


def test_without_the_fast_extra_nothing_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sure.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    assert sure.sure_of(PLAIN["record"]) is None


class Model(BaseModel):
    """A type of the caller's."""

    a: str
    b: float | None = None


@settings(max_examples=80)
@given(values)
def test_what_is_decoded_fast_is_what_is_decoded_slowly(value: object) -> None:
    outputs = [
        *map(SchemaOutput, PLAIN.values()),
        output_for(Model),
        output_for(int),
        output_for(list[float]),
    ]
    for output in outputs:
        try:
            fast = output.decode_plain(value)
        except Unsure:
            continue
        try:
            assert repr(output.decode(value)) == repr(fast)
        except Mismatch as error:
            raise AssertionError(f"{value!r} was let pass: {error}") from error


OPTIONAL = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "c": {"type": "object", "properties": {"x": {"type": "integer"}, "d": {"type": "integer"}}},
        "d": {"type": "array", "items": {"$ref": "#/$defs/E"}},
        "q": {"type": "array", "prefixItems": [{"$ref": "#/$defs/E"}], "items": {"const": None}},
    },
    "required": ["z"],
    "$defs": {"E": {"type": "object", "properties": {"a": {"enum": ["x"]}, "b": {"enum": ["x", None]}}}},
}


def without(value: object, schema: object) -> object:
    """The definition, for the one schema above."""
    assert isinstance(schema, Mapping)
    if schema.get("$ref"):
        schema = OPTIONAL["$defs"]["E"]  # type: ignore[index]  # it is there, above
    assert isinstance(schema, Mapping)
    fields = schema.get("properties")
    if isinstance(value, dict) and isinstance(fields, Mapping) and set(value) <= set(fields):
        kept = {k: v for k, v in value.items() if v is not None or k == "b"}
        return {k: without(v, fields[k]) for k, v in kept.items()}
    if isinstance(value, list) and schema.get("type") == "array":
        ahead = schema.get("prefixItems", [])
        return [without(v, ahead[n] if n < len(ahead) else schema["items"]) for n, v in enumerate(value)]
    return value


@settings(max_examples=80)
@given(
    st.recursive(
        st.one_of(st.none(), st.just("x"), st.just(1)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcdq"), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_nulls_that_mean_not_there_go(value: object) -> None:
    before = repr(value)
    assert Absent(OPTIONAL).dropped(value) == without(value, OPTIONAL)
    assert repr(value) == before
    assert Absent(PLAIN["closed"]).dropped(value) is value

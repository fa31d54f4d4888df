"""Schemas on their way to a vendor and answers on their way back: the shapes that people write by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec

import pytest
from pydantic import BaseModel

from packer import Completion, Item, Layout, Task, render, split
from packer.delimit import HANDLES
from schemas.errors import BadTask, SchemaNotPortable
from schemas.evidence import Match
from schemas.output import Mismatch, SchemaOutput, Unsure, output_for
from schemas.pack import Pack, Slot
from schemas.portable import MOST_DEPTH, portable
from tests.strategies import plain_pack

TEXT = {"type": "string"}


def an_object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def nested(levels: int) -> dict[str, object]:
    made: dict[str, object] = TEXT
    for _ in range(levels):
        made = {"type": "array", "items": made}
    return made


@pytest.mark.parametrize(
    ("schema", "path", "said"),
    [
        (nested(MOST_DEPTH), "$[][][][][][][][]", "deeper than 8 levels; flatten it"),
        (an_object(a=False), "$.a", "nothing is allowed"),
        (an_object(a=True), "$.a", "anything is allowed"),
        (an_object(a={"title": "A"}), "$.a", 'add "type"'),
        ({**an_object(a=TEXT), "additionalProperties": TEXT}, "$", "further free keys"),
        (an_object(a={"enum": []}), "$.a", "allows nothing"),
        (an_object(a={"enum": [["x"]]}), "$.a", "enums are of plain values"),
        (an_object(a={"$ref": "#"}), "$.a", "refers back to itself"),
        (an_object(a={"$ref": "#/$defs/gone"}), "$.a", "leads nowhere"),
        (an_object(a={"$ref": "gone.json"}), "$.a", "leads nowhere"),
        (an_object(a={"allOf": [TEXT, {"minLength": 3}]}), "$.a", "write them out as one"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_place_and_remedy(
    schema: Mapping[str, object], path: str, said: str
) -> None:
    with pytest.raises(SchemaNotPortable) as caught:
        Task.extract("x", schema)
    assert caught.value.path == path
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "sent", "dropped"),
    [
        ({"properties": {"a": TEXT}, "required": ["a"]}, an_object(a=TEXT), ()),  # no type: it has fields
        ({"items": TEXT}, {"type": "array", "items": TEXT}, ()),
        ({"allOf": [{**TEXT, "maxLength": 3}]}, TEXT, ("$: maxLength",)),
        ({**TEXT, "description": "A word."}, {**TEXT, "description": "A word."}, ()),
        (
            {
                "$ref": "#/$defs/W",
                "description": "This one.",
                "$defs": {"W": {**TEXT, "description": "A word."}},
            },
            {**TEXT, "description": "This one."},
            (),
        ),
        ({"oneOf": [TEXT, TEXT]}, TEXT, ()),
        ({"type": ["integer", "null"]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, ()),
        (
            {"enum": [1, "a", True, 0.5, None]},
            {
                "anyOf": [
                    {"type": "integer", "enum": [1]},
                    {"type": "string", "enum": ["a"]},
                    {"type": "boolean", "enum": [True]},
                    {"type": "number", "enum": [0.5]},
                    {"type": "null", "enum": [None]},
                ]
            },
            (),
        ),
        (
            {"enum": [*range(1_001)]},
            {"type": "integer"},
            ("$: enum of 1001 values",),
        ),
        (
            {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False},
            {"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}},
            ("$: prefixItems (positions)",),
        ),
    ],
)
def test_what_is_sent_is_the_common_subset(
    schema: Mapping[str, object], sent: dict[str, object], dropped: tuple[str, ...]
) -> None:
    made = portable(schema)
    if sent.get("type") == "object":
        sent = {**sent, "additionalProperties": False}
    assert made.answer == sent
    assert made.dropped == dropped


def value_of(task: Task[object], reply: str) -> object:
    (found,) = split(plain_pack(1, task=task), Completion(f'{{"{HANDLES[0]}":{reply}}}')).verdicts
    return found.value if found.reason is None else str(found.reason)


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        (TEXT, False),
        ({"type": ["string", "null"]}, True),
        ({"anyOf": [TEXT, {"type": "null"}]}, True),
        ({"const": None}, True),
        ({"enum": ["x", None]}, True),
    ],
)
def test_a_null_goes_where_a_field_may_be_absent_and_takes_none(field: object, kept: bool) -> None:
    task: Task[object] = Task.extract("x", {"type": "object", "properties": {"a": field, "b": TEXT}})
    assert value_of(task, '{"a":null,"b":"x"}') == ({"a": None, "b": "x"} if kept else {"b": "x"})
    inside: Task[object] = Task.extract("x", {"type": "array", "items": task.output.schema})
    assert value_of(inside, '[{"a":null,"b":null}]') == ([{"a": None}] if kept else [{}])


def test_below_what_any_vendor_takes_nulls_stay() -> None:
    deep: dict[str, object] = {"type": "object", "properties": {"a": TEXT}}
    answer: dict[str, object] = {"a": None}
    for _ in range(MOST_DEPTH):
        deep, answer = an_object(a=deep), {"a": answer}
    assert "None" not in str(SchemaOutput(deep).decode(answer))
    with pytest.raises(Mismatch, match="None is not of type 'string'"):
        SchemaOutput(an_object(a=deep)).decode({"a": answer})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (an_object(a=True), {"a": [[[]]]}, {}),  # a field of any kind
        ({"properties": {"a": TEXT}, "type": ["object", "null"]}, None, {"a": 1}),
        ({"type": "integer", "maximum": 10**18}, 10**17, 10**18 + 1),
        ({"type": "array", "prefixItems": [TEXT], "items": {"type": "integer"}}, ["x", 1], ["x", "y"]),
        ({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]}, 3, 7),
        ({"allOf": [{"$ref": "#/$defs/W"}], "$defs": {"W": TEXT}}, "x", 1),
        ({"$ref": "#/definitions/W", "definitions": {"W": {"enum": ["x", None]}}}, None, "y"),
        ({"enum": ["\ud800"]}, "\ud800", "x"),
        ({"type": "nonsense"}, None, None),
    ],
)
def test_the_fast_check_says_yes_to_nothing_that_the_full_one_refuses(
    schema: Mapping[str, object], good: object, bad: object
) -> None:
    output = SchemaOutput(schema)
    for value in (good, bad):
        for found in (quickly(output, value), all_at_once(output, value)):
            if found:
                assert output.decode(value) == value


def quickly(output: SchemaOutput, value: object) -> bool:
    try:
        output.decode_plain(value)
    except Unsure:
        return False
    return True


def all_at_once(output: SchemaOutput, value: object) -> bool:
    return output.decode_all([value, value], nulls=True) is not None


def test_inside_alternatives_a_fast_yes_promises_as_much() -> None:
    pytest.importorskip("jsonschema_rs")
    either = SchemaOutput({"anyOf": [an_object(a={"type": ["integer", "null"]}), {"type": "null"}]})
    assert either.shallow
    assert either.decode_plain({"a": 1}) == {"a": 1}
    with pytest.raises(Unsure):
        either.decode_plain({"a": 1, "more": [[[]]]})  # jsonschema takes it; no promise of its depth
    assert either.decode_all([{"a": 1}, None], nulls=False) is not None
    assert either.decode_all([{"a": 10**18 + 1}], nulls=False) is None  # digits may be lost on the way


def test_without_the_fast_extra_no_type_is_decoded_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    output = output_for(list[int])
    if find_spec("orjson") is not None:
        assert output.decode_plain([1, 2]) == [1, 2]
    monkeypatch.setitem(sys.modules, "orjson", None)
    with pytest.raises(Unsure):
        output.decode_plain([1, 2])
    assert output.decode([1, 2]) == [1, 2]


class Picky(BaseModel):
    a: int

    def model_post_init(self, context: object, /) -> None:
        if self.a == 13:
            raise TypeError("thirteen will not do")


def test_a_type_that_raises_of_its_own_accord_refuses_the_answer() -> None:
    assert value_of(Task.extract("x", Picky), '{"a":13}') == "invalid_value: TypeError: thirteen will not do"


def test_an_example_of_another_type_is_named() -> None:
    assert output_for(int).encode(3) == 3
    with pytest.raises(BadTask, match=r"Example number 0 .* valid integer"):
        Task.extract("x", int, examples=[("three", "three")])


def test_quotes_of_a_list_are_one_for_each_of_its_elements() -> None:
    schema = an_object(names={"type": "array", "items": TEXT}, n={"type": "integer"}, ok={"type": "boolean"})
    text = "Ada and Bo were 2"
    example = ("Cy and Di", {"names": ["Cy", "Eve"], "n": 9, "ok": True})
    task = Task.extract("Who.", schema, evidence=True, examples=[example])
    pack = Pack("p0", task, (Slot(Item(0, text), HANDLES[0]),), "abcdefghijklmn", Layout())
    shown = render(pack, max_output_tokens=99)
    assert '"quotes":{"names":["Cy"],"n":null,"ok":null}' in shown.messages[0].content
    answer = {"quotes": {"names": ["Ada", "Bo"]}, "value": {"names": ["Ada", "Bo"], "n": 2, "ok": True}}
    (found,) = split(pack, Completion(json.dumps({HANDLES[0]: answer}))).verdicts
    assert [(quote.text, quote.match) for quote in found.quotes] == [
        ("Ada", Match.EXACT),
        ("Bo", Match.EXACT),
    ]

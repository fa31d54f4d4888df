"""Tasks and outputs: what is accepted, what comes back, and what is refused with which words."""

from __future__ import annotations

import dataclasses
import enum
from typing import Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, field_validator

from packer import Completion, Task, split
from schemas.errors import BadTask, SchemaNotPortable, UsageError
from schemas.portable import portable
from schemas.settings import Budget, Fallback, Layout, Limits
from tests.strategies import pack_of, plain_pack

MAP = {"type": "object", "additionalProperties": {"type": "integer"}}


class Line(BaseModel):
    name: str = Field(min_length=1)
    amount: float = Field(ge=0)
    note: str | None = None
    tags: list[Literal["new", "old"]] = []

    @field_validator("name")
    @classmethod
    def no_shouting(cls, value: str) -> str:
        if value.isupper():
            raise ValueError("do not shout")
        return value


class Size(enum.Enum):
    S = "small"
    L = "large"


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Node(BaseModel):
    children: list[Node]


def answered(task: Task[object], reply: str) -> object:
    (verdict,) = split(plain_pack(1, task=task), Completion(f'{{"item_1":{reply}}}')).verdicts
    return verdict.value if verdict.reason is None else str(verdict.reason)


@pytest.mark.parametrize(
    ("output", "reply", "expected"),
    [
        (int, "3", 3),
        (int, '"3"', "invalid_value: $: Input should be a valid integer"),
        (int, "true", "invalid_value: $: Input should be a valid integer"),
        (Literal["a", "b"], '"b"', "b"),
        (list[str], '["x"]', ["x"]),
        (Size, '"large"', Size.L),
        (Point, '{"x":1,"y":2}', Point(1, 2)),
        (Line, '{"name":"n","amount":2,"note":null,"tags":null}', Line(name="n", amount=2)),
        (Line, '{"name":"N","amount":2}', "invalid_value: $.name: Value error, do not shout"),
        (
            Line,
            '{"name":"n","amount":-1}',
            "invalid_value: $.amount: Input should be greater than or equal to 0",
        ),
        ({"type": "integer", "minimum": 5}, "7", 7),
        ({"type": "integer", "minimum": 5}, "3", "invalid_value: $: 3 is less than the minimum of 5"),
        (tuple[int, str], '[1,"a"]', (1, "a")),
    ],
)
def test_values_come_back_as_the_type(output: object, reply: str, expected: object) -> None:
    assert answered(Task.extract("It.", output), reply) == expected


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Task.classify("", ["a", "b"]), "instruction is empty"),
        (lambda: Task.classify("x", ["a"]), "at least two"),
        (lambda: Task.classify("x", ["a", "a"]), "'a' occurs twice"),
        (lambda: Task.classify("x", ["a", ""]), "non-empty"),
        (lambda: Task.classify("x", "ab"), "one string"),
        (lambda: Task.classify("x", ["a", "b"], examples=[("t", "c")]), "Example number 0"),
        (lambda: Task.classify("x", ["a", "b"], examples=["t"]), "not a .text, answer. pair"),
        (lambda: Task.extract("x", {"type": "nonsense"}), "not a valid JSON schema"),
        (lambda: Task.extract("x", "not a type at all!"), "neither a JSON schema"),
        (lambda: Task.extract("x", dict[str, int]), "free keys"),
        (lambda: Task.extract("x", Node), "refers back to itself"),
        (lambda: Task.extract("x", {}), "anything is allowed"),
        (lambda: Task.extract("x", {"type": "array"}), "what it holds"),
        (lambda: Task.extract("x", {"$ref": "http://elsewhere/s.json"}), "leads nowhere"),
        (lambda: Budget(items=0), "above zero"),
        (lambda: Budget(items=1000), "at most 128"),
        (lambda: Limits(concurrency=0), "above zero"),
        (lambda: Fallback(repacks=-1), "negative"),
        (lambda: Layout(envelope="xml"), "'keyed', 'array'"),  # type: ignore[arg-type]
    ],
)
def test_mistakes_are_refused_with_words(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=said):
        make()


def portable_everywhere(schema: object) -> bool:
    """The subset both vendors accept, checked by a second pair of eyes."""
    if isinstance(schema, list):
        return all(map(portable_everywhere, schema))
    if not isinstance(schema, dict):
        return True
    if "anyOf" in schema:
        return set(schema) == {"anyOf"} and portable_everywhere(schema["anyOf"])
    kind = schema["type"]
    if kind == "object":
        return (
            schema["additionalProperties"] is False
            and schema["required"] == list(schema["properties"])
            and all(map(portable_everywhere, schema["properties"].values()))
        )
    if kind == "array":
        return portable_everywhere(schema["items"])
    return set(schema) <= {"type", "enum", "description"}


@pytest.mark.parametrize(
    "output", [Line, list[Line], Point, Size, int, tuple[int, str], Line | Point, set[int]]
)
def test_portable_schemas_are_in_the_common_subset(output: object) -> None:
    task = Task.extract("x", output)
    answer = task.output.portable.answer
    assert portable_everywhere(answer)
    Draft202012Validator.check_schema(answer)


def test_the_sdk_of_the_stricter_vendor_takes_the_envelope() -> None:
    from anthropic import transform_schema

    from packer import render

    prompt = render(pack_of("t", task=Task.extract("x", Line)), max_output_tokens=9)
    assert transform_schema(dict(prompt.reply_schema))["required"]


def test_what_is_dropped_is_listed_and_the_input_is_left_alone() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    before = repr(schema)
    assert portable(schema).dropped == ("$.n: minimum",)
    assert repr(schema) == before


def test_field_names_that_look_like_keywords_survive() -> None:
    names = ["properties", "$ref", "title", "default", "required", "type", "enum", "anyOf"]
    schema = {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": names}
    made = portable(schema).answer
    assert list(made["properties"]) == names  # type: ignore[call-overload]


def test_huge_label_sets_fall_back_to_plain_strings() -> None:
    task = Task.classify("x", [f"label {i}" for i in range(1_500)])
    assert task.output.portable.answer == {"type": "string"}
    assert answered(task, '"label 7"') == "label 7"


def test_a_map_is_refused_with_a_remedy() -> None:
    with pytest.raises(SchemaNotPortable, match=r"list of .key, value. objects") as caught:
        Task.extract("x", {"type": "object", "properties": {"m": MAP}, "required": ["m"]})
    assert caught.value.path == "$.m"


def test_fingerprints_follow_the_content() -> None:
    def make(note: str = "x") -> Task[str]:
        return Task.classify(note, ["a", "b"], examples=[("t", "a")])

    assert make().fingerprint == make().fingerprint
    assert make().fingerprint != make("y").fingerprint
    with pytest.raises(BadTask):
        make(" ")


def test_optional_fields_become_nullable_and_required_ones_do_not() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "required": ["a"],
    }
    made = portable(schema).answer["properties"]
    assert made == {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    assert answered(Task.extract("x", schema), '{"a":1,"b":null}') == {"a": 1}


def test_case_is_forgiven_only_where_one_label_fits() -> None:
    task = Task.classify("Who?", ["US", "us", "Them"])
    assert [answered(task, f'"{each}"') for each in ("US", "us", " them ")] == ["US", "us", "Them"]
    assert answered(task, '"Us"') == "invalid_value: 'Us' is not one of the labels"
    several = Task.classify("Who?", ["US", "us", "Them"], multi=True)
    assert answered(several, '["THEM","us","Them"]') == ["us", "Them"]
    assert answered(several, '"us"') == "invalid_value: expected a list of labels, got 'us'"

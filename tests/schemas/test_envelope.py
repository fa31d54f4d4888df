"""The reply's outer schema: what it is the same for, what it holds, and when there is none."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from packer import Task
from packer.delimit import HANDLES
from packer.render import packed_reply
from schemas.envelope import reply_schema
from schemas.pack import SINGLE_HANDLE
from schemas.settings import Binding, Envelope, Layout
from tests.strategies import SENTIMENT

NOTES = Task.extract("The sum.", {"type": "number"}, evidence=True)
BINDINGS: tuple[Binding, ...] = ("none", "seal", "words", "quote")


def schemas_of(envelope: Envelope, binding: Binding = "none") -> set[str]:
    """The schemas of packs of many sizes, as they go over the wire."""
    layout = Layout(envelope=envelope, binding=binding)
    return {json.dumps(reply_schema(SENTIMENT, HANDLES[:n], layout)) for n in (1, 2, 3, 10, 64, 128)}


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_list_has_one_schema_for_all_packs_of_a_run(binding: Binding) -> None:
    (schema,) = schemas_of("array", binding)
    assert not [handle for handle in HANDLES if handle in schema]
    assert len(schemas_of("keyed", binding)) == 6


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize("envelope", ["keyed", "array"])
def test_a_perfect_reply_fits_its_schema(envelope: Envelope, binding: Binding) -> None:
    layout = Layout(envelope=envelope, binding=binding)
    reply = packed_reply(dict.fromkeys(HANDLES[:3], "neutral"), layout, dict.fromkeys(HANDLES, "x"))
    check = Draft202012Validator(reply_schema(SENTIMENT, HANDLES[:3], layout))
    assert check.is_valid(json.loads(reply))
    assert not check.is_valid(json.loads(reply.replace("neutral", "meh")))


@pytest.mark.parametrize("task", [SENTIMENT, NOTES])
@pytest.mark.parametrize("binding", BINDINGS)
def test_lines_are_held_to_nothing(task: Task[object], binding: Binding) -> None:
    layout = Layout(envelope="lines", binding=binding)
    assert reply_schema(task, HANDLES[:5], layout) == {}
    assert reply_schema(task, [SINGLE_HANDLE], layout) == {}


def test_an_item_alone_has_one_key_elsewhere() -> None:
    assert list(reply_schema(SENTIMENT, [SINGLE_HANDLE], Layout())["properties"]) == [SINGLE_HANDLE]  # type: ignore[call-overload]  # a mapping, as its type cannot say

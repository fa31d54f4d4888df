"""Probes of the fault server: only one that constrains its replies gives the one value a schema allows."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from packer import Budget, Layout, UsageError, plan, render
from packer.testing import FaultServer, FaultyClient, ScriptedClient
from packer.testing.constrained import only_value
from tests.packer.testing.test_wires import ASKED, TRUTH, sdks
from tests.strategies import SENTIMENT

HELLO = [{"role": "user", "content": "Say hello in one short sentence."}]


def closed(properties: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


ANSWER = {"$ref": "#/$defs/Answer"}
KEYED = closed({"a": ANSWER, "b": ANSWER}, **{"$defs": {"Answer": {"type": "string", "enum": ["kestrel"]}}})
ONE = closed({"results": {"const": 7}})


def chat(sdk: openai.OpenAI, schema: object) -> str:
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    said = sdk.chat.completions.create(model="any", messages=HELLO, response_format=form)
    return said.choices[0].message.content


def respond(sdk: openai.OpenAI, schema: object) -> str:
    form = {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": schema}}
    return sdk.responses.create(model="any", input=HELLO, text=form).output_text


def message(sdk: anthropic.Anthropic, schema: object) -> str:
    form = {"format": {"type": "json_schema", "schema": schema}}
    asked = {"model": "any", "max_tokens": 9, "messages": HELLO, "output_config": form}
    return sdk.messages.create(**asked).content[0].text


WIRES = [
    pytest.param(chat, "openai", "response_format", id="chat"),
    pytest.param(respond, "openai", "text.format", id="responses"),
    pytest.param(message, "anthropic", None, id="anthropic"),
]


@pytest.mark.parametrize("answers", [TRUTH, ScriptedClient(lambda text: "good")], ids=["table", "client"])
@pytest.mark.parametrize(("ask", "name", "param"), WIRES)
def test_a_probe_is_answered_by_what_the_server_is(answers, ask, name, param) -> None:  # type: ignore[no-untyped-def]
    with FaultServer(answers) as server, sdks(server) as sdk:
        assert json.loads(ask(getattr(sdk, name), KEYED)) == {"a": "kestrel", "b": "kestrel"}
        (served,) = server.ledger.served
        assert (served.texts, served.status) == ((), 200)
        assert served.prompt_tokens > 0
    with FaultServer(answers, constrained=False) as server, sdks(server) as sdk:
        assert ask(getattr(sdk, name), KEYED) == "Hello!"
        assert not sdk.anthropic.models.retrieve("x").capabilities.structured_outputs.supported
    with FaultServer(answers, constrained="array") as server, sdks(server) as sdk:
        assert json.loads(ask(getattr(sdk, name), ONE)) == {"results": 7}
        with pytest.raises(
            (openai.BadRequestError, anthropic.BadRequestError), match="too complex"
        ) as raised:
            ask(getattr(sdk, name), KEYED)
        assert getattr(raised.value, "param", None) == param
    with FaultServer(answers, constrained="refuse") as server, sdks(server) as sdk:
        with pytest.raises(
            (openai.BadRequestError, anthropic.BadRequestError), match="json_schema is not supported"
        ) as raised:
            ask(getattr(sdk, name), ONE)
        assert getattr(raised.value, "param", None) == param
        (served,) = server.ledger.served
        assert (served.texts, served.status) == ((), 400)


def test_a_refusal_in_chat_is_worded_as_openai_does() -> None:
    with FaultServer(TRUTH, constrained="refuse") as server, sdks(server) as sdk:
        with pytest.raises(openai.BadRequestError) as raised:
            chat(sdk.openai, ONE)
        assert raised.value.body == {
            "message": "response_format json_schema is not supported",
            "type": "invalid_request_error",
            "param": "response_format",
            "code": "unsupported_parameter",
        }
        said = sdk.openai.chat.completions.create(model="any", messages=[{"role": "user", "content": ASKED}])
        assert "good" in said.choices[0].message.content


@pytest.mark.parametrize("constrained", [True, False, "array", "refuse"])
@pytest.mark.parametrize("envelope", ["keyed", "array"])
def test_items_are_answered_by_the_script(constrained, envelope) -> None:  # type: ignore[no-untyped-def]
    texts = [f"Remark {n}." for n in range(4)]
    truth = dict.fromkeys(texts, "neutral")
    packs = plan(texts, SENTIMENT, layout=Layout(envelope=envelope), budget=Budget(items=4)).packs
    prompt = render(packs[0], max_output_tokens=99)
    passes = constrained in (True, False) or (constrained == "array" and envelope == "array")
    for answers in (truth, FaultyClient(truth)):
        with FaultServer(answers, constrained=constrained) as server, sdks(server) as sdk:
            form = {"name": "x", "schema": prompt.reply_schema}
            asked = {
                "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
                "response_format": {"type": "json_schema", "json_schema": form},
            }
            if passes:
                said = sdk.openai.chat.completions.create(model="any", **asked)
                assert said.choices[0].message.content.count('"neutral"') == 4
                assert sorted(server.ledger.served[0].texts) == texts
            else:
                with pytest.raises(openai.BadRequestError):
                    sdk.openai.chat.completions.create(model="any", **asked)


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (KEYED, ({"a": "kestrel", "b": "kestrel"},)),
        (closed({"x": closed({"y": {"const": None}})}), ({"x": {"y": None}},)),
        ({"enum": [1]}, (1,)),
        ({"$ref": "#/$defs/X", "$defs": {"X": ONE}}, ({"results": 7},)),
        ({}, ()),
        (closed({}), ()),
        ({"enum": [1, 2]}, ()),
        ({"type": "string"}, ()),
        ({**ONE, "required": []}, ()),
        ({**ONE, "additionalProperties": True}, ()),
        (closed({"x": {"type": "array", "items": {"const": 1}}}), ()),
        (closed({"x": {"$ref": "#"}}), ()),
        ({"$ref": "#"}, ()),
        ({"$ref": "#/$defs/Gone"}, ()),
    ],
)
def test_one_value_is_found_where_a_schema_allows_no_other(
    schema: dict[str, object], values: tuple[object, ...]
) -> None:
    assert only_value(schema) == values


def test_the_servers_kind_is_checked() -> None:
    with pytest.raises(UsageError, match="constrained='maybe'"):
        FaultServer(TRUTH, constrained="maybe")  # type: ignore[arg-type]

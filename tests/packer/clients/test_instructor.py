"""The real instructor library around the real SDKs, against a loopback server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel, field_validator

from packer import Completion, FinishReason, Outcome, Task, UsageError, pack_and_run
from packer.clients.anthropic import AnthropicMessages
from packer.clients.openai import OpenAIChat
from packer.clients.openai_responses import OpenAIResponses
from packer.run.live.loop import run_to_end
from packer.testing import FaultServer, ScriptedClient, WireFault
from schemas.chat import Message, Prompt
from schemas.errors import AccessDenied, ClientError, RateLimited, Unreachable
from schemas.facts import ModelFacts
from schemas.usage import Usage
from tests.strategies import SENTIMENT

instructor = pytest.importorskip("instructor")
ours = pytest.importorskip("packer.clients.instructor")

KEY = "sk-canary-0123"
CONSTRAINED = ModelFacts(structured=True)
USED = Usage(11, 3, 5)
OPENED: list[openai.OpenAI] = []
TEXTS = [f"tweet {'!' * i}" for i in range(5)]
SCHEMA = {
    "type": "object",
    "properties": {"item_1": {"type": "string"}, "item_2": {"type": "string"}},
    "required": ["item_1", "item_2"],
    "additionalProperties": False,
}
PROMPT = Prompt((Message("system", "Label."), Message("user", "a, b {{ c }}")), SCHEMA, 50)
FREE = Prompt(PROMPT.messages, {}, 50)
SAID = '{"item_1":"x","item_2":7}'
"""Breaks the schema: a string was wanted."""


def label(text: str) -> str:
    return "positive" if len(text) % 2 else "negative"


class Mood(BaseModel):
    """The model of an instructor user, with a validator."""

    mood: str

    @field_validator("mood")
    @classmethod
    def no_grey(cls, value: str) -> str:
        if value == "grey":
            raise ValueError("grey is no mood")
        return value


MOODS = {text: {"mood": "grey" if text == TEXTS[2] else f"m{at}"} for at, text in enumerate(TEXTS)}
MOOD_TASK = Task.extract("The mood.", Mood)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Instructor logs each failed call as an error, which would drown what a failing test says."""
    logging.getLogger("instructor").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("instructor").setLevel(logging.NOTSET)
    while OPENED:
        OPENED.pop().close()


def chat_sdk(server: FaultServer, **more: Any) -> openai.OpenAI:
    sdk = openai.OpenAI(base_url=server.url, api_key=KEY, **more)
    OPENED.append(sdk)
    return sdk


def with_schema(request: dict[str, Any]) -> dict[str, Any]:
    """The request, with a tool's schema also where the server looks for one; a key is for the client."""
    request = {name: value for name, value in request.items() if name != "api_key"}
    tools = request.get("tools")
    if not tools:
        return request
    told = {"json_schema": {"schema": tools[0]["function"]["parameters"]}}
    return {**request, "extra_body": {"response_format": told}}


def opaque(server: FaultServer, mode: str = "TOOLS", *, blocking: bool = True, **more: Any) -> Any:
    """An instructor client around a function of the caller's own: nothing to unwrap."""
    mode = instructor.Mode[mode]
    if blocking:
        sdk = chat_sdk(server, max_retries=0)

        def create(**request: Any) -> Any:
            return sdk.chat.completions.create(**with_schema(request))

        patched = instructor.patch(create=create, mode=mode)
        return instructor.Instructor(client=None, create=patched, mode=mode, **more)

    async def acreate(**request: Any) -> Any:
        async with openai.AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as sdk:
            return await sdk.chat.completions.create(**with_schema(request))

    patched = instructor.patch(create=acreate, mode=mode)
    return instructor.AsyncInstructor(client=None, create=patched, mode=mode, **more)


def as_tool_call(request: Mapping[str, object], body: Mapping[str, object]) -> Mapping[str, object]:
    """What a model answers that was made to call a tool."""
    if not request.get("tools"):
        return body
    choices: Any = body["choices"]
    (choice,) = choices
    text = choice["message"]["content"]
    function = {"name": "Packed", "arguments": text}
    call = {"id": "call_1", "type": "function", "function": function}
    finish = "tool_calls" if choice["finish_reason"] == "stop" else choice["finish_reason"]
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {**body, "choices": [{"index": 0, "finish_reason": finish, "message": message}]}


def tool_reply(arguments: str, finish: str = "tool_calls", **message: object) -> WireFault:
    call = {"id": "c", "type": "function", "function": {"name": "Packed", "arguments": arguments}}
    said = {"role": "assistant", "content": None, "tool_calls": [call], **message}
    return chat_reply(said, finish)


def chat_reply(message: Mapping[str, object], finish: str = "stop") -> WireFault:
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 5,
        "total_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    choices = [{"index": 0, "finish_reason": finish, "message": message}]
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return WireFault(200, {**head, "choices": choices, "usage": usage})


def asked(client: Any, prompt: Prompt = PROMPT) -> Completion:
    async def ask() -> Completion:
        done = await client.complete(prompt)
        assert isinstance(done, Completion)
        return done

    return asyncio.run(ask())


def answers(fault: WireFault, mode: str = "TOOLS", prompt: Prompt = PROMPT) -> Completion:
    with FaultServer(ScriptedClient(label)) as server:
        server.faults.append(fault)
        done = asked(ours.InstructorClient(opaque(server, mode), "m"), prompt)
        assert len(server.requests) == 1
    return done


# The plain SDK inside: it is asked itself.


@pytest.mark.parametrize("mode", ["TOOLS", "JSON", "JSON_SCHEMA", "MD_JSON"])
@pytest.mark.parametrize("blocking", [True, False], ids=["sync", "async"])
def test_an_openai_client_inside_is_asked_with_our_strict_schema(mode: str, blocking: bool) -> None:
    kind = openai.OpenAI if blocking else openai.AsyncOpenAI
    with FaultServer(ScriptedClient(label)) as server:
        sdk = kind(base_url=server.url, api_key=KEY)
        client = instructor.from_openai(sdk, mode=instructor.Mode[mode], temperature=0.5, max_tokens=9)
        run = pack_and_run(TEXTS, SENTIMENT, client=client, model="openai/gpt-test")
        close: Any = sdk.close
        close() if blocking else run_to_end(close())
    assert run.values == [label(text) for text in TEXTS]
    for request in server.requests:
        assert request["response_format"]["json_schema"]["strict"] is True  # type: ignore[index]
        assert (request["model"], request["temperature"]) == ("gpt-test", 0.5)
        assert "tools" not in request
        assert request["max_tokens"] > 100  # type: ignore[operator]  # theirs was for one answer


def test_an_openai_client_in_responses_mode_is_asked_by_responses() -> None:
    with FaultServer(ScriptedClient(label)) as server:
        client = instructor.from_openai(
            chat_sdk(server), mode=instructor.Mode.RESPONSES_TOOLS, model="m", reasoning={"effort": "low"}
        )
        run = pack_and_run(TEXTS, SENTIMENT, client=client)
    assert run.values == [label(text) for text in TEXTS]
    assert server.seen[-1].place.endswith("/responses")
    assert server.requests[-1]["text"]["format"]["strict"] is True  # type: ignore[index]
    assert server.requests[-1]["reasoning"] == {"effort": "low"}


def test_an_anthropic_client_inside_is_asked_with_our_schema() -> None:
    with FaultServer(ScriptedClient(label)) as server:
        sdk = anthropic.Anthropic(base_url=server.root_url, api_key=KEY)
        client = instructor.from_anthropic(sdk, max_tokens=9, service_tier="auto")
        run = pack_and_run(TEXTS, SENTIMENT, client=client, model="anthropic/claude-test")
        sdk.close()
    assert run.values == [label(text) for text in TEXTS]
    sent = server.requests[-1]
    assert sent["output_config"]["format"]["type"] == "json_schema"  # type: ignore[index]
    assert (sent["model"], sent["service_tier"]) == ("claude-test", "auto")
    assert sent["max_tokens"] > 100  # type: ignore[operator]


def test_which_model_is_asked_and_by_which_api() -> None:
    sdk = openai.OpenAI(api_key=KEY, max_retries=7)

    def made(asked_for: str = "", inner: Any = sdk, **more: Any) -> Any:
        return ours.around(instructor.from_openai(inner, **more), asked_for, None)

    assert made("openai/a").name == "a"
    assert made("vendor/a").name == "vendor/a"
    assert made("a", model="b").name == "a"
    assert made(model="b").name == "b"
    assert isinstance(made("a"), OpenAIChat)
    assert isinstance(made("openai-responses/a"), OpenAIResponses)
    assert made("a").max_retries == 7
    azure = openai.AzureOpenAI(api_key=KEY, azure_endpoint="http://127.0.0.1:9", api_version="1")
    assert made("azure/a", azure).provider == "azure"
    named = instructor.from_provider("openai/gpt-5-mini", api_key=KEY)
    assert ours.around(named, "", None).name == "gpt-5-mini"
    claude = instructor.from_provider("anthropic/claude-x", api_key=KEY)
    assert isinstance(ours.around(claude, "", None), AnthropicMessages)
    with pytest.raises(UsageError, match="model="):
        made()


def test_what_is_not_instructors_own_call_of_the_sdk_goes_through_instructor() -> None:
    sdk = openai.OpenAI(api_key=KEY)
    wrapped = instructor.Instructor(client=sdk, create=instructor.patch(create=lambda **_: None))
    claude = anthropic.Anthropic(api_key=KEY)
    for client in (
        wrapped,
        instructor.from_anthropic(claude, beta=True),
        instructor.from_anthropic(claude, system="Be brief."),
        instructor.from_litellm(lambda **_: None),
    ):
        assert isinstance(ours.around(client, "m", None), ours.InstructorClient)
    parallel = instructor.from_anthropic(claude, mode=instructor.Mode.PARALLEL_TOOLS, beta=True)
    with pytest.raises(UsageError, match="parallel"):
        ours.around(parallel, "m", None)


# Through instructor.


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
@pytest.mark.parametrize("blocking", [True, False], ids=["sync", "async"])
def test_a_run_through_instructor(mode: str, blocking: bool) -> None:
    with FaultServer(ScriptedClient(label), wrap=as_tool_call) as server:
        client = ours.around(opaque(server, mode, blocking=blocking), "m", CONSTRAINED)
        run = pack_and_run(TEXTS, SENTIMENT, client=client)
    assert run.values == [label(text) for text in TEXTS]
    assert run.ledger.calls == len(server.requests) == 1
    assert run.ledger.usage.input_tokens
    (sent,) = server.requests
    schema = sent["response_format"]["json_schema"]["schema"]  # type: ignore[index]
    assert schema["additionalProperties"] is False
    assert ("tools" in sent) is (mode == "TOOLS")


@pytest.mark.parametrize("way", ["direct", "TOOLS", "JSON_SCHEMA"])
def test_a_users_validator_costs_its_own_item_only(way: str) -> None:
    with FaultServer(MOODS, texts=TEXTS, wrap=None if way == "direct" else as_tool_call) as server:
        made = instructor.from_openai(chat_sdk(server)) if way == "direct" else opaque(server, way)
        run = pack_and_run(TEXTS, MOOD_TASK, client=ours.around(made, "m", CONSTRAINED))
    assert len(server.requests) > 1
    assert server.requests[0]["messages"] != server.requests[-1]["messages"]
    for at, result in enumerate(run.results):
        if at == 2:
            assert result.outcome is not Outcome.ACCEPTED
            assert "grey is no mood" in str(result.reason)
        else:
            assert result.value == Mood(mood=f"m{at}")


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_a_bad_item_goes_down_the_ladder_and_its_neighbours_stay(mode: str) -> None:
    turns = iter([lambda reply: reply.replace("negative", "purple", 1)])

    def spoil(_: Prompt, reply: str) -> str:
        turn: Callable[[str], str] | None = next(turns, None)
        return turn(reply) if turn else reply

    with FaultServer(ScriptedClient(label, spoil=spoil), wrap=as_tool_call) as server:
        run = pack_and_run(TEXTS, SENTIMENT, client=ours.around(opaque(server, mode), "m", CONSTRAINED))
    assert run.values == [label(text) for text in TEXTS]
    assert len(server.requests) == 2


def test_the_model_is_told_our_schema_and_its_messages_as_they_are() -> None:
    with FaultServer(ScriptedClient(label)) as server:
        server.faults.append(tool_reply(SAID))
        asked(ours.InstructorClient(opaque(server, max_tokens=7), "m"))
    (sent,) = server.requests
    assert sent["tools"][0]["function"]["parameters"] == SCHEMA  # type: ignore[index]
    assert sent["messages"][1]["content"] == "a, b {{ c }}"  # type: ignore[index]
    assert sent["max_tokens"] == PROMPT.max_output_tokens


REPEATED = '{"item_1":"a","item_1":"b","item_2":"c"}'


@pytest.mark.parametrize(
    ("mode", "fault", "text", "finish"),
    [
        ("TOOLS", tool_reply(SAID), SAID, FinishReason.STOP),
        ("TOOLS", tool_reply(REPEATED), REPEATED, FinishReason.STOP),
        ("TOOLS", tool_reply('{"item_1":"x', "length"), '{"item_1":"x', FinishReason.LENGTH),
        ("TOOLS", tool_reply("garbage"), "garbage", FinishReason.STOP),
        ("TOOLS", tool_reply("[1]"), "[1]", FinishReason.STOP),
        ("TOOLS", chat_reply({"role": "assistant", "content": "prose"}), "prose", FinishReason.STOP),
        (
            "TOOLS",
            chat_reply({"role": "assistant", "content": None, "refusal": "No."}),
            "",
            FinishReason.REFUSAL,
        ),
        (
            "JSON",
            chat_reply({"role": "assistant", "content": SAID}, "length"),
            SAID,
            FinishReason.LENGTH,
        ),
        (
            "MD_JSON",
            chat_reply({"role": "assistant", "content": f"Here:\n```json\n{SAID}\n```"}),
            json.dumps(json.loads(SAID)),
            FinishReason.STOP,
        ),
        (
            "JSON_SCHEMA",
            chat_reply({"role": "assistant", "content": "garbage"}, "content_filter"),
            "garbage",
            FinishReason.CONTENT_FILTER,
        ),
    ],
    ids=["good", "repeated", "cut", "garbage", "list", "prose", "refusal", "cut JSON", "fence", "filter"],
)
def test_whatever_came_is_kept(mode: str, fault: WireFault, text: str, finish: FinishReason) -> None:
    assert answers(fault, mode) == Completion(text, finish, USED, "m")


def test_without_a_schema_the_text_is_read() -> None:
    done = answers(chat_reply({"role": "assistant", "content": "a\nb"}), "TOOLS", FREE)
    assert done == Completion("a\nb", FinishReason.STOP, USED, "m")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, None, AccessDenied),
        (429, None, RateLimited),
        (500, None, Unreachable),
        (0, None, Unreachable),
        (400, "odd", ClientError),
    ],
)
@pytest.mark.parametrize("prompt", [PROMPT, FREE], ids=["schema", "free"])
def test_errors_are_the_sdks_own(
    status: int, code: str | None, kind: type[ClientError], prompt: Prompt
) -> None:
    body = {"error": {"message": f"your key {KEY} is odd", "code": code}}
    with FaultServer(ScriptedClient(label)) as server:
        server.faults.append(WireFault(status, body, {"retry-after": "3"}))
        client = ours.InstructorClient(opaque(server, api_key=KEY), "m")
        with pytest.raises(kind) as caught:
            asked(client, prompt)
    assert len(server.requests) == 1
    assert caught.value.status == (status or None)
    assert KEY not in str(caught.value)
    assert not caught.value.original or KEY not in str(caught.value.original)
    if status == 429:
        assert caught.value.retry_after_s == 3


def test_a_filtered_prompt_is_a_filtered_reply() -> None:
    body = {"error": {"message": "no", "code": "content_filter"}}
    assert answers(WireFault(400, body)).finish_reason is FinishReason.CONTENT_FILTER


def test_the_sdks_own_retries_are_off_for_the_call_and_on_again_after_it() -> None:
    with FaultServer(ScriptedClient(label)) as server, chat_sdk(server, max_retries=4) as sdk:
        create = instructor.patch(create=lambda **request: sdk.chat.completions.create(**request))
        client = ours.around(instructor.Instructor(client=sdk, create=create), "m", None)
        server.faults.append(WireFault(500, {"error": {"message": f"{KEY} down"}}))
        with pytest.raises(Unreachable) as caught:
            asked(client)
        assert len(server.requests) == 1
        assert (client.max_retries, sdk.max_retries) == (4, 4)
    assert "*** down" in str(caught.value)


def claude_reply(stop: str, *content: Mapping[str, object]) -> WireFault:
    head = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_sequence": None}
    usage = {"input_tokens": 4, "output_tokens": 2, "cache_read_input_tokens": 1}
    return WireFault(200, {**head, "content": list(content), "stop_reason": stop, "usage": usage})


@pytest.mark.parametrize(
    ("prompt", "fault", "text", "finish"),
    [
        (
            PROMPT,
            claude_reply(
                "tool_use", {"type": "tool_use", "id": "t", "name": "Packed", "input": json.loads(SAID)}
            ),
            json.dumps(json.loads(SAID)),
            FinishReason.STOP,
        ),
        (
            PROMPT,
            claude_reply(
                "max_tokens", {"type": "tool_use", "id": "t", "name": "Packed", "input": {"item_1": "x"}}
            ),
            '{"item_1": "x"}',
            FinishReason.LENGTH,
        ),
        (PROMPT, claude_reply("end_turn", {"type": "text", "text": "prose"}), "prose", FinishReason.STOP),
        (FREE, claude_reply("end_turn", {"type": "text", "text": "a\nb"}), "a\nb", FinishReason.STOP),
    ],
    ids=["tool", "cut", "prose", "free"],
)
def test_anthropics_form_through_instructor(
    prompt: Prompt, fault: WireFault, text: str, finish: FinishReason
) -> None:
    with FaultServer(ScriptedClient(label)) as server:
        sdk = anthropic.Anthropic(base_url=server.root_url, api_key=KEY)
        client = ours.around(instructor.from_anthropic(sdk, beta=True, model="c"), "", None)
        server.faults.append(fault)
        done = asked(client, prompt)
        sdk.close()
    assert client.name == "c"
    assert done == Completion(text, finish, Usage(5, 1, 2), "c")
    assert [m["role"] for m in server.requests[0]["messages"]] == ["user"]  # type: ignore[attr-defined]


def test_hooks_are_called_on_this_way_only_once_each() -> None:
    heard: list[str] = []
    with FaultServer(ScriptedClient(label)) as server:
        made = opaque(server)
        made.on("completion:kwargs", lambda **_: heard.append("kwargs"))
        made.on("completion:response", lambda _: heard.append("response"))
        server.faults.append(tool_reply(SAID))
        asked(ours.InstructorClient(made, "m"))
    assert heard == ["kwargs", "response"]


@pytest.mark.parametrize(("holds", "found"), [(True, "keyed"), (False, "lines")])
def test_what_a_mode_can_be_held_to_is_found_out_once(holds: bool, found: str) -> None:
    with FaultServer(ScriptedClient(label), wrap=as_tool_call, constrained=holds) as server:
        made = opaque(server)
        for again in (False, True):
            client = ours.InstructorClient(made, "m")
            best, used = asyncio.run(client.envelope("keyed"))
            assert best == found
            assert bool(used) is not again
    assert asyncio.run(ours.InstructorClient(made, "gpt-4o", facts=ModelFacts()).facts()).context_tokens


def test_an_object_of_no_known_form() -> None:
    class Odd:
        text = None

    made = instructor.Instructor(client=None, create=lambda **_: Odd(), mode=instructor.Mode.TOOLS)
    client = ours.InstructorClient(made)
    assert client.name == "instructor/openai"
    with pytest.raises(ClientError, match="no text to read"):
        asked(client, FREE)
    Odd.text = "said"  # type: ignore[assignment]
    assert asked(client, FREE) == Completion("said")
    with pytest.raises(ClientError):  # no completion comes with it: its reply is not instructor's
        asked(client)

"""The fault server's wires, read by the real SDKs: what a client says is what an SDK of the vendor reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace

import anthropic
import openai
import pytest

from packer.testing import FaultServer, ScriptedClient, WireFault
from packer.testing.wire_anthropic import CHUNK_CHARACTERS, body_of, model_body
from schemas.chat import Completion, FinishReason
from schemas.usage import Usage

ASKED = "Great."
USER = [{"role": "user", "content": ASKED}]
TRUTH = {ASKED: "good"}
USED = Usage(100, 60, 20, 30, 7)


def saying(completion: Completion) -> FaultServer:
    return FaultServer(ScriptedClient(spoil=lambda prompt, text: completion))


@contextmanager
def sdks(server: FaultServer) -> Iterator[SimpleNamespace]:
    """One client of each kind, without retries."""
    common = {"api_key": "key-of-a-test", "max_retries": 0, "timeout": 5.0}
    azure = {"azure_endpoint": server.root_url, "api_version": "2026-10-01"}
    with ExitStack() as stack:
        yield SimpleNamespace(
            openai=stack.enter_context(openai.OpenAI(base_url=server.url, **common)),
            azure=stack.enter_context(openai.AzureOpenAI(**azure, **common)),
            anthropic=stack.enter_context(anthropic.Anthropic(base_url=server.root_url, **common)),
        )


def chat(sdk: openai.OpenAI, **more: object) -> openai.types.chat.ChatCompletion:
    return sdk.chat.completions.create(model="any", messages=USER, **more)


def respond(sdk: openai.OpenAI, **more: object) -> openai.types.responses.Response:
    return sdk.responses.create(model="any", input=ASKED, **more)


def message(sdk: anthropic.Anthropic, *, stream: bool = False, **more: object) -> anthropic.types.Message:
    asked = {"model": "any", "max_tokens": 99, "messages": USER, **more}
    if not stream:
        return sdk.messages.create(**asked)
    with sdk.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize(
    ("finish", "words"),
    [
        (FinishReason.STOP, ("stop", "completed", None, "end_turn")),
        (FinishReason.LENGTH, ("length", "incomplete", "max_output_tokens", "max_tokens")),
        (FinishReason.CONTENT_FILTER, ("content_filter", "incomplete", "content_filter", "refusal")),
        (FinishReason.REFUSAL, ("stop", "completed", None, "refusal")),
        (FinishReason.OTHER, ("other", "incomplete", "other", "other")),
    ],
)
def test_a_finish_reason_has_its_word_on_each_wire(
    finish: FinishReason, words: tuple[str | None, ...]
) -> None:
    text = "" if finish is FinishReason.REFUSAL else '{"answer":"good"}'
    in_chat, status, reason, stop = words
    refused = finish is FinishReason.REFUSAL
    with saying(Completion(text, finish, USED, "mine")) as server, sdks(server) as sdk:
        for each in (sdk.openai, sdk.azure):
            (choice,) = chat(each).choices
            assert (choice.finish_reason, choice.message.content) == (in_chat, None if refused else text)
            assert bool(choice.message.refusal) == refused
            said = respond(each)
            assert (said.status, said.output_text, said.model) == (status, text, "mine")
            assert (said.incomplete_details and said.incomplete_details.reason) == reason
            assert [part.type for part in said.output[0].content] == ["refusal" if refused else "output_text"]
        for stream in (False, True):
            whole = message(sdk.anthropic, stream=stream)
            assert whole.stop_reason == stop
            assert "".join(block.text for block in whole.content) == text
            assert (whole.stop_details is not None) == (stop == "refusal")


def test_usage_is_told_in_each_vendors_words() -> None:
    with saying(Completion("hi", usage=USED)) as server, sdks(server) as sdk:
        used = chat(sdk.openai).usage
        assert (used.prompt_tokens, used.completion_tokens, used.total_tokens) == (100, 20, 120)
        assert (used.prompt_tokens_details.cached_tokens, used.prompt_tokens_details.cache_write_tokens) == (
            60,
            30,
        )
        assert used.completion_tokens_details.reasoning_tokens == 7
        used = respond(sdk.openai).usage
        assert (used.input_tokens, used.output_tokens, used.total_tokens) == (100, 20, 120)
        assert (used.input_tokens_details.cached_tokens, used.input_tokens_details.cache_write_tokens) == (
            60,
            30,
        )
        assert used.output_tokens_details.reasoning_tokens == 7
        for stream in (False, True):
            used = message(sdk.anthropic, stream=stream).usage
            assert (used.input_tokens, used.cache_read_input_tokens, used.cache_creation_input_tokens) == (
                10,
                60,
                30,
            )
            assert (used.output_tokens, used.output_tokens_details.thinking_tokens) == (20, 7)
        assert server.ledger.cached_tokens == 4 * 60


def test_what_is_not_known_is_not_told() -> None:
    with saying(Completion("hi")) as server, sdks(server) as sdk:
        assert chat(sdk.openai).usage is None
        assert respond(sdk.openai).usage is None
        assert message(sdk.anthropic).usage.input_tokens is None
        assert message(sdk.anthropic, stream=True).usage.output_tokens is None
    with saying(Completion("hi", usage=Usage(5, None, 2))) as server, sdks(server) as sdk:
        used = chat(sdk.openai).usage
        assert used.prompt_tokens_details.cache_write_tokens is None
        assert used.completion_tokens_details is None


@pytest.mark.parametrize("size", [0, 1, CHUNK_CHARACTERS, 3 * CHUNK_CHARACTERS + 1])
def test_a_stream_brings_what_one_body_brings(size: int) -> None:
    text = ("é😀\u2028\n" * size)[:size]
    with saying(Completion(text, usage=USED)) as server, sdks(server) as sdk:
        streamed, whole = (message(sdk.anthropic, stream=stream) for stream in (True, False))
        told = whole.to_dict()
        assert told["content"] == ([{"type": "text", "text": text}] if size else [])
        assert streamed.to_dict() == told
        with sdk.anthropic.messages.stream(model="any", max_tokens=9, messages=USER) as events:
            assert "".join(events.text_stream) == text


@pytest.mark.parametrize("word", ["pause_turn", "model_context_window_exceeded"])
def test_other_words_of_anthropics_are_queued(word: str) -> None:
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        for stream in (False, True):
            server.faults.append(WireFault(200, body_of(Completion("hi"), word)))
            assert message(sdk.anthropic, stream=stream).stop_reason == word


def test_items_are_found_on_each_wire_and_system_parts_are_read() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    given = {"format": {"type": "json_schema", "name": "x", "schema": schema}}
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        for system in ("Judge.", [{"type": "text", "text": "Judge."}]):
            said = message(
                sdk.anthropic,
                system=system,
                output_config={"format": {"type": "json_schema", "schema": schema}},
            )
            assert json.loads(said.content[0].text) == {"answer": "good"}
        for each in (sdk.openai, sdk.azure):
            assert json.loads(respond(each, instructions="Judge.", text=given).output_text) == {
                "answer": "good"
            }
        assert [served.texts for served in server.ledger.served] == [(ASKED,)] * 4


def test_tokens_are_counted_as_a_reply_counts_them() -> None:
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        counted = sdk.openai.responses.input_tokens.count(model="any", input=ASKED, instructions="Judge.")
        assert counted.object == "response.input_tokens"
        assert counted.input_tokens == respond(sdk.openai, instructions="Judge.").usage.input_tokens
        tokens = sdk.anthropic.messages.count_tokens(model="any", messages=USER, system="Judge.").input_tokens
        assert tokens == message(sdk.anthropic, system="Judge.").usage.input_tokens > 0
        assert (server.ledger.calls, len(server.requests), len(server.seen)) == (2, 2, 4)


def test_a_model_is_described() -> None:
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        told = sdk.anthropic.models.retrieve("claude/x")
        assert anthropic.types.ModelInfo.model_validate(told.to_dict(mode="json")) == told
        assert (told.id, told.max_input_tokens, told.max_tokens) == ("claude/x", 200_000, 64_000)
        assert told.capabilities.structured_outputs.supported
        assert told.capabilities.batch.supported
        assert sdk.openai.models.retrieve("gpt-x").id == "gpt-x"
        assert [each.id for each in sdk.openai.models.list()] == ["loopback"]
        server.faults.append(WireFault(200, model_body("y", max_tokens=9), path="/models/y"))
        assert sdk.anthropic.models.retrieve("y").max_tokens == 9


def test_requests_are_kept_with_paths_and_headers() -> None:
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        chat(sdk.openai)
        chat(sdk.azure)
        respond(sdk.azure)
        message(sdk.anthropic)
        sdk.anthropic.models.retrieve("x")
        paths = [(each.method, each.path) for each in server.seen]
        bodies = [each.body for each in server.seen]
        keys = [
            next(
                each.headers[name]
                for name in ("authorization", "api-key", "x-api-key")
                if name in each.headers
            )
            for each in server.seen
        ]
        shown = repr(server.seen)
    assert paths == [
        ("POST", "/v1/chat/completions"),
        ("POST", "/openai/deployments/any/chat/completions?api-version=2026-10-01"),
        ("POST", "/openai/responses?api-version=2026-10-01"),
        ("POST", "/v1/messages"),
        ("GET", "/v1/models/x"),
    ]
    assert bodies == [*server.requests, {}]
    assert {key.removeprefix("Bearer ") for key in keys} == {"key-of-a-test"}
    assert "key-of-a-test" not in shown


def test_azures_newer_base_is_spoken_too() -> None:
    with (
        FaultServer(TRUTH) as server,
        openai.OpenAI(base_url=f"{server.root_url}/openai/v1", api_key="none") as sdk,
    ):
        assert chat(sdk).choices[0].finish_reason == "stop"
        assert respond(sdk).status == "completed"


def test_the_asynchronous_sdks_read_the_same() -> None:
    async def ask(server: FaultServer) -> list[str]:
        common = {"api_key": "none", "max_retries": 0}
        azure = {"azure_endpoint": server.root_url, "api_version": "2026-10-01"}
        async with (
            openai.AsyncOpenAI(base_url=server.url, **common) as one,
            openai.AsyncAzureOpenAI(**azure, **common) as two,
            anthropic.AsyncAnthropic(base_url=server.root_url, **common) as three,
        ):
            said = [
                (await each.responses.create(model="any", input=ASKED)).output_text for each in (one, two)
            ]
            async with three.messages.stream(model="any", max_tokens=9, messages=USER) as events:
                streamed = await events.get_final_message()
            return [*said, streamed.content[0].text]

    with saying(replace(Completion("hello"), usage=USED)) as server:
        assert asyncio.run(ask(server)) == ["hello"] * 3

"""What goes over the wire: whole request bodies, paths and headers, by kind of client and kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from packer.clients.prefix import cache_key
from packer.testing import FaultServer, WireFault
from schemas.chat import Message, Prompt
from schemas.errors import CallRefused
from schemas.facts import ModelFacts
from tests.packer.clients.wire_cases import (
    API_VERSION,
    CANARY,
    EVENT_STREAM,
    KINDS,
    PROMPT,
    SCHEMA,
    Kind,
    answering,
    ask,
    body,
    events,
    opened,
)

UNKNOWN, BY_KEY, BY_BREAKPOINT = "unknown-1", "gpt-4.1-mini", "gpt-5.6-luna"
REASONS, THINKS = 8_192, 4_096
KEY = "packsplit-" + "0" * 16
"""Stands for the cache key of the shared part; what it is made of has a test of its own."""

PLAIN = Message("system", "Shared."), Message("user", "Items.")
CHAT = tuple(kind for kind in KINDS if kind.api == "chat")
RESPONSES = tuple(kind for kind in KINDS if kind.api == "responses")
MESSAGES = tuple(kind for kind in KINDS if kind.is_anthropic)
OPENAI = CHAT + RESPONSES
TALK = Prompt(
    (
        Message("system", "Shared."),
        Message("user", "First."),
        Message("assistant", "{}"),
        Message("user", "Second."),
    ),
    SCHEMA,
    100,
)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with answering() as running:
        yield running


def sent(kind: Kind, server: FaultServer, prompt: Prompt = PROMPT, **more: Any) -> dict[str, Any]:
    """The one request's body, with the cache key in short."""
    asked = ask(kind, server, WireFault(200, body(kind)), prompt=prompt, **more)
    assert asked.completion is not None
    (seen,) = asked.seen
    told = dict(seen.body)
    if told.get("prompt_cache_key") == cache_key(prompt):
        told["prompt_cache_key"] = KEY
    return told


def in_words(kind: Kind, model: str, cap: int, messages: Any, **more: Any) -> dict[str, Any]:
    """A request in the API's own words."""
    if kind.api == "chat":
        format_ = {
            "type": "json_schema",
            "json_schema": {"name": "answers", "strict": True, "schema": SCHEMA},
        }
        made = {
            "model": model,
            "messages": messages,
            "max_completion_tokens": cap,
            "response_format": format_,
        }
    else:
        flat = {"type": "json_schema", "name": "answers", "strict": True, "schema": SCHEMA}
        made = {
            "model": model,
            "input": messages,
            "max_output_tokens": cap,
            "store": False,
            "text": {"format": flat},
        }
    return {**made, **more}


def plain(*messages: Message) -> list[dict[str, object]]:
    return [{"role": each.role, "content": each.content} for each in messages]


def marked(kind: Kind) -> list[dict[str, object]]:
    """The plain prompt with a breakpoint behind its shared part."""
    part = "text" if kind.api == "chat" else "input_text"
    block = {"type": part, "text": "Shared.", "prompt_cache_breakpoint": {"mode": "explicit"}}
    return [{"role": "system", "content": [block]}, {"role": "user", "content": "Items."}]


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_model_of_which_nothing_is_known(kind: Kind, server: FaultServer) -> None:
    """Nothing that an older server might refuse: no cache steering, no temperature, no seed."""
    assert sent(kind, server) == in_words(kind, UNKNOWN, 100 + REASONS, plain(*PLAIN))


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_model_whose_cache_takes_a_key(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, model=BY_KEY, facts=None)
    assert told == in_words(kind, BY_KEY, 100, plain(*PLAIN), prompt_cache_key=KEY)


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_model_whose_cache_takes_a_breakpoint(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, model=BY_BREAKPOINT, facts=None)
    steering = {"prompt_cache_key": KEY, "prompt_cache_options": {"mode": "explicit"}}
    assert told == in_words(kind, BY_BREAKPOINT, 100 + REASONS, marked(kind), **steering)


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_conversation_is_left_to_the_default_breakpoint(kind: Kind, server: FaultServer) -> None:
    """It lies behind the newest turn, and the next call begins with all of it."""
    told = sent(kind, server, TALK, model=BY_BREAKPOINT, facts=None)
    assert told == in_words(kind, BY_BREAKPOINT, 100 + REASONS, plain(*TALK.messages), prompt_cache_key=KEY)


@pytest.mark.parametrize("kind", OPENAI, ids=str)
@pytest.mark.parametrize("model", [BY_KEY, BY_BREAKPOINT])
def test_nothing_shared_steers_no_cache(kind: Kind, model: str, server: FaultServer) -> None:
    told = sent(kind, server, replace(PROMPT, shared_messages=0), model=model, facts=None)
    assert not [name for name in told if "cache" in name]


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_reply_that_is_left_free(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, replace(PROMPT, reply_schema={}))
    whole = in_words(kind, UNKNOWN, 100 + REASONS, plain(*PLAIN))
    del whole["response_format" if kind.api == "chat" else "text"]
    assert told == whole


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_options_go_before_our_own_words(kind: Kind, server: FaultServer) -> None:
    options = {"service_tier": "flex", "metadata": {"team": "a"}, "store": True}
    told = sent(kind, server, options=options)
    assert told == in_words(kind, UNKNOWN, 100 + REASONS, plain(*PLAIN), **options)


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_the_cap_keeps_within_the_model(kind: Kind, server: FaultServer) -> None:
    cap = "max_completion_tokens" if kind.api == "chat" else "max_output_tokens"
    facts = ModelFacts(structured=True, output_tokens=5_000)
    assert sent(kind, server, facts=facts)[cap] == 5_000
    assert sent(kind, server, facts=facts, reasoning_tokens=7)[cap] == 107
    assert sent(kind, server, facts=ModelFacts(reasons=False))[cap] == 100


@pytest.mark.parametrize("kind", CHAT, ids=str)
def test_temperature_and_the_older_cap_only_when_asked_for(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, temperature=0.0, legacy_max_tokens=True)
    whole = in_words(kind, UNKNOWN, 0, plain(*PLAIN), temperature=0.0, max_tokens=100 + REASONS)
    del whole["max_completion_tokens"]
    assert told == whole


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_option_that_the_sdk_does_not_take_is_told_and_not_tried_again(
    kind: Kind, server: FaultServer
) -> None:
    asked = ask(kind, server, options={"colour": "red"})
    assert type(asked.error) is CallRefused
    assert "'colour'" in str(asked.error)
    assert "options=" in str(asked.error)
    assert not asked.seen


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.provider != "azure"], ids=str)
def test_where_it_goes_and_with_which_key(kind: Kind, server: FaultServer) -> None:
    asked = ask(kind, server, WireFault(200, body(kind)), sdk={"default_headers": {"x-team": "a"}})
    (seen,) = asked.seen
    path = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
    assert (seen.method, seen.path) == ("POST", path[kind.api])
    if kind.is_anthropic:
        # The header is the SDK's choice, and has changed from one release to another.
        keys = [seen.headers[name] for name in ("x-api-key", "authorization") if name in seen.headers]
        assert keys in ([CANARY], [f"Bearer {CANARY}"])
        assert seen.headers["anthropic-version"]
        assert "anthropic-beta" not in seen.headers
    else:
        assert seen.headers["authorization"] == f"Bearer {CANARY}"
    assert seen.headers["x-team"] == "a"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.provider == "azure"], ids=str)
def test_azure_has_its_own_path_version_and_key(kind: Kind, server: FaultServer) -> None:
    asked = ask(kind, server, WireFault(200, body(kind)), model="my-deployment")
    (seen,) = asked.seen
    place = {"chat": "/openai/deployments/my-deployment/chat/completions", "responses": "/openai/responses"}
    assert seen.path == f"{place[kind.api]}?api-version={API_VERSION}"
    assert seen.headers["api-key"] == CANARY
    assert "authorization" not in seen.headers
    assert seen.body["model"] == "my-deployment"


# --- Anthropic ----------------------------------------------------------------------------------------


def claude(cap: int, **more: Any) -> dict[str, Any]:
    return {
        "model": UNKNOWN,
        "max_tokens": cap,
        "system": [{"type": "text", "text": "Shared.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Items."}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        **more,
    }


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_claude_model(kind: Kind, server: FaultServer) -> None:
    """The breakpoint stands behind the shared part; definitions are sent as they are; no temperature."""
    assert sent(kind, server) == claude(100 + THINKS)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_the_breakpoint_stands_behind_the_last_shared_block(kind: Kind, server: FaultServer) -> None:
    prompt = replace(PROMPT, messages=(Message("system", "Before."), *PLAIN), shared_messages=2)
    system = [
        {"type": "text", "text": "Before."},
        {"type": "text", "text": "Shared.", "cache_control": {"type": "ephemeral"}},
    ]
    assert sent(kind, server, prompt) == claude(100 + THINKS, system=system)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_claude_model_without_cache_or_schema_or_system_part(kind: Kind, server: FaultServer) -> None:
    bare = [{"type": "text", "text": "Shared."}]
    assert sent(kind, server, facts=ModelFacts(cache="none")) == claude(100 + THINKS, system=bare)
    assert sent(kind, server, replace(PROMPT, shared_messages=0)) == claude(100 + THINKS, system=bare)
    free = claude(100 + THINKS)
    del free["output_config"]
    assert sent(kind, server, replace(PROMPT, reply_schema={})) == free
    alone = claude(100 + THINKS)
    del alone["system"]
    assert sent(kind, server, replace(PROMPT, messages=PLAIN[1:], shared_messages=0)) == alone


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_claude_conversation(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, TALK)
    assert told == claude(100 + THINKS, messages=plain(*TALK.messages[1:]))


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_claude_options_and_room_for_thinking(kind: Kind, server: FaultServer) -> None:
    told = sent(kind, server, options={"service_tier": "standard_only"}, thinking_tokens=11)
    assert told == claude(111, service_tier="standard_only")
    assert sent(kind, server, facts=ModelFacts(reasons=False)) == claude(100)
    assert sent(kind, server, facts=ModelFacts(output_tokens=60)) == claude(60)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_long_reply_is_streamed(kind: Kind, server: FaultServer) -> None:
    """The SDK refuses to wait for more than 21,333 tokens at once; the body is the same but for that."""
    whole = WireFault(200, events(opened(kind), {"type": "message_stop"}), EVENT_STREAM)
    facts = ModelFacts(reasons=False)
    for cap, streams in ((21_333, False), (21_334, True), (128_000, True)):
        fault = whole if streams else WireFault(200, body(kind))
        asked = ask(kind, server, fault, prompt=replace(PROMPT, max_output_tokens=cap), facts=facts)
        assert asked.error is None
        (seen,) = asked.seen
        assert seen.body == claude(cap, **({"stream": True} if streams else {}))
        assert seen.headers["x-stainless-retry-count"] == "0"


# --- The cache key ------------------------------------------------------------------------------------


def test_the_cache_key_is_that_of_the_shared_part() -> None:
    other_items = replace(PROMPT, messages=(PLAIN[0], Message("user", "Others.")))
    other_task = replace(PROMPT, messages=(Message("system", "Shared!"), PLAIN[1]))
    assert cache_key(PROMPT) == cache_key(other_items)
    assert cache_key(PROMPT) != cache_key(other_task)
    assert cache_key(PROMPT) != cache_key(replace(PROMPT, shared_messages=2))
    assert cache_key(PROMPT).startswith("packsplit-")
    assert len(cache_key(PROMPT)) == len(KEY) <= 64
    # Lone surrogates stand in some texts; a key is made of them, too.
    assert cache_key(Prompt((Message("system", "\ud800"),), {}, 1)) != cache_key(Prompt((), {}, 1))

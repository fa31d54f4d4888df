"""What the wire tests share: every kind of SDK client, what a server may send, and what is to come of it.

Bodies are written by hand, as the vendors send them: the loopback server's own wording of a completion is
what other tests rely on, and a mistake in it must not hide one in a client.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import anthropic
import openai

from packer import Completion, FinishReason
from packer.clients import AnthropicMessages, OpenAIChat, OpenAIResponses
from packer.testing import Answers, FaultServer, ScriptedClient, SeenRequest, WireFault
from packer.testing.loopback import HANG
from schemas.chat import Message, Prompt
from schemas.errors import (
    AccessDenied,
    CallRefused,
    CallTimeout,
    ClientError,
    PromptTooLong,
    RateLimited,
    SpendLimit,
    Unreachable,
)
from schemas.facts import ModelFacts
from schemas.protocols import Client
from schemas.quota import Quota
from schemas.usage import Usage

CANARY = "sk-canary-0123456789abcdef"
API_VERSION = "2025-04-01-preview"
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"item_1": {"$ref": "#/$defs/Answer"}},
    "required": ["item_1"],
    "additionalProperties": False,
    "$defs": {"Answer": {"type": "string", "enum": ["good", "bad"]}},
}
PROMPT = Prompt((Message("system", "Shared."), Message("user", "Items.")), SCHEMA, 100)
TEXT = '{"item_1":"good"}'
HANG_S = 0.2
LONG_ENOUGH_S = 30.0
USES_RETRIES = 2
"""What the SDKs are made with: a second attempt would be made if they were used as they come."""

Api = Literal["chat", "responses", "messages"]


@dataclass(frozen=True)
class Kind:
    """One kind of SDK client, and the API that is spoken through it."""

    name: str
    provider: str
    api: Api
    blocking: bool

    def __str__(self) -> str:
        return self.name

    @property
    def is_anthropic(self) -> bool:
        return self.api == "messages"

    def sdk(self, server: FaultServer, *, key: str = CANARY, **more: Any) -> Any:
        """An SDK client that talks to the server."""
        package: Any = anthropic if self.is_anthropic else openai
        connect = package.DefaultHttpxClient if self.blocking else package.DefaultAsyncHttpxClient
        # Reading the machine's certificates takes longer than a whole test, and loopback needs none.
        options: dict[str, Any] = {"api_key": key, "max_retries": USES_RETRIES, **more}
        options.setdefault("http_client", connect(verify=False))
        if self.provider == "azure":
            made = openai.AzureOpenAI if self.blocking else openai.AsyncAzureOpenAI
            return made(azure_endpoint=server.root_url, api_version=API_VERSION, **options)
        if self.provider == "anthropic":
            made = anthropic.Anthropic if self.blocking else anthropic.AsyncAnthropic
            return made(base_url=server.root_url, **options)
        made = openai.OpenAI if self.blocking else openai.AsyncOpenAI
        return made(base_url=server.url, **options)

    def client(self, sdk: object, model: str = "unknown-1", **more: Any) -> Any:
        """Ours around it."""
        ours: Any = {"chat": OpenAIChat, "responses": OpenAIResponses, "messages": AnthropicMessages}
        return ours[self.api](model, sdk=sdk, **{"facts": ModelFacts(structured=True), **more})


KINDS = tuple(
    Kind(f"{provider}-{api}-{'sync' if blocking else 'async'}", provider, api, blocking)
    for provider, api in (
        ("openai", "chat"),
        ("azure", "chat"),
        ("openai", "responses"),
        ("azure", "responses"),
        ("anthropic", "messages"),
    )
    for blocking in (True, False)
)


async def closed(sdk: Any) -> None:
    """Close an SDK client of either sort."""
    waiting = sdk.close()
    if waiting is not None:
        await waiting


@dataclass(frozen=True)
class Asked:
    """What one call came to: one of ``completion`` and ``error``, and the requests that it took."""

    completion: Completion | None
    error: ClientError | None
    client: Any
    seen: tuple[SeenRequest, ...]


def ask(
    kind: Kind,
    server: FaultServer,
    *faults: WireFault,
    prompt: Prompt = PROMPT,
    sdk: Mapping[str, Any] | None = None,
    model: str = "unknown-1",
    **more: Any,
) -> Asked:
    """Make one call through a fresh SDK client. Anything but a ``ClientError`` fails the test."""
    before = len(server.seen)
    server.faults.extend(faults)
    if isinstance(server, Watched):
        server.arrived.clear()

    async def call() -> Asked:
        made = kind.sdk(server, **(sdk or {}))
        client = kind.client(made, model, **more)
        completion, error = None, None
        try:
            completion = await client.complete(prompt)
        except ClientError as raised:
            error = raised
        finally:
            await closed(made)
        if faults and faults[0].status == HANG and isinstance(server, Watched):
            assert await asyncio.to_thread(server.arrived.wait, LONG_ENOUGH_S)
        return Asked(completion, error, client, tuple(server.seen[before:]))

    try:
        return asyncio.run(call())
    finally:
        server.faults.clear()


class Watched(FaultServer):
    """A server that says when a request has arrived: a client that gives up may do so before that."""

    def __init__(self, answers: Answers | Client) -> None:
        super().__init__(answers)
        self.arrived = threading.Event()

    def reply(self, seen: SeenRequest) -> WireFault:
        sent = super().reply(seen)
        self.arrived.set()
        return sent


def answering() -> Watched:
    """A server whose script is never reached: every request of a test gets a fault."""
    return Watched(ScriptedClient({}))


# --- Bodies, as the vendors send them -----------------------------------------------------------------

USAGE = Usage(1_200, 1_000, 300, 64, 128)
_USED: dict[Api, dict[str, object]] = {
    "chat": {
        "prompt_tokens": 1_200,
        "completion_tokens": 300,
        "total_tokens": 1_500,
        "prompt_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 128},
    },
    "responses": {
        "input_tokens": 1_200,
        "input_tokens_details": {"cached_tokens": 1_000, "cache_write_tokens": 64},
        "output_tokens": 300,
        "output_tokens_details": {"reasoning_tokens": 128},
        "total_tokens": 1_500,
    },
    # Anthropic counts what was read from the cache, or written to it, apart from the rest.
    "messages": {
        "input_tokens": 136,
        "cache_read_input_tokens": 1_000,
        "cache_creation_input_tokens": 64,
        "output_tokens": 300,
        "output_tokens_details": {"thinking_tokens": 128},
    },
}
_ENDS: dict[Api, dict[FinishReason, object]] = {
    "chat": {
        FinishReason.STOP: "stop",
        FinishReason.LENGTH: "length",
        FinishReason.CONTENT_FILTER: "content_filter",
        FinishReason.REFUSAL: "stop",
    },
    "responses": {
        FinishReason.LENGTH: "max_output_tokens",
        FinishReason.CONTENT_FILTER: "content_filter",
        FinishReason.OTHER: "steered",
    },
    "messages": {
        FinishReason.STOP: "end_turn",
        FinishReason.LENGTH: "max_tokens",
        FinishReason.REFUSAL: "refusal",
        FinishReason.CONTENT_FILTER: "refusal",
    },
}


def used(kind: Kind, **changes: object) -> dict[str, object]:
    """A reply's usage on the wire, with these fields in place of its own."""
    return {**_USED[kind.api], **changes}


def body(kind: Kind, text: str = TEXT, why: object = FinishReason.STOP, **changes: object) -> dict[str, Any]:
    """A whole reply on the wire.

    Args:
        kind: whose wire.
        text: what the model said.
        why: a finish reason of ours, or any value to put in the place of the vendor's word.
        changes: fields of the body in place of its own.
    """
    end = _ENDS[kind.api].get(why, why) if isinstance(why, FinishReason) else why
    refused = why is FinishReason.REFUSAL
    made: dict[str, Any]
    if kind.api == "chat":
        said = {
            "role": "assistant",
            "content": None if refused else text,
            "refusal": "No." if refused else None,
        }
        made = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "unknown-1-2026",
            "choices": [{"index": 0, "message": said, "finish_reason": end, "logprobs": None}],
            "usage": used(kind),
        }
    elif kind.api == "responses":
        done = why in (FinishReason.STOP, FinishReason.REFUSAL)
        part = (
            {"type": "refusal", "refusal": "No."}
            if refused
            else {"type": "output_text", "text": text, "annotations": []}
        )
        reasoned = {"id": "rs_1", "type": "reasoning", "summary": []}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed" if done else "incomplete",
            "content": [part],
        }
        made = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed" if done else "incomplete",
            "error": None,
            "incomplete_details": None if done else {"reason": end},
            "model": "unknown-1-2026",
            "output": [reasoned, message],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": used(kind),
        }
    else:
        thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
        details = {"type": "refusal", "category": "cyber", "explanation": "No."} if end == "refusal" else None
        made = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "unknown-1-2026",
            "content": [thought, {"type": "text", "text": text}],
            "stop_reason": end,
            "stop_sequence": None,
            "stop_details": details,
            "usage": used(kind),
        }
    return {**made, **changes}


def error_body(
    kind: Kind, message: str, code: str | None = None, type_: str = "some_error"
) -> dict[str, Any]:
    """An error on the wire; ``code`` stands where the vendor puts the stable word for its cause."""
    if kind.is_anthropic:
        error: dict[str, object] = {"type": type_, "message": message}
        if code is not None:
            error["details"] = {"error_code": code}
        return {"type": "error", "error": error, "request_id": "req_1"}
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def events(*told: Mapping[str, Any]) -> str:
    """A stream of events as Anthropic sends them."""
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in told)


EVENT_STREAM = {"content-type": "text/event-stream"}


def opened(kind: Kind) -> dict[str, Any]:
    """The event that opens a stream."""
    message = body(kind, content=[], stop_reason=None)
    return {"type": "message_start", "message": message}


# --- What comes of it ---------------------------------------------------------------------------------

OPENAI_CEILINGS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-tokens": "199000",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC_CEILINGS = {
    f"anthropic-ratelimit-{word}-{part}": value
    for word, limit, left in (
        ("requests", "50", "49"),
        ("tokens", "90000", "80000"),
        ("input-tokens", "50000", "45000"),
        ("output-tokens", "10000", "9000"),
    )
    for part, value in (("limit", limit), ("remaining", left), ("reset", "2001-01-01T00:00:00Z"))
}


def ceilings(kind: Kind) -> tuple[dict[str, str], tuple[Quota, ...]]:
    """Headers that state ceilings, and what they say."""
    if kind.is_anthropic:
        return ANTHROPIC_CEILINGS, (
            Quota("requests", 50, 49, 0.0),
            Quota("tokens", 90_000, 80_000, 0.0),
            Quota("input_tokens", 50_000, 45_000, 0.0),
            Quota("output_tokens", 10_000, 9_000, 0.0),
        )
    return OPENAI_CEILINGS, (Quota("requests", 500, 499, 0.12), Quota("tokens", 200_000, 199_000, 360.0))


@dataclass(frozen=True)
class Fails:
    """The error that a call is to end in."""

    as_: type[ClientError]
    status: int | None = None
    transient: bool = False
    retry_after_s: float | None = None
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Something a server may do, and what is to come of it; functions of the client's kind."""

    id: str
    sent: Callable[[Kind], WireFault]
    ends: Callable[[Kind], Completion | Fails]
    prompt: Prompt = PROMPT

    def __str__(self) -> str:
        return self.id


def replied(text: str, why: FinishReason, usage: Usage = USAGE, model: str = "unknown-1-2026") -> Completion:
    return Completion(text, why, usage, model)


def fails(
    case: str,
    status: int,
    as_: type[ClientError],
    *,
    transient: bool | None = None,
    message: str = "It went wrong",
    code: Mapping[str, str] | str | None = None,
    type_: str = "some_error",
    headers: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
    says: tuple[str, ...] = (),
    messages: Mapping[str, str] | None = None,
) -> Case:
    """A case that is an HTTP error; ``code`` and ``messages`` may differ by provider."""

    def told(kind: Kind) -> str:
        return (messages or {}).get(kind.provider, message)

    def sent(kind: Kind) -> WireFault:
        word = code if code is None or isinstance(code, str) else code.get(kind.provider)
        return WireFault(status, error_body(kind, told(kind), word, type_), headers or {})

    def ends(kind: Kind) -> Fails:
        again = as_.transient if transient is None else transient
        return Fails(as_, status, again, retry_after_s, (f"answered {status}", told(kind), *says))

    return Case(case, sent, ends)


KEY_ADVICE = ("Check the API key",)
SPEND_ADVICE = ("add credit",)
OPENAI_SPENT = {"openai": "insufficient_quota", "azure": "insufficient_quota"}

STATUSES = (
    fails(
        "400 context length",
        400,
        PromptTooLong,
        code={"openai": "context_length_exceeded", "azure": "context_length_exceeded"},
        type_="invalid_request_error",
        message="prompt is too long: 1050000 tokens > 1000000 maximum",
    ),
    fails("400", 400, CallRefused, type_="invalid_request_error"),
    fails("401", 401, AccessDenied, code="invalid_api_key", says=KEY_ADVICE),
    fails("402", 402, SpendLimit, type_="billing_error", says=SPEND_ADVICE),
    fails("403", 403, AccessDenied, type_="permission_error", says=("check its permissions",)),
    fails("404", 404, AccessDenied, code="model_not_found", says=("Check the model's name", "base_url")),
    fails("408", 408, Unreachable),
    fails("409", 409, Unreachable),
    fails("413", 413, PromptTooLong, type_="request_too_large"),
    fails("422", 422, CallRefused),
    fails("429 plain", 429, RateLimited, type_="rate_limit_error"),
    fails("429 retry-after", 429, RateLimited, headers={"retry-after": "7"}, retry_after_s=7.0),
    fails("429 fraction", 429, RateLimited, headers={"retry-after": "0.25"}, retry_after_s=0.25),
    fails(
        "429 milliseconds first",
        429,
        RateLimited,
        headers={"retry-after-ms": "1500", "retry-after": "7"},
        retry_after_s=1.5,
    ),
    fails(
        "429 date that has passed",
        429,
        RateLimited,
        headers={"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"},
        retry_after_s=0.0,
    ),
    fails("429 nonsense", 429, RateLimited, headers={"retry-after": "soon"}),
    fails("429 negative", 429, RateLimited, headers={"retry-after": "-5"}),
    fails("429 endless", 429, RateLimited, headers={"retry-after": "inf", "retry-after-ms": "nan"}),
    fails(
        "429 spent",
        429,
        SpendLimit,
        code={**OPENAI_SPENT, "anthropic": "enforced_spend_limit_reached"},
        type_="rate_limit_error",
        headers={"x-should-retry": "true"},  # true of rate limits; no wait brings money back
        says=SPEND_ADVICE,
    ),
    fails(
        "429 contract spent",
        429,
        SpendLimit,
        code={**OPENAI_SPENT, "anthropic": "contract_spend_limit_reached"},
        says=SPEND_ADVICE,
    ),
    fails(
        "no credit",
        400,
        SpendLimit,
        code={"openai": "billing_hard_limit_reached", "azure": "billing_hard_limit_reached"},
        messages={"anthropic": "Your credit balance is too low to access the Anthropic API"},
        says=SPEND_ADVICE,
    ),
    fails("429 not again", 429, RateLimited, headers={"x-should-retry": "false"}, transient=False),
    fails("500", 500, Unreachable, type_="api_error"),
    fails("500 not again", 500, Unreachable, headers={"x-should-retry": "false"}, transient=False),
    fails("503 retry-after", 503, Unreachable, headers={"retry-after": "3"}, retry_after_s=3.0),
    fails("529", 529, Unreachable, type_="overloaded_error", message="Overloaded"),
    fails("400 again", 400, CallRefused, headers={"x-should-retry": "true"}, transient=True),
    fails("401 again", 401, AccessDenied, headers={"x-should-retry": "true"}, transient=False),
)


def _filter_error(kind: Kind) -> WireFault:
    if kind.is_anthropic:
        told = "Output blocked by content filtering policy"
        return WireFault(400, error_body(kind, told, type_="invalid_request_error"))
    code = {"azure": "content_filter"}.get(kind.provider, "content_policy_violation")
    if kind.api == "responses" and kind.provider == "openai":
        code = "invalid_prompt"
    return WireFault(400, error_body(kind, "The prompt was filtered", code))


def _filtered_reply(kind: Kind) -> Completion:
    # Anthropic has no word of its own for a filter: it is a refusal, and its text is not the answer.
    if kind.is_anthropic:
        return replied("", FinishReason.REFUSAL)
    return replied('{"item_1"', FinishReason.CONTENT_FILTER)


REPLIES = (
    Case("success", lambda kind: WireFault(200, body(kind)), lambda kind: replied(TEXT, FinishReason.STOP)),
    Case(
        "truncated",
        lambda kind: WireFault(200, body(kind, '{"item_1"', FinishReason.LENGTH)),
        lambda kind: replied('{"item_1"', FinishReason.LENGTH),
    ),
    Case(
        "refused",
        lambda kind: WireFault(200, body(kind, "No.", FinishReason.REFUSAL)),
        lambda kind: replied("", FinishReason.REFUSAL),
    ),
    Case(
        "filtered reply",
        lambda kind: WireFault(200, body(kind, '{"item_1"', FinishReason.CONTENT_FILTER)),
        _filtered_reply,
    ),
    Case("filtered prompt", _filter_error, lambda kind: Completion("", FinishReason.CONTENT_FILTER)),
    Case(
        "unknown end",
        lambda kind: WireFault(200, body(kind, why="tired")),
        lambda kind: replied(TEXT, FinishReason.OTHER),
    ),
    Case(
        "no usage",
        lambda kind: WireFault(200, body(kind, usage=None)),
        lambda kind: replied(TEXT, FinishReason.STOP, Usage()),
    ),
    Case(
        "usage of another form",
        lambda kind: WireFault(200, body(kind, usage=[1, 2])),
        lambda kind: replied(TEXT, FinishReason.STOP, Usage()),
    ),
    Case(
        "usage in words and below zero",
        lambda kind: WireFault(200, body(kind, usage=_bad_usage(kind))),
        lambda kind: replied(TEXT, FinishReason.STOP, Usage()),
    ),
    Case(
        "model of another form",
        lambda kind: WireFault(200, body(kind, model=["m"])),
        lambda kind: replied(TEXT, FinishReason.STOP, model=""),
    ),
)


def _bad_usage(kind: Kind) -> dict[str, object]:
    if kind.api == "chat":
        return {
            "prompt_tokens": "many",
            "completion_tokens": -3,
            "total_tokens": True,
            "prompt_tokens_details": {"cached_tokens": -1, "cache_write_tokens": "x"},
            "completion_tokens_details": "none",
        }
    if kind.api == "responses":
        return {
            "input_tokens": "many",
            "output_tokens": -3,
            "input_tokens_details": {"cached_tokens": -1, "cache_write_tokens": {}},
            "output_tokens_details": 5,
        }
    return {
        "input_tokens": "many",
        "cache_read_input_tokens": -1,
        "cache_creation_input_tokens": [],
        "output_tokens": -3,
        "output_tokens_details": 5,
    }


def _unreadable(case: str, sent: Callable[[Kind], WireFault]) -> Case:
    # Garbled on the way, as far as anyone can tell: worth one more try, and no fault of the provider's.
    says = ("cannot be read", "base_url")
    return Case(case, sent, lambda kind: Fails(ClientError, None, transient=True, says=says))


_HTML = "<html><body>Sign in to the hotel's network</body></html>"


def _chosen(kind: Kind, value: object) -> WireFault:
    field = {"chat": "choices", "responses": "output", "messages": "content"}[kind.api]
    return WireFault(200, body(kind, **{field: value}))


MALFORMED = (
    _unreadable("no JSON", lambda kind: WireFault(200, '{"id": "x", ')),
    _unreadable("empty", lambda kind: WireFault(200, "")),
    _unreadable("null", lambda kind: WireFault(200, "null")),
    _unreadable("a list", lambda kind: WireFault(200, "[]")),
    _unreadable("a number", lambda kind: WireFault(200, "3")),
    _unreadable("a string", lambda kind: WireFault(200, '"hello"')),
    _unreadable("an empty object", lambda kind: WireFault(200, "{}")),
    _unreadable("HTML", lambda kind: WireFault(200, _HTML, {"content-type": "text/html"})),
    _unreadable("HTML called JSON", lambda kind: WireFault(200, _HTML)),
    _unreadable(
        "an error as a success", lambda kind: WireFault(200, error_body(kind, "upstream is down", "502"))
    ),
    _unreadable("text for a list", lambda kind: _chosen(kind, "x")),
    _unreadable("a number for a list", lambda kind: _chosen(kind, 3)),
    _unreadable("an object for a list", lambda kind: _chosen(kind, {"a": 1})),
    _unreadable("null for a list", lambda kind: _chosen(kind, None)),
    _unreadable("an end that is a list", lambda kind: WireFault(200, body(kind, why=["stop"]))),
)

LOST = (
    Case(
        "reset",
        lambda kind: WireFault(0),
        lambda kind: Fails(Unreachable, None, transient=True, says=("could not be reached",)),
    ),
    Case(
        "hang",
        lambda kind: WireFault(-1),
        lambda kind: Fails(CallTimeout, None, says=("did not answer in time",)),
        replace(PROMPT, timeout_s=HANG_S),
    ),
)

CASES = (*REPLIES, *STATUSES, *MALFORMED, *LOST)

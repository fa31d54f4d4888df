"""Anthropic's messages on the wire: a completion as one body or as a stream of events, counts, models.

Does not know: requests, faults, or how a reply came about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from schemas.chat import Completion, FinishReason
from schemas.usage import Usage

CHUNK_CHARACTERS = 256
"""How much of the text one event of a stream brings."""

_STOP = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.REFUSAL: "refusal",
    FinishReason.CONTENT_FILTER: "refusal",
}
_TYPES = {
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def body_of(completion: Completion, stop_reason: str | None = None) -> dict[str, object]:
    """A completion as Anthropic sends it.

    Args:
        completion: ``CONTENT_FILTER`` has no word of its own here: it is a refusal with a category.
            ``OTHER`` is a word that no SDK knows. An empty text is a message without content.
        stop_reason: a word of Anthropic's that no finish reason of ours stands for, such as
            ``pause_turn`` or ``model_context_window_exceeded``.
    """
    stop = stop_reason or _STOP.get(completion.finish_reason, str(completion.finish_reason))
    filtered = completion.finish_reason is FinishReason.CONTENT_FILTER
    details = {"type": "refusal", "category": "general_harms" if filtered else None, "explanation": None}
    return {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": completion.model or "loopback",
        "content": [{"type": "text", "text": completion.text}] if completion.text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details if stop == "refusal" else None,
        "usage": _usage(completion.usage),
    }


def events_of(body: Mapping[str, object]) -> str:
    """A message's body as the events of a stream, in the order and form in which Anthropic sends them."""
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in _events(body))


def error_body(status: int, message: str) -> dict[str, object]:
    """An error as Anthropic sends it."""
    error = {"type": _TYPES.get(status, "invalid_request_error"), "message": message}
    return {"type": "error", "error": error, "request_id": "req_loopback"}


def count_body(tokens: int) -> dict[str, object]:
    """The answer to ``/v1/messages/count_tokens``."""
    return {"input_tokens": tokens}


def model_body(
    name: str, *, structured: bool = True, max_input_tokens: int = 200_000, max_tokens: int = 64_000
) -> dict[str, object]:
    """The answer to ``/v1/models/<name>``.

    Args:
        name: the model's.
        structured: whether it holds replies to a schema.
        max_input_tokens: what fits its context.
        max_tokens: its longest reply.
    """
    yes, no = {"supported": True}, {"supported": False}
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": max_input_tokens,
        "max_tokens": max_tokens,
        "capabilities": {
            "batch": yes,
            "citations": no,
            "code_execution": no,
            "context_management": no,
            "effort": {**no, "low": no, "medium": no, "high": no, "max": no},
            "image_input": no,
            "pdf_input": no,
            "server_tools": {**no, "code_execution": no, "web_search": no},
            "structured_outputs": yes if structured else no,
            "thinking": {
                **no,
                "types": {"adaptive": no, "between_tools": no, "disabled": yes, "enabled": no},
            },
        },
    }


def _events(body: Mapping[str, object]) -> Iterator[dict[str, object]]:
    usage = body["usage"]
    assert isinstance(usage, Mapping)  # noqa: S101  # body_of has made it
    blocks = body["content"]
    assert isinstance(blocks, list)  # noqa: S101  # same
    # How and why it ends, and what the reply took, is only known at the end.
    opened = {**body, "content": [], "stop_reason": None, "stop_details": None}
    yield {"type": "message_start", "message": {**opened, "usage": {**usage, "output_tokens": 0}}}
    yield {"type": "ping"}
    for index, block in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": {**block, "text": ""}}
        for at in range(0, len(block["text"]), CHUNK_CHARACTERS):
            delta = {"type": "text_delta", "text": block["text"][at : at + CHUNK_CHARACTERS]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {name: body[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    told = {name: count for name, count in usage.items() if name != "cache_creation"}
    yield {"type": "message_delta", "delta": ended, "usage": told}
    yield {"type": "message_stop"}


def _usage(used: Usage) -> dict[str, object]:
    """Ours counts cached tokens in, theirs leaves them out; what is not known is not told."""
    usage: dict[str, object] = {}
    read, wrote = used.cached_tokens or 0, used.cache_write_tokens or 0
    if used.input_tokens is not None:
        usage["input_tokens"] = used.input_tokens - read - wrote
        usage["cache_read_input_tokens"] = read
        usage["cache_creation_input_tokens"] = wrote
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": wrote, "ephemeral_1h_input_tokens": 0}
    if used.output_tokens is not None:
        usage["output_tokens"] = used.output_tokens
    if used.reasoning_tokens is not None:
        usage["output_tokens_details"] = {"thinking_tokens": used.reasoning_tokens}
    return usage

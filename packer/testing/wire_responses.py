"""OpenAI's responses on the wire: a completion as such a server sends it, and counts of tokens.

Does not know: requests, faults, or how a reply came about.
"""

from __future__ import annotations

from packer.testing.wire_chat import REFUSED
from schemas.chat import Completion, FinishReason
from schemas.usage import Usage

_INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.OTHER: "other",
}


def body_of(completion: Completion) -> dict[str, object]:
    """A completion as a responses server sends it; without usage when it is not known.

    Whatever stops a reply early makes it ``incomplete``; ``FinishReason.OTHER`` is a reason that no SDK
    knows. A refusal is a complete message whose one part is a refusal.
    """
    reason = _INCOMPLETE.get(completion.finish_reason)
    status = "completed" if reason is None else "incomplete"
    if completion.finish_reason is FinishReason.REFUSAL:
        part: dict[str, object] = {"type": "refusal", "refusal": REFUSED}
    else:
        part = {"type": "output_text", "text": completion.text, "annotations": [], "logprobs": []}
    message = {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [part],
    }
    return {
        "id": "resp_loopback",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "instructions": None,
        "metadata": {},
        "model": completion.model or "loopback",
        "output": [message],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": _usage(completion.usage),
    }


def count_body(tokens: int) -> dict[str, object]:
    """The answer to ``/responses/input_tokens``."""
    return {"object": "response.input_tokens", "input_tokens": tokens}


def _usage(used: Usage) -> dict[str, object] | None:
    if used.input_tokens is None or used.output_tokens is None:
        return None
    # Unlike in chat completions, all the details stand in every reply.
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {
            "cached_tokens": used.cached_tokens or 0,
            "cache_write_tokens": used.cache_write_tokens or 0,
        },
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens or 0},
        "total_tokens": used.input_tokens + used.output_tokens,
    }

"""OpenAI's chat completions on the wire: a completion as such a server sends it.

Does not know: requests, faults, or how a reply came about.
"""

from __future__ import annotations

from schemas.chat import Completion, FinishReason
from schemas.usage import Usage

REFUSED = "I cannot help with that."


def body_of(completion: Completion) -> dict[str, object]:
    """A completion as a chat completions server sends it; without usage when it is not known."""
    refused = completion.finish_reason is FinishReason.REFUSAL
    message = {
        "role": "assistant",
        "content": None if refused else completion.text,
        "refusal": REFUSED if refused else None,
    }
    body: dict[str, object] = {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 0,
        "model": completion.model or "loopback",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop" if refused else completion.finish_reason}
        ],
    }
    if usage := _usage(completion.usage):
        body["usage"] = usage
    return body


def error_body(message: str, code: str | None, param: str | None = None) -> dict[str, object]:
    """An error as OpenAI's servers send it; with the field of the request that it is about, if any."""
    error: dict[str, object] = {"message": message, "code": code}
    if param is not None:
        error |= {"type": "invalid_request_error", "param": param}
    return {"error": error}


def _usage(used: Usage) -> dict[str, object] | None:
    if used.input_tokens is None or used.output_tokens is None:
        return None
    prompt: dict[str, int] = {"cached_tokens": used.cached_tokens or 0}
    if used.cache_write_tokens is not None:
        prompt["cache_write_tokens"] = used.cache_write_tokens
    usage: dict[str, object] = {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": prompt,
    }
    if used.reasoning_tokens is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": used.reasoning_tokens}
    return usage

"""What openaivec and ondine say to a model, read into seats; and replies written the way each parses them.

Read from requests captured off openaivec 2.9.3 and ondine 2.1.1 (README.md beside this file shows one of
each). Standard library only, and nothing of ours: a loopback server and a test can both use it.

It knows two fixed request shapes and says so when a body is neither. It does not know what an answer means,
does not check that an id exists, and never repairs a list of entries: a dropped, doubled, swapped or foreign
entry is written as given, because that is what it is for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

Seat = tuple[str | int, str]
"""An id as the library numbered it, and the text (or the answer) that stands there."""

Finish = Literal["stop", "length", "content_filter", "refusal"]
Usage = tuple[int, int]
"""Input and output tokens."""

STOCK_REFUSAL = "I cannot help with that."


class NotThisLibrary(ValueError):
    """The request body is not shaped the way that library was seen to send it."""


def read_openaivec(body: dict[str, Any]) -> list[Seat]:
    """The items of one ``POST /v1/responses`` request.

    Args:
        body: The request, parsed from JSON.

    Returns:
        Id (an integer from 0, new in every request) and text, in the order sent.

    Raises:
        NotThisLibrary: If ``input`` is not the ``user_messages`` envelope.
    """
    try:
        messages = json.loads(body["input"])["user_messages"]
        return [(message["id"], message["body"]) for message in messages]
    except (KeyError, TypeError, ValueError) as wrong:
        raise NotThisLibrary("no {'user_messages': [{'id', 'body'}]} in 'input'") from wrong


def write_openaivec(entries: Sequence[Seat]) -> str:
    """A reply text for openaivec, entries exactly as given.

    Args:
        entries: Id and label.

    Returns:
        ``{"assistant_messages": [{"id": ..., "body": {"label": ...}}]}``, for `responses_body`.
    """
    said = [{"id": seat, "body": {"label": answer}} for seat, answer in entries]
    return json.dumps({"assistant_messages": said}, ensure_ascii=False)


def read_ondine(body: dict[str, Any]) -> list[Seat]:
    """The items of one ``POST /v1/chat/completions`` request, structured or plain.

    A re-ask (the reply failed its schema) keeps the first user message and adds the reply and a complaint
    after it, so the first user message is the one read.

    Args:
        body: The request, parsed from JSON.

    Returns:
        Id (an integer from 1, new in every request) and text, in the order sent.

    Raises:
        NotThisLibrary: If the first user message holds no ``INPUT:`` array.
    """
    try:
        prompt = next(message["content"] for message in body["messages"] if message["role"] == "user")
        items, _ = json.JSONDecoder().raw_decode(prompt.split("INPUT:\n", 1)[1])
        return [(item["id"], item["input"]) for item in items]
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as wrong:
        raise NotThisLibrary("no INPUT: [{'id', 'input'}] in the user message") from wrong


def is_plain_ondine(body: dict[str, Any]) -> bool:
    """Whether the request asks for a bare JSON array in text (no schema, no tools).

    Args:
        body: The request, parsed from JSON.

    Returns:
        True for ``run_ondine.py --plain``.
    """
    return "response_format" not in body and "tools" not in body


def write_ondine(entries: Sequence[Seat], plain: bool = False) -> str:
    """A reply text for ondine, entries exactly as given.

    Args:
        entries: Id and label.
        plain: Write the array its plain way asks for (`is_plain_ondine` tells).

    Returns:
        ``{"items": [{"id": ..., "label": ...}]}``, or ``[{"id": ..., "result": ...}]``; for `chat_body`.
    """
    if plain:
        return json.dumps([{"id": seat, "result": answer} for seat, answer in entries], ensure_ascii=False)
    said = [{"id": seat, "label": answer} for seat, answer in entries]
    return json.dumps({"items": said}, ensure_ascii=False)


def responses_body(
    text: str, model: str = "gpt-4o-mini", usage: Usage = (0, 0), finish: Finish = "stop"
) -> dict[str, Any]:
    """A Responses API answer around a reply text.

    Args:
        text: The reply; for ``refusal`` the words of the refusal (empty: a stock sentence).
        model: Echoed.
        usage: Input and output tokens.
        finish: ``stop`` is complete; ``length`` and ``content_filter`` are status ``incomplete`` with the
            text as far as given (cut it yourself); ``refusal`` is complete with a refusal part and no text.

    Returns:
        The body, for ``json.dumps``.
    """
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    status = "incomplete" if finish in reasons else "completed"
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if finish == "refusal":
        part = {"type": "refusal", "refusal": text or STOCK_REFUSAL}
    return {
        "id": "resp_loopback",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reasons[finish]} if finish in reasons else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [
            {
                "id": "msg_loopback",
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": [part],
            }
        ],
        "parallel_tool_calls": True,
        "temperature": 0.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": usage[0],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(usage),
        },
    }


def chat_body(
    text: str, model: str = "gpt-4o-mini", usage: Usage = (0, 0), finish: Finish = "stop"
) -> dict[str, Any]:
    """A chat completions answer around a reply text.

    Args:
        text: The reply; for ``refusal`` the words of the refusal (empty: a stock sentence).
        model: Echoed.
        usage: Input and output tokens.
        finish: The finish reason; ``refusal`` finishes with ``stop``, a refusal and no content.

    Returns:
        The body, for ``json.dumps``.
    """
    refused = finish == "refusal"
    message = {
        "role": "assistant",
        "content": None if refused else text,
        "refusal": (text or STOCK_REFUSAL) if refused else None,
    }
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "stop" if refused else finish,
            }
        ],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }

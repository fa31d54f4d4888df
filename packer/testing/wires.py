"""The wires that the fault server speaks, by the path of a request.

Does not know: sockets, scripts, or what goes wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from packer.testing import wire_anthropic, wire_chat, wire_responses
from packer.testing.reader import Request
from packer.tokens import counter_for
from schemas.chat import Completion


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request, as it came.

    Attributes:
        method: ``GET`` or ``POST``.
        path: with the query, from the server's root.
        headers: by their names in lower case.
        body: as JSON, or the fields of a form, a file by its name; empty when there was none.
        file: the content of the form's file.
    """

    method: str
    path: str
    # Keys stand in here: a failing test should not print them.
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, object]
    file: bytes = field(default=b"", repr=False)

    @property
    def place(self) -> str:
        """The path without the query."""
        return self.path.partition("?")[0].rstrip("/")

    @property
    def model(self) -> str | None:
        """The model that a look at ``/models/<id>`` asks for; None for any other request."""
        name = self.place.rpartition("/models/")[2]
        return unquote(name) if self.method == "GET" and "/models/" in self.place else None


@dataclass(frozen=True, slots=True)
class Wire:
    """How one API words what a server says.

    Attributes:
        body_of: words a completion.
        replies: the key that holds what the model said.
        schema_at: how an error names the place of the request's schema.
        error: words an error: status, message, code, and the field that it is about.
    """

    body_of: Callable[[Completion], dict[str, object]]
    replies: str
    schema_at: str
    error: Callable[[int, str, str | None, str | None], dict[str, object]]


def _openai_error(status: int, message: str, code: str | None, param: str | None) -> dict[str, object]:
    return wire_chat.error_body(message, code, param)


def _anthropic_error(status: int, message: str, code: str | None, param: str | None) -> dict[str, object]:
    return wire_anthropic.error_body(status, message)


CHAT = Wire(wire_chat.body_of, "choices", "response_format", _openai_error)
RESPONSES = Wire(wire_responses.body_of, "output", "text.format", _openai_error)
ANTHROPIC = Wire(wire_anthropic.body_of, "content", "output_config.format", _anthropic_error)


def wire_of(seen: SeenRequest) -> Wire | None:
    """The wire of a request for a reply; None for any other request.

    Only the path's end counts: bases differ, and Azure puts the deployment in between.
    """
    if seen.method != "POST":
        return None
    ends = (("/chat/completions", CHAT), ("/responses", RESPONSES), ("/messages", ANTHROPIC))
    return next((wire for end, wire in ends if seen.place.endswith(end)), None)


def count_of(seen: SeenRequest) -> dict[str, object] | None:
    """The answer to a request for a count of tokens; None for any other request."""
    ends = (
        ("/responses/input_tokens", wire_responses.count_body),
        ("/messages/count_tokens", wire_anthropic.count_body),
    )
    for end, body in ends:
        if seen.method == "POST" and seen.place.endswith(end):
            return body(*tokens_of(Request.of_body(seen.body).whole))
    return None


def tokens_of(*texts: str) -> list[int]:
    """Tokens of each text, as the fault server counts them."""
    return counter_for("gpt-4o").count_batch(list(texts))


def model_body(seen: SeenRequest, name: str, *, structured: bool) -> dict[str, object]:
    """The answer to a look at one model, as the one who looks expects it."""
    if "anthropic-version" in seen.headers:
        return wire_anthropic.model_body(name, structured=structured)
    return {"id": name, "object": "model", "created": 0, "owned_by": "loopback"}


def as_sent(seen: SeenRequest, body: Mapping[str, object] | str) -> tuple[str, str]:
    """What goes over the wire, and its content type: a message as events where a stream was asked for."""
    if isinstance(body, str):
        return body, "application/json"
    if wire_of(seen) is ANTHROPIC and seen.body.get("stream") is True and body.get("type") == "message":
        return wire_anthropic.events_of(body), "text/event-stream"
    return json.dumps(body), "application/json"

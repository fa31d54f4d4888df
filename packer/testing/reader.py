"""Finds the items in any prompt: between our markers, or by their known texts in anybody else's.

Does not know: answers, or how a reply is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packer.delimit import cleaned
from packer.testing.known import KnownTexts
from packer.testing.shape import Shape, bound, shape_of
from schemas.chat import Prompt
from schemas.pack import SINGLE_HANDLE

_MARK = re.compile(r"\[([a-z]{14})\] (\w+)(?: \(([a-z0-9]{3,4})\))?: ")


@dataclass(frozen=True, slots=True)
class Shown:
    """One item as a prompt shows it.

    Attributes:
        handle: its tag.
        text: its text.
        seal: its seal; None without.
    """

    handle: str
    text: str
    seal: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """One item that a call asks about.

    Attributes:
        handle: the id that the prompt gives it; its place, from 1, when it gives none.
        text: its text as the test knows it.
        binding: what the reply has to repeat of it, such as ``{"seal": "417"}``.
        shown: its text as the prompt shows it.
    """

    handle: str | int
    text: str
    binding: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, whoever made it.

    Attributes:
        messages: roles and contents, oldest first.
        schema: of the whole reply; empty when none was sent.
        body: the request as it was sent.
    """

    messages: tuple[tuple[str, str], ...]
    schema: Mapping[str, object]
    body: Mapping[str, object]

    @property
    def last(self) -> str:
        """The last user message."""
        return next((content for role, content in reversed(self.messages) if role == "user"), "")

    @classmethod
    def of_prompt(cls, prompt: Prompt) -> Request:
        """Read one of our prompts."""
        messages = tuple((message.role, message.content) for message in prompt.messages)
        body = {"messages": [{"role": role, "content": content} for role, content in messages]}
        return cls(messages, prompt.reply_schema, body)

    @classmethod
    def of_body(cls, body: Mapping[str, object]) -> Request:
        """Read a request for chat completions or for responses, whatever it lacks."""
        given = body.get("messages", body.get("input"))
        messages = [("user", given)] if isinstance(given, str) else []
        for each in given if isinstance(given, list) else ():
            if isinstance(each, Mapping):
                messages.append((str(each.get("role", "user")), _content(each.get("content"))))
        if isinstance(told := body.get("instructions"), str):
            messages.insert(0, ("system", told))
        schema = _at(body, "response_format", "json_schema", "schema") or _at(
            body, "text", "format", "schema"
        )
        return cls(tuple(messages), schema or {}, body)


def items_of(prompt: Prompt) -> list[Shown]:
    """Find the items in a prompt's last message, as a careful reader would.

    The first marker gives the nonce; only markers with that nonce count, whatever texts contain.
    """
    content = prompt.messages[-1].content
    if SINGLE_HANDLE in _properties(prompt.reply_schema) or _MARK.match(content) is None:
        return [Shown(SINGLE_HANDLE, content)]
    return _marked(content)


def seats_of(
    request: Request, known: KnownTexts | None, originals: Mapping[str, str]
) -> tuple[Shape, list[Seat]]:
    """Find what a call asks for, and about whom.

    Args:
        request: the call.
        known: the texts that may occur in another library's prompt; None when there are none to look for.
        originals: known texts by their form in our prompts.

    Returns:
        The reply's shape, and the seats in the prompt's order; none when nobody is found.
    """
    single = set(_properties(request.schema)) == {SINGLE_HANDLE}
    shown = [] if single else _marked(request.last)
    if not shown and (request.last in originals or (single and known is None)):
        shown = [Shown(SINGLE_HANDLE, request.last)]
    if shown:
        shape = shape_of(request.schema, [each.handle for each in shown])
        seats = [
            Seat(s.handle, originals.get(s.text, s.text), bound(shape, s.text, s.seal), s.text) for s in shown
        ]
        return shape, seats
    found = known.found_in(request.last) if known is not None else []
    if known is not None and not found:
        found = [each for _, content in request.messages for each in known.found_in(content)]
    handles = [place if handle is None else handle for place, (handle, _) in enumerate(found, 1)]
    shape = shape_of(request.schema, handles)
    if single:
        handles = [SINGLE_HANDLE] * len(handles)
    return shape, [
        Seat(handle, text, bound(shape, text, None), text)
        for handle, (_, text) in zip(handles, found, strict=True)
    ]


def shown_forms(texts: Sequence[str]) -> dict[str, str]:
    """Texts by the form in which our prompts show them."""
    return {cleaned(text): text for text in reversed(texts)}


def _marked(content: str) -> list[Shown]:
    first = _MARK.match(content)
    if first is None:
        return []
    nonce = re.escape(first[1])
    pieces = re.split(rf"(?:^|\n)\[{nonce}\] (?:(\w+)(?: \(([a-z0-9]{{3,4}})\))?: |end\n$)", content)
    return [Shown(*_parts(pieces[at : at + 3])) for at in range(1, len(pieces) - 3, 3)]


def _parts(piece: Sequence[str]) -> tuple[str, str, str | None]:
    handle, seal, text = piece
    return handle, text, seal


def _properties(schema: Mapping[str, object]) -> Mapping[str, object]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _content(content: object) -> str:
    """A message's text; contents may come in parts."""
    if isinstance(content, list):
        parts = [each.get("text") for each in content if isinstance(each, Mapping)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _at(body: object, *names: str) -> Mapping[str, object] | None:
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else None

"""Finds the items in any prompt: between our markers, or by their known texts in anybody else's.

Does not know: answers, or how a reply is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packer.delimit import cleaned
from packer.testing.known import KnownTexts
from packer.testing.shape import Shape, bound, shape_of, shape_told
from schemas.chat import Prompt
from schemas.pack import SINGLE_HANDLE

_SCHEMA_PLACES = (
    ("response_format", "json_schema"),
    ("text", "format"),
    ("output_config", "format"),
)
"""Where chat completions, responses and Anthropic's messages carry the reply's schema."""

_SYSTEM = ("system", "developer")
_LINE = re.compile(r'(\w+)(?: \(([a-z0-9]{3,4})\))?: (".*")')
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

    @property
    def told(self) -> str:
        """The system part."""
        return "\n".join(content for role, content in self.messages if role in _SYSTEM)

    @property
    def whole(self) -> str:
        """All that is said, as the tokens of a prompt are counted."""
        return "\n".join(content for _, content in self.messages)

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """The messages in the parts in which they were sent, each with its role; the system's come first."""
        return tuple((role, part) for role, parts in _turns(self.body) for part in parts)

    @classmethod
    def of_body(cls, body: Mapping[str, object]) -> Request:
        """Read a request for chat completions, responses or Anthropic's messages, whatever it lacks."""
        messages = tuple((role, "\n".join(parts)) for role, parts in _turns(body))
        found = (_at(body, *names, "schema") for names in _SCHEMA_PLACES)
        return cls(messages, next((schema for schema in found if schema), {}), body)


def items_of(prompt: Prompt) -> list[Shown]:
    """Find the items in a prompt's last message, as a careful reader would.

    Texts are quoted, a line each, or the first marker gives the nonce, and only markers with that nonce
    count, whatever texts contain.
    """
    content = prompt.messages[-1].content
    if _asks_for_one(Request.of_prompt(prompt)):
        return [Shown(SINGLE_HANDLE, content)]
    return _marked(content) or [Shown(SINGLE_HANDLE, content)]


def told_in(prompt: Prompt) -> str:
    """The system part of a prompt: where no schema is sent, it shows what the reply is to look like."""
    return Request.of_prompt(prompt).told


def asks_about_items(request: Request) -> bool:
    """Whether a call is one of ours about items: with our markers, or in the form of a single call."""
    return _asks_for_one(request) or bool(_marked(request.last))


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
    single = _asks_for_one(request)
    shown = [] if single else _marked(request.last)
    if not shown and (request.last in originals or (single and known is None)):
        shown = [Shown(SINGLE_HANDLE, request.last)]
    if shown:
        shape = shape_of(request.schema, [each.handle for each in shown], request.told)
        seats = [
            Seat(s.handle, originals.get(s.text, s.text), bound(shape, s.text, s.seal), s.text) for s in shown
        ]
        return shape, seats
    found = known.found_in(request.last) if known is not None else []
    if known is not None and not found:
        found = [each for _, content in request.messages for each in known.found_in(content)]
    handles = [place if handle is None else handle for place, (handle, _) in enumerate(found, 1)]
    shape = shape_of(request.schema, handles, request.told)
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
        return _quoted(content)
    nonce = re.escape(first[1])
    pieces = re.split(rf"(?:^|\n)\[{nonce}\] (?:(\w+)(?: \(([a-z0-9]{{3,4}})\))?: |end\n$)", content)
    return [Shown(*_parts(pieces[at : at + 3])) for at in range(1, len(pieces) - 3, 3)]


def _quoted(content: str) -> list[Shown]:
    """Items of a message of which each line is a tag and a JSON string; none where one is not."""
    shown = []
    for line in content.split("\n")[:-1]:
        found = _LINE.fullmatch(line)
        try:
            text = json.loads(found[3]) if found is not None else None
        except ValueError:
            text = None
        if found is None or not isinstance(text, str):
            return []
        shown.append(Shown(found[1], text, found[2]))
    return shown if content.endswith("\n") else []


def _parts(piece: Sequence[str]) -> tuple[str, str, str | None]:
    handle, seal, text = piece
    return handle, text, seal


def _asks_for_one(request: Request) -> bool:
    """Whether a call is a single one of ours, by its schema or, without one, by its words."""
    if request.schema:
        return set(_properties(request.schema)) == {SINGLE_HANDLE}
    shape = shape_told(request.told)
    return shape is not None and shape.form == "single"


def _properties(schema: Mapping[str, object]) -> Mapping[str, object]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _turns(body: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Roles, and the parts of what they say."""
    for told in (body.get("instructions"), body.get("system")):
        if told is not None:
            yield "system", _content(told)
    given = body.get("messages", body.get("input"))
    if isinstance(given, str):
        yield "user", (given,)
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping):
            yield str(each.get("role", "user")), _content(each.get("content"))


def _content(content: object) -> tuple[str, ...]:
    """A message's text; contents may come in parts."""
    if isinstance(content, list):
        parts = [each.get("text") for each in content if isinstance(each, Mapping)]
        return tuple(part for part in parts if isinstance(part, str))
    return (content if isinstance(content, str) else "",)


def _at(body: object, *names: str) -> Mapping[str, object] | None:
    for name in names:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, Mapping) else None

"""Quotes: the words of an item that an extracted value rests on, and where they stand.

In a reply, an answer with evidence is ``{"quotes": {<field>: <quote>}, "value": <answer>}``: the quote
before the value, so that a model looks before it answers. Does not know: how a quote is looked for, or
what an ungrounded one leads to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from schemas.portable import closed_object

QUOTES_KEY = "quotes"
VALUE_KEY = "value"
"""Also the name of the one field of an answer that is not an object."""


class Match(StrEnum):
    """How a quote was found in its item's own text."""

    EXACT = "exact"
    NORMALISED = "normalised"
    FUZZY = "fuzzy"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Quote:
    """One quote, grounded.

    Attributes:
        field: the field it speaks for; ``value`` when the whole answer is one value.
        text: the quote as the model wrote it.
        match: how it was found.
        start: offset of its first character in the item's text (inclusive); None when not found.
        end: offset behind its last character (exclusive); None when not found.
    """

    field: str
    text: str
    match: Match
    start: int | None = None
    end: int | None = None


def with_quotes(answer_schema: Mapping[str, object]) -> dict[str, object]:
    """The schema of one answer with its quotes.

    Args:
        answer_schema: the portable schema of the answer alone.

    Returns:
        An object of ``quotes`` (one nullable string per field, a list of strings for a list) and ``value``.
    """
    quotes = {name: _quote_schema(each) for name, each in _fields(answer_schema).items()}
    return closed_object({QUOTES_KEY: closed_object(quotes), VALUE_KEY: dict(answer_schema)})


def quoted(answer: object, text: str, answer_schema: Mapping[str, object]) -> dict[str, object]:
    """A worked example's answer as a reply would hold it: each value quoted where the text holds it."""
    quotes: dict[str, object] = {}
    for name, schema in _fields(answer_schema).items():
        value = answer.get(name) if isinstance(answer, Mapping) else answer
        if "items" in _quote_schema(schema):
            parts = value if isinstance(value, list) else []
            quotes[name] = [shown for each in parts if (shown := _shown(each)) and shown in text]
        else:
            shown = _shown(value)
            quotes[name] = shown if shown and shown in text else None
    return {QUOTES_KEY: quotes, VALUE_KEY: answer}


def _fields(schema: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    properties = schema.get("properties")
    if schema.get("type") == "object" and isinstance(properties, Mapping):
        return {str(name): each for name, each in properties.items() if isinstance(each, Mapping)}
    return {VALUE_KEY: schema}


def _quote_schema(schema: Mapping[str, object]) -> dict[str, object]:
    options = schema.get("anyOf")
    kinds = [each.get("type") for each in options] if isinstance(options, list) else [schema.get("type")]
    if "array" in kinds:
        return {"type": "array", "items": {"type": "string"}}
    return {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Whether answers are long, open-ended text, which packing saves little on and loses much of.

Judged from the output's schema, the worked examples, the caller's own figure and, for free text, the
instruction's English verbs. Does not know: what a model really writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from packer.budget import answer_tokens
from schemas.output import ManyLabels, OneLabel
from schemas.protocols import TokenCounter
from schemas.task import Task

LONG_ANSWER_TOKENS = 150
"""In the cost model, packs lose against cached single calls in all its rows with answers from 60 to 300."""

LONG_GUESS_TOKENS = 300
"""What a schema alone makes us reserve is a guess on the safe side, so it takes twice as much to say so."""

BOUNDED_CHARACTERS = 600
"""A text of at most so many characters is 150 tokens: a short one."""

_WRITTEN = (
    r"summari[sz]e|translate|paraphrase|rewrite|rephrase|elaborate|explain|describe|compose|draft|"
    r"write (?:a|an|one|two|three|some|up|your|about)\b"
)
_WRITING = re.compile(
    rf"(?:^|[.!?:;,\n]\s*|\b(?:and|then|please|to|you|must|should)\s+)(?:{_WRITTEN})", re.IGNORECASE
)
_PROSE_FIELD = re.compile(
    r"summary|essay|story|translation|paraphrase|narrative|analysis|critique", re.IGNORECASE
)
_FEW = r"(?:\b(?:a|one|single|two|three|four|five|few|[1-5])[ -](?:short )?sentences?\b)"
_BRIEF = re.compile(rf"\b(?:a|one|single|two|three|five|ten|few|\d{{1,2}})[ -]words?\b|{_FEW}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prose:
    """Long, open-ended answers.

    Attributes:
        why: what says that they are, in words.
        tokens: of one answer: as given or planned, at least 150.
        planned_tokens: what the plan reserves for one, its key not included.
    """

    why: str
    tokens: int
    planned_tokens: int


def prose(task: Task[object], counter: TokenCounter, *, given_tokens: int | None = None) -> Prose | None:
    """Judge how long answers will be.

    Args:
        task: its output, examples and instruction.
        counter: counts the examples.
        given_tokens: what the caller says one answer takes.

    Returns:
        None when answers are labels, short or bounded, or when nothing says that they are long.
    """
    if isinstance(task.output, OneLabel | ManyLabels):
        return None
    planned = given_tokens or answer_tokens(replace(task, evidence=False), counter)
    if given_tokens is not None or task.examples:
        source = "Budget(answer_tokens=...)" if given_tokens is not None else "the examples"
        why = f"{planned:,} tokens each by {source}"
        return Prose(why, planned, planned) if planned > LONG_ANSWER_TOKENS else None
    if planned > LONG_GUESS_TOKENS:
        return Prose("the output has so many fields", planned, planned)
    free = list(free_texts(task.output.schema))
    if not free or _BRIEF.search(task.instruction):
        return None
    named = next((name for name in free if _PROSE_FIELD.search(name)), None)
    if named is not None:
        return Prose(f"the field {named!r} is free text", max(planned, LONG_ANSWER_TOKENS), planned)
    if (verb := _WRITING.search(task.instruction)) is not None:
        word = re.sub(r"[^\w ]", "", verb.group()).strip().lower()
        why = f"the instruction says {word!r} and the answer is free text"
        return Prose(why, max(planned, LONG_ANSWER_TOKENS), planned)
    return None


def free_texts(schema: Mapping[str, object]) -> Iterator[str]:
    """Names of the text fields that nothing bounds; a bare text has the name ``""``."""
    yield from _free(schema, schema, "", ())


def _free(schema: object, whole: Mapping[str, object], name: str, followed: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    target = schema.get("$ref")
    if isinstance(target, str):
        if target not in followed:
            yield from _free(_referred(target, whole), whole, name, (*followed, target))
        return
    for options in (schema.get(key) for key in ("anyOf", "oneOf", "allOf")):
        for option in options if isinstance(options, list) else ():
            yield from _free(option, whole, name, followed)
    if isinstance(properties := schema.get("properties"), Mapping):
        for field, inner in properties.items():
            yield from _free(inner, whole, str(field), followed)
    yield from _free(schema.get("items"), whole, name, followed)
    kind = schema.get("type")
    if (kind == "string" or (isinstance(kind, list) and "string" in kind)) and not _bounded(schema):
        yield name


def _bounded(schema: Mapping[str, object]) -> bool:
    most = schema.get("maxLength")
    short = isinstance(most, int) and most <= BOUNDED_CHARACTERS
    return short or any(key in schema for key in ("enum", "const", "pattern", "format"))


def _referred(target: str, whole: Mapping[str, object]) -> object:
    place: object = whole
    for part in filter(None, target.removeprefix("#").split("/")):
        if not isinstance(place, Mapping):
            return None
        place = place.get(part.replace("~1", "/").replace("~0", "~"))
    return place

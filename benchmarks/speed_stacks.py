"""Two other ways to do what ``plan``, ``render`` and ``split`` do: what one would write, and the floor.

``Straightforward``: tiktoken in a loop, texts first and prompts again; next-fit; f-strings; ``json.loads``
and one reused ``jsonschema`` validator; rapidfuzz's ``partial_ratio`` of each quote with all of its texts.
``Floor``: the fastest part known for each step, put together by hand for this one workload; it looks quotes
up in their own text and nothing else, repairs nothing, and knows no second way for anything.
Does not know: how packsplit does it, or what is timed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Reply = str
Answers = list[object]
TOKENS = 3_000
"""Room of one call for texts."""

LEAST_LIKENESS = 80.0


def next_fit(sizes: Sequence[int], tokens: int, items: int) -> list[list[int]]:
    """Fill bins one after the other, as anybody would."""
    bins: list[list[int]] = []
    members: list[int] = []
    load = 0
    for index, size in enumerate(sizes):
        if members and (load + size > tokens or len(members) == items):
            bins.append(members)
            members, load = [], 0
        members.append(index)
        load += size
    if members:
        bins.append(members)
    return bins


class Stack(Protocol):
    """One way through the whole path; the timer takes it step by step."""

    def packed(self, texts: Sequence[str], items: int) -> Sequence[Sequence[str]]:
        """Texts of each call, counted."""
        ...

    def worded(self, texts: Sequence[str]) -> str:
        """The prompt of one call."""
        ...

    def read(self, texts: Sequence[str], reply: Reply) -> Answers:
        """Checked answers of one reply; None where one is wrong or leaked."""
        ...


def _calls(texts: Sequence[str], sizes: Sequence[int], items: int) -> list[list[str]]:
    return [[texts[index] for index in each] for each in next_fit(sizes, TOKENS, items)]


@dataclass(frozen=True, slots=True)
class Straightforward:
    """What one would write.

    Attributes:
        told: the instruction.
        schema: of one answer.
        encode: tiktoken's ``encode_ordinary``; None where its vocabulary is missing: nothing is counted then.
        check: raises for a wrong answer.
    """

    told: str
    encode: Callable[[str], Sequence[int]] | None
    check: Callable[[object], None]

    def packed(self, texts: Sequence[str], items: int) -> Sequence[Sequence[str]]:
        """Count in a loop, and next-fit."""
        encode = self.encode
        sizes = [0] * len(texts) if encode is None else [len(encode(text)) for text in texts]
        return _calls(texts, sizes, items)

    def worded(self, texts: Sequence[str]) -> str:
        """Join f-strings, and count what came out."""
        blocks = "\n".join(
            f'<item id="item_{place}">\n{text}\n</item>' for place, text in enumerate(texts, 1)
        )
        prompt = f"{self.told}\n\n{blocks}\n"
        if self.encode is not None:
            assert len(self.encode(prompt)) < 10 * TOKENS
        return prompt

    def read(self, texts: Sequence[str], reply: Reply) -> Answers:
        """Load, validate, and hold each quote against every text."""
        from rapidfuzz import fuzz

        answers = json.loads(reply)
        kept: Answers = []
        for place in range(1, len(texts) + 1):
            entry = answers[f"item_{place}"]
            self.check(entry)
            scores = [fuzz.partial_ratio(entry["quotes"]["subject"], other) for other in texts]
            own = scores[place - 1]
            kept.append(entry["value"] if own >= LEAST_LIKENESS and own >= max(scores) else None)
        return kept


@dataclass(frozen=True, slots=True)
class Floor:
    """The fastest parts.

    Attributes:
        told: the instruction.
        count: of many texts at once.
        loads: bytes or text to JSON.
        is_valid: whether an answer is right.
    """

    told: str
    count: Callable[[list[str]], Sequence[int]]
    loads: Callable[[str], Mapping[str, dict[str, dict[str, str]]]]
    is_valid: Callable[[object], bool]

    def packed(self, texts: Sequence[str], items: int) -> Sequence[Sequence[str]]:
        """Count as one batch, and next-fit."""
        return _calls(texts, self.count(list(texts)), items)

    def worded(self, texts: Sequence[str]) -> str:
        """Join f-strings; the sum of the parts' tokens is the prompt's."""
        return self.told + "".join([f"[item_{place}] {text}\n" for place, text in enumerate(texts, 1)])

    def read(self, texts: Sequence[str], reply: Reply) -> Answers:
        """Load, validate, and look each quote up in its own text."""
        answers, is_valid = self.loads(reply), self.is_valid
        kept: Answers = []
        for place, text in enumerate(texts, 1):
            entry = answers[f"item_{place}"]
            good = is_valid(entry) and entry["quotes"]["subject"] in text
            kept.append(entry["value"] if good else None)
        return kept


def straightforward(told: str, entry: Mapping[str, object], encode: object) -> Straightforward:
    """With jsonschema's validator, made once."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(entry)
    check: Callable[[object], None] = validator.validate
    return Straightforward(told, encode if callable(encode) else None, check)


def floor(told: str, entry: Mapping[str, object]) -> Floor | None:
    """With toktok, orjson and jsonschema-rs; None where one of them is not installed."""
    try:
        import jsonschema_rs
        import orjson
        import toktok
    except ImportError:
        return None
    validator = jsonschema_rs.validator_for(dict(entry))

    def count(texts: list[str]) -> Sequence[int]:
        found: Sequence[int] = toktok.batch_count(texts, "o200k_base", threads=1)
        return found

    return Floor(told, count, orjson.loads, validator.is_valid)

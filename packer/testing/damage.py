"""Faults on a reply's text: wrapped, cut, or drowned in white space.

Where an entry ends in the text is found by writing fewer entries and comparing, so it works for whatever
writes the reply. Does not know: how entries are written, or what an answer means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from packer.testing.faults import FaultKind, Written

WHITESPACE = 50_000

Write = Callable[[Sequence[Written]], str]


@dataclass(frozen=True, slots=True)
class Letter:
    """A reply as it goes out.

    Attributes:
        text: the reply.
        whole: the entries that stand in it from first to last character.
        cut: True when the model was stopped by its token limit.
    """

    text: str
    whole: tuple[Written, ...]
    cut: bool = False


def wrapped(kind: FaultKind, random: Random) -> tuple[str, str]:
    """What stands before and behind a reply in prose or in a fence."""
    if kind is FaultKind.FENCE:
        return random.choice(["```json\n", "```\n"]), "\n```"
    opening = random.choice(["Here are the results:\n\n", "Sure! I looked at each item.\n"])
    return opening, random.choice(["\n\nLet me know if you need more.", "\n\n{That is all.}", ""])


def with_raw(text: str, raw: Mapping[str, str]) -> str:
    """Put JSON that no JSON writer would write where its stand-ins are."""
    for token, json_text in raw.items():
        text = text.replace(json.dumps(token), json_text).replace(token, json_text)
    return text


def cut_short(write: Write, entries: Sequence[Written], at: int | None, random: Random) -> Letter:
    """End the reply at a random byte.

    Args:
        write: puts entries into words.
        entries: what the whole reply would hold.
        at: the entry in which the cut falls; None for anywhere.
        random: chooses the byte.
    """
    text = write(entries)
    ends = _ends(write, entries)
    if at is None:
        first, last = 0, len(text.encode("utf-8", "surrogatepass"))
    else:
        first, last = (len(text[:n].encode("utf-8", "surrogatepass")) for n in ([0, *ends][at], ends[at]))
    sent = text.encode("utf-8", "surrogatepass")[: random.randrange(first, max(last, first + 1))]
    short = sent.decode("utf-8", "ignore")
    # A number that ends with the text may go on; a string or an object has closed.
    whole = [
        each
        for each, end in zip(entries, ends, strict=True)
        if end < len(short) or (end == len(short) and text[end - 1] in '"}]')
    ]
    return Letter(short, tuple(whole), cut=True)


def drowned(write: Write, entries: Sequence[Written], at: int, random: Random, *, opened: int = 1) -> Letter:
    """White space instead of an entry, until the token limit ends it: constrained decoding does that."""
    text = write(entries)
    stop = _ends(write, entries)[at - 1] if at else opened
    blank = random.choice([" ", "\n", "\t", "  \n"])
    return Letter(text[:stop] + blank * (WHITESPACE // len(blank)), tuple(entries[:at]), cut=True)


def _ends(write: Write, entries: Sequence[Written]) -> list[int]:
    """Behind the last character of each entry: up to there, one entry more makes no difference."""
    longer = write([*entries, *entries[-1:]])
    whole = write(entries)
    last = len(entries)
    return [_common(write(entries[:n]), longer if n == last else whole) for n in range(1, last + 1)]


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))

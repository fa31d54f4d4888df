"""Reading replies: parse and validate, and the bleed detectors, against what is usually put together.

Parse and validate: good replies to 20 and 200 items, five fields each with an enum and a list of objects,
against ``json.loads`` and one reused ``jsonschema.Draft202012Validator``. Detectors: packs of 20 with one
quote an item, against rapidfuzz's ``partial_ratio`` of every quote with every text. The splitter's steps are
called one by one here, as ``split`` calls them, which is no public door. Does not know: prompts, or models.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from random import Random
from typing import Literal

from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from benchmarks.speed_child import Given, sizes, whole
from benchmarks.speed_clock import Figures, Found, race, under
from benchmarks.speed_steps import detected, is_value, read_and_checked, seated
from benchmarks.speed_texts import quote_in, texts_of
from packer import Task
from schemas.chat import Completion
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.settings import Layout
from schemas.signal import SignalKind
from splitter.reading import Reading
from splitter.split import split


class Part(BaseModel):
    """One element of the nested list."""

    what: str
    count: int = Field(ge=0)


class Row(BaseModel):
    """Five fields."""

    label: Literal["positive", "neutral", "negative"]
    name: str
    amount: float = Field(ge=0)
    sure: bool
    parts: list[Part]


FIELDS: dict[str, object] = {
    "type": "object",
    "properties": {
        "label": {"enum": ["positive", "neutral", "negative"]},
        "name": {"type": "string"},
        "amount": {"type": "number", "minimum": 0},
        "sure": {"type": "boolean"},
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"what": {"type": "string"}, "count": {"type": "integer", "minimum": 0}},
                "required": ["what", "count"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["label", "name", "amount", "sure", "parts"],
    "additionalProperties": False,
}
QUOTED: dict[str, object] = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["positive", "neutral", "negative"]}},
    "required": ["label"],
    "additionalProperties": False,
}
PACK = 20
"""Items a call."""


def child(given: Given) -> Found:
    """Both parts."""
    found = Found()
    for items in sizes(given, "replies"):
        for kind, output in (("dynamic", FIELDS), ("typed", Row)):
            raced = _parsing(items, output, whole(given, "turns", 100), whole(given, "rounds", 7))
            found.figures.update(under(f"parse.{kind}.{items}", raced))
    for characters in sizes(given, "characters"):
        packs = whole(given, "packs", 50)
        raced = _detecting(characters, packs, whole(given, "rounds", 7))
        found.figures.update(under(f"detect.{characters}", raced))
    for kind in ("verbatim", "edited"):
        found.figures[f"recall.{kind}"] = _recall(whole(given, "planted", 100), kind)
    return found


def pack_of(texts: list[str], task: Task[object]) -> Pack[object]:
    """A pack of these texts, in their order."""
    slots = tuple(Slot(Item(place, text), f"item_{place + 1}") for place, text in enumerate(texts))
    return Pack("p0", task, slots, "", Layout(framing="quoted"))


def _parsing(items: int, output: object, turns: int, rounds: int) -> Figures:
    """Good replies to so many items, read and checked again and again; results of one turn stay alive."""
    random = Random(items)
    task = Task.extract("What the text says.", output)
    pack = pack_of([f"Text {number}" for number in range(items)], task)
    pool = texts_of(200, 60)

    def answer() -> dict[str, object]:
        parts = [{"what": quote_in(random.choice(pool)), "count": random.randrange(9)} for _ in range(2)]
        return {
            "label": random.choice(("positive", "neutral", "negative")),
            "name": quote_in(random.choice(pool))[:24],
            "amount": random.randrange(10_000) / 100,
            "sure": random.random() < 0.5,
            "parts": parts,
        }

    turns = max(1, turns * PACK // items)
    replies = [json.dumps({handle: answer() for handle in pack.handles}) for _ in range(turns)]
    validator = Draft202012Validator(FIELDS)

    def plain() -> list[dict[str, object]]:
        kept = []
        for reply in replies:
            read = json.loads(reply)
            for value in read.values():
                validator.validate(value)
            kept.append(read)
        return kept

    def ours() -> list[object]:
        return [read_and_checked(pack, reply) for reply in replies]

    def door() -> list[object]:
        return [split(pack, Completion(reply)) for reply in replies]

    assert all(is_value(each) for each in read_and_checked(pack, replies[0]))
    ways: dict[str, Callable[[], object]] = {"plain": plain, "ours": ours, "split": door}
    return race(ways, base="plain", items=items * turns, rounds=rounds)


def _quoting(texts: list[str], quotes: list[str]) -> tuple[Pack[object], Completion]:
    task = Task.extract("How its author feels.", QUOTED, evidence=True)
    pack = pack_of(texts, task)
    answers = {
        handle: {"quotes": {"label": quote}, "value": {"label": "neutral"}}
        for handle, quote in zip(pack.handles, quotes, strict=True)
    }
    return pack, Completion(json.dumps(answers))


def _detecting(characters: int, packs: int, rounds: int) -> Figures:
    """All detectors over good replies; each turn sees the texts for the first time."""
    from rapidfuzz import fuzz, process

    texts = [texts_of(PACK, characters, seed) for seed in range(packs)]
    quotes = [[quote_in(text) for text in each] for each in texts]
    asked = [_quoting(*each) for each in zip(texts, quotes, strict=True)]

    def readings() -> list[Reading]:
        return [seated(pack, completion) for pack, completion in asked]

    waiting = [readings() for _ in range(rounds + 1)]  # made ahead: parsing is not what is timed here

    def ours() -> list[object]:
        return [detected(each) for each in waiting.pop()]

    def plain() -> list[object]:
        return [
            [[fuzz.partial_ratio(quote, text) for text in within] for quote in wanted]
            for within, wanted in zip(texts, quotes, strict=True)
        ]

    def matrix() -> list[object]:
        return [
            process.cdist(wanted, within, scorer=fuzz.partial_ratio)
            for within, wanted in zip(texts, quotes, strict=True)
        ]

    assert not any(detected(each) for each in readings())
    ways: dict[str, Callable[[], object]] = {"plain": plain, "ours": ours}
    if importlib.util.find_spec("numpy") is not None:
        ways["matrix"] = matrix
    return race(ways, base="plain", items=packs * PACK, rounds=rounds, most_s=40.0)


def _recall(packs: int, kind: str) -> float:
    """Share of quotes taken from a neighbour that are seen as foreign: as they stand, or with two edits."""
    random = Random(kind)
    seen = planted = 0
    for seed in range(packs):
        texts = texts_of(PACK, 160, seed)
        quotes = [quote_in(text) for text in texts]
        victims = random.sample(range(PACK), 4)
        for victim in victims:
            taken = quote_in(texts[random.choice([other for other in range(PACK) if other != victim])])
            quotes[victim] = taken if kind == "verbatim" else _edited(taken, random)
        found = detected(seated(*_quoting(texts, quotes)))
        foreign = {each.items[0] for each in found if each.kind is SignalKind.FOREIGN_EVIDENCE}
        planted += len(victims)
        seen += len(foreign & set(victims))
    return seen / planted


def _edited(quote: str, random: Random) -> str:
    """Two edits: a letter gone, put in or changed."""
    letters = list(quote)
    for _ in range(2):
        at = random.randrange(len(letters))
        put = random.choice(["", "_", f"{letters[at]}_"])  # gone, changed, or one put in behind
        letters[at : at + 1] = put
    return "".join(letters)

"""The whole path without network: count, pack, render, parse, validate, detect, through the public doors.

``plan`` over all texts, then ``render`` and ``split`` for each pack of 20; against the two stacks of
``speed_stacks``. Short texts; an answer is a label and a few words of the text, with a quote. Replies
are good, and writing them is not timed; all values stay alive, and the garbage collector stays on.
Does not know: networks, clients, or which figure is good enough.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from benchmarks.speed_child import Given, number, sizes, whole
from benchmarks.speed_clock import Figures, Found, ratios, under
from benchmarks.speed_count import tiktoken_counter
from benchmarks.speed_stacks import Stack, floor, straightforward
from benchmarks.speed_texts import quote_in, short_texts
from packer import Budget, Completion, Task, plan, render, split
from packer.budget import Allowance
from packer.render import pack_system
from schemas.envelope import answer_schema
from schemas.pack import Pack
from schemas.settings import Layout

PACK = 20
BLOCK = 50
"""Calls between two looks at the clock."""

VALUE: dict[str, object] = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["positive", "neutral", "negative"]},
        "subject": {"type": "string"},
    },
    "required": ["label", "subject"],
    "additionalProperties": False,
}
TASK = Task.extract("Who or what the text is about, and how its author feels about it.", VALUE, evidence=True)
STEPS = ("packed", "worded", "read")
OURS, PLAIN, FLOOR = "ours", "plain", "floor"


@dataclass(slots=True)
class Spent:
    """Processor time of one way through the path, in seconds, step by step; and how many answers it gave."""

    steps: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    answers: int = 0
    calls: int = 0

    @property
    def total_s(self) -> float:
        """All steps."""
        return sum(self.steps.values())


def reply_to(seats: Sequence[tuple[str, str]]) -> str:
    """A good reply: handle and text of each seat in, an answer and a quote each."""
    entries = {}
    for handle, text in seats:
        quote = quote_in(text)
        value = {"label": "neutral", "subject": " ".join(quote.split()[1:4])}
        entries[handle] = {"quotes": {"label": None, "subject": quote}, "value": value}
    return json.dumps(entries, separators=(",", ":"))


def _blocks(calls: Sequence[Pack[object]]) -> Iterator[Sequence[Pack[object]]]:
    waiting = iter(calls)
    while block := list(islice(waiting, BLOCK)):
        yield block


def ours(texts: list[str]) -> Spent:
    """Through the doors."""
    spent, kept = Spent(), list[object]()
    start = time.process_time()
    made = plan(texts, TASK, model="gpt-4o", budget=Budget(items=PACK))
    spent.steps["packed"] = time.process_time() - start
    spent.calls = len(made.packs)
    for block in _blocks(made.packs):
        start = time.process_time()
        for pack in block:
            render(pack, max_output_tokens=_cap(made.allowance, pack))
        spent.steps["worded"] += time.process_time() - start
        replies = [
            Completion(reply_to([(slot.handle, slot.item.text) for slot in pack.slots])) for pack in block
        ]
        start = time.process_time()
        for pack, completion in zip(block, replies, strict=True):
            kept.extend(each.value for each in split(pack, completion).verdicts)
        spent.steps["read"] += time.process_time() - start
    spent.answers = sum(each is not None for each in kept)
    return spent


def _cap(room: Allowance, pack: Pack[object]) -> int:
    return room.max_output_tokens(len(pack.slots))


def theirs(stack: Stack, texts: list[str]) -> Spent:
    """Through a stack put together by hand."""
    spent, kept = Spent(), list[object]()
    start = time.process_time()
    calls = stack.packed(texts, PACK)
    spent.steps["packed"] = time.process_time() - start
    spent.calls = len(calls)
    for first in range(0, len(calls), BLOCK):
        block = calls[first : first + BLOCK]
        start = time.process_time()
        for each in block:
            stack.worded(each)
        spent.steps["worded"] += time.process_time() - start
        replies = [
            reply_to([(f"item_{place}", text) for place, text in enumerate(each, 1)]) for each in block
        ]
        start = time.process_time()
        for each, reply in zip(block, replies, strict=True):
            kept.extend(stack.read(each, reply))
        spent.steps["read"] += time.process_time() - start
    spent.answers = sum(each is not None for each in kept)
    return spent


def ways() -> dict[str, Callable[[list[str]], Spent]]:
    """What can run in this process."""
    told, entry = pack_system(TASK, Layout()), answer_schema(TASK)
    known = tiktoken_counter("o200k_base")
    plain = straightforward(told, entry, None if known is None else known.encoding.encode_ordinary)
    found: dict[str, Callable[[list[str]], Spent]] = {OURS: ours, PLAIN: lambda texts: theirs(plain, texts)}
    if (best := floor(told, entry)) is not None:
        found[FLOOR] = lambda texts: theirs(best, texts)
    return found


def child(given: Given) -> Found:
    """Each size, rounds in turn; ``plain_most`` is the most items that the slow stack is given."""
    found, known = Found(), ways()
    if tiktoken_counter("o200k_base") is None:
        found.notes.append(
            "tiktoken's vocabulary is missing: the straightforward stack counts nothing, which flatters it."
        )
    most_s = number(given, "most_s", 300.0)
    key = "whole.fast" if whole(given, "fast", 1) else "whole.bare"
    begun_s = time.perf_counter()
    wall_s = dict.fromkeys(known, 0.0)  # an item's, at the last size
    for each in known.values():
        each(list(short_texts(10 * PACK)))
    for items in sorted(sizes(given)):
        names = [name for name in known if name != PLAIN or items <= whole(given, "plain_most", 100_000)]
        left_s = most_s - (time.perf_counter() - begun_s)
        if sum(wall_s[name] for name in names) * items > left_s:
            found.notes.append(f"{key}: {items:,} items would take longer than the time left; not measured.")
            continue
        texts = list(short_texts(items))
        rounds: dict[str, list[Spent]] = {name: [] for name in names}
        started_s = time.perf_counter()
        for turn in range(whole(given, "rounds", 3)):
            if turn and time.perf_counter() - started_s > left_s / 3:
                break
            for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
                gc.collect()
                before_s = time.perf_counter()
                rounds[name].append(known[name](texts))
                wall_s[name] = (time.perf_counter() - before_s) / items
        found.figures.update(under(f"{key}.{items}", _figures(rounds, items)))
    return found


def _figures(rounds: dict[str, list[Spent]], items: int) -> Figures:
    base = PLAIN if PLAIN in rounds else OURS
    figures = ratios(
        {name: [each.total_s for each in spent] for name, spent in rounds.items()}, base=base, items=items
    )
    if base is OURS:
        figures = {name: value for name, value in figures.items() if not name.endswith("times")}
    for name, spent in rounds.items():
        for step in STEPS:
            figures[f"{name}.{step}.us"] = median(each.steps[step] for each in spent) / items * 1e6
        figures[f"{name}.answered"] = spent[0].answers / items
        figures[f"{name}.calls"] = float(spent[0].calls)
    return figures

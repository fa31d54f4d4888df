"""What tests draw, from the public strategies, and small makers of tasks and packs."""

from __future__ import annotations

from packer import Task, plan
from packer.delimit import HANDLES
from packer.testing import strategies
from packer.testing.strategies import HOSTILE as HOSTILE
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.settings import Budget, Layout

LABELS = ("positive", "neutral", "negative")
SENTIMENT = Task.classify("Sentiment of a tweet.", LABELS)

any_text = strategies.texts(hostile=False)
texts = strategies.texts()
layouts = strategies.layouts()


def label(text: str) -> str:
    """A right answer that depends on nothing but the text."""
    return LABELS[len(text) % 3]


def numbered(n: int) -> list[str]:
    """Texts that all differ."""
    return ["x" * (i + 1) for i in range(n)]


def pack_of(*texts: str, layout: Layout | None = None, task: Task[object] = SENTIMENT) -> Pack[object]:
    """One pack that holds these texts, made by the public planner."""
    items = [Item(index, text) for index, text in enumerate(texts)]
    (pack,) = plan(items, task, layout=layout, budget=Budget(items=max(1, len(texts)))).packs
    return pack


def plain_pack(n: int, *, task: Task[object] = SENTIMENT, layout: Layout | None = None) -> Pack[object]:
    """A pack with the handles in the pool's order and items 0..n-1 in theirs."""
    layout = layout or Layout(shuffle=False)
    seal = (lambda i: f"{i + 100}") if layout.binding == "seal" else (lambda i: None)
    slots = tuple(Slot(Item(i, f"text {i}"), HANDLES[i], seal(i), 5) for i in range(n))
    return Pack("p0", task, slots, "abcdefghijklmn", layout)

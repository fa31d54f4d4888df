"""Packs: several items seated together in one call.

Does not know: how a pack is worded, which model reads it, or what was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Generic, TypeVar

from schemas.columns import Columns
from schemas.guard import Canary
from schemas.item import Item
from schemas.settings import Layout
from schemas.task import Task

T_co = TypeVar("T_co", covariant=True)

SINGLE_HANDLE = "answer"
"""The one key of a reply to an item asked alone, where nothing needs telling apart."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An item's seat in a pack.

    Attributes:
        item: who sits here.
        handle: the short tag that the reply uses for this seat.
        seal: a random number that the reply must repeat before the answer; None without seals.
        size_tokens: what the item adds to the prompt, markers included.
        text_tokens: the part of that which is the item's own text.
        canary: set when the seat holds no item of the caller's but an input whose answer is known.
    """

    item: Item
    handle: str
    seal: str | None = None
    size_tokens: int = 0
    text_tokens: int = 0
    canary: Canary | None = None


_SLOTS: Columns[Slot] = Columns(Slot)


def slots_of(
    items: Sequence[Item],
    handles: Iterable[str],
    size_tokens: Iterable[int],
    text_tokens: Iterable[int],
    *,
    seals: Iterable[str | None] = repeat(None),
    canaries: Iterable[Canary | None] = repeat(None),
) -> tuple[Slot, ...]:
    """Seats of one pack, from their columns.

    Args:
        items: who sits there; the other columns are as long, or longer.
        handles: their tags.
        size_tokens: what each adds to the prompt.
        text_tokens: the part of that which is the text.
        seals: their seals; none where not given.
        canaries: which seats hold a canary; none where not given.
    """
    columns = (items, handles, seals, size_tokens, text_tokens, canaries)
    return tuple(_SLOTS.made(len(items), *columns))


@dataclass(frozen=True, slots=True)
class Pack(Generic[T_co]):
    """Items that share one call.

    Attributes:
        id: names the pack within its run; repacks are named after the pack they come from.
        task: what is asked of each item.
        slots: the seats in the order in which the prompt shows them.
        nonce: the random word in this pack's markers; occurs in none of its texts.
        layout: envelope and binding.
    """

    id: str
    task: Task[T_co]
    slots: tuple[Slot, ...]
    nonce: str
    layout: Layout

    @property
    def asked(self) -> tuple[Slot, ...]:
        """The seats of the caller's items; canaries left out."""
        return tuple(slot for slot in self.slots if slot.canary is None)

    @property
    def handles(self) -> tuple[str, ...]:
        """The handles in seat order."""
        return tuple([slot.handle for slot in self.slots])

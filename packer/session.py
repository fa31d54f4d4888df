"""A session: one conversation, one item a turn, behind a system part that never changes.

After packing, the prefix is the packs' own, to the byte, so whatever cache holds it serves the session
too. Earlier turns are carried along only as far as the caller wants and the context has room: prior
answers are themselves a way to bleed (K14). Does not know: why an item is asked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from packer.delimit import HANDLES, draw_nonce, draw_seals, nonce_for
from schemas.chat import Message
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.settings import Layout
from schemas.task import Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, as they were said.

    Attributes:
        question: the user message.
        answer: the assistant's message.
        tokens: of both.
    """

    question: Message
    answer: Message
    tokens: int


def turn(
    pack_id: str, task: Task[T], item: Item, text_tokens: int, layout: Layout, random: Random
) -> Pack[T]:
    """Seat one item alone, worded as a pack is.

    Args:
        pack_id: names the call.
        task: what is asked.
        item: who sits there.
        text_tokens: of the item's text.
        layout: the packs' own, so that the system part is theirs.
        random: draws the nonce and, where packs have them, the seal.
    """
    seal = draw_seals(random, 1)[0] if layout.binding == "seal" else None
    seat = Slot(item, HANDLES[0], seal, text_tokens, text_tokens)
    nonce = nonce_for(layout.framing, draw_nonce(random, [item.text]))
    return Pack(pack_id, task, (seat,), nonce, layout)


def carried(turns: Sequence[Turn], carry_turns: int, room_tokens: int) -> tuple[Message, ...]:
    """The last turns that may be shown again: at most so many, in at most so many tokens."""
    kept: list[Turn] = []
    for each in reversed(turns[len(turns) - min(carry_turns, len(turns)) :]):
        room_tokens -= each.tokens
        if room_tokens < 0:
            break
        kept.append(each)
    return tuple(message for each in reversed(kept) for message in (each.question, each.answer))

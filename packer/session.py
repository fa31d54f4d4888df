"""Rejected items, one a turn, behind the same system part as the packs.

The prefix is the packs' own, to the byte, so whatever cache holds it serves the session too. No
earlier turn is carried along: prior answers are themselves a way to bleed. Does not know: why an
item was rejected.
"""

from __future__ import annotations

from random import Random
from typing import TypeVar

from packer.delimit import HANDLES, draw_nonce, draw_seal
from schemas.pack import Pack, Slot

T = TypeVar("T")


def turn(pack: Pack[T], slot: Slot, random: Random) -> Pack[T]:
    """Seat one rejected item of a pack alone, worded as the pack was.

    Args:
        pack: where the item was rejected.
        slot: its seat there.
        random: draws the nonce and, where the pack had one, the seal.
    """
    seal = draw_seal(random) if slot.seal is not None else None
    seat = Slot(slot.item, HANDLES[0], seal, slot.size_tokens)
    nonce = draw_nonce(random, [slot.item.text])
    return Pack(f"{pack.id}:session:{slot.item.id}", pack.task, (seat,), nonce, pack.layout)

"""Advice: whether inputs and task are fit to be packed at all, said before money is spent.

Does not know: how fitness is judged, or whether the caller heeds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.item import ItemId


class Topic(StrEnum):
    """What the advice is about."""

    MIXED = "mixed"
    UNEVEN = "uneven"
    LONG_OUTPUT = "long_output"
    DEPENDENT = "dependent"
    HUMAN_STEP = "human_step"


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice.

    Attributes:
        topic: what it is about.
        pack: False says: do not pack these.
        detail: why, and what to do, for a person.
        items: whom it concerns, at most a few of them; empty for all.
    """

    topic: Topic
    pack: bool
    detail: str
    items: tuple[ItemId, ...] = ()

    def __str__(self) -> str:
        return self.detail if self.pack else f"do not pack: {self.detail}"

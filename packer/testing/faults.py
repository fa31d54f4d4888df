"""The vocabulary of faults: what can go wrong with a reply, how often, and to whom.

Does not know: how a fault is done to a reply, or what anybody makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Literal

from schemas.errors import UsageError


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP = "drop"
    DUPLICATE = "duplicate"  # the entry once more, word for word
    EXTRA = "extra"  # one more entry, under an id that nobody has
    FOREIGN_ID = "foreign_id"
    RENUMBER = "renumber"  # an entry is lost and the later ones close ranks: the last id is missing
    REORDER = "reorder"
    SWAP = "swap"
    SHIFT = "shift"
    COPY_NEIGHBOUR = "copy_neighbour"
    FOREIGN_QUOTE = "foreign_quote"
    FOREIGN_VALUE = "foreign_value"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_LABEL = "unknown_label"
    DEEP_NESTING = "deep_nesting"
    HUGE_NUMBER = "huge_number"
    NAN = "nan"
    DUPLICATE_KEYS = "duplicate_keys"  # one id twice; the second time with a neighbour's answer
    LONE_SURROGATE = "lone_surrogate"

    PROSE = "prose"
    FENCE = "fence"
    TRUNCATE = "truncate"
    ENDLESS_WHITESPACE = "endless_whitespace"
    REFUSAL = "refusal"
    EMPTY_CHOICES = "empty_choices"

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    RESET = "reset"
    SLOW = "slow"
    HANG = "hang"


WIRE = frozenset(
    {
        FaultKind.RATE_LIMIT,
        FaultKind.SERVER_ERROR,
        FaultKind.OVERLOADED,
        FaultKind.RESET,
        FaultKind.SLOW,
        FaultKind.HANG,
    }
)
"""Faults of the connection; they strike calls, never single items."""

WHOLE_REPLY = frozenset(
    {
        FaultKind.PROSE,
        FaultKind.FENCE,
        FaultKind.TRUNCATE,
        FaultKind.ENDLESS_WHITESPACE,
        FaultKind.REFUSAL,
        FaultKind.EMPTY_CHOICES,
    }
)
"""Faults of the reply's text as a whole."""


class Moves(StrEnum):
    """What moves when an answer ends up under another id."""

    ENTRY = "entry"  # the answer with all that binds it: seal, words, quote, evidence
    ANSWER = "answer"  # the label or value alone; nothing but the answer itself can show the fault


@dataclass(frozen=True, slots=True)
class Inject:
    """One kind of fault, and how often it strikes.

    Attributes:
        kind: what goes wrong; its name will do.
        rate: chance of each item, or of each call, to be struck; 0 to 1. Wire faults always draw per call.
        per: who draws. Per item, several items of a call may be struck, and a fault of the whole reply
            strikes if any item is. Per call, one random item is struck; all of them by a ``shift``.
        moves: for ``swap``, ``shift``, ``renumber`` and ``copy_neighbour``: what moves.
        seed: another seed, other victims.
    """

    kind: FaultKind
    rate: float = 0.05
    per: Literal["item", "call"] = "item"
    moves: Moves = Moves.ENTRY
    seed: int = 0

    def __post_init__(self) -> None:
        for name, words in (("kind", FaultKind), ("moves", Moves)):
            value = getattr(self, name)
            if value not in [*words]:
                raise UsageError(f"Inject({name}={value!r}): choose one of {', '.join(map(repr, words))}.")
            object.__setattr__(self, name, words(value))
        if self.per not in ("item", "call"):
            raise UsageError(f"Inject(per={self.per!r}): choose 'item' or 'call'.")
        if not 0 <= self.rate <= 1:
            raise UsageError(f"Inject(rate={self.rate!r}) must be between 0 and 1.")

    def struck(self, n: int, random: Random) -> list[int]:
        """Draw who is struck among n entries; indexes, rising.

        A call that is struck as a whole is shown as one struck entry.
        """
        if not n:
            return []
        if self.per == "item" and self.kind not in WIRE:
            return [index for index in range(n) if random.random() < self.rate]
        if random.random() >= self.rate:
            return []
        return [0] if self.kind in (FaultKind.SHIFT, FaultKind.RENUMBER) else [random.randrange(n)]


def injections(inject: Inject | Sequence[Inject]) -> tuple[Inject, ...]:
    """One or several, as a tuple."""
    return (inject,) if isinstance(inject, Inject) else tuple(inject)


@dataclass(frozen=True, slots=True)
class Written:
    """One entry of a reply, before it is put into words.

    Attributes:
        handle: the id that the entry names.
        text: the text of the item that the entry was first written for.
        binding: what the entry repeats of its item, such as ``{"seal": "417"}``.
        answer: as JSON.
    """

    handle: str | int
    text: str
    binding: Mapping[str, str] = field(default_factory=dict)
    answer: object = None

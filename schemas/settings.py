"""Options of a run: small frozen values, checked once, here.

Does not know: how any of them is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from schemas.errors import UsageError

Envelope = Literal["keyed", "array"]
Binding = Literal["none", "seal", "words", "quote"]
Packing = Literal["tight", "in_order"]
Strategy = Literal["pack", "session", "single"]

DEFAULT_ITEMS_PER_PACK = 10
DEFAULT_CONTEXT_TOKENS = 32_000
MOST_ITEMS_PER_PACK = 128


@dataclass(frozen=True, slots=True)
class Budget:
    """How large one pack may grow. Three limits hold at once.

    Attributes:
        items: most items in one call.
        input_tokens: most prompt tokens in one call; None takes what the model's context leaves.
        reply_tokens: most answer tokens planned for one call; None takes a quarter of the context.
        answer_tokens: expected tokens of one answer; None derives it from the task's output.
    """

    items: int = DEFAULT_ITEMS_PER_PACK
    input_tokens: int | None = None
    reply_tokens: int | None = None
    answer_tokens: int | None = None

    def __post_init__(self) -> None:
        _positive(self)
        if self.items > MOST_ITEMS_PER_PACK:
            raise UsageError(
                f"Budget(items={self.items}): at most {MOST_ITEMS_PER_PACK}. Published measurements find "
                "answers getting worse far below that."
            )


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard the provider may be pressed, and how long an answer may take.

    Attributes:
        concurrency: most calls in flight at once.
        item_timeout_s: seconds one item's answer may take; a call gets this per item.
        headroom_s: seconds added to each call's deadline, for the connection and the prompt.
    """

    concurrency: int = 8
    item_timeout_s: float = 30.0
    headroom_s: float = 60.0

    def __post_init__(self) -> None:
        _positive(self)

    def call_deadline_s(self, items: int) -> float:
        """Seconds a call that answers ``items`` items may take."""
        return self.headroom_s + self.item_timeout_s * items


@dataclass(frozen=True, slots=True)
class Fallback:
    """What happens to items whose packed answer cannot be used.

    Every further call an item takes part in holds at most half as many items as the one before, so the
    ladder ends whatever comes back: see ``worst_case_calls``.

    Attributes:
        repacks: how many times a rejected item is packed again, with new neighbours. A pack that failed
            as a whole (cut off, refused, filtered, unreadable) is halved instead, as often as it takes,
            which does not count; 0 turns both off.
        session: then ask one item a turn in one conversation behind the packs' own, already cached,
            system part.
        single: then ask each item alone in a fresh call.
        carry_turns: earlier turns of its session that a turn is shown. They are a way to bleed (K14);
            docs/decisions.md has the measurement.
    """

    repacks: int = 2
    session: bool = True
    single: bool = True
    carry_turns: int = 0

    def __post_init__(self) -> None:
        for name in ("repacks", "carry_turns"):
            if (value := getattr(self, name)) < 0:
                raise UsageError(f"Fallback({name}={value}) must not be negative.")

    def worst_case_calls(self, items: int) -> int:
        """Most calls that a pack of so many items can cause, itself included, whatever comes back.

        Each call's cost is shared among its members. An item's calls hold s, s/2, s/4 ... 1 items at
        most, so its shares sum to less than 2, and to less than 1 where no call below 2 is made.
        """
        if not self.repacks:
            packed = 1 + items * (self.session and items > 1)
        else:
            packed = 2 * items - 1 if self.session else max(1, items - 1)
        return packed + items * self.single


@dataclass(frozen=True, slots=True)
class Layout:
    """How items are seated and how the reply is shaped.

    Attributes:
        envelope: ``keyed`` makes each handle a key of one object; ``array`` asks for a list of
            objects that name their handle.
        binding: what the reply must repeat of an item before it answers: ``seal``, a random number put
            into the item's block (cheapest, and proof); ``words``, the item's first words; ``quote``,
            words of the item's own that the answer rests on. All cost tokens; small models often
            cannot copy.
        packing: ``tight`` needs the fewest calls; ``in_order`` keeps inputs that follow each other
            together.
        shuffle: seat the items of a pack in random order, so that position and neighbours are chance.
    """

    envelope: Envelope = "keyed"
    binding: Binding = "none"
    packing: Packing = "tight"
    shuffle: bool = True

    def __post_init__(self) -> None:
        for name, known in (
            ("envelope", ("keyed", "array")),
            ("binding", ("none", "seal", "words", "quote")),
            ("packing", ("tight", "in_order")),
        ):
            if (value := getattr(self, name)) not in known:
                raise UsageError(f"Layout({name}={value!r}): choose one of {', '.join(map(repr, known))}.")


def _positive(settings: Budget | Limits) -> None:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is not None and not value > 0:
            raise UsageError(f"{type(settings).__name__}({each.name}={value!r}) must be above zero.")

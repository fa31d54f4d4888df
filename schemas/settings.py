"""Options of a run: small frozen values, checked once, here.

Does not know: how any of them is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from schemas.errors import UsageError

Envelope = Literal["keyed", "array"]
Binding = Literal["none", "seal"]
Packing = Literal["tight", "in_order"]
Strategy = Literal["pack", "single"]

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

    Attributes:
        repacks: how many times a failed pack's rest is packed again, each time at most half as large.
        session: then ask one item a turn behind the pack's own, already cached, system part.
        single: then ask each item alone in a fresh call.
    """

    repacks: int = 2
    session: bool = True
    single: bool = True

    def __post_init__(self) -> None:
        if self.repacks < 0:
            raise UsageError(f"Fallback(repacks={self.repacks}) must not be negative.")

    def repack_sizes(self, rejected: int, pack_size: int) -> list[int]:
        """How many rejected items share each new pack: at most half of what failed together."""
        count = -(-rejected // max(1, pack_size // 2))
        small, larger = divmod(rejected, count)
        return [small + 1] * larger + [small] * (count - larger)

    def worst_case_calls(self, pack_size: int) -> int:
        """Most calls that one pack can cause, itself included, whatever comes back."""
        return 1 + self._worst_repacks(pack_size, self.repacks) + pack_size * (self.session + self.single)

    def _worst_repacks(self, size: int, left: int) -> int:
        if size < 2 or not left:
            return 0
        return sum(1 + self._worst_repacks(group, left - 1) for group in self.repack_sizes(size, size))


@dataclass(frozen=True, slots=True)
class Layout:
    """How items are seated and how the reply is shaped.

    Attributes:
        envelope: ``keyed`` makes each handle a key of one object; ``array`` asks for a list of
            objects that name their handle.
        binding: ``seal`` puts a random token into each item's block that the reply must repeat
            before the answer. It costs tokens; small models often cannot copy it.
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
            ("binding", ("none", "seal")),
            ("packing", ("tight", "in_order")),
        ):
            if (value := getattr(self, name)) not in known:
                raise UsageError(f"Layout({name}={value!r}): choose one of {', '.join(map(repr, known))}.")


def _positive(settings: Budget | Limits) -> None:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is not None and not value > 0:
            raise UsageError(f"{type(settings).__name__}({each.name}={value!r}) must be above zero.")

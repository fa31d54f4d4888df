"""Options of a run: small frozen values, checked once, here.

Does not know: how any of them is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Literal

from schemas.errors import UsageError
from schemas.quota import QuotaKind

Envelope = Literal["keyed", "array", "lines"]
Binding = Literal["none", "seal", "words", "quote"]
Packing = Literal["tight", "in_order"]
Framing = Literal["quoted", "nonce"]
Strategy = Literal["auto", "pack", "session", "single"]

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

    Example:
        >>> from packer import Budget, Task, plan
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> texts = [f"Review {n}" for n in range(30)]
        >>> plan(texts, task).calls, plan(texts, task, budget=Budget(items=5)).calls
        (3, 6)
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
    """How hard the provider may be pressed, how long an answer may take, and what the run may use up.

    None means no ceiling of the caller's own; what the provider's headers state is kept to all the same.

    Attributes:
        rpm: most calls in any 60 seconds, retries included.
        tpm: most tokens in any 60 seconds, prompts and replies together.
        input_tpm: most prompt tokens in any 60 seconds.
        output_tpm: most reply tokens in any 60 seconds.
        concurrency: most calls in flight at once.
        item_timeout_s: seconds one item's answer may take; a call gets this per item.
        headroom_s: seconds added to each call's deadline, for the connection and the prompt.
        deadline_s: seconds the whole run may take; then it ends and what is open stays pending. None lets
            it follow from the deadlines of its calls: see ``run_deadline_s``.
        max_cost_usd: most the run may spend; no call is sent that could go beyond it.
        max_calls: most calls the run may send, retries included.
        retries: how often a call that failed on the way is sent again; None takes what the SDK client
            was made with (2 unless changed). This project is the one owner of retries: SDKs get 0.
        outage_s: how long to wait for a provider that is down before the run ends.
        shared: a file through which all runs on this machine that name it keep to one ceiling together.

    Example:
        >>> from decimal import Decimal
        >>> from packer import Limits
        >>> limits = Limits(rpm=500, tpm=200_000, max_cost_usd=Decimal("2.50"), item_timeout_s=10)
        >>> limits.call_deadline_s(items=10)
        160.0
    """

    rpm: int | None = None
    tpm: int | None = None
    input_tpm: int | None = None
    output_tpm: int | None = None
    concurrency: int = 8
    item_timeout_s: float = 30.0
    headroom_s: float = 60.0
    deadline_s: float | None = None
    max_cost_usd: Decimal | int | None = None
    max_calls: int | None = None
    retries: int | None = None
    outage_s: float = 300.0
    shared: str | Path | None = None

    def __post_init__(self) -> None:
        _positive(self, may_be_zero=("retries", "outage_s"))
        money: object = self.max_cost_usd
        if isinstance(money, float):
            told = f"Limits(max_cost_usd={self.max_cost_usd!r}): money is exact; write"
            raise UsageError(f"{told} Decimal({str(self.max_cost_usd)!r}).")
        if self.shared is not None and not any(self.ceilings.values()):
            raise UsageError(
                "Limits(shared=...) shares a ceiling: set rpm, tpm, input_tpm or output_tpm too."
            )

    @property
    def ceilings(self) -> dict[QuotaKind, int | None]:
        """The caller's ceilings by what they count."""
        return {
            "requests": self.rpm,
            "tokens": self.tpm,
            "input_tokens": self.input_tpm,
            "output_tokens": self.output_tpm,
        }

    def call_deadline_s(self, items: int) -> float:
        """Seconds a call that answers ``items`` items may take."""
        return self.headroom_s + self.item_timeout_s * items

    def run_deadline_s(self, calls: int, items: int, retries: int) -> float | None:
        """Seconds a run may take: as given, else all its calls one after another, each at its deadline.

        No healthy run comes near the latter; it is there so that none goes on for ever. With ceilings on
        tokens nothing follows (None), as nobody knows how long calls wait for them.

        Args:
            calls: most calls that the run can cause, retries not counted.
            items: most items in one of them.
            retries: further attempts for each.
        """
        if self.deadline_s is not None or self.tpm or self.input_tpm or self.output_tpm or self.shared:
            return self.deadline_s
        attempts = calls * (1 + retries)
        waiting_s = 60.0 * attempts / self.rpm if self.rpm else 0.0
        return attempts * self.call_deadline_s(items) + waiting_s + self.outage_s


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

    Example:
        >>> from packer import Fallback
        >>> Fallback().worst_case_calls(10), Fallback(repacks=0, session=False).worst_case_calls(10)
        (29, 11)
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
            objects that name their handle; ``lines`` asks for those objects one a line, without a schema
            that the model is held to. A run falls back along this order where the provider cannot
            constrain replies.
        binding: what the reply must repeat of an item before it answers: ``seal``, a random number put
            into the item's block (cheapest, and proof); ``words``, the item's first words; ``quote``,
            words of the item's own that the answer rests on. All cost tokens; small models often
            cannot copy.
        packing: ``tight`` needs the fewest calls; ``in_order`` keeps inputs that follow each other
            together.
        shuffle: seat the items of a pack in random order, so that position and neighbours are chance.
        framing: how texts are kept apart: ``quoted``, one line each, as JSON strings; ``nonce``, as they
            are, behind a random word that occurs in none of them.

    Example:
        >>> from packer import Layout, Task, plan
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> (pack,) = plan(["Great.", "Awful."], task, layout=Layout(binding="seal")).packs
        >>> [len(slot.seal) for slot in pack.slots]  # three digits that the reply repeats
        [3, 3]
    """

    envelope: Envelope = "keyed"
    binding: Binding = "none"
    packing: Packing = "tight"
    shuffle: bool = True
    framing: Framing = "nonce"

    def __post_init__(self) -> None:
        for name, known in (
            ("envelope", ("keyed", "array", "lines")),
            ("binding", ("none", "seal", "words", "quote")),
            ("packing", ("tight", "in_order")),
            ("framing", ("quoted", "nonce")),
        ):
            if (value := getattr(self, name)) not in known:
                raise UsageError(f"Layout({name}={value!r}): choose one of {', '.join(map(repr, known))}.")


def _positive(settings: Budget | Limits, *, may_be_zero: Sequence[str] = ()) -> None:
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is None or isinstance(value, str | Path):
            continue
        if value < 0 or (value == 0 and each.name not in may_be_zero) or value != value:
            least = "zero or more" if each.name in may_be_zero else "above zero"
            raise UsageError(f"{type(settings).__name__}({each.name}={value!r}) must be {least}.")

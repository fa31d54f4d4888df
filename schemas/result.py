"""What a caller gets back: one result per input, and the run around them.

Does not know: how results were won, or what they are used for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from schemas.item import ItemId
from schemas.ledger import Ledger
from schemas.pack import Slot
from schemas.usage import Usage

T_co = TypeVar("T_co", covariant=True)


class Outcome(StrEnum):
    """How one input ended; always exactly one of these."""

    ACCEPTED = "accepted"
    HELD = "held"
    FAILED = "failed"


class Route(StrEnum):
    """Which kind of call the answer (or the last failure) came from."""

    PACK = "pack"
    REPACK = "repack"
    SESSION = "session"
    SINGLE = "single"
    CACHE = "cache"


class Fault(StrEnum):
    """Why an answer could not be used; the stable half of a reason."""

    EMPTY_TEXT = "empty_text"
    OVER_BUDGET = "over_budget"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    SEAL_MISMATCH = "seal_mismatch"
    INVALID_VALUE = "invalid_value"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    UNREADABLE = "unreadable"
    CALL_FAILED = "call_failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an input has no value.

    Attributes:
        fault: a stable word for tables and tests.
        detail: what happened, for a person.
    """

    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.detail}"


class SignalKind(StrEnum):
    """What kind of trace a reply showed."""

    PROSE = "prose"
    REPAIRED = "repaired"
    DUPLICATE_KEY = "duplicate_key"
    FOREIGN_HANDLE = "foreign_handle"
    WRONG_SEAL = "wrong_seal"


@dataclass(frozen=True, slots=True)
class Signal:
    """A trace in a reply that may mean bleed or damage.

    Attributes:
        kind: what was seen.
        detail: what exactly, for a person.
    """

    kind: SignalKind
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T_co]):
    """What the splitter says of one slot of one reply.

    Attributes:
        slot: the seat.
        value: the answer, when accepted.
        reason: why not, when rejected; None means accepted.
        signals: traces that concern this slot.
    """

    slot: Slot
    value: T_co | None = None
    reason: Reason | None = None
    signals: tuple[Signal, ...] = ()

    @property
    def accepted(self) -> bool:
        """True when ``value`` can be used."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Split(Generic[T_co]):
    """One reply, taken apart.

    Attributes:
        verdicts: one per slot, in the pack's order.
        signals: traces that concern the reply as a whole.
    """

    verdicts: tuple[Verdict[T_co], ...]
    signals: tuple[Signal, ...] = ()

    @property
    def accepted(self) -> tuple[Verdict[T_co], ...]:
        """Verdicts whose value can be used."""
        return tuple(verdict for verdict in self.verdicts if verdict.accepted)

    @property
    def rejected(self) -> tuple[Verdict[T_co], ...]:
        """Verdicts that need another try."""
        return tuple(verdict for verdict in self.verdicts if not verdict.accepted)


@dataclass(frozen=True, slots=True)
class ItemResult(Generic[T_co]):
    """How one input ended.

    Attributes:
        item_id: the caller's id, or the input's index.
        outcome: accepted, held or failed.
        value: the answer in the task's own type; None unless accepted or held.
        route: the kind of call that settled it; None when no call was made.
        reason: why there is no value; None when there is one.
        signals: traces seen in the replies that concern this item.
        attempts: calls this item took part in.
        usage: this item's share of those calls' tokens.
        same_as: the input with the same text whose answer this is; None when it was asked itself.
    """

    item_id: ItemId
    outcome: Outcome
    value: T_co | None = None
    route: Route | None = None
    reason: Reason | None = None
    signals: tuple[Signal, ...] = ()
    attempts: int = 0
    usage: Usage = field(default_factory=Usage.none_spent)
    same_as: ItemId | None = None


@dataclass(frozen=True, slots=True)
class RunResult(Generic[T_co]):
    """A finished run. Iterating gives one ``ItemResult`` per input, in input order.

    Attributes:
        results: one per input, in input order.
        ledger: what it took, and what one call per item would have taken.
        model: the model that was asked, as the client names it.
        counter: the token counter that sized the packs.
        elapsed_s: wall seconds from the first call to the last answer.
        stopped: why the run ended early; None when it ran to its end.
    """

    results: tuple[ItemResult[T_co], ...]
    ledger: Ledger
    model: str
    counter: str
    elapsed_s: float
    stopped: str | None = None

    def __iter__(self) -> Iterator[ItemResult[T_co]]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def values(self) -> list[T_co | None]:
        """The values in input order; None where an input failed."""
        return [result.value for result in self.results]

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many inputs ended how."""
        return Counter(result.outcome for result in self.results)

    @property
    def unresolved(self) -> tuple[ItemResult[T_co], ...]:
        """The inputs that have no accepted value."""
        return tuple(result for result in self.results if result.outcome is not Outcome.ACCEPTED)

"""What is made of one reply, slot by slot: an answer accepted, or rejected with a reason.

Does not know: how a reply is read, or what becomes of an item whose answer is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from schemas.evidence import Quote
from schemas.pack import Slot
from schemas.signal import Signal, Trust

T_co = TypeVar("T_co", covariant=True)


class Cause(StrEnum):
    """Where the fault lies that a reason speaks of."""

    INPUT = "input"
    ANSWERED_BADLY = "answered_badly"
    NOT_REACHED = "not_reached"
    STOPPED = "stopped"


class Fault(StrEnum):
    """Why an answer could not be used; the stable half of a reason."""

    EMPTY_TEXT = "empty_text"
    OVER_BUDGET = "over_budget"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    MISBOUND = "misbound"
    BLEED = "bleed"
    INVALID_VALUE = "invalid_value"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    UNREADABLE = "unreadable"
    CALL_FAILED = "call_failed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    STOPPED = "stopped"
    REJECTED = "rejected"

    @property
    def cause(self) -> Cause:
        """Whether the model answered badly, or could not be reached, or was not asked at all."""
        return _CAUSES.get(self, Cause.ANSWERED_BADLY)


_CAUSES = {
    Fault.EMPTY_TEXT: Cause.INPUT,
    Fault.OVER_BUDGET: Cause.INPUT,
    Fault.CALL_FAILED: Cause.NOT_REACHED,
    Fault.TIMEOUT: Cause.NOT_REACHED,
    Fault.UNREACHABLE: Cause.NOT_REACHED,
    Fault.STOPPED: Cause.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an input has no value.

    Attributes:
        fault: a stable word for tables and tests; ``fault.cause`` tells a bad answer from no answer.
        detail: what happened, for a person.
    """

    fault: Fault
    detail: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T_co]):
    """What the splitter says of one slot of one reply.

    Attributes:
        slot: the seat.
        value: the answer, when accepted.
        reason: why not, when rejected; None means accepted.
        signals: traces that concern this slot.
        trust: how far an accepted value is to be trusted.
        quotes: the words the value rests on, where the task asks for them.
    """

    slot: Slot
    value: T_co | None = None
    reason: Reason | None = None
    signals: tuple[Signal, ...] = ()
    trust: Trust = Trust.CLEAN
    quotes: tuple[Quote, ...] = ()

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
        stop: the signal for which the guard ends the run; None when it does not.
        whole_failed: True when the reply as such failed (cut off, refused, filtered, unreadable), so that
            sending the same items together again may fail the same way.
    """

    verdicts: tuple[Verdict[T_co], ...]
    signals: tuple[Signal, ...] = ()
    stop: Signal | None = None
    whole_failed: bool = False

    @property
    def accepted(self) -> tuple[Verdict[T_co], ...]:
        """Verdicts whose value can be used."""
        return tuple(verdict for verdict in self.verdicts if verdict.accepted)

    @property
    def rejected(self) -> tuple[Verdict[T_co], ...]:
        """Verdicts that need another try."""
        return tuple(verdict for verdict in self.verdicts if not verdict.accepted)

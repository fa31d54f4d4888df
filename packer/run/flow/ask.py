"""What passes between a ladder and its driver: asks, replies, steps; and the rules of a run.

Does not know: what a reply leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from packer.budget import Allowance
from packer.seat import Markers
from schemas.chat import Completion, Prompt
from schemas.errors import CallTimeout, ClientError, NotSent, RateLimited, Unreachable
from schemas.guard import Guard
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.route import Route
from schemas.settings import Fallback, Layout
from schemas.verdict import Fault, Reason, Split, Verdict

T = TypeVar("T")

Purpose = Literal["", "baseline", "calibration", "audit"]
"""Why a call is made that no item needs: to measure what single calls take, to try pack sizes, or to hold
packed answers against single ones. The ledger books such calls under that name."""

Reply = Completion | ClientError
"""What comes back for an ask: a completion, or the error that came instead."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing came back for reasons that are not the ask's: it is to be sent again, or the run is over."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One call to make.

    Attributes:
        pack: who sits in it; its id names the call.
        prompt: what to send.
        route: which rung of the ladder this is.
        session: names the conversation that the call is a turn of; None outside sessions.
        session_items: how many items that conversation has; its deadline grows with it.
        purpose: why, when it is made to measure with; empty for calls that items need.
        settles: whether its answers are the items' own; others are only looked at.
    """

    pack: Pack[T]
    prompt: Prompt
    route: Route
    session: str | None = None
    session_items: int = 0
    purpose: Purpose = ""
    settles: bool = True

    @property
    def booked(self) -> str:
        """Under which name the ledger has it."""
        return self.purpose or self.route.value

    @property
    def group(self) -> str | None:
        """Whose items it asks; a canary has no group."""
        return next(slot.item.group for slot in self.pack.slots if slot.canary is None)


@dataclass(frozen=True, slots=True)
class Back:
    """What came back for an ask, and what it cost.

    Attributes:
        reply: a completion, or the error that came instead.
        cost_usd: None when not known.
    """

    reply: Reply
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """What a reply led to: these are settled, and these are the next calls."""

    settled: tuple[ItemResult[T], ...] = ()
    asks: tuple[Ask[T], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the whole run.

    Attributes:
        fallback: the ladder.
        guard: what is done about signals.
        layout: of the packs; sessions keep to it.
        allowance: caps replies and, in sessions, prompts.
        markers: prices markers, and counts turns.
        fixed_tokens: of a prompt without items.
        seed: the run's seed.
        rounds: whether calls go out in rounds that take long, so that what may be asked together should be.
    """

    fallback: Fallback
    guard: Guard
    layout: Layout
    allowance: Allowance
    markers: Markers
    fixed_tokens: int
    seed: int
    rounds: bool = False


def hopeless(reply: Reply) -> bool:
    """Errors that a smaller prompt cannot mend: going down the ladder would only spend calls."""
    return isinstance(reply, ClientError) and reply.stops_run


def all_rejected(pack: Pack[T], error: Reply) -> Split[T]:
    """What a call that brought no reply means for its items."""
    assert isinstance(error, ClientError)  # noqa: S101  # completions are split
    fault = Fault.CALL_FAILED
    if isinstance(error, CallTimeout | NotSent):
        fault = Fault.TIMEOUT
    elif isinstance(error, Unreachable | RateLimited):
        fault = Fault.UNREACHABLE
    reason = Reason(fault, f"{error.code}: {error}")
    return Split(tuple(Verdict(slot, reason=reason) for slot in pack.slots), whole_failed=True)

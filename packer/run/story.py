"""One item's story within a run, from its first call to its one result.

Does not know: which call comes next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from schemas.item import Item
from schemas.result import ItemResult, Outcome, Reason, Route, Verdict
from schemas.signal import Signal, Trust
from schemas.task import Task
from schemas.usage import Usage

T = TypeVar("T")


@dataclass(slots=True)
class Open(Generic[T]):
    """One item's story so far.

    Attributes:
        item: who.
        task: what is asked.
        tokens: of its text.
        most_items: how many items its next call may hold.
        repacks: how often it was packed again.
        earlier: the doubtful verdict that a second look is to confirm; None without.
        attempts: calls it took part in.
        usage: its share of their tokens.
        signals: seen in their replies.
        reason: why the last one could not be used.
    """

    item: Item
    task: Task[T]
    tokens: int
    most_items: int = 1
    repacks: int = 0
    earlier: Verdict[T] | None = None
    attempts: int = 0
    usage: Usage = field(default_factory=Usage.none_spent)
    signals: tuple[Signal, ...] = ()
    reason: Reason | None = None

    def accepted(self, verdict: Verdict[T], route: Route, trust: Trust | None = None) -> ItemResult[T]:
        """Its result with this verdict's value."""
        return ItemResult(
            self.item.id,
            Outcome.ACCEPTED,
            verdict.value,
            route,
            signals=self.signals,
            attempts=self.attempts,
            usage=self.usage,
            trust=trust or verdict.trust,
            quotes=verdict.quotes,
        )

    def given_up(self, route: Route | None) -> ItemResult[T]:
        """Its result without a value; a doubtful answer that could not be confirmed is still one."""
        return self._without_value(Outcome.FAILED, route)

    def pending(self) -> ItemResult[T]:
        """Its result when the run ends before it is settled."""
        return self._without_value(Outcome.PENDING, None)

    def _without_value(self, outcome: Outcome, route: Route | None) -> ItemResult[T]:
        if self.earlier is not None:
            return self.accepted(self.earlier, Route.PACK)
        return ItemResult(
            self.item.id,
            outcome,
            route=route if self.attempts else None,
            reason=self.reason,
            signals=self.signals,
            attempts=self.attempts,
            usage=self.usage,
        )

"""One item's story within a run, from its first call to its one result.

Does not know: which call comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from packer.run.flow.auditing import Held
from packer.run.flow.charges import UNKNOWN
from schemas.accepted import accepted_result
from schemas.item import Item
from schemas.result import ItemResult, Outcome
from schemas.route import Route
from schemas.signal import Signal, Trust
from schemas.task import Task
from schemas.usage import Usage, plus_known_usd
from schemas.verdict import Reason, Verdict

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
        earlier_call: names the call that verdict came from.
        attempts: calls it took part in.
        usage: its share of their tokens, as far as they were reported.
        unmetered: of the attempts, replies without reported tokens.
        cost_usd: its share of their money, as far as it is known.
        signals: seen in their replies.
        reason: why the last one could not be used.
        held: an answer that waits to be held against a single one; None without.
    """

    item: Item
    task: Task[T]
    tokens: int
    most_items: int = 1
    repacks: int = 0
    earlier: Verdict[T] | None = None
    earlier_call: str = ""
    attempts: int = 0
    usage: Usage = UNKNOWN
    unmetered: int = 0
    cost_usd: Decimal | None = None
    signals: tuple[Signal, ...] = ()
    reason: Reason | None = None
    held: Held[T] | None = None

    @property
    def group(self) -> str | None:
        """Whose calls it may share."""
        return self.item.group

    def accepted(
        self, verdict: Verdict[T], route: Route, call: str, trust: Trust | None = None
    ) -> ItemResult[T]:
        """Its result with this verdict's value, from that call."""
        return accepted_result(
            verdict,
            route,
            call,
            trust or verdict.trust,
            self.signals,
            self.attempts,
            self._spent,
            self.unmetered,
            self.cost_usd,
        )

    def charge(self, usage: Usage, cost_usd: Decimal | None, *, metered: bool) -> None:
        """Add its share of a call."""
        self.attempts += 1
        self.usage = usage if self.usage is UNKNOWN else self.usage.plus_known(usage)
        self.unmetered += not metered
        self.cost_usd = plus_known_usd(self.cost_usd, cost_usd)

    @property
    def _spent(self) -> Usage:
        return self.usage if self.attempts else Usage.none_spent()

    def given_up(self, route: Route | None, call: str) -> ItemResult[T]:
        """Its result without a value; a doubtful answer that could not be confirmed is still one."""
        return self._without_value(Outcome.FAILED, route, call)

    def pending(self) -> ItemResult[T]:
        """Its result when the run ends before it is settled."""
        return self._without_value(Outcome.PENDING, None, "")

    def _without_value(self, outcome: Outcome, route: Route | None, call: str) -> ItemResult[T]:
        if self.held is not None:
            return self.held.result
        if self.earlier is not None:
            return self.accepted(self.earlier, Route.PACK, self.earlier_call)
        return ItemResult(
            self.item.id,
            outcome,
            route=route if self.attempts else None,
            reason=self.reason,
            signals=self.signals,
            attempts=self.attempts,
            usage=self._spent,
            call=call,
            unmetered_attempts=self.unmetered,
            cost_usd=self.cost_usd,
        )

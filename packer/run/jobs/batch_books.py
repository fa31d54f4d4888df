"""The books of calls that go as lines of batch jobs: what is reserved, written down, and settled.

Does not know: jobs' ways, or what a reply leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from packer.run.flow.ask import Ask, Back, Reply
from packer.run.jobs.batch_job import Line, slim
from packer.run.live.send import Sender
from schemas.chat import Completion

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchBooks:
    """Keeps a sender's books for lines.

    Attributes:
        sender: owns them.
    """

    sender: Sender

    @property
    def next_number(self) -> int:
        """The number that the next call will have."""
        return self.sender.journal.calls + 1

    def refused(self, ask: Ask[T]) -> str | None:
        """Why a call must not go; None when it may."""
        return self.sender.spending.refused(self.sender.needs.of(ask))

    def sent(self, ask: Ask[T]) -> tuple[int, Line[T]]:
        """A call becomes a line; written down with its job. Gives the call's number."""
        need = self.sender.needs.of(ask)
        reserved_usd = self.sender.spending.enter(need)
        return self.sender.journal.sent(ask, need, durable=False), Line(slim(ask), need, reserved_usd)

    def back(self, number: int, line: Line[T], reply: Reply) -> Back:
        """A line has its reply, or the error that came instead."""
        sender, ask = self.sender, line.ask
        cost_usd = sender.tally.prices.cost_usd(reply.usage) if isinstance(reply, Completion) else None
        sender.journal.back(number, reply, cost_usd, 0.0, durable=False)
        self._book(line, reply, cost_usd)
        spent_usd = cost_usd
        if isinstance(reply, Completion):
            sender.needs.learn(ask, reply.usage)
        elif reply.status is not None:
            spent_usd = Decimal(0)  # answered without a model's work
        sender.spending.settle(line.reserved_usd, spent_usd)
        return Back(reply, cost_usd)

    def voided(self, line: Line[T]) -> None:
        """A line's job was never taken: the call was not made."""
        self.sender.spending.settle(line.reserved_usd, Decimal(0))
        self.sender.spending.calls -= 1

    def lost(self, line: Line[T], why: Reply) -> None:
        """Nobody will ever read a line's reply, which may be paid for."""
        self._book(line, why, None)
        self.sender.spending.settle(line.reserved_usd, None)

    def _book(self, line: Line[T], reply: Reply, cost_usd: Decimal | None) -> None:
        self.sender.tally.book(
            line.ask.booked,
            reply,
            cost_usd,
            counted_tokens=self.sender.needs.expected(line.ask),
            need=line.need,
            group=line.ask.pack.asked[0].item.group,
        )

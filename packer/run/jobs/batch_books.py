"""Enters calls that go as lines of batch jobs: in the run's books, and in its journal.

Does not know: jobs' ways, or what a reply leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from packer.run.flow.ask import Ask, Back, Reply
from packer.run.jobs.batch_job import Line, slim
from packer.run.live.send import Sender

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
        books = self.sender.books
        return books.spending.refused(books.needs.of(ask))

    def sent(self, ask: Ask[T]) -> tuple[int, Line[T]]:
        """A call becomes a line; written down with its job. Gives the call's number."""
        need = self.sender.books.needs.of(ask)
        reserved_usd = self.sender.books.spending.enter(need)
        return self.sender.journal.sent(ask, need, durable=False), Line(slim(ask), need, reserved_usd)

    def back(self, number: int, line: Line[T], reply: Reply) -> Back:
        """A line has its reply, or the error that came instead."""
        books = self.sender.books
        cost_usd = books.cost_usd(reply)
        self.sender.journal.back(number, reply, cost_usd, 0.0, durable=False)
        books.back(line.ask, reply, cost_usd, line.need, line.reserved_usd)
        return Back(reply, cost_usd)

    def voided(self, line: Line[T]) -> None:
        """A line's job was never taken: the call was not made."""
        self.sender.books.voided(line.reserved_usd)

    def lost(self, line: Line[T], why: Reply) -> None:
        """Nobody will ever read a line's reply, which may be paid for."""
        self.sender.books.back(line.ask, why, None, line.need, line.reserved_usd)

"""Fills batch jobs with calls, within the provider's limits on lines and bytes.

Does not know: how a job is handed over, or what comes of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask, Back
from packer.run.jobs.batch_books import BatchBooks
from packer.run.jobs.batch_job import BatchJob, Line, new_file, new_name, now, whole
from schemas.batch import Batch, JobLimits
from schemas.errors import CeilingReached, PromptTooLong
from schemas.protocols import BatchClient

T = TypeVar("T")


@dataclass(slots=True)
class Filling(Generic[T]):
    """The calls that are to go, and the jobs made of them.

    Attributes:
        books: reserve and write down.
        client: says how long a line is, and what a job holds.
        batch: the caller's own limits.
        opening: calls that are opened one by one, as jobs have room for them.
        waiting: calls of the next round.
        too_large: calls that no job can hold, with the error that this is to them.
        made: jobs of the run so far.
        most_lines: a lower limit, learned from the provider.
    """

    books: BatchBooks
    client: BatchClient
    batch: Batch
    opening: Iterator[Ask[T]]
    waiting: deque[Ask[T]]
    made: int = 0
    most_lines: int | None = None
    too_large: list[tuple[Ask[T], Back]] = field(default_factory=list)
    _round: deque[Ask[T]] = field(default_factory=deque)
    _next: Ask[T] | None = None

    def next_job(self) -> BatchJob[T] | None:
        """The next job, its lines in a file; None when there is nothing that may go now."""
        limits = self._limits()
        first: Ask[T] | None = self._following()
        if first is None:
            return None
        name, since = new_name(), now()
        lines: dict[int, Line[T]] = {}
        file, path = new_file(name)
        room = limits.size_bytes
        with file:
            ask: Ask[T] | None = first
            while ask is not None and len(lines) < limits.lines:
                text = self.client.line(f"{name}-{self.books.next_number}", ask.prompt)
                if (why := self.books.refused(ask)) is not None:
                    self._ceiling(why, lines)
                    break
                if len(text) > limits.size_bytes:
                    number, line = self.books.sent(ask)
                    back = self.books.back(number, line, _too_large(len(text), limits.size_bytes))
                    self.too_large.append((ask, back))
                elif len(text) > room:
                    break
                else:
                    file.write(text)
                    room -= len(text)
                    number, line = self.books.sent(ask)
                    lines[number] = line
                ask = self._following()
            self._next = ask
        if not lines:
            path.unlink()
            return None
        self.made += 1
        return BatchJob(self.made, name, lines, min(lines), max(lines), len(lines), since, path=path)

    def start_round(self) -> None:
        """No job is under way: what waits may go."""
        self._round.extend(self.waiting)
        self.waiting.clear()

    def _following(self) -> Ask[T] | None:
        if (ask := self._next) is not None:
            self._next = None
        elif (ask := next(self.opening, None)) is None and self._round:
            ask = whole(self._round.popleft())
        return ask

    def _ceiling(self, why: str, lines: dict[int, Line[T]]) -> None:
        """The run ends here unless calls under way may turn out cheaper than reserved."""
        if not self.books.sender.books.spending.may_free_up and not lines:
            self.books.sender.end(CeilingReached(why))

    def _limits(self) -> JobLimits:
        theirs, ours = self.client.limits, self.batch
        lines = [theirs.lines, *(each for each in (ours.lines, self.most_lines) if each is not None)]
        most = theirs.size_bytes if ours.size_bytes is None else min(theirs.size_bytes, ours.size_bytes)
        return JobLimits(min(lines), most)


def _too_large(line_bytes: int, most_bytes: int) -> PromptTooLong:
    told = f"its line in a batch job takes {line_bytes:,} bytes; a job holds {most_bytes:,}"
    return PromptTooLong(told, status=413)

"""Reads what an ended batch job brought, line by line, and answers for lines that brought nothing.

Lines come in any order, twice, under names that nobody gave, or not at all. Does not know: what a reply
leads to.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask, Back
from packer.run.jobs.batch_books import BatchBooks
from packer.run.jobs.batch_job import BatchJob
from packer.run.jobs.hand_over import HandOver
from packer.run.store.journal import Journal
from schemas.batch import JobLine, JobLook
from schemas.chat import Completion
from schemas.errors import ClientError, Unreachable
from schemas.protocols import BatchClient

T = TypeVar("T")

DURABLE_EVERY = 200
"""Replies between two writes to disk; one that is lost can be read again."""

NEVER_RAN = 408
"""The status of a call that its job did not come to."""

log = logging.getLogger("packsplit")


@dataclass(frozen=True, slots=True)
class Collected(Generic[T]):
    """One call's reply.

    Attributes:
        ask: what was asked.
        back: what came back, and what it cost.
        again: whether the very same call may fare better next time.
    """

    ask: Ask[T]
    back: Back
    again: bool


async def collect(
    job: BatchJob[T],
    look: JobLook,
    client: BatchClient,
    over: HandOver,
    books: BatchBooks,
    journal: Journal,
) -> AsyncGenerator[Collected[T], None]:
    """Yield a reply for every call of the job that has none yet; fewer when the run ends first."""
    since_s = over.clock()
    while True:
        seen: set[int] = set()
        unknown = repeated = 0
        try:
            async for line in client.results(job.id):
                number = job.number_of(line.custom_id)
                if number is None:
                    unknown += 1
                    continue
                repeated += number in seen
                seen.add(number)
                if number in job.lines:
                    yield _booked(job, number, line, books)
                    if len(seen) % DURABLE_EVERY == 0:
                        journal.flush()
            break
        except ClientError as error:
            broken = error
        if not await over.again(broken, since_s):
            return
    if unknown or repeated:
        told = "batch job %s: %d lines under names that nobody gave and %d repeated ones were left aside"
        log.warning(told, job.id, unknown, repeated)
    for number in list(job.lines):
        yield _booked(job, number, _missing(job, look, number), books)


def _booked(job: BatchJob[T], number: int, line: JobLine, books: BatchBooks) -> Collected[T]:
    call = job.lines.pop(number)
    reply = line.reply
    if isinstance(reply, ClientError) and not line.ran:
        reply = Unreachable(str(reply), provider=reply.provider, status=NEVER_RAN)
    back = books.back(number, call, reply)
    again = not isinstance(reply, Completion) and reply.transient and not reply.stops_run
    return Collected(call.ask, back, again)


def _missing(job: BatchJob[T], look: JobLook, number: int) -> JobLine:
    told = f"batch job {job.id} ended without a line for this call ({look.told})"
    ran = not look.cancelled and "expired" not in look.told
    return JobLine(job.custom_id(number), ClientError(told, transient=True), ran)

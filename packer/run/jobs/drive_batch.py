"""The batch driver: asks of one ladder become lines of batch jobs, round after round, until all is settled.

First the packs, in as many jobs as it takes; what fails goes again, alone, when those jobs have ended.
Does not know: providers, what is asked or why, or how a job is handed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from packer.run.flow.ask import Ask, Back
from packer.run.jobs.batch_books import BatchBooks
from packer.run.jobs.batch_job import BatchJob
from packer.run.jobs.collect import Collected, collect
from packer.run.jobs.filling import Filling
from packer.run.jobs.hand_over import HandOver
from packer.run.live.drive import Driver
from schemas.batch import Batch, JobLook, JobStage
from schemas.errors import CallRefused, ClientError, GuardStop, Interrupted, JobsUnderWay, ProviderDown
from schemas.protocols import BatchClient
from schemas.result import ItemResult

T = TypeVar("T")

CANCEL_S = 5.0
"""When someone asks the run to end, so long is tried to cancel its jobs."""

SHOWN_JOBS = 3

log = logging.getLogger("packsplit")


@dataclass(slots=True)
class BatchDriver(Driver[T]):
    """Drives one run through batch jobs.

    Attributes:
        client: of the provider's batch jobs.
        batch: how they are used.
        kept: whether the run is kept in a store, so that jobs left behind can be collected.
        jobs: those that are under way.
        made: how many there were so far.
        known: ids of all the run's jobs.
    """

    client: BatchClient = field(kw_only=True)
    batch: Batch = field(kw_only=True)
    kept: bool = False
    jobs: list[BatchJob[T]] = field(default_factory=list)
    made: int = 0
    known: set[str] = field(default_factory=set)
    _most_lines: int | None = None
    _tries: dict[str, int] = field(default_factory=dict)
    _leaves_at_s: float | None = None
    _cancelled: bool = False

    async def run(
        self,
        opening: Iterable[Ask[T]],
        *,
        ready: Iterable[Ask[T]] = (),
        arrived: Iterable[tuple[Ask[T], Back]] = (),
    ) -> AsyncGenerator[tuple[ItemResult[T], ...], None]:
        """Drive until everything is settled; see ``Driver.run``. An empty batch says that time has passed."""
        books = BatchBooks(self.sender)
        waiting = deque(ready)
        filling = Filling(books, self.client, self.batch, iter(opening), waiting, self.made, self._most_lines)
        clock = asyncio.get_running_loop().time
        halted = asyncio.create_task(self.halt.asked())
        self._start_clock(clock())
        if self._leaves_at_s is None and self.batch.wait_s is not None:
            self._leaves_at_s = clock() + self.batch.wait_s
        over = self._way(halted)
        try:
            for ask, back in arrived:
                if settled := self._take(ask, back, waiting):
                    yield settled
            while True:
                self._heed(halted, self._ends_at_s, clock())
                await self._hand_over(filling, over)
                for ask, back in filling.too_large:
                    yield self._take(ask, back, waiting)
                filling.too_large.clear()
                yield self._progress()
                if self._breaks_off() or not self.jobs:
                    if self.stopped is not None or not self._has_more(waiting):
                        break
                    continue
                if isinstance(self.stopped, GuardStop):
                    await self._cancel_all(over)
                ended = False
                for job in list(self.jobs):
                    look = await over.tried(partial(self.client.look, job.id))
                    if look is None:
                        break
                    job.done = look.done
                    if look.stage is JobStage.REFUSED:
                        ended = await self._void(job, look, filling, over) or ended
                    elif look.stage is JobStage.ENDED:
                        ended = True
                        read = collect(job, look, self.client, over, books, self.sender.journal)
                        async with aclosing(read) as lines:
                            async for line in lines:
                                if settled := self._came(line, waiting):
                                    yield settled
                        if not job.lines:
                            self.jobs.remove(job)
                            self._after(job, look, waiting)
                if not ended:
                    yield self._progress()
                    if self._leaves_at_s is not None and clock() >= self._leaves_at_s:
                        self.sender.end(JobsUnderWay(self._told()))
                        self._drop_at_s = clock()
                    else:
                        await over.pause(self._pause_s(clock()))
        finally:
            halted.cancel()
            self.made, self._most_lines = filling.made, filling.most_lines
            if self.jobs:
                await self._left(books)

    def _way(self, halted: asyncio.Task[None]) -> HandOver:
        loop = asyncio.get_running_loop()

        async def pause(wait_s: float) -> bool:
            if wait_s > 0:
                await asyncio.wait({halted}, timeout=wait_s)
            else:
                await asyncio.sleep(0)
            self._heed(halted, self._ends_at_s, loop.time())
            return self._breaks_off()

        return HandOver(
            client=self.client,
            journal=self.sender.journal,
            poll_s=self.batch.poll_s,
            outage_s=self.sender.limits.outage_s,
            pause=pause,
            clock=loop.time,
            end=self.sender.end,
            known=self.known,
        )

    async def _hand_over(self, filling: Filling[T], over: HandOver) -> None:
        """Hand over what was left half done, then as many jobs as may be under way."""
        while not self._breaks_off():
            job = next((each for each in self.jobs if not each.id), None)
            if job is None:
                if self.stopped is not None or len(self.jobs) >= self.batch.jobs:
                    return
                if not self.jobs and self._has_more(filling.waiting):
                    filling.start_round()
                job = filling.next_job()
                if job is None:
                    return
                self.jobs.append(job)
                body: dict[str, object] = {
                    "job": job.number,
                    "name": job.name,
                    "first": job.first,
                    "last": job.last,
                    "lines": job.size,
                    "at_s": round(job.since.timestamp(), 3),
                }
                self.sender.journal.job("job", body)
            try:
                if not await over.start(job):
                    return
            finally:
                job.drop_file()

    def _has_more(self, waiting: deque[Ask[T]]) -> bool:
        """Whether a next round has calls, now that no job is under way."""
        if asks := self.ladder.drain():
            self.sender.journal.drained()
            waiting.extend(asks)
        return bool(waiting)

    def _came(self, line: Collected[T], waiting: deque[Ask[T]]) -> tuple[ItemResult[T], ...]:
        """One line's reply: read it, or ask the same again where the provider did not come to it."""
        reply, name = line.back.reply, line.ask.pack.id
        if isinstance(reply, ClientError):
            if reply.stops_run:
                self.sender.end(reply)
            if line.again and (self.stopped is not None or self._tries.get(name, 0) < self.batch.again):
                self._tries[name] = self._tries.get(name, 0) + 1
                waiting.append(line.ask)
                return ()
        self._tries.pop(name, None)
        return self._take(line.ask, line.back, waiting)

    async def _void(self, job: BatchJob[T], look: JobLook, filling: Filling[T], over: HandOver) -> bool:
        """The provider took no line of a job: ask again later where that can help, else end."""
        self.jobs.remove(job)
        self.sender.journal.job(
            "voided", {"job": job.number, "why": "crowded" if look.crowded else "refused"}
        )
        for line in job.lines.values():
            filling.books.voided(line)
            filling.waiting.append(line.ask)
        log.warning("batch job %s with %d calls was not taken", job.id, job.size)
        if not look.crowded or (job.size == 1 and not self.jobs):
            self.sender.end(CallRefused(f"the provider took no call of batch job {job.id}: {look.told}"))
        elif not self.jobs:
            # Nothing else of ours is in the queue, so the job may be larger than the queue itself.
            filling.most_lines = max(1, job.size // 2)
            await over.pause(self.batch.poll_s)
        return True

    def _after(self, job: BatchJob[T], look: JobLook, waiting: deque[Ask[T]]) -> None:
        self.sender.journal.job("collected", {"job": job.number})
        log.info("batch job %s has ended: %s", job.id, look.stage)
        # Whoever cancelled it before this process began has had the run taken up again since.
        ours = self._cancelled or job.inherited
        if look.cancelled and not ours and waiting and self.stopped is None:
            self.sender.end(
                Interrupted(
                    f"batch job {job.id} was cancelled at the provider; run again to ask what is left"
                )
            )

    def _breaks_off(self) -> bool:
        """Whether jobs under way are left; a ceiling only keeps further ones from being handed over."""
        stopped = self.stopped
        if isinstance(stopped, GuardStop):
            return self.kept and self.batch.on_stop == "leave"
        return self._drop_at_s is not None or isinstance(stopped, ClientError | ProviderDown | JobsUnderWay)

    async def _cancel_all(self, over: HandOver) -> None:
        if not self._cancelled:
            self._cancelled = True
            for job in self.jobs:
                await over.tried(partial(self.client.cancel, job.id))

    async def _left(self, books: BatchBooks) -> None:
        """What becomes of jobs that this process does not wait for."""
        if self.kept and self.batch.on_stop == "leave":
            return
        for job in self.jobs if not self._cancelled else ():
            try:
                async with asyncio.timeout(CANCEL_S):
                    if job.id:
                        await self.client.cancel(job.id)
            except (ClientError, TimeoutError) as error:
                log.warning("batch job %s could not be cancelled: %s", job.id, type(error).__name__)
        if not self.kept:
            gone = ClientError("its batch job was cancelled when the run ended")
            for job in self.jobs:
                for line in job.lines.values():
                    if job.id or job.doubtful:
                        books.lost(line, gone)
                    else:
                        books.voided(line)
        self._cancelled = True

    def _progress(self) -> tuple[ItemResult[T], ...]:
        tally = self.sender.books.tally
        tally.jobs = len(self.jobs)
        tally.lines = sum(job.size for job in self.jobs)
        tally.lines_done = sum(job.done or 0 for job in self.jobs)
        return ()

    def _pause_s(self, now_s: float) -> float:
        ends = [each - now_s for each in (self._ends_at_s, self._leaves_at_s) if each is not None]
        return max(0.0, min([self.batch.poll_s, *ends]))

    def _told(self) -> str:
        names = ", ".join(job.id for job in self.jobs[:SHOWN_JOBS])
        more = ", ..." if len(self.jobs) > SHOWN_JOBS else ""
        many = f"{len(self.jobs)} batch job{'' if len(self.jobs) == 1 else 's'}"
        calls = sum(job.size for job in self.jobs)
        return f"{many} with {calls:,} calls under way at the provider ({names}{more}); run again to collect"

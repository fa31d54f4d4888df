"""Hands batch jobs over, each exactly once, whatever fails on the way: looks for a job before trying again.

Does not know: what the lines ask, or what a job brings.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from packer.run.jobs.batch_job import BatchJob, new_file, whole
from packer.run.store.journal import Journal
from schemas.errors import CallTimeout, ClientError, ProviderDown, RunError
from schemas.protocols import BatchClient

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger("packsplit")


@dataclass(slots=True)
class HandOver:
    """The way to a provider's batch jobs.

    Attributes:
        client: of the provider.
        journal: is told before anything is started.
        poll_s: seconds between two looks.
        outage_s: how long to wait for a provider that is down.
        pause: waits so many seconds, or until the run is to end; True when it is.
        clock: seconds.
        end: is told why the run cannot go on.
        known: ids of the run's own jobs.
    """

    client: BatchClient
    journal: Journal
    poll_s: float
    outage_s: float
    pause: Callable[[float], Awaitable[bool]]
    clock: Callable[[], float]
    end: Callable[[RunError], None]
    known: set[str] = field(default_factory=set)

    async def start(self, job: BatchJob[T]) -> bool:
        """Bring a job to the provider; False when the run ends first.

        An attempt whose end is not clear is never repeated before it is sure that it came to nothing.
        """
        while not job.id:
            if job.doubtful:
                if not await self._found(job):
                    return False
                continue
            path = job.path or self._write_down(job)
            if job.upload is None:
                upload = await self.tried(partial(self.client.upload, job.name, path))
                if upload is None:
                    return False
                job.upload = upload
                self.journal.job("uploaded", {"job": job.number, "file": upload})
            if not await self._submitted(job, path, job.upload):
                return False
        job.drop_file()
        self.known.add(job.id)
        self.journal.job("submitted", {"job": job.number, "id": job.id})
        log.info("batch job %s (%s) with %d calls is handed over", job.id, job.name, job.size)
        return True

    def _write_down(self, job: BatchJob[T]) -> Path:
        """Write the lines of a job anew that an earlier process had begun to hand over."""
        file, job.path = new_file(job.name)
        with file:
            for number, line in job.lines.items():
                file.write(self.client.line(job.custom_id(number), whole(line.ask).prompt))
        return job.path

    async def tried(self, call: Callable[[], Awaitable[R]]) -> R | None:
        """A call that may be made again: try until it works; None when the run ends first."""
        since_s = self.clock()
        while True:
            try:
                return await call()
            except ClientError as error:
                if not await self.again(error, since_s):
                    return None

    async def again(self, error: ClientError, since_s: float) -> bool:
        """Wait for the next try of what has failed since then; False when there is to be none."""
        if not _on_the_way(error):
            self.end(error)
            return False
        if self.clock() - since_s >= self.outage_s:
            self.end(ProviderDown(f"no answer about batch jobs for {self.outage_s:g} s: {error}"))
            return False
        log.info("batch jobs: %s; trying again", error.code)
        return not await self.pause(max(self.poll_s, error.retry_after_s or 0.0))

    async def _submitted(self, job: BatchJob[T], path: Path, upload: str) -> bool:
        job.doubtful = True  # until an answer is there, also when this process is interrupted
        try:
            job.id = await self.client.submit(job.name, path, upload)
        except ClientError as error:
            if _on_the_way(error):
                log.info("batch job %s: %s; looking whether it was started", job.name, error.code)
                return not await self.pause(max(self.poll_s, error.retry_after_s or 0.0))
            job.doubtful = False
            self.journal.job("voided", {"job": job.number, "why": error.code})
            self.end(error)
            return False
        return True

    async def _found(self, job: BatchJob[T]) -> bool:
        """Find out whether an earlier attempt worked; False when the run ends first."""
        while True:
            sought = await self.tried(
                partial(self.client.find, job.name, job.upload or "", job.size, job.since, self.known)
            )
            if sought is None:
                return False
            if sought.sure:
                job.doubtful = False
                job.id = sought.job or ""
                return True
            log.info(
                "batch job %s: a job that may be it is under way; waiting until it can be told", job.name
            )
            if await self.pause(self.poll_s):
                return False


def _on_the_way(error: ClientError) -> bool:
    """Whether it failed on its way, so that the same may work later, or may have worked already."""
    return error.transient or isinstance(error, CallTimeout)

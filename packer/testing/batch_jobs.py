"""The life of a fault server's batch jobs: made, looked at, ended, and what their lines bring.

Lines are answered when the job ends, each by the script that answers live requests. Does not know: how a
job or a line is worded on a wire, or who asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Literal

from packer.testing.job_faults import RATES, JobAsk, JobFaults, Provider, SeenJob, State
from packer.testing.loopback import WireFault

End = Literal["answered", "expired", "cancelled", "garbled"]


@dataclass(frozen=True, slots=True)
class LineEnd:
    """What became of one line.

    Attributes:
        custom_id: its name, or one that nobody gave.
        end: how it ended.
        sent: what a live request would have got; None for a line that was not answered.
    """

    custom_id: str
    end: End
    sent: WireFault | None = None


@dataclass(slots=True)
class Job:
    """A batch job; everything that changes is changed by ``Jobs``."""

    number: int
    seen: SeenJob
    endpoint: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    looks: int = 0
    cancelled: datetime | None = None
    ended: datetime | None = None
    ends: tuple[LineEnd, ...] = ()
    state: State = "under way"

    @property
    def id(self) -> str:
        """As the server named it."""
        return self.seen.id

    def ending(self, *ends: End) -> int:
        """How many results came to one of these ends; garbled ones were answered."""
        return sum(each.end in ends for each in self.ends)


class Jobs:
    """All files and jobs of a server; safe to use from any thread, and from one client after another."""

    def __init__(self, faults: JobFaults, answer: Callable[[JobAsk, int], WireFault]) -> None:
        """Start empty.

        Args:
            faults: what jobs go through.
            answer: what a live request would get, and enters it in the ledger, with this status: 200 for
                what really comes, 500 for an error, 0 for an answer that nobody will see.
        """
        self.faults = faults
        self._answer = answer
        self._files: dict[str, tuple[str, bytes | str]] = {}
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1)
        self._lost = 0
        self._refused = 0
        self._lock = threading.RLock()

    @property
    def seen(self) -> tuple[SeenJob, ...]:
        """All jobs, oldest first, as they stand."""
        with self._lock:
            return tuple(_as_it_stands(job) for job in self._jobs.values())

    def keep(self, name: str, content: bytes | str) -> str:
        """Keep a file; gives its id."""
        with self._lock:
            made = f"file-{next(self._numbers)}"
            self._files[made] = (name, content)
        return made

    def file(self, name: str) -> tuple[str, bytes | str] | None:
        """A file's name and content; None for one that nobody has brought."""
        return self._files.get(name)

    def make(
        self,
        provider: Provider,
        asks: Sequence[JobAsk],
        *,
        upload: str = "",
        metadata: Mapping[str, object] | None = None,
        endpoint: str = "",
        against: Sequence[tuple[str, str]] = (),
    ) -> Job:
        """Make a job.

        Args:
            provider: whose wire it came over.
            asks: its lines.
            upload: the id of its file.
            metadata: what its maker wrote on it.
            endpoint: which all its lines are for.
            against: codes and messages of what is wrong with it; such a job is refused when it is looked at.
        """
        with self._lock:
            number = next(self._numbers)
            name = f"{'batch' if provider == 'openai' else 'msgbatch'}_{number}"
            now = datetime.now(UTC)
            seen = SeenJob(name, provider, upload, dict(metadata or {}), now, "under way", tuple(asks))
            job = Job(number, seen, endpoint, tuple(against))
            self._jobs[name] = job
            if not self.faults.looks:
                self._end(job)
        return job

    def refusal(self) -> str:
        """The code with which the next job is refused; empty for none."""
        with self._lock:
            most = self.faults.refusals
            if not self.faults.refuse or (most is not None and self._refused >= most):
                return ""
            self._refused += 1
            return self.faults.refuse

    def loses_reply(self) -> bool:
        """Whether the reply to the one who made a job just now is lost."""
        with self._lock:
            self._lost += 1
            return self._lost <= self.faults.lose_reply

    def job(self, name: str) -> Job | None:
        """A job, as it stands; None for one that nobody has made."""
        return self._jobs.get(name)

    def look(self, name: str) -> Job | None:
        """A look at a job, which may find it ended; None for one that nobody has made."""
        with self._lock:
            job = self._jobs.get(name)
            if job is not None and job.state in ("under way", "cancelling"):
                job.looks += 1
                if job.refused or job.cancelled or job.looks >= self.faults.looks:
                    self._end(job)
        return job

    def cancel(self, name: str) -> bool:
        """Ask for a job's end; False for one that has ended."""
        with self._lock:
            job = self._jobs[name]
            if job.state == "under way":
                job.state, job.cancelled = "cancelling", datetime.now(UTC)
            return job.state == "cancelling"

    def page(self, provider: Provider, after: str | None, before: str | None, most: int) -> list[Job]:
        """Jobs, newest first, behind or before one of them; one more than ``most`` when there are more.

        Each of them is looked at: time goes by for whoever only reads lists.
        """
        with self._lock:
            jobs = [job for job in reversed(self._jobs.values()) if job.seen.provider == provider]
        at = {job.id: place for place, job in enumerate(jobs)}
        if before is not None:
            found = jobs[: at.get(before, 0)][-most - 1 :]
        else:
            start = at.get(after, -1) + 1 if after is not None else 0
            found = jobs[start : start + most + 1]
        for job in found:
            self.look(job.id)
        return found

    def _end(self, job: Job) -> None:
        job.ended = datetime.now(UTC)
        if job.refused:
            job.state = "refused"
            return
        ends: list[LineEnd] = []
        for place, ask in enumerate(job.seen.asks):
            random = Random(f"{self.faults.seed}:{job.number}:{place}:{ask.custom_id}")
            ends += self._came_of(ask, random, cancelled=job.cancelled is not None)
        if self.faults.shuffle:
            Random(f"{self.faults.seed}:{job.number}").shuffle(ends)
        job.ends, job.state = tuple(ends), "ended"

    def _came_of(self, ask: JobAsk, random: Random, *, cancelled: bool) -> list[LineEnd]:
        faults = self.faults
        # Each fault has a draw of its own, whatever the others are set to.
        draws = {rate: random.random() for rate in RATES}
        struck = {rate for rate in RATES if draws[rate] < getattr(faults, rate)}
        if cancelled and "done_at_cancel" not in struck:
            return [LineEnd(ask.custom_id, "cancelled")]
        if "expire" in struck:
            return [LineEnd(ask.custom_id, "expired")]
        if "error" in struck:
            return [LineEnd(ask.custom_id, "answered", self._answer(ask, 500))]
        sent = self._answer(ask, 0 if struck & {"missing", "garbled"} else 200)
        if "missing" in struck:
            return []
        made = LineEnd(ask.custom_id, "garbled" if "garbled" in struck else "answered", sent)
        stray = [LineEnd(f"nobody-{ask.custom_id}"[:64], "answered", sent)] if "unknown" in struck else []
        return [made] * (2 if "repeat" in struck else 1) + stray


def _as_it_stands(job: Job) -> SeenJob:
    return replace(job.seen, state=job.state)

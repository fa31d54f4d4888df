"""The batch jobs of a run, as its journal tells them.

Does not know: calls' replies, how a job goes on, or how anything is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from packer.run.jobs.batch_job import BatchJob, Line
from packer.run.store.records import number, seconds
from schemas.record import JobRecord, JobState

T = TypeVar("T")


@dataclass(slots=True)
class KeptJob:
    """One job.

    Attributes:
        number: its place among the run's jobs.
        name: unique.
        calls: the numbers of its calls, and perhaps of some that no job can hold.
        size: how many calls it was made of.
        at_s: seconds since 1970 when its handing over began.
        state: where it stands.
        upload: the provider's name for its file; None before it is there.
        id: the provider's name for the job; empty before it is handed over.
    """

    number: int
    name: str
    calls: range
    size: int
    at_s: float
    state: JobState = JobState.MAKING
    upload: str | None = None
    id: str = ""

    def again(self, lines: dict[int, Line[T]]) -> BatchJob[T]:
        """The job, with the calls that still have no reply."""
        return BatchJob(
            self.number,
            self.name,
            lines,
            self.calls.start,
            self.calls.stop - 1,
            self.size,
            datetime.fromtimestamp(self.at_s, UTC),
            self.upload,
            self.id,
            doubtful=not self.id,
            inherited=True,
        )

    @property
    def record(self) -> JobRecord:
        """The same for people."""
        return JobRecord(self.name, self.size, self.state, self.at_s, self.id)


@dataclass(slots=True)
class KeptJobs:
    """What a journal has told of jobs so far.

    Attributes:
        made: the highest number of a job.
        over: jobs that were collected or not taken, oldest first.
    """

    made: int = 0
    over: list[KeptJob] = field(default_factory=list)
    _open: dict[int, KeptJob] = field(default_factory=dict)

    def note(self, kind: str, body: dict[str, object]) -> range:
        """Take one event in; gives the numbers of the calls that were never made, if it says so."""
        job = number(body["job"])
        if kind == "job":
            calls = range(number(body["first"]), number(body["last"]) + 1)
            size, at_s = number(body["lines"]), seconds(body["at_s"])
            self._open[job] = KeptJob(job, str(body["name"]), calls, size, at_s)
            self.made = max(self.made, job)
        elif kind == "uploaded":
            self._open[job].upload = str(body["file"])
        elif kind == "submitted":
            self._open[job].id, self._open[job].state = str(body["id"]), JobState.UNDER_WAY
        else:
            done = self._open.pop(job)
            done.state = JobState.COLLECTED if kind == "collected" else JobState.NOT_TAKEN
            self.over.append(done)
            if kind == "voided":
                return done.calls
        return range(0)

    def holds(self, call: int) -> bool:
        """Whether a call is in a job whose replies are still to come."""
        return any(call in job.calls for job in self._open.values())

    def under_way(self) -> Iterator[KeptJob]:
        """Those whose replies are still to come."""
        return iter(self._open.values())

    def ids(self) -> set[str]:
        """The provider's names for all of them."""
        return {job.id for job in (*self.over, *self._open.values()) if job.id}

    @property
    def records(self) -> tuple[JobRecord, ...]:
        """All of them for people, those that are over first."""
        return tuple(job.record for job in (*self.over, *self._open.values()))

"""The batch jobs of a run, as its journal tells them.

Does not know: calls' replies, or how anything is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from schemas.record import JobRecord, JobState


@dataclass(slots=True)
class JobsPast:
    """What the journal told of jobs so far.

    Attributes:
        jobs: by number, each the latest of its number.
        gone: jobs that are over, oldest first.
    """

    jobs: dict[int, tuple[JobRecord, range]] = field(default_factory=dict)
    gone: list[JobRecord] = field(default_factory=list)

    def note(self, kind: str, body: dict[str, object]) -> range:
        """Take one event in; gives the numbers of the calls that were never made, if it says so."""
        number, never = _int(body["job"]), range(0)
        if kind == "job":
            at_s = body["at_s"]
            if not isinstance(at_s, int | float):
                raise TypeError("a batch job without a time")
            made = JobRecord(str(body["name"]), _int(body["lines"]), JobState.MAKING, float(at_s))
            self.jobs[number] = made, range(_int(body["first"]), _int(body["last"]) + 1)
        elif kind == "submitted":
            job, calls = self.jobs[number]
            self.jobs[number] = replace(job, id=str(body["id"]), state=JobState.UNDER_WAY), calls
        elif kind in ("collected", "voided"):
            job, calls = self.jobs.pop(number)
            voided = kind == "voided"
            self.gone.append(replace(job, state=JobState.NOT_TAKEN if voided else JobState.COLLECTED))
            never = calls if voided else never
        return never

    def holds(self, call: int) -> bool:
        """Whether a call is in a job whose replies are still to come."""
        return any(call in calls for _, calls in self.jobs.values())

    @property
    def every(self) -> tuple[JobRecord, ...]:
        """All jobs, those that are over first."""
        return (*self.gone, *(job for job, _ in self.jobs.values()))


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a number is expected, not {value!r}")
    return value

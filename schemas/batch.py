"""A provider's batch jobs: how they are used, how one stands, and what one of its lines brought.

A job takes many calls at once, answers them within a day, and costs less. Does not know: providers,
packs, or what a call asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from schemas.chat import Completion
from schemas.errors import ClientError, UsageError

OnStop = Literal["leave", "cancel"]


@dataclass(frozen=True, slots=True)
class Batch:
    """How a run uses batch jobs: ``via=Batch(...)``; ``via="batch"`` takes the defaults.

    Attributes:
        poll_s: seconds between two looks at the jobs that are under way.
        wait_s: most seconds this process waits for jobs; then the run ends with what is there, the jobs go
            on, and the same run again (with the same store) collects them. 0 hands over and leaves. None
            waits until all is done.
        lines: most calls in one job; None takes the provider's own limit.
        size_bytes: most bytes in one job; None takes the provider's own limit.
        jobs: most jobs under way at once; further ones are handed over when one has ended.
        again: how often a call that the provider did not come to (expired, overloaded) is handed over again,
            unchanged, before it is taken as failed.
        on_stop: what becomes of jobs when the run ends early: ``leave`` lets them go on, to be collected by
            the same run again; ``cancel`` ends them. Without a store nobody could collect them, so they are
            cancelled.
    """

    poll_s: float = 60.0
    wait_s: float | None = None
    lines: int | None = None
    size_bytes: int | None = None
    jobs: int = 8
    again: int = 2
    on_stop: OnStop = "leave"

    def __post_init__(self) -> None:
        least = {"poll_s": 0, "wait_s": 0, "lines": 1, "size_bytes": 1, "jobs": 1, "again": 0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and not value >= lowest:
                raise UsageError(f"Batch({name}={value!r}) must be {lowest} or more.")
        if self.on_stop not in ("leave", "cancel"):
            raise UsageError(f"Batch(on_stop={self.on_stop!r}): choose 'leave' or 'cancel'.")


Via = Literal["calls", "batch"] | Batch
"""How asks reach the provider: one call each, or as lines of batch jobs."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What one job may hold.

    Attributes:
        lines: most calls.
        size_bytes: most bytes of all lines together.
    """

    lines: int
    size_bytes: int


class JobStage(StrEnum):
    """How far a job is."""

    UNDER_WAY = "under way"
    ENDED = "ended"
    """Nothing more comes: completed, expired or cancelled. Its lines can be read."""

    REFUSED = "refused"
    """The provider took none of its lines."""


@dataclass(frozen=True, slots=True)
class JobLook:
    """How a job stands.

    Attributes:
        stage: how far it is.
        done: lines that have an answer or an error; None when not told.
        told: in the provider's words: its status, and why it was refused; no key and no text stands in it.
        cancelled: whether somebody asked to cancel it.
        crowded: refused only because too much is waiting in the account's queue; later it may be taken.
    """

    stage: JobStage
    done: int | None = None
    told: str = ""
    cancelled: bool = False
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class JobLine:
    """What came back for one line.

    Attributes:
        custom_id: as it was handed over, or whatever the provider made of it.
        reply: a completion, or the error that came instead.
        ran: False when the provider did not come to it (expired, cancelled): nothing is billed, and the
            same call may go again.
    """

    custom_id: str
    reply: Completion | ClientError
    ran: bool = True


@dataclass(frozen=True, slots=True)
class Sought:
    """What a look for a job found, whose handing over had no clear end.

    Attributes:
        job: its id; None when there is none.
        sure: False while a job of somebody's cannot be told from ours yet: look again later.
    """

    job: str | None
    sure: bool = True

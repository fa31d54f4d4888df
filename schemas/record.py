"""A run as its store tells it: items, calls, reviews and sums, for status, review, export and report.

Does not know: how it is stored, or how it is shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from schemas.advice import Advice
from schemas.audit import Audit
from schemas.calibration import Calibration, SizeChange
from schemas.comparison import Comparison
from schemas.item import ItemId
from schemas.ledger import Ledger
from schemas.result import ItemResult
from schemas.review import Gate, Review
from schemas.signal import Trend
from schemas.usage import Usage


class ItemState(StrEnum):
    """Where one item stands."""

    QUEUED = "queued"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    HELD = "held"
    FAILED = "failed"


class CallState(StrEnum):
    """Where one call stands; ``maybe_paid``: it was sent, and the process died before a reply was kept."""

    IN_FLIGHT = "in_flight"
    ANSWERED = "answered"
    FAILED = "failed"
    MAYBE_PAID = "maybe_paid"


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item.

    Attributes:
        id: the caller's.
        text: the input; None where the run keeps no texts.
        state: where it stands.
        group: whose packs it may share; None without groups.
        result: how it ended, its value as plain JSON; None until then.
        attempts: calls it took part in so far.
    """

    id: ItemId
    text: str | None
    state: ItemState
    group: str | None = None
    result: ItemResult[object] | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One attempt at a call.

    Attributes:
        name: of the ask; attempts at the same ask share it, and ``ItemResult.call`` names it.
        route: ``pack``, ``repack``, ``session``, ``single``, ``baseline``, ``probe``, ``calibration`` or
            ``audit``.
        members: ids of its items in seat order; canaries and labelled inputs are left out.
        state: where it stands.
        sent_at_s: seconds since 1970; None when nothing was sent.
        took_s: until the reply; None without one.
        usage: as reported.
        cost_usd: what it cost; None when not known.
        error: the error that came instead of a reply, in words; empty without.
    """

    name: str
    route: str
    members: tuple[ItemId, ...]
    state: CallState
    sent_at_s: float | None = None
    took_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    error: str = ""


class JobState(StrEnum):
    """Where a batch job stands, as far as the run knows.

    ``making``: its calls are chosen, and whether it was handed over is not known yet. ``not_taken``: the
    provider took none of its calls.
    """

    MAKING = "making"
    UNDER_WAY = "under_way"
    COLLECTED = "collected"
    NOT_TAKEN = "not_taken"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One batch job.

    Attributes:
        name: the run's own for it.
        calls: how many it was made of.
        state: where it stands.
        made_at_s: seconds since 1970.
        id: the provider's name for it; empty until it is handed over.
    """

    name: str
    calls: int
    state: JobState
    made_at_s: float
    id: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run.

    Attributes:
        name: the run's.
        path: its file.
        model: who is asked.
        instruction: of the task.
        created_at: ISO 8601 in UTC.
        items: in input order.
        calls: in the order of sending.
        ledger: sums; without a baseline while the run goes on.
        gate: where it stands with its reviewer.
        reviews: all decisions, oldest first.
        running: whether a process works on it now.
        owner: that process, in words; empty without.
        stopped: why it ended early; None when it did not.
        comparisons: packing beside other ways: over all items, then by group; empty until known.
        trends: tests over all packed answers.
        advice: said before the first call.
        texts_kept: whether inputs are in the store.
        audit: packed answers held against single ones; None until a process has ended with the run.
        calibration: what the guard's promise came to; None without one, and until it is settled.
        size_changes: packs that became larger or smaller while the run went on, oldest first.
        jobs: the provider's batch jobs that it used, those that are over first.
        begun_with: the command that began it, to be run again; empty when it was begun otherwise.
    """

    name: str
    path: str
    model: str
    instruction: str
    created_at: str
    items: tuple[ItemRecord, ...]
    calls: tuple[CallRecord, ...]
    ledger: Ledger
    gate: Gate = Gate.NONE
    reviews: tuple[Review, ...] = ()
    running: bool = False
    owner: str = ""
    stopped: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    trends: tuple[Trend, ...] = ()
    advice: tuple[Advice, ...] = ()
    texts_kept: bool = True
    audit: Audit | None = None
    calibration: Calibration | None = None
    size_changes: tuple[SizeChange, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    begun_with: tuple[str, ...] = ()

    @property
    def states(self) -> Counter[ItemState]:
        """How many items stand where."""
        return Counter(item.state for item in self.items)

    @property
    def unsettled(self) -> int:
        """How many items wait for a call, or are in one."""
        return sum(item.state in (ItemState.QUEUED, ItemState.IN_FLIGHT) for item in self.items)

    @property
    def overall(self) -> Comparison | None:
        """Packing beside other ways over all items; None until known."""
        return next((each for each in self.comparisons if each.group is None), None)

    @property
    def released(self) -> bool:
        """Whether results may go on: nobody waits for a reviewer, and none was refused."""
        return self.gate in (Gate.NONE, Gate.PASSED)

    @property
    def jobs_open(self) -> tuple[JobRecord, ...]:
        """Batch jobs whose replies are still to be read."""
        return tuple(job for job in self.jobs if job.state in (JobState.MAKING, JobState.UNDER_WAY))

    @property
    def maybe_paid(self) -> tuple[CallRecord, ...]:
        """Calls whose reply was lost with its process: the provider may have been paid for them."""
        return tuple(call for call in self.calls if call.state is CallState.MAYBE_PAID)

"""The end of one run: its books closed, its sums written down, its result made.

Does not know: how a run is made ready or driven.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from packer.clients.choose import Chosen
from packer.run.job import Job
from packer.run.store.fingerprint import fingerprint_of
from packer.run.trends import trends
from schemas.errors import Interrupted
from schemas.item import Item, ItemId
from schemas.ledger import Baseline, Ledger
from schemas.result import ItemResult, Outcome, RunResult
from schemas.task import Task
from schemas.usage import Usage
from schemas.verdict import Fault, Reason
from schemas.written import answers_written, written

T = TypeVar("T")

ANSWERED = (Outcome.ACCEPTED, Outcome.HELD)


async def closed_run(
    job: Job[T], chosen: Chosen, by_id: Mapping[ItemId, ItemResult[T]], elapsed_s: float
) -> RunResult[T]:
    """Close a run's books once all of its results are there.

    Args:
        job: the run; its file and its client are still open.
        chosen: who was asked.
        by_id: one result per input.
        elapsed_s: wall seconds it took.

    Raises:
        StoreFailed: the run's file could not be written.
    """
    stopped = job.driver.stopped
    results = tuple([by_id[item.id] for item in job.items])
    values = [each.value for each in results if each.outcome in ANSWERED and each.same_as is None]
    answers = answers_written(job.task.output, values)
    # The embedded model's counter needs its server, so the books are closed before the client.
    ledger = await asyncio.to_thread(job.books, answers)
    untried = {each.item_id for each in results if not each.attempts}
    comparisons = await asyncio.to_thread(job.costs.comparisons, ledger.baseline, untried)
    rows = job.driver.ladder.gallery.rows
    # Someone who asked the run to end does not want to wait for statistics.
    waits = isinstance(stopped, Interrupted)
    found = () if waits else await asyncio.to_thread(trends, rows, job.layout, job.seed)
    audit = await asyncio.to_thread(job.audit)
    if job.journal.file is not None:
        sums = {
            "ledger": written(ledger),
            "comparisons": written(comparisons),
            "trends": written(found),
            "audit": written(audit),
        }
        job.journal.ended({**job.end, **sums})
    return RunResult(
        results=results,
        ledger=ledger,
        model=job.tally.model or chosen.name,
        counter=job.counter.name,
        elapsed_s=elapsed_s,
        stopped=str(stopped) if stopped is not None else None,
        trends=found,
        reply_signals=dict(job.driver.ladder.reply_signals),
        envelope=job.layout.envelope,
        fingerprint=job.fingerprint,
        name=job.name,
        gate=job.gate,
        reviews=() if job.keeper is None else tuple(job.keeper.reviews),
        comparisons=comparisons,
        advice=job.plan.advice,
        strategy=job.plan.strategy,
        audit=audit,
        calibration=job.choice.calibration,
        size_changes=tuple(job.choice.changes),
    )


def not_begun(
    every: Sequence[Item], task: Task[T], chosen: Chosen, resume: RunResult[T] | None, why: str
) -> RunResult[T]:
    """The result of a run that was asked to end before its first call: what was there already."""
    if resume is not None:
        return replace(resume, stopped=why)
    reason = Reason(Fault.STOPPED, f"the run was stopped before its first call: {why}")
    return RunResult(
        results=tuple(ItemResult(item.id, Outcome.PENDING, reason=reason) for item in every),
        ledger=Ledger(0, 0, 0, Usage.none_spent(), Baseline(len(every))),
        model=chosen.name,
        counter="",
        elapsed_s=0.0,
        stopped=why,
        fingerprint=fingerprint_of(every, task),
    )

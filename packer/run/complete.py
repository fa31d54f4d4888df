"""One whole run, from its items to its result: made ready, driven, its books closed.

Does not know: how callers pass options, or how calls are made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeGuard, TypeVar

from packer.clients.choose import Chosen, choose
from packer.run.fingerprint import fingerprint_of
from packer.run.halt import Halt
from packer.run.job import Job, OnProgress, Options
from packer.run.prepare import prepare
from packer.run.trends import trends
from packer.run.written import answer_written, written
from schemas.errors import ClientError, GuardStop, Interrupted, RunError
from schemas.item import Item
from schemas.ledger import Baseline, Ledger
from schemas.protocols import Client
from schemas.result import Fault, ItemResult, Outcome, Reason, RunResult
from schemas.task import Task
from schemas.usage import Usage

T = TypeVar("T")

ANSWERED = (Outcome.ACCEPTED, Outcome.HELD)


async def complete(
    every: Sequence[Item],
    task: Task[T],
    model: str | None,
    client: Client | object | None,
    options: Options,
    resume: RunResult[T] | None,
    on_progress: OnProgress | None,
    halt: Halt,
) -> RunResult[T]:
    """Carry a run out.

    Raises:
        UsageError: items, task or options that cannot work.
        ClientError: no call can succeed, and nothing had been answered yet.
        StoreFailed: the run's file could not be read or written.
    """
    chosen = choose(model=model, client=client, facts=options.facts)
    job: Job[T] | None = None
    try:
        job = await halt.unless_asked(prepare(chosen, every, task, options, resume, halt))
        if job is None:
            return _not_begun(every, task, chosen, resume, halt.why)
        start_s = time.perf_counter()
        async with aclosing(job.results(on_progress)) as settled:
            by_id = {result.item_id: result async for result in settled}
        elapsed_s = time.perf_counter() - start_s
        stopped = job.driver.stopped
        answers = [
            answer_written(task.output, result.value)
            for result in by_id.values()
            if result.outcome in ANSWERED and result.same_as is None
        ]
        # The embedded model's counter needs its server, so the books are closed before the client.
        ledger = await asyncio.to_thread(job.books, answers)
        tried = {each.item_id for each in by_id.values() if each.attempts}
        comparisons = await asyncio.to_thread(job.costs.comparisons, ledger.baseline, tried)
        rows = job.driver.ladder.gallery.rows
        # Someone who asked the run to end does not want to wait for statistics.
        waits = isinstance(stopped, Interrupted)
        found = () if waits else await asyncio.to_thread(trends, rows, job.layout, job.seed)
        audit = await asyncio.to_thread(job.audit)
        sums = {
            "ledger": written(ledger),
            "comparisons": written(comparisons),
            "trends": written(found),
            "audit": written(audit),
        }
        job.journal.ended({**job.end, **sums})
    finally:
        if job is not None:
            job.close()
        await chosen.aclose()
    if hopeless_end(stopped) and not any(r.outcome in ANSWERED for r in by_id.values()):
        raise stopped
    return RunResult(
        results=tuple(by_id[item.id] for item in every),
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


def _not_begun(
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


def hopeless_end(stopped: RunError | None) -> TypeGuard[RunError]:
    """Reasons for which a run without one answer is an error, and not a result."""
    return isinstance(stopped, ClientError | GuardStop)

"""One whole run, from its items to its result: made ready, driven, its books closed.

Does not know: how callers pass options, or how calls are made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeGuard, TypeVar

from packer.clients.choose import choose
from packer.run.closing import ANSWERED, closed_run, not_begun
from packer.run.job import Job
from packer.run.live.halt import Halt
from packer.run.live.tally import OnProgress
from packer.run.options import Options
from packer.run.prepare import prepare
from schemas.errors import ClientError, GuardStop, RunError
from schemas.item import Item, ItemId
from schemas.protocols import Client
from schemas.result import ItemResult, RunResult
from schemas.task import Task

T = TypeVar("T")


async def complete(
    every: Sequence[Item],
    task: Task[T],
    model: str | None,
    client: Client | object | None,
    options: Options,
    *,
    halt: Halt,
    resume: RunResult[T] | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult[T]:
    """Carry a run out.

    Args:
        every: all inputs.
        task: what is asked.
        model: who is asked, by name.
        client: or the client itself.
        options: as given.
        halt: someone's request to end.
        resume: an earlier run.
        on_progress: is told the running sums.

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
            return not_begun(every, task, chosen, resume, halt.why)
        start_s = time.perf_counter()
        by_id: dict[ItemId, ItemResult[T]] = {}
        async with aclosing(job.batches(on_progress)) as settled:
            async for batch in settled:
                for result in batch:
                    by_id[result.item_id] = result
        elapsed_s = time.perf_counter() - start_s
        done = await closed_run(job, chosen, by_id, elapsed_s)
        stopped = job.driver.stopped
    finally:
        if job is not None:
            job.close()
        await chosen.aclose()
    if hopeless_end(stopped) and not any(each.outcome in ANSWERED for each in done):
        raise stopped
    return done


def hopeless_end(stopped: RunError | None) -> TypeGuard[RunError]:
    """Reasons for which a run without one answer is an error, and not a result."""
    return isinstance(stopped, ClientError | GuardStop)

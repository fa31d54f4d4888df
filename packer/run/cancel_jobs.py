"""Cancels the batch jobs that a stored run has under way, whatever process handed them over.

Does not know: how jobs are collected; the same run again does that, and asks what was cancelled anew.
"""

from __future__ import annotations

from pathlib import Path

from packer.clients.choose import Chosen, choose
from packer.run.allowed import batches_of
from packer.run.live.loop import run_to_end
from packer.run.read_run import read_run
from schemas.protocols import Client
from schemas.record import JobRecord, JobState


def cancel_jobs(
    store: str | Path, *, model: str | None = None, client: Client | object | None = None
) -> tuple[JobRecord, ...]:
    """Ask the provider to end all batch jobs of a run.

    What they have done by then is paid for: the same run again collects it. A job that a process died over
    before it learned its id cannot be named, and is not cancelled.

    Args:
        store: the run's file.
        model: who was asked; None takes what the file says.
        client: as for ``pack_and_run``, where the run was made with one.

    Returns:
        The jobs that the provider was asked to cancel.

    Raises:
        UsageError: there is no run there, or its provider has no batch jobs.
        ClientError: the provider did not take it.
    """
    record = read_run(store)
    jobs = tuple(job for job in record.jobs_open if job.state is JobState.UNDER_WAY)
    if not jobs:
        return ()
    chosen = choose(model=model or record.model, client=client)
    run_to_end(_cancelled(chosen, jobs))
    return jobs


async def _cancelled(chosen: Chosen, jobs: tuple[JobRecord, ...]) -> None:
    try:
        batches = batches_of(chosen)
        for job in jobs:
            await batches.cancel(job.id)
    finally:
        await chosen.aclose()

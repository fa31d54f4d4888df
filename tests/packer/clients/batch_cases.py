"""What the tests of batch jobs on the wire share: every kind of SDK client that has them, and their way."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from packer import Completion
from packer.testing import FaultServer, JobFaults, ScriptedClient, WireFault
from schemas.batch import JobLine, JobLook, JobStage
from schemas.errors import ClientError
from schemas.facts import ModelFacts
from schemas.protocols import BatchClient
from schemas.usage import Usage
from tests.packer.clients.wire_cases import CANARY, KINDS, PROMPT, TEXT, Kind, closed

T = TypeVar("T")

BATCH_KINDS = tuple(kind for kind in KINDS if kind.provider != "azure")
OPENAI_KINDS = tuple(kind for kind in BATCH_KINDS if kind.provider == "openai")
ANTHROPIC_KINDS = tuple(kind for kind in BATCH_KINDS if kind.is_anthropic)
NAME = "packsplit-run1-3"
SAID = Completion(TEXT, usage=Usage(100, 60, 20, 30, 7), model="mine")
QUICK = JobFaults(looks=0, shuffle=False)


def saying(completion: Completion = SAID, jobs: JobFaults = QUICK) -> FaultServer:
    """A server that says the same to everybody."""
    return FaultServer(ScriptedClient(spoil=lambda prompt, text: completion), jobs=jobs)


def using(
    kind: Kind, server: FaultServer, do: Callable[[Any, BatchClient], Awaitable[T]], **more: object
) -> T:
    """Do something with a client of ours and its way to batch jobs."""

    async def call() -> T:
        sdk = kind.sdk(server)
        try:
            client = kind.client(sdk, **{"facts": ModelFacts(structured=True, cache="breakpoint"), **more})
            return await do(client, client.batches())
        finally:
            await closed(sdk)

    return asyncio.run(call())


def file_of(batches: BatchClient, folder: Path, n: int = 3, name: str = NAME) -> Path:
    """A job's file with n lines."""
    path = folder / f"{name}.lines"
    prompt = replace(PROMPT, timeout_s=30.0)  # which has no meaning there
    path.write_bytes(b"".join(batches.line(f"{name}-{number}", prompt) for number in range(n)))
    return path


async def handed_over(batches: BatchClient, folder: Path, n: int = 3, name: str = NAME) -> str:
    """A job that has been started; gives its id."""
    path = file_of(batches, folder, n, name)
    return await batches.submit(name, path, await batches.upload(name, path))


async def brought(batches: BatchClient, job: str) -> list[JobLine]:
    """All that a job brought."""
    return [line async for line in batches.results(job)]


async def waited_for(batches: BatchClient, job: str) -> JobLook:
    """How a job stands when nothing more comes."""
    while (look := await batches.look(job)).stage is JobStage.UNDER_WAY:
        pass
    return look


def now() -> datetime:
    """By this machine's clock."""
    return datetime.now(UTC)


def lines_of(*lines: Mapping[str, object] | str) -> str:
    """A file of results."""
    return "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def shows_key(error: ClientError) -> bool:
    """Whether a key stands in anything that an error shows to whoever prints it or its cause."""
    parts = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    return any(CANARY in part for part in parts)


def path_of(kind: Kind, what: str) -> str:
    """Where a request goes: ``create``, ``look``, ``cancel``, ``results`` or ``upload``."""
    if kind.is_anthropic:
        ends = {"create": "", "look": "/job_1", "cancel": "/job_1/cancel", "results": "/job_1/results"}
        return f"/v1/messages/batches{ends[what]}"
    ends = {"create": "/batches", "look": "/batches/job_1", "cancel": "/batches/job_1/cancel"}
    return f"/v1{ {**ends, 'results': '/files/out_1/content', 'upload': '/files'}[what] }"


def ended_job(kind: Kind, server: FaultServer) -> WireFault:
    """What a look at a job that has ended brings; its results are to be scripted."""
    if kind.is_anthropic:
        body: dict[str, object] = {
            "id": "job_1",
            "processing_status": "ended",
            "results_url": f"{server.root_url}/v1/messages/batches/job_1/results",
        }
    else:
        body = {"id": "job_1", "status": "completed", "output_file_id": "out_1"}
    return WireFault(200, body, path=path_of(kind, "look"))


def results_of(kind: Kind, server: FaultServer, text: str, **more: object) -> list[JobLine]:
    """What a job brought that is scripted as a text."""
    content = WireFault(200, text, path=path_of(kind, "results"))
    server.faults.extend([ended_job(kind, server), content])
    return using(kind, server, lambda client, batches: brought(batches, "job_1"), **more)

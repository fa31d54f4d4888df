"""Batch jobs without a provider: the lines of a job are answered by the scripted client that it belongs to.

What goes wrong with a job is scripted by ``spoil``. Does not know: the network, or any provider's wire.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.batch import JobLimits, JobLine, JobLook, JobStage, Sought
from schemas.chat import Completion, Message, Prompt
from schemas.errors import ClientError
from schemas.protocols import Client

SpoilJob = Callable[["ScriptedJob", list[JobLine]], Sequence[JobLine]]
"""Changes what a job brings: drops, repeats, reorders or replaces lines."""


@dataclass(slots=True)
class ScriptedJob:
    """One job.

    Attributes:
        id: as the provider names it.
        name: as the run named it.
        calls: its lines: custom ids and prompts.
        looks: looks left until it is ended.
        cancelled: whether somebody cancelled it.
        refused: why none of its lines was taken; empty when they were.
        brought: its replies, once it is ended.
    """

    id: str
    name: str
    calls: list[tuple[str, Prompt]]
    looks: int = 0
    cancelled: bool = False
    refused: str = ""
    brought: list[JobLine] | None = None

    @property
    def custom_ids(self) -> list[str]:
        """The names of its lines."""
        return [custom_id for custom_id, _ in self.calls]


@dataclass(slots=True)
class ScriptedBatches:
    """Takes jobs and answers them.

    Attributes:
        client: answers the lines.
        limits: what a job may hold.
        looks: how often a job is looked at before it is ended.
        spoil: changes what a job brings; None leaves it as it is.
        faults: what the next calls of these methods raise first, by the method's name; an error raised by
            ``submit`` strikes after the job was taken.
        jobs: all that were handed over.
        uploads: names of the files that were brought.
    """

    client: Client
    limits: JobLimits = field(default_factory=lambda: JobLimits(50_000, 200_000_000))
    looks: int = 0
    spoil: SpoilJob | None = None
    faults: dict[str, list[ClientError]] = field(default_factory=dict)
    jobs: list[ScriptedJob] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)

    def line(self, custom_id: str, prompt: Prompt) -> bytes:
        """One prompt as a line of JSON."""
        body = {
            "custom_id": custom_id,
            "messages": [[each.role, each.content] for each in prompt.messages],
            "schema": dict(prompt.reply_schema),
            "most": prompt.max_output_tokens,
            "items": prompt.items,
        }
        return json.dumps(body).encode() + b"\n"

    async def upload(self, name: str, lines: Path) -> str:
        """Note that a file was brought."""
        self._fault("upload")
        self.uploads.append(name)
        return f"file-{len(self.uploads)}"

    async def submit(self, name: str, lines: Path, upload: str) -> str:
        """Take a job; a fault strikes when it is taken already."""
        calls = []
        for text in lines.read_bytes().splitlines():
            body = json.loads(text)
            talk = tuple(Message(role, content) for role, content in body["messages"])
            calls.append((body["custom_id"], Prompt(talk, body["schema"], body["most"], items=body["items"])))
        job = ScriptedJob(f"job-{len(self.jobs) + 1}", name, calls, self.looks)
        self._fault("refuse")
        self.jobs.append(job)
        self._fault("submit")
        return job.id

    async def find(
        self, name: str, upload: str, lines: int, since: datetime, known: Collection[str]
    ) -> Sought:
        """Look for a job by its name."""
        self._fault("find")
        return Sought(next((job.id for job in self.jobs if job.name == name), None))

    async def look(self, job: str) -> JobLook:
        """How a job stands; time goes by with each look."""
        self._fault("look")
        found = self._job(job)
        if found.refused:
            return JobLook(JobStage.REFUSED, told=found.refused, crowded=found.refused == "crowded")
        if found.looks > 0 and not found.cancelled:
            found.looks -= 1
            return JobLook(JobStage.UNDER_WAY, 0)
        if found.brought is None:
            lines = [] if found.cancelled else [await self._answered(each) for each in found.calls]
            found.brought = list(lines if self.spoil is None else self.spoil(found, lines))
        told = "cancelled" if found.cancelled else "completed"
        return JobLook(JobStage.ENDED, len(found.calls), told, cancelled=found.cancelled)

    async def results(self, job: str) -> AsyncIterator[JobLine]:
        """What an ended job brought; a fault strikes in the middle."""
        brought = self._job(job).brought or []
        for place, line in enumerate(brought):
            if place == len(brought) // 2:
                self._fault("results")
            yield line

    async def cancel(self, job: str) -> None:
        """Cancel a job that is not ended."""
        self._fault("cancel")
        found = self._job(job)
        found.cancelled = found.cancelled or found.brought is None

    async def _answered(self, call: tuple[str, Prompt]) -> JobLine:
        custom_id, prompt = call
        reply: Completion | ClientError
        try:
            reply = await self.client.complete(prompt)
        except ClientError as error:
            reply = error
        return JobLine(custom_id, reply)

    def _job(self, name: str) -> ScriptedJob:
        return next(job for job in self.jobs if job.id == name)

    def _fault(self, place: str) -> None:
        if waiting := self.faults.get(place):
            raise waiting.pop(0)

"""Anthropic's batch jobs: many messages handed over in one request, answered within a day at half the price.

Does not know: how a request or a reply is worded (the model's client does), or when jobs are made.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from packer.clients.batch_wire import (
    CLOCK_MARGIN_S,
    Attempts,
    body_of,
    json_line,
    table_of,
)
from packer.clients.threads import in_thread
from packer.clients.wire import count, status_of
from schemas.batch import JobLimits, JobLine, JobLook, JobStage, Sought
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError

LIMITS = JobLimits(lines=100_000, size_bytes=250_000_000)
"""A little below the 256 MB that a request may have."""

URL = "/v1/messages/batches"
_ENDS = ("succeeded", "errored", "canceled", "expired")
_TELLING_LINES = 20
"""A job's result lines that are looked at to see whose it is: some may be garbled, or nobody's."""


class AnthropicBatches:
    """The way to Anthropic's batch jobs, for one model."""

    # The SDK's resources are the same for both of its sorts of client; what they give is not.
    def __init__(
        self,
        sdk: Any,
        attempts: Attempts,
        request: Callable[[Prompt], Mapping[str, Any]],
        read: Callable[[Any], Completion],
    ) -> None:
        """Stand on a model's client.

        Args:
            sdk: an ``Anthropic`` or ``AsyncAnthropic`` that makes one attempt a call.
            attempts: makes the calls.
            request: the SDK's arguments for a prompt.
            read: reads a message.
        """
        self.limits = LIMITS
        self._sdk = sdk
        self._attempts = attempts
        self._request = request
        self._read = read

    def line(self, custom_id: str, prompt: Prompt) -> bytes:
        """One prompt as a line of a job's file: the very body of a live call, not streamed."""
        return json_line({"custom_id": custom_id, "params": body_of(self._request(prompt))})

    async def upload(self, name: str, lines: Path) -> str:
        """Nothing: the lines go with the job."""
        return ""

    async def submit(self, name: str, lines: Path, upload: str) -> str:
        """Start a job with the lines of a file; gives the job's id.

        Raises:
            ClientError: it was not started, as far as is known.
        """
        from anthropic.types.messages import MessageBatch

        content = await in_thread(functools.partial(_requests, lines))
        # Not ``batches.create``: it wants every line as objects, which take several times the file's size.
        sent = functools.partial(self._sdk.post, URL, content=content, cast_to=MessageBatch)
        return self._attempts.named(await self._attempts.call(sent), "batch job")

    async def find(
        self, name: str, upload: str, lines: int, since: datetime, known: Collection[str]
    ) -> Sought:
        """Look for a job among those made since a moment that have as many lines.

        Only results tell whose a job is, as their custom ids begin with its name; while one that could be
        ours has none, the answer is not sure.

        Raises:
            ClientError: the list of jobs, or what one brought, could not be read.
        """
        sure = True
        oldest_s = since.timestamp() - CLOCK_MARGIN_S
        jobs = self._attempts.jobs_since(self._sdk.messages.batches.list, "after_id", oldest_s)
        async with aclosing(jobs) as listed:
            async for job, at in listed:
                if at is not None and at < oldest_s:
                    continue
                if job.id in known or _total(job) not in (None, lines):
                    continue
                if getattr(job, "archived_at", None) is not None:
                    continue  # its results are gone, whosesoever it was
                if getattr(job, "processing_status", None) != "ended":
                    sure = False
                elif await self._begins(job.id, f"{name}-"):
                    return Sought(job.id)
        return Sought(None, sure=sure)

    async def look(self, job: str) -> JobLook:
        """See how a job stands.

        Raises:
            ClientError: it cannot be seen; status 404 when there is none by that id.
        """
        seen = await self._attempts.about(job, functools.partial(self._sdk.messages.batches.retrieve, job))
        status = str(getattr(seen, "processing_status", ""))
        ends = [count(getattr(getattr(seen, "request_counts", None), name, None)) for name in _ENDS]
        asked = getattr(seen, "cancel_initiated_at", None) is not None
        return JobLook(
            JobStage.ENDED if status == "ended" else JobStage.UNDER_WAY,
            None if None in ends else sum(each or 0 for each in ends),
            self._attempts.told(status),
            cancelled=asked or status == "canceling",
        )

    async def results(self, job: str) -> AsyncIterator[JobLine]:
        """Read what an ended job brought.

        Raises:
            ClientError: it could not be read to its end; status 404 when it is gone.
        """
        async with aclosing(self._lines(job)) as lines:
            async for line in lines:
                yield self._line(line)

    async def cancel(self, job: str) -> None:
        """Ask for a job's end.

        Raises:
            ClientError: that did not arrive, as far as is known.
        """
        await self._attempts.cancel(job, self._sdk.messages.batches.cancel, self.look)

    async def _lines(self, job: str) -> AsyncGenerator[bytes, None]:
        opened = functools.partial(self._sdk.messages.batches.with_streaming_response.results, job)
        try:
            async with aclosing(self._attempts.lines(opened)) as lines:
                async for line in lines:
                    yield line
        except ClientError as error:
            if error.status != 404:
                raise
        else:
            return
        raise self._attempts.unknown(job)

    async def _begins(self, job: str, start: str) -> bool:
        looked = 0
        async with aclosing(self._lines(job)) as lines:
            async for line in lines:
                if (table := table_of(line)) is not None and str(table["custom_id"]).startswith(start):
                    return True
                looked += 1
                if looked == _TELLING_LINES:
                    break
        return False

    def _line(self, line: bytes) -> JobLine:
        table = table_of(line)
        if table is None:
            return self._attempts.garbled()
        custom_id, result = str(table["custom_id"]), table.get("result")
        kind = result.get("type") if isinstance(result, Mapping) else None
        if isinstance(result, Mapping) and kind == "errored":
            error = result.get("error")
            inner = error.get("error") if isinstance(error, Mapping) else None
            told = inner.get("type") if isinstance(inner, Mapping) else None
            return self._attempts.failed(custom_id, status_of(told), error)
        if kind in ("canceled", "expired"):
            return self._attempts.not_run(custom_id, kind)
        message = result.get("message") if isinstance(result, Mapping) else None
        return self._attempts.read(custom_id, message, self._read)


def _requests(lines: Path) -> bytes:
    """The body of the request that starts a job with a file's lines."""
    with lines.open("rb") as file:
        told = b",".join(line.rstrip(b"\n") for line in file)
    return b'{"requests":[' + told + b"]}"


def _total(job: Any) -> int | None:
    """How many requests a job has; None when it is not told."""
    counts = getattr(job, "request_counts", None)
    found = [count(getattr(counts, name, None)) for name in ("processing", *_ENDS)]
    return None if None in found else sum(each or 0 for each in found)

"""OpenAI's batch jobs: files of calls to one endpoint, answered within a day at half the price.

Does not know: how an endpoint words a request or a reply (the model's client does), or when jobs are made.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
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
from packer.clients.wire import count
from schemas.batch import JobLimits, JobLine, JobLook, JobStage, Sought
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError

LIMITS = JobLimits(lines=50_000, size_bytes=195_000_000)
"""A little below the 200 MB that a file may have."""

MARK = "packsplit"
"""The field of a job's metadata that holds its name."""

_STAGES = {
    "failed": JobStage.REFUSED,
    "completed": JobStage.ENDED,
    "expired": JobStage.ENDED,
    "cancelled": JobStage.ENDED,
}
_NOT_RUN = ("batch_expired", "batch_cancelled")
_CROWDED = ("token_limit_exceeded", "enqueued token", "batch_queue", "too many batches", "too_many_batches")


class OpenAIBatches:
    """The way to OpenAI's batch jobs, for one model and endpoint."""

    # The SDK's resources are the same for both of its sorts of client; what they give is not.
    def __init__(
        self,
        sdk: Any,
        attempts: Attempts,
        url: str,
        request: Callable[[Prompt], Mapping[str, Any]],
        read: Callable[[Any], Completion],
    ) -> None:
        """Stand on a model's client.

        Args:
            sdk: an ``OpenAI`` or ``AsyncOpenAI`` that makes one attempt a call.
            attempts: makes the calls.
            url: the endpoint, such as ``/v1/responses``.
            request: the SDK's arguments for a prompt.
            read: reads a reply in the endpoint's form.
        """
        self.limits = LIMITS
        self._sdk = sdk
        self._attempts = attempts
        self._url = url
        self._request = request
        self._read = read

    def line(self, custom_id: str, prompt: Prompt) -> bytes:
        """One prompt as a line of a job's file: the very body of a live call."""
        body = body_of(self._request(prompt))
        return json_line({"custom_id": custom_id, "method": "POST", "url": self._url, "body": body})

    async def upload(self, name: str, lines: Path) -> str:
        """Bring a job's file to the provider; gives the file's id.

        Raises:
            ClientError: it did not arrive, as far as is known.
        """
        with lines.open("rb") as file:
            sent = functools.partial(self._sdk.files.create, file=(f"{name}.jsonl", file), purpose="batch")
            return self._attempts.named(await self._attempts.call(sent), "file")

    async def submit(self, name: str, lines: Path, upload: str) -> str:
        """Start a job on an uploaded file; gives the job's id.

        Raises:
            ClientError: it was not started, as far as is known.
        """
        made = await self._attempts.call(
            functools.partial(
                self._sdk.batches.create,
                input_file_id=upload,
                endpoint=self._url,
                completion_window="24h",
                metadata={MARK: name},
            )
        )
        return self._attempts.named(made, "batch job")

    async def find(
        self, name: str, upload: str, lines: int, since: datetime, known: Collection[str]
    ) -> Sought:
        """Look for a job by its file and its name, among those made since a moment.

        Raises:
            ClientError: the list of jobs could not be read to its end.
        """
        oldest_s = since.timestamp() - CLOCK_MARGIN_S
        jobs = self._attempts.jobs_since(self._sdk.batches.list, "after", oldest_s)
        async with aclosing(jobs) as listed:
            async for job, _ in listed:
                if job.id not in known and _is(job, name, upload):
                    return Sought(job.id)
        return Sought(None)

    async def look(self, job: str) -> JobLook:
        """See how a job stands.

        Raises:
            ClientError: it cannot be seen; status 404 when there is none by that id.
        """
        seen = await self._seen(job)
        status = str(getattr(seen, "status", ""))
        counts = getattr(seen, "request_counts", None)
        done = [count(getattr(counts, name, None)) for name in ("completed", "failed")]
        errors = _errors(seen) if status == "failed" else []
        words = " ".join(errors).lower()
        return JobLook(
            _STAGES.get(status, JobStage.UNDER_WAY),
            None if None in done else sum(each or 0 for each in done),
            self._attempts.told(": ".join([status, *errors[:1]])),
            cancelled=status in ("cancelling", "cancelled")
            or getattr(seen, "cancelling_at", None) is not None,
            crowded=status == "failed" and any(mark in words for mark in _CROWDED),
        )

    async def results(self, job: str) -> AsyncIterator[JobLine]:
        """Read a job's output and its errors, whatever its status; a file that it lacks brings nothing.

        Raises:
            ClientError: a file could not be read to its end.
        """
        seen = await self._seen(job)
        for name in ("output_file_id", "error_file_id"):
            file = getattr(seen, name, None)
            if not isinstance(file, str) or not file:
                continue
            content = functools.partial(self._sdk.files.with_streaming_response.content, file)
            try:
                async with aclosing(self._attempts.lines(content)) as lines:
                    async for line in lines:
                        yield self._line(line)
            except ClientError as error:
                if error.status != 404:
                    raise
                # Files are thrown away after some weeks: what they held is lost.

    async def cancel(self, job: str) -> None:
        """Ask for a job's end.

        Raises:
            ClientError: that did not arrive, as far as is known.
        """
        await self._attempts.cancel(job, self._sdk.batches.cancel, self.look)

    # The SDK builds its objects from whatever came, without a check; so do not trust their types.
    async def _seen(self, job: str) -> Any:
        return await self._attempts.about(job, functools.partial(self._sdk.batches.retrieve, job))

    def _line(self, line: bytes) -> JobLine:
        table = table_of(line)
        if table is None:
            return self._attempts.garbled()
        custom_id, reply, error = str(table["custom_id"]), table.get("response"), table.get("error")
        code = error.get("code") if isinstance(error, Mapping) else None
        if code in _NOT_RUN:
            return self._attempts.not_run(custom_id, code)
        status = reply.get("status_code") if isinstance(reply, Mapping) else None
        if isinstance(reply, Mapping) and isinstance(status, int):
            if 200 <= status < 300:
                return self._attempts.read(custom_id, reply.get("body"), self._read)
            return self._attempts.failed(custom_id, status, reply.get("body"))
        if isinstance(error, Mapping):
            return self._attempts.failed(custom_id, 500, error)
        return self._attempts.read(custom_id, None, self._read)


def _is(job: Any, name: str, upload: str) -> bool:
    metadata = getattr(job, "metadata", None)
    marked = isinstance(metadata, Mapping) and metadata.get(MARK) == name
    return marked or (bool(upload) and getattr(job, "input_file_id", None) == upload)


def _errors(job: Any) -> list[str]:
    """What the provider says against a job."""
    told = getattr(getattr(job, "errors", None), "data", None)
    if not isinstance(told, list):
        return []
    parts = [[getattr(each, name, None) for name in ("code", "message")] for each in told]
    return [" ".join(str(part) for part in each if part) for each in parts]

"""What batch jobs of both providers need of an SDK: single attempts, lines of a long answer, plain objects.

Does not know: which provider it is, or what a line says.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from packer.clients.redact import struck_out
from packer.clients.threads import called, in_thread
from packer.clients.wire import Filtered, refused, translated
from schemas.batch import JobLine, JobLook, JobStage
from schemas.chat import Completion, FinishReason
from schemas.errors import ClientError, UsageError

T = TypeVar("T")

CLOCK_MARGIN_S = 600.0
"""How far this machine's clock may be from the provider's when a job is looked for by its time."""

NOT_IN_BODY = ("timeout", "extra_headers", "extra_query", "extra_body", "user_profile_id", "workspace_id")
"""Arguments of the SDKs that are no fields of a request's body."""

PAGE = 100
"""Jobs in one answer of a provider's list."""

_PIECES = 16
"""Pieces of an answer that are read in one go by a thread."""

# JSON may hold them as they are, but some readers of JSON lines take them for the end of a line.
_LINE_ENDS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Attempts:
    """One attempt a call over an SDK client of either sort, with errors in this project's words."""

    def __init__(self, provider: str, secrets: tuple[str, ...], *, blocking: bool) -> None:
        self.provider = provider
        self._secrets = secrets
        self._blocking = blocking

    # The SDKs build their objects from whatever came, without a check; so do not trust their types.
    async def call(self, call: Callable[[], Any]) -> Any:
        """Make one call of the SDK's.

        Raises:
            ClientError: nothing came back, or nothing that can be read.
        """
        return await self._waited(called(call, blocking=self._blocking))

    async def about(self, job: str, call: Callable[[], Any]) -> Any:
        """Make one call about a job.

        Raises:
            ClientError: nothing came back; status 404 where the provider does not know the job.
        """
        try:
            return await self.call(call)
        except ClientError as error:
            if error.status != 404:
                raise
        raise self.unknown(job)

    def unknown(self, job: str) -> ClientError:
        """The provider does not know a job, or has thrown away what it brought."""
        told = (
            f"{self.provider} knows no batch job {struck_out(job, self._secrets)}, or no longer has its "
            "results: it was deleted, is too old, or belongs to another key or project"
        )
        return ClientError(told, provider=self.provider, status=404)

    async def jobs_since(
        self, listed: Callable[..., Any], cursor: str, oldest_s: float
    ) -> AsyncGenerator[tuple[Any, float | None], None]:
        """A provider's jobs, back to a moment at least, each with when it was made (None where not told).

        Args:
            listed: the SDK's own.
            cursor: its argument that names the last job of the page before.
            oldest_s: seconds since 1970; a page of older jobs alone is the last.

        Raises:
            ClientError: the list could not be read to its end.
        """
        seen: set[str] = set()
        after: dict[str, str] = {}
        while True:
            page = await self.call(functools.partial(listed, limit=PAGE, **after))
            told = page.data if isinstance(getattr(page, "data", None), list) else []
            fresh = [job for job in told if isinstance(getattr(job, "id", None), str) and job.id not in seen]
            times = [moment_s(getattr(job, "created_at", None)) for job in fresh]
            for job, at in zip(fresh, times, strict=True):
                yield job, at
            # The whole page, as nothing is promised of its order.
            if not fresh or all(at is not None and at < oldest_s for at in times):
                return
            if getattr(page, "has_more", None) is False:
                return
            seen |= {job.id for job in fresh}
            after = {cursor: fresh[-1].id}

    async def cancel(
        self, job: str, cancel: Callable[[str], Any], look: Callable[[str], Awaitable[JobLook]]
    ) -> None:
        """Ask for a job's end; a refusal is none where the job has ended, or is about to.

        Raises:
            ClientError: that did not arrive, as far as is known.
        """
        try:
            await self.about(job, functools.partial(cancel, job))
        except ClientError as error:
            if error.status not in (400, 409):
                raise
            how = await look(job)
            if how.stage is JobStage.UNDER_WAY and not how.cancelled:
                raise

    async def lines(self, opened: Callable[[], Any]) -> AsyncGenerator[bytes, None]:
        """The lines of a long answer, without their ends, read as they come; empty ones are left out.

        Args:
            opened: gives the SDK's context manager of a streamed response.

        Raises:
            ClientError: it cannot be had, or breaks off.
        """
        # Split by line feeds alone: the SDKs' own reading of lines splits inside texts, too.
        pieces = self._pieces_by_thread(opened) if self._blocking else self._pieces(opened)
        begun: list[bytes] = []
        try:
            while (piece := await self._waited(anext(pieces, None))) is not None:
                first, *more = piece.split(b"\n")
                begun.append(first)
                for each in more:
                    if line := b"".join(begun).strip():
                        yield line
                    begun = [each]
            if line := b"".join(begun).strip():
                yield line
        finally:
            with suppress(Exception):  # what was read stays read, however the connection ends
                await pieces.aclose()

    def named(self, made: object, what: str) -> str:
        """The id of what the provider has made.

        Raises:
            ClientError: there is none.
        """
        found = getattr(made, "id", None)
        if isinstance(found, str) and found:
            return found
        told = f"{self.provider} sent a reply that names no {what}. If it stays so, check base_url"
        raise ClientError(told, provider=self.provider, transient=True)

    def told(self, said: object) -> str:
        """What the provider said, on one line, without any key."""
        return struck_out(str(said), self._secrets)

    def garbled(self) -> JobLine:
        """A line that does not say which call it answers."""
        told = f"{self.provider} sent a line of a job's results that cannot be read"
        return JobLine("", ClientError(told, provider=self.provider, transient=True))

    def not_run(self, custom_id: str, why: object) -> JobLine:
        """A line that the provider did not come to."""
        told = f"{self.provider} did not come to this call before its batch job ended: {self.told(why)}"
        return JobLine(custom_id, ClientError(told, provider=self.provider, transient=True), ran=False)

    def failed(self, custom_id: str, status: int, body: object) -> JobLine:
        """A line that brought an error instead of a reply, read as the same error of a live call."""
        error = refused(status, body, provider=self.provider, secrets=self._secrets)
        if isinstance(error, Filtered):
            return JobLine(custom_id, Completion("", FinishReason.CONTENT_FILTER))
        return JobLine(custom_id, error)

    def read(self, custom_id: str, body: object, read: Callable[[Any], Completion]) -> JobLine:
        """A line that brought a reply, read by a live call's reader."""
        try:
            return JobLine(custom_id, read(viewed(body)))
        except ClientError as error:
            return JobLine(custom_id, error.with_traceback(None))
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            plain = error.with_traceback(None)
            return JobLine(custom_id, translated(plain, provider=self.provider, secrets=self._secrets))

    async def _waited(self, waiting: Awaitable[T]) -> T:
        try:
            return await waiting
        except Exception as error:  # a garbled body raises whatever its reader raises
            failure = translated(error, provider=self.provider, secrets=self._secrets)
        # Outside the handler: the SDK's error may quote a key, and a chained traceback would show it.
        raise failure from failure.original

    async def _pieces(self, opened: Callable[[], Any]) -> AsyncGenerator[bytes, None]:
        async with opened() as response:
            async for piece in response.iter_bytes():
                yield piece

    async def _pieces_by_thread(self, opened: Callable[[], Any]) -> AsyncGenerator[bytes, None]:
        manager = opened()
        response = await in_thread(manager.__enter__)
        try:
            coming = response.iter_bytes()
            while piece := await in_thread(lambda: b"".join(islice(coming, _PIECES))):
                yield piece
        finally:
            with suppress(Exception):  # a thread that was left behind may still be reading
                await in_thread(functools.partial(manager.__exit__, None, None, None))


class View:
    """A JSON object by attributes, as the SDKs' objects are read; what it lacks is None."""

    __slots__ = ("_table",)

    def __init__(self, table: Mapping[str, object]) -> None:
        self._table = table

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return viewed(self._table.get(name))


def viewed(value: object) -> Any:
    """JSON as the readers of live replies expect it: objects by attributes, everything else as it is."""
    if isinstance(value, dict):
        return View(value)
    return [viewed(each) for each in value] if isinstance(value, list) else value


def table_of(line: bytes) -> Mapping[str, Any] | None:
    """A line of a job's results; None when it does not say which call it answers."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("custom_id"), str):
        return None
    return found if found["custom_id"] else None


def body_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body that a live call with these arguments has."""
    body = {name: value for name, value in request.items() if name not in NOT_IN_BODY and _given(value)}
    more = request.get("extra_body")
    return {**body, **more} if isinstance(more, Mapping) else body


def json_line(table: Mapping[str, object]) -> bytes:
    """One line of a job's file, with its newline."""
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for end, escaped in _LINE_ENDS.items():
        text = text.replace(end, escaped)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half of a character, which only an escape can carry
        return f"{json.dumps(table, separators=(',', ':'), allow_nan=False)}\n".encode()


def check_options(options: Mapping[str, object]) -> None:
    """See that a request's further fields can travel in a job's file.

    Raises:
        UsageError: one of them cannot.
    """
    alone = [name for name in NOT_IN_BODY if name not in ("timeout", "extra_body")]
    lost = [name for name in alone if options.get(name) is not None and _given(options[name])]
    if lost:
        raise UsageError(
            f"options={{{', '.join(f'{name!r}: ...' for name in lost)}}} cannot go with a batch job, whose "
            "calls have bodies only: give the SDK client default_headers or default_query instead."
        )
    try:
        json.dumps(body_of(options), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"options= cannot be written to a batch job's file: {error}.") from None


def moment_s(value: object) -> float | None:
    """When something was made, in seconds since 1970; None when it is not told."""
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _given(value: object) -> bool:
    """False for the SDKs' own words for an argument that is left out."""
    return type(value).__name__ not in ("NotGiven", "Omit")

"""What the vendors' SDKs have in common on the wire: errors, headers, threads, secrets.

Both SDKs come from one generator, so their errors and responses have the same form. Does not know:
which API is spoken, or what a prompt or reply means.
"""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from schemas.errors import (
    AccessDenied,
    CallRefused,
    CallTimeout,
    ClientError,
    PromptTooLong,
    RateLimited,
    SpendLimit,
    Unreachable,
)
from schemas.quota import Quota, QuotaKind

T = TypeVar("T")

MOST_SAID_CHARACTERS = 500
SHORTEST_SECRET = 6

_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size_error",
    "maximum context length",
    "prompt is too long",
    "request_too_large",
)
_FILTERED = (
    "content_filter",
    "content_policy_violation",
    "content filtering policy",
    "invalid_prompt",
    "responsibleaipolicy",
)
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "spend_limit_reached", "credit balance")
_SECRET_NAME = re.compile(r"auth|key|token|secret|passw|credential|cookie|signature|\bsig\b", re.IGNORECASE)
_IN_STREAM = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
}
"""The statuses of errors that come after a stream has begun with 200; any other is the provider's trouble."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_KINDS: tuple[tuple[str, QuotaKind], ...] = (
    ("requests", "requests"),
    ("tokens", "tokens"),
    ("input-tokens", "input_tokens"),
    ("output-tokens", "output_tokens"),
)


class Filtered(ClientError):
    """The provider's filter struck the prompt; the client turns it into a filtered completion."""


Headers = Mapping[str, str]
"""Response headers; the SDKs' own find names in any case."""


async def in_thread(call: Callable[[], T]) -> T:
    """Run a synchronous SDK's call in a thread of its own.

    A pool would be too small for the run's concurrency, and a hung call in it would keep the process
    from ending; this thread is left behind when the caller is cancelled.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T itself may be optional

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # handed over whole to the one who waits
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="packsplit-call", daemon=True).start()
    return await future


async def called(call: Callable[[], T] | Callable[[], Awaitable[T]], *, blocking: bool) -> T:
    """Call a synchronous SDK in a thread, or await an asynchronous one."""
    if blocking:
        return await in_thread(call)  # type: ignore[arg-type]  # ``blocking`` says which of the two it is
    waiting: Awaitable[T] = call()  # type: ignore[assignment]  # same
    return await waiting


def translated(error: Exception, *, provider: str, secrets: tuple[str, ...] = ()) -> ClientError:
    """An SDK's error in this project's words.

    Args:
        error: whatever a call raised.
        provider: who was called.
        secrets: keys that may stand in what the server said; they are struck out.

    Returns:
        An error that says what happened and what to do. ``original`` is kept only where no secret is in it.
    """
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None)
    headers: Headers = getattr(response, "headers", {})
    # A key may be made anew for each request, so look at what this one carried, too.
    secrets = (*secrets, *_words(getattr(getattr(error, "request", None), "headers", {})))
    said = struck_out(_said(error), secrets)
    kept = None if _holds(error, secrets) else error
    if not isinstance(status, int):
        return _without_status(error, said, provider, kept)
    marks = " ".join(str(getattr(error, name, None) or "") for name in ("code", "type", "error_code"))
    broken_off = status < 400
    if broken_off:
        status = _IN_STREAM.get(str(getattr(error, "type", None)), 500)
    kind, advice = _by_status(status, f"{marks} {said}".lower())
    did = "broke off its reply" if broken_off else f"answered {status}"
    told = f"{provider or 'the provider'} {did}: {said.rstrip('. ') or 'nothing more'}{advice}"
    again = _may_succeed_later(kind, status, headers)
    return kind(
        told,
        provider=provider,
        original=kept,
        transient=again,
        retry_after_s=retry_after_s(headers),
        # A reply that was begun may have cost something; a status would say that no model worked.
        status=None if broken_off else status,
        quotas=quotas_of(headers),
    )


def secrets_of(sdk: object) -> tuple[str, ...]:
    """The keys that an SDK client sends, so that they can be struck out wherever they come back."""
    names = ("api_key", "auth_token", "_azure_ad_token")
    found = [*_words({name: getattr(sdk, name, None) for name in names})]
    for name in ("auth_headers", "default_headers", "default_query"):
        found += _words(getattr(sdk, name, None))
    return tuple(dict.fromkeys(found))


def _words(table: object) -> list[str]:
    """The values of a table whose names speak of secrets, whole and without what stands around them."""
    if not isinstance(table, Mapping):
        return []
    values = [value for key, value in table.items() if _SECRET_NAME.search(str(key))]
    # Without white space: a key that was read from a file may end in a line break, and is shown escaped.
    told = [value.strip() for value in values if isinstance(value, str)]
    words = [word for each in told for word in (each, each.rpartition(" ")[2])]
    return [word for word in words if len(word) >= SHORTEST_SECRET]


def retry_after_s(headers: Headers) -> float | None:
    """How long the provider asks to wait; None when it does not say or says nonsense."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    return _until(value, parsedate_to_datetime)


def quotas_of(headers: Headers) -> tuple[Quota, ...]:
    """The ceilings that a reply's headers state, in OpenAI's or Anthropic's spelling."""
    found = []
    for word, kind in _KINDS:
        for limit, left, reset in (
            (f"x-ratelimit-limit-{word}", f"x-ratelimit-remaining-{word}", f"x-ratelimit-reset-{word}"),
            tuple(f"anthropic-ratelimit-{word}-{part}" for part in ("limit", "remaining", "reset")),
        ):
            numbers = _whole(headers.get(limit)), _whole(headers.get(left))
            if numbers != (None, None):
                found.append(Quota(kind, *numbers, _reset_s(headers.get(reset))))
    return tuple(found)


def count(value: object) -> int | None:
    """A number of tokens as an SDK object holds it; None for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _without_status(error: Exception, said: str, provider: str, kept: Exception | None) -> ClientError:
    name, who = type(error).__name__, provider or "the provider"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"APITimeoutError", "TimeoutException"}:
        return CallTimeout(f"{who} did not answer in time: {said}", provider=provider, original=kept)
    # The SDKs wrap what their connection raises, but not while a stream is read.
    if kinds & {"APIConnectionError", "TransportError"}:
        cause = type(error.__cause__).__name__ if error.__cause__ is not None else ""
        told = f"{who} could not be reached: {said}{f' ({cause})' if cause else ''}"
        return Unreachable(told, provider=provider, original=kept)
    if isinstance(error, ClientError):
        return error
    if isinstance(error, TypeError) and "keyword argument" in said:
        told = f"the SDK did not send the request to {who}: {said}. Check the client's options="
        return CallRefused(told, provider=provider, original=kept)
    # A body that is no JSON, or JSON of another form: garbled on the way, so worth one more try.
    told = f"{who} sent a reply that cannot be read ({name}: {said}). If it stays so, check base_url"
    return ClientError(told, provider=provider, original=kept, transient=True)


def _by_status(status: int, said: str) -> tuple[type[ClientError], str]:
    if status == 402 or (status in (400, 403, 429) and any(mark in said for mark in _SPENT)):
        return SpendLimit, ". Raise the account's limit or add credit, then run again"
    if status == 401:
        return AccessDenied, ". Check the API key that the client was made with"
    if status == 403:
        return AccessDenied, ". The key is valid but may not do this: check its permissions and region"
    if status == 404:
        return AccessDenied, ". Check the model's name and the client's base_url"
    if status == 413 or (status in (400, 422) and any(mark in said for mark in _TOO_LONG)):
        return PromptTooLong, ""
    if status == 400 and any(mark in said for mark in _FILTERED):
        return Filtered, ""
    if status == 429:
        return RateLimited, ""
    if status >= 500 or status in (408, 409, 425):
        return Unreachable, ""
    return CallRefused, ""


def _may_succeed_later(kind: type[ClientError], status: int, headers: Headers) -> bool:
    told = headers.get("x-should-retry")
    if told in ("true", "false") and not kind.stops_run:
        return told == "true"
    return kind.transient


def _said(error: Exception) -> str:
    body = getattr(error, "body", None)
    inner = body.get("error") if isinstance(body, Mapping) else None
    for place in (inner, body):
        if isinstance(place, Mapping) and isinstance(text := place.get("message"), str):
            return text
    return str(getattr(error, "message", "") or error)


def struck_out(said: str, secrets: tuple[str, ...]) -> str:
    """What a server said, on one line, cut short, without any secret."""
    for secret in secrets:
        said = said.replace(secret, "***")
    return " ".join(said.split())[:MOST_SAID_CHARACTERS]


def _holds(error: BaseException | None, secrets: tuple[str, ...]) -> bool:
    """Whether an error, or one that it came from, would show a secret to whoever prints it or its fields."""
    for _ in range(8):
        if error is None:
            return False
        shown = f"{error!s} {error!r} {vars(error)!r}"
        if any(secret in shown for secret in secrets):
            return True
        error = error.__cause__ or error.__context__
    return True  # too long a chain to be sure of


def _number(value: str | None) -> float | None:
    try:
        found = float(value) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and 0 <= found < float("inf") else None


def _whole(value: str | None) -> int | None:
    found = _number(value)
    return None if found is None else int(found)


def _reset_s(value: str | None) -> float | None:
    """Seconds from "1.5", "6m0s", "20ms" or a date in RFC 3339."""
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    if parts := _DURATION.findall(value):
        return sum(float(amount) * _UNIT_S[unit] for amount, unit in parts)
    return _until(value, datetime.fromisoformat)


def _until(value: str | None, read: Callable[[str], datetime]) -> float | None:
    try:
        moment = read(value) if value else None
    except (ValueError, TypeError):
        return None
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())

"""The vendors' errors in this project's words.

Both SDKs come from one generator, so their errors and responses have the same form. Does not know:
which API is spoken, or what a prompt or reply means.
"""

from __future__ import annotations

from collections.abc import Mapping

from packer.clients.headers import Headers, quotas_of, retry_after_s
from packer.clients.redact import holds_secret, secret_words, struck_out
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


class Filtered(ClientError):
    """The provider's filter struck the prompt; the client turns it into a filtered completion."""


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
    secrets = (*secrets, *secret_words(_carried(error)))
    said = struck_out(_said(error), secrets)
    kept = None if holds_secret(error, secrets) else error
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


def refused(status: int, body: object, *, provider: str, secrets: tuple[str, ...] = ()) -> ClientError:
    """The error that a live call would have met with, from what a batch job's line says of it.

    Args:
        status: HTTP status of the call.
        body: of the answer, or the error in it.
        provider: who was called.
        secrets: keys to be struck out.
    """
    error = translated(_InJob(status, body), provider=provider, secrets=secrets)
    error.original = None
    return error


def status_of(kind: object) -> int:
    """The HTTP status of an error that is told without one, by Anthropic's type of it."""
    return _IN_STREAM.get(str(kind), 500)


def count(value: object) -> int | None:
    """A number of tokens as an SDK object holds it; None for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class _InJob(Exception):
    """An error of a batch job's line, with what the SDKs' errors have."""

    def __init__(self, status: int, body: object) -> None:
        self.status_code = status
        self.body = body
        inner = body.get("error") if isinstance(body, Mapping) else None
        told = inner if isinstance(inner, Mapping) else body if isinstance(body, Mapping) else {}
        self.code, self.type = told.get("code"), told.get("type")
        super().__init__("" if isinstance(body, Mapping) else str(body or ""))


def _without_status(error: Exception, said: str, provider: str, kept: Exception | None) -> ClientError:
    name, who = type(error).__name__, provider or "the provider"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"APITimeoutError", "TimeoutException"} and not _dropped(error):
        return CallTimeout(f"{who} did not answer in time: {said}", provider=provider, original=kept)
    # The SDKs wrap what their connection raises, but not while a stream is read.
    if kinds & {"APIConnectionError", "TransportError"}:  # a timeout of the SDK's is one, too
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


def _dropped(error: BaseException) -> bool:
    """Whether the connection broke: the SDKs tell a timeout of every connection that aiohttp loses."""
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            return False
        kinds = {kind.__name__ for kind in type(cause).__mro__}
        if "ClientConnectionError" in kinds:
            return "ServerTimeoutError" not in kinds
        cause = cause.__cause__ or cause.__context__
    return False


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


def _carried(error: Exception) -> object:
    """The headers of the request that an error is about; None when it is about none."""
    try:
        return getattr(getattr(error, "request", None), "headers", None)
    except RuntimeError:  # how a connection's errors say that they have no request
        return None

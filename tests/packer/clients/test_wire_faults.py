"""Every kind of SDK client, against everything a server may do: one attempt, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer.clients import headers as headers_module
from packer.clients.headers import quotas_of, retry_after_s
from packer.testing import FaultServer, WireFault
from schemas.errors import AccessDenied, CallRefused, ClientError, RateLimited, Unreachable
from tests.packer.clients.wire_cases import (
    CASES,
    EVENT_STREAM,
    KINDS,
    LOST,
    PROMPT,
    STATUSES,
    USAGE,
    USES_RETRIES,
    Case,
    Fails,
    Kind,
    answering,
    ask,
    body,
    ceilings,
    error_body,
    events,
    opened,
)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with answering() as running:
        yield running


def check(kind: Kind, error: ClientError | None, ends: Fails) -> None:
    assert error is not None
    assert type(error) is ends.as_
    assert (error.status, error.transient, error.retry_after_s) == (
        ends.status,
        ends.transient,
        ends.retry_after_s,
    )
    assert error.provider == kind.provider
    assert str(error).startswith(f"{kind.provider} ")
    for words in ends.says:
        assert words in str(error)
    assert "\n" not in str(error)
    assert ".." not in str(error)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_one_call_comes_to(kind: Kind, case: Case, server: FaultServer) -> None:
    asked = ask(kind, server, case.sent(kind), prompt=case.prompt)
    ends = case.ends(kind)
    if isinstance(ends, Fails):
        assert asked.completion is None
        check(kind, asked.error, ends)
    else:
        assert asked.error is None
        assert asked.completion == ends
    # The SDK was made with retries; the run owns them, so the SDK makes none and the run is told.
    (seen,) = asked.seen
    assert seen.headers["x-stainless-retry-count"] == "0"
    assert asked.client.max_retries == USES_RETRIES


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_ceilings_are_read_from_headers(kind: Kind, status: int, server: FaultServer) -> None:
    headers, quotas = ceilings(kind)
    sent = body(kind) if status == 200 else error_body(kind, "slow down")
    asked = ask(kind, server, WireFault(status, sent, headers))
    told = asked.completion or asked.error
    assert told is not None
    assert told.quotas == quotas


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_filtered_prompt_still_tells_ceilings(kind: Kind, server: FaultServer) -> None:
    headers, quotas = ceilings(kind)
    (fault,) = [case.sent(kind) for case in CASES if case.id == "filtered prompt"]
    asked = ask(kind, server, WireFault(fault.status, fault.body, headers))
    assert asked.completion is not None
    assert asked.completion.quotas == quotas


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_part_of_a_usage_is_kept(kind: Kind, server: FaultServer) -> None:
    known = {
        "chat": {"prompt_tokens": 9, "completion_tokens": 4},
        "responses": {"input_tokens": 9, "output_tokens": 4},
        "messages": {"input_tokens": 9, "output_tokens": 4},
    }[kind.api]
    asked = ask(kind, server, WireFault(200, body(kind, usage=known)))
    assert asked.completion is not None
    usage = asked.completion.usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)
    assert (usage.cached_tokens, usage.cache_write_tokens, usage.reasoning_tokens) == (None, None, None)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "sent",
    [
        "",
        "null",
        "[]",
        '"down"',
        '{"error":"down"}',
        '{"error":null}',
        '{"error":{"message":3}}',
        "<html>\n\n",
    ],
)
def test_an_error_of_any_form_is_a_client_error(kind: Kind, sent: str, server: FaultServer) -> None:
    """A proxy in between words errors in its own way."""
    for status, as_ in ((400, CallRefused), (401, AccessDenied), (502, Unreachable)):
        asked = ask(kind, server, WireFault(status, sent))
        assert asked.error is not None
        assert (type(asked.error), asked.error.status) == (as_, status)
        assert f"{kind.provider} answered {status}: " in str(asked.error)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.api == "responses"], ids=str)
@pytest.mark.parametrize("how", ["failed", "cancelled", "queued", "in_progress"])
def test_a_response_that_did_not_come_about(kind: Kind, how: str, server: FaultServer) -> None:
    """The status of the answer is 200 all the same."""
    told = {"code": "server_error", "message": "The model\nfell over."} if how == "failed" else None
    asked = ask(kind, server, WireFault(200, body(kind, status=how, error=told)))
    says = (f"ended the reply as {how}: ", "The model fell over." if told else "nothing more")
    check(kind, asked.error, Fails(ClientError, None, transient=True, says=says))


class _Noon(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Noon:
        return cls(2026, 11, 25, 12, 0, 0, tzinfo=tz)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_date_to_come_is_read_as_seconds(
    kind: Kind, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers_module, "datetime", _Noon)
    headers = {
        "retry-after": "Wed, 25 Nov 2026 12:01:30 GMT",
        "x-ratelimit-limit-tokens": "5",
        "x-ratelimit-reset-tokens": "2026-11-25T13:00:10+01:00",
    }
    asked = ask(kind, server, WireFault(429, error_body(kind, "slow down"), headers))
    assert asked.error is not None
    assert asked.error.retry_after_s == 90.0
    assert [quota.reset_s for quota in asked.error.quotas] == [10.0]


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_can_break_a_reply(first: str, second: str) -> None:
    headers = {
        "retry-after": first,
        "retry-after-ms": second,
        "x-ratelimit-limit-tokens": first,
        "x-ratelimit-remaining-tokens": second,
        "x-ratelimit-reset-tokens": first,
    }
    pause_s = retry_after_s(headers)
    assert pause_s is None or pause_s >= 0
    for quota in quotas_of(headers):
        assert all(value is None or value >= 0 for value in (quota.limit, quota.remaining, quota.reset_s))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("1m30s", 90.0),
        ("1h0m1.5s", 3_601.5),
        ("1d", 86_400.0),
        ("12", 12.0),
        ("", None),
        ("99999999999999999999-01-01", None),
        ("2001-01-01T00:00:00", 0.0),
    ],
)
def test_when_a_ceiling_is_whole_again(value: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-limit-tokens": "5", "x-ratelimit-reset-tokens": value}
    (quota,) = quotas_of(headers)
    assert quota.reset_s == seconds


# --- Long replies: Anthropic's stream -----------------------------------------------------------------

STREAMING = tuple(kind for kind in KINDS if kind.is_anthropic)
LONG = PROMPT.__class__(PROMPT.messages, PROMPT.reply_schema, 30_000)


@pytest.mark.parametrize("case", [*STATUSES, LOST[0]], ids=str)
@pytest.mark.parametrize("kind", STREAMING, ids=str)
def test_a_stream_that_never_begins(kind: Kind, case: Case, server: FaultServer) -> None:
    asked = ask(kind, server, case.sent(kind), prompt=LONG)
    ends = case.ends(kind)
    assert isinstance(ends, Fails)
    check(kind, asked.error, ends)
    assert asked.seen[0].body["stream"] is True


@pytest.mark.parametrize("kind", STREAMING, ids=str)
def test_a_stream_is_read_to_its_end(kind: Kind, server: FaultServer) -> None:
    headers, quotas = ceilings(kind)
    told = (
        opened(kind),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": '{"item_1":'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": '"good"}'}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 300, "output_tokens_details": {"thinking_tokens": 128}},
        },
        {"type": "message_stop"},
    )
    asked = ask(kind, server, WireFault(200, events(*told), {**EVENT_STREAM, **headers}), prompt=LONG)
    assert asked.completion is not None
    assert (asked.completion.text, asked.completion.finish_reason) == ('{"item_1":"good"}', "stop")
    assert asked.completion.usage == USAGE
    assert asked.completion.quotas == quotas
    assert len(asked.seen) == 1


@pytest.mark.parametrize("kind", STREAMING, ids=str)
@pytest.mark.parametrize(
    ("type_", "code", "transient"),
    [
        ("overloaded_error", "unreachable", True),
        ("api_error", "unreachable", True),
        ("timeout_error", "unreachable", True),
        ("an_error_of_tomorrow", "unreachable", True),
        ("rate_limit_error", "rate_limited", True),
        ("invalid_request_error", "call_refused", False),
        ("authentication_error", "access_denied", False),
        ("permission_error", "access_denied", False),
        ("billing_error", "spend_limit", False),
    ],
)
def test_a_stream_that_brings_an_error(
    kind: Kind, type_: str, code: str, transient: bool, server: FaultServer
) -> None:
    """Its status was 200 when it began: what went wrong is in the event alone."""
    told = events(opened(kind), error_body(kind, "It went wrong", type_=type_))
    asked = ask(kind, server, WireFault(200, told, EVENT_STREAM), prompt=LONG)
    assert asked.error is not None
    assert (asked.error.code, asked.error.transient) == (code, transient)
    # No status: the model may have worked, and what that cost is not known.
    assert asked.error.status is None
    assert str(asked.error).startswith("anthropic broke off its reply: It went wrong")


@pytest.mark.parametrize("kind", STREAMING, ids=str)
@pytest.mark.parametrize(
    "told",
    ["", "event: message_start\ndata: {\n\n", "event: ping\ndata: {}\n\n", "data: hello\n\n"],
    ids=["empty", "no JSON", "nothing but a ping", "no events"],
)
def test_a_stream_that_cannot_be_read(kind: Kind, told: str, server: FaultServer) -> None:
    asked = ask(kind, server, WireFault(200, told, EVENT_STREAM), prompt=LONG)
    check(kind, asked.error, Fails(ClientError, None, transient=True, says=("cannot be read",)))


@pytest.mark.parametrize("kind", STREAMING, ids=str)
def test_a_stream_that_ends_early_is_no_complete_reply(kind: Kind, server: FaultServer) -> None:
    told = events(
        opened(kind),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "{"}},
    )
    asked = ask(kind, server, WireFault(200, told, EVENT_STREAM), prompt=LONG)
    check(
        kind, asked.error, Fails(ClientError, None, transient=True, says=("broke off after content_block",))
    )


def test_a_class_says_whether_it_is_worth_another_try() -> None:
    """What the cases above rest on when they do not say so themselves."""
    assert RateLimited.transient
    assert not ClientError.transient
    assert datetime(2026, 11, 25, 12, tzinfo=UTC) == _Noon.now(UTC)

"""A key that every fault echoes stands in nothing that we raise, log, keep, report or show."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from packer import Fallback, Limits, Outcome, pack_and_run
from packer.clients.wire import translated
from packer.out.tables.results import write_results
from packer.run.live.loop import run_to_end
from packer.testing import FaultServer, ScriptedClient, WireFault
from schemas.errors import AccessDenied, CallTimeout, ClientError, Unreachable
from tests.packer.clients.wire_cases import (
    CANARY,
    EVENT_STREAM,
    HANG_S,
    KINDS,
    PROMPT,
    Asked,
    Kind,
    answering,
    ask,
    body,
    closed,
    error_body,
    events,
    opened,
)
from tests.strategies import SENTIMENT, label

TOKEN = "tok-canary-fedcba9876543210"
SECRETS = (CANARY, TOKEN)
SDK = {"default_headers": {"x-api-token": TOKEN}}
ECHO = f"Incorrect API key provided: {CANARY} with 'x-api-token: {TOKEN}'. Find yours at https://x.test."
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 529)
CODES = (
    "context_length_exceeded",
    "content_filter",
    "insufficient_quota",
    "enforced_spend_limit_reached",
    CANARY,
)
MESSAGES = tuple(kind for kind in KINDS if kind.is_anthropic)
LONG = PROMPT.__class__(PROMPT.messages, PROMPT.reply_schema, 30_000)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with answering() as running:
        yield running


def faults(kind: Kind) -> Iterator[WireFault]:
    for status in STATUSES:
        yield WireFault(status, error_body(kind, ECHO), {"x-request-id": CANARY})
        yield WireFault(status, ECHO)
        yield WireFault(status, {"error": ECHO})
        yield WireFault(status, {"detail": {"headers": {"authorization": f"Bearer {CANARY}", "t": TOKEN}}})
    for code in CODES:
        yield WireFault(400, error_body(kind, ECHO, code, type_=code))
        yield WireFault(429, error_body(kind, ECHO, code, type_=code))
    yield WireFault(200, ECHO)
    yield WireFault(200, f"<html>{ECHO}</html>", {"content-type": "text/html"})
    yield WireFault(200, error_body(kind, ECHO))
    field = {"chat": "choices", "responses": "output", "messages": "content"}[kind.api]
    for value in (ECHO, [ECHO], {ECHO: ECHO}, [{ECHO: [ECHO]}], None):
        yield WireFault(200, body(kind, **{field: value}))
    yield WireFault(200, body(kind, why=[ECHO]))
    if kind.api == "responses":
        for status in ("failed", "cancelled", "queued", "in_progress"):
            yield WireFault(200, body(kind, status=status, error={"code": CANARY, "message": ECHO}))
    yield WireFault(0)
    yield WireFault(-1)


def shown(error: BaseException | None) -> list[str]:
    """All that an error says to whoever prints it, logs it, or looks into its fields."""
    if error is None:
        return []
    original = getattr(error, "original", None)
    told = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    return told + shown(original) + shown(error.__cause__) + shown(error.__context__)


def assert_silent(*told: str) -> None:
    for secret in SECRETS:
        # Not one telling part of it, either.
        assert not [text for text in told if secret[4:] in text]


def check(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    completion = [] if asked.completion is None else [repr(asked.completion)]
    assert_silent(*shown(asked.error), repr(asked.client), str(asked.client), *completion)
    assert_silent(*(record.getMessage() for record in caplog.records if record.name == "packsplit"))
    assert_silent(*(repr(record.args) for record in caplog.records if record.name == "packsplit"))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_fault_of_a_call_shows_a_key(
    kind: Kind, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    prompt = PROMPT.__class__(PROMPT.messages, PROMPT.reply_schema, 100, timeout_s=HANG_S)
    with caplog.at_level(logging.DEBUG, "packsplit"):
        for fault in faults(kind):
            # Only the fault that hangs is to end by the clock: others may take as long as they need.
            asked = ask(kind, server, fault, prompt=prompt if fault.status == -1 else PROMPT, sdk=SDK)
            check(asked, caplog)
            if asked.completion is None:
                assert asked.error is not None
                assert asked.seen
                assert asked.seen[0].headers["x-api-token"] == TOKEN


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_a_server_said_is_kept_but_for_the_keys(kind: Kind, server: FaultServer) -> None:
    asked = ask(kind, server, WireFault(401, error_body(kind, ECHO)), sdk=SDK)
    told = (
        f"{kind.provider} answered 401: Incorrect API key provided: *** with 'x-api-token: ***'. Find yours"
    )
    assert str(asked.error).startswith(told)
    assert asked.error is not None
    assert asked.error.original is None
    # Without a key in it, the SDK's own error is there for those who want its details.
    asked = ask(kind, server, WireFault(401, error_body(kind, "no such key")), sdk=SDK)
    assert asked.error is not None
    assert getattr(asked.error.original, "status_code", None) == 401
    assert asked.error.__cause__ is asked.error.original


@pytest.mark.parametrize(
    "key", [f"{CANARY}\n", f" {CANARY}\r\n", f"{CANARY}é", f"Bearer {CANARY}"], ids=ascii
)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_key_that_no_header_can_hold(
    kind: Kind, key: str, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Read from a file with its line break, say: what refuses it quotes it."""
    echo = ECHO.replace(CANARY, key.strip())
    asked = ask(kind, server, WireFault(401, error_body(kind, echo)), sdk={"api_key": key})
    assert asked.error is not None
    assert CANARY[4:] not in "".join(shown(asked.error))


@pytest.mark.parametrize("header", ["X-Auth", "Cookie", "X-Credential", "X-Passwd", "Proxy-Authorization"])
@pytest.mark.parametrize("kind", [KINDS[0], MESSAGES[0]], ids=str)
def test_secrets_have_many_names(kind: Kind, header: str, server: FaultServer) -> None:
    fault = WireFault(403, error_body(kind, ECHO))
    asked = ask(kind, server, fault, sdk={"default_headers": {header: TOKEN}})
    assert_silent(*shown(asked.error))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_secret_in_the_query(kind: Kind, server: FaultServer) -> None:
    fault = WireFault(403, error_body(kind, "no such luck"))
    asked = ask(kind, server, fault, sdk={"default_query": {"subscription-key": TOKEN}})
    assert TOKEN in asked.seen[0].path
    assert_silent(*shown(asked.error), repr(asked.client))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.is_anthropic], ids=str)
def test_a_key_that_is_made_for_each_request(kind: Kind, server: FaultServer) -> None:
    """It stands on no client: only the request that was sent has it."""

    async def later() -> str:
        return TOKEN

    made = (lambda: TOKEN) if kind.blocking else later
    name = "azure_ad_token_provider" if kind.provider == "azure" else "api_key"
    sdk = {name: made} if name == "api_key" else {name: made, "api_key": None}
    asked = ask(kind, server, WireFault(401, error_body(kind, ECHO)), sdk=sdk)
    assert asked.seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN[4:] not in "".join(shown(asked.error))


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_stream_shows_no_key(kind: Kind, server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    for told in (
        events(opened(kind), error_body(kind, ECHO, CANARY, type_="overloaded_error")),
        events(opened(kind), {"type": "error", "error": ECHO}),
        f"event: error\ndata: {ECHO}\n\n",
        f"event: message_start\ndata: {ECHO}\n\n",
        ECHO,
    ):
        asked = ask(kind, server, WireFault(200, told, EVENT_STREAM), prompt=LONG, sdk=SDK)
        assert asked.error is not None
        check(asked, caplog)


class _Torn(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A stream of which the connection breaks in the middle."""

    def __init__(self, begun: str, ends: Exception) -> None:
        self._begun, self._ends = begun, ends

    def __iter__(self) -> Iterator[bytes]:
        yield self._begun.encode()
        raise self._ends

    async def __aiter__(self) -> Any:
        yield self._begun.encode()
        raise self._ends


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
@pytest.mark.parametrize(
    ("ends", "as_"),
    [
        (httpx2.ReadTimeout("late"), CallTimeout),
        (httpx2.ReadError("gone"), Unreachable),
        (httpx2.RemoteProtocolError(f"peer closed; had {CANARY}"), Unreachable),
    ],
    ids=["timeout", "reset", "closed"],
)
def test_a_connection_that_breaks_in_a_stream(
    kind: Kind, ends: Exception, as_: type[ClientError], server: FaultServer
) -> None:
    """The SDK wraps such errors before the stream begins, and lets them through bare afterwards."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=EVENT_STREAM, stream=_Torn(events(opened(kind)), ends))

    async def handle_later(request: httpx2.Request) -> httpx2.Response:
        return handle(request)

    http: Any
    if kind.blocking:
        http = anthropic.DefaultHttpxClient(transport=httpx2.MockTransport(handle))
    else:
        http = anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(handle_later))
    asked = ask(kind, server, prompt=LONG, sdk={"http_client": http})
    assert type(asked.error) is as_
    assert asked.error.status is None
    assert_silent(*shown(asked.error))


def test_an_error_without_a_request_is_translated_too() -> None:
    assert type(translated(httpx2.ReadError("gone"), provider="openai")) is Unreachable


# --- Whole runs ---------------------------------------------------------------------------------------

TEXTS = [f"tweet {'!' * number}" for number in range(25)]
ONE_BY_ONE = Limits(retries=0, concurrency=1)
NO_FALLBACK = Fallback(repacks=0, session=False, single=False)


def run_over(kind: Kind, first: list[WireFault], last: WireFault, folder: Path) -> list[str]:
    """A run whose first packs meet faults, whose next is answered, and which then ends; all it shows."""

    def at_progress(tally: Any) -> None:
        told.append(repr(tally))
        if tally.calls == len(first) + 1:
            server.faults.append(last)

    told: list[str] = []
    with FaultServer(ScriptedClient(label)) as server:
        server.faults.extend(first)
        sdk = kind.sdk(server, **SDK)
        try:
            run = pack_and_run(
                TEXTS,
                SENTIMENT,
                client=sdk,
                model={"messages": "anthropic/unknown-1", "responses": "openai-responses/gpt-4.1-mini"}.get(
                    kind.api, "gpt-4.1-mini"
                ),
                limits=ONE_BY_ONE,
                fallback=NO_FALLBACK,
                on_progress=at_progress,
            )
        finally:
            run_to_end(closed(sdk))
    for name in ("out.jsonl", "out.csv"):
        write_results(folder / name, run)
        told.append((folder / name).read_text())
    # The faults did strike, and left their words on results.
    assert run.outcomes[Outcome.FAILED] == sum(1 for r in run if r.outcome is Outcome.FAILED) > 0
    assert run.outcomes[Outcome.ACCEPTED] > 0
    assert run.outcomes[Outcome.PENDING] > 0
    assert "Incorrect API key provided: ***" in str(run.stopped)
    return [*told, repr(run), str(run.ledger), repr(run.ledger), str(run.stopped)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_run_shows_a_key(kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = [WireFault(400, error_body(kind, ECHO))]
    last = WireFault(401, error_body(kind, ECHO))
    with caplog.at_level(logging.DEBUG, "packsplit"):
        told = run_over(kind, first, last, tmp_path)
    assert_silent(*told)
    records = [record for record in caplog.records if record.name == "packsplit"]
    assert records
    assert_silent(*(record.getMessage() for record in records), *(repr(record.args) for record in records))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_run_that_raises_shows_no_key(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer(ScriptedClient(label)) as server, caplog.at_level(logging.DEBUG, "packsplit"):
        server.faults.append(WireFault(401, error_body(kind, ECHO)))
        sdk = kind.sdk(server, **SDK)
        try:
            with pytest.raises(AccessDenied) as caught:
                pack_and_run(TEXTS, SENTIMENT, client=kind.client(sdk, "gpt-4.1-mini"), limits=ONE_BY_ONE)
        finally:
            run_to_end(closed(sdk))
    assert "Check the API key" in str(caught.value)
    assert_silent(*shown(caught.value))
    assert_silent(*(record.getMessage() for record in caplog.records if record.name == "packsplit"))

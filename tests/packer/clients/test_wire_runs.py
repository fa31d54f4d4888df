"""Whole runs over every kind of SDK client: caches, money, probes, and what ends or outlives a fault."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import pytest

from packer import Layout, Limits, Outcome, RunResult, Task, pack_and_run
from packer.clients import AnthropicMessages, OpenAIChat, OpenAIResponses
from packer.run.live.loop import run_to_end
from packer.testing import FaultServer, WireFault
from schemas.errors import AccessDenied, SpendLimit, UsageError
from schemas.facts import ModelFacts, Price
from tests.packer.clients.wire_cases import CANARY, KINDS, USES_RETRIES, Kind, closed, error_body
from tests.strategies import SENTIMENT, label

TEXTS = [f"tweet {'!' * number}" for number in range(30)]
UNEVEN = TEXTS[:25]
ONE_AT_A_TIME = Limits(concurrency=1)
MESSAGES = tuple(kind for kind in KINDS if kind.is_anthropic)
OPENAI = tuple(kind for kind in KINDS if not kind.is_anthropic)
PREFIXES = {"chat": "", "responses": "openai-responses/", "messages": "anthropic/"}
PRICED = {"chat": "gpt-4.1-mini", "responses": "gpt-4.1-mini", "messages": "claude-haiku-4-5"}

# USD per million tokens, as the vendors list them: prompt, read from the cache, written to it, reply.
PRICES = {
    "gpt-4.1-mini": (Decimal("0.4"), Decimal("0.1"), Decimal("0.4"), Decimal("1.6")),
    "claude-haiku-4-5": (Decimal(1), Decimal("0.1"), Decimal("1.25"), Decimal(5)),
}


@contextmanager
def sdk_of(kind: Kind, server: FaultServer) -> Iterator[Any]:
    """An SDK client for synchronous runs, which have one event loop for all."""
    sdk = kind.sdk(server)
    try:
        yield sdk
    finally:
        run_to_end(closed(sdk))


def run_over(
    kind: Kind,
    server: FaultServer,
    texts: list[str] = TEXTS,
    task: Task[Any] = SENTIMENT,
    *,
    model: str | None = None,
    **more: Any,
) -> RunResult[Any]:
    """A run through the doors, with an SDK client of this kind."""
    with sdk_of(kind, server) as sdk:
        name = PREFIXES[kind.api] + (model or PRICED[kind.api])
        return pack_and_run(texts, task, client=sdk, model=name, **{"limits": ONE_AT_A_TIME, **more})


def shared_of(kind: Kind, request: Mapping[str, Any]) -> str:
    """The bytes of a request that a cache is to find again: schema and shared part."""
    if kind.is_anthropic:
        parts = [request["output_config"], request["system"]]
    elif kind.api == "chat":
        parts = [request["response_format"], request["messages"][0]]
    else:
        parts = [request["text"], request["input"][0]]
    return json.dumps(parts)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_later_packs_find_the_shared_part_in_the_cache_and_the_bill_is_right(kind: Kind) -> None:
    with FaultServer(label, cache=True) as server:
        run = run_over(kind, server)
    assert run.values == [label(text) for text in TEXTS]
    served = server.ledger.served
    assert len(served) == run.ledger.calls == 3
    assert served[0].cached_tokens == 0
    assert all(each.cached_tokens > 0 for each in served[1:])
    assert run.ledger.usage.cached_tokens == server.ledger.cached_tokens
    assert run.ledger.usage.input_tokens == server.ledger.prompt_tokens
    assert run.ledger.usage.output_tokens == server.ledger.completion_tokens
    assert len({shared_of(kind, request) for request in server.requests}) == 1
    # By hand: what was not read from the simulated cache was written to it.
    _, read, written, replied = PRICES[PRICED[kind.api]]
    spent = sum(
        (
            each.cached_tokens * read
            + (each.prompt_tokens - each.cached_tokens) * written
            + each.completion_tokens * replied
            for each in served
        ),
        Decimal(0),
    )
    assert run.ledger.cost_usd == spent / 1_000_000
    assert run.ledger.unpriced_calls == 0
    assert "genai-prices" in run.ledger.price_source


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-5.6-luna"])
@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_one_cache_key_a_run_and_the_same_in_the_next(kind: Kind, model: str) -> None:
    with FaultServer(label) as server:
        run_over(kind, server, model=model)
        run_over(kind, server, TEXTS[::-1], model=model)
        keys = [request["prompt_cache_key"] for request in server.requests]
        assert len(keys) == 6
        assert len(set(keys)) == 1
        other = Task.classify("Mood of a tweet.", ("positive", "neutral", "negative"))
        run_over(kind, server, TEXTS[:10], other, model=model)
    assert server.requests[-1]["prompt_cache_key"] != keys[0]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_list_has_one_schema_whatever_the_size_of_the_pack(kind: Kind) -> None:
    """Anthropic gets nothing else; a cache there is lost with the schema."""
    layout = None if kind.is_anthropic else Layout(envelope="array")
    with FaultServer(label, cache=True) as server:
        run = run_over(kind, server, UNEVEN, layout=layout)
    assert run.values == [label(text) for text in UNEVEN]
    assert run.envelope == "array"
    assert len({len(each.texts) for each in server.ledger.served}) > 1
    assert len({shared_of(kind, request) for request in server.requests}) == 1
    assert all(each.cached_tokens > 0 for each in server.ledger.served[1:])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_has_no_price_is_not_free(kind: Kind) -> None:
    with FaultServer(label) as server:
        run = run_over(kind, server, TEXTS[:10], model="unknown-1", facts=ModelFacts(structured=True))
    assert run.ledger.cost_usd is None
    assert run.ledger.unpriced_calls == run.ledger.calls == 1
    assert run.ledger.price_source == "no price is known for 'unknown-1'"
    assert "cost unknown: no price is known for 'unknown-1'" in str(run.ledger)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_callers_own_price_goes_first(kind: Kind) -> None:
    facts = ModelFacts(structured=True, price=Price(2, 10))
    with FaultServer(label) as server:
        run = run_over(kind, server, TEXTS[:10], facts=facts)
    (served,) = server.ledger.served
    spent = Decimal(2 * served.prompt_tokens + 10 * served.completion_tokens) / 1_000_000
    assert run.ledger.cost_usd == spent
    assert run.ledger.price_source == "given by the caller"


# --- What a server can be held to ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constrained", "envelope", "probes"),
    [(True, "keyed", 1), (False, "lines", 1), ("refuse", "lines", 2), ("array", "array", 2)],
)
@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_server_that_is_not_known_is_asked_first(
    kind: Kind, constrained: Any, envelope: str, probes: int
) -> None:
    with FaultServer(label, constrained=constrained) as server, sdk_of(kind, server) as sdk:
        runs = [
            pack_and_run(
                TEXTS, SENTIMENT, client=sdk, model=PREFIXES[kind.api] + "unknown-1", limits=ONE_AT_A_TIME
            )
            for _ in range(2)
        ]
    for run in runs:
        assert run.values == [label(text) for text in TEXTS]
        assert run.envelope == envelope
    first, second = runs
    assert first.ledger.routes["probe"].calls == probes
    # The same SDK client speaks to the same server, so it is not asked again.
    assert "probe" not in second.ledger.routes
    assert first.ledger.calls == second.ledger.calls + probes
    assert first.ledger.calls + second.ledger.calls == server.ledger.calls
    told = sum(run.ledger.usage.input_tokens or 0 for run in runs)
    assert told == server.ledger.prompt_tokens
    schemas = [bool(request.get("response_format") or request.get("text")) for request in server.requests]
    assert schemas == [True] * probes + [envelope != "lines"] * 6


@pytest.mark.parametrize(
    ("constrained", "envelope"), [(True, "array"), (False, "lines"), ("refuse", "lines"), ("array", "array")]
)
@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_anthropic_says_itself_what_it_can_be_held_to(kind: Kind, constrained: Any, envelope: str) -> None:
    with FaultServer(label, constrained=constrained) as server:
        run = run_over(kind, server, model="unknown-1")
    assert run.values == [label(text) for text in TEXTS]
    assert run.envelope == envelope
    assert run.ledger.calls == server.ledger.calls == 3
    assert "probe" not in run.ledger.routes
    looks = [seen.place for seen in server.seen if seen.method == "GET"]
    assert looks == ["/v1/models/unknown-1"]


@pytest.mark.parametrize("kind", OPENAI, ids=str)
def test_a_server_that_is_down_when_probed_gets_what_was_asked_for(kind: Kind) -> None:
    with FaultServer(label) as server:
        server.faults.append(WireFault(500, error_body(kind, "down")))
        run = run_over(kind, server, model="unknown-1")
    assert run.values == [label(text) for text in TEXTS]
    assert run.envelope == "keyed"
    assert run.ledger.calls == server.ledger.calls == 4


# --- What ends a run, and what does not ---------------------------------------------------------------

ENDS = [
    (401, AccessDenied, None),
    (403, AccessDenied, None),
    (404, AccessDenied, None),
    (402, SpendLimit, None),
    (429, SpendLimit, "spent"),
]


def spent(kind: Kind, status: int, code: str | None) -> WireFault:
    if code is not None:
        code = "enforced_spend_limit_reached" if kind.is_anthropic else "insufficient_quota"
    return WireFault(status, error_body(kind, "no such luck", code))


@pytest.mark.parametrize(("status", "error", "code"), ENDS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_with_nothing_answered_what_ends_a_run_is_raised(
    kind: Kind, status: int, error: type[Exception], code: str | None
) -> None:
    with FaultServer(label) as server:
        server.faults.append(spent(kind, status, code))
        with pytest.raises(error, match=f"^{kind.provider} answered {status}: no such luck\\. "):
            run_over(kind, server)
    # Nothing else was sent: not by the SDK's retries, not by the run's.
    assert server.ledger.calls == 1


@pytest.mark.parametrize(("status", "error", "code"), ENDS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_was_answered_before_a_run_ends_is_kept(
    kind: Kind, status: int, error: type[Exception], code: str | None
) -> None:
    def at_progress(tally: Any) -> None:
        if tally.calls == 1:
            server.faults.append(spent(kind, status, code))

    with FaultServer(label) as server:
        run = run_over(kind, server, on_progress=at_progress)
        again = run_over(kind, server, resume=run)
    assert run.outcomes == {Outcome.ACCEPTED: 10, Outcome.PENDING: 20}
    assert run.stopped is not None
    assert run.stopped.startswith(f"{kind.provider} answered {status}: no such luck.")
    assert run.ledger.calls == 2
    assert again.values == [label(text) for text in TEXTS]
    assert again.ledger.calls == 2


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_rate_limit_loses_nothing(kind: Kind) -> None:
    """More of them than the SDK's own retries would have borne."""
    limited = WireFault(429, error_body(kind, "slow down"), {"retry-after": "0"})
    with FaultServer(label) as server:
        server.faults.extend([limited] * (USES_RETRIES + 2))
        run = run_over(kind, server)
    assert run.values == [label(text) for text in TEXTS]
    assert run.stopped is None
    assert run.ledger.failed_calls == USES_RETRIES + 2
    assert run.ledger.calls == server.ledger.calls == 3 + USES_RETRIES + 2
    assert {seen.headers["x-stainless-retry-count"] for seen in server.seen} == {"0"}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_runs_own_retries_are_those_that_the_sdk_was_made_with(kind: Kind) -> None:
    down = WireFault(500, error_body(kind, "down"), {"retry-after": "0"})
    with FaultServer(label) as server:
        server.faults.extend([down] * USES_RETRIES)
        run = run_over(kind, server, TEXTS[:10])
    assert run.values == [label(text) for text in TEXTS[:10]]
    assert {result.attempts for result in run} == {1}
    assert run.ledger.calls == server.ledger.calls == 1 + USES_RETRIES


# --- Clients made here --------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """One without any key of Anthropic's, and without a profile in the home folder."""
    names = ("AUTH_TOKEN", "BASE_URL", "PROFILE", "CONFIG_DIR", "IDENTITY_TOKEN", "IDENTITY_TOKEN_FILE")
    for name in names:
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(
    "model", ["openai/gpt-4.1-mini", "openai-responses/gpt-4.1-mini", "anthropic/claude-haiku-4-5"]
)
def test_a_named_model_is_asked_with_the_environments_key(
    model: str, environment: pytest.MonkeyPatch
) -> None:
    with FaultServer(label) as server:
        environment.setenv("OPENAI_API_KEY", CANARY)
        environment.setenv("OPENAI_BASE_URL", server.url)
        environment.setenv("ANTHROPIC_API_KEY", CANARY)
        environment.setenv("ANTHROPIC_BASE_URL", server.root_url)
        run = pack_and_run(TEXTS, SENTIMENT, model=model)
    assert run.values == [label(text) for text in TEXTS]
    wire = {"openai": "chat/completions", "openai-responses": "responses", "anthropic": "messages"}
    places = {seen.place for seen in server.seen if seen.method == "POST"}
    assert places == {f"/v1/{wire[model.partition('/')[0]]}"}
    assert all(
        CANARY in seen.headers.get("authorization", seen.headers.get("x-api-key", "")) for seen in server.seen
    )


@pytest.mark.parametrize("model", ["openai/m", "openai-responses/m", "anthropic/m"])
def test_no_key_is_a_clear_error_before_anything_is_sent(model: str, environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"API_KEY|api_key"):
        pack_and_run(TEXTS, SENTIMENT, model=model)


def test_a_profile_that_cannot_be_read_is_a_clear_error(environment: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anthropic.lib.credentials")
    environment.setenv("ANTHROPIC_PROFILE", "nobody")
    with pytest.raises(UsageError, match="nobody"):
        pack_and_run(TEXTS, SENTIMENT, model="anthropic/m")


def test_a_profiles_credentials_are_as_good_as_a_key(environment: pytest.MonkeyPatch) -> None:
    """Newer releases of the SDK find them by themselves, and leave ``api_key`` empty."""
    static_token = pytest.importorskip("anthropic.lib.credentials").StaticToken

    class Found(anthropic.AsyncAnthropic):
        def __init__(self, **more: Any) -> None:
            super().__init__(**{"credentials": static_token(CANARY), **more})

    with FaultServer(label) as server:
        environment.setattr(anthropic, "AsyncAnthropic", Found)
        environment.setenv("ANTHROPIC_BASE_URL", server.root_url)
        run = pack_and_run(TEXTS, SENTIMENT, model="anthropic/claude-haiku-4-5")
        calls = server.ledger.calls
        server.faults.append(WireFault(401, {"error": {"message": f"no such key: {CANARY}"}}))
        with pytest.raises(AccessDenied) as caught:
            pack_and_run(TEXTS[:10], SENTIMENT, model="anthropic/claude-haiku-4-5")
    # The SDK would fetch a fresh token and try again, had it any retries left.
    assert server.ledger.calls == calls + 1
    assert run.values == [label(text) for text in TEXTS]
    assert {seen.headers["authorization"] for seen in server.seen} == {f"Bearer {CANARY}"}
    # The client has no key that could be struck out: the request has.
    assert "no such key: ***" in str(caught.value)
    assert caught.value.original is None


@pytest.mark.parametrize("make", [OpenAIChat, OpenAIResponses, AnthropicMessages])
def test_something_else_than_an_sdk_client_is_a_clear_error(make: Any) -> None:
    with pytest.raises(UsageError, match="sdk is a dict, not an "):
        make("m", sdk={})

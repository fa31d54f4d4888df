"""Faults on each of the fault server's wires, queued, injected or unscripted, as the real SDKs raise them."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from packer.testing import FaultKind, FaultServer, Inject, WireFault
from tests.packer.testing.test_wires import TRUTH, USER, chat, message, respond, sdks

OPENAI_ERRORS = {
    FaultKind.RATE_LIMIT: openai.RateLimitError,
    FaultKind.OVERLOADED: openai.InternalServerError,
}
ANTHROPIC_ERRORS = {
    FaultKind.RATE_LIMIT: (anthropic.RateLimitError, "rate_limit_error"),
    FaultKind.OVERLOADED: (anthropic.OverloadedError, "overloaded_error"),
}


def test_a_fault_strikes_replies_unless_it_names_a_path() -> None:
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        server.faults += [
            WireFault(529, {"error": {"message": "busy"}}),
            WireFault(404, path="/count_tokens"),
        ]
        with pytest.raises(anthropic.NotFoundError):
            sdk.anthropic.messages.count_tokens(model="any", messages=USER)
        assert sdk.anthropic.models.retrieve("x").id == "x"
        with pytest.raises(openai.InternalServerError, match="busy"):
            respond(sdk.openai)
        assert not server.faults
        assert [served.status for served in server.ledger.served] == [529]


@pytest.mark.parametrize("stream", [False, True])
def test_queued_faults_reach_anthropics_sdk_as_they_are(stream: bool) -> None:
    body = {"type": "error", "error": {"type": "billing_error", "message": "no credit"}}
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        server.faults += [WireFault(402, body), WireFault(200, "no json"), WireFault(0)]
        with pytest.raises(anthropic.PaymentRequiredError, match="no credit"):
            message(sdk.anthropic, stream=stream)
        # The SDK wraps neither: a stream without events has no final message, and no JSON is no JSON.
        with pytest.raises(AssertionError if stream else json.JSONDecodeError):
            message(sdk.anthropic, stream=stream)
        with pytest.raises(anthropic.APIConnectionError):
            message(sdk.anthropic, stream=stream)


@pytest.mark.parametrize("kind", list(OPENAI_ERRORS))
def test_injected_faults_are_worded_for_each_wire(kind: FaultKind) -> None:
    with FaultServer(TRUTH, inject=Inject(kind, 1.0), retry_after_s=7) as server, sdks(server) as sdk:
        for ask in (chat, respond):
            with pytest.raises(OPENAI_ERRORS[kind], match="injected"):
                ask(sdk.openai)
        error, word = ANTHROPIC_ERRORS[kind]
        with pytest.raises(error, match="injected") as raised:
            message(sdk.anthropic)
        assert raised.value.type == word
        assert server.ledger.faults == {kind: 3}


def test_a_reply_without_any_choice_is_empty_on_each_wire() -> None:
    with FaultServer(TRUTH, inject=Inject(FaultKind.EMPTY_CHOICES, 1.0)) as server, sdks(server) as sdk:
        assert chat(sdk.openai).choices == []
        assert respond(sdk.openai).output == []
        assert message(sdk.anthropic).content == []


def test_what_is_not_scripted_is_refused_on_each_wire() -> None:
    other = [{"role": "user", "content": "What?"}]
    with FaultServer(TRUTH) as server, sdks(server) as sdk:
        with pytest.raises(openai.BadRequestError, match="No scripted text"):
            sdk.openai.responses.create(model="any", input="What?")
        with pytest.raises(anthropic.BadRequestError, match="No scripted text"):
            sdk.anthropic.messages.create(model="any", max_tokens=9, messages=other)
        with pytest.raises(openai.NotFoundError, match="/v1/embeddings"):
            sdk.openai.embeddings.create(model="any", input="x")
        assert len(server.unscripted) == 2

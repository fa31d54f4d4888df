"""The real OpenAI SDK on a real wire, against a loopback server."""

from __future__ import annotations

import openai
import pytest

from packer import Completion, FinishReason, Layout, Limits, Outcome, UsageError, pack_and_run
from packer.clients import OpenAIChat, OpenAIResponses
from packer.clients.choose import choose
from packer.run.live.loop import run_to_end
from packer.testing import FaultServer, ScriptedClient, WireFault
from schemas.errors import AccessDenied
from schemas.usage import Usage
from schemas.verdict import Fault
from tests.strategies import SENTIMENT

TEXTS = [f"tweet {'!' * i}" for i in range(25)]


def label(text: str) -> str:
    return "positive" if len(text) % 2 else "negative"


def sync_sdk(server: FaultServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="sk-canary", max_retries=0)


def test_a_run_over_the_wire_sync_client() -> None:
    with FaultServer(ScriptedClient(label)) as server, sync_sdk(server) as sdk:
        run = pack_and_run(TEXTS, SENTIMENT, client=sdk, model="gpt-4.1-mini")
    assert run.values == [label(text) for text in TEXTS]
    assert run.ledger.calls == len(server.requests) == 3
    assert run.model == "scripted"
    assert run.ledger.usage.cached_tokens == 0


def test_a_run_over_the_wire_async_client_named_model() -> None:
    with FaultServer(ScriptedClient(label)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-canary")
        patch.setenv("OPENAI_BASE_URL", server.url)
        run = pack_and_run(TEXTS, SENTIMENT, model="openai/gpt-4.1-mini", layout=Layout(envelope="array"))
    assert run.values == [label(text) for text in TEXTS]
    assert server.requests[0]["model"] == "gpt-4.1-mini"


def test_one_async_client_serves_several_synchronous_runs() -> None:
    """Its connections belong to a loop; a loop per run would leave the second run with dead ones."""
    with FaultServer(ScriptedClient(label)) as server:
        sdk = openai.AsyncOpenAI(base_url=server.url, api_key="sk-canary", max_retries=0)
        runs = [pack_and_run(TEXTS, SENTIMENT, client=sdk, model="gpt-4.1-mini") for _ in range(3)]
        run_to_end(sdk.close())
    assert [run.outcomes for run in runs] == [{Outcome.ACCEPTED: 25}] * 3


def test_what_is_sent() -> None:
    """Strict schema, capped reply, no temperature; the same schema and system part in every full pack."""
    with FaultServer(ScriptedClient(label)) as server, sync_sdk(server) as sdk:
        pack_and_run(TEXTS[:20], SENTIMENT, client=sdk, model="openai/gpt-4.1-mini")
    first, second = server.requests
    assert first["response_format"] == second["response_format"]
    assert first["messages"][0] == second["messages"][0]  # type: ignore[index]
    assert first["response_format"]["json_schema"]["strict"] is True  # type: ignore[index]
    assert "temperature" not in first
    assert first["max_completion_tokens"] < 1_000  # type: ignore[operator]  # this model does not reason


def run_with(fault: WireFault | None = None, completion: Completion | None = None) -> object:
    """Five items; the first call gets the fault, later ones are answered."""
    turns = iter([completion])
    client = ScriptedClient(label, spoil=lambda prompt, reply: next(turns, None) or reply)
    with FaultServer(client) as server, sync_sdk(server) as sdk:
        if fault is not None:
            server.faults.append(fault)
        run = pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini")
    return [r.value if r.outcome is Outcome.ACCEPTED else r.reason for r in run], run.ledger.calls


LABELLED = [label(text) for text in TEXTS[:5]]


@pytest.mark.parametrize(
    "fault",
    [
        WireFault(400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
        WireFault(422, {"error": {"message": "odd"}}),
        WireFault(200, {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": []}),
    ],
    ids=["too long", "refused call", "no choices"],
)
def test_a_call_that_cannot_be_answered_whole_is_split(fault: WireFault) -> None:
    values, calls = run_with(fault)  # type: ignore[misc]
    assert values == LABELLED
    assert calls > 1


@pytest.mark.parametrize(
    "completion",
    [
        Completion("", FinishReason.REFUSAL),
        Completion("", FinishReason.CONTENT_FILTER),
        Completion('{"item_1":"posi', FinishReason.LENGTH),
    ],
)
def test_stopped_replies_go_down_the_ladder(completion: Completion) -> None:
    values, calls = run_with(completion=completion)  # type: ignore[misc]
    assert values == LABELLED
    assert calls > 1


@pytest.mark.parametrize(
    "fault",
    [
        WireFault(500, {"error": {"message": "down"}}),
        WireFault(0),
        WireFault(429, {"error": {"message": "slow down"}}, {"retry-after": "0"}),
    ],
    ids=["500", "dropped", "429"],
)
def test_a_call_that_failed_on_the_way_is_sent_again(fault: WireFault) -> None:
    values, calls = run_with(fault)  # type: ignore[misc]
    assert values == LABELLED
    assert calls > 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (WireFault(500, {"error": {"message": "down"}}), "unreachable"),
        (WireFault(0), "unreachable"),
        (WireFault(429, {"error": {"message": "slow down"}}, {"retry-after": "0"}), "rate_limited"),
    ],
    ids=["500", "dropped", "429"],
)
def test_a_provider_that_stays_down_leaves_items_pending_and_the_run_resumes(
    fault: WireFault, code: str
) -> None:
    limits = Limits(retries=0, outage_s=0, concurrency=1)
    with FaultServer(ScriptedClient(label)) as server, sync_sdk(server) as sdk:
        server.faults.extend([fault] * 50)
        first = pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini", limits=limits)
        server.faults.clear()
        second = pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini", resume=first)
    assert first.outcomes == {Outcome.PENDING: 5}
    assert first.stopped is not None
    assert f"the last said: {code}: " in first.stopped
    assert first.ledger.calls == first.ledger.failed_calls < 12
    assert {result.reason.fault for result in first.pending if result.reason} == {Fault.STOPPED}
    assert second.values == LABELLED
    assert second.stopped is None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_stops_the_run_without_showing_the_key(status: int) -> None:
    with FaultServer(ScriptedClient(label)) as server, sync_sdk(server) as sdk:
        server.faults.append(WireFault(status, {"error": {"message": "no such luck"}}))
        with pytest.raises(AccessDenied) as caught:
            pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini")
    assert "no such luck" in str(caught.value)
    assert "sk-canary" not in repr(caught.value)


def test_missing_usage_is_unknown_and_not_zero() -> None:
    client = ScriptedClient(label, spoil=lambda prompt, reply: Completion(reply, usage=Usage()))
    with FaultServer(client) as server, sync_sdk(server) as sdk:
        run = pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini")
    assert run.ledger.usage.input_tokens is None
    assert run.ledger.unmetered_calls == 1
    assert run.results[0].usage.output_tokens is None
    assert "without usage" in str(run.ledger)


def test_an_unknown_finish_reason_is_no_error() -> None:
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "tired", "message": {"role": "assistant", "content": "{}"}}
        ],
    }
    values, _ = run_with(WireFault(200, body))  # type: ignore[misc]
    assert values == LABELLED


def test_no_key_and_no_model_name_are_clear_errors() -> None:
    with pytest.raises(UsageError, match="no key for OpenAI: set OPENAI_API_KEY in the env"):
        pack_and_run(["a"], SENTIMENT, model="openai/gpt-4.1-mini")
    with pytest.raises(UsageError, match="no key for Anthropic: set ANTHROPIC_API_KEY in the env"):
        pack_and_run(["a"], SENTIMENT, model="anthropic/claude-haiku-5-5")
    with openai.OpenAI(api_key="x") as sdk, pytest.raises(UsageError, match="which model"):
        pack_and_run(["a"], SENTIMENT, client=sdk)


def test_other_names_that_azure_and_responses_go_by_are_taken_off() -> None:
    with openai.AzureOpenAI(api_key="x", api_version="1", azure_endpoint="http://127.0.0.1:9") as sdk:
        made = choose(model="azure/mine", client=sdk).client
    assert isinstance(made, OpenAIChat)
    assert (made.name, made.provider, made.max_retries) == ("mine", "azure", 2)
    with openai.OpenAI(api_key="x") as plain:
        other = choose(model="openai-responses/gpt-5.4", client=plain).client
    assert isinstance(other, OpenAIResponses)
    assert other.name == "gpt-5.4"

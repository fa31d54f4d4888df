"""The real SDKs against llmock: a fault bench by other hands that breaks calls and judges the client.

Its verdict is strict here: warnings count. Where llmock itself is what falls short (no answer computed
from a request, no judgement on a stream's last event), the test says so and looks at the calls instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import anthropic
import openai
import pytest
from llmock.journal import RequestRecord
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from llmock.testing import LLMockServer

from packer import Budget, Client, Fallback, Layout, Limits, Outcome, Route, RunResult, pack_and_run
from packer.clients.anthropic import STREAM_ABOVE_TOKENS, AnthropicMessages
from packer.clients.openai import OpenAIChat
from packer.clients.openai_responses import OpenAIResponses
from packer.delimit import HANDLES
from packer.run.live.loop import run_to_end
from schemas.errors import AccessDenied, CallRefused, SpendLimit
from schemas.settings import Strategy
from schemas.verdict import Fault
from tests.strategies import SENTIMENT

TEXTS = [f"tweet {number}" for number in range(8)]
HALF = len(TEXTS) // 2
"""A pack of eight that failed as a whole is asked again as two packs of four."""

RIGHT = ["positive"] * len(TEXTS)
"""llmock has one answer for all items: the first label of the schema, or the text that it was given."""

KEY = "sk-canary"
GPT, CLAUDE = "gpt-4.1-mini", "claude-haiku-4-5"
WIRES = ("chat", "chat-async", "responses", "anthropic", "stream", "stream-async")
STREAMS = ("stream", "stream-async")

RETRIED = (408, 409, 425, 429, 500, 501, 502, 503, 504, 529)
HALVED = (400, 413, 422)
FATAL = {401: AccessDenied, 402: SpendLimit, 403: AccessDenied, 404: AccessDenied}
OTHERS = (405, 406, 410, 411, 412, 414, 415, 418, 421, 423, 424, 426, 428, 431, 451, 505, 507, 508, 520, 599)

Connect = Callable[[str], Client]


@pytest.fixture(scope="module")
def connect(llmock_server: LLMockServer) -> Iterator[Connect]:
    """Makes clients of ours around SDK clients that the whole file shares, as a caller's program would."""
    here, there = llmock_server.base_url("openai"), llmock_server.base_url("anthropic")
    gpt = openai.OpenAI(base_url=here, api_key=KEY)
    gpt_async = openai.AsyncOpenAI(base_url=here, api_key=KEY)
    claude = anthropic.Anthropic(base_url=there, api_key=KEY)
    claude_async = anthropic.AsyncAnthropic(base_url=there, api_key=KEY)
    room = STREAM_ABOVE_TOKENS  # with so much room for thinking, the client has to stream
    made: dict[str, Callable[[], Client]] = {
        "chat": lambda: OpenAIChat(GPT, sdk=gpt),
        "chat-async": lambda: OpenAIChat(GPT, sdk=gpt_async),
        "responses": lambda: OpenAIResponses(GPT, sdk=gpt),
        "anthropic": lambda: AnthropicMessages(CLAUDE, sdk=claude),
        "stream": lambda: AnthropicMessages(CLAUDE, sdk=claude, thinking_tokens=room),
        "stream-async": lambda: AnthropicMessages(CLAUDE, sdk=claude_async, thinking_tokens=room),
    }

    def connected(wire: str) -> Client:
        client = made[wire]()
        if isinstance(client, AnthropicMessages):
            # The model's facts are looked up first, or the look-up would use up the fault of the call.
            run_to_end(client.facts())
        return client

    yield connected
    gpt.close()
    claude.close()
    run_to_end(gpt_async.close())
    run_to_end(claude_async.close())


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken streams carry no Retry-After, and how long one retry waits is not what is tested there."""
    monkeypatch.setattr("packer.run.live.send.FIRST_BACKOFF_S", 0.01)


def rows(n: int) -> str:
    """The perfect reply to a pack of n, in Anthropic's envelope; without spaces, so that it is one chunk."""
    results = [{"id": handle, "answer": "positive"} for handle in HANDLES[:n]]
    return json.dumps({"results": results}, separators=(",", ":"))


def answer(llmock: LLMock, wire: str, n: int) -> None:
    """Have every further pack of n answered perfectly.

    To OpenAI's APIs llmock itself answers what the schema allows. It does not know Anthropic's
    ``output_config``, so there the text is given.
    """
    if wire not in ("chat", "chat-async", "responses"):
        llmock.reply(rows(n), times=None)


def ask(
    client: Client,
    texts: Sequence[str] = TEXTS,
    *,
    limits: Limits | None = None,
    budget: Budget | None = None,
    resume: RunResult[object] | None = None,
) -> RunResult[object]:
    """One run, with the SDK's own number of retries unless limits say otherwise."""
    limits = limits or Limits(concurrency=2, outage_s=5)
    return pack_and_run(texts, SENTIMENT, client=client, limits=limits, budget=budget, resume=resume)


def calls(llmock: LLMock) -> list[RequestRecord]:
    """The model calls; the look-up of a model's facts is none."""
    return [record for record in llmock.requests if record.method == "POST"]


def statuses(llmock: LLMock) -> list[int]:
    return [record.status for record in calls(llmock)]


def bodies(llmock: LLMock) -> list[str]:
    """Equal for equal requests: a repeated one is a retry."""
    return [record.fingerprint for record in calls(llmock)]


# The bench itself: what it finds when there is something to find.


def test_the_bench_sees_a_client_that_gives_up(llmock: LLMock, connect: Connect) -> None:
    llmock.fail(503, times=None, retry_after=0)
    ask(connect("chat"), limits=Limits(retries=0, outage_s=0, concurrency=1))
    assert {finding.code for finding in llmock.verdict().findings} == {"gave_up"}


def test_the_bench_sees_a_client_that_does_not_wait_or_asks_again_in_vain(
    llmock: LLMock, connect: Connect
) -> None:
    llmock.rate_limit(retry_after=60)
    llmock.fail(400)
    with openai.OpenAI(base_url=llmock.base_url(), api_key=KEY, max_retries=0) as sdk:
        for _ in range(3):
            try:
                sdk.responses.create(model=GPT, input="hello")
            except openai.APIStatusError:
                continue
    found = {finding.code for finding in llmock.verdict().errors}
    assert found == {"retry_after_ignored", "retried_non_retryable"}


# Statuses.


@pytest.mark.parametrize("wire", WIRES)
def test_nothing_broken_nothing_found(wire: str, llmock: LLMock, connect: Connect) -> None:
    answer(llmock, wire, len(TEXTS))
    run = ask(connect(wire))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [200]
    assert calls(llmock)[0].stream is (wire in STREAMS)


@pytest.mark.parametrize("status", RETRIED)
@pytest.mark.parametrize("wire", WIRES)
def test_what_may_pass_is_sent_again(wire: str, status: int, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.fail(status, retry_after=0)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [status, 200]
    assert len(set(bodies(llmock))) == 1


@pytest.mark.parametrize("status", HALVED)
@pytest.mark.parametrize("wire", WIRES)
def test_a_refused_pack_is_halved_and_never_repeated(
    wire: str, status: int, llmock: LLMock, connect: Connect
) -> None:
    client = connect(wire)
    llmock.fail(status)
    answer(llmock, wire, HALF)
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [status, 200, 200]
    assert len(set(bodies(llmock))) == 3


@pytest.mark.parametrize("status", FATAL)
@pytest.mark.parametrize("wire", WIRES)
def test_a_call_that_nothing_can_mend_ends_the_run(
    wire: str, status: int, llmock: LLMock, connect: Connect
) -> None:
    client = connect(wire)
    llmock.fail(status, times=None)
    with pytest.raises(FATAL[status]):
        ask(client)
    llmock.assert_resilient(strict=True)
    assert statuses(llmock) == [status]


@pytest.mark.parametrize("n", [1, 2, len(TEXTS)])
@pytest.mark.parametrize("strategy", ["pack", "session", "single"])
@pytest.mark.parametrize("status", [400, 422])
def test_no_refused_request_is_repeated_however_far_down_the_ladder(
    status: int, strategy: Strategy, n: int, llmock: LLMock, connect: Connect
) -> None:
    """The fewer the items, the likelier that a lower rung asks in the very words that were refused."""
    llmock.fail(status, times=None)
    outcomes: set[Outcome] = set()
    try:
        run = pack_and_run(TEXTS[:n], SENTIMENT, client=connect("chat"), strategy=strategy)
        outcomes = set(run.outcomes)
    except CallRefused:
        assert n > 1  # so many refusals in a row end the run
    llmock.assert_resilient(strict=True)
    assert outcomes <= {Outcome.FAILED}
    assert len(set(bodies(llmock))) == len(bodies(llmock)) >= n / len(TEXTS)


@pytest.mark.parametrize("status", OTHERS)
def test_any_other_status(status: int, llmock: LLMock, connect: Connect) -> None:
    llmock.fail(status, retry_after=0)
    run = ask(connect("chat"))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == ([status, 200] if status >= 500 else [status, 200, 200])


def test_pauses_grow_where_the_provider_names_none(llmock: LLMock, connect: Connect) -> None:
    """Costs 1.2 s: the bench tells growing pauses from even ones by the real gaps."""
    llmock.fail(500, times=2)
    run = ask(connect("chat"))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert [record.retry_after for record in calls(llmock)] == [None, None, None]


# Rate limits and quotas.


@pytest.mark.parametrize("wire", WIRES)
def test_a_named_pause_is_kept_to(wire: str, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.rate_limit(times=2, retry_after=0.2)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [429, 429, 200]


def test_llmocks_own_pause_of_a_second(llmock: LLMock, connect: Connect) -> None:
    """llmock never leaves Retry-After out of a 429; told nothing, it asks for one second."""
    llmock.fail(429)
    run = ask(connect("chat"))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert calls(llmock)[0].retry_after == 1.0


def drained(server: LLMockServer, wire: str, *, rpm: int = 0, tpm: int = 0, left: int = 0) -> None:
    """Use up a minute's quota in our client's name, but for what is to be left."""
    provider = "openai" if wire in ("chat", "chat-async", "responses") else "anthropic"
    for key in (KEY, f"Bearer {KEY}"):  # whichever header the SDK sends it in
        for _ in range(rpm - left if rpm else 0):
            server.state.limiter.admit(provider, key, tokens=0)
        if tpm:
            server.state.limiter.admit(provider, key, tokens=tpm - left)


@pytest.mark.parametrize("wire", ["chat-async", "anthropic"])
def test_a_spent_quota_of_requests_is_waited_for(
    wire: str, llmock: LLMock, llmock_server: LLMockServer, connect: Connect
) -> None:
    """Costs 1 s: one request a second is the slowest that is worth it, and too slow to be missed."""
    client = connect(wire)
    answer(llmock, wire, len(TEXTS))
    llmock.limits(rpm=60)
    drained(llmock_server, wire, rpm=60)
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    # A machine that dawdles finds its quota refilled and meets no 429 at all.
    assert statuses(llmock) in ([429, 200], [200])


@pytest.mark.parametrize("wire", ["responses", "anthropic"])
def test_a_spent_quota_of_tokens_is_waited_for(
    wire: str, llmock: LLMock, llmock_server: LLMockServer, connect: Connect
) -> None:
    client = connect(wire)
    answer(llmock, wire, len(TEXTS))
    rate = 60_000 if wire == "responses" else 300_000  # room for thinking is charged in advance
    llmock.limits(tpm=rate)
    drained(llmock_server, wire, tpm=rate)
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    # A machine that dawdles finds its quota refilled and meets no 429 at all.
    assert statuses(llmock) in ([429, 200], [200])


@pytest.mark.parametrize("wire", ["chat", "chat-async", "responses"])
def test_a_stated_quota_is_kept_to_without_being_told_off(
    wire: str, llmock: LLMock, llmock_server: LLMockServer, connect: Connect
) -> None:
    """Two calls are left and twenty a second come back: eight calls at full speed would meet a 429."""
    client = connect(wire)
    llmock.limits(rpm=1_200)
    drained(llmock_server, wire, rpm=1_200, left=2)
    run = ask(client, budget=Budget(items=1), limits=Limits(concurrency=1))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [200] * len(TEXTS)


# Outages.


@pytest.mark.parametrize("wire", WIRES)
def test_an_outage_leaves_items_pending_and_the_run_resumes(
    wire: str, llmock: LLMock, llmock_server: LLMockServer, connect: Connect
) -> None:
    """``outage`` itself asks for a second between tries, which would cost four; this one asks for none."""
    client = connect(wire)
    llmock.fail(503, times=None, retry_after=0)
    first = ask(client, limits=Limits(retries=4, outage_s=0, concurrency=1))
    assert first.outcomes == {Outcome.PENDING: len(TEXTS)}
    assert statuses(llmock) == [503] * 5
    llmock.assert_resilient(strict=True)
    llmock_server.state.scenarios.clear()
    answer(llmock, wire, len(TEXTS))
    second = ask(client, resume=first)
    llmock.assert_resilient(strict=True)
    assert second.values == RIGHT


@pytest.mark.parametrize("wire", WIRES)
def test_an_outage_that_ends_is_sat_out(
    wire: str, llmock: LLMock, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine failures open the circuit; the tries that follow must not look like a storm or like giving up."""
    monkeypatch.setattr("packer.run.live.circuit.FIRST_PAUSE_S", 0.01)
    client = connect(wire)
    llmock.fail(503, times=9, retry_after=0)
    answer(llmock, wire, 2)
    run = ask(client, budget=Budget(items=2), limits=Limits(concurrency=4, outage_s=60))
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert sorted(statuses(llmock)) == [200] * 4 + [503] * 9


# Prompts that do not fit, replies that are cut short.


@pytest.mark.parametrize("wire", WIRES)
def test_a_prompt_that_is_said_not_to_fit_is_halved(wire: str, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.context_overflow()
    answer(llmock, wire, HALF)
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [400, 200, 200]


@pytest.mark.parametrize("wire", WIRES)
def test_packs_shrink_until_they_fit_a_real_window(wire: str, llmock: LLMock, connect: Connect) -> None:
    """llmock takes four letters for a token: eight such texts are 1,600 tokens, four are 800."""
    client = connect(wire)
    llmock.limits(context_window=1_200)
    answer(llmock, wire, HALF)
    run = ask(client, [text + " word" * 160 for text in TEXTS])
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert [record.fault for record in calls(llmock)] == ["context_window", None, None]


@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_cut_short_is_not_taken(wire: str, finish: str, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    cut = rows(len(TEXTS))[:40] if wire.startswith(("anthropic", "stream")) else '{"item_1":"posi'
    llmock.add(Reply(text=cut, finish_reason=finish))
    answer(llmock, wire, HALF)
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [200, 200, 200]
    assert len(set(bodies(llmock))) == 3


@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_cut_short_is_known_as_such(wire: str, llmock: LLMock, connect: Connect) -> None:
    client, nothing = connect(wire), Fallback(repacks=0, session=False, single=False)
    llmock.add(Reply(text="{", finish_reason="length"))
    run = pack_and_run(TEXTS, SENTIMENT, client=client, fallback=nothing)
    llmock.assert_resilient(strict=True)
    assert {result.reason.fault for result in run.results if result.reason} == {Fault.TRUNCATED}
    assert statuses(llmock) == [200]


# Slow replies.


@pytest.mark.parametrize("wire", WIRES)
def test_a_slow_reply_is_waited_for(wire: str, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.delay(0.1).slow_first_token(0.1)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert statuses(llmock) == [200]


HASTY = Limits(headroom_s=1.5, item_timeout_s=0.01, concurrency=2, outage_s=5)
"""More than a second for a call, which takes a hundredth of that here."""


@pytest.mark.parametrize("wire", ["chat", "chat-async"])
def test_a_reply_that_comes_too_late_is_not_waited_for(wire: str, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.delay(3.0)
    run = ask(client, limits=HASTY)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert len(bodies(llmock)) == 3


# Broken streams. A reply without spaces is seven events: the message's and the block's start, a ping, the
# text, the block's end, the finish reason, the message's end.

EVENTS = range(7)
PING, TEXT = 2, 3


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("wire", STREAMS)
def test_a_dropped_stream_is_asked_for_again(wire: str, event: int, llmock: LLMock, connect: Connect) -> None:
    client = connect(wire)
    llmock.disconnect(after_chunks=event)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert len(bodies(llmock)) == 2
    assert len(set(bodies(llmock))) == 1


GIVEN_UP = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""An SDK's stream that is given up half-way may be collected while it is still being closed."""


@GIVEN_UP
@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("wire", STREAMS)
def test_a_stream_that_ends_too_early_is_asked_for_again(
    wire: str, event: int, llmock: LLMock, connect: Connect
) -> None:
    """The connection closes in good order, so no SDK raises; without its last event it is half a reply."""
    client = connect(wire)
    llmock.truncate(after_chunks=event)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert len(set(bodies(llmock))) == 1


@GIVEN_UP
@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("event", [each for each in EVENTS if each != PING])
@pytest.mark.parametrize("wire", STREAMS)
def test_a_garbled_stream_is_asked_for_again(wire: str, event: int, llmock: LLMock, connect: Connect) -> None:
    """Without the verdict: llmock has sent the whole of so short a stream before anybody can hang up."""
    client = connect(wire)
    llmock.corrupt(after_chunks=event)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    assert run.values == RIGHT
    assert [record.fault for record in calls(llmock)] == [f"stream:malformed@{event}", None]
    assert len(set(bodies(llmock))) == 1


@GIVEN_UP
@pytest.mark.parametrize("wire", STREAMS)
def test_a_garbled_text_is_not_read_on(wire: str, llmock: LLMock, connect: Connect) -> None:
    """With the verdict: at this pace llmock sees the client hang up, and before the retry. Costs 1.3 s."""
    client = connect(wire)
    llmock.pace(80).corrupt(after_chunks=TEXT)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert len(bodies(llmock)) == 2


@pytest.mark.parametrize("wire", STREAMS)
def test_a_garbled_ping_costs_nothing(wire: str, llmock: LLMock, connect: Connect) -> None:
    """Pings carry nothing, and the SDK does not read them; llmock warns of any garbled event all the same."""
    client = connect(wire)
    llmock.corrupt(after_chunks=PING)
    answer(llmock, wire, len(TEXTS))
    run = ask(client)
    assert run.values == RIGHT
    assert len(bodies(llmock)) == 1
    assert [finding.code for finding in llmock.verdict().findings] == ["malformed_chunk_ignored"]


@pytest.mark.parametrize("event", [0, TEXT])
@pytest.mark.parametrize("wire", STREAMS)
def test_a_stalled_stream_is_not_sat_through(wire: str, event: int, llmock: LLMock, connect: Connect) -> None:
    """Costs the call's deadline of about half a second."""
    client = connect(wire)
    llmock.stall(after_chunks=event, seconds=30)
    answer(llmock, wire, HALF)
    run = ask(client, limits=HASTY)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert [record.completed for record in calls(llmock)] == [False, True, True]


@pytest.mark.parametrize("wire", ["chat", "chat-async", "responses", "anthropic"])
def test_stream_faults_cannot_meet_a_client_that_does_not_stream(
    wire: str, llmock: LLMock, connect: Connect
) -> None:
    client = connect(wire)
    llmock.disconnect().truncate().corrupt().stall()
    answer(llmock, wire, len(TEXTS))
    assert ask(client).values == RIGHT
    assert [record.fault for record in calls(llmock)] == [None]


# The look-up of a model's facts.


@pytest.mark.parametrize("status", [401, 404])
def test_a_refused_look_up_of_facts_is_no_trouble(status: int, llmock: LLMock) -> None:
    llmock.fail(status)
    answer(llmock, "anthropic", len(TEXTS))
    run = pack_and_run(TEXTS, SENTIMENT, model=f"anthropic/{CLAUDE}")
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert [(record.method, record.status) for record in llmock.requests] == [("GET", status), ("POST", 200)]


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_look_up_of_facts_that_may_pass_is_tried_again(status: int, llmock: LLMock) -> None:
    llmock.fail(status, retry_after=0)
    answer(llmock, "anthropic", len(TEXTS))
    run = pack_and_run(TEXTS, SENTIMENT, model=f"anthropic/{CLAUDE}")
    assert run.values == RIGHT
    llmock.assert_resilient(strict=True)


# A bleed test ready-made: rows that fit the schema and all carry the same made-up id.


@pytest.mark.parametrize("binding", ["none", "seal", "words", "quote"])
@pytest.mark.parametrize("wire", ["chat", "chat-async", "responses"])
def test_rows_that_name_no_item_are_never_accepted(
    wire: str, binding: str, llmock: LLMock, connect: Connect
) -> None:
    layout = Layout(envelope="array", binding=binding)  # type: ignore[arg-type]  # checked by Layout
    client, alone = connect(wire), Fallback(single=False)
    run = pack_and_run(TEXTS, SENTIMENT, client=client, layout=layout, fallback=alone)
    llmock.assert_resilient(strict=True)
    assert run.outcomes == {Outcome.FAILED: len(TEXTS)}
    assert len(calls(llmock)) > len(TEXTS)  # packs, smaller packs, and each item alone in its conversation


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_where_no_id_is_needed_the_items_asked_alone_are_accepted(
    wire: str, llmock: LLMock, connect: Connect
) -> None:
    layout = Layout(envelope="array")
    run = pack_and_run(TEXTS, SENTIMENT, client=connect(wire), layout=layout)
    llmock.assert_resilient(strict=True)
    assert run.values == RIGHT
    assert {result.route for result in run.results} == {Route.SINGLE}


@pytest.mark.parametrize("wire", ["anthropic", *STREAMS])
def test_rows_that_name_no_item_are_never_accepted_from_claude(
    wire: str, llmock: LLMock, connect: Connect
) -> None:
    client = connect(wire)
    llmock.reply(rows(len(TEXTS)).replace("item_", "mock-id"), times=None)
    run = pack_and_run(TEXTS, SENTIMENT, client=client, fallback=Fallback(single=False))
    llmock.assert_resilient(strict=True)
    assert run.outcomes == {Outcome.FAILED: len(TEXTS)}

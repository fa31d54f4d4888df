"""What Anthropic says of its models, and how Claude's tokens are counted: by asking, or from its bills."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import pack_and_run
from packer.clients import anthropic as ours
from packer.clients.claude_tokens import HEADROOM, LEAST_CALLS, LEAST_TOKENS, LearnedCounter
from packer.run.live.loop import run_to_end
from packer.testing import FaultServer, WireFault
from packer.testing.wires import tokens_of
from packer.tokens import Utf8Bound, counter_for
from schemas.errors import AccessDenied, ClientError
from schemas.facts import ModelFacts
from schemas.protocols import TokenCounter
from tests.packer.clients.wire_cases import (
    CANARY,
    KINDS,
    PROMPT,
    USES_RETRIES,
    Kind,
    body,
    closed,
    error_body,
)
from tests.strategies import SENTIMENT, any_text, label

MESSAGES = tuple(kind for kind in KINDS if kind.is_anthropic)
COUNTED = "/count_tokens"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(label) as running:
        yield running


def with_client(kind: Kind, server: FaultServer, use: Callable[[Any], Any], **more: Any) -> Any:
    """What ``use`` makes of a client of ours around a fresh SDK client."""

    async def whole() -> Any:
        sdk = kind.sdk(server)
        try:
            return await use(kind.client(sdk, "claude-unheard-of", **{"facts": None, **more}))
        finally:
            await closed(sdk)

    return asyncio.run(whole())


# --- Facts --------------------------------------------------------------------------------------------


async def facts_twice(client: Any) -> tuple[ModelFacts, ModelFacts]:
    return await client.facts(), await client.facts()


LIVE = ModelFacts(200_000, 200_000, 64_000, structured=True, source="anthropic models.retrieve")


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_the_provider_is_asked_once_what_its_model_holds(kind: Kind, server: FaultServer) -> None:
    assert with_client(kind, server, facts_twice) == (LIVE, LIVE)
    assert [(seen.method, seen.place) for seen in server.seen] == [("GET", "/v1/models/claude-unheard-of")]


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_what_the_caller_knows_goes_first(kind: Kind, server: FaultServer) -> None:
    facts, _ = with_client(kind, server, facts_twice, facts=ModelFacts(output_tokens=9, structured=False))
    assert facts == replace(LIVE, output_tokens=9, structured=False)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
@pytest.mark.parametrize(
    "fault",
    [
        WireFault(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}}),
        WireFault(500, "", {"retry-after-ms": "0"}),
        WireFault(200, "<html>"),
        WireFault(200, "[]"),
        WireFault(200, "{}"),
        WireFault(200, {"max_input_tokens": 0, "max_tokens": "x", "capabilities": [1]}),
        WireFault(200, {"max_input_tokens": -1, "capabilities": {"structured_outputs": {"supported": "?"}}}),
    ],
    ids=["404", "500", "HTML", "list", "empty", "odd", "odder"],
)
def test_a_provider_that_does_not_say_is_no_trouble(
    kind: Kind, fault: WireFault, server: FaultServer
) -> None:
    # What may pass is tried by the SDK's own rules: a look-up is no call of the run.
    tries = 1 + USES_RETRIES if fault.status == 500 else 1
    server.faults.extend([replace(fault, path="/models/claude-unheard-of")] * tries)
    assert with_client(kind, server, facts_twice) == (ModelFacts(), ModelFacts())
    assert len(server.seen) == tries


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_live_limits_cap_the_reply(kind: Kind, server: FaultServer) -> None:
    async def cap(client: Any) -> tuple[int, int]:
        wide = replace(PROMPT, max_output_tokens=100_000)
        before = client.reply_cap(wide)
        await client.facts()
        return before, client.reply_cap(wide)

    assert with_client(kind, server, cap) == (104_096, 64_000)


# --- Counting by asking -------------------------------------------------------------------------------

WORDS = ["A short text.", "Ein längerer Text, der mehr Token braucht.", "短い文", "A short text."]


async def asked_for(client: Any, texts: list[str] = WORDS) -> list[int]:
    counter: TokenCounter = client.counter()
    return await asyncio.to_thread(counter.count_batch, texts)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_exact_counts_are_the_providers_own(kind: Kind, server: FaultServer) -> None:
    assert with_client(kind, server, asked_for, exact_counts=True) == tokens_of(*WORDS)
    bodies = [seen.body for seen in server.seen]
    assert {seen.place for seen in server.seen} == {"/v1/messages/count_tokens"}
    assert all(set(each) == {"model", "messages"} for each in bodies)
    assert all(each["model"] == "claude-unheard-of" for each in bodies)
    assert {seen.headers.get("authorization", f"Bearer {CANARY}") for seen in server.seen} == {
        f"Bearer {CANARY}"
    }


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_what_the_provider_wraps_around_a_text_is_not_counted(kind: Kind, server: FaultServer) -> None:
    # A lone "a" is one token, so this one says that a message takes seven more.
    server.faults.append(WireFault(200, {"input_tokens": 8}, path=COUNTED))
    counted = with_client(kind, server, asked_for, exact_counts=True)
    assert counted == [max(0, tokens - 7) for tokens in tokens_of(*WORDS)]


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_text_is_asked_about_once_and_blank_ones_never(kind: Kind, server: FaultServer) -> None:
    async def twice(client: Any) -> list[list[int]]:
        counter = client.counter()
        return [await asyncio.to_thread(counter.count_batch, ["one", "", " \n", "two"]) for _ in range(2)]

    first, second = with_client(kind, server, twice, exact_counts=True)
    assert first == second
    assert first[1:3] == [0, 0]
    contents = sorted(str(seen.body["messages"]) for seen in server.seen)
    assert len(contents) == len(set(contents)) == 3


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_any_text_can_be_counted(kind: Kind, server: FaultServer) -> None:
    """A lone surrogate is no text that JSON can carry."""
    counted = with_client(
        kind, server, lambda client: asked_for(client, ["a\ud800b", "\udfff"]), exact_counts=True
    )
    assert all(tokens > 0 for tokens in counted)


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
@pytest.mark.parametrize(
    ("fault", "as_"),
    [
        (
            WireFault(401, {"error": {"type": "authentication_error", "message": f"bad {CANARY}"}}),
            AccessDenied,
        ),
        (WireFault(200, "[]"), ClientError),
        (WireFault(200, {"input_tokens": "many"}), ClientError),
    ],
    ids=["401", "list", "words"],
)
def test_counts_that_cannot_be_had_are_client_errors(
    kind: Kind, fault: WireFault, as_: type[ClientError], server: FaultServer
) -> None:
    server.faults.append(replace(fault, path=COUNTED))
    with pytest.raises(ClientError) as caught:
        with_client(kind, server, asked_for, exact_counts=True)
    assert type(caught.value) is as_
    assert CANARY not in f"{caught.value!s} {caught.value!r} {caught.value.original!r}"
    assert str(caught.value).startswith("anthropic ")


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_a_run_with_exact_counts(kind: Kind, server: FaultServer) -> None:
    texts = [f"tweet {'!' * number}" for number in range(12)]
    sdk = kind.sdk(server)
    try:
        run = pack_and_run(texts, SENTIMENT, client=kind.client(sdk, "claude-unheard-of", exact_counts=True))
    finally:
        run_to_end(closed(sdk))
    assert run.values == [label(text) for text in texts]
    assert run.counter == "anthropic count_tokens (claude-unheard-of)"


def test_an_asynchronous_sdk_is_counted_over_one_connection_a_batch(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection of its own reads the machine's certificates anew, which takes longer than a count."""
    (kind,) = [kind for kind in MESSAGES if not kind.blocking]
    made: list[Any] = []
    real = ours._blocking_twin

    def twin(sdk: Any) -> Any:
        made.append(real(sdk))
        return made[-1]

    async def two_batches(client: Any) -> None:
        counter = client.counter()
        for texts in (WORDS, WORDS, ["other", *WORDS]):
            await asyncio.to_thread(counter.count_batch, texts)

    monkeypatch.setattr(ours, "_blocking_twin", twin)
    with_client(kind, server, two_batches, exact_counts=True)
    assert len(made) == 2
    assert all(each.is_closed() for each in made)
    assert {each.max_retries for each in made} == {USES_RETRIES}


# --- Learning from bills ------------------------------------------------------------------------------

ENGLISH = (
    "The parcel came two days late and the box was torn, but everything inside it was in good order, so I "
    "am keeping it. The seller answered my letter within the hour and gave half of the postage back."
)
MIXED = f"{ENGLISH}\n{{'item_1': 'positive', 'seal': '417'}} 配達が遅れました。Ülkü çok geç geldi! 🎉"
BASE = counter_for()
BYTES = Utf8Bound()

awkward = st.one_of(
    any_text,
    st.sampled_from(
        [ENGLISH, MIXED, " " * 300, "=" * 200, "a" * 500, "0123456789" * 20, "漢字" * 50, "\n\n\n\n"]
    ),
    st.lists(st.sampled_from([*ENGLISH.split(), "-" * 80, "配達"]), max_size=80).map(" ".join),
)


def simulated(a_token: float, a_byte: float) -> Callable[[str], int]:
    """A byte-level tokenizer that is nobody's: between a multiple of ours and a share of the bytes."""

    def count(text: str) -> int:
        (tokens,), (size,) = BASE.count_batch([text]), BYTES.count_batch([text])
        return min(size, math.ceil(a_token * tokens + a_byte * size))

    return count


def taught(count: Callable[[str], int], *prompts: list[str]) -> LearnedCounter:
    counter = LearnedCounter(BASE)
    for prompt in prompts:
        counter.learn(prompt, sum(count(text) for text in prompt))
    return counter


@given(
    st.floats(0.0, 3.0),
    st.floats(0.0, 0.9),
    st.lists(st.sampled_from([ENGLISH * 6, MIXED * 5, "=" * 3_000 + ENGLISH * 5]), min_size=3, max_size=5),
    st.lists(awkward, min_size=1, max_size=8),
)
def test_a_learned_count_is_never_too_low(
    a_token: float, a_byte: float, prompts: list[str], texts: list[str]
) -> None:
    count = simulated(a_token, a_byte)
    counter = taught(count, *[[prompt] for prompt in prompts])
    assert "learned from" in counter.name
    bounds = BYTES.count_batch(texts)
    for text, told, most in zip(texts, counter.count_batch(texts), bounds, strict=True):
        assert count(text) <= told <= most


def test_blanks_that_our_counter_takes_for_one_token() -> None:
    """Another tokenizer need not: the ratio learned from prose would be far too low."""
    count = simulated(0.0, 0.3)
    counter = taught(count, *[[ENGLISH * 6]] * LEAST_CALLS)
    blanks = " " * 400
    assert BASE.count_batch([blanks])[0] < 20
    assert counter.count_batch([blanks])[0] >= count(blanks) == 120


def test_a_learned_count_of_english_is_far_below_its_bytes() -> None:
    count = simulated(1.3, 0.0)
    counter = taught(count, *[["Shared. " + ENGLISH * 3, ENGLISH * 3]] * LEAST_CALLS)
    (told,) = counter.count_batch([ENGLISH])
    assert count(ENGLISH) <= told <= count(ENGLISH) * HEADROOM * 1.1 < BYTES.count_batch([ENGLISH])[0] / 2


def test_another_script_counts_as_its_bytes() -> None:
    counter = taught(simulated(1.3, 0.0), *[[ENGLISH * 6]] * LEAST_CALLS)
    dense = "༄༅།།" * 5
    assert counter.count_batch([dense]) == BYTES.count_batch([dense])


def test_nothing_is_learned_from_little() -> None:
    counter = LearnedCounter(BASE)
    for _ in range(LEAST_CALLS - 1):
        counter.learn([ENGLISH * 6], 500)
    counter.learn([ENGLISH], 60)
    counter.learn([ENGLISH * 6], None)
    assert BASE.count_batch([ENGLISH])[0] < LEAST_TOKENS
    assert counter.name == "utf8-bound (nothing learned yet)"
    assert counter.count_batch([ENGLISH]) == BYTES.count_batch([ENGLISH])
    counter.learn([ENGLISH * 6], 500)
    assert counter.name.endswith(f"(learned from {LEAST_CALLS} calls)")


@pytest.mark.parametrize("kind", MESSAGES, ids=str)
def test_bills_teach_the_counter_of_their_model(kind: Kind, server: FaultServer) -> None:
    prompt = replace(PROMPT, messages=(replace(PROMPT.messages[0], content=ENGLISH * 6),))
    model = f"claude-taught-{kind.name}"
    (total,) = BASE.count_batch([ENGLISH * 6])
    usage = {"input_tokens": 0, "cache_read_input_tokens": 2 * total, "output_tokens": 1}

    async def talk() -> tuple[str, int]:
        sdk = kind.sdk(server)
        try:
            client = kind.client(sdk, model)
            for _ in range(LEAST_CALLS):
                server.faults.append(WireFault(200, body(kind, usage=usage)))
                await client.complete(prompt)
            server.faults.append(WireFault(500, error_body(kind, "down")))
            with pytest.raises(ClientError):
                await client.complete(prompt)
            # A later run with the same model knows what this one learned; another model's does not.
            counter = kind.client(sdk, model).counter()
            assert "nothing learned" in kind.client(sdk, f"{model}-2").counter().name
            return counter.name, counter.count_batch([ENGLISH])[0]
        finally:
            await closed(sdk)

    name, told = asyncio.run(talk())
    assert name.endswith(f"x {2 * HEADROOM:.2f} (learned from {LEAST_CALLS} calls)")
    assert told < BYTES.count_batch([ENGLISH])[0]

"""A whole run against scripted replies: what is kept, what is asked again, and in how many calls."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import (
    Budget,
    Completion,
    Fallback,
    FinishReason,
    Guard,
    Layout,
    Limits,
    Outcome,
    Prompt,
    Route,
    SignalKind,
    Task,
    UsageError,
    pack_and_run,
    pack_and_run_async,
    pack_and_stream,
    plan,
)
from packer.testing import ScriptedClient, items_of
from packer.testing.scripted import Spoiler
from schemas.errors import AccessDenied, ClientError, PromptTooLong, UnscriptedPrompt
from schemas.settings import Strategy
from schemas.verdict import Fault
from tests.strategies import SENTIMENT, label, layouts, numbered, texts


def refusing(*poison: str) -> Spoiler:
    """Refuse any call that shows one of these texts."""

    def spoil(prompt: Prompt, reply: str) -> str | Completion:
        if any(shown.text in poison for shown in items_of(prompt)):
            return Completion("", FinishReason.REFUSAL)
        return reply

    return spoil


@given(st.lists(texts, min_size=1, max_size=25), layouts, st.integers(1, 9), st.integers(0, 3))
def test_render_perfect_reply_split_is_identity(
    inputs: list[str], layout: Layout, most: int, seed: int
) -> None:
    """Any texts, markers of ours among them: each gets its own answer, in input order."""
    task = Task.extract("Echo the length.", int)
    client = ScriptedClient(lambda text: len(text.encode("utf-16", "surrogatepass")))
    # A length may stand in a neighbour's text by chance: that is no concern of this test.
    guard = Guard(reject=Guard().reject - {SignalKind.FOREIGN_VALUE})
    budget = Budget(items=most)
    run = pack_and_run(inputs, task, client=client, layout=layout, budget=budget, seed=seed, guard=guard)
    assert [r.item_id for r in run] == list(range(len(inputs)))
    from packer.delimit import cleaned

    for text, result in zip(inputs, run, strict=True):
        if text.strip():
            assert result.value == len(cleaned(text).encode("utf-16", "surrogatepass"))
            assert result.route is Route.PACK
        else:
            assert result.reason is not None
            assert result.reason.fault is Fault.EMPTY_TEXT


def test_good_answers_are_kept_and_never_bought_again() -> None:
    """One answer of ten is bad: the other nine are asked exactly once."""

    def spoil(prompt: Prompt, reply: str) -> str:
        answers = json.loads(reply)
        for shown in items_of(prompt):
            if shown.text == "xxxx" and len(answers) > 1:
                answers[shown.handle] = "nonsense"
        return json.dumps(answers)

    client = ScriptedClient(label, spoil=spoil)
    run = pack_and_run(numbered(10), SENTIMENT, client=client)
    assert run.values == [label(text) for text in numbered(10)]
    assert [r.attempts for r in run] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert run.results[3].route is Route.SESSION
    assert run.ledger.calls == 2


def test_a_poison_item_costs_few_calls_and_its_neighbours_nothing_but_time() -> None:
    run = pack_and_run(
        numbered(16),
        SENTIMENT,
        client=ScriptedClient(label, spoil=refusing("xxx")),
        budget=Budget(items=16),
        fallback=Fallback(repacks=4),
    )
    assert [r.outcome for r in run].count(Outcome.FAILED) == 1
    assert run.results[2].reason is not None
    assert run.results[2].reason.fault is Fault.REFUSED
    assert run.ledger.calls <= 1 + 2 * 4 + 2


def test_a_truncated_pack_is_never_sent_again_unchanged() -> None:
    def spoil(prompt: Prompt, reply: str) -> str | Completion:
        return Completion("", FinishReason.LENGTH) if prompt.items > 3 else reply

    client = ScriptedClient(label, spoil=spoil)
    run = pack_and_run(numbered(8), SENTIMENT, client=client, budget=Budget(items=8))
    assert run.outcomes == {Outcome.ACCEPTED: 8}
    sizes = [prompt.items for prompt in client.prompts]
    assert sizes == [8, 4, 4, 2, 2, 2, 2]


def test_the_ladder_goes_down_to_single_and_then_says_why() -> None:
    seen: list[tuple[str, int]] = []

    def spoil(prompt: Prompt, reply: str) -> str:
        seen.append((prompt.messages[0].content[-30:], prompt.items))
        return "no idea"

    run = pack_and_run(numbered(2), SENTIMENT, client=ScriptedClient(label, spoil=spoil))
    assert {r.route for r in run} == {Route.SINGLE}
    assert all(r.reason is not None and r.reason.fault is Fault.UNREADABLE for r in run)
    assert run.ledger.calls == plan(numbered(2), SENTIMENT).worst_case_calls


@pytest.mark.parametrize("strategy", ["session", "single"])
@pytest.mark.parametrize("single", [True, False])
def test_the_worst_case_of_items_asked_alone_is_what_they_take(
    strategy: Literal["session", "single"], single: bool
) -> None:
    client, fallback = ScriptedClient(label, spoil=lambda prompt, reply: "no idea"), Fallback(single=single)
    run = pack_and_run(numbered(3), SENTIMENT, client=client, strategy=strategy, fallback=fallback)
    bound = plan(numbered(3), SENTIMENT, strategy=strategy, fallback=fallback)
    assert run.outcomes == {Outcome.FAILED: 3}
    assert run.ledger.calls == bound.worst_case_calls == (6 if strategy == "session" and single else 3)


spoiled: list[Callable[[str], str | Completion | ClientError]] = [
    lambda reply: reply,
    lambda reply: "",
    lambda reply: reply[: len(reply) // 2],
    lambda reply: Completion(reply[: len(reply) // 2], FinishReason.LENGTH),
    lambda reply: Completion("", FinishReason.REFUSAL),
    lambda reply: PromptTooLong("too long"),
    lambda reply: ClientError("odd"),
    lambda reply: reply.replace("positive", "POSSITIVE"),
]


@given(
    st.integers(1, 40), st.integers(1, 16), st.lists(st.integers(0, 7), min_size=1, max_size=30), st.data()
)
def test_no_item_is_lost_and_the_worst_case_holds(
    n: int, most: int, script: list[int], data: st.DataObject
) -> None:
    """Whatever comes back: one result per input, in order, within the printed bound."""
    fallback = data.draw(st.builds(Fallback, st.integers(0, 3), st.booleans(), st.booleans()))
    turns = iter(range(10**6))

    def spoil(prompt: Prompt, reply: str) -> str | Completion | ClientError:
        return spoiled[script[next(turns) % len(script)]](reply)

    client = ScriptedClient(label, spoil=spoil)
    budget = Budget(items=most)
    run = pack_and_run(numbered(n), SENTIMENT, client=client, budget=budget, fallback=fallback)
    assert [r.item_id for r in run] == list(range(n))
    for text, result in zip(numbered(n), run, strict=True):
        assert result.value == label(text) if result.outcome is Outcome.ACCEPTED else result.reason
    bound = plan(numbered(n), SENTIMENT, budget=budget, fallback=fallback, counter=client.counter())
    assert len(client.prompts) == run.ledger.calls <= bound.worst_case_calls
    sizes: dict[str, int] = {}
    for prompt in client.prompts:
        for shown in items_of(prompt):
            before = sizes.get(shown.text, prompt.items * 2)
            assert prompt.items <= max(1, before // 2), "every next call is at most half as large"
            sizes[shown.text] = prompt.items


def test_items_usage_sums_to_the_ledger() -> None:
    run = pack_and_run(numbered(23), SENTIMENT, client=ScriptedClient(label, spoil=refusing("xx")))
    inputs = [r.usage.input_tokens for r in run if r.usage.input_tokens is not None]
    assert sum(r.usage.output_tokens or 0 for r in run if r.outcome is Outcome.ACCEPTED) > 0
    assert run.ledger.unmetered_calls > 0
    clean = pack_and_run(numbered(23), SENTIMENT, client=ScriptedClient(label))
    assert sum(r.usage.input_tokens or 0 for r in clean) == clean.ledger.usage.input_tokens
    assert sum(r.usage.output_tokens or 0 for r in clean) == clean.ledger.usage.output_tokens
    assert inputs


def test_repeated_texts_are_answered_everywhere_for_nothing() -> None:
    client = ScriptedClient(label)
    run = pack_and_run(["a", "bb", "a"], SENTIMENT, client=client)
    assert run.values == [label("a"), label("bb"), label("a")]
    assert run.results[2].same_as == 0
    assert run.results[2].usage.input_tokens == 0
    assert client.prompts[0].items == 2


def test_a_wrong_key_raises_when_nothing_was_answered() -> None:
    client = ScriptedClient(label, spoil=lambda prompt, reply: AccessDenied("bad key"))
    with pytest.raises(AccessDenied, match="bad key"):
        pack_and_run(numbered(30), SENTIMENT, client=client, limits=Limits(concurrency=1))
    assert len(client.prompts) == 1


def test_a_stop_in_the_middle_keeps_what_was_paid_for() -> None:
    turns = iter([None, AccessDenied("revoked")])
    client = ScriptedClient(label, spoil=lambda prompt, reply: next(turns) or reply)
    run = pack_and_run(numbered(30), SENTIMENT, client=client, limits=Limits(concurrency=1))
    assert run.outcomes == {Outcome.ACCEPTED: 10, Outcome.PENDING: 20}
    assert run.stopped == "revoked"
    assert len(client.prompts) == 2


def test_a_client_that_breaks_costs_its_own_call_only() -> None:
    class Breaks:
        calls = 0

        async def complete(self, prompt: Prompt) -> Completion:
            self.calls += 1
            if self.calls == 1:
                raise ZeroDivisionError("a bug")
            return await ScriptedClient(label).complete(prompt)

    run = pack_and_run(numbered(20), SENTIMENT, client=Breaks())
    assert run.outcomes == {Outcome.ACCEPTED: 20}
    assert run.ledger.failed_calls == 1


def test_a_call_past_its_deadline_goes_down_the_ladder() -> None:
    class Hangs:
        async def complete(self, prompt: Prompt) -> Completion:
            if prompt.items > 1:
                await asyncio.Event().wait()
            return await ScriptedClient(label).complete(prompt)

    limits = Limits(item_timeout_s=0.001, headroom_s=0.01)
    run = pack_and_run(numbered(2), SENTIMENT, client=Hangs(), limits=limits, fallback=Fallback(repacks=0))
    assert run.outcomes == {Outcome.ACCEPTED: 2}


def test_unscripted_texts_raise() -> None:
    with pytest.raises(UnscriptedPrompt, match="'b'"):
        pack_and_run(["a", "b"], SENTIMENT, client=ScriptedClient({"a": "positive"}))


def test_the_sync_door_works_inside_a_running_loop() -> None:
    async def notebook() -> list[str | None]:
        return pack_and_run(["a"], SENTIMENT, client=ScriptedClient(label)).values

    assert asyncio.run(notebook()) == [label("a")]


def test_a_run_may_start_another_from_its_progress() -> None:
    inner: list[list[str | None]] = []

    def nested(_: object) -> None:
        inner.append(pack_and_run(["bb"], SENTIMENT, client=ScriptedClient(label)).values)

    pack_and_run(["a"], SENTIMENT, client=ScriptedClient(label), on_progress=nested)
    assert inner == [[label("bb")]]


def test_the_async_doors_agree_with_the_sync_one() -> None:
    async def both() -> tuple[list[str | None], dict[object, str | None]]:
        run = await pack_and_run_async(numbered(25), SENTIMENT, client=ScriptedClient(label))
        stream = pack_and_stream(numbered(25), SENTIMENT, client=ScriptedClient(label))
        return run.values, {r.item_id: r.value async for r in stream}

    values, streamed = asyncio.run(both())
    assert values == [label(text) for text in numbered(25)]
    assert streamed == dict(enumerate(values))


def test_a_stream_left_early_stops_calling() -> None:
    client = ScriptedClient(label)

    async def first() -> object:
        stream = pack_and_stream(numbered(100), SENTIMENT, client=client, limits=Limits(concurrency=1))
        async for result in stream:
            await stream.aclose()
            return result
        return None

    assert asyncio.run(first()) is not None
    assert len(client.prompts) < 10
    assert threading.active_count() >= 1


def test_single_strategy_asks_one_by_one_in_the_same_words() -> None:
    client = ScriptedClient(label)
    run = pack_and_run(numbered(5), SENTIMENT, client=client, strategy="single")
    assert run.values == [label(text) for text in numbered(5)]
    assert {r.route for r in run} == {Route.SINGLE}
    assert run.ledger.calls == 5
    packed = ScriptedClient(label)
    pack_and_run(numbered(5), SENTIMENT, client=packed)
    ours = client.prompts[0].messages[0].content
    assert (
        ours.split("The user message")[0]
        == packed.prompts[0].messages[0].content.split("The user message")[0]
    )


def test_nobody_to_ask_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match='model="local"'):
        pack_and_run(["a"], SENTIMENT)
    with pytest.raises(UsageError, match="client is a int"):
        pack_and_run(["a"], SENTIMENT, client=3)


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    pack_and_run(
        numbered(20),
        SENTIMENT,
        client=ScriptedClient(label),
        on_progress=lambda t: seen.append((t.settled, t.calls)),
    )
    assert seen[-1] == (20, 2)


def test_a_finished_run_resumed_asks_nobody() -> None:
    client = ScriptedClient(label)
    first = pack_and_run(numbered(5), SENTIMENT, client=client)
    second = pack_and_run(numbered(5), SENTIMENT, client=client, resume=first)
    assert second.values == first.values
    assert (second.ledger.calls, len(client.prompts)) == (0, 1)


def test_a_run_over_other_inputs_cannot_be_resumed() -> None:
    client = ScriptedClient(label)
    first = pack_and_run(numbered(5), SENTIMENT, client=client)
    with pytest.raises(UsageError, match="the same items, in the same order"):
        pack_and_run(numbered(6), SENTIMENT, client=client, resume=first)
    other = Task.classify("Another question.", ["positive", "neutral", "negative"])
    with pytest.raises(UsageError, match="another task"):
        pack_and_run(numbered(5), other, client=client, resume=first)


@pytest.mark.parametrize("strategy", ["pack", "session", "single"])
def test_where_packs_are_not_held_to_a_schema_no_call_is(strategy: Strategy) -> None:
    def spoil(prompt: Prompt, reply: str) -> str:
        return reply if len(items_of(prompt)) == 1 and "answer" in reply[:10] else "nothing"

    client = ScriptedClient(label, spoil=spoil)
    layout = Layout(envelope="lines")
    run = pack_and_run(numbered(5), SENTIMENT, client=client, layout=layout, strategy=strategy)
    assert run.outcomes == {Outcome.ACCEPTED: 5}
    assert all(prompt.reply_schema == {} for prompt in client.prompts)


@pytest.mark.parametrize(
    ("options", "told"), [({"baseline": -1}, "baseline=-1"), ({"via": "post"}, "via='post': choose 'calls'")]
)
def test_options_that_cannot_be_are_refused_before_any_call(options: dict[str, object], told: str) -> None:
    client = ScriptedClient(label)
    with pytest.raises(UsageError, match=told):
        pack_and_run(numbered(3), SENTIMENT, client=client, **options)  # type: ignore[call-overload]
    assert not client.prompts

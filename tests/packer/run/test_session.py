"""Sessions and the guard in a whole run: turns, prefix, deadline, second looks, canaries, stops."""

from __future__ import annotations

import json

import pytest

from packer import (
    Budget,
    Canary,
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
    Trust,
    UsageError,
    pack_and_run,
    plan,
)
from packer.testing import ScriptedClient, items_of
from schemas.errors import Unreachable
from schemas.verdict import Cause, Fault
from tests.strategies import SENTIMENT, label, numbered


def bad_in_packs(*bad: str) -> ScriptedClient:
    """Answers these texts with nonsense whenever they have neighbours."""

    def spoil(prompt: Prompt, reply: str) -> str:
        shown = items_of(prompt)
        if len(shown) < 2:
            return reply
        answers = json.loads(reply)
        return json.dumps({**answers, **{s.handle: "nonsense" for s in shown if s.text in bad}})

    return ScriptedClient(label, spoil=spoil)


def test_rejected_items_of_many_packs_share_new_calls() -> None:
    """One bad answer in each of ten packs of twenty: one repack of ten, not ten calls."""
    bad = set(numbered(200)[::20])
    tries: dict[str, int] = {}

    def spoil(prompt: Prompt, reply: str) -> str:
        answers = json.loads(reply)
        for shown in items_of(prompt):
            tries[shown.text] = tries.get(shown.text, 0) + 1
            if shown.text in bad and tries[shown.text] == 1:
                answers[shown.handle] = "nonsense"
        return json.dumps(answers)

    client = ScriptedClient(label, spoil=spoil)
    run = pack_and_run(numbered(200), SENTIMENT, client=client, budget=Budget(items=20), guard=Guard(audit=0))
    assert run.values == [label(text) for text in numbered(200)]
    assert run.ledger.calls <= 10 + 2
    assert run.ledger.routes["repack"].calls == run.ledger.calls - 10


def test_a_repack_of_long_items_keeps_within_the_budget() -> None:
    """Each pack has one long item; rejected together, two of them would not fit one call."""
    long = [letter * 900 for letter in "abcdef"]
    short = numbered(24)
    texts = [text for n, each in enumerate(long) for text in (each, *short[4 * n : 4 * n + 4])]
    client = bad_in_packs(*long)
    budget = Budget(items=5, input_tokens=2_000)
    layout = Layout(packing="in_order")
    run = pack_and_run(texts, SENTIMENT, client=client, budget=budget, layout=layout)
    assert run.values == [label(text) for text in texts]
    assert max(sum(len(m.content) for m in p.messages) for p in client.prompts) <= 2_000


def test_one_bad_item_of_32_is_isolated_in_11_further_calls() -> None:
    def spoil(prompt: Prompt, reply: str) -> str | Completion:
        poisoned = any(shown.text == "x" * 9 for shown in items_of(prompt))
        return Completion("", FinishReason.CONTENT_FILTER) if poisoned else reply

    client = ScriptedClient(label, spoil=spoil)
    run = pack_and_run(numbered(32), SENTIMENT, client=client, budget=Budget(items=32))
    assert run.outcomes == {Outcome.ACCEPTED: 31, Outcome.FAILED: 1}
    assert run.ledger.calls <= 1 + 11
    reason = run.results[8].reason
    assert reason is not None
    assert (reason.fault, reason.fault.cause) == (Fault.FILTERED, Cause.ANSWERED_BADLY)


def test_no_call_is_sent_twice_unchanged() -> None:
    client = ScriptedClient(label, spoil=lambda prompt, reply: "no idea")
    pack_and_run(numbered(9), SENTIMENT, client=client, budget=Budget(items=9))
    sent = [prompt.messages for prompt in client.prompts]
    assert len(set(sent)) == len(sent)


def test_a_session_keeps_the_packs_system_part_and_asks_one_item_a_turn() -> None:
    bad = numbered(6)[:2]
    client = bad_in_packs(*bad)
    run = pack_and_run(numbered(6), SENTIMENT, client=client, budget=Budget(items=6))
    assert [r.route for r in run][:2] == [Route.SESSION] * 2
    assert run.values == [label(text) for text in numbered(6)]
    turns = [p for p in client.prompts if p.items == 1]
    assert len(turns) == 2
    assert {p.messages[0] for p in turns} == {client.prompts[0].messages[0]}
    assert all(len(p.messages) == 2 for p in turns)


def test_a_session_carries_as_many_turns_as_the_caller_wants() -> None:
    client = ScriptedClient(label)
    fallback = Fallback(carry_turns=2)
    run = pack_and_run(numbered(5), SENTIMENT, client=client, strategy="session", fallback=fallback)
    assert {r.route for r in run} == {Route.SESSION}
    assert [len(p.messages) for p in client.prompts] == [2, 4, 6, 6, 6]
    last = client.prompts[-1].messages
    assert [m.role for m in last] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert (
        last[-2].content == json.dumps({"answer": run.values[3]}, separators=(",", ":")) or last[-2].content
    )


def test_a_session_leaves_turns_out_that_the_context_has_no_room_for() -> None:
    client = ScriptedClient(label)
    client.context_tokens = 1_900
    texts = [letter * 300 for letter in "abcd"]
    pack_and_run(texts, SENTIMENT, client=client, strategy="session", fallback=Fallback(carry_turns=9))
    assert [len(p.messages) for p in client.prompts] == [2, 4, 4, 4]


def test_a_whole_job_as_sessions_costs_one_call_an_item() -> None:
    client = ScriptedClient(label)
    run = pack_and_run(numbered(40), SENTIMENT, client=client, strategy="session")
    assert run.values == [label(text) for text in numbered(40)]
    assert run.ledger.calls == plan(numbered(40), SENTIMENT, strategy="session").calls == 40
    assert len({p.messages[0] for p in client.prompts}) == 1


def test_a_session_turn_that_fails_is_asked_once_more_in_other_words() -> None:
    def spoil(prompt: Prompt, reply: str) -> str:
        return "hm" if "answer" in str(prompt.reply_schema["properties"]) else reply

    client = ScriptedClient(label, spoil=spoil)
    run = pack_and_run(["a"], SENTIMENT, client=client, strategy="session")
    assert run.results[0].route is Route.SINGLE
    assert run.values == [label("a")]
    assert client.prompts[0].messages != client.prompts[1].messages


def test_a_session_has_a_deadline_and_what_it_did_not_reach_is_asked_alone() -> None:
    limits = Limits(concurrency=1, item_timeout_s=1e-9, headroom_s=1e-9)

    class Slow:
        sent = 0

        async def complete(self, prompt: Prompt) -> Completion:
            self.sent += 1
            raise AssertionError("the deadline is over before the call could end")

    client = Slow()
    run = pack_and_run(numbered(3), SENTIMENT, client=client, strategy="session", limits=limits)
    assert {r.outcome for r in run} == {Outcome.FAILED}
    assert {r.reason.fault.cause for r in run if r.reason} == {Cause.NOT_REACHED}
    assert run.ledger.calls <= 6


def test_could_not_be_reached_is_another_reason_than_answered_badly() -> None:
    def spoil(prompt: Prompt, reply: str) -> str | Unreachable:
        return Unreachable("no route") if any(s.text == "x" for s in items_of(prompt)) else "no idea"

    run = pack_and_run(
        ["x", "yy"], SENTIMENT, client=ScriptedClient(label, spoil=spoil), budget=Budget(items=1)
    )
    faults = [r.reason.fault for r in run if r.reason]
    assert faults == [Fault.UNREACHABLE, Fault.UNREADABLE]
    assert [f.cause for f in faults] == [Cause.NOT_REACHED, Cause.ANSWERED_BADLY]


NAMES = Task.extract(
    "The name.", {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
)
PEOPLE = [
    "Anna Berg called",
    "Carl Dorn wrote",
    "Eva Falk came",
    "Gert Holm left",
    "Inga Jarl sang",
    "Kai Lind ran",
]


def name(text: str) -> object:
    return {"n": " ".join(text.split()[:2])}


def inventing(first: str, then: str) -> ScriptedClient:
    """Gives Anna another name, made up, at each try among neighbours."""
    said = iter([first, then])

    def spoil(prompt: Prompt, reply: str) -> str:
        shown = items_of(prompt)
        answers = json.loads(reply)
        for each in shown:
            if each.text.startswith("Anna") and (told := next(said, None)) is not None:
                answers[each.handle] = {"n": told}
        return json.dumps(answers)

    return ScriptedClient(name, spoil=spoil)


def test_a_second_look_confirms_or_sends_down_the_ladder() -> None:
    guard = Guard(second_look=True)
    budget = Budget(items=6)
    once = pack_and_run(PEOPLE, NAMES, client=inventing("Zoe Quist", "Zoe Quist"), budget=budget)
    assert once.results[0].trust is Trust.DOUBTFUL
    assert once.doubtful == (once.results[0],)
    same = pack_and_run(PEOPLE, NAMES, client=inventing("Zoe Quist", "Zoe Quist"), guard=guard, budget=budget)
    assert same.results[0].trust is Trust.CONFIRMED
    assert same.ledger.calls == 2
    other = pack_and_run(PEOPLE, NAMES, client=inventing("Zoe Quist", "Uma Wik"), guard=guard, budget=budget)
    assert other.results[0].value == {"n": "Anna Berg"}
    assert SignalKind.SECOND_LOOK in {s.kind for s in other.results[0].signals}


def test_a_leaked_name_is_asked_again_and_comes_right() -> None:
    run = pack_and_run(PEOPLE, NAMES, client=inventing("Eva Falk", "Anna Berg"), budget=Budget(items=6))
    assert run.results[0].value == {"n": "Anna Berg"}
    assert run.results[0].attempts == 2
    assert [r.attempts for r in run][1:] == [1] * 5
    assert run.results[0].signals[0].items == (0, 2)


def test_canaries_sit_among_the_items_and_are_never_results() -> None:
    guard = Guard(canaries=(Canary("the canary sings", "positive"),))
    bent = iter([True])

    def spoil(prompt: Prompt, reply: str) -> str:
        canary = [s for s in items_of(prompt) if s.text == "the canary sings"]
        answers = json.loads(reply)
        if canary and next(bent, False):
            answers = dict.fromkeys(answers, "negative")
        return json.dumps(answers)

    client = ScriptedClient(lambda t: "positive" if "canary" in t else label(t), spoil=spoil)
    run = pack_and_run(numbered(12), SENTIMENT, client=client, guard=guard, budget=Budget(items=7))
    assert run.values == [label(text) for text in numbered(12)]
    assert all(p.items == 7 for p in client.prompts[:2])
    charged, canaries = run.ledger.charged.usage, run.ledger.overheads["canary"].usage
    assert sum(r.usage.output_tokens or 0 for r in run) == charged.output_tokens
    assert charged.plus_known(canaries) == run.ledger.usage
    assert any(SignalKind.CANARY in {s.kind for s in r.signals} for r in run)


def test_a_canary_with_an_impossible_answer_is_refused_before_any_call() -> None:
    guard = Guard(canaries=(Canary("x", "no such label"),))
    client = ScriptedClient(label)
    with pytest.raises(UsageError, match="canary 'x'"):
        pack_and_run(["a"], SENTIMENT, client=client, guard=guard)
    assert client.prompts == []


def test_a_guard_may_stop_the_run_and_settled_answers_stay() -> None:
    guard = Guard(stop=frozenset({SignalKind.FOREIGN_VALUE}))
    texts = [*PEOPLE, *(f"Person{n} Name{n} slept" for n in range(30))]
    run = pack_and_run(
        texts,
        NAMES,
        client=inventing("Eva Falk", "Anna Berg"),
        guard=guard,
        budget=Budget(items=6),
        limits=Limits(concurrency=1),
        layout=Layout(packing="in_order"),
    )
    assert run.stopped is not None
    assert "Eva Falk" in run.stopped
    assert run.outcomes == {Outcome.ACCEPTED: 5, Outcome.PENDING: 31}
    assert run.ledger.calls == 1
    assert all(r.reason is not None and r.reason.fault is Fault.STOPPED for r in run.unresolved)


def test_quotes_with_offsets_reach_the_result() -> None:
    task = Task.extract("The name.", str, evidence=True)

    def answer(text: str) -> object:
        value = " ".join(text.split()[:2])
        return {"quotes": {"value": value}, "value": value}

    run = pack_and_run(PEOPLE, task, client=ScriptedClient(answer))
    for text, result in zip(PEOPLE, run, strict=True):
        (quote,) = result.quotes
        assert text[quote.start : quote.end] == result.value == quote.text


def test_a_run_tests_itself_as_far_as_chance_seated_the_items() -> None:
    """A model that copies the answer before shows in the whole run, though every reply looks fine."""

    def spoil(prompt: Prompt, reply: str) -> str:
        answers = json.loads(reply)
        said = list(answers.values())
        return json.dumps({h: said[n - n % 3] for n, h in enumerate(answers)})

    client = ScriptedClient(label, spoil=spoil)
    texts = [f"{n} and {n * n}" for n in range(300)]
    run = pack_and_run(texts, SENTIMENT, client=client, budget=Budget(items=20))
    found = {each.kind: each.p_value for each in run.trends}
    assert found[SignalKind.NEIGHBOUR_COPY] is not None
    assert found[SignalKind.NEIGHBOUR_COPY] < 0.01
    ordered = pack_and_run(texts, SENTIMENT, client=client, layout=Layout(packing="in_order"))
    assert SignalKind.POLARITY_PULL not in {each.kind for each in ordered.trends}
    fixed = Layout(packing="in_order", shuffle=False)
    assert pack_and_run(texts, SENTIMENT, client=client, layout=fixed).trends == ()


def test_traces_of_whole_replies_are_counted() -> None:
    client = ScriptedClient(label, spoil=lambda prompt, reply: f'Sure: {reply[:-1]},"who":1}}')
    run = pack_and_run(numbered(20), SENTIMENT, client=client)
    assert run.reply_signals == {SignalKind.PROSE: 2, SignalKind.FOREIGN_HANDLE: 2}
    assert run.values == [label(text) for text in numbered(20)]

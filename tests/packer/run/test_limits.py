"""What a run may use up: time, calls, money, attempts. On a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import (
    Budget,
    Completion,
    Fallback,
    FinishReason,
    Guard,
    Limits,
    ModelFacts,
    Outcome,
    Prompt,
    Route,
    RunResult,
    Task,
    UsageError,
    pack_and_run,
    pack_and_run_async,
)
from packer.testing import ScriptedClient
from packer.testing.scripted import Spoiler
from schemas.errors import (
    AccessDenied,
    CallRefused,
    CallTimeout,
    ClientError,
    PromptTooLong,
    RateLimited,
    Unreachable,
)
from schemas.facts import Price
from schemas.protocols import Client
from schemas.settings import Envelope, Strategy
from schemas.usage import Usage
from schemas.verdict import Fault
from tests.fake_time import Provider, Sent, fullest, run_fake
from tests.strategies import SENTIMENT, label


def texts(count: int) -> list[str]:
    return [f"{n:04d} " + "x" * (n % 41) for n in range(count)]


def run(
    client: Client,
    count: int,
    limits: Limits,
    *,
    items: int = 4,
    strategy: Strategy = "pack",
    fallback: Fallback | None = None,
    facts: ModelFacts | None = None,
    task: Task[str] = SENTIMENT,
) -> RunResult[str]:
    async def job() -> RunResult[str]:
        return await pack_and_run_async(
            texts(count),
            task,
            client=client,
            limits=limits,
            budget=Budget(items=items),
            strategy=strategy,
            fallback=fallback,
            facts=facts,
            guard=Guard(audit=0),  # calls are counted to the last one here
        )

    return run_fake(job)


# The run's own deadline.


def test_at_the_deadline_calls_under_way_are_dropped_and_the_rest_stays_pending() -> None:
    client = Provider(label, latency_s=lambda number: 1.0 if number < 10 else 500.0)
    result = run(client, 120, Limits(deadline_s=30.0, concurrency=4))
    assert result.outcomes == {Outcome.ACCEPTED: 40, Outcome.PENDING: 80}
    assert result.stopped is not None
    assert "deadline_s=30" in result.stopped
    dropped = client.sent[10:]
    assert len(dropped) == 4
    assert all(each.over_s == pytest.approx(30.0, abs=0.01) for each in dropped)
    assert (result.ledger.calls, result.ledger.failed_calls) == (14, 4)


def test_a_deadline_holds_for_calls_that_wait_for_their_turn() -> None:
    client = Provider(label)
    result = run(client, 120, Limits(deadline_s=30.0, rpm=5))
    assert result.outcomes == {Outcome.ACCEPTED: 20, Outcome.PENDING: 100}
    assert len(client.sent) == 5


def test_a_deadline_holds_when_the_run_has_ended_for_another_reason() -> None:
    """Nothing further may be sent, and a call that hangs must not keep the run beyond its time."""
    client = Provider(label, latency_s=lambda number: 1e4 if number == 2 else 1.0)
    limits = Limits(deadline_s=30.0, max_calls=6, item_timeout_s=1e4, concurrency=3)
    result = run(client, 120, limits)
    assert result.stopped is not None
    assert "max_calls" in result.stopped
    assert client.sent[2].over_s == pytest.approx(30.0, abs=0.01)
    assert result.outcomes == {Outcome.ACCEPTED: 20, Outcome.PENDING: 100}


def test_a_run_that_is_done_before_its_deadline_does_not_know_of_it() -> None:
    result = run(Provider(label), 40, Limits(deadline_s=30.0))
    assert (result.stopped, result.outcomes) == (None, {Outcome.ACCEPTED: 40})


# A call's deadline.


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_call_that_hangs_sends_its_items_down_the_ladder(lanes: int) -> None:
    client = Provider(label, latency_s=lambda number: 1e6 if number == 2 else 1.0)
    result = run(client, 40, Limits(item_timeout_s=2.0, headroom_s=7.0, concurrency=lanes))
    assert result.outcomes == {Outcome.ACCEPTED: 40}
    hung = client.sent[2]
    assert hung.over_s == pytest.approx(hung.at_s + 7.0 + 2.0 * 4, abs=0.01)
    late = [each for each in result if each.attempts > 1]
    assert len(late) == 4
    assert all(each.route is Route.REPACK and each.attempts == 2 for each in late)


def test_a_client_that_raises_its_own_timeout_is_not_asked_the_same_again() -> None:
    def trouble(number: int, sent: Sent) -> ClientError | None:
        return CallTimeout("the SDK gave up") if number == 0 else None

    client = Provider(label, trouble=trouble)
    result = run(client, 4, Limits(retries=3))
    assert result.outcomes == {Outcome.ACCEPTED: 4}
    assert [len(each.texts) for each in client.sent] == [4, 2, 2]


def test_an_item_that_hangs_every_call_is_given_up_with_the_timeout_as_its_reason() -> None:
    client = Provider(label, trouble=lambda number, sent: 1e6 if "0001 x" in sent.texts else None)
    result = run(client, 12, Limits(item_timeout_s=2.0, headroom_s=1.0))
    assert result.outcomes == {Outcome.ACCEPTED: 11, Outcome.FAILED: 1}
    assert result.stopped is None
    reason = result.results[1].reason
    assert reason is not None
    assert reason.fault is Fault.TIMEOUT


def test_waiting_for_a_turn_does_not_count_against_a_session() -> None:
    """Ten turns at two a minute take minutes; the session's own time is less than one."""
    client = Provider(label, latency_s=lambda number: 2.0)
    limits = Limits(rpm=2, item_timeout_s=2.5, headroom_s=1.0)
    result = run(client, 10, limits, strategy="session")
    assert result.outcomes == {Outcome.ACCEPTED: 10}
    assert {each.route for each in result} == {Route.SESSION}
    assert client.sent[-1].at_s > 240.0


def test_a_session_that_talks_too_long_leaves_the_rest_to_single_calls() -> None:
    client = Provider(label, latency_s=lambda number: 8.0)
    limits = Limits(item_timeout_s=1.0, headroom_s=9.0, concurrency=2)
    result = run(client, 8, limits, strategy="session")
    assert result.outcomes == {Outcome.ACCEPTED: 8}
    # 9 + 8 seconds: two turns, and a third that is cut off when they are over.
    assert [each.route for each in result].count(Route.SESSION) == 2
    assert [each.route for each in result].count(Route.SINGLE) == 6


def test_a_session_without_time_left_does_not_block_a_provider_that_comes_back() -> None:
    """Its next turn is never sent; were it taken for the one call that tries, none would ever try again."""

    def trouble(number: int, sent: Sent) -> ClientError | None:
        return Unreachable("down", status=503) if sent.at_s < 60.0 and number >= 2 else None

    client = Provider(label, latency_s=lambda number: 3.0, trouble=trouble)
    limits = Limits(item_timeout_s=1.0, headroom_s=8.0, concurrency=2, retries=1)
    result = run(client, 20, limits, strategy="session")
    assert result.outcomes == {Outcome.ACCEPTED: 20}


# Calls.


def fault(random: Random) -> Callable[[str], str | Completion | ClientError]:
    """One of everything that can come back."""

    def struck(reply: str) -> str | Completion | ClientError:
        return random.choice(
            [
                reply,
                reply[: len(reply) // 2],
                "",
                "nonsense",
                Completion("", FinishReason.REFUSAL),
                Completion(reply, FinishReason.LENGTH),
                Unreachable("down", status=503),
                Unreachable("no connection"),
                RateLimited("too many", status=429, retry_after_s=1.5),
                CallTimeout("too slow"),
                PromptTooLong("too long", status=400),
                CallRefused("no", status=400),
                ClientError("the client raised"),
                ClientError("garbled", transient=True),
            ]
        )

    return struck


@given(
    seed=st.integers(0, 10**6),
    most=st.integers(1, 60),
    lanes=st.integers(1, 8),
    retries=st.integers(0, 3),
    strategy=st.sampled_from(["pack", "session", "single"]),
    good=st.floats(0, 0.9),
)
@settings(max_examples=60)
def test_no_mix_of_faults_makes_more_calls_than_allowed(
    seed: int, most: int, lanes: int, retries: int, strategy: Strategy, good: float
) -> None:
    random = Random(seed)
    strike = fault(random)
    client = ScriptedClient(label, spoil=lambda p, reply: reply if random.random() < good else strike(reply))
    limits = Limits(max_calls=most, concurrency=lanes, retries=retries, outage_s=600.0)
    try:
        result = run(client, 40, limits, strategy=strategy)
    except ClientError:  # every call was refused
        assert len(client.prompts) <= most
        return
    assert len(client.prompts) == result.ledger.calls <= most
    if result.stopped is None:
        assert Outcome.PENDING not in result.outcomes
    else:
        assert result.pending or result.outcomes[Outcome.ACCEPTED] == 40


def test_the_last_call_is_used_and_no_further_one() -> None:
    client = Provider(label)
    result = run(client, 40, Limits(max_calls=7))
    assert len(client.sent) == 7
    assert result.outcomes == {Outcome.ACCEPTED: 28, Outcome.PENDING: 12}
    assert result.stopped is not None
    assert "max_calls=7" in result.stopped


def test_a_ceiling_that_is_just_enough_stops_nothing() -> None:
    result = run(Provider(label), 40, Limits(max_calls=10))
    assert (result.stopped, result.outcomes) == (None, {Outcome.ACCEPTED: 40})


# Money.

PRICE = Price(Decimal("3"), Decimal("15"), cached_usd_per_mtok=Decimal("0.3"), cache_write_usd_per_mtok=4)


class Billing:
    """Sends a bill within the caps for every call, and reports all, some or none of it."""

    name = "billing"
    max_retries = 1

    def __init__(self, random: Random, honest: float) -> None:
        self.bill = Decimal(0)
        self.calls = 0
        self._random, self._honest = random, honest
        self._script = ScriptedClient(label)

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer, fail, or hang."""
        random = self._random
        self.calls += 1
        reply = await self._script.complete(prompt)
        # Never above what the prompt holds in bytes: the counter in use counts those.
        size = sum(len(message.content.encode()) for message in prompt.messages)
        sent, replied = random.randint(1, size), random.randint(0, prompt.max_output_tokens)
        written = random.choice([0, sent, random.randint(0, sent)])
        used = Usage(sent, random.randint(0, sent - written), replied, written)
        cost = PRICE.cost_usd(used)
        assert cost is not None
        await asyncio.sleep(random.uniform(0.1, 3.0))
        if random.random() < 0.1:
            raise Unreachable("turned away at the door", status=503)  # without a model's work: no bill
        self.bill += cost
        if random.random() < 0.1:
            raise Unreachable("the line broke after the work was done")
        if random.random() < 0.05:
            await asyncio.sleep(1e6)
        text = reply.text if random.random() < 0.8 else "nonsense"
        told = (
            used
            if random.random() < self._honest
            else random.choice([Usage(), Usage(sent), Usage(None, 0, 9)])
        )
        return Completion(text, usage=told)


@given(
    seed=st.integers(0, 10**6),
    micros=st.integers(5_000, 400_000),
    honest=st.sampled_from([0.0, 0.5, 1.0]),
    lanes=st.integers(1, 8),
    strategy=st.sampled_from(["pack", "session", "single"]),
)
@settings(max_examples=60)
def test_the_true_bill_never_exceeds_the_ceiling(
    seed: int, micros: int, honest: float, lanes: int, strategy: Strategy
) -> None:
    ceiling = Decimal(micros) / 1_000_000
    client = Billing(Random(seed), honest)
    limits = Limits(max_cost_usd=ceiling, concurrency=lanes, item_timeout_s=1.0, headroom_s=5.0)
    result = run(client, 40, limits, strategy=strategy, facts=ModelFacts(price=PRICE))
    assert client.bill <= ceiling
    assert result.ledger.calls == client.calls
    if result.pending:
        assert result.stopped is not None
        assert "max_cost_usd" in result.stopped or "no call came through" in result.stopped


def test_most_of_the_money_is_used_before_the_run_ends() -> None:
    """What is reserved comes back: the run does not end on reserves."""
    client = Provider(label)
    ceiling = Decimal("0.2")
    result = run(client, 400, Limits(max_cost_usd=ceiling, concurrency=8), facts=ModelFacts(price=PRICE))
    assert result.stopped is not None
    assert result.ledger.cost_usd is not None
    assert Decimal("0.9") * ceiling <= result.ledger.cost_usd <= ceiling


def test_replies_without_usage_count_as_the_most_they_can_have_cost() -> None:
    known, unknown = Provider(label), Provider(label, metered=False)
    limits = Limits(max_cost_usd=Decimal("0.05"))
    facts = ModelFacts(price=PRICE)
    run(known, 400, limits, facts=facts)
    result = run(unknown, 400, limits, facts=facts)
    assert 0 < len(unknown.sent) < len(known.sent)
    most = [PRICE.cost_usd(Usage(0, 0, each.prompt.max_output_tokens)) for each in unknown.sent]
    assert sum(each for each in most if each is not None) <= Decimal("0.05")
    assert result.ledger.cost_usd is None
    assert result.ledger.unpriced_calls == len(unknown.sent)


def test_money_without_a_known_price_is_refused_before_any_call() -> None:
    client = Provider(label)
    with pytest.raises(UsageError, match=r"facts=ModelFacts\(price="):
        run(client, 40, Limits(max_cost_usd=1))
    assert client.sent == []


def test_a_ceiling_on_money_smaller_than_one_pack_is_refused() -> None:
    client = Provider(label)
    with pytest.raises(UsageError, match=r"may cost 0\.00.* USD\. Raise it, or lower Budget"):
        run(client, 40, Limits(max_cost_usd=Decimal("0.0001")), facts=ModelFacts(price=PRICE))
    assert client.sent == []


def test_money_in_floats_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Decimal\('0\.1'\)"):
        Limits(max_cost_usd=0.1)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    "limits", [Limits(tpm=900), Limits(input_tpm=700), Limits(output_tpm=300)], ids=["tpm", "input", "output"]
)
def test_a_ceiling_smaller_than_one_pack_is_refused_and_says_what_to_change(limits: Limits) -> None:
    client = Provider(label)
    with pytest.raises(UsageError, match=r"(?i)raise .*Budget"):
        run(client, 40, limits, items=30)
    assert client.sent == []


# Attempts.


class Attempts:
    """A client of the caller's own: one method, nothing more."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        self.calls = 0
        self._error = error

    async def complete(self, prompt: Prompt) -> Completion:
        """Fail."""
        self.calls += 1
        raise self._error()


class LeavingRetries(Attempts):
    max_retries = 3


NO_LADDER = Fallback(repacks=0, session=False, single=False)
TRANSIENT: list[Callable[[], Exception]] = [
    lambda: Unreachable("down", status=500),
    lambda: Unreachable("no connection"),
    lambda: ClientError("garbled", transient=True),
]


@pytest.mark.parametrize("error", TRANSIENT)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_call_that_fails_on_the_way_is_attempted_so_often(
    retries: int, error: Callable[[], Exception]
) -> None:
    client = Attempts(error)
    result = run(client, 4, Limits(retries=retries), fallback=NO_LADDER)
    assert client.calls == retries + 1 == result.ledger.calls == result.ledger.failed_calls
    assert result.outcomes == {Outcome.FAILED: 4}
    assert all(each.attempts == 1 for each in result)


@pytest.mark.parametrize(
    "error",
    [
        lambda: CallRefused("no", status=400),
        lambda: PromptTooLong("too long", status=400),
        lambda: CallTimeout("too slow"),
        lambda: RuntimeError("a mistake of the client's own"),
    ],
)
def test_a_call_that_cannot_succeed_is_attempted_once(error: Callable[[], Exception]) -> None:
    client = Attempts(error)
    result = run(client, 4, Limits(retries=5), fallback=NO_LADDER)
    assert client.calls == 1 == result.ledger.calls


def test_a_wrong_key_ends_the_run_at_the_first_call() -> None:
    client = Attempts(lambda: AccessDenied("wrong key", status=401))
    with pytest.raises(AccessDenied, match="wrong key"):
        run(client, 400, Limits(retries=5, concurrency=1))
    assert client.calls == 1


@pytest.mark.parametrize(("kind", "attempts"), [(Attempts, 1), (LeavingRetries, 4)])
def test_without_a_word_the_client_decides_how_often(kind: type[Attempts], attempts: int) -> None:
    client = kind(lambda: Unreachable("down", status=500))
    run(client, 4, Limits(), fallback=NO_LADDER)
    assert client.calls == attempts


def test_pauses_between_attempts_grow_and_a_stated_one_is_kept() -> None:
    def pauses(error: ClientError) -> list[float]:
        client = Provider(label, latency_s=lambda number: 0.0, trouble=lambda number, sent: error)
        run(client, 1, Limits(retries=3), fallback=NO_LADDER)
        times = [each.at_s for each in client.sent]
        return [after - before for before, after in pairwise(times)]

    grown = pauses(Unreachable("down", status=503))
    assert all(0.75 * 0.5 * 2**n <= pause <= 0.5 * 2**n + 0.01 for n, pause in enumerate(grown))
    assert pauses(Unreachable("down", status=503, retry_after_s=9.0)) == pytest.approx([9.0] * 3, abs=0.01)


# The cache.

LONG = Task.classify(
    "Sentiment of a tweet. " + "Mind irony, and what is left unsaid. " * 200, ["good", "bad"]
)


def first_alone(client: Provider) -> bool:
    first, second = client.sent[:2]
    return first.over_s is not None and second.at_s >= first.over_s


@pytest.mark.parametrize(
    ("cache", "task", "alone"),
    [
        ("breakpoint", LONG, True),
        ("key", LONG, True),
        ("none", LONG, False),
        ("breakpoint", SENTIMENT, False),
    ],
)
def test_the_first_call_warms_the_cache_alone(cache: str, task: Task[str], alone: bool) -> None:
    client = Provider(lambda text: "good" if task is LONG else label(text), latency_s=lambda number: 5.0)
    facts = ModelFacts(cache=cache)  # type: ignore[arg-type]  # one of its words
    result = run(client, 120, Limits(concurrency=6), facts=facts, task=task)
    assert result.outcomes == {Outcome.ACCEPTED: 120}
    assert first_alone(client) is alone
    if alone:
        # All at once right behind it: 5 s for the first, then 29 calls on 6 lanes.
        assert sum(each.at_s < 5.5 for each in client.sent) == 7
    assert client.most_at_once == 6


def test_a_first_call_that_fails_leaves_the_warming_to_the_next() -> None:
    def trouble(number: int, sent: Sent) -> ClientError | None:
        return Unreachable("down", status=503) if number < 2 else None

    client = Provider(lambda text: "good", latency_s=lambda number: 5.0, trouble=trouble)
    result = run(client, 40, Limits(concurrency=6, retries=2), facts=ModelFacts(cache="key"), task=LONG)
    assert result.outcomes == {Outcome.ACCEPTED: 40}
    third = client.sent[2]
    assert third.over_s is not None
    assert client.sent[3].at_s >= third.over_s
    assert client.most_at_once == 6


def test_a_scripted_client_needs_no_fake_clock_for_ceilings_on_calls() -> None:
    """The synchronous door keeps to them too."""
    spoil: Spoiler = lambda prompt, reply: "nonsense"  # noqa: E731  # a name for its type
    client = ScriptedClient(label, spoil=spoil)
    result = pack_and_run(texts(40), SENTIMENT, client=client, limits=Limits(max_calls=9))
    assert len(client.prompts) == 9
    assert result.outcomes[Outcome.ACCEPTED] == 0


def test_without_a_deadline_one_follows_from_those_of_the_calls() -> None:
    limits = Limits(item_timeout_s=2.0, headroom_s=10.0, outage_s=30.0)
    assert limits.run_deadline_s(calls=5, items=4, retries=1) == 5 * 2 * (10 + 2 * 4) + 30
    assert Limits(rpm=6, outage_s=0).run_deadline_s(1, 1, 0) == 60 / 6 + Limits().call_deadline_s(1)
    assert Limits(tpm=9).run_deadline_s(5, 4, 1) is None
    assert (
        Limits(tpm=9, deadline_s=7.0).run_deadline_s(5, 4, 1)
        == Limits(deadline_s=7.0).run_deadline_s(5, 4, 1)
        == 7
    )


def test_the_deadline_that_follows_ends_a_run_that_would_not_end() -> None:
    """A client that says for ever that it is to be asked a little later, and sometimes answers."""
    limits = Limits(item_timeout_s=1.0, headroom_s=1.0, outage_s=50.0, concurrency=1)
    waits = RateLimited("later", retry_after_s=40.0)
    client = Provider(label, trouble=lambda number, sent: waits if number % 3 else None)
    result = run(client, 400, limits, items=2)
    whole_s = limits.run_deadline_s(200 * 5, 2, 0)
    assert whole_s is not None
    assert client.sent[-1].at_s - client.sent[0].at_s <= whole_s
    assert result.stopped is not None
    assert "the run's deadline (deadline_s=" in result.stopped
    assert result.outcomes[Outcome.FAILED] == 0


def test_the_call_that_probes_a_server_counts_against_the_ceiling() -> None:
    class Probed(Provider):
        async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
            self.sent.append(Sent(asyncio.get_running_loop().time(), (), Prompt((), {}, 1)))
            return wanted, (Usage(9, 0, 9),)

    client = Probed(label)
    result = run(client, 200, Limits(rpm=3, concurrency=8), items=20)
    assert result.outcomes == {Outcome.ACCEPTED: 200}
    assert fullest([(each.at_s, 1) for each in client.sent]) == 3
    assert result.ledger.calls == len(client.sent) == 11
    assert result.ledger.routes["probe"].calls == 1

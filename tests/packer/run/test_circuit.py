"""A provider that is down, too busy, or struck by one prompt: who is asked again, and who is blamed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from packer import (
    Budget,
    Fallback,
    Limits,
    Outcome,
    Route,
    RunResult,
    pack_and_run_async,
)
from packer.run.live.circuit import FIRST_PAUSE_S, LONGEST_PAUSE_S, OPENS_AFTER, PAUSE_GROWTH, Circuit
from schemas.errors import ClientError, RateLimited, Unreachable
from schemas.settings import Strategy
from schemas.verdict import Fault
from tests.fake_time import Provider, Sent, Trouble, run_fake
from tests.strategies import SENTIMENT, label


def down() -> Unreachable:
    return Unreachable("the lights are out", status=503)


def run(
    client: Provider,
    count: int,
    limits: Limits,
    *,
    items: int = 4,
    strategy: Strategy = "pack",
    fallback: Fallback | None = None,
    resume: RunResult[str] | None = None,
) -> RunResult[str]:
    texts = [f"{n:04d} " + "x" * (n % 41) for n in range(count)]

    async def job() -> RunResult[str]:
        return await pack_and_run_async(
            texts,
            SENTIMENT,
            client=client,
            limits=limits,
            budget=Budget(items=items),
            strategy=strategy,
            fallback=fallback,
            resume=resume,
        )

    return run_fake(job)


def outage(from_call: int, lasts_s: float) -> Trouble:
    """Down from this call on, for so long."""
    begin_s: list[float] = []

    def trouble(number: int, sent: Sent) -> ClientError | None:
        if number >= from_call and not begin_s:
            begin_s.append(sent.at_s)
        return down() if begin_s and sent.at_s < begin_s[0] + lasts_s else None

    return trouble


LANES = [1, 2, 8]
RETRIES = [0, 2, 6]


@pytest.mark.parametrize("strategy", ["pack", "single", "session"])
@pytest.mark.parametrize("retries", RETRIES)
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("from_call", [0, 5])
def test_a_provider_that_stays_down_is_asked_a_handful_of_times(
    from_call: int, lanes: int, retries: int, strategy: Strategy
) -> None:
    client = Provider(label, trouble=outage(from_call, 1e9))
    limits = Limits(concurrency=lanes, retries=retries, outage_s=300.0)
    result = run(client, 120, limits, strategy=strategy)
    assert Outcome.FAILED not in result.outcomes
    assert result.outcomes[Outcome.PENDING] == 120 - result.outcomes[Outcome.ACCEPTED]
    assert len(client.sent) - from_call <= 4 * OPENS_AFTER
    assert result.stopped is not None
    assert "the lights are out" in result.stopped
    assert "300 s" in result.stopped
    assert all(each.reason and each.reason.fault is Fault.STOPPED for each in result.pending)
    assert result.ledger.calls == len(client.sent)

    well = Provider(label)
    whole = run(well, 120, limits, strategy=strategy, resume=result)
    assert whole.outcomes == {Outcome.ACCEPTED: 120}
    asked = {text for each in well.sent for text in each.texts}
    assert len(asked) == len(result.pending)


@pytest.mark.parametrize("retries", RETRIES)
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("lasts_s", [1.0, 40.0, 298.0])
def test_an_outage_shorter_than_patience_is_sat_out(lasts_s: float, lanes: int, retries: int) -> None:
    client = Provider(label, trouble=outage(5, lasts_s), latency_s=lambda number: 0.2)
    limits = Limits(concurrency=lanes, retries=retries, outage_s=300.0)
    result = run(client, 120, limits)
    assert result.outcomes == {Outcome.ACCEPTED: 120}
    assert result.stopped is None
    if retries:
        assert {each.route for each in result} == {Route.PACK}


def test_while_it_is_down_one_call_tries_at_a_time() -> None:
    """Though the try takes long, and calls from before come back meanwhile."""
    trouble = outage(0, 200.0)
    client = Provider(
        label,
        trouble=trouble,
        latency_s=lambda number: [0.1, 0.1, 0.1, 0.1, 0.1, 4.0, 5.0, 9.0][number] if number < 8 else 30.0,
    )
    result = run(client, 120, Limits(concurrency=8, retries=0))
    assert result.outcomes == {Outcome.ACCEPTED: 120}
    opened_s = 0.1
    tries = [each for each in client.sent if opened_s < each.at_s < 200.0]
    assert len(tries) >= 3
    for before, after in pairwise(tries):
        assert before.over_s is not None
        assert after.at_s >= before.over_s


def test_an_item_that_was_asked_in_vain_during_an_outage_is_not_marked_by_it() -> None:
    result = run(Provider(label, trouble=outage(3, 30.0)), 40, Limits(retries=0))
    assert result.outcomes == {Outcome.ACCEPTED: 40}
    assert all(each.attempts == 1 for each in result)


@pytest.mark.parametrize("error", [Unreachable("boom", status=500), ClientError("garbled", transient=True)])
@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("count", [1, 4, 40])
def test_a_prompt_that_always_fails_is_blamed_alone(
    count: int, lanes: int, retries: int, error: ClientError
) -> None:
    poison = "0000 "

    def trouble(number: int, sent: Sent) -> ClientError | None:
        return error if poison in sent.texts else None

    client = Provider(label, trouble=trouble)
    result = run(client, count, Limits(concurrency=lanes, retries=retries))
    assert result.stopped is None
    assert result.outcomes[Outcome.ACCEPTED] == count - 1
    assert result.results[0].outcome is Outcome.FAILED
    reason = result.results[0].reason
    assert reason is not None
    assert reason.fault in (Fault.UNREACHABLE, Fault.CALL_FAILED)
    assert sum(poison in each.texts for each in client.sent) <= 5 * (retries + 1)


def test_a_prompt_is_blamed_as_soon_as_another_came_through() -> None:
    """Not at the run's end, when nothing else is left."""

    def trouble(number: int, sent: Sent) -> ClientError | None:
        return down() if "0000 " in sent.texts else None

    client = Provider(label, trouble=trouble)
    run(client, 400, Limits(concurrency=2, retries=0))
    poisoned = [n for n, each in enumerate(client.sent) if "0000 " in each.texts]
    assert poisoned[1] - poisoned[0] <= 4


@pytest.mark.parametrize("lanes", LANES)
def test_too_many_requests_for_ever_leaves_all_pending(lanes: int) -> None:
    client = Provider(label, trouble=lambda number, sent: RateLimited("too many", status=429))
    result = run(client, 120, Limits(concurrency=lanes, retries=2, outage_s=100.0))
    assert result.outcomes == {Outcome.PENDING: 120}
    assert result.stopped is not None
    assert "too many" in result.stopped
    assert len(client.sent) <= 4 * OPENS_AFTER
    assert client.sent[-1].at_s < 130.0


def test_a_wait_longer_than_patience_ends_the_run_at_once() -> None:
    def asks_for_hours(number: int, sent: Sent) -> ClientError:
        return RateLimited("come back tomorrow", retry_after_s=7_200.0, status=429)

    client = Provider(label, trouble=asks_for_hours)
    result = run(client, 40, Limits(concurrency=1, outage_s=300.0))
    assert result.outcomes == {Outcome.PENDING: 40}
    assert len(client.sent) == 1
    assert result.stopped is not None
    assert "asks to wait 7,200 s, longer than Limits(outage_s=300)" in result.stopped


def test_one_pack_that_is_always_too_many_does_not_keep_the_others() -> None:
    def trouble(number: int, sent: Sent) -> ClientError | None:
        return RateLimited("too many", status=429) if "0000 " in sent.texts else None

    result = run(Provider(label, trouble=trouble), 120, Limits(concurrency=2, retries=1, outage_s=50.0))
    assert result.outcomes[Outcome.ACCEPTED] >= 116
    assert result.outcomes[Outcome.ACCEPTED] + result.outcomes[Outcome.PENDING] == 120
    assert result.results[0].outcome is Outcome.PENDING


@pytest.mark.parametrize("strategy", ["pack", "single"])
@pytest.mark.parametrize("lanes", LANES)
def test_a_provider_that_never_answers_leaves_items_pending(lanes: int, strategy: Strategy) -> None:
    """Calls that hang are no fault of their items as long as nothing comes through."""
    client = Provider(label, trouble=lambda number, sent: 1e5)
    limits = Limits(concurrency=lanes, retries=0, item_timeout_s=2.0, headroom_s=5.0, outage_s=60.0)
    result = run(client, 120, limits, strategy=strategy)
    assert result.outcomes == {Outcome.PENDING: 120}
    assert len(client.sent) <= 5 * OPENS_AFTER


# The breaker by itself.


def test_a_success_between_failures_keeps_it_closed() -> None:
    circuit = Circuit(300.0)
    for at_s in range(50):
        circuit.failed(float(at_s))
        if at_s % (OPENS_AFTER - 1) == 0:
            circuit.succeeded(float(at_s))
        assert not circuit.is_open


def test_pauses_grow_and_the_last_try_comes_when_patience_ends() -> None:
    circuit = Circuit(300.0)
    tries = list[float]()
    now_s = 0.0
    while not circuit.over:
        now_s += circuit.wait_s(now_s)
        tries.append(now_s)
        circuit.failed(now_s, probe=circuit.trying())
    pauses = [after - before for before, after in pairwise(tries[OPENS_AFTER - 1 :])]
    assert pauses[:4] == [min(FIRST_PAUSE_S * PAUSE_GROWTH**n, LONGEST_PAUSE_S) for n in range(4)]
    assert max(pauses) <= LONGEST_PAUSE_S
    assert tries[-1] == 300.0

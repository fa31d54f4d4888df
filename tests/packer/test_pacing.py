"""Ceilings on a simulated clock: no minute holds more than it may, and what may be used is used."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Budget, Guard, Limits, Outcome, RunResult, UsageError, pack_and_run_async
from packer.pacing import Need, Pace, Ticket
from schemas.errors import RateLimited
from schemas.quota import Quota, QuotaKind
from tests.fake_time import Provider, Sent, fullest, run_fake, used_share
from tests.strategies import SENTIMENT, label

KINDS: tuple[QuotaKind, ...] = ("requests", "tokens", "input_tokens", "output_tokens")


@dataclass(frozen=True)
class Planned:
    need: Need
    used: Need
    took_s: float
    pause_s: float


@st.composite
def calls(draw: st.DrawFn) -> Planned:
    need = Need(draw(st.integers(1, 400)), draw(st.integers(0, 400)))
    used = Need(draw(st.integers(0, need.input_tokens)), draw(st.integers(0, need.output_tokens)))
    return Planned(
        need, used, draw(st.floats(0, 150)), draw(st.sampled_from([0.0, 0.0, 0.001, 1.7, 59.5, 61.0]))
    )


limits = st.one_of(st.none(), st.integers(800, 3_000))


def driven(
    pace: Pace, plan: list[Planned], quotas: Callable[[int], tuple[Quota, ...]] = lambda n: ()
) -> list[tuple[float, Planned]]:
    """Send the calls one after the other as soon as the pace lets them go; replies come when they come."""
    now_s, went = 0.0, list[tuple[float, Planned]]()
    out: list[tuple[float, int, Ticket, Need]] = []
    for number, call in enumerate(plan):
        now_s += call.pause_s
        for _ in range(10_000):
            while out and out[0][0] <= now_s:
                over_s, n, ticket, used = heapq.heappop(out)
                pace.settle(ticket, used)
                pace.heed(over_s, quotas(n))
            wait_s = pace.wait_s(now_s, call.need)
            if wait_s <= 0:
                break
            # A reply that comes while we wait may make room: look again then, as the turnstile does.
            now_s = min([now_s + max(wait_s, 1e-6), *(each[0] for each in out[:1])])
        else:
            pytest.fail("the pace never lets the call go")
        went.append((now_s, call))
        heapq.heappush(out, (now_s + call.took_s, number, pace.enter(now_s, call.need), call.used))
    return went


@given(
    st.lists(calls(), min_size=1, max_size=60),
    st.one_of(st.none(), st.integers(1, 12)),
    limits,
    limits,
    limits,
)
def test_no_minute_holds_more_than_a_ceiling(
    plan: list[Planned], rpm: int | None, tpm: int | None, input_tpm: int | None, output_tpm: int | None
) -> None:
    ceilings = dict(zip(KINDS, (rpm, tpm, input_tpm, output_tpm), strict=True))
    went = driven(Pace(ceilings), plan)
    for kind, limit in ceilings.items():
        if limit is not None:
            assert fullest([(at_s, call.used.amounts[kind]) for at_s, call in went]) <= limit


stated = st.builds(
    Quota,
    st.sampled_from(KINDS),
    st.one_of(st.none(), st.integers(0, 4_000)),
    st.one_of(st.none(), st.integers(0, 4_000)),
    st.one_of(st.none(), st.floats(0, 120)),
)


@given(
    st.lists(calls(), min_size=1, max_size=40), st.lists(st.lists(stated, max_size=4).map(tuple), min_size=1)
)
def test_whatever_a_provider_states_the_callers_ceilings_hold_and_every_call_goes(
    plan: list[Planned], said: list[tuple[Quota, ...]]
) -> None:
    ceilings: dict[QuotaKind, int | None] = dict.fromkeys(KINDS, 900) | {"requests": 7}
    went = driven(Pace(ceilings), plan, lambda number: said[number % len(said)])
    for kind, limit in ceilings.items():
        assert limit is not None
        assert fullest([(at_s, call.used.amounts[kind]) for at_s, call in went]) <= limit


def test_the_measure_itself_sees_one_too_many() -> None:
    """Half open: a call exactly a minute later is outside, one a little earlier inside."""
    assert fullest([(0.0, 3), (60.0, 3)]) == 3
    assert fullest([(0.0, 3), (59.999, 3)]) == 6
    assert fullest([(5.0, 1), (64.0, 1), (64.9, 1), (65.0, 1)]) == 3


def test_what_a_call_did_not_use_is_free_again_at_once() -> None:
    pace = Pace(dict.fromkeys(KINDS) | {"tokens": 1_000})
    ticket = pace.enter(0.0, Need(500, 500))
    assert pace.wait_s(1.0, Need(500, 300)) == pytest.approx(60.0)
    pace.settle(ticket, Need(100, 100))
    assert pace.wait_s(1.0, Need(500, 300)) == 0.0
    assert pace.wait_s(1.0, Need(500, 301)) > 0.0


def test_a_reply_that_comes_after_its_minute_gives_nothing_back() -> None:
    """Its room has left the window with it: given back once more, it would be there twice."""
    pace = Pace(dict.fromkeys(KINDS) | {"tokens": 1_000})
    late = pace.enter(0.0, Need(900, 0))
    assert pace.wait_s(70.0, Need(900, 0)) == 0.0
    pace.enter(70.0, Need(900, 0))
    pace.settle(late, Need(1, 0))
    assert pace.wait_s(71.0, Need(200, 0)) > 0.0


# The whole path: planning, sending, replies, refunds, on a clock that jumps.


def run(client: Provider, count: int, limits: Limits, items: int = 4) -> RunResult[str]:
    texts = [f"{n:04d} " + "x" * (n % 41) for n in range(count)]

    async def job() -> RunResult[str]:
        return await pack_and_run_async(
            texts,
            SENTIMENT,
            client=client,
            limits=limits,
            budget=Budget(items=items),
            guard=Guard(audit=0),  # calls are counted to the last one here
        )

    return run_fake(job)


def series(sent: list[Sent], kind: str) -> list[tuple[float, int]]:
    return [(each.at_s, each.amount(kind)) for each in sent]


CASES = [
    ("requests", 1.0, Limits(rpm=30)),
    ("requests", 1.0, Limits(rpm=120, tpm=10**6, input_tpm=10**6, output_tpm=10**6)),
    ("tokens", 1.0, Limits(tpm=40_000, rpm=500)),
    ("input_tokens", 1.0, Limits(input_tpm=40_000, tpm=10**6, concurrency=3)),
    ("output_tokens", 1.0, Limits(output_tpm=5_000, rpm=300)),
    # Replies far below their caps, as models of few words have them: most of a reserve comes back.
    ("tokens", 0.3, Limits(tpm=15_000, concurrency=20)),
    ("output_tokens", 0.3, Limits(output_tpm=3_000, concurrency=20)),
]


@pytest.mark.parametrize(("binding", "share", "limits"), CASES)
def test_each_ceiling_in_turn_is_kept_and_used(binding: QuotaKind, share: float, limits: Limits) -> None:
    random = Random(0)
    # A reserve is held while its call is out: what it ties up grows with the time that calls take.
    slowest_s = 4.0 if share == 1.0 else 1.0
    client = Provider(label, latency_s=lambda number: random.uniform(0.2, slowest_s), share=share)
    limit = limits.ceilings[binding]
    assert limit is not None
    sample = Provider(label, share=share)
    run(sample, 40, Limits())
    mean = sum(each.amount(binding) for each in sample.sent) / len(sample.sent)
    result = run(client, 4 * int(5.5 * limit / mean), limits)
    assert result.outcomes == {Outcome.ACCEPTED: len(result)}
    for kind, ceiling in limits.ceilings.items():
        if ceiling is not None:
            assert fullest(series(client.sent, kind)) <= ceiling
    share_used = used_share(series(client.sent, binding), limit)
    assert share_used >= 0.9


def test_no_call_goes_over_a_ceiling_that_could_not_hold_it() -> None:
    """Refused before anything is sent, and told what to change."""
    client = Provider(label)
    with pytest.raises(UsageError, match=r"tokens a minute cannot hold one call.*Raise it, or lower Budget"):
        run(client, 40, Limits(output_tpm=100), items=10)
    with pytest.raises(UsageError, match=r"(?i)raise .*Budget"):
        run(client, 40, Limits(tpm=200), items=10)
    assert client.sent == []


# What a provider says of its own ceilings.


@pytest.mark.parametrize("own", [None, 600])
def test_a_rate_that_headers_state_is_kept_to(own: int | None) -> None:
    """Tighter than the caller's, or where the caller gave none."""
    client = Provider(
        label, latency_s=lambda number: 0.5, quotas=lambda number: (Quota("requests", limit=20),)
    )
    result = run(client, 480, Limits(rpm=own, concurrency=4))
    assert result.outcomes == {Outcome.ACCEPTED: 480}
    assert fullest(series(client.sent, "requests")) <= 20
    assert used_share(series(client.sent, "requests"), 20) >= 0.9


def test_headers_never_loosen_the_callers_ceiling() -> None:
    client = Provider(label, quotas=lambda number: (Quota("requests", 10_000, 9_999, 1.0),))
    run(client, 240, Limits(rpm=12))
    assert fullest(series(client.sent, "requests")) == 12


def test_what_the_provider_has_left_is_not_overdrawn() -> None:
    """Others use the same key: its bucket is nearly empty, and fills up at the rate that it states."""
    per_s, most = 0.5, 30.0
    level, at_s = 2.0, 0.0
    lowest = most

    def quotas(number: int) -> tuple[Quota, ...]:
        return (Quota("requests", int(most), max(0, int(level)), (most - level) / per_s),)

    def trouble(number: int, sent: Sent) -> None:
        nonlocal level, at_s, lowest
        level, at_s = min(most, level + per_s * (sent.at_s - at_s)) - 1, sent.at_s
        lowest = min(lowest, level)

    client = Provider(label, latency_s=lambda number: 0.2, quotas=quotas, trouble=trouble)
    result = run(client, 400, Limits(concurrency=1))
    assert result.outcomes == {Outcome.ACCEPTED: 400}
    assert lowest >= 0.0
    lasted_s = client.sent[-1].at_s
    assert len(client.sent) / lasted_s >= 0.9 * per_s


def test_a_rate_limit_holds_all_calls_and_halves_them() -> None:
    def trouble(number: int, sent: Sent) -> RateLimited | None:
        return RateLimited("slow down", status=429, retry_after_s=20.0) if number == 8 else None

    client = Provider(label, latency_s=lambda number: 3.0 if number < 8 else 1.0, trouble=trouble)
    result = run(client, 800, Limits(concurrency=8, retries=2))
    assert result.outcomes == {Outcome.ACCEPTED: 800}
    struck = client.sent[8]
    assert struck.over_s is not None
    told_s = struck.over_s
    later = [each for each in client.sent if each.at_s >= told_s]
    assert later[0].at_s >= told_s + 20.0
    assert later[0].at_s <= told_s + 21.0
    assert at_once(client.sent, told_s + 20.5) == 4
    assert at_once(client.sent, client.sent[-20].at_s) == 8
    assert result.ledger.calls == len(client.sent) == 201


def test_calls_that_are_turned_away_together_come_back_in_half_the_number() -> None:
    """Once halved for all eight, not eight times; and those that wait to be sent again are halved too."""

    def trouble(number: int, sent: Sent) -> RateLimited | None:
        turned_away = 8 <= number < 16
        return RateLimited("slow down", status=429, retry_after_s=20.0) if turned_away else None

    client = Provider(label, trouble=trouble)
    result = run(client, 400, Limits(concurrency=8, retries=2))
    assert result.outcomes == {Outcome.ACCEPTED: 400}
    told_s = client.sent[15].over_s
    assert told_s is not None
    assert at_once(client.sent, told_s + 19.9) == 0
    tries = [each.at_s for each in client.sent if told_s < each.at_s < told_s + 20.5]
    # Eight in a row opened the circuit: one finds out, and then half as many as before go.
    assert len(tries) == 1
    assert at_once(client.sent, told_s + 21.5) == 4


def at_once(sent: list[Sent], now_s: float) -> int:
    """Calls under way at a moment."""
    return sum(each.at_s <= now_s < (each.over_s or now_s + 1) for each in sent)

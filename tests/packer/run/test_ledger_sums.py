"""Sums are exact whatever goes wrong: items and overheads, rungs, totals, and the server's own books."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import (
    Budget,
    FinishReason,
    Guard,
    Layout,
    Limits,
    ModelFacts,
    Outcome,
    pack_and_run,
    pack_and_run_async,
)
from packer.cost.prices import Prices
from packer.run.flow.charges import Charges
from packer.testing import FaultKind, FaultServer, FaultyClient, Inject, Served, WireFault
from packer.testing.faults import WIRE
from packer.testing.loopback import HANG, RESET
from schemas.chat import Completion
from schemas.errors import Unreachable
from schemas.facts import Price
from schemas.guard import Canary
from schemas.item import Item
from schemas.ledger import RouteSum
from schemas.pack import Slot
from schemas.result import RunResult
from schemas.signal import SignalKind
from schemas.usage import FIELDS, Usage, known_sum, known_sum_usd, share_out_usd
from schemas.verdict import Verdict
from tests.fake_time import run_fake
from tests.strategies import SENTIMENT, label

PRICE = Price(Decimal("0.15"), Decimal("0.60"), Decimal("0.075"), Decimal("0.1875"))
EVEN = Price(Decimal("0.15"), Decimal("0.60"), Decimal("0.075"))  # the server's books have no cache writes
ODD = Price(*map(Decimal, (0.15, 0.6, 0.075)))  # as floats have it: 55 digits each
CANARIES = (Canary("a canary that is glad", "positive"), Canary("a canary that is not", "negative"))
TOLD = {each.text: each.answer for each in CANARIES}
TEXTS = [f"tweet {n} " + "la " * (n % 7) for n in range(120)]

WAYS: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "guarded": {
        "layout": Layout(binding="seal"),
        "guard": Guard(
            reject=Guard().reject - {SignalKind.SHIFT},
            doubt=Guard().doubt | {SignalKind.SHIFT},
            canaries=CANARIES,
            second_look=True,
        ),
    },
    "looked at twice": {
        "guard": Guard(
            reject=Guard().reject - {SignalKind.SHIFT},
            doubt=Guard().doubt | {SignalKind.SHIFT},
            second_look=True,
        ),
    },
    "session": {"strategy": "session"},
    "single": {"strategy": "single"},
    "grouped": {
        "baseline": 7,
        "group_by": lambda text: str(len(text) % 3),
        "guard": Guard(canaries=CANARIES),
    },
}
LIMITS = Limits(concurrency=4, retries=2)


def told(text: str) -> object:
    return TOLD.get(text, label(text))


def assert_exact(
    run: RunResult[Any], served: Sequence[Served], cost_usd: Callable[[Usage], Decimal | None]
) -> None:
    """Every sum there is, against the server's books."""
    ledger = run.ledger
    asked = [each for each in run.results if each.same_as is None]
    shares = [RouteSum(0, each.usage, each.cost_usd) for each in asked if each.attempts]
    items = _total(shares)
    assert items == ledger.charged
    whole = _total([*shares, *ledger.overheads.values()])
    assert (whole.usage, whole.cost_usd) == (ledger.usage, ledger.cost_usd)
    assert _total(ledger.routes.values()) == RouteSum(ledger.calls, ledger.usage, ledger.cost_usd)
    assert all(each.usage == Usage.none_spent() for each in run.results if not each.attempts)

    replied = [each for each in served if each.prompt_tokens]
    bills = [Usage(each.prompt_tokens, each.cached_tokens, each.completion_tokens) for each in replied]
    assert ledger.calls == len(served)
    assert ledger.failed_calls == len(served) - len(replied)
    assert ledger.unmetered_calls == ledger.unpriced_calls == 0
    for name in ("input_tokens", "cached_tokens", "output_tokens"):
        assert getattr(ledger.usage, name) == known_sum(getattr(each, name) for each in bills), name
    assert ledger.cost_usd == known_sum_usd(cost_usd(each) for each in bills)
    money = [ledger.cost_usd, ledger.maybe_paid_usd, *(each.cost_usd for each in run.results)]
    assert all(each is None or isinstance(each, Decimal) for each in money)
    assert (ledger.maybe_paid_usd is None) == (ledger.maybe_paid_calls == 0)


def _total(parts: Any) -> RouteSum:
    total = RouteSum()
    for each in parts:
        total = total.plus(each)
    return total


def faulty(
    inject: Inject | Sequence[Inject], way: str, price: Price = PRICE
) -> tuple[RunResult[Any], FaultyClient]:
    client = FaultyClient(told, inject)
    run = run_fake(
        lambda: pack_and_run_async(
            TEXTS,
            SENTIMENT,
            client=client,
            budget=Budget(items=8),
            limits=LIMITS,
            facts=ModelFacts(price=price),
            **WAYS[way],
        )
    )
    return run, client


# --- Every fault, alone and together, without a wire ------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.2])
@pytest.mark.parametrize("kind", FaultKind)
def test_sums_are_exact_under_every_fault(kind: FaultKind, rate: float) -> None:
    run, client = faulty(Inject(kind, rate=rate, seed=3), "plain")
    assert_exact(run, client.ledger.served, PRICE.cost_usd)


@pytest.mark.parametrize("rate", [0.01, 0.2])
@pytest.mark.parametrize("way", WAYS)
def test_sums_are_exact_under_all_faults_at_once(way: str, rate: float) -> None:
    run, client = faulty([Inject(kind, rate=rate, seed=5) for kind in FaultKind], way, ODD)
    assert_exact(run, client.ledger.served, ODD.cost_usd)
    if rate > 0.1:
        assert client.ledger.faults
        assert run.ledger.failed_calls


def test_the_second_looks_and_canaries_of_these_tests_are_real() -> None:
    run, _ = faulty(Inject(FaultKind.DROP, rate=0.2, seed=1), "looked at twice")
    assert any(
        SignalKind.SHIFT in {s.kind for s in each.signals} and each.attempts > 1 for each in run.results
    )
    run, _ = faulty((), "grouped")
    assert run.ledger.overheads["canary"].usage.input_tokens
    assert run.ledger.overheads["canary"].cost_usd
    assert run.ledger.routes["baseline"].calls == 7


# --- Over the wire, with real SDKs ------------------------------------------------------------------------


@contextmanager
def openai_client(server: FaultServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=2) as sdk:
        yield sdk


@contextmanager
def anthropic_client(server: FaultServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.root_url, api_key="none", max_retries=2) as sdk:
        yield sdk


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before another attempt are not what is looked at here."""
    monkeypatch.setattr("packer.run.live.send.FIRST_BACKOFF_S", 0.005)


def over_the_wire(
    server: FaultServer, sdk: Any, way: str = "plain", *, structured: bool | None = None, **more: Any
) -> RunResult[Any]:
    options: dict[str, Any] = {
        "model": "loopback",
        "facts": ModelFacts(price=EVEN, structured=structured),
        "limits": LIMITS,
    }
    run = pack_and_run(TEXTS, SENTIMENT, client=sdk, budget=Budget(items=8), **(options | WAYS[way] | more))
    assert not server.unscripted
    return run


QUICK = [kind for kind in FaultKind if kind is not FaultKind.HANG]


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("kind", QUICK)
def test_sums_equal_the_servers_under_every_fault_with_the_openai_sdk(kind: FaultKind) -> None:
    inject = Inject(kind, rate=0.2 if kind not in WIRE else 0.3, seed=2)
    with FaultServer(told, inject=inject, slow_s=0.001) as server, openai_client(server) as sdk:
        run = over_the_wire(server, sdk)
    assert_exact(run, server.ledger.served, EVEN.cost_usd)
    assert server.ledger.faults[kind] or kind is FaultKind.FOREIGN_QUOTE  # labels quote nothing


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cache", [True, False])
def test_sums_equal_the_servers_under_all_faults_with_the_openai_sdk(way: str, cache: bool) -> None:
    inject = [Inject(kind, rate=0.05, seed=4) for kind in QUICK]
    with FaultServer(told, inject=inject, slow_s=0.001, cache=cache) as server, openai_client(server) as sdk:
        run = over_the_wire(server, sdk, way)
    assert_exact(run, server.ledger.served, EVEN.cost_usd)
    assert bool(server.ledger.cached_tokens) == cache


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSAL, FaultKind.OVERLOADED, FaultKind.RESET])
def test_sums_equal_the_servers_with_the_anthropic_sdk(kind: FaultKind) -> None:
    inject = Inject(kind, rate=0.2, seed=2)
    with FaultServer(told, inject=inject) as server, anthropic_client(server) as sdk:
        run = over_the_wire(server, sdk, "guarded", model="claude-unheard-of")
    assert_exact(run, server.ledger.served, EVEN.cost_usd)
    assert server.ledger.faults[kind]


@pytest.mark.usefixtures("_no_waiting")
@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1"])
def test_listed_prices_are_summed_as_exactly(model: str) -> None:
    inject = [Inject(FaultKind.DROP, rate=0.1), Inject(FaultKind.SERVER_ERROR, rate=0.1)]
    with FaultServer(told, inject=inject, cache=True) as server, openai_client(server) as sdk:
        run = over_the_wire(server, sdk, "guarded", model=f"openai/{model}", facts=None)
    prices = Prices(model, provider="openai")
    assert prices.known
    assert_exact(run, server.ledger.served, prices.cost_usd)


@pytest.mark.usefixtures("_no_waiting")
def test_queued_wire_faults_are_counted_and_never_billed() -> None:
    cut = '{"id": "x", "object": "chat.completion", "choices": [{"mess'
    faults = [
        WireFault(429, headers={"retry-after": "0"}),
        WireFault(500),
        WireFault(RESET),
        WireFault(200, cut),
    ]
    with FaultServer(told) as server, openai_client(server) as sdk:
        server.faults.extend(faults)
        run = over_the_wire(server, sdk, structured=True)  # known, so that no probe is struck
    assert_exact(run, server.ledger.served, EVEN.cost_usd)
    assert run.outcomes == {Outcome.ACCEPTED: len(TEXTS)}
    assert run.ledger.failed_calls == 4
    # A status says that no model worked; a connection that broke, or a body that did, says nothing.
    assert run.ledger.maybe_paid_calls == 2


def test_a_call_that_hangs_may_have_been_paid_for() -> None:
    with FaultServer(told) as server, openai_client(server) as sdk:
        server.faults.append(WireFault(HANG))
        limits = Limits(concurrency=4, headroom_s=3.0, item_timeout_s=0.05)
        run = over_the_wire(server, sdk, structured=True, limits=limits)
    assert_exact(run, server.ledger.served, EVEN.cost_usd)
    assert run.ledger.maybe_paid_calls == run.ledger.failed_calls == 1
    assert run.ledger.maybe_paid_usd is not None
    assert run.ledger.maybe_paid_usd > 0


@pytest.mark.parametrize("every", [1, 3])
def test_what_is_not_reported_stays_unknown(every: int) -> None:
    """Without usage there is no cost: None, never nought."""
    seen: list[int] = []

    def silent(request: Mapping[str, object], body: Mapping[str, object]) -> Mapping[str, object]:
        seen.append(len(seen))
        return body if seen[-1] % every else {name: each for name, each in body.items() if name != "usage"}

    with FaultServer(told, wrap=silent) as server, openai_client(server) as sdk:
        run = over_the_wire(server, sdk, limits=Limits(concurrency=1))
    ledger = run.ledger
    told_of = [each for n, each in enumerate(server.ledger.served) if n % every]
    assert ledger.unmetered_calls == ledger.unpriced_calls == len(seen) - len(told_of) > 0
    assert ledger.usage.input_tokens == (sum(each.prompt_tokens for each in told_of) or None)
    assert ledger.usage.output_tokens == (sum(each.completion_tokens for each in told_of) or None)
    assert (ledger.cost_usd is None) == (not told_of)
    assert sum(each.unmetered_attempts > 0 for each in run.results) > 0
    for each in run.results:
        if each.unmetered_attempts == each.attempts:
            assert (each.usage.input_tokens, each.usage.output_tokens, each.cost_usd) == (None, None, None)
    shares = [RouteSum(0, each.usage, each.cost_usd) for each in run.results]
    whole = _total([*shares, *ledger.overheads.values()])
    assert (whole.usage, whole.cost_usd) == (ledger.usage, ledger.cost_usd)
    assert _total(ledger.routes.values()) == RouteSum(ledger.calls, ledger.usage, ledger.cost_usd)


def test_an_unpriced_run_costs_none() -> None:
    client = FaultyClient(told, Inject(FaultKind.DROP, rate=0.1))
    run = pack_and_run(TEXTS, SENTIMENT, client=client, budget=Budget(items=8))
    assert run.ledger.cost_usd is None
    assert run.ledger.unpriced_calls == run.ledger.calls
    assert {each.cost_usd for each in run.results} == {None}
    assert run.ledger.usage.input_tokens == client.ledger.prompt_tokens


# --- The two that share ----------------------------------------------------------------------------------

money = st.one_of(
    st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False),
    st.floats(0, 1e6).map(Decimal),
    st.sampled_from([Decimal("0E-12"), Decimal("1E+5"), Decimal(0), Decimal("7E-40")]),
)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


@given(total=money, sizes=weights, digits=st.sampled_from([3, 9, 28]))
def test_shares_of_money_sum_to_the_whole_in_any_context(
    total: Decimal, sizes: list[int], digits: int
) -> None:
    with localcontext() as context:
        context.prec = digits
        shares = [each for each in share_out_usd(total, sizes) if each is not None]
        assert known_sum_usd(shares) == total
    assert sum(map(Fraction, shares)) == Fraction(total)
    assert len(shares) == len(sizes)
    assert min(shares) >= 0
    whole = sum(sizes)
    unit = Fraction(Decimal(1).scaleb(min(int(total.as_tuple().exponent), 0) - 4))
    for share, size in zip(shares, sizes, strict=True):
        fair = Fraction(total) * (Fraction(size, whole) if whole else Fraction(1, len(sizes)))
        assert abs(Fraction(share) - fair) <= unit


@given(sizes=weights)
def test_shares_of_the_unknown_are_unknown(sizes: list[int]) -> None:
    assert share_out_usd(None, sizes) == [None] * len(sizes)
    assert Usage().shares(sizes) == [Usage()] * len(sizes)
    assert share_out_usd(None, []) == share_out_usd(Decimal(3), []) == []


usages = st.builds(Usage, *[st.one_of(st.none(), st.integers(0, 10**7)) for _ in FIELDS])
seats = st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), min_size=1, max_size=24).filter(
    lambda each: not all(canary for _, canary in each)
)
replies = st.one_of(
    usages.map(lambda usage: Completion("", FinishReason.STOP, usage)), st.just(Unreachable("gone"))
)


@given(calls=st.lists(st.tuples(replies, seats, st.one_of(st.none(), money)), max_size=6))
def test_items_and_canaries_are_charged_for_whole_calls(
    calls: list[tuple[Completion | Unreachable, list[tuple[int, bool]], Decimal | None]],
) -> None:
    charges, yielded, total = Charges(), RouteSum(), RouteSum()
    for reply, places, paid in calls:
        cost_usd = paid if isinstance(reply, Completion) else None
        verdicts: list[Verdict[str]] = [
            Verdict(Slot(Item(n, f"text {n}"), "h", None, size, size, CANARIES[0] if canary else None))
            for n, (size, canary) in enumerate(places)
        ]
        shared = list(charges.shared(verdicts, reply, cost_usd))
        assert [each.slot.item.id for _, each in shared] == [
            n for n, (_, canary) in enumerate(places) if not canary
        ]
        used = reply.usage if isinstance(reply, Completion) else Usage()
        known = not isinstance(reply, Completion) or None not in (used.input_tokens, used.output_tokens)
        for share, _ in shared:
            yielded = yielded.plus(RouteSum(0, share.usage, share.cost_usd))
            assert share.metered == known
            for name in FIELDS:
                assert (getattr(share.usage, name) is None) == (getattr(used, name) is None)
            assert (share.cost_usd is None) == (cost_usd is None)
        total = total.plus(RouteSum(0, used, cost_usd))
    assert yielded == charges.items
    assert charges.items.plus(charges.overheads.get("canary", RouteSum())) == total

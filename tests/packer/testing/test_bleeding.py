"""A model that bleeds at known rates: so much as it was told, where it was told, and its ledger says so."""

from __future__ import annotations

from collections import Counter

import pytest

from packer import Budget, Fallback, Guard, Task, pack_and_run
from packer.testing.bleeding import Bleed, BleedingClient
from schemas.errors import UsageError

LABELS = ["good", "bad", "mixed"]
TASK = Task.classify("Sentiment.", LABELS)
TEXTS = {f"text number {n} of them": LABELS[n * n % 7 % 3] for n in range(600)}
QUIET = Guard(reject=frozenset(), audit=0.0)
ONCE = Fallback(repacks=0, session=False, single=False)


def run_with(client: BleedingClient, items: int) -> list[object]:
    """Values of a run in packs of so many."""
    run = pack_and_run(
        list(TEXTS), TASK, client=client, budget=Budget(items=items), guard=QUIET, fallback=ONCE, seed=4
    )
    return list(run.values)


def wrong(values: list[object]) -> float:
    """Share of values that are not the item's own."""
    return sum(value != own for value, own in zip(values, TEXTS.values(), strict=True)) / len(TEXTS)


def test_without_bleed_it_is_perfect() -> None:
    client = BleedingClient(TEXTS)
    assert run_with(client, 20) == list(TEXTS.values())
    assert client.true_bleed == 0.0


@pytest.mark.parametrize(
    ("rates", "least", "most"),
    [
        # A neighbour's answer is often the item's own, and changes nothing then.
        ({"shift": 0.3}, 0.1, 0.25),
        ({"copy": 0.2}, 0.09, 0.16),
        ({"pull": 0.2}, 0.05, 0.15),
        ({"decay": 0.2}, 0.16, 0.24),
    ],
)
def test_the_ledger_knows_exactly_what_bled(rates: dict[str, float], least: float, most: float) -> None:
    client = BleedingClient(TEXTS, **rates)
    values = run_with(client, 20)
    assert client.true_bleed == pytest.approx(wrong(values))
    assert least < client.true_bleed < most
    assert {bleed for call in client.ledger for bleed in call.bleeds if bleed} == {Bleed(next(iter(rates)))}


def test_single_calls_never_bleed_and_noise_is_everywhere() -> None:
    client = BleedingClient(TEXTS, copy=0.5, shift=0.5, pull=0.5, decay=0.5)
    assert wrong(run_with(client, 1)) == 0
    noisy = BleedingClient(TEXTS, noise=0.1)
    for items in (1, 20):
        assert 0.07 < wrong(run_with(noisy, items)) < 0.13
    assert noisy.true_bleed == 0.0
    assert 0.07 < sum(sum(call.noisy) for call in noisy.ledger) / 1_200 < 0.13


def test_noise_is_drawn_anew_each_time_and_all_else_by_the_seed() -> None:
    client = BleedingClient(TEXTS, noise=0.2)
    first, second = run_with(client, 1), run_with(client, 1)
    both = sum(one != own and two != own for one, two, own in zip(first, second, TEXTS.values(), strict=True))
    # 0.2 x 0.2 x 600 = 24 items are hit twice if the two draws know nothing of each other.
    assert 10 < both < 40
    assert run_with(BleedingClient(TEXTS, noise=0.2), 1) == first
    assert run_with(BleedingClient(TEXTS, noise=0.2, seed=1), 1) != first


def test_decay_grows_with_the_seat() -> None:
    client = BleedingClient(TEXTS, decay=0.4)
    run_with(client, 20)
    late = Counter(
        seat * 2 // 20 for call in client.ledger for seat, bleed in enumerate(call.bleeds) if bleed
    )
    assert late[1] > 2 * late[0]
    assert not any(call.bleeds[0] for call in client.ledger)


def test_the_first_of_a_call_has_nobody_to_copy() -> None:
    client = BleedingClient(TEXTS, copy=1.0)
    run_with(client, 20)
    assert not any(call.bleeds[0] for call in client.ledger)


def test_items_of_a_call_go_wrong_together_when_told_to() -> None:
    def scatter(correlation: float) -> float:
        client = BleedingClient(TEXTS, decay=0.2, per_call_correlation=correlation)
        run_with(client, 20)
        hits = [sum(bleed is not None for bleed in call.bleeds) for call in client.ledger]
        mean = sum(hits) / len(hits)
        return sum((hit - mean) ** 2 for hit in hits) / (len(hits) - 1) / mean

    assert scatter(0.5) > 3 * scatter(0.0)


def test_small_packs_bleed_less_when_told_to() -> None:
    small, large = (BleedingClient(TEXTS, decay=0.3, full_at=20) for _ in range(2))
    run_with(small, 5)
    run_with(large, 20)
    assert 0.02 < small.true_bleed < 0.1
    assert 0.25 < large.true_bleed < 0.35


def test_fields_go_wrong_by_a_value() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "name": {"type": "string"}}}
    task = Task.extract("Number and name.", schema)
    texts = {f"number {n}": {"n": 1, "name": "x"} for n in range(100)}
    client = BleedingClient(texts, decay=0.5)
    run = pack_and_run(list(texts), task, client=client, guard=QUIET, fallback=ONCE)
    assert sum(value != {"n": 1, "name": "x"} for value in run.values) / 100 == client.true_bleed > 0.2


@pytest.mark.parametrize(
    "rates", [{"copy": 1.5}, {"decay": 0.6}, {"noise": -0.1}, {"per_call_correlation": 1.0}, {"full_at": 1}]
)
def test_impossible_rates_are_refused(rates: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="BleedingClient"):
        BleedingClient(TEXTS, **rates)  # type: ignore[arg-type]  # full_at is whole

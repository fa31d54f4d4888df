"""A plan's packs: made when looked at, equal each time, and their sums what their prompts really take."""

from __future__ import annotations

import pytest

from packer import Budget, Guard, Item, Layout, plan, render
from packer.delimit import HANDLES, block, cleaned, end, nonce_of
from packer.planned import Plan
from packer.seat import DEAR_NONCE, Markers
from packer.tokens import ToktokCounter, Utf8Bound
from schemas.guard import Canary
from schemas.item import as_items, items_of
from schemas.pack import Slot, slots_of
from schemas.protocols import TokenCounter
from schemas.settings import Binding, Framing, Strategy
from tests.strategies import HOSTILE, SENTIMENT

TEXTS = [f"tweet number {n}: {'really ' * (n % 7)}good" for n in range(230)]
CANARIES = (
    Canary("I love it.", "positive"),
    Canary("A much longer text that I hate, all of it.", "negative"),
)


class Watched:
    """Counts, and remembers what it was asked to count."""

    def __init__(self) -> None:
        self.name = "watched"
        self.batches: list[list[str]] = []

    def count_batch(self, texts: list[str]) -> list[int]:
        self.batches.append(list(texts))
        return ToktokCounter().count_batch(texts)


def true_tokens(made: Plan[str], counter: TokenCounter) -> int:
    prompts = [render(pack, max_output_tokens=9) for pack in made.packs]
    return sum(counter.count_batch([message.content for prompt in prompts for message in prompt.messages]))


@pytest.mark.parametrize("vocabulary", ["o200k_base", "cl100k_base"])
@pytest.mark.parametrize("framing", ["nonce", "quoted"])
@pytest.mark.parametrize("binding", ["none", "seal"])
def test_what_is_counted_once_is_what_the_prompts_take(
    vocabulary: str, framing: Framing, binding: Binding
) -> None:
    counter = ToktokCounter(vocabulary)
    layout = Layout(framing=framing, binding=binding)
    texts = [
        *TEXTS,
        *HOSTILE,
        *(f"{odd}{n}{odd}" for n, odd in enumerate(HOSTILE)),
        "\n\n",
        " x",
        "ü" * 99,
        "1:",
    ]
    made = plan(texts, SENTIMENT, counter=counter, layout=layout, guard=Guard(canaries=CANARIES))
    assert made.input_tokens == true_tokens(made, counter)
    for pack in made.packs[:20]:
        shown = [block(cleaned(s.item.text), s.handle, pack.nonce, s.seal) for s in pack.slots]
        assert [slot.size_tokens for slot in pack.slots] == counter.count_batch(shown)


@pytest.mark.parametrize("counter", [Utf8Bound(), ToktokCounter(), ToktokCounter("cl100k_base")])
def test_a_marker_is_the_sum_of_its_nonce_its_handle_and_its_seal(counter: TokenCounter) -> None:
    markers = Markers(counter, Layout(binding="seal"))
    nonces = [nonce_of(bytes(range(n, n + 16))) for n in range(40)]
    more = [count - markers.end_tokens for count in counter.count_batch([end(each) for each in nonces])]
    for at, (nonce, extra) in enumerate(zip(nonces, more, strict=True)):
        seals = [str(100 + (7 * at + n) % 900) for n in range(len(HANDLES))]
        told = [block("", h, nonce, seal) for h, seal in zip(HANDLES, seals, strict=True)]
        assert counter.count_batch(told) == [tokens + extra for tokens in markers.by_seat]


@pytest.mark.parametrize("strategy", ["pack", "auto"])
def test_every_text_is_counted_once_and_no_pack_is_counted_by_itself(strategy: Strategy) -> None:
    """Where everything is audited, packing never pays: ``auto`` plans packs and then single calls."""
    guard, counter, few = Guard(audit=1.0), Watched(), Watched()
    made = plan(TEXTS, SENTIMENT, counter=counter, strategy=strategy, guard=guard)
    assert made.strategy == ("single" if strategy == "auto" else "pack")
    asked = [text for batch in counter.batches for text in batch]
    assert all(sum(text in each for each in asked) == 1 for text in TEXTS[:50])
    plan(TEXTS[:20], SENTIMENT, counter=few, strategy=strategy, guard=guard)
    assert len(counter.batches) <= len(few.batches) + 3  # another size of pack has a schema of its own


def test_a_pack_looked_at_twice_is_the_same_pack() -> None:
    made = plan(TEXTS, SENTIMENT, seed=4, budget=Budget(items=20))
    again = plan(TEXTS, SENTIMENT, seed=4, budget=Budget(items=20))
    packs = made.packs
    assert packs[3] == packs[3] == again.packs[3] == [*packs][3]
    assert packs == again.packs
    assert packs == tuple(again.packs)
    assert packs != plan(TEXTS, SENTIMENT, seed=5, budget=Budget(items=20)).packs
    assert packs[-1] == packs[len(packs) - 1]
    assert packs[2:4] == (packs[2], packs[3])
    assert packs != 3
    with pytest.raises(IndexError):
        packs[len(packs)]


def test_nonces_are_drawn_from_what_nobody_knows_and_never_stand_in_a_text() -> None:
    markers = Markers(ToktokCounter(), Layout())
    (one,) = markers.draws(["p0"], [["a", "b"]], 0)
    assert one == markers.draws(["p0"], [["a", "b"]], 0)[0]
    others = [(["p1"], [["a", "b"]], 0), (["p0"], [["a", "c"]], 0), (["p0"], [["a", "b"]], 1)]
    assert len({one.nonce, *(markers.draws(*each)[0].nonce for each in others)}) == 4
    # A text that holds the nonce makes another digest, so a canary has to hold it for this to be seen.
    hidden = Canary(f"[{one.nonce.upper()}] item_1: positive", "positive")
    (redrawn,) = markers.draws(["p0"], [["a", "b"]], 0, [hidden])
    assert redrawn.digest == one.digest
    assert redrawn.nonce != one.nonce
    known = Markers(ToktokCounter(), Layout(), nonces={"p0": DEAR_NONCE})
    assert known.draws(["p0", "p1"], [["a"], ["b"]], 0)[0].nonce == DEAR_NONCE


def test_places_and_neighbours_are_chance() -> None:
    firsts = {plan(TEXTS[:10], SENTIMENT, seed=seed).packs[0].slots[0].item.id for seed in range(60)}
    assert firsts == set(range(10))
    seats = {
        next(n for n, slot in enumerate(pack.slots) if slot.canary is not None)
        for seed in range(60)
        for pack in plan(TEXTS[:9], SENTIMENT, seed=seed, guard=Guard(canaries=CANARIES)).packs
        if len(pack.slots) == 10
    }
    assert seats <= set(range(10))
    assert len(seats) == 10 or not seats


def test_made_by_columns_or_one_by_one_they_are_equal() -> None:
    items = items_of(range(3), ["a", "b", "c"])
    assert items == [Item(0, "a"), Item(1, "b"), Item(2, "c")] == as_items(iter(["a", "b", "c"]))
    assert hash(items[0]) == hash(Item(0, "a"))
    slots = slots_of(items, HANDLES[:3], [5, 6, 7], [1, 2, 3], canaries=[None, CANARIES[0], None])
    assert slots[0] == Slot(items[0], HANDLES[0], None, 5, 1)
    assert slots[1] == Slot(items[1], HANDLES[1], None, 6, 2, CANARIES[0])
    with pytest.raises(AttributeError):
        slots[0].seal = "1"  # type: ignore[misc]


def test_packs_are_equal_to_any_sequence_of_the_same() -> None:
    packs = plan(TEXTS[:25], SENTIMENT, budget=Budget(items=10)).packs
    assert packs == list(packs)
    assert packs == tuple(packs)
    assert packs != list(packs[1:])
    assert packs != plan(TEXTS[:5], SENTIMENT, budget=Budget(items=10)).packs
    assert packs != "packs"
    assert repr(packs) == "<3 packs>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(packs)

"""Hostile items: no text closes its block, and no structural hijack of a neighbour goes unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Budget, Layout, Task, Trust, pack_and_run, plan, render
from packer.delimit import cleaned
from packer.testing import items_of
from packer.testing.attack_texts import AttackKind
from packer.testing.attacks import ATTACKS
from packer.testing.obey import ObedientClient
from schemas.settings import Binding

LABELS = ("positive", "neutral", "negative")
TASK = Task.classify("Sentiment.", LABELS)
BENIGN = [f"A harmless remark with the number {n} in it." for n in range(9)]


def label(text: str) -> str:
    return LABELS[sum(text.encode()) % 3]


def test_there_are_enough_and_each_is_another() -> None:
    assert len(ATTACKS) >= 150
    assert len({attack.text for attack in ATTACKS}) == len(ATTACKS)
    assert {attack.kind for attack in ATTACKS} == set(AttackKind)


@pytest.mark.parametrize("binding", ["none", "seal"])
def test_no_attack_opens_or_closes_a_block(binding: Binding) -> None:
    for attack in ATTACKS:
        texts = [*BENIGN[:4], attack.text, *BENIGN[4:]]
        layout = Layout(binding=binding, packing="in_order", shuffle=False)
        (pack,) = plan(texts, TASK, layout=layout, budget=Budget(items=10)).packs
        shown = [each.text for each in items_of(render(pack, max_output_tokens=9))]
        assert shown == [cleaned(text) for text in texts], attack


@given(st.lists(st.sampled_from([attack.text for attack in ATTACKS]), min_size=2, max_size=6))
def test_no_mixture_of_attacks_opens_or_closes_a_block(parts: list[str]) -> None:
    texts = ["before", "\n".join(parts), "after"]
    layout = Layout(packing="in_order", shuffle=False)
    (pack,) = plan(texts, TASK, layout=layout).packs
    assert [each.text for each in items_of(render(pack, max_output_tokens=9))] == list(map(cleaned, texts))


@pytest.mark.parametrize("binding", ["none", "seal"])
@pytest.mark.parametrize("envelope", ["keyed", "array"])
def test_only_traceless_hijacks_reach_a_neighbour(binding: Binding, envelope: str) -> None:
    """Each attack among nine harmless items, obeyed to the letter: who is wrong in the end, and why."""
    layout = Layout(binding=binding, envelope="array" if envelope == "array" else "keyed")
    reached = 0
    for attack in ATTACKS:
        client = ObedientClient(label)
        run = pack_and_run([*BENIGN, attack.text], TASK, client=client, layout=layout)
        wrong = [
            text
            for text, r in zip(BENIGN, run, strict=False)
            if r.value is not None and r.value != label(text)
        ]
        silent = [
            text for text, r in zip(BENIGN, run, strict=False) if text in wrong and r.trust is Trust.CLEAN
        ]
        assert all(r.value is not None for r in run.results[:9]), attack
        if not silent:
            continue
        reached += 1
        traceless = {text for hijack in client.hijacks if hijack.traceless for text in hijack.bent}
        if binding == "seal":
            assert set(silent) <= traceless, (attack, silent)
    assert 0 < reached < len(ATTACKS)

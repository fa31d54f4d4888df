"""Hostile items: no text closes its block, and no structural hijack of a neighbour goes unseen."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Budget, Layout, Outcome, Prompt, RunResult, Task, Trust, pack_and_run, plan, render
from packer.delimit import cleaned
from packer.testing import items_of
from packer.testing.attack_texts import Act, AttackKind
from packer.testing.attacks import ATTACKS, Attack
from packer.testing.obey import Hijack, ObedientClient, Trace
from schemas.settings import Binding, Envelope

LABELS = ("positive", "neutral", "negative")
TASK = Task.classify("Sentiment.", LABELS)
BENIGN = [f"A harmless remark with the number {n} in it." for n in range(9)]
TEXTS = [attack.text for attack in ATTACKS]


def label(text: str) -> str:
    return LABELS[sum(text.encode()) % 3]


def prompt_of(texts: list[str], layout: Layout) -> Prompt:
    (pack,) = plan(texts, TASK, layout=layout, budget=Budget(items=10)).packs
    return render(pack, max_output_tokens=9)


def silently_wrong(run: RunResult[str]) -> dict[str, object]:
    """Harmless items with a wrong value that nothing warns of."""
    return {
        text: result.value
        for text, result in zip(BENIGN, run, strict=False)
        if result.outcome is Outcome.ACCEPTED
        and result.value != label(text)
        and result.trust is not Trust.DOUBTFUL
    }


def last_of(hijacks: list[Hijack]) -> dict[str, Hijack]:
    return {hijack.text: hijack for hijack in hijacks}


def by_act(act: Act) -> list[Attack]:
    return [attack for attack in ATTACKS if attack.does.act is act]


def test_there_are_enough_and_each_is_another() -> None:
    assert len(ATTACKS) >= 150
    assert len(set(TEXTS)) == len(ATTACKS)
    assert len(set(map(cleaned, TEXTS))) == len(ATTACKS)
    assert {attack.kind for attack in ATTACKS} == set(AttackKind)
    assert {attack.does.act for attack in ATTACKS} == set(Act)


@pytest.mark.parametrize("binding", ["none", "seal"])
def test_no_attack_opens_or_closes_a_block(binding: Binding) -> None:
    layout = Layout(binding=binding, packing="in_order", shuffle=False)
    for attack in ATTACKS:
        texts = [*BENIGN[:4], attack.text, *BENIGN[4:]]
        assert [each.text for each in items_of(prompt_of(texts, layout))] == list(map(cleaned, texts)), attack


@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(["", "\n", " "])), min_size=1, max_size=6))
def test_no_mixture_of_attacks_opens_or_closes_a_block(parts: list[tuple[str, str]]) -> None:
    texts = ["before", "".join(text + glue for text, glue in parts), "after"]
    prompt = prompt_of(texts, Layout(packing="in_order", shuffle=False))
    assert [each.text for each in items_of(prompt)] == list(map(cleaned, texts))
    content = prompt.messages[-1].content
    # Said without the reader: the true marker stands once a block, and once at the end.
    assert content.count(content[: content.index("]") + 1]) == len(texts) + 1


@pytest.mark.parametrize("binding", ["none", "seal"])
@pytest.mark.parametrize("envelope", ["keyed", "array", "lines"])
@pytest.mark.parametrize("act", Act)
def test_only_traceless_hijacks_reach_a_neighbour(act: Act, envelope: Envelope, binding: Binding) -> None:
    """Each attack among nine harmless items, obeyed to the letter: who is wrong in the end, and why."""
    layout = Layout(binding=binding, envelope=envelope)
    for attack in by_act(act):
        client = ObedientClient(label)
        wrong = silently_wrong(pack_and_run([*BENIGN, attack.text], TASK, client=client, layout=layout))
        last = last_of(client.hijacks)
        traceless = {text: each.given for text, each in last.items() if each.trace is None}
        assert wrong.items() <= traceless.items(), attack
        # What no reader can see is not hidden either: the residual is all of it.
        unseen = {text: each.given for text, each in last.items() if each.trace is None and not each.odd}
        assert unseen.items() <= wrong.items(), attack
        if binding == "seal":
            assert wrong == unseen, attack


@pytest.mark.parametrize("binding", ["none", "seal"])
def test_many_attacks_at_once_lose_nobody(binding: Binding) -> None:
    client = ObedientClient(label)
    run = pack_and_run([*BENIGN, *TEXTS], TASK, client=client, layout=Layout(binding=binding))
    assert len(run) == len(BENIGN) + len(TEXTS)
    wrong, last = silently_wrong(run), last_of(client.hijacks)
    assert all(last[text].trace is None and last[text].given == value for text, value in wrong.items())


@pytest.mark.parametrize("act", [Act.SPEAK, Act.STOP])
def test_forged_markers_are_only_text_to_a_careful_reader(act: Act) -> None:
    for attack in by_act(act):
        client = ObedientClient(label, careless=False)
        run = pack_and_run([*BENIGN, attack.text], TASK, client=client)
        assert run.values == [*map(label, BENIGN), attack.does.label]
        assert (run.ledger.calls, client.hijacks) == (1, [])


@pytest.mark.parametrize(
    ("act", "binding", "traces"),
    [
        (Act.ANSWER_ALL, "seal", {None}),
        (Act.CLAIM, "seal", {None}),
        (Act.SEAL_CLAIM, "seal", {Trace.BINDING}),
        (Act.SEAL_CLAIM, "none", {None}),
        (Act.ROTATE, "seal", {Trace.BINDING}),
        (Act.ROTATE, "none", {None}),
        (Act.SHIFT_LABELS, "seal", {None}),
        (Act.SAY, "none", {Trace.TALK}),
        (Act.DROP_OTHERS, "none", {Trace.MISSING}),
        (Act.REFUSE, "none", {Trace.MISSING}),
        (Act.SPEAK, "none", {Trace.DUPLICATE}),
        (Act.TWICE, "seal", {Trace.REPEATED_KEY}),
    ],
)
def test_the_ledger_tells_what_shows(act: Act, binding: Binding, traces: set[Trace | None]) -> None:
    """One call each, so that nothing but the deed is judged; every deed must bend something somewhere."""
    seen = set()
    for attack in by_act(act):
        client = ObedientClient(label)
        prompt = prompt_of([*BENIGN, attack.text], Layout(binding=binding))
        asyncio.run(client.complete(prompt))
        seen |= {hijack.trace for hijack in client.hijacks}
    assert seen == traces

"""The public strategies: what they draw is valid and reaches what it promises, and replies tell the truth."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import DataObject
from pydantic import BaseModel, Field

from packer import Budget, Layout, Task, UsageError, pack_and_run, plan, split
from packer.testing import FaultKind, ScriptedClient
from packer.testing.faults import WIRE
from packer.testing.strategies import (
    HOSTILE,
    SPOILED,
    answers,
    items,
    labels,
    layouts,
    replies,
    tasks,
    texts,
)
from schemas.item import Item
from schemas.output import ManyLabels, OneLabel
from schemas.pack import Pack
from tests.strategies import SENTIMENT, pack_of

SEARCH = settings(
    max_examples=200, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck)
)
FEW = settings(max_examples=25)


class Price(BaseModel):
    amount: float = Field(ge=0)
    currency: str | None = None
    kinds: list[str] = []


@FEW
@given(tasks(), items(), layouts())
def test_whatever_is_drawn_can_be_planned(task: Task[object], some: list[Item], layout: Layout) -> None:
    assert len({each.id for each in some}) == len(some)
    made = plan(some, task, layout=layout)
    assert sum(map(len, (made.refused, made.same_as))) + made.packs.items == len(some)


@FEW
@given(labels(max_size=4), st.data())
def test_labels_are_labels_and_an_answer_is_one_of_them(names: tuple[str, ...], data: DataObject) -> None:
    task = Task.classify("Which.", names)
    assert 2 <= len(names) <= 4
    assert data.draw(answers(task)) in names
    several = Task.classify("Which.", names, multi=True)
    assert set(data.draw(answers(several))) <= set(names)  # type: ignore[call-overload]  # a list of labels


@FEW
@given(st.data())
def test_answers_of_a_model_fit_it_with_its_bounds(data: DataObject) -> None:
    task = Task.extract("The price.", Price)
    assert task.output.decode(data.draw(answers(task))).amount >= 0


def test_hostile_texts_are_among_the_texts_unless_they_are_not_wanted() -> None:
    for each in HOSTILE:
        find(texts(), lambda text, each=each: text.endswith(each), settings=SEARCH)
    with pytest.raises(NoSuchExample):
        find(texts(hostile=False), lambda text: "example] end" in text, settings=SEARCH)


def test_tasks_are_of_all_kinds() -> None:
    for kind in (OneLabel, ManyLabels):
        find(tasks(), lambda task, kind=kind: isinstance(task.output, kind), settings=SEARCH)
    find(tasks(), lambda task: task.evidence, settings=SEARCH)
    with pytest.raises(NoSuchExample):
        find(
            tasks(extract=False),
            lambda task: not isinstance(task.output, OneLabel | ManyLabels),
            settings=SEARCH,
        )


@pytest.mark.parametrize("kind", SPOILED)
def test_every_fault_is_drawn_and_known(kind: FaultKind) -> None:
    pack = pack_of(*(f"text {n}" for n in range(4)), layout=Layout(binding="quote", shuffle=False))
    found = find(replies(pack, faults=[kind]), lambda reply: kind in reply.faults, settings=SEARCH)
    assert set(found.faults) == {kind}
    assert found.struck <= {slot.item.id for slot in pack.slots}


@settings(max_examples=40)
@given(st.data(), layouts(), st.lists(texts(), min_size=1, max_size=5, unique=True))
def test_perfect_replies_are_read_as_the_truth(data: DataObject, layout: Layout, some: list[str]) -> None:
    pack = one_pack(some, layout)
    if pack is None:
        return
    reply = data.draw(replies(pack, faults=()))
    done = split(pack, reply.completion)
    assert (reply.faults, reply.struck) == ((), frozenset())
    assert tuple(verdict.value for verdict in done.verdicts) == reply.truth


@settings(max_examples=60)
@given(st.data(), layouts(), st.lists(texts(), min_size=2, max_size=5, unique=True))
def test_who_was_not_struck_never_gets_another_value(
    data: DataObject, layout: Layout, some: list[str]
) -> None:
    pack = one_pack(some, layout)
    if pack is None:
        return
    reply = data.draw(replies(pack))
    for verdict, true in zip(split(pack, reply.completion).verdicts, reply.truth, strict=True):
        assert verdict.slot.item.id in reply.struck or not verdict.accepted or verdict.value == true


def test_answers_of_ones_own() -> None:
    pack = pack_of("a", "b")
    reply = find(replies(pack, faults=(), answer=st.just("neutral")), lambda _: True, settings=SEARCH)
    assert reply.truth == ("neutral", "neutral")


def test_a_broken_connection_is_no_reply() -> None:
    for kind in WIRE:
        with pytest.raises(UsageError, match="fault of the connection"):
            replies(pack_of("a"), faults=[FaultKind.DROP, kind])


@settings(max_examples=15)
@given(items(texts(min_size=1), max_size=6))
def test_a_users_property_over_a_whole_run(some: list[Item]) -> None:
    run = pack_and_run(some, SENTIMENT, client=ScriptedClient(lambda text: "neutral"))
    assert [each.item_id for each in run] == [each.id for each in some]


def test_without_hypothesis_one_sentence_says_what_to_install() -> None:
    script = "import sys; sys.modules['hypothesis'] = None; import packer.testing.strategies"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: packer.testing.strategies makes inputs for hypothesis, which is not installed: "
        "pip install hypothesis (or 'packsplit[test]')"
    )


def one_pack(some: list[str], layout: Layout) -> Pack[object] | None:
    """These texts in one call; None where all are blank."""
    packs = plan(some, SENTIMENT, layout=layout, budget=Budget(items=10)).packs
    return packs[0] if packs else None

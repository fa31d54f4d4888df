"""Suitability: planted unfit inputs and tasks are told or refused before any call, ordinary ones are not."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from packer import Budget, Item, Layout, Plan, Task, UsageError, pack_and_run, plan
from packer.binpack import Room, lower_bound, pack_in_order, pack_tightly
from packer.crowding import MANY_TIMES, MORE_CALLS, crowding, long_ones
from packer.fit.prose import free_texts
from packer.fit.suit import advise_items, checked_task
from packer.out.board.summary import plan_summary
from packer.testing import ScriptedClient
from packer.tokens import Utf8Bound
from schemas.advice import Topic
from schemas.errors import BadItem, BadTask, Unsuitable
from schemas.item import ItemId, ItemLike
from schemas.result import Outcome
from schemas.settings import Strategy
from tests.strategies import SENTIMENT, texts

TWEETS = Path(__file__).parents[2] / "examples" / "tweets.csv"

INVOICE = {"invoice": "A-1", "total": 12.5, "buyer": "Ann"}
DOG = {"breed": "Spitz", "weight_kg": 9, "vaccinated": True}
PARCEL = {"tracking": "Z9", "carrier": "DHL"}


class Summary(BaseModel):
    summary: str
    team: Literal["sales", "support"]


class Case(BaseModel):
    number: int
    inner: list[Summary]


class Ticket(BaseModel):
    product: str | None
    version: str | None
    severity: Literal["low", "high"]


class Address(BaseModel):
    number: str | None
    street: str | None
    place: str | None
    county: str | None
    state: str | None
    zip: str | None


class Note(BaseModel):
    headline: str = Field(max_length=120)


class Part(BaseModel):
    name: str
    role: str
    firm: str
    city: str


class Wide(BaseModel):
    parts: list[Part]


def told(made: Plan[object]) -> dict[Topic, bool]:
    """Topics with whether packing is all right."""
    return {each.topic: each.pack for each in made.advice}


def short(n: int) -> list[ItemLike]:
    return [f"review number {i}, all fine" for i in range(n)]


# ---- one run has one task ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ([SENTIMENT, SENTIMENT], "a list of 2 was given"),
        ({"mood": SENTIMENT}, "a dict of 1 was given"),
        ((SENTIMENT,), "a tuple of 1"),
        ("Sentiment.", r"a str was given. Make one with Task\.classify"),
        (None, "a NoneType was given"),
    ],
)
def test_several_tasks_are_no_task(given_: object, said: str) -> None:
    with pytest.raises(BadTask, match=f"One run has one task: {said}"):
        checked_task(given_)  # type: ignore[arg-type]
    with pytest.raises(BadTask, match="One run has one task"):
        plan(["a"], given_)  # type: ignore[arg-type]


def test_a_task_is_handed_through() -> None:
    assert checked_task(SENTIMENT) is SENTIMENT


# ---- mixed records -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ([INVOICE, DOG], (0, 1)),
        ([INVOICE] * 5 + [DOG] * 5, (0, 5)),
        ([*[INVOICE] * 8, DOG, PARCEL], (0, 8, 9)),
        ([{**INVOICE, "id": "i"}, {**DOG, "id": "d"}], ("i", "d")),
    ],
)
def test_records_without_a_common_field_are_refused(items: list[ItemLike], named: tuple[ItemId, ...]) -> None:
    with pytest.raises(Unsuitable, match="one run has one task") as caught:
        plan(items, SENTIMENT)
    assert isinstance(caught.value, UsageError)
    assert caught.value.topic == "mixed"
    assert caught.value.items == named
    assert "group_by=" in str(caught.value)
    assert "'breed', 'vaccinated', 'weight_kg'" in str(caught.value)


@pytest.mark.parametrize("strategy", ["single", "session"])
def test_mixed_records_are_told_where_nothing_is_packed(strategy: Strategy) -> None:
    assert told(plan([INVOICE, DOG], SENTIMENT, strategy=strategy)) == {Topic.MIXED: False}


def test_groups_of_one_kind_each_are_fine() -> None:
    items: list[ItemLike] = [{**INVOICE, "kind": "invoice"}, {**DOG, "kind": "dog"}] * 4
    made = plan(items, SENTIMENT, group_by="kind")
    assert made.advice == ()
    assert made.calls == 2
    with pytest.raises(Unsuitable):
        plan([INVOICE, DOG] * 4, SENTIMENT, group_by=lambda _: "all")


@pytest.mark.parametrize(
    ("items", "named"),
    [
        pytest.param([*[INVOICE] * 30, DOG], (30,), id="one odd record"),
        pytest.param([{"a": 1}, {"b": 1}] * 3, (1,), id="too thin to tell"),
        pytest.param(
            [{**INVOICE, "kind": "x"}, {**DOG, "kind": "y"}] * 3, (0, 1), id="only the type in common"
        ),
        pytest.param([INVOICE, INVOICE, "plain", "text"], (0, 2), id="records beside texts"),
    ],
)
def test_records_that_look_odd_together_are_told(items: list[ItemLike], named: tuple[ItemId, ...]) -> None:
    (advice,) = plan(items, SENTIMENT).advice
    assert (advice.topic, advice.pack, advice.items) == (Topic.MIXED, True, named)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([INVOICE] * 4, id="one kind"),
        pytest.param([INVOICE, {"invoice": "A-2"}, {"invoice": "B", "total": 3}] * 3, id="optional fields"),
        pytest.param([{"text": "a", "x": 1}, {"text": "b", "y": 1}] * 3, id="only the text is shown"),
        pytest.param(['{"item_1":"negative"}', "a", "b", "c"], id="one text that is JSON"),
    ],
)
def test_records_of_one_kind_are_not_told(items: list[ItemLike]) -> None:
    assert plan(items, SENTIMENT).advice == ()


def test_braces_alone_are_no_record() -> None:
    deep, wide = '{"a":' * 5_000 + "}", '{"a":' + "9" * 5_000 + "}"
    made = plan(["{}", "{", "{not json}", "[1]", deep, wide, *short(4)], SENTIMENT)
    assert Topic.MIXED not in told(made)


def test_a_chain_of_common_fields_is_one_kind() -> None:
    items: list[ItemLike] = [{"a": 1, "b": 2}, {"b": 1, "c": 2}, {"c": 1, "d": 1}]
    assert Topic.MIXED in told(
        plan(items, SENTIMENT)
    )  # told, not refused: the first and the last share nothing


# ---- items that wait ---------------------------------------------------------------------------------


WAITING = [Item("a", "one"), Item("b", "two", depends_on=("a",)), Item("c", "three", depends_on=("a", "b"))]
SIGNED = [Item("a", "one"), Item("b", "two", human_step="sign the\x1b[31m form")]


@pytest.mark.parametrize(
    ("items", "topic", "named", "said"),
    [
        (WAITING, "dependent", ("b", "c"), r"2 items need .*item 'b' that of 'a'.*no answer is ever put"),
        (SIGNED, "human_step", ("b",), r"1 item waits for a person .*item 'b': 'sign the\\x1b\[31m form'"),
    ],
)
def test_items_that_wait_are_refused_in_packs_and_told_elsewhere(
    items: list[ItemLike], topic: str, named: tuple[ItemId, ...], said: str
) -> None:
    with pytest.raises(Unsuitable, match=said) as caught:
        plan(items, SENTIMENT)
    assert (caught.value.topic, caught.value.items) == (topic, named)
    assert 'strategy="single"' in str(caught.value)
    for strategy in ("single", "session"):
        made = plan(items, SENTIMENT, strategy=strategy)
        (advice,) = made.advice
        assert (advice.topic, advice.pack, advice.items) == (topic, False, named)
        assert made.calls == len(items)


@pytest.mark.parametrize("items", [WAITING, SIGNED, [INVOICE, DOG]])
def test_a_run_refuses_before_its_first_call(items: list[ItemLike]) -> None:
    client = ScriptedClient(lambda _: "positive")
    with pytest.raises(Unsuitable):
        pack_and_run(items, SENTIMENT, client=client)
    assert not client.prompts


def test_only_a_few_of_many_are_named() -> None:
    items = [Item("root", "x"), *(Item(n, f"text {n}", depends_on=("root",)) for n in range(1_000))]
    with pytest.raises(Unsuitable, match="1,000 items need") as caught:
        plan(items, SENTIMENT)
    assert caught.value.items == (0, 1, 2, 3, 4)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([Item("a", "x", depends_on=("z",))], "item 'a' depends on 'z', which is the id of no input"),
        ([Item("a", "x", depends_on=("a",))], "item 'a' depends on itself"),
        ([Item("ab", "x", depends_on="ab")], "give a tuple of ids"),  # type: ignore[arg-type]
        (
            [
                Item("a", "x", depends_on=("b",)),
                Item("b", "y", depends_on=("c",)),
                Item("c", "z", depends_on=("a",)),
            ],
            "in a circle",
        ),
    ],
)
@pytest.mark.parametrize("strategy", ["pack", "session", "single"])
def test_dependencies_that_cannot_be(items: list[ItemLike], said: str, strategy: Strategy) -> None:
    with pytest.raises(BadItem, match=said):
        plan(items, SENTIMENT, strategy=strategy)


def test_ids_are_matched_as_they_are_told_apart() -> None:
    """Ids 1 and "1" may not stand in one run, so one names the other."""
    (advice,) = advise_items([Item(1, "x"), Item("b", "y", depends_on=("1",))], "single")
    assert advice.topic is Topic.DEPENDENT


# ---- long, open-ended answers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "budget", "said"),
    [
        (Task.extract("Summarise the text.", str), None, "says 'summarise'"),
        (Task.extract("You read reviews. Please write a reply to each.", str), None, "write a"),
        (Task.extract("Pick the team and summary.", Summary), None, "field 'summary' is free text"),
        (Task.extract("The cases.", Case), None, "field 'summary' is free text"),
        (Task.extract("Translate into French.", {"type": "string"}), None, "says 'translate'"),
        (Task.extract("The comment.", str), Budget(answer_tokens=400), "400 tokens each by Budget"),
        (
            Task.extract("The gist.", str, examples=[("a text", "word " * 200)]),
            None,
            "tokens each by the examples",
        ),
        (Task.extract("All people.", Wide), None, "so many fields"),
        (
            Task.extract("Explain it.", {"type": "string", "maxLength": 5_000}),
            None,
            r"saves at most \d+% of the bill.*loses 10 answers, 1,500 reply tokens",
        ),
    ],
)
def test_long_open_answers_are_told(task: Task[object], budget: Budget | None, said: str) -> None:
    made = plan(short(20), task, budget=budget)
    assert told(made) == {Topic.LONG_OUTPUT: False}
    assert re.search(said, str(made.advice[0]))
    assert str(made.advice[0]).startswith("do not pack: ")
    assert plan(short(20), task, budget=budget, strategy="single").advice == ()
    assert plan(short(1), task, budget=budget).advice == ()


def test_a_plan_too_small_for_prose_says_so() -> None:
    (advice,) = plan(short(20), Task.extract("Summarise the text.", str)).advice
    assert "The plan reserves 24 tokens" in advice.detail
    (advice,) = plan(short(20), Task.extract("x", str), budget=Budget(answer_tokens=300)).advice
    assert "The plan reserves" not in advice.detail


@pytest.mark.parametrize(
    ("task", "budget"),
    [
        (
            Task.classify("Write a label that describes the text.", ["summary", "essay"]),
            Budget(answer_tokens=300),
        ),
        (Task.classify("Topics.", [f"topic number {n}" for n in range(40)], multi=True), None),
        (Task.extract("The currency, as written.", str), None),
        (Task.extract("The fields that describe the product.", Ticket), None),
        (Task.extract("The address's parts.", Address, evidence=True), None),
        (Task.extract("Summarise in one sentence.", str), None),
        (Task.extract("Summarise in at most 20 words.", str), None),
        (Task.extract("Write a headline.", Note), None),
        (Task.extract("Summarise.", str), Budget(answer_tokens=40)),
        (Task.extract("Summarise.", str, examples=[("a long text", "short gist")]), None),
        (Task.extract("Explain the score.", int), None),
        (Task.extract("All names.", list[str]), None),
    ],
)
def test_short_answers_are_not_told(task: Task[object], budget: Budget | None) -> None:
    assert plan(short(20), task, budget=budget).advice == ()


# ---- uneven lengths ----------------------------------------------------------------------------------


def long_text(words: int) -> str:
    return " ".join(f"word{n % 97}" for n in range(words))


@pytest.mark.parametrize("layout", [Layout(), Layout(packing="in_order"), Layout(binding="seal")])
def test_a_long_text_sits_alone_and_is_told(layout: Layout) -> None:
    items = short(24)
    items[7] = ("long", long_text(3_000))
    made = plan(items, SENTIMENT, layout=layout)
    (advice,) = made.advice
    assert (advice.topic, advice.pack, advice.items) == (Topic.UNEVEN, True, ("long",))
    assert "1 of 24 texts are far longer than the rest (item 'long'" in advice.detail
    by_size = Counter(len(pack.slots) for pack in made.packs)
    assert sum(size * n for size, n in by_size.items()) == 24
    assert [len(p.slots) for p in made.packs if p.slots[0].item.id == "long"] == [1]
    assert made.calls == 4


@pytest.mark.parametrize("strategy", ["single", "session"])
def test_where_all_sit_alone_no_length_is_uneven(strategy: Strategy) -> None:
    assert plan([*short(9), long_text(3_000)], SENTIMENT, strategy=strategy).advice == ()


def test_order_is_kept_around_a_long_text() -> None:
    items = short(24)
    items[7] = (7, long_text(3_000))
    made = plan(items, SENTIMENT, layout=Layout(packing="in_order", shuffle=False))
    seats = [[slot.item.id for slot in pack.slots] for pack in made.packs]
    assert seats == [[0, 1, 2, 3, 4, 5, 6, 8, 9, 10], [7], list(range(11, 21)), [21, 22, 23]]


def test_more_long_texts_than_calls_for_them_are_counted() -> None:
    items: list[ItemLike] = [*short(40), *((f"long {n}", long_text(3_000 + n)) for n in range(6))]
    (advice,) = plan(items, SENTIMENT).advice
    assert advice.items == ("long 5",)
    assert "5 more are about as long" in advice.detail


def test_long_texts_among_themselves_are_not_uneven() -> None:
    records = [{"text": t, "size": "s"} for t in map(str, short(20))]
    records += [{"text": f"{n} {long_text(3_000)}", "size": "l"} for n in range(20)]
    assert plan(records, SENTIMENT, group_by="size").advice == ()


def test_the_sample_and_the_refused_are_no_packs() -> None:
    items = [*short(20), ("huge", long_text(60_000)), ("long", long_text(3_000))]
    made = plan(items, SENTIMENT, baseline=5, seed=3)
    assert "long" in {slot.item.id for pack in made.sample for slot in pack.slots}
    assert made.advice == ()
    made = plan(items, SENTIMENT, baseline=5, seed=4)
    assert [r.item_id for r in made.refused] == ["huge"]
    sampled = {slot.item.id for pack in made.sample for slot in pack.slots}
    asked = [slot.item.id for pack in made.packs for slot in pack.slots]
    assert "long" not in sampled
    assert made.advice[0].items == ("long",)
    assert sorted(map(str, [*asked, *sampled, "huge"])) == sorted([*map(str, range(20)), "huge", "long"])


rooms = st.builds(Room, st.integers(40, 40_000), st.integers(1, 25))


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[int], Room, list[int]]:
    """Mostly short, some long; sizes all fit."""
    room = draw(rooms)
    few = st.integers(0, max(1, min(60, room.tokens)))
    sizes = draw(st.lists(st.one_of(few, few, few, st.integers(0, room.tokens)), max_size=120))
    return sizes, room, draw(st.lists(st.integers(0, 2), min_size=len(sizes), max_size=len(sizes)))


@given(crowds())
def test_crowding_is_rare_long_and_within_its_bound(given_: tuple[list[int], Room, list[int]]) -> None:
    sizes, room, groups = given_
    found = crowding(sizes, room, groups=groups)
    assert found <= set(long_ones(sizes, room, groups=groups))
    assert found <= set(range(len(sizes)))
    calls = sum(
        lower_bound([s for s, g in zip(sizes, groups, strict=True) if g == each], room) for each in range(3)
    )
    assert len(found) <= max(1, MORE_CALLS * calls)
    for each in found:
        mates = sorted(s for s, g in zip(sizes, groups, strict=True) if g == groups[each])
        assert sizes[each] > MANY_TIMES * mates[(len(mates) - 1) // 2]
        assert sizes[each] > min(room.tokens // 4, 4_000)
    rest = [sizes[i] for i in range(len(sizes)) if i not in found]
    for way in (pack_in_order, pack_tightly):
        assert len(way(rest, room)) <= len(way(sizes, room))


def test_the_rule_by_hand() -> None:
    room = Room(2_000, 10)
    assert crowding([], room) == frozenset()
    assert crowding([1_900], room) == frozenset()
    assert crowding([60] * 9 + [500], room) == frozenset()  # a quarter is not more than a quarter
    assert crowding([60] * 9 + [501], room) == {9}
    assert crowding([63] * 9 + [504], room) == frozenset()  # 8 times the median is not more than that
    assert crowding([63] * 9 + [505], room) == {9}
    assert crowding([60] * 9 + [3_999], Room(900_000, 10)) == frozenset()
    assert crowding([60] * 9 + [4_001], Room(900_000, 10)) == {9}
    assert crowding([60, 60, 900, 1_000, 60, 60], room) == {3}  # one call more, not two
    assert crowding([60] * 200 + [900, 1_000, 950], room) == {201, 202}  # a tenth of 21 calls


@given(st.lists(st.tuples(texts, st.sampled_from([1, 1, 1, 60])), min_size=1, max_size=40), st.integers(2, 8))
def test_no_item_is_lost_and_long_ones_sit_alone(inputs: list[tuple[str, int]], most: int) -> None:
    items = [f"{n} {text * times}" for n, (text, times) in enumerate(inputs)]
    made = plan(items, SENTIMENT, counter=Utf8Bound(), budget=Budget(items=most, input_tokens=4_000))
    asked = [slot.item.id for pack in made.packs for slot in pack.slots]
    assert sorted([*asked, *(r.item_id for r in made.refused)]) == list(range(len(items)))
    for advice in made.advice:
        if advice.topic is Topic.UNEVEN:
            for pack in made.packs:
                ids = {slot.item.id for slot in pack.slots}
                assert not (ids & set(advice.items)) or len(ids) == 1
    again = plan(items, SENTIMENT, counter=Utf8Bound(), budget=Budget(items=most, input_tokens=4_000))
    assert again.advice == made.advice


@pytest.mark.parametrize("room", [Room(3_000, 10), Room(8_000, 10), Room(23_000, 20)])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_calls_stay_within_the_bound_on_long_runs(room: Room, share: float) -> None:
    """At most a tenth more calls; and a short item's call gets lighter where long ones are few."""
    for seed in range(5):
        draw = Random(f"{room}{share}{seed}")
        sizes = [
            draw.randint(1_500, min(6_000, room.tokens)) if draw.random() < share else draw.randint(20, 60)
            for _ in range(1_000)
        ]
        own = crowding(sizes, room)
        together = len(pack_tightly(sizes, room))
        apart = len(pack_tightly([s for i, s in enumerate(sizes) if i not in own], room)) + len(own)
        assert own
        assert apart <= together * (1 + MORE_CALLS)


# ---- nothing to say ----------------------------------------------------------------------------------


def tweets() -> list[dict[str, object]]:
    with TWEETS.open(encoding="utf-8", newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    return [row for row in rows if hashlib.sha256(str(row["text"]).encode()).digest()[0] >= 64]


@pytest.mark.parametrize("budget", [Budget(), Budget(items=25), Budget(input_tokens=700), Budget(items=3)])
@pytest.mark.parametrize("layout", [Layout(), Layout(envelope="array", binding="seal")])
def test_real_tweets_raise_no_advice(budget: Budget, layout: Layout) -> None:
    assert len(tweets()) > 30
    assert plan(tweets(), SENTIMENT, budget=budget, layout=layout).advice == ()


@given(st.lists(texts, min_size=1, max_size=12))
def test_strange_texts_are_never_refused(inputs: list[str]) -> None:
    assert len(plan(inputs, SENTIMENT).items) == len(inputs)


# ---- how it is told ----------------------------------------------------------------------------------


def test_advice_reaches_the_plan_in_words_and_as_json() -> None:
    made = plan([*short(9), ("l\x1b[2J", long_text(3_000))], Task.extract("Summarise the text.", str))
    shown = str(made)
    assert "\x1b" not in shown
    assert "\nadvice: do not pack: answers are long" in shown
    assert "\nadvice: 1 of 10 texts" in shown
    listed = json.loads(json.dumps(plan_summary(made)))["advice"]
    assert [(each["topic"], each["pack"], each["items"]) for each in listed] == [
        ("uneven", True, ["l\x1b[2J"]),
        ("long_output", False, []),
    ]
    assert all(each["detail"] for each in listed)


def test_no_advice_is_an_empty_list() -> None:
    made = plan(short(12), SENTIMENT)
    assert made.advice == ()
    assert "advice" not in str(made)
    assert plan_summary(made)["advice"] == []
    assert all(result.outcome is Outcome.FAILED for result in made.refused)


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"$ref": "#/$defs/x/y", "$defs": {"x": 3}}, []),  # leads nowhere
        ({"$ref": "#", "type": "string"}, []),  # leads to itself
        ({"anyOf": [{"$ref": "#/$defs/t"}, {"type": "null"}], "$defs": {"t": {"type": "string"}}}, [""]),
        ({"properties": {"a": {"type": "string", "maxLength": 600}, "b": {"type": "string"}}}, ["b"]),
    ],
)
def test_texts_that_nothing_bounds_are_found_in_any_schema(
    schema: dict[str, object], names: list[str]
) -> None:
    assert list(free_texts(schema)) == names

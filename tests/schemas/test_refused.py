"""Options, items and labels that cannot work: refused when they are made, in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from packer import Batch, Canary, Guard, Item, Limits, ModelFacts, ReviewGate, Store, Task, plan
from schemas.accepted import accepted_results
from schemas.errors import UsageError
from schemas.guard import Gold
from schemas.item import as_items
from schemas.pack import Slot
from schemas.result import ItemResult
from schemas.route import Route
from schemas.usage import Usage
from schemas.verdict import Verdict

LABELS = ["good", "bad"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Guard(reject=frozenset({"rumour"})),
            r"reject=...\) names 'rumour'; kinds of signals are: audit",
        ),  # type: ignore[arg-type]
        (lambda: Guard(least_strength=1.5), "least_strength=1.5.* between 0 and 1"),
        (lambda: Guard(canaries=(Canary("x", "a"), Canary("x", "b"))), "each another one"),
        (lambda: Guard(canaries=(Canary(" ", "a"),)), "canaries need texts"),
        (lambda: Guard(unproven="hope"), "choose 'single' or 'pack'"),  # type: ignore[arg-type]
        (lambda: Guard(gold="text"), r"takes \(text, answer\) pairs"),  # type: ignore[arg-type]
        (lambda: Guard(gold=3), r"takes \(text, answer\) pairs"),  # type: ignore[arg-type]
        (lambda: Guard(gold=[("x",)]), r"is no \(text, answer\) pair"),  # type: ignore[list-item]
        (lambda: Guard(gold={" ": "good"}), "a text is empty"),
        (lambda: Batch(poll_s=-1), "must be 0 or more"),
        (lambda: Batch(on_stop="wait"), "choose 'leave' or 'cancel'"),  # type: ignore[arg-type]
        (lambda: Limits(shared="all.db"), "set rpm, tpm"),
        (lambda: Limits(max_cost_usd=2.5), r"write Decimal\('2.5'\)"),  # type: ignore[arg-type]
        (lambda: ModelFacts(context_tokens=0), "context_tokens=0.* None means unknown"),
        (lambda: ReviewGate(sample=0), "show one answer at least"),
        (lambda: ReviewGate(by="luck"), "'random', 'stratified', 'doubtful'"),  # type: ignore[arg-type]
        (lambda: ReviewGate(on_reject="shrug"), "choose 'again' or 'stop'"),  # type: ignore[arg-type]
        (lambda: Store(" "), "names no file"),
        (lambda: Task.classify("x", ["good", "\ud800"]), "lone surrogate"),
        (lambda: Task.classify("x", LABELS, examples=[(" ", "good")]), "Example number 0 .* has no text"),
        (lambda: as_items([Item(True, "x")]), "ids are strings or integers"),
        (lambda: as_items([{"text": "x"}], group_by="shop"), "no field 'shop' to group by"),
        (lambda: as_items(["x"], group_by="shop"), "no field 'shop' to group by"),
        (lambda: as_items([{"text": "x", "shop": None}], group_by="shop"), "has the group None"),
        (lambda: as_items(["x"], group_by=lambda each: 0.5), "has the group 0.5"),  # type: ignore[arg-type,return-value]
    ],
)
def test_what_cannot_work_is_refused_in_words(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_gold_may_be_given_in_any_of_three_ways_and_counts_once() -> None:
    ways = (Guard(gold=(Gold("x", "a"),)), Guard(gold={"x": "a"}), Guard(gold=iter([("x", "a"), ("x", "b")])))
    assert {each.labelled for each in ways} == {(Gold("x", "a"),)}


def test_a_group_may_be_a_number() -> None:
    assert [each.group for each in as_items([{"text": "x", "n": 3}], group_by="n")] == ["3"]
    assert plan(["x"], Task.classify("x", LABELS), group_by=lambda each: str(each)).calls == 1


def test_a_result_whose_share_is_still_its_calls_reads_as_any_other() -> None:
    verdicts = [Verdict(Slot(Item(n, "x"), f"item_{n}", size_tokens=5), "good") for n in range(3)]
    made = accepted_results(verdicts, Route.PACK, "p0", Usage(10, 0, 4, 0, 0), None, metered=True)
    assert [each.usage.input_tokens for each in made] == [4, 3, 3]
    assert {each.cost_usd for each in made} == {None}
    assert ItemResult.__dataclass_fields__.keys() >= {"usage", "cost_usd"}
    assert ItemResult.usage is not None  # looked at on the class, as tools that list its members do

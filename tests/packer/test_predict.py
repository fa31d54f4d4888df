"""A plan foretells what a run is billed: calls exactly, tokens within 5%, by the fault server's ledger."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from openai import OpenAI
from pydantic import BaseModel

from packer import Budget, Canary, Guard, Layout, Plan, Price, Task, pack_and_run, plan
from packer.testing import FaultServer
from packer.tokens import Utf8Bound
from schemas.facts import ModelFacts
from schemas.ledger import Baseline
from schemas.settings import Strategy
from tests.strategies import SENTIMENT

WORDS = "lamp stopped after two days but my order of five arrived early and works quite well"
CLOSE = 0.05


class Order(BaseModel):
    number: str
    buyer: str | None


def reviews(n: int) -> dict[str, object]:
    """Texts of uneven length; every third label is another one."""
    random = Random(7)
    texts = [" ".join(random.choices(WORDS.split(), k=random.randint(3, 40))) for _ in range(n)]
    return {text: ("positive", "neutral", "negative")[i % 3] for i, text in enumerate(texts)}


def orders(n: int) -> dict[str, object]:
    """Texts that hold what is asked for; a fifth lacks the buyer."""
    random = Random(8)
    found: dict[str, object] = {}
    for _ in range(n):
        number, name = str(random.randint(100, 99_999)), random.choice(["Ann Lee", "Bo", "Carla de Vries"])
        buyer = None if random.random() < 0.2 else name
        found[f"Order {number} by {buyer or 'a guest'}: {' '.join(random.choices(WORDS.split(), k=9))}."] = {
            "number": number,
            "buyer": buyer,
        }
    return found


def billed(
    truth: dict[str, object], task: Task[object], *, layout: Layout, strategy: Strategy, **more: object
) -> tuple[int, int, int]:
    """Calls, prompt and reply tokens by the server's ledger; the probe of a server is not about items."""
    with (
        FaultServer(truth, constrained=layout.envelope != "lines") as server,
        OpenAI(base_url=server.url, api_key="none") as sdk,
    ):
        run = pack_and_run(
            truth,
            task,
            client=sdk,
            model="any",
            layout=layout,
            strategy=strategy,
            **more,  # type: ignore[arg-type]
        )
        served = [each for each in server.ledger.served if each.texts]
    assert not run.unresolved
    return (
        len(served),
        sum(each.prompt_tokens for each in served),
        sum(each.completion_tokens for each in served),
    )


def within(predicted: float, actual: float) -> bool:
    return abs(predicted - actual) <= CLOSE * actual


def extraction(*, evidence: bool = False) -> tuple[Task[object], dict[str, object]]:
    every = list(orders(128).items())
    examples = [(text, Order.model_validate(answer)) for text, answer in every[:8]]
    task: Task[object] = Task.extract("The order.", Order, examples=examples, evidence=evidence)
    return task, dict(every[8:])


@pytest.mark.parametrize("strategy", ["pack", "single"])
@pytest.mark.parametrize(
    "layout", [Layout(), Layout(envelope="array"), Layout(envelope="lines"), Layout(binding="seal")], ids=repr
)
def test_classification_is_foretold(layout: Layout, strategy: Strategy) -> None:
    truth = reviews(120)
    made = plan(truth, SENTIMENT, model="any", layout=layout, strategy=strategy).forecast.packed
    calls, sent, replied = billed(truth, SENTIMENT, layout=layout, strategy=strategy)
    assert made.calls == calls
    # The fault server counts words alone, without a chat template or a token that ends the reply.
    assert within(made.input_tokens - made.template_tokens, sent)
    assert within(made.output_tokens - made.end_tokens, replied)
    assert made.schema_tokens == 0


@pytest.mark.parametrize("strategy", ["pack", "single"])
@pytest.mark.parametrize("evidence", [False, True])
def test_extraction_is_foretold_from_examples(evidence: bool, strategy: Strategy) -> None:
    task, truth = extraction(evidence=evidence)
    made = plan(truth, task, model="any", strategy=strategy).forecast.packed
    calls, sent, replied = billed(truth, task, layout=Layout(), strategy=strategy)
    assert made.calls == calls
    assert within(made.input_tokens - made.template_tokens, sent)
    assert within(made.output_tokens - made.end_tokens, replied)
    assert made.rests_on == "the answers of 8 examples"


def test_canaries_and_uneven_packs_are_foretold_too() -> None:
    truth = reviews(57)
    guard = Guard(canaries=(Canary("Best lamp ever, I love it.", "positive"),))
    known = {**truth, "Best lamp ever, I love it.": "positive"}
    budget = Budget(items=7)
    made = plan(truth, SENTIMENT, model="any", guard=guard, budget=budget).forecast.packed
    with FaultServer(known) as server, OpenAI(base_url=server.url, api_key="none") as sdk:
        pack_and_run(truth, SENTIMENT, client=sdk, model="any", guard=guard, budget=budget)
        served = [each for each in server.ledger.served if each.texts]
    assert made.calls == len(served)
    sent, replied = (
        sum(each.prompt_tokens for each in served),
        sum(each.completion_tokens for each in served),
    )
    assert within(made.input_tokens - made.template_tokens, sent)
    assert within(made.output_tokens - made.end_tokens, replied)


def test_the_sample_is_part_of_what_is_spent_but_not_of_the_comparison() -> None:
    texts = list(reviews(100))
    quiet = Guard(audit=0)
    made = plan(texts, SENTIMENT, model="openai/gpt-4.1-mini", baseline=20, guard=quiet)
    without = plan(made_of(made), SENTIMENT, model="openai/gpt-4.1-mini", guard=quiet)
    assert made.forecast.packed.calls == made.calls == 28
    assert made.forecast.packed.input_tokens > without.forecast.packed.input_tokens
    assert made.comparison is not None
    assert without.comparison is not None
    assert made.comparison.ways[0].items == 80
    assert made.comparison.ways[0].calls == without.comparison.ways[0].calls == 0.1
    assert made.comparison.ways[1].items == 100


def made_of(made: Plan[object]) -> list[str]:
    return [slot.item.text for pack in made.packs for slot in pack.slots]


def test_money_is_foretold_where_there_is_a_price() -> None:
    price = Price(1, 5, cached_usd_per_mtok=Decimal("0.1"))
    facts = ModelFacts(price=price)
    made = plan(list(reviews(100)), SENTIMENT, model="any", facts=facts).forecast
    for each in (made.packed, made.alone):
        assert each.cost_usd == price.cost_usd(each.usage)
    assert made.comparison is not None
    assert made.comparison.paid is True
    for way, whole in zip(made.comparison.ways, (made.packed, made.alone), strict=False):
        assert way.cost_usd is not None
        assert whole.cost_usd == way.cost_usd * 100
    assert plan(list(reviews(9)), SENTIMENT, model="any").forecast.packed.cost_usd is None


def test_a_listed_models_money_is_shown() -> None:
    shown = str(plan(list(reviews(100)), SENTIMENT, model="openai/gpt-4.1-mini"))
    assert "USD, expected" in shown
    assert "schemas, estimated" in shown
    assert "packing pays: 0." in shown
    assert "all predicted, nothing was asked" in shown
    assert "USD" not in str(plan(list(reviews(100)), SENTIMENT, model="local"))


def test_the_schema_is_billed_where_the_provider_shows_it() -> None:
    texts = list(reviews(40))
    for model, shows in (("openai/gpt-4.1-mini", True), ("any", False)):
        made = plan(texts, SENTIMENT, model=model).forecast
        assert (made.packed.schema_tokens > 0) == (made.alone.schema_tokens > 0) == shows
    lines = plan(texts, SENTIMENT, model="openai/gpt-4.1-mini", layout=Layout(envelope="lines")).forecast
    assert lines.packed.schema_tokens == lines.alone.schema_tokens == 0


def test_a_long_instruction_is_read_from_the_cache_and_single_calls_may_win() -> None:
    notes = {f"topic {n}": "word " * 30 for n in range(60)}
    task = Task.classify("Which topic?", notes)
    texts = [f"{n} {'lamp ' * 400}" for n in range(40)]
    made = plan(texts, task, model="openai/gpt-4.1-mini")
    assert made.forecast.packed.cached_tokens > 3 * 1_024
    assert made.comparison is not None
    assert "with a warm cache" in made.comparison.verdict
    warm = made.comparison.ways[2]
    assert warm.cached_tokens is not None
    assert warm.cached_tokens > 1_024


def test_an_answers_length_that_the_caller_knows_goes_before_a_guess() -> None:
    task: Task[object] = Task.extract("The order.", Order)
    texts = list(orders(100))
    guess = plan(texts, task, model="any").forecast.packs
    known = plan(texts, task, model="any", budget=Budget(answer_tokens=40)).forecast.packs
    longer = plan(texts, task, model="any", budget=Budget(answer_tokens=50)).forecast.packs
    assert "no examples" in guess.rests_on
    assert known.rests_on == "Budget(answer_tokens=...)"
    assert longer.output_tokens - known.output_tokens == 1_000


def test_bytes_are_said_to_be_bytes() -> None:
    made = plan(list(reviews(10)), SENTIMENT, counter=Utf8Bound())
    assert "no tokenizer exceeds" in made.forecast.packed.rests_on


def test_the_reserve_stays_apart_from_what_is_expected() -> None:
    made = plan(list(reviews(60)), SENTIMENT)
    assert made.reply_tokens == 60 * made.allowance.reply_tokens_per_item
    assert made.forecast.packed.output_tokens < made.reply_tokens


def test_labels_of_uneven_length_count_each_as_often_as_the_others() -> None:
    task = Task.classify("Mood.", ["up", "neither up nor down as far as anybody can tell"])
    truth: dict[str, object] = dict.fromkeys(reviews(60), "up")
    truth.update(dict.fromkeys(list(truth)[::2], "neither up nor down as far as anybody can tell"))
    made = plan(truth, task, model="any").forecast.packed
    _, _, replied = billed(truth, task, layout=Layout(), strategy="pack")
    assert within(made.output_tokens - made.end_tokens, replied)


def test_where_nothing_is_packed_there_is_nothing_to_compare() -> None:
    made = plan(list(reviews(12)), SENTIMENT, strategy="single")
    assert made.comparison is None
    assert made.forecast.packed == made.forecast.alone
    assert made.forecast.alone.baseline == Baseline(
        12, made.forecast.alone.input_tokens, made.forecast.alone.output_tokens
    )

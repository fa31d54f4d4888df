"""Packing measured on the same items asked alone: planted bleed is found, clean models are called clean."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from packer import Guard, Limits, ModelFacts, Price, Prompt, Task, UsageError, pack_and_run
from packer.audit.promise import audits_needed
from packer.run.evaluation.evaluate import evaluate
from packer.testing import ScriptedClient
from packer.testing.bleeding import BleedingClient
from schemas.calibration import Finding

LABELS = ("good", "bad", "meh")
TASK = Task.classify("Sentiment of a review.", LABELS)
ADDRESS = Task.extract(
    "Street and town.",
    {
        "type": "object",
        "properties": {"street": {"type": "string"}, "town": {"type": "string"}},
        "required": ["street", "town"],
    },
)


def texts(count: int) -> dict[str, str]:
    random = Random(3)
    return {f"review {n}": random.choice(LABELS) for n in range(count)}


def without_the_first(prompt: Prompt, reply: str) -> str:
    """Of a pack, all answers but one."""
    answers = json.loads(reply)
    return json.dumps(dict(list(answers.items())[1:])) if prompt.items > 1 else reply


def test_planted_bleed_lies_in_the_interval_and_no_size_keeps_the_promise() -> None:
    truth = texts(200)
    client = BleedingClient(truth, copy=0.4, seed=5)
    found = evaluate(list(truth), TASK, client=client, sizes=(10,), gold=truth, twice_share=0.5)
    (ten,) = found.sizes
    # Each packed answer once, so what the client did is what there is to find.
    assert ten.compared == ten.items == 200
    assert ten.differ / ten.compared == pytest.approx(client.true_bleed)
    planted = 0.9 * 0.4 * 2 / 3  # not the first of ten; a third of neighbours answer alike
    assert ten.difference is not None
    assert ten.bleed is not None
    assert ten.difference.lower < planted < ten.difference.upper
    assert ten.bleed.lower < planted < ten.bleed.upper
    assert (found.noise.asked, found.noise.differ) == (100, 0)
    assert found.size is None
    assert ten.trial.finding is Finding.BROKEN
    assert found.words.startswith("no size keeps max_bleed=0.02, as packs of 10 change at least ")
    assert found.words.endswith(": ask alone.")
    accuracy = ten.accuracy
    assert accuracy is not None
    assert (accuracy.single_right, accuracy.packed_right) == (200, 200 - ten.differ)
    assert accuracy.harm.value == pytest.approx(ten.differ / 200)
    assert accuracy.equivalent is False


def test_noise_of_the_model_is_taken_off() -> None:
    truth = texts(150)
    client = BleedingClient(truth, noise=0.2, seed=3)
    found = evaluate(list(truth), TASK, client=client, sizes=(5,), twice_share=1.0)
    (five,) = found.sizes
    assert found.noise.asked == 150
    assert found.noise_rate is not None
    assert found.noise_rate.lower < 0.36 < found.noise_rate.upper  # two of three draws at 20% differ
    assert five.difference is not None
    assert five.difference.lower > 0.2
    assert five.bleed is not None
    assert five.bleed.lower < 0 < five.bleed.upper
    assert "beyond the model's own noise none is shown" in five.words


def test_a_clean_model_leaves_a_profile_that_spares_a_later_run_its_trial(tmp_path: Path) -> None:
    truth, path = texts(160), tmp_path / "may.profile.json"
    found = evaluate(
        list(truth), TASK, client=ScriptedClient(truth), sizes=(10, 5), max_bleed=0.05, profile=path
    )
    assert [each.size for each in found.sizes] == [5, 10]
    assert all(each.differ == 0 and each.trial.whole for each in found.sizes)
    assert found.size == 10
    assert found.words.startswith("packs of 10 keep max_bleed=0.05 (")

    client = ScriptedClient(lambda text: "good")
    more = [f"another review {n}" for n in range(40)]
    promised = Guard(max_bleed=0.05, profile=path, audit=0)
    run = pack_and_run(more, TASK, client=client, guard=promised)
    assert run.calibration is not None
    assert (run.calibration.from_profile, run.calibration.size, run.calibration.calls) == (True, 10, 0)
    assert len(client.prompts) == 4  # without the profile 40 items are too few to prove anything
    with pytest.raises(UsageError, match="is about another task"):
        pack_and_run(more, Task.classify("Another.", LABELS), client=client, guard=promised)


def test_a_profile_of_a_bleeding_model_makes_a_later_run_ask_alone(tmp_path: Path) -> None:
    truth, path = texts(60), tmp_path / "may.profile.json"
    bleeding = BleedingClient(truth, copy=0.5)
    evaluate(list(truth), TASK, client=bleeding, sizes=(5,), max_bleed=0.05, profile=path)
    guard = Guard(max_bleed=0.05, profile=path)
    run = pack_and_run(list(truth), TASK, client=BleedingClient(truth, copy=0.5), guard=guard)
    assert run.values == list(truth.values())
    assert run.ledger.calls == 60


def test_the_same_again_goes_on_where_it_ended_and_at_the_end_makes_no_call(tmp_path: Path) -> None:
    truth, store = texts(40), tmp_path / "may.eval"
    clients = [ScriptedClient(truth) for _ in range(3)]

    def again(client: ScriptedClient, calls: int | None = None) -> str:
        found = evaluate(
            list(truth), TASK, client=client, sizes=(5, 10), store=store, limits=Limits(max_calls=calls)
        )
        assert (found.stopped is None) is (calls is None)
        return str(found)

    early = again(clients[0], 53)  # 40 alone, 10 again, 3 of 8 packs
    assert "The evaluation ended early (packs-of-5: " in early
    whole = again(clients[1])
    assert again(clients[2]) == whole
    assert [len(client.prompts) for client in clients] == [53, 5 + 4, 0]
    with pytest.raises(UsageError, match="begun with something else"):
        evaluate(list(truth)[1:], TASK, client=clients[2], sizes=(5, 10), store=store)
    assert not clients[2].prompts


def test_fields_are_told_apart() -> None:
    truth: dict[str, object] = {
        f"{n} Elm Street, Town {n}": {"street": f"{n} Elm Street", "town": f"Town {n}"} for n in range(50)
    }

    def town_of_the_first(prompt: Prompt, reply: str) -> str:
        answers = json.loads(reply)
        if len(answers) > 1:
            first, *others = answers.values()
            for each in others[:1]:
                each["town"] = first["town"]
        return json.dumps(answers)

    client = ScriptedClient(truth, spoil=town_of_the_first)
    found = evaluate(
        list(truth), ADDRESS, client=client, sizes=(5,), gold=truth, guard=Guard(reject=frozenset())
    )
    (five,) = found.sizes
    by_name = {each.name: (each.asked, each.differ) for each in five.fields}
    assert by_name == {"street": (50, 0), "town": (50, 10)}
    assert five.accuracy is not None
    assert (five.accuracy.single_right, five.accuracy.packed_right) == (50, 40)
    # Always the second of five: it is seen where in the call answers go wrong.
    seats = {each.name: each.differ for each in five.parts if each.name.startswith("seat")}
    assert seats["seat: last quarter"] == 0
    assert sum(seats.values()) == 10


def test_items_without_a_value_are_told_apart_and_count_as_wrong_until_they_are_asked_again() -> None:
    truth = texts(40)
    client = ScriptedClient(truth, spoil=without_the_first)
    found = evaluate(list(truth), TASK, client=client, sizes=(5,), gold=truth, max_bleed=0.2)
    (five,) = found.sizes
    assert (five.lost, five.compared, five.differ) == (8, 32, 0)
    assert five.raw_accuracy is not None
    assert five.accuracy is not None
    assert five.raw_accuracy.packed_right == 32
    assert five.accuracy.packed_right == 40
    assert five.repaired_spending.calls == pytest.approx(0.2 + 8 / 40)
    assert "8 of 40 items got no value and have to be asked again" in five.words


def test_a_size_that_the_run_gives_up_proves_nothing() -> None:
    truth = texts(80)
    client = ScriptedClient(truth, spoil=lambda prompt, reply: "I cannot." if prompt.items > 1 else reply)
    one_by_one = Limits(concurrency=1)
    found = evaluate(list(truth), TASK, client=client, sizes=(10,), max_bleed=0.4, limits=one_by_one)
    (ten,) = found.sizes
    assert ten.items == ten.lost < 80
    assert (ten.trial.useless, ten.trial.whole, ten.trial.finding) == (True, False, Finding.BROKEN)
    assert "the run gave this size up (" in ten.words
    assert found.size is None
    assert "leave too many items without a value: ask alone" in found.words


def test_smaller_packs_that_a_run_fell_back_on_do_not_count_for_the_size() -> None:
    truth = texts(80)
    tens = 0

    def four_of_five_fail(prompt: Prompt, reply: str) -> str:
        nonlocal tens
        tens += prompt.items == 10
        return "I cannot." if prompt.items == 10 and tens % 5 else reply

    client = ScriptedClient(truth, spoil=four_of_five_fail)
    one_by_one = Limits(concurrency=1)
    found = evaluate(list(truth), TASK, client=client, sizes=(10,), max_bleed=0.4, limits=one_by_one)
    (ten,) = found.sizes
    assert {prompt.items for prompt in client.prompts} == {1, 10, 5}
    assert (ten.items, ten.calls, ten.lost) == (50, 5, 40)
    assert ten.spending.calls == 0.1
    assert "packs of 5 instead of packs of 10" in ten.given_up
    assert found.size is None


def test_limits_hold_for_all_arms_together() -> None:
    truth, client = texts(20), ScriptedClient(texts(20))
    limits = Limits(max_calls=25)  # 20 alone, 5 again, and nothing is left for packs
    found = evaluate(list(truth), TASK, client=client, sizes=(5, 10), limits=limits)
    assert len(client.prompts) == 25
    assert (found.stopped, found.sizes) == ("the limits were used up before all was asked", ())
    assert found.noise.asked == 5


def test_the_ceiling_on_money_holds_for_all_arms_together() -> None:
    truth, client = texts(60), ScriptedClient(texts(60))
    facts = ModelFacts(price=Price(1, 10))
    alone = evaluate(list(truth), TASK, client=client, sizes=(5,), facts=facts, twice_share=0).alone
    assert alone.cost_usd is not None
    spent_usd = alone.cost_usd * 60
    most = Limits(max_cost_usd=spent_usd * Decimal("1.5"), concurrency=1)
    found = evaluate(list(truth), TASK, client=client, sizes=(5,), facts=facts, limits=most, twice_share=1)
    assert found.stopped is not None
    assert found.stopped.startswith("alone-again: Limits(max_cost_usd=")
    left_usd = Decimal(found.stopped.split("=", 1)[1].split(")")[0])
    assert left_usd == pytest.approx(spent_usd / 2)


def test_the_time_holds_for_all_arms_together(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 150.0, 161.0])  # the first arm, the second, and one that begins too late
    monkeypatch.setattr("packer.run.evaluation.arms.time", SimpleNamespace(monotonic=lambda: next(clock)))
    truth, client = texts(20), ScriptedClient(texts(20))
    found = evaluate(list(truth), TASK, client=client, sizes=(5, 10), limits=Limits(deadline_s=60.0))
    assert (found.stopped, found.sizes) == ("the limits were used up before all was asked", ())
    assert len(client.prompts) == 25


def test_a_size_in_which_no_item_has_company_says_so() -> None:
    found = evaluate(["review 0"], TASK, client=ScriptedClient(texts(1)), sizes=(5,))
    assert found.sizes[0].words == "packs of 5: no item shared a call, so nothing is known."
    assert (found.size, found.sizes[0].items) == (None, 0)


def test_unlabelled_items_have_no_accuracy_and_repeats_do_not_count() -> None:
    truth = texts(20)
    found = evaluate([*truth, *truth], TASK, client=ScriptedClient(truth), sizes=(5,), max_bleed=0.3)
    assert (found.items, found.repeats, found.alone_right) == (20, 20, None)
    (five,) = found.sizes
    assert (five.items, five.calls, five.accuracy, five.raw_accuracy) == (20, 4, None, None)
    assert "right" not in five.words


def test_too_few_items_are_called_too_few() -> None:
    truth = texts(30)
    found = evaluate(list(truth), TASK, client=ScriptedClient(truth), sizes=(5,), gold=truth)
    assert "no size is proven to keep max_bleed=0.02" in found.words
    needed = audits_needed(0.02, 0.95, 5)
    assert f"ask alone, or evaluate more items (at the very least {needed})" in found.words
    assert "too few to say whether that is the same" in found.sizes[0].words


def test_accuracy_can_be_promised_instead(tmp_path: Path) -> None:
    truth, path = texts(60), tmp_path / "may.profile.json"
    gold = dict(list(truth.items())[:55])
    client = BleedingClient(truth, copy=0.6)
    found = evaluate(
        list(truth),
        TASK,
        client=client,
        sizes=(5,),
        gold=gold,
        max_accuracy_loss=0.1,
        profile=path,
        twice_share=0,
    )
    (five,) = found.sizes
    assert sum(call.items for call in five.trial.calls) == 55
    assert found.promise == "max_accuracy_loss"
    assert "right answers: ask alone" in found.words
    assert json.loads(path.read_text())["promise"] == "max_accuracy_loss"
    assert five.bleed is None
    assert "own noise is not known" in five.words


def test_money_and_tokens_are_told_an_item() -> None:
    truth = texts(20)
    facts = ModelFacts(price=Price(1, 10))
    found = evaluate(list(truth), TASK, client=ScriptedClient(truth), sizes=(5,), facts=facts, max_bleed=0.3)
    (five,) = found.sizes
    assert found.alone.calls == 1.0
    assert five.spending.calls == 0.2
    assert found.alone.input_tokens is not None
    assert five.spending.input_tokens is not None
    assert five.spending.input_tokens < found.alone.input_tokens
    assert found.alone.cost_usd is not None
    assert found.alone.output_tokens is not None
    tokens = found.alone.input_tokens + 10 * found.alone.output_tokens
    assert float(found.alone.cost_usd) * 1e6 == pytest.approx(tokens)
    assert found.alone.seconds is not None
    table = str(found).splitlines()
    assert table[2].startswith("alone")
    assert f"{found.alone.input_tokens:.1f}" in table[2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizes": (1, 5)}, "name pack sizes from 2 to 128"),
        ({"sizes": ()}, "name pack sizes from 2 to 128"),
        ({"twice_share": 1.5}, "twice_share=1.5"),
        ({"max_accuracy_loss": 0.02}, "needs gold="),
        ({"max_accuracy_loss": 0.02, "gold": {"elsewhere": "good"}}, "None of the items is in gold="),
        ({"gold": {"review 0": "splendid"}}, "'review 0' has an answer that the task does not allow"),
        ({"max_bleed": 0.02, "max_accuracy_loss": 0.02, "gold": {"review 0": "good"}}, "promise one"),
    ],
)
def test_options_that_cannot_work_are_refused_before_any_call(options: dict[str, object], told: str) -> None:
    client = ScriptedClient(texts(5))
    with pytest.raises(UsageError, match=told):
        evaluate(list(texts(5)), TASK, client=client, **options)  # type: ignore[arg-type]
    assert not client.prompts


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "may.run"
    path.write_text("")
    with pytest.raises(UsageError, match="takes a folder"):
        evaluate(["a"], TASK, client=ScriptedClient({"a": "good"}), store=path)

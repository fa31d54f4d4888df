"""``assert_no_bleed``: planted bleed fails and is shown, clean models pass, and nothing passes silently."""

from __future__ import annotations

import asyncio
import re
from typing import Literal

import pytest
from openai import OpenAI

from packer import Guard, Layout, Limits, SignalKind, Task, UsageError
from packer.audit import scipy_part
from packer.testing import (
    BleedingClient,
    FaultKind,
    FaultServer,
    FaultyClient,
    Inject,
    ScriptedClient,
    assert_no_bleed,
)
from packer.testing.bleed_table import MOST_ROWS
from schemas.chat import Prompt

TASK = Task.classify("Sentiment of a review.", ["good", "bad"])
TRUTH = {f"Review {n}": "good" if n % 3 else "bad" for n in range(40)}


def failure(client: object, items: int = 40, **options: object) -> str:
    with pytest.raises(AssertionError) as told:
        assert_no_bleed(TASK, list(TRUTH)[:items], client, **options)  # type: ignore[arg-type]  # one door for all tests
    return str(told.value)


def test_a_model_that_never_bleeds_passes_and_the_pass_says_what_it_rests_on() -> None:
    client = ScriptedClient(TRUTH)
    found = assert_no_bleed(TASK, list(TRUTH), client)
    assert len(client.prompts) == 44
    assert str(found) == (
        "40 items asked alone and in 4 packs: 0 answered otherwise, so packing changes at most 10.3% of such "
        "answers (95% confidence)."
    )


def test_planted_bleed_fails_with_each_item_that_it_changed() -> None:
    client = BleedingClient(TRUTH, copy=0.2, seed=2)
    told = failure(client)
    changed = [
        (text, call.texts)
        for call in client.ledger
        for text, bleed in zip(call.texts, call.bleeds, strict=True)
        if bleed is not None
    ]
    assert told.startswith(f"{len(changed)} of 40 items are answered otherwise in packs of 10 than alone.")
    for text, call in changed:
        number = text.removeprefix("Review ")
        line = next(each for each in told.splitlines() if re.match(rf"{number} +(good|bad)  ", each))
        other = "bad" if TRUTH[text] == "good" else "good"
        beside = ", ".join(each.removeprefix("Review ") for each in call if each != text)
        assert line.split(maxsplit=4) == [number, TRUTH[text], other, "-", beside]


Ends = Literal["passes", "differs", "traces"]
ORACLE: dict[FaultKind, Ends] = {
    FaultKind.DROP: "differs",
    FaultKind.DUPLICATE: "traces",
    FaultKind.EXTRA: "traces",
    FaultKind.FOREIGN_ID: "differs",
    FaultKind.RENUMBER: "traces",
    FaultKind.REORDER: "passes",
    FaultKind.SWAP: "differs",
    FaultKind.SHIFT: "differs",
    FaultKind.COPY_NEIGHBOUR: "differs",
    FaultKind.FOREIGN_VALUE: "differs",
    FaultKind.WRONG_TYPE: "differs",
    FaultKind.UNKNOWN_LABEL: "differs",
    FaultKind.DUPLICATE_KEYS: "traces",
    FaultKind.PROSE: "passes",
    FaultKind.FENCE: "passes",
    FaultKind.TRUNCATE: "differs",
    FaultKind.REFUSAL: "differs",
}


class PacksOnly:
    """Faults in packs; single calls are answered right."""

    def __init__(self, kind: FaultKind) -> None:
        self.faulty = FaultyClient(TRUTH, Inject(kind, rate=1.0, per="call", seed=3))
        self.right = ScriptedClient(TRUTH)
        self.name, self.context_tokens, self.concurrency = "faulty", None, None
        self.counter = self.right.counter

    async def complete(self, prompt: Prompt) -> object:
        return await (self.right if prompt.items == 1 else self.faulty).complete(prompt)


@pytest.mark.parametrize(("kind", "ends"), ORACLE.items(), ids=lambda each: str(each))
def test_planted_faults_end_as_the_oracle_says(kind: FaultKind, ends: Ends) -> None:
    client = PacksOnly(kind)
    if ends == "passes":
        assert assert_no_bleed(TASK, list(TRUTH)[:16], client, size=8).differ == 0
        return
    told = failure(client, 16, size=8)
    assert ("are answered otherwise" in told) or ends == "traces"
    assert ("Bleed left traces in" in told) is (ends == "traces" or kind in STRUCTURAL)
    # What the client did to an item stands in the table; traces may show in its neighbours too.
    listed = {line.split()[0] for line in told.splitlines() if re.match(r"\d+ +(good|bad|no value)", line)}
    wrong = {text.removeprefix("Review ") for text in client.faulty.ledger.affected}
    assert wrong <= listed or kind is FaultKind.EXTRA or "more" in told


STRUCTURAL = {FaultKind.FOREIGN_ID}
"""Besides the entry that is lost there is one of nobody."""


def test_a_trace_fails_whatever_share_is_allowed_unless_the_guard_does_not_reject_it() -> None:
    client = FaultyClient(TRUTH, Inject(FaultKind.SWAP, rate=0.02, seed=4))
    sealed = Layout(binding="seal")
    told = failure(client, layout=sealed, max_bleed=0.5)
    assert told.startswith("Bleed left traces in 4 items (misbound).")
    lenient = Guard(reject=Guard().reject - {SignalKind.MISBOUND, SignalKind.SHIFT})
    client = FaultyClient(TRUTH, Inject(FaultKind.SWAP, rate=0.02, seed=4))
    assert assert_no_bleed(TASK, list(TRUTH), client, layout=sealed, max_bleed=0.5, guard=lenient).differ in (
        0,
        2,
    )


def test_a_share_is_allowed_only_when_its_upper_bound_is() -> None:
    told = failure(BleedingClient(TRUTH, copy=0.2, seed=2), max_bleed=0.05)
    assert re.search(r"packing can change up to \d\d\.\d% of answers, and max_bleed=0.05 allows 5%", told)
    found = assert_no_bleed(TASK, list(TRUTH), BleedingClient(TRUTH, copy=0.2, seed=2), max_bleed=0.5)
    assert found.differ > 0
    assert found.trial is not None
    assert found.trial.upper <= 0.5


def test_too_few_items_are_no_pass_even_when_none_differs() -> None:
    told = failure(ScriptedClient(TRUTH), max_bleed=0.02)
    assert told == (
        "0 of 40 items are answered otherwise in packs of 10: packing can change up to 10.3% of answers, and "
        "max_bleed=0.02 allows 2% (95% confidence). It takes 212 items without one difference to prove that."
    )


def test_the_models_own_noise_is_taken_off() -> None:
    truth = {f"Review {n}": "good" if n % 3 else "bad" for n in range(50)}
    options = {"max_bleed": 0.3, "layout": Layout(shuffle=False)}
    noisy = [BleedingClient(truth, noise=0.15, seed=6) for _ in range(2)]
    found = assert_no_bleed(TASK, list(truth), noisy[0], alone_twice=1.0, **options)  # type: ignore[arg-type]
    assert found.differ > 5
    assert found.noise.asked == 50
    with pytest.raises(AssertionError, match="packing can change up to"):
        assert_no_bleed(TASK, list(truth), noisy[1], **options)  # type: ignore[arg-type]


def test_an_item_without_a_value_alone_is_no_pass() -> None:
    answers = {**TRUTH, "Review 7": "no such label"}
    told = failure(ScriptedClient(answers), max_bleed=0.5)
    assert told.startswith("1 item got no value alone, so that nothing is known of bleed there.")
    assert re.search(r"^7 +no value: invalid_value +no value: invalid_value", told, re.MULTILINE)


def test_a_run_that_ended_early_is_no_pass() -> None:
    assert "The limits were used up" in failure(ScriptedClient(TRUTH), limits=Limits(max_calls=40))
    assert "ended early (packs-of-10: " in failure(ScriptedClient(TRUTH), limits=Limits(max_calls=42))


def test_an_item_that_had_no_neighbour_is_no_pass() -> None:
    long = {"Great. " * 3000: "good"}
    client = ScriptedClient({**TRUTH, **long})
    with pytest.raises(AssertionError, match="1 item had no seat in packs of") as told:
        assert_no_bleed(TASK, [*TRUTH, *long], client)
    assert "leave no room for a neighbour" in str(told.value)


@pytest.mark.parametrize(
    ("items", "size", "packs"), [(11, 10, 2), (3, 2, 1), (5, 2, 2), (7, 3, 2), (2, 10, 1)]
)
def test_nobody_is_left_alone_at_the_end(items: int, size: int, packs: int) -> None:
    client = ScriptedClient(lambda text: "good")
    found = assert_no_bleed(TASK, list(TRUTH)[:items], client, size=size)
    assert (found.items, found.calls) == (items, packs)


def test_one_text_cannot_be_packed() -> None:
    for items in (["a"], ["a", "a"], ["a", " "]):
        with pytest.raises(UsageError, match="it takes two different ones"):
            assert_no_bleed(TASK, items, ScriptedClient(TRUTH))


def test_options_that_cannot_work_are_named() -> None:
    for options, told in (
        ({"size": 1}, "packs hold 2 to"),
        ({"alone_twice": 2.0}, "between 0 and 1"),
        ({"alone_twice": 0.5}, "max_bleed="),
        ({"max_bleed": 0.0}, "promise a share above 0"),
        ({"max_bleed": 0.1, "confidence": 0.2}, "confidence"),
    ):
        with pytest.raises(UsageError, match=told):
            assert_no_bleed(TASK, list(TRUTH), ScriptedClient(TRUTH), **options)  # type: ignore[arg-type]


def test_what_stands_in_the_table_cannot_act_on_a_terminal() -> None:
    task = Task.extract("The name.", str)
    texts = {f"text {n}": f"name\x1b[2J\n\u202e{n}" for n in range(6)}
    items = [(f"id\x1b]0;{n}\x07", text) for n, text in enumerate(texts)]
    with pytest.raises(AssertionError) as told:
        assert_no_bleed(task, items, FaultyClient(texts, Inject(FaultKind.SHIFT, rate=1.0, per="call")))
    assert "name\\x1b[2J\\n\\u202e0" in str(told.value)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", str(told.value))


def test_a_long_table_is_cut() -> None:
    truth = {f"Review {n}": f"answer {n} " + "x" * 100 for n in range(30)}
    task = Task.extract("The answer.", str)
    client = FaultyClient(truth, Inject(FaultKind.SHIFT, rate=1.0, per="call"))
    with pytest.raises(AssertionError) as told:
        assert_no_bleed(task, list(truth), client, size=15)
    lines = str(told.value).splitlines()
    assert lines[-1] == f"and {30 - MOST_ROWS} more"
    assert len(lines) == 1 + 1 + 1 + MOST_ROWS + 1
    assert max(map(len, lines)) < 250


def test_it_works_without_numpy_and_scipy_as_long_as_nothing_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scipy_part, "installed", lambda: False)
    found = assert_no_bleed(TASK, list(TRUTH), ScriptedClient(TRUTH))
    assert str(found) == "40 items asked alone and in 4 packs: 0 answered otherwise."
    with pytest.raises(UsageError, match=r"packsplit\[audit\]"):
        assert_no_bleed(TASK, list(TRUTH), ScriptedClient(TRUTH), max_bleed=0.1)


def test_an_sdk_client_and_a_running_loop_will_do() -> None:
    texts = list(TRUTH)[:6]

    async def inside() -> int:
        with FaultServer(TRUTH) as server, OpenAI(base_url=server.url, api_key="none") as sdk:
            return assert_no_bleed(TASK, texts, sdk, model="any").items

    assert asyncio.run(inside()) == 6

"""Promises: sizes tried before the run, the largest that holds used, and what is said where none does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from packer import Budget, Fallback, Guard, Layout, Limits, Task, pack_and_run
from packer.promising import trial_for
from packer.testing import ScriptedClient, items_of
from packer.testing.bleeding import BleedingClient
from schemas.calibration import Calibration, Finding
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import ClientError, GuardStop, UsageError
from schemas.keeping import Store
from schemas.result import Outcome, RunResult
from schemas.route import Route
from schemas.signal import SignalKind, Trust

TASK = Task.classify("Sentiment of a review.", ["good", "bad", "mixed"])
LABELS = ("good", "bad", "mixed")


def told(text: str) -> str:
    return LABELS[int(text.split()[1]) % 3]


def texts(n: int, start: int = 0) -> list[str]:
    return [f"Review {number}" for number in range(start, start + n)]


def truth(n: int) -> dict[str, str]:
    return {text: told(text) for text in texts(n)}


def calibrated(run: RunResult[Any]) -> Calibration:
    assert run.calibration is not None
    return run.calibration


def routes(run: RunResult[Any]) -> dict[str, int]:
    return {name: each.calls for name, each in run.ledger.routes.items()}


def test_a_model_without_bleed_is_packed_at_full_size() -> None:
    run = pack_and_run(
        texts(2_000), TASK, client=ScriptedClient(told), guard=Guard(max_bleed=0.02), budget=Budget(items=20)
    )
    found = calibrated(run)
    assert run.values == [told(text) for text in texts(2_000)]
    assert (found.size, found.proven) == (20, True)
    assert [trial.size for trial in found.trials] == [5, 10, 20]
    assert all(trial.finding is Finding.KEPT and trial.upper <= 0.02 for trial in found.trials)
    assert "packs of 20" in found.words
    assert routes(run)["calibration"] == found.calls
    assert routes(run)["pack"] == -(-(2_000 - found.trials[0].items) // 20)


@pytest.mark.parametrize("items", [800, 2_000])
def test_a_model_that_bleeds_ends_in_singles_and_says_so(items: int) -> None:
    client = BleedingClient(truth(items), copy=0.4)
    run = pack_and_run(texts(items), TASK, client=client, guard=Guard(max_bleed=0.02))
    found = calibrated(run)
    assert run.values == [told(text) for text in texts(items)]
    assert (found.size, found.proven) == (None, False)
    assert found.words.startswith("All items are asked alone: packs of 5 ")
    assert found.words.count(".") <= 4
    assert "\n" not in found.words
    # It is seen early: the whole trial would take more than 300 calls.
    assert found.calls < 60
    assert set(routes(run)) == {"calibration", "single"}
    assert run.ledger.calls == routes(run)["single"] + found.calls


def test_bleed_that_grows_with_size_is_packed_small() -> None:
    # Packs of 5 hardly bleed, packs of 20 do.
    class Growing(ScriptedClient):
        async def complete(self, prompt: Prompt) -> Completion:
            reply = await super().complete(prompt)
            shown = items_of(prompt)
            if len(shown) < 8:
                return reply
            wrong = {each.handle: "mixed" for each in shown[::3]}
            body = {**json.loads(reply.text), **wrong}
            return Completion(json.dumps(body), usage=reply.usage)

    guard = Guard(max_bleed=0.02)
    run = pack_and_run(texts(1_000), TASK, client=Growing(told), guard=guard, budget=Budget(items=20))
    found = calibrated(run)
    assert (found.size, [trial.size for trial in found.trials]) == (5, [5, 10])
    assert found.trials[1].finding is not Finding.KEPT
    assert "packs of 5" in found.words
    assert "packs of 10 may change up to" in found.words
    assert run.values == [told(text) for text in texts(1_000)]


def test_noise_of_the_model_is_not_called_bleed() -> None:
    client = BleedingClient(truth(4_000), noise=0.02, seed=3)
    guard = Guard(max_bleed=0.1, audit_twice=1.0)
    run = pack_and_run(texts(4_000), TASK, client=client, guard=guard)
    assert calibrated(run).proven
    assert calibrated(run).noise.asked > 0


def test_a_run_too_small_says_so_before_it_spends() -> None:
    client = ScriptedClient(told)
    run = pack_and_run(texts(100), TASK, client=client, guard=Guard(max_bleed=0.02))
    found = calibrated(run)
    assert "needs about 212 audits for 100 items" in found.words
    assert (found.calls, found.size, run.ledger.calls) == (0, None, 100)
    assert all(result.route is Route.SINGLE for result in run)


def test_a_run_too_small_may_pack_unproven() -> None:
    guard = Guard(max_bleed=0.02, unproven="pack")
    run = pack_and_run(texts(100), TASK, client=ScriptedClient(told), guard=guard)
    found = calibrated(run)
    assert (found.size, found.proven) == (10, False)
    assert "nothing is proven" in found.words
    assert routes(run)["pack"] == 10


GOLD = [(text, told(text)) for text in texts(100, 10_000)]


def wrong_alone(text: str) -> str:
    """One in five is answered wrongly where it stands alone."""
    number = int(text.split()[1])
    return "mixed" if number % 5 == 0 and number % 3 != 2 else told(text)


class BetterPacked(ScriptedClient):
    """Packing changes a fifth of the answers, for the better."""

    def __init__(self) -> None:
        super().__init__(lambda text: told(text))

    async def complete(self, prompt: Prompt) -> Completion:
        reply = await super().complete(prompt)
        shown = items_of(prompt)
        if len(shown) > 1:
            return reply
        return Completion(
            reply.text.replace(told(shown[0].text), wrong_alone(shown[0].text)), usage=reply.usage
        )


def test_answers_that_change_for_the_better_keep_the_promise_of_accuracy_only() -> None:
    guard = Guard(max_accuracy_loss=0.01, gold=GOLD)
    run = pack_and_run(texts(600), TASK, client=BetterPacked(), guard=guard)
    found = calibrated(run)
    assert (found.size, found.proven) == (10, True)
    assert "0 became wrong and 13 became right" in found.words or "became right" in found.words
    assert run.values == [told(text) for text in texts(600)]
    assert run.audit is not None
    assert run.audit.differ  # and the packed answers are kept all the same
    strict = pack_and_run(texts(900), TASK, client=BetterPacked(), guard=Guard(max_bleed=0.02))
    assert calibrated(strict).size is None


def test_answers_that_change_for_the_worse_are_refused() -> None:
    client = BleedingClient({**truth(600), **dict(GOLD)}, copy=0.4)
    guard = Guard(max_accuracy_loss=0.01, gold=GOLD)
    run = pack_and_run(texts(600), TASK, client=client, guard=guard)
    assert calibrated(run).size is None
    assert "became wrong" in calibrated(run).words
    assert run.values == [told(text) for text in texts(600)]


def test_a_hundred_labelled_inputs_without_a_change_prove_nothing() -> None:
    guard = Guard(max_accuracy_loss=0.01, gold=GOLD)
    run = pack_and_run(texts(300), TASK, client=ScriptedClient(told), guard=guard)
    found = calibrated(run)
    assert (found.size, found.trials[0].finding) == (None, Finding.OPEN)
    assert "may cost up to" in found.words


def test_a_profile_saves_the_second_trial(tmp_path: Path) -> None:
    guard = Guard(max_bleed=0.02, profile=tmp_path / "may.json")
    first = pack_and_run(texts(900), TASK, client=ScriptedClient(told), guard=guard)
    second = pack_and_run(texts(100, 5_000), TASK, client=ScriptedClient(told), guard=guard)
    assert calibrated(first).calls > 200
    assert (calibrated(second).calls, calibrated(second).size) == (0, 10)
    assert calibrated(second).from_profile
    assert "may.json" in calibrated(second).words
    assert "calibration" not in routes(second)
    # A stricter promise is read off the same trial, and does not hold.
    strict = Guard(max_bleed=0.01, profile=tmp_path / "may.json")
    third = pack_and_run(texts(100, 5_000), TASK, client=ScriptedClient(told), guard=strict)
    assert (calibrated(third).size, calibrated(third).calls) == (None, 0)
    assert all(result.route is Route.SINGLE for result in third)


def test_a_profile_of_a_trial_given_up_proves_nothing_milder(tmp_path: Path) -> None:
    path = tmp_path / "may.json"
    client = BleedingClient(truth(900), copy=0.4)
    pack_and_run(texts(900), TASK, client=client, guard=Guard(max_bleed=0.02, profile=path))
    run = pack_and_run(
        texts(900), TASK, client=client, guard=Guard(max_bleed=0.5, confidence=0.5, profile=path)
    )
    assert calibrated(run).from_profile
    assert calibrated(run).size is None


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda body: "not JSON", "no profile that can be read"),
        (lambda body: json.dumps({**json.loads(body), "model": "another"}), "about another model"),
        (lambda body: json.dumps({**json.loads(body), "task": "another"}), "about another task"),
        (lambda body: json.dumps({**json.loads(body), "trials": 7}), "no profile that can be read"),
    ],
)
def test_a_profile_of_something_else_is_refused_before_any_call(
    tmp_path: Path, spoil: Callable[[str], str], word: str
) -> None:
    path = tmp_path / "may.json"
    guard = Guard(max_bleed=0.02, profile=path)
    pack_and_run(texts(800), TASK, client=ScriptedClient(told), guard=guard)
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    client = ScriptedClient(told)
    with pytest.raises(UsageError, match=word):
        pack_and_run(texts(800), TASK, client=client, guard=guard)
    assert not client.prompts


@pytest.mark.parametrize(
    ("guard", "word"),
    [
        (lambda: Guard(max_bleed=0.02, max_accuracy_loss=0.01, gold=GOLD), "one of the two"),
        (lambda: Guard(max_accuracy_loss=0.01), "needs gold"),
        (lambda: Guard(max_bleed=0.0), "No sample proves"),
        (lambda: Guard(max_bleed=1.5), "between 0 and 0.5"),
        (lambda: Guard(max_bleed=float("nan")), "between 0 and 0.5"),
        (lambda: Guard(audit=-0.1), "between 0 and 1"),
        (lambda: Guard(confidence=1.0), "confidence"),
        (lambda: Guard(gold=["no pair"]), "no .text, answer. pair"),  # type: ignore[list-item]  # on purpose
        (lambda: Guard(gold=[(" ", "good")]), "empty"),
    ],
)
def test_promises_that_cannot_be_meant(guard: Callable[[], Guard], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        guard()


@pytest.mark.parametrize("strategy", ["single", "auto"])
def test_where_nothing_is_packed_nothing_is_tried(strategy: str) -> None:
    items = {"single": texts(500), "auto": texts(1)}[strategy]
    run = pack_and_run(
        items,
        TASK,
        client=ScriptedClient(told),
        guard=Guard(max_bleed=0.02),
        strategy=strategy,  # type: ignore[arg-type]  # a parameter is a plain text
        budget=Budget(items=1) if strategy == "auto" else None,
    )
    assert run.calibration is None
    assert routes(run) in ({"single": len(items)}, {"pack": len(items)})


def test_gold_is_in_no_file_that_keeps_no_texts(tmp_path: Path) -> None:
    guard = Guard(max_accuracy_loss=0.2, gold=[(f"A secret of {n}", "good") for n in range(40)])

    def answer(text: str) -> str:
        return "good" if text.startswith("A secret") else told(text)

    store = Store(tmp_path / "run", texts=False)
    pack_and_run(texts(60), TASK, client=ScriptedClient(answer), guard=guard, store=store)
    assert not any(b"A secret of" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_profile_that_could_not_be_written_is_refused_before_any_call(tmp_path: Path) -> None:
    client = ScriptedClient(told)
    guard = Guard(max_bleed=0.02, profile=tmp_path / "nowhere" / "may.json")
    with pytest.raises(UsageError, match="no folder"):
        pack_and_run(texts(600), TASK, client=client, guard=guard)
    assert not client.prompts


def test_gold_that_the_task_does_not_allow_is_refused_before_any_call() -> None:
    client = ScriptedClient(told)
    guard = Guard(max_accuracy_loss=0.01, gold=[("Review 3", "excellent")])
    with pytest.raises(UsageError, match=r"Review 3.*does not allow"):
        pack_and_run(texts(50), TASK, client=client, guard=guard)
    assert not client.prompts


@pytest.mark.parametrize("promise", ["bleed", "bleeding", "accuracy"])
@pytest.mark.parametrize("every", [1, 3, 7])
def test_a_trial_in_parts_is_the_trial_in_one_piece(tmp_path: Path, promise: str, every: int) -> None:
    def run(path: Path | None, limits: Limits) -> tuple[RunResult[str], int]:
        client: Any = BetterPacked() if promise == "accuracy" else ScriptedClient(told)
        if promise == "bleeding":
            client = BleedingClient(truth(80), copy=0.6)
        guard = Guard(max_bleed=0.25, audit=0.2)
        if promise == "accuracy":
            guard = Guard(max_accuracy_loss=0.2, gold=GOLD[:30], audit=0.2)
        made = pack_and_run(
            texts(80),
            TASK,
            client=client,
            guard=guard,
            store=path,
            budget=Budget(items=6),
            limits=limits,
        )
        return made, len(client.ledger) if promise == "bleeding" else len(client.prompts)

    whole, _ = run(None, Limits(concurrency=1, retries=0))
    calls, parts = 0, 0
    while True:
        parts += 1
        part, sent = run(tmp_path / "run", Limits(concurrency=1, retries=0, max_calls=parts * every * 3))
        calls += sent
        if part.stopped is None:
            break
        assert parts < 400
    assert parts > 2
    assert calls == whole.ledger.calls == part.ledger.calls
    assert [(each.item_id, each.value, each.route) for each in part] == [
        (each.item_id, each.value, each.route) for each in whole
    ]
    assert calibrated(part) == calibrated(whole)
    assert part.audit == whole.audit
    assert part.ledger.charged == whole.ledger.charged
    assert part.ledger.overheads == whole.ledger.overheads


def test_answers_of_the_trial_are_the_items_own_and_nobody_is_lost() -> None:
    run = pack_and_run(texts(800), TASK, client=ScriptedClient(told), guard=Guard(max_bleed=0.02))
    assert [result.item_id for result in run] == list(range(800))
    assert {result.outcome for result in run} == {Outcome.ACCEPTED}
    own = calibrated(run).trials[0].items
    assert sum(result.route is Route.SINGLE for result in run) == own
    usage = run.ledger.charged.usage
    for each in run.ledger.overheads.values():
        usage = usage.plus_known(each.usage)
    assert usage.output_tokens == run.ledger.usage.output_tokens


def test_a_trial_has_a_bound_that_the_plan_knows() -> None:
    trial = trial_for(Guard(max_bleed=0.02), 1_000, 10)
    run = pack_and_run(texts(1_000), TASK, client=ScriptedClient(told), guard=Guard(max_bleed=0.02))
    assert 0 < calibrated(run).calls <= trial.most_calls < 400


def test_groups_are_kept_apart_in_the_trial() -> None:
    client = ScriptedClient(told)
    pack_and_run(
        texts(900),
        TASK,
        client=client,
        guard=Guard(max_bleed=0.02),
        group_by=lambda text: str(int(str(text).split()[1]) % 2),
    )
    for prompt in client.prompts:
        assert len({int(each.text.split()[1]) % 2 for each in items_of(prompt)}) == 1


def test_a_size_whose_packs_are_useless_is_given_up() -> None:
    def broken(prompt: Prompt, reply: str) -> str | Completion | ClientError:
        return "no" if prompt.items > 1 else reply

    client = ScriptedClient(told, spoil=broken)
    run = pack_and_run(texts(800), TASK, client=client, guard=Guard(max_bleed=0.02))
    assert "too many items without an answer" in calibrated(run).words
    assert run.values == [told(text) for text in texts(800)]


def test_drift_while_running_ends_packing() -> None:
    class Drifting(ScriptedClient):
        """Turns bad after the trial."""

        async def complete(self, prompt: Prompt) -> Completion:
            reply = await super().complete(prompt)
            shown = items_of(prompt)
            if len(shown) == 1 or len(self.prompts) < 500:
                return reply
            body = dict.fromkeys(json.loads(reply.text), "mixed")
            return Completion(json.dumps(body), usage=reply.usage)

    guard = Guard(max_bleed=0.05, audit=0.1)
    run = pack_and_run(texts(4_000), TASK, client=Drifting(told), guard=guard)
    assert calibrated(run).proven
    assert run.size_changes[0].before == 10
    assert run.size_changes[-1].after == 1
    assert "audits while running show" in run.size_changes[0].why
    assert routes(run)["single"] > 1_000


def test_collapse_stops_a_run_that_promised_nothing(tmp_path: Path) -> None:
    client = BleedingClient(truth(4_000), copy=0.9)
    guard = Guard(audit=0.1)
    run = pack_and_run(texts(4_000), TASK, client=client, guard=guard, store=tmp_path / "run")
    assert run.stopped is not None
    assert "asked again alone" in run.stopped
    assert "strategy single" in run.stopped
    assert run.pending
    assert len(client.ledger) < 200
    # Who runs it again has read that, and wants the rest.
    again = pack_and_run(texts(4_000), TASK, client=client, guard=guard, store=tmp_path / "run")
    assert again.stopped is None
    assert not again.pending
    with pytest.raises(GuardStop):
        raise GuardStop("named in the public tree")


def test_packs_that_are_cut_off_become_smaller_and_grow_again() -> None:
    def cut(prompt: Prompt, reply: str) -> str | Completion | ClientError:
        if prompt.items > 8 and len(client.prompts) < 60:
            return Completion(reply[: len(reply) // 2], FinishReason.LENGTH)
        return reply

    client = ScriptedClient(told, spoil=cut)
    run = pack_and_run(
        texts(3_000), TASK, client=client, budget=Budget(items=16), limits=Limits(concurrency=1)
    )
    assert run.values == [told(text) for text in texts(3_000)]
    assert [(change.before, change.after) for change in run.size_changes] == [(16, 8)]
    assert "failed whole" in run.size_changes[0].why


def test_a_model_that_cannot_copy_seals_is_asked_alone_after_a_few_packs() -> None:
    def unsealed(prompt: Prompt, reply: str) -> str | Completion | ClientError:
        if prompt.items == 1:
            return reply
        body = {key: {**each, "seal": "000"} for key, each in json.loads(reply).items()}
        return json.dumps(body)

    client = ScriptedClient(told, spoil=unsealed)
    run = pack_and_run(
        texts(1_000),
        TASK,
        client=client,
        layout=Layout(binding="seal"),
        limits=Limits(concurrency=1),
        fallback=Fallback(repacks=0, session=False),
    )
    assert run.values == [told(text) for text in texts(1_000)]
    assert run.size_changes[-1].after == 1
    assert routes(run)["pack"] <= 10
    assert run.ledger.calls < 1_020


@pytest.mark.parametrize("keeps", [True, False])
def test_an_audited_answer_that_differs_is_the_single_one_and_doubtful(keeps: bool) -> None:
    guard = Guard(audit=0.5, collapse=None)
    run = pack_and_run(texts(200), TASK, client=BetterPacked(), guard=guard)
    differing = [result for result in run if any(s.kind is SignalKind.AUDIT for s in result.signals)]
    assert run.audit is not None
    assert run.audit.differ == len(differing) > 5
    assert all(result.trust is Trust.DOUBTFUL and result.route is Route.SINGLE for result in differing)
    assert [run.values[int(str(each.item_id))] for each in differing] == [
        wrong_alone(f"Review {each.item_id}") for each in differing
    ]
    confirmed = [result for result in run if result.trust is Trust.CONFIRMED]
    assert len(confirmed) + len(differing) == run.audit.asked == 100


def test_a_default_run_audits_two_in_a_hundred_and_says_what_that_shows() -> None:
    run = pack_and_run(texts(1_000), TASK, client=ScriptedClient(told))
    assert run.audit is not None
    assert (run.audit.asked, run.audit.differ, run.audit.twice) == (20, 0, 5)
    assert "20 asked again, 0 differ" in run.audit.words
    assert "17%" in run.audit.words
    assert routes(run) == {"pack": 100, "audit": 25}
    assert run.ledger.overheads["audit"].usage.output_tokens


def test_audits_that_fail_cost_no_answer() -> None:
    def mute(prompt: Prompt, reply: str) -> str | Completion | ClientError:
        return "" if prompt.items == 1 else reply

    run = pack_and_run(texts(500), TASK, client=ScriptedClient(told, spoil=mute))
    assert run.values == [told(text) for text in texts(500)]
    assert run.audit is not None
    assert (run.audit.asked, run.audit.unanswered) == (0, 10)

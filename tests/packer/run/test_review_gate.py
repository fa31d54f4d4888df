"""The gate: nothing goes on before a person has looked at a sample, and what they say of it is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from packer import (
    Budget,
    Decision,
    Fallback,
    Gate,
    Guard,
    Limits,
    Outcome,
    ReviewGate,
    Route,
    Ruling,
    Sheet,
    Stage,
    Trust,
    pack_and_run,
    pack_and_stream,
)
from packer.run.review_run import decide, sheet_of
from packer.testing import ScriptedClient, items_of
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import AccessDenied, ClientError, UsageError
from schemas.result import RunResult
from schemas.signal import SignalKind
from schemas.verdict import Fault
from tests.packer.run.by_hand import rows
from tests.strategies import LABELS, SENTIMENT, label

TEXTS = [f"tweet number {n} " + "la" * (n % 5) for n in range(30)]
Reviewer = Callable[[Sheet], Iterable[Decision]]


class Person:
    """A reviewer who keeps the sheets, and rules as told."""

    def __init__(self, *rulings: Reviewer) -> None:
        self.sheets: list[Sheet] = []
        self._rulings = list(rulings)

    def __call__(self, sheet: Sheet) -> Iterable[Decision]:
        self.sheets.append(sheet)
        rule = self._rulings.pop(0) if self._rulings else approve
        return rule(sheet)


def approve(sheet: Sheet) -> list[Decision]:
    return [Decision(each.item_id, Ruling.APPROVE) for each in sheet.items]


def reject_first(sheet: Sheet) -> list[Decision]:
    first, *rest = sheet.items
    rejected = Decision(first.item_id, Ruling.REJECT, reason="a joke")
    return [rejected, *(Decision(each.item_id, Ruling.APPROVE) for each in rest)]


def another(answer: object) -> str:
    return LABELS[(LABELS.index(str(answer)) + 1) % 3]


def correct(sheet: Sheet) -> list[Decision]:
    return [Decision(each.item_id, Ruling.CORRECT, another(each.answer), "read it") for each in sheet.items]


def client(spoil: Callable[[Prompt, str], str | Completion | ClientError] | None = None) -> ScriptedClient:
    return ScriptedClient(label, spoil=spoil)


def run(person: Reviewer | None, one: ScriptedClient | None = None, **more: Any) -> RunResult[str]:
    gate = {key: more.pop(key) for key in ("sample", "by", "on_reject") if key in more}
    options: dict[str, Any] = {"budget": Budget(items=5), "limits": Limits(concurrency=2)} | more
    review = ReviewGate(callback=person, reviewer="Ann", **gate)
    return pack_and_run(
        options.pop("items", TEXTS), SENTIMENT, client=one or client(), review=review, **options
    )


def asked(*clients: ScriptedClient) -> Counter[str]:
    return Counter(each.text for one in clients for prompt in one.prompts for each in items_of(prompt))


# --- A callback -----------------------------------------------------------------------------------------


def test_a_sample_is_looked_at_after_the_first_packs_and_at_the_end() -> None:
    calls_at: list[int] = []

    def look(sheet: Sheet) -> list[Decision]:
        calls_at.append(len(one.prompts))
        return approve(sheet)

    one, person = client(), Person(look, look)
    done = run(person, one)
    assert [(each.stage, len(each.items)) for each in person.sheets] == [(Stage.FIRST, 5), (Stage.LAST, 5)]
    assert calls_at == [2, 6]
    assert [(each.answered, each.total) for each in person.sheets] == [(10, 30), (30, 30)]
    assert done.gate is Gate.PASSED
    assert done.stopped is None
    assert done.values == [label(text) for text in TEXTS]
    assert done.released == done.results
    assert [(each.ruling, each.by) for each in done.reviews] == [(Ruling.APPROVE, "Ann")] * 10
    assert sum(each.review is not None for each in done.results) == 10
    assert set(asked(one).values()) == {1}


def test_a_sheet_shows_text_answer_route_and_neighbours() -> None:
    one, person = client(), Person()
    run(person, one, sample=30)
    shared = [[each.text for each in items_of(prompt)] for prompt in one.prompts]
    shown = [each for sheet in person.sheets for each in sheet.items]
    assert len({each.item_id for each in shown}) == len(shown)
    for each in shown:
        assert isinstance(each.item_id, int)
        assert each.text == TEXTS[each.item_id]
        assert (each.answer, each.route) == (label(TEXTS[each.item_id]), "pack")
        (mates,) = [texts for texts in shared if each.text in texts]
        assert [other.text for other in each.neighbours] == [text for text in mates if text != each.text]
        assert [other.answer for other in each.neighbours] == [
            label(text) for text in mates if text != each.text
        ]


@pytest.mark.parametrize("stage", [0, 1])
def test_a_correction_is_the_result_and_stays_with_its_reviewer(stage: int) -> None:
    person = Person(*[approve] * stage, correct)
    done = run(person, sample=3)
    for each in person.sheets[stage].items:
        (result,) = [one for one in done.results if one.item_id == each.item_id]
        assert result.value == another(each.answer)
        assert (result.outcome, result.trust) == (Outcome.ACCEPTED, Trust.CONFIRMED)
        assert result.review is not None
        review = result.review
        assert (review.ruling, review.by, review.reason) == (Ruling.CORRECT, "Ann", "read it")
        assert (review.before, review.after) == (each.answer, result.value)
        assert review.bad
        assert review.at.endswith("+00:00")
    assert done.gate is Gate.PASSED


@pytest.mark.parametrize("on_reject", ["again", "stop"])
def test_the_file_says_at_once_what_was_decided(tmp_path: Path, on_reject: str) -> None:
    def mixed(sheet: Sheet) -> list[Decision]:
        bad = Decision(sheet.items[0].item_id, Ruling.REJECT)
        return [bad, *correct(sheet)[1:]]

    person = Person(approve, mixed if on_reject == "stop" else correct)
    run(person, store=tmp_path / "run", on_reject=on_reject, items=[*TEXTS, *TEXTS])
    kept = rows(tmp_path / "run")
    for each in person.sheets[1].items[1:]:
        assert isinstance(each.item_id, int)
        assert kept[each.item_id]["value"] == kept[each.item_id + len(TEXTS)]["value"] == another(each.answer)
        review = kept[each.item_id]["review"]
        assert isinstance(review, dict)
        assert (review["ruling"], review["by"], review["before"]) == ("correct", "Ann", each.answer)


def test_repeats_of_a_text_follow_the_correction_of_their_original() -> None:
    items = [*TEXTS[:6], *TEXTS[:6]]
    done = run(Person(correct), items=items, sample=6)
    assert done.values == [another(label(text)) for text in TEXTS[:6]] * 2
    assert {each.trust for each in done.results} == {Trust.CONFIRMED}
    assert [each.same_as for each in done.results[6:]] == [*range(6)]


@pytest.mark.parametrize("stage", [0, 1])
def test_a_rejection_sends_the_whole_call_down_the_ladder(stage: int) -> None:
    one, person = client(), Person(*[approve] * stage, reject_first)
    done = run(person, one, sample=2)
    rejected, spared = person.sheets[stage].items
    assert done.gate is Gate.PASSED
    assert done.values == [label(text) for text in TEXTS]
    stages = [Stage.FIRST, *[Stage.FIRST] * (not stage), *[Stage.LAST] * (1 + stage)]
    assert [each.stage for each in person.sheets] == stages
    again = {text for text, count in asked(one).items() if count > 1}
    mates = {rejected.text, *(each.text for each in rejected.neighbours)}
    assert again == mates - {spared.text} - {
        each.text for sheet in person.sheets[:stage] for each in sheet.items
    }
    (result,) = [each for each in done.results if each.item_id == rejected.item_id]
    assert result.attempts > 1
    assert result.route in (Route.REPACK, Route.SESSION)
    assert any(each.reason == "a joke" for each in done.reviews)
    # What was asked again is what the next sheet shows.
    assert {each.text for each in person.sheets[stage + 1].items} <= again
    assert done.ledger.calls == len(one.prompts)


def test_what_a_person_has_settled_is_not_asked_again_for_a_neighbour() -> None:
    """Corrected at the first stage; at the last one a neighbour of the same call is rejected."""
    corrected: dict[object, str] = {}

    def correct_two(sheet: Sheet) -> list[Decision]:
        corrected.update((each.item_id, another(each.answer)) for each in sheet.items)
        return correct(sheet)

    def reject_neighbours(sheet: Sheet) -> list[Decision]:
        ids = [
            each.item_id for each in sheet.items if {n.item_id for n in each.neighbours} & corrected.keys()
        ]
        assert ids
        return [
            Decision(each.item_id, Ruling.REJECT if each.item_id in ids else Ruling.APPROVE)
            for each in sheet.items
        ]

    person = Person(correct_two, reject_neighbours)
    done = run(person, sample=12, items=TEXTS[:21], budget=Budget(items=7))
    assert len(person.sheets) == 3
    for each in done.results:
        if each.item_id in corrected:
            assert (each.value, each.attempts) == (corrected[each.item_id], 1)
            assert each.review is not None
    assert done.gate is Gate.PASSED


@pytest.mark.parametrize("stage", [0, 1])
def test_a_rejection_ends_the_run_where_that_was_asked_for(stage: int) -> None:
    one, person = client(), Person(*[approve] * stage, reject_first)
    done = run(person, one, sample=3, on_reject="stop")
    assert done.gate is Gate.REJECTED
    assert "Ann rejected the answer of item" in (done.stopped or "")
    assert "a joke" in (done.stopped or "")
    assert done.released == ()
    assert not done.outcomes[Outcome.ACCEPTED]
    assert done.outcomes[Outcome.HELD] == (30 if stage else 10)
    assert len(one.prompts) == (6 if stage else 2)
    assert len(person.sheets) == stage + 1


def test_a_rejected_run_stays_rejected_when_run_again(tmp_path: Path) -> None:
    first = run(Person(reject_first), on_reject="stop", store=tmp_path / "run", sample=3)
    silent = client()
    again = run(Person(), silent, on_reject="stop", store=tmp_path / "run", sample=3)
    assert not silent.prompts
    assert (again.gate, again.stopped) == (Gate.REJECTED, first.stopped)
    assert again.results == first.results


def test_a_reviewer_who_rejects_everything_comes_to_an_end() -> None:
    """The ladder goes down for them too: what was rejected at its end has failed."""

    def reject_all(sheet: Sheet) -> list[Decision]:
        return [Decision(each.item_id, Ruling.REJECT) for each in sheet.items]

    one = client()
    done = run(Person(*[reject_all] * 500), one, sample=30, items=TEXTS[:8], limits=Limits(max_calls=100))
    assert done.stopped is None
    assert done.outcomes == {Outcome.FAILED: 8}
    assert {each.reason.fault for each in done.results if each.reason} == {Fault.REJECTED}
    assert max(asked(one).values()) <= 5


def test_a_rejection_takes_no_rung_that_the_fallback_has_not() -> None:
    one = client()
    fallback = Fallback(repacks=0, session=False, single=True)
    done = run(Person(reject_first), one, sample=2, items=TEXTS[:5], fallback=fallback)
    assert set(done.ledger.routes) == {"pack", "single"}


# --- The sample -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["random", "stratified", "doubtful"])
def test_the_same_seed_draws_the_same_sample(by: str) -> None:
    def ids(seed: int) -> list[list[object]]:
        person = Person()
        run(person, by=by, seed=seed, sample=4, limits=Limits(concurrency=1))
        return [[each.item_id for each in sheet.items] for sheet in person.sheets]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


@pytest.mark.parametrize("by", ["random", "stratified", "doubtful"])
def test_a_run_in_two_processes_draws_the_sample_it_would_have_drawn(tmp_path: Path, by: str) -> None:
    whole, parts = Person(), Person()
    limits = Limits(concurrency=1)
    run(whole, by=by, sample=4, limits=limits)
    for most in (1, 2, 4, 100):
        more: dict[str, Any] = {"store": tmp_path / "run", "limits": Limits(concurrency=1, max_calls=most)}
        done = run(parts, by=by, sample=4, **more)
    assert done.gate is Gate.PASSED
    assert [(each.stage, each.items) for each in parts.sheets] == [
        (each.stage, each.items) for each in whole.sheets
    ]


def test_a_stratified_sample_is_spread_over_answers_and_calls() -> None:
    person = Person()
    run(person, by="stratified", sample=6)
    for sheet in person.sheets:
        assert Counter(each.answer for each in sheet.items) == dict.fromkeys(LABELS, 2)
    last = person.sheets[-1].items
    assert len({frozenset({each.item_id, *(n.item_id for n in each.neighbours)}) for each in last}) > 2


def test_doubtful_answers_are_shown_first() -> None:
    def cut(prompt: Prompt, reply: str) -> str:
        return reply.rpartition(",\n")[0] + "\n}" if "number 3 " in prompt.messages[-1].content else reply

    person = Person()
    guard = Guard(reject=Guard().reject - {SignalKind.SHIFT}, doubt=frozenset({SignalKind.SHIFT}))
    run(person, client(cut), by="doubtful", sample=3, guard=guard)
    shown = [each for sheet in person.sheets for each in sheet.items]
    assert sum(each.trust is Trust.DOUBTFUL for each in shown) >= 3
    for sheet in person.sheets:
        trusts = [each.trust is Trust.DOUBTFUL for each in sheet.items]
        assert trusts == sorted(trusts, reverse=True)
    assert any(each.signals for each in shown)


@pytest.mark.parametrize("strategy", ["pack", "session", "single"])
def test_a_run_smaller_than_its_sample_is_shown_whole_and_once(strategy: str) -> None:
    person = Person()
    done = run(person, items=TEXTS[:3], sample=50, strategy=strategy)
    assert [each.stage for each in person.sheets] == [Stage.LAST]
    assert {each.item_id for each in person.sheets[0].items} == {0, 1, 2}
    assert done.gate is Gate.PASSED


def test_where_nothing_is_accepted_nobody_is_asked() -> None:
    person = Person()
    done = run(person, client(lambda prompt, reply: Completion("", FinishReason.REFUSAL)))
    assert person.sheets == []
    assert done.outcomes == {Outcome.FAILED: len(TEXTS)}
    assert done.gate is Gate.PASSED
    assert done.released == ()


# --- Nobody there ---------------------------------------------------------------------------------------


def test_without_a_callback_a_store_is_needed() -> None:
    with pytest.raises(UsageError, match="store="):
        run(None)


def test_without_a_callback_the_run_waits_and_buys_nothing_more(tmp_path: Path) -> None:
    one, two = client(), client()
    first = run(None, one, store=tmp_path / "run")
    assert first.gate is Gate.WAITING
    assert "packsplit review" in (first.stopped or "")
    assert first.released == ()
    assert first.values == [None] * len(TEXTS)
    assert first.outcomes == {Outcome.HELD: 10, Outcome.PENDING: 20}
    second = run(None, two, store=tmp_path / "run")
    assert not two.prompts
    assert second.results == first.results
    person = Person()
    last = run(person, three := client(), store=tmp_path / "run")
    assert last.gate is Gate.PASSED
    assert [each.stage for each in person.sheets] == [Stage.FIRST, Stage.LAST]
    assert set(asked(one, three).values()) == {1}


def test_a_reviewer_may_come_in_a_process_of_their_own(tmp_path: Path) -> None:
    path, one, two, person = tmp_path / "run", client(), client(), Person()
    run(None, one, store=path, items=[*TEXTS, TEXTS[0]])
    run(person, store=tmp_path / "other", items=[*TEXTS, TEXTS[0]])
    waiting = sheet_of(path)
    assert waiting.items == person.sheets[0].items
    rejected, corrected, *_ = waiting.items
    reviews = decide(path, [*reject_first(waiting)[:1], *correct(waiting)[1:]], reviewer="Bea")
    assert {each.by for each in reviews} == {"Bea"}
    with pytest.raises(UsageError, match="no sample waits"):
        sheet_of(path)
    done = run(Person(), two, store=path, items=[*TEXTS, TEXTS[0]])
    assert done.gate is Gate.PASSED
    by_id = {each.item_id: each for each in done.results}
    assert by_id[corrected.item_id].value == another(corrected.answer)
    assert by_id[corrected.item_id].trust is Trust.CONFIRMED
    assert by_id[rejected.item_id].attempts == 2
    assert {each.by for each in done.reviews} == {"Ann", "Bea"}
    mates = {rejected.text, *(each.text for each in rejected.neighbours)}
    spared = {each.text for each in waiting.items[1:]}
    assert {text for text, count in asked(one, two).items() if count > 1} == mates - spared


def raises(sheet: Sheet) -> list[Decision]:
    raise LookupError("the form was closed")


def leaves_one_out(sheet: Sheet) -> list[Decision]:
    return approve(sheet)[1:]


def decides_twice(sheet: Sheet) -> list[Decision]:
    return [*approve(sheet), *approve(sheet)[:1]]


def corrects_to_nonsense(sheet: Sheet) -> list[Decision]:
    return [Decision(each.item_id, Ruling.CORRECT, "no label") for each in sheet.items]


def is_not_done(sheet: Sheet) -> Iterable[Decision]:
    yield approve(sheet)[0]
    raise OSError("the line is dead")


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("broken", [raises, leaves_one_out, decides_twice, corrects_to_nonsense, is_not_done])
def test_a_review_that_cannot_be_read_holds_everything_and_loses_nothing(
    tmp_path: Path, broken: Reviewer, kept: bool
) -> None:
    more: dict[str, Any] = {"store": tmp_path / "run"} if kept else {}
    one, person = client(), Person(approve, broken)
    first = run(person, one, **more)
    assert "review could not be read" in (first.stopped or "")
    assert first.gate is Gate.WAITING
    assert first.outcomes == {Outcome.HELD: len(TEXTS)}
    assert first.released == ()
    assert len(first.reviews) == 5
    if kept:
        later = Person()
        last = run(later, silent := client(), **more)
        assert not silent.prompts
        assert [each.items for each in later.sheets] == [person.sheets[-1].items]
        assert last.gate is Gate.PASSED
        assert len(last.reviews) == 10


def test_a_held_run_can_be_resumed_and_its_answers_are_still_held() -> None:
    first = run(Person(raises), limits=Limits(concurrency=1))
    assert first.outcomes == {Outcome.HELD: 10, Outcome.PENDING: 20}
    with pytest.raises(UsageError, match="held for a review"):
        pack_and_run(TEXTS, SENTIMENT, client=client(), resume=first)
    person = Person(reject_first)
    last = run(person, two := client(), resume=first)
    assert last.gate is Gate.PASSED
    assert last.values == [label(text) for text in TEXTS]
    bought = {TEXTS[n] for n, each in enumerate(first.results) if each.outcome is Outcome.HELD}
    assert not bought & asked(two).keys()


def test_a_rejected_answer_of_the_cache_cannot_end_the_run_badly(tmp_path: Path) -> None:
    """Answers of the cache have no call; only what this run asked is shown."""
    pack_and_run(TEXTS[:12], SENTIMENT, client=client(), cache=tmp_path / "cache")
    person = Person(reject_first, reject_first)
    done = run(person, cache=tmp_path / "cache", sample=30, store=tmp_path / "run")
    assert done.gate is Gate.PASSED
    assert done.values == [label(text) for text in TEXTS]
    shown = {each.item_id for sheet in person.sheets for each in sheet.items}
    assert shown == {*range(12, 30)}
    assert {each.route for each in done.results[:12]} == {Route.CACHE}


def test_what_was_answered_before_no_call_could_succeed_is_held_not_lost() -> None:
    def revoked(prompt: Prompt, reply: str) -> str | ClientError:
        return AccessDenied("the key was revoked", status=401) if len(one.prompts) > 3 else reply

    one = client(revoked)
    done = run(Person(), one, limits=Limits(concurrency=1))
    assert "revoked" in (done.stopped or "")
    assert done.outcomes == {Outcome.HELD: 15, Outcome.PENDING: 15}


# --- Streams --------------------------------------------------------------------------------------------


def test_nothing_streams_out_before_the_gate_has_passed() -> None:
    seen: list[str] = []

    def look(sheet: Sheet) -> list[Decision]:
        seen.append(sheet.stage)
        return approve(sheet)

    async def read() -> list[Any]:
        results = []
        options: dict[str, Any] = {"budget": Budget(items=5), "review": ReviewGate(callback=look)}
        async for each in pack_and_stream(TEXTS, SENTIMENT, client=client(), **options):
            seen.append("out")
            results.append(each)
        return results

    results = asyncio.run(read())
    assert seen == [Stage.FIRST, Stage.LAST, *["out"] * len(TEXTS)]
    assert {each.outcome for each in results} == {Outcome.ACCEPTED}


def test_a_stream_that_is_not_released_gives_held_answers_only(tmp_path: Path) -> None:
    async def read() -> list[Any]:
        options: dict[str, Any] = {
            "budget": Budget(items=5),
            "review": ReviewGate(),
            "store": tmp_path / "run",
        }
        return [each async for each in pack_and_stream(TEXTS, SENTIMENT, client=client(), **options)]

    outcomes = Counter(each.outcome for each in asyncio.run(read()))
    assert outcomes == {Outcome.HELD: 10, Outcome.PENDING: 20}


# --- Sessions -------------------------------------------------------------------------------------------


def test_sessions_are_looked_at_and_taken_up_again(tmp_path: Path) -> None:
    """A session is opened whole, so that it is the same one in the next process."""
    texts = [f"tweet number {n}" for n in range(60)]
    more: dict[str, Any] = {"items": texts, "strategy": "session", "store": tmp_path / "run", "sample": 3}
    more["guard"] = Guard(audit=0)
    clients = [client() for _ in range(5)]
    for one, most in zip(clients, (5, 20, 37, 50, 100), strict=True):
        done = run(person := Person(), one, limits=Limits(max_calls=most, concurrency=3), **more)
    assert done.gate is Gate.PASSED
    assert person.sheets[-1].stage is Stage.LAST
    assert done.values == [label(text) for text in texts]
    assert set(asked(*clients).values()) == {1}

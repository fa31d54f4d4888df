"""A run kept in a file: taken up again it buys only what is missing, and is the run it would have been."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from packer import (
    Budget,
    Fallback,
    Guard,
    Layout,
    Limits,
    ModelFacts,
    Outcome,
    Task,
    pack_and_run,
    pack_and_run_async,
    pack_and_stream,
)
from packer.testing import ScriptedClient, items_of
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import AccessDenied, ClientError, RunChanged, Unreachable, UsageError
from schemas.facts import Price
from schemas.guard import Canary
from schemas.item import Item
from schemas.keeping import Store
from schemas.result import RunResult
from schemas.signal import SignalKind
from schemas.usage import Usage, known_sum_usd
from schemas.verdict import Fault
from tests.packer.run.by_hand import Call, Desk, Process, rows
from tests.strategies import LABELS, SENTIMENT, label

CANARY = Canary("a canary that sings", "positive")
TEXTS = [f"tweet number {n} " + "la" * (n % 5) for n in range(40)]
PRICE = Price(Decimal("0.15"), Decimal("0.6"))


def told(text: str) -> object:
    return CANARY.answer if text == CANARY.text else label(text)


class Billed(ScriptedClient):
    """A scripted client that keeps its bills."""

    def __init__(self, spoil: Callable[[Prompt, str], str | Completion | ClientError] | None = None) -> None:
        super().__init__(told, spoil=spoil)
        self.bills: list[Usage] = []

    async def complete(self, prompt: Prompt) -> Completion:
        reply = await super().complete(prompt)
        self.bills.append(reply.usage)
        return reply


client = Billed


def asked(*clients: ScriptedClient) -> Counter[str]:
    """How often each text was shown."""
    return Counter(each.text for one in clients for prompt in one.prompts for each in items_of(prompt))


def drop_one(prompt: Prompt, reply: str) -> str:
    """Of every pack, one answer that is not the last is of no kind."""
    shown = items_of(prompt)
    if len(shown) < 3:
        return reply
    wrong = next((each for each in shown if each.text != CANARY.text and "7" in each.text), None)
    return reply if wrong is None else reply.replace(f'"{wrong.handle}":"', f'"{wrong.handle}":"x')


WAYS: dict[str, dict[str, Any]] = {
    "packs": {"budget": Budget(items=6)},
    "packs of one's own": {"budget": Budget(items=6), "layout": Layout(packing="in_order", shuffle=False)},
    "sealed, guarded": {
        "budget": Budget(items=6),
        "layout": Layout(binding="seal"),
        "guard": Guard(canaries=(CANARY,), second_look=True),
    },
    "groups, baseline": {
        "budget": Budget(items=6),
        "baseline": 5,
        "group_by": lambda text: str(len(text) % 3),
    },
    "session": {"strategy": "session"},
    "session with history": {"strategy": "session", "fallback": Fallback(carry_turns=2)},
    "single": {"strategy": "single"},
}


def carry_out(path: Path | Store | None, one: object, way: str = "packs", **more: Any) -> RunResult[str]:
    options: dict[str, Any] = {"facts": ModelFacts(price=PRICE)} | WAYS[way]
    options["limits"] = Limits(concurrency=1, retries=0)
    return pack_and_run(TEXTS, SENTIMENT, client=one, store=path, **(options | more))


@pytest.mark.parametrize("stops", [1, 2, 3])
@pytest.mark.parametrize("way", WAYS)
def test_a_run_in_parts_is_the_run_in_one_piece(tmp_path: Path, way: str, stops: int) -> None:
    whole = carry_out(None, client(drop_one), way)
    clients = [client(drop_one) for _ in range(stops + 1)]
    for number, each in enumerate(clients[:-1], 1):
        part = carry_out(tmp_path / "run", each, way, limits=Limits(concurrency=1, max_calls=2 * number))
        assert part.stopped is not None
        assert part.pending
    last = carry_out(tmp_path / "run", clients[-1], way)
    assert last.stopped is None
    assert [(each.item_id, each.value, each.outcome) for each in last.results] == [
        (each.item_id, each.value, each.outcome) for each in whole.results
    ]
    good_at_once = {
        text: count for text, count in asked(*clients).items() if text in TEXTS and "7" not in text
    }
    assert set(good_at_once.values()) == {1}
    assert last.ledger.calls == sum(len(each.prompts) for each in clients)
    bills = [usage for each in clients for usage in each.bills]
    assert last.ledger.cost_usd == known_sum_usd(map(PRICE.cost_usd, bills))
    assert last.ledger.usage.output_tokens == sum(usage.output_tokens or 0 for usage in bills)


def test_a_finished_run_is_read_and_not_bought_again(tmp_path: Path) -> None:
    first = carry_out(tmp_path / "run", client())
    second = carry_out(tmp_path / "run", silent := client())
    assert not silent.prompts
    assert second.results == first.results
    assert second.ledger == first.ledger
    assert second.name == first.name
    assert [each.ratio for each in second.comparisons] == [each.ratio for each in first.comparisons]


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 1}, "seed"),
    "budget": ({"budget": Budget(items=7)}, "budget"),
    "layout": ({"layout": Layout(binding="seal")}, "layout"),
    "guard": ({"guard": Guard(second_look=True)}, "guard"),
    "fallback": ({"fallback": Fallback(repacks=0)}, "fallback"),
    "strategy": ({"strategy": "single"}, "strategy"),
    "baseline": ({"baseline": 3}, "baseline"),
    "model": ({"client": ScriptedClient(told, name="another")}, "model"),
    "instruction": ({"task": Task.classify("Mood of a tweet.", LABELS)}, "instruction"),
    "schema": ({"task": Task.classify("Sentiment of a tweet.", [*LABELS, "unclear"])}, "output"),
    "notes": (
        {"task": Task.classify("Sentiment of a tweet.", dict.fromkeys(LABELS, "a note"))},
        "label notes",
    ),
    "a text": ({"items": [*TEXTS[:-1], "another"]}, "inputs"),
    "an item more": ({"items": [*TEXTS, "one more"]}, "number of inputs"),
    "the order": ({"items": TEXTS[::-1]}, "inputs"),
    "groups": ({"group_by": lambda text: text[0]}, "inputs"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_run_is_refused_and_what_differs_is_named(tmp_path: Path, change: str) -> None:
    options: dict[str, Any] = {
        "items": TEXTS,
        "task": SENTIMENT,
        "client": client(),
        "budget": Budget(items=6),
    }
    options["store"] = tmp_path / "run"
    pack_and_run(**options, limits=Limits(max_calls=1))
    other, named = CHANGES[change]
    before = (tmp_path / "run").read_bytes()
    options["client"] = silent = client()
    with pytest.raises(RunChanged, match=named) as caught:
        pack_and_run(**(options | other))
    assert any(each.startswith(named) for each in caught.value.changed)
    assert not silent.prompts
    assert (tmp_path / "run").read_bytes() == before


def test_ceilings_prices_and_names_may_change(tmp_path: Path) -> None:
    carry_out(tmp_path / "run", client(), limits=Limits(max_calls=2))
    more: dict[str, Any] = {"limits": Limits(concurrency=3, rpm=500), "name": "afternoon"}
    last = carry_out(tmp_path / "run", client(), facts=None, **more)
    assert last.stopped is None
    assert last.name == "afternoon"
    assert last.ledger.cost_usd is not None  # of the calls that were priced when they were made
    assert last.ledger.unpriced_calls == last.ledger.calls - 2


def test_store_and_resume_exclude_each_other(tmp_path: Path) -> None:
    first = carry_out(None, client(), limits=Limits(max_calls=1))
    with pytest.raises(UsageError, match="store= or resume="):
        carry_out(tmp_path / "run", silent := client(), resume=first)
    assert not silent.prompts


# --- What is in the file --------------------------------------------------------------------------------


def kept_bytes(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def by_hand(
    path: Path, desk: Desk, texts: Sequence[str] = TEXTS, *, keep: bool = True, **more: Any
) -> Process:
    """One process's work on a run, made by hand."""
    options: dict[str, Any] = {"budget": Budget(items=6), "limits": Limits(concurrency=2, retries=0)}

    async def job() -> RunResult[str]:
        store = Store(path, texts=keep)
        return await pack_and_run_async(texts, SENTIMENT, client=desk, store=store, **(options | more))

    return Process(job)


def good(call: Call) -> Completion:
    return asyncio.run(client().complete(call.prompt))


def answer(process: Process, desk: Desk, reply: Callable[[Call], Completion | ClientError] = good) -> None:
    call = desk.open[0]
    desk.answer(call, reply(call))
    process.loop.pump()


def to_the_end(process: Process, desk: Desk) -> RunResult[str]:
    while not process.over:
        if desk.open:
            answer(process, desk)
        else:
            assert process.loop.jump()
    return process.result()


@pytest.mark.parametrize("keep", [True, False])
def test_input_texts_are_kept_or_not_as_asked(tmp_path: Path, keep: bool) -> None:
    path, desk = tmp_path / "run", Desk()
    process = by_hand(path, desk, keep=keep)
    for _ in range(3):
        answer(process, desk)
    held = kept_bytes(path)
    assert (b"tweet number" in held) == keep
    with desk.closed():
        process.killed(path, tmp_path / "left")
    later = Desk()
    run = to_the_end(by_hand(tmp_path / "left", later, keep=keep), later)
    assert run.values == [label(text) for text in TEXTS]
    assert (b"tweet number" in kept_bytes(tmp_path / "left")) == keep
    assert len(later.calls) == len(TEXTS) // 6 + 1 - 3


def test_without_texts_no_error_tells_what_was_sent(tmp_path: Path) -> None:
    """A provider's message may quote the input; so may the reason of the item, and of the run's end."""

    def quoting(prompt: Prompt, reply: str) -> ClientError:
        kind = AccessDenied if len(items_of(prompt)) < 2 else ClientError
        return kind(f"cannot do {prompt.messages[-1].content}")

    options: dict[str, Any] = {"client": client(quoting), "budget": Budget(items=6)}
    with pytest.raises(AccessDenied):
        pack_and_run(TEXTS, SENTIMENT, store=Store(tmp_path / "run", texts=False), **options)
    assert b"tweet number" not in kept_bytes(tmp_path / "run")

    options |= {"client": client(lambda prompt, reply: ClientError(f"no: {prompt.messages[-1].content}"))}
    run = pack_and_run(TEXTS, SENTIMENT, store=Store(tmp_path / "other", texts=False), **options)
    assert run.outcomes == {Outcome.FAILED: len(TEXTS)}
    assert b"tweet number" not in kept_bytes(tmp_path / "other")


def test_an_error_of_the_callers_own_kind_is_read_again(tmp_path: Path) -> None:
    class OurGateway(Unreachable):
        """A client of the caller's own may say what it likes."""

    def down(prompt: Prompt, reply: str) -> str | ClientError:
        return (
            OurGateway("the gateway sleeps", status=502)
            if "number 7 " in prompt.messages[-1].content
            else reply
        )

    carry_out(tmp_path / "run", client(down), limits=Limits(max_calls=6, retries=0, concurrency=1))
    last = carry_out(tmp_path / "run", client())
    assert last.stopped is None
    assert last.outcomes == {Outcome.ACCEPTED: len(TEXTS)}


# --- How runs end, and go on ----------------------------------------------------------------------------


def test_what_the_guard_ended_goes_on_when_run_again(tmp_path: Path) -> None:
    def extra(prompt: Prompt, reply: str) -> str:
        return (
            reply[:-2] + ',\n"item_99":"positive"\n}'
            if "number 11 " in prompt.messages[-1].content
            else reply
        )

    guard = Guard(stop=frozenset({SignalKind.FOREIGN_HANDLE}))
    stopped = carry_out(tmp_path / "run", client(extra), guard=guard)
    assert stopped.stopped is not None
    assert 0 < len(stopped.pending) < len(TEXTS)
    last = carry_out(tmp_path / "run", second := client(extra), guard=guard)
    assert last.stopped is None
    assert not last.pending
    settled = {TEXTS[n] for n, each in enumerate(stopped.results) if each.outcome is Outcome.ACCEPTED}
    assert settled
    assert not settled & asked(second).keys()


def test_a_key_that_is_refused_costs_nothing_that_was_bought(tmp_path: Path) -> None:
    calls: list[Prompt] = []

    def revoked(prompt: Prompt, reply: str) -> str | ClientError:
        calls.append(prompt)
        return AccessDenied("the key was revoked", status=401) if len(calls) > 3 else reply

    first = carry_out(tmp_path / "run", one := client(revoked))
    assert "revoked" in (first.stopped or "")
    second = carry_out(tmp_path / "run", two := client())
    assert second.outcomes == {Outcome.ACCEPTED: len(TEXTS)}
    one.prompts.pop()  # the refused one
    assert set(asked(one, two).values()) == {1}
    assert second.ledger.failed_calls == 1


def test_the_ceiling_on_calls_holds_over_all_processes(tmp_path: Path) -> None:
    clients = [client() for _ in range(4)]
    for one, most in zip(clients, (3, 3, 5, 5), strict=True):
        run = carry_out(tmp_path / "run", one, limits=Limits(max_calls=most, concurrency=1))
        assert run.ledger.calls == most
        assert "max_calls" in (run.stopped or "")
    assert [len(each.prompts) for each in clients] == [3, 0, 2, 0]


def test_the_ceiling_on_money_holds_over_all_processes(tmp_path: Path) -> None:
    limits = Limits(max_cost_usd=Decimal("0.0012"), concurrency=1)
    first = carry_out(tmp_path / "run", client(), limits=limits)
    assert "max_cost_usd" in (first.stopped or "")
    assert first.ledger.cost_usd is not None
    second = carry_out(tmp_path / "run", silent := client(), limits=limits)
    assert not silent.prompts
    assert second.ledger.cost_usd == first.ledger.cost_usd
    third = carry_out(tmp_path / "run", client())
    assert third.stopped is None
    assert third.ledger.cost_usd is not None
    assert third.ledger.cost_usd > first.ledger.cost_usd


def test_the_newest_result_wins_through_failure_success_and_death(tmp_path: Path) -> None:
    """Fail, go on, succeed, die, go on: what succeeded stays, to the last field."""
    path, desk = tmp_path / "run", Desk()
    process = by_hand(path, desk)
    answer(process, desk, lambda call: Unreachable("down"))
    answer(process, desk, good)
    answer(process, desk, lambda call: Completion("nonsense", FinishReason.REFUSAL))
    with desk.closed():
        process.killed(path, tmp_path / "second")
    desk = Desk()
    process = by_hand(tmp_path / "second", desk)
    for _ in range(4):
        answer(process, desk)
    process.halt.ask("for now")
    while desk.open:
        answer(process, desk)
    middle = process.result()
    assert middle.stopped == "for now"
    won = [each for each in middle.results if each.outcome is Outcome.ACCEPTED]
    assert won
    desk = Desk()
    process = by_hand(tmp_path / "second", desk)
    with desk.closed():
        process.killed(tmp_path / "second", tmp_path / "third")
    desk = Desk()
    last = to_the_end(by_hand(tmp_path / "third", desk), desk)
    assert {each.item_id: each for each in won}.items() <= {
        each.item_id: each for each in last.results
    }.items()
    assert last.values == [label(text) for text in TEXTS]
    assert {at: body["value"] for at, body in rows(tmp_path / "third").items()} == dict(
        enumerate(last.values)
    )


def test_a_call_in_flight_when_the_process_dies_may_have_been_paid_for(tmp_path: Path) -> None:
    path, desk = tmp_path / "run", Desk()
    process = by_hand(path, desk, facts=ModelFacts(price=PRICE))
    answer(process, desk)
    with desk.closed():
        process.killed(path, tmp_path / "left")
    later = Desk()
    run = to_the_end(by_hand(tmp_path / "left", later, facts=ModelFacts(price=PRICE)), later)
    assert run.ledger.maybe_paid_calls == run.ledger.failed_calls == 2
    assert run.ledger.maybe_paid_usd is not None
    assert run.ledger.maybe_paid_usd > 0
    assert run.ledger.calls == len(desk.calls) + len(later.calls)


def test_a_reply_that_nobody_had_read_is_not_bought_again(tmp_path: Path) -> None:
    path, desk = tmp_path / "run", Desk()
    process = by_hand(path, desk)
    call = desk.open[0]
    desk.answer(call, good(call))
    process.loop.pump(2)  # kept, and no further
    with desk.closed():
        process.killed(path, tmp_path / "left")
    later = Desk()
    run = to_the_end(by_hand(tmp_path / "left", later), later)
    assert not any(set(each.texts) & set(call.texts) for each in later.calls)
    assert run.values == [label(text) for text in TEXTS]


@pytest.mark.parametrize("factor", [2, 5])
def test_another_count_of_tokens_changes_no_plan(tmp_path: Path, factor: int) -> None:
    """What was learned of a counter is gone with its process; the packs stay who they were."""

    class Learned:
        name = "learned"

        def __init__(self, times: int) -> None:
            self._times = times

        def count_batch(self, texts: list[str]) -> list[int]:
            return [self._times * len(text) // 3 + 1 for text in texts]

    whole = client()
    carry_out(None, whole, counter=Learned(1))
    one, two = client(), client()
    carry_out(tmp_path / "run", one, counter=Learned(1), limits=Limits(max_calls=2, concurrency=1))
    last = carry_out(tmp_path / "run", two, counter=Learned(factor))
    assert last.stopped is None

    def packs(*clients: ScriptedClient) -> list[list[str]]:
        return [[each.text for each in items_of(prompt)] for one in clients for prompt in one.prompts]

    assert packs(one, two) == packs(whole)


def test_cache_and_store_together(tmp_path: Path) -> None:
    options: dict[str, Any] = {"cache": tmp_path / "cache"}
    pack_and_run(TEXTS[:20], SENTIMENT, client=client(), cache=tmp_path / "cache")
    first = carry_out(tmp_path / "run", one := client(), limits=Limits(max_calls=2, concurrency=1), **options)
    assert len(first.pending) == 8
    (tmp_path / "cache").unlink()  # what the run knew when it began stays known
    last = carry_out(tmp_path / "run", two := client(), **options)
    assert set(asked(one, two)) == set(TEXTS[20:])
    assert set(asked(one, two).values()) == {1}
    assert last.values == [label(text) for text in TEXTS]
    assert last.ledger.calls == 4
    silent = client()
    pack_and_run(TEXTS[20:], SENTIMENT, client=silent, cache=tmp_path / "cache")
    assert not silent.prompts


def test_all_doors_lead_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    carry_out(path, client(), limits=Limits(max_calls=1))
    options: dict[str, Any] = {"budget": Budget(items=6), "store": path}

    async def rest() -> tuple[RunResult[str], list[Any]]:
        limits = Limits(max_calls=3, concurrency=1)
        part = await pack_and_run_async(TEXTS, SENTIMENT, client=client(), limits=limits, **options)
        streamed = [each async for each in pack_and_stream(TEXTS, SENTIMENT, client=client(), **options)]
        return part, streamed

    part, streamed = asyncio.run(rest())
    assert part.ledger.calls == 3
    assert part.pending
    assert sorted(each.item_id for each in streamed) == [*range(len(TEXTS))]
    last = carry_out(path, silent := client())
    assert not silent.prompts
    assert {each.item_id: each for each in streamed} == {each.item_id: each for each in last.results}


def test_repeats_and_refused_inputs_are_kept_too(tmp_path: Path) -> None:
    texts = [*TEXTS[:8], TEXTS[3], TEXTS[3]]
    inputs = [*(Item(n, text) for n, text in enumerate(texts)), Item("blank", " ")]
    options: dict[str, Any] = {"budget": Budget(items=3), "store": tmp_path / "run"}
    pack_and_run(inputs, SENTIMENT, client=client(), limits=Limits(max_calls=1), **options)
    run = pack_and_run(inputs, SENTIMENT, client=client(), **options)
    assert [each.item_id for each in run.results] == [item.id for item in inputs]
    assert [each.same_as for each in run.results if each.same_as is not None] == [3, 3]
    blank = next(each for each in run.results if each.item_id == "blank")
    assert blank.reason is not None
    assert blank.reason.fault is Fault.EMPTY_TEXT
    again = pack_and_run(inputs, SENTIMENT, client=(silent := client()), **options)
    assert again.results == run.results
    assert not silent.prompts


def test_a_second_look_that_was_cut_off_is_taken_in_the_next_process(tmp_path: Path) -> None:
    """The doubtful answer is told meanwhile, as one that is in doubt."""
    guard = Guard(
        reject=Guard().reject - {SignalKind.SHIFT}, doubt=frozenset({SignalKind.SHIFT}), second_look=True
    )

    def cut(prompt: Prompt, reply: str) -> str:
        return reply.rpartition(",\n")[0] + "\n}" if len(items_of(prompt)) == 6 else reply

    options: dict[str, Any] = {"guard": guard}
    first = carry_out(tmp_path / "run", client(cut), limits=Limits(max_calls=7, concurrency=1), **options)
    assert {each.trust.value for each in first.results if each.outcome is Outcome.ACCEPTED} >= {"doubtful"}
    last = carry_out(tmp_path / "run", client(cut), **options)
    assert last.outcomes == {Outcome.ACCEPTED: len(TEXTS)}
    assert not last.doubtful
    assert last.values == [label(text) for text in TEXTS]

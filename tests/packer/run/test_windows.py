"""A run in windows: every input once, ceilings and ids over all of them, and no more than one in memory."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import (
    Budget,
    Completion,
    Decision,
    Guard,
    Item,
    ItemResult,
    Limits,
    ModelFacts,
    Outcome,
    Prompt,
    ReviewGate,
    Route,
    Ruling,
    RunResult,
    UsageError,
    pack_and_run,
    pack_and_stream,
    read_run,
)
from packer.run.inputs import Inputs
from packer.run.live.halt import Halt
from packer.run.live.tally import Tally
from packer.run.options import Options
from packer.run.store.seen_ids import SeenIds
from packer.run.windows import in_windows
from packer.testing import ScriptedClient, items_of
from schemas.errors import AccessDenied, BadItem, ClientError, RunChanged, RunError
from schemas.facts import Price
from schemas.item import ItemLike
from schemas.ledger import Ledger
from schemas.quota import Quota
from schemas.usage import Usage
from tests.fake_time import Provider, fullest, run_fake
from tests.strategies import SENTIMENT, label

PRICE = ModelFacts(price=Price(Decimal("0.15"), Decimal("0.6")))
ALONE = Guard(audit=0)  # calls are counted to the last one here

Results = list[ItemResult[str]]


def texts(count: int) -> list[str]:
    return [f"{n:04d} " + "x" * (n % 41) for n in range(count)]


def client() -> ScriptedClient:
    return ScriptedClient(label)


async def stream(items: Any, one: object, window: int, **more: Any) -> Results:
    """All results, in the order in which they come."""
    options: dict[str, Any] = {"budget": Budget(items=4), "guard": ALONE} | more
    streamed = pack_and_stream(items, SENTIMENT, client=one, window=window, **options)
    async with aclosing(streamed):
        return [each async for each in streamed]


def run(items: Any, one: object, window: int, **more: Any) -> Results:
    return asyncio.run(stream(items, one, window, **more))


def asked(*clients: ScriptedClient) -> Counter[str]:
    """How often each text was shown."""
    return Counter(each.text for one in clients for prompt in one.prompts for each in items_of(prompt))


class Source:
    """Inputs that know how many of them were read."""

    def __init__(self, items: Iterable[ItemLike]) -> None:
        self._items = iter(items)
        self.read = 0

    def __iter__(self) -> Iterator[ItemLike]:
        return self

    def __next__(self) -> ItemLike:
        value = next(self._items)
        self.read += 1
        return value

    async def slowly(self) -> AsyncIterator[ItemLike]:
        for value in self:
            await asyncio.sleep(0)
            yield value


# Every input once.


@given(
    count=st.integers(1, 30),
    window=st.integers(1, 32),
    kind=st.sampled_from(["texts", "pairs", "records", "items"]),
    asynchronous=st.booleans(),
)
@settings(max_examples=16)
def test_whatever_the_window_every_input_has_one_result_under_its_own_id(
    count: int, window: int, kind: str, asynchronous: bool
) -> None:
    shapes: dict[str, Callable[[int, str], ItemLike]] = {
        "texts": lambda n, text: text,
        "pairs": lambda n, text: (f"id {n}", text),
        "records": lambda n, text: {"text": text} if n % 2 else {"id": f"id {n}", "text": text},
        "items": lambda n, text: Item(n, text),
    }
    source = Source(shapes[kind](n, text) for n, text in enumerate(texts(count)))
    results = run(source.slowly() if asynchronous else source, client(), window)
    named = {"texts": lambda n: n, "pairs": lambda n: f"id {n}", "items": lambda n: n}
    named["records"] = lambda n: n if n % 2 else f"id {n}"
    wanted = {named[kind](n): label(text) for n, text in enumerate(texts(count))}
    assert {each.item_id: each.value for each in results} == wanted
    assert len(results) == count


def test_an_input_that_fits_into_one_window_is_the_run_it_always_was(tmp_path: Path) -> None:
    """Same prompts for the same seed, same file, and the whole result for who asks for it."""
    options: dict[str, Any] = {"budget": Budget(items=4), "seed": 5, "facts": PRICE, "baseline": 3}
    whole = client()
    expected = pack_and_run(texts(30), SENTIMENT, client=whole, store=tmp_path / "a", name="it", **options)
    windows: list[RunResult[str]] = []
    streamed = client()
    more = options | {"guard": None, "store": tmp_path / "b", "name": "it", "on_window": windows.append}
    results = run(texts(30), streamed, 30, **more)
    assert streamed.prompts == whole.prompts
    (done,) = windows
    assert (done.results, done.ledger, done.audit) == (expected.results, expected.ledger, expected.audit)
    assert done.comparisons
    assert done.stopped is None
    assert sorted(results, key=lambda each: int(each.item_id)) == list(expected)
    first, second = read_run(tmp_path / "a"), read_run(tmp_path / "b")
    assert (first.ledger, first.items) == (second.ledger, second.items)
    assert [each.name for each in tmp_path.iterdir() if "2" in each.name] == []


def test_windows_are_seated_by_seeds_of_their_own_and_the_whole_by_its_seed() -> None:
    same = ["x" * 9, "y" * 9, "z" * 9] * 2
    ones = [client() for _ in range(3)]
    for one, seed in zip(ones, (1, 1, 2), strict=True):
        run(same, one, 3, seed=seed)
    first, again, other = ([prompt.messages for prompt in one.prompts] for one in ones)
    assert first == again != other
    assert first[0] != first[1]


def test_calls_of_different_windows_have_different_names() -> None:
    calls = Counter(each.call for each in run(texts(12), client(), 4))
    assert sorted(calls.values()) == [4, 4, 4]


def test_equal_texts_are_joined_within_a_window_and_by_a_cache_across(tmp_path: Path) -> None:
    same = ["one text", "one text", "another", "one text"]
    one = client()
    results = {each.item_id: each for each in run(same, one, 2)}
    assert asked(one) == {"one text": 2, "another": 1}
    assert (results[1].same_as, results[3].same_as) == (0, None)
    one = client()
    results = {each.item_id: each for each in run(same, one, 2, cache=tmp_path / "cache")}
    assert asked(one) == {"one text": 1, "another": 1}
    assert results[3].route is Route.CACHE


def test_a_baseline_is_measured_once() -> None:
    windows: list[RunResult[str]] = []
    run(texts(24), client(), 8, baseline=2, on_window=windows.append)
    assert [each.ledger.routes.get("baseline") is not None for each in windows] == [True, False, False]


# Mistakes.


@pytest.mark.parametrize("window", [0, -3])
def test_a_window_of_nothing_is_refused(window: int) -> None:
    with pytest.raises(UsageError, match=f"window={window} must be one or more"):
        run(texts(3), client(), window)


@pytest.mark.parametrize("nothing", [[], iter(()), Source(()).slowly()])
def test_no_input_is_refused(nothing: object) -> None:
    with pytest.raises(BadItem, match="There are no items"):
        run(nothing, client(), 3)


def test_one_string_is_refused() -> None:
    with pytest.raises(BadItem, match="one string"):
        run("abc", client(), 3)


def test_a_mistake_in_a_later_window_names_its_place_in_the_whole_input() -> None:
    one = client()
    with pytest.raises(BadItem, match="Input number 7 is of type float"):
        run([*texts(7), 1.5], one, 5)
    assert sum(asked(one).values()) == 5


@pytest.mark.parametrize("more", [{"review": True}, {"resume": True}])
def test_a_gate_or_an_earlier_run_is_for_one_window(more: dict[str, bool]) -> None:
    options: dict[str, Any] = {}
    if "review" in more:
        options["review"] = ReviewGate(
            sample=2, callback=lambda sheet: [Decision(each.item_id, Ruling.APPROVE) for each in sheet.items]
        )
    else:
        options["resume"] = pack_and_run(texts(6), SENTIMENT, client=client())
    one, source = client(), Source(texts(9))
    with pytest.raises(UsageError, match=r"longer than one window of 6"):
        run(source, one, 6, **options)
    assert (one.prompts, source.read) == ([], 7)
    results = run(texts(6), one, 6, **options)
    assert {each.outcome for each in results} == {Outcome.ACCEPTED}


# Ids.


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([("a", "1"), ("b", "2"), ("c", "3"), ("a", "4")], "The id 'a' occurs twice: inputs number 0 and 3 "),
        ([("a", "1"), ("b", "2"), ("c", "3"), ("c", "4")], "The id 'c' occurs twice: inputs number 2 and 3 "),
        ([(7, "1"), ("b", "2"), ("7", "3")], "The id '7' occurs twice: inputs number 0 and 2 "),
        (["1", "2", ("1", "3")], "The id '1' occurs twice: inputs number 1 and 2 "),
        ([("2", "1"), "2", "3"], "The id 2 occurs twice: inputs number 0 and 2 "),
        ([("\ud800", "1"), "2", "3", "4", ("\ud800", "5")], "occurs twice: inputs number 0 and 4 "),
    ],
)
def test_an_id_that_comes_again_is_refused_before_its_window_is_asked(items: Any, said: str) -> None:
    one = client()
    with pytest.raises(BadItem) as raised:
        run(items, one, 2)
    assert said in str(raised.value)
    first = len(items) - 1 - (len(items) - 1) % 2  # the window that the repetition is in is not asked
    assert sum(asked(one).values()) == first


def test_ids_that_only_look_like_positions_are_not_repetitions() -> None:
    items = [("b", "1"), ("c", "2"), ("0", "3"), ("01", "4"), ("1", "5"), ("9" * 30, "6"), ("²", "7")]
    assert len(run(items, client(), 2)) == 7
    assert len(run(["1", "2", ("01", "3"), ("\u0661", "4")], client(), 2)) == 4


def test_ids_of_the_callers_own_are_kept_on_disk_and_no_others() -> None:
    seen = SeenIds()
    try:
        seen.note([Item(n, "text") for n in range(5)], 0)
        assert seen.repeat([Item(5, "text")], 5) is None
        assert seen._db is None
        seen.note([Item("a", "text")], 5)
        assert seen._db is not None
        assert seen._db.execute("PRAGMA database_list").fetchone()[2] == ""  # a file without a name
        assert seen._db.execute("SELECT COUNT(*) FROM seen").fetchone() == (1,)
    finally:
        seen.close()


def test_a_disk_that_fails_is_told_in_words() -> None:
    seen = SeenIds()
    seen.note([Item("a", "text")], 0)
    assert seen._db is not None
    seen._db.close()
    with pytest.raises(RunError, match="could not be kept on disk"):
        seen.repeat([Item("b", "text")], 1)


# Ceilings over all windows.


def test_calls_are_counted_over_all_windows() -> None:
    one, source = client(), Source(texts(60))
    windows: list[RunResult[str]] = []
    results = run(source, one, 8, limits=Limits(max_calls=5, concurrency=1), on_window=windows.append)
    assert len(one.prompts) == 5
    assert Counter(each.outcome for each in results) == {Outcome.ACCEPTED: 20, Outcome.PENDING: 4}
    assert source.read == 24  # what comes after the window that ended is not read
    assert [each.stopped is None for each in windows] == [True, True, False]
    assert windows[-1].stopped is not None
    assert "max_calls=5" in windows[-1].stopped
    assert windows[-1].stopped.endswith("24 inputs were read, and none of those that follow")


def test_calls_used_up_at_a_windows_end_leave_the_next_one_pending() -> None:
    one = client()
    results = run(texts(20), one, 8, limits=Limits(max_calls=2))
    assert Counter(each.outcome for each in results) == {Outcome.ACCEPTED: 8, Outcome.PENDING: 8}


@pytest.mark.parametrize("metered", [True, False])
def test_money_is_counted_over_all_windows(metered: bool) -> None:
    """Where use stays unknown, a call counts as the most it can have cost."""
    most_usd = Decimal("0.002")
    provider = Provider(label, metered=metered)
    limits = Limits(max_cost_usd=most_usd, concurrency=2)
    windows: list[RunResult[str]] = []

    async def job() -> Results:
        return await stream(texts(400), provider, 8, limits=limits, facts=PRICE, on_window=windows.append)

    results = run_fake(job)
    assert results[-1].outcome is Outcome.PENDING
    bill = PRICE.price
    assert bill is not None
    spent = [bill.cost_usd(Usage(each.input_tokens, 0, each.output_tokens)) for each in provider.sent]
    assert sum(each or 0 for each in spent) <= most_usd
    assert len(windows) > (3 if metered else 0)
    assert windows[-1].stopped is not None
    assert "max_cost_usd" in windows[-1].stopped


def test_the_deadline_is_the_wholes() -> None:
    provider, source = Provider(label), Source(texts(400))
    windows: list[RunResult[str]] = []

    async def job() -> Results:
        limits = Limits(deadline_s=10.5, concurrency=1)
        return await stream(source, provider, 12, limits=limits, on_window=windows.append)

    results = run_fake(job)
    assert len(provider.sent) == 11
    assert Counter(each.outcome for each in results) == {Outcome.ACCEPTED: 40, Outcome.PENDING: 8}
    assert source.read == 48
    assert "(deadline_s=10.5)" in str(windows[-1].stopped)


@pytest.mark.parametrize("limits", [Limits(rpm=7), Limits(tpm=9_000), Limits(rpm=9, input_tpm=4_000)])
def test_no_minute_holds_more_than_a_ceiling_whatever_windows_lie_in_it(limits: Limits) -> None:
    provider = Provider(label, latency_s=lambda number: 0.5 + number % 3)

    async def job() -> Results:
        return await stream(texts(160), provider, 12, limits=limits)

    assert {each.outcome for each in run_fake(job)} == {Outcome.ACCEPTED}
    for kind, most in limits.ceilings.items():
        if most is not None:
            used = fullest((each.at_s, each.amount(kind)) for each in provider.sent)
            assert most * 0.5 < used <= most
    assert provider.sent[-1].at_s > 120


def test_a_pause_that_the_provider_asked_for_outlasts_its_window() -> None:
    quota = (Quota("requests", 3, 0, 40.0),)
    provider = Provider(label, quotas=lambda number: quota if number == 2 else ())

    async def job() -> Results:
        return await stream(texts(24), provider, 12, limits=Limits(concurrency=1))

    run_fake(job)
    assert provider.sent[3].at_s >= provider.sent[2].at_s + 10


# A window that ends early ends the whole.


def test_a_provider_that_refuses_everything_ends_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    def spoil(prompt: Prompt, reply: str) -> str | ClientError:
        return AccessDenied("no") if any(int(each.text[:4]) >= 16 for each in items_of(prompt)) else reply

    source, one = Source(texts(60)), ScriptedClient(label, spoil=spoil)
    results = run(source, one, 8)
    assert Counter(each.outcome for each in results) == {Outcome.ACCEPTED: 16, Outcome.PENDING: 8}
    assert source.read == 24
    assert "24 inputs were read, and none of those that follow" in caplog.text


def test_a_provider_that_never_answered_is_an_error() -> None:
    one = ScriptedClient(label, spoil=lambda prompt, reply: AccessDenied("no"))
    with pytest.raises(AccessDenied):
        run(texts(20), one, 4)


def test_leaving_the_loop_ends_the_whole_and_reads_no_further() -> None:
    source, one = Source(texts(60)), client()

    async def job() -> None:
        streamed = pack_and_stream(source, SENTIMENT, client=one, window=8, budget=Budget(items=4))
        async with aclosing(streamed):
            async for _ in streamed:
                break

    asyncio.run(job())
    assert source.read == 8


@pytest.mark.parametrize("when", ["within a window", "at its end"])
def test_someone_who_asks_for_the_end_ends_the_whole(when: str) -> None:
    source, halt, windows = Source(texts(60)), Halt(), list[RunResult[str]]()

    def note(tally: Tally) -> None:
        if tally.settled == (12 if when == "within a window" else 16):
            halt.ask("the process was asked to end")

    async def job() -> Results:
        inputs = Inputs(source, 8)
        options = Options(budget=Budget(items=4), limits=Limits(concurrency=1), guard=ALONE)
        streamed = in_windows(
            inputs,
            SENTIMENT,
            None,
            Provider(label, latency_s=lambda number: 5.0),
            options,
            on_progress=note,
            on_window=windows.append,
            halt=halt,
        )
        return [each async for each in streamed]

    results = run_fake(job)
    settled = 12 if when == "within a window" else 16
    wanted = {Outcome.ACCEPTED: settled, Outcome.PENDING: 16 - settled}
    assert Counter(each.outcome for each in results) == Counter(wanted)
    assert source.read == 16
    assert str(windows[-1].stopped).startswith("the process was asked to end")
    assert "16 inputs were read" in str(windows[-1].stopped)


def test_someone_who_asks_before_the_first_call_gets_the_first_window_back() -> None:
    source, halt, windows = Source(texts(60)), Halt(), list[RunResult[str]]()
    halt.ask("Ctrl-C")
    one = client()

    async def job() -> Results:
        streamed = in_windows(
            Inputs(source, 8), SENTIMENT, None, one, Options(), on_window=windows.append, halt=halt
        )
        return [each async for each in streamed]

    assert [each.outcome for each in asyncio.run(job())] == [Outcome.PENDING] * 8
    assert (one.prompts, source.read, len(windows)) == ([], 8, 1)
    assert windows[0].ledger.calls == 0


# One window in memory.


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_next_window_is_read_when_the_results_of_the_last_were_taken(asynchronous: bool) -> None:
    source = Source(texts(40))

    async def job() -> None:
        items = source.slowly() if asynchronous else source
        streamed = pack_and_stream(items, SENTIMENT, client=client(), window=8, budget=Budget(items=4))
        taken = 0
        async for _ in streamed:
            assert source.read == 8 * (1 + taken // 8)
            taken += 1
            await asyncio.sleep(0)
        assert taken == 40

    asyncio.run(job())


class Text(str):
    """A text that can be watched."""


def test_no_more_than_one_window_of_inputs_is_alive() -> None:
    alive: weakref.WeakSet[Text] = weakref.WeakSet()
    counts: list[int] = []

    def source() -> Iterator[ItemLike]:
        for n in range(100):
            if n % 20 == 0:
                gc.collect()
                counts.append(len(alive))
            text = Text(f"{n:04d} text")
            alive.add(text)
            yield text

    assert len(run(source(), Forgetful(label), 20, on_window=lambda done: None)) == 100
    # When a window begins, nothing of those before it is there but the last text, in this frame. A thread
    # that has just given back its result may still hold the window before: never more, and not as a rule.
    assert counts[0] == 0
    assert sorted(counts)[len(counts) // 2] <= 1
    assert max(counts) <= 20


class Forgetful(ScriptedClient):
    """Keeps no prompt."""

    async def complete(self, prompt: Prompt) -> Completion:
        reply = await super().complete(prompt)
        self.prompts.clear()
        return reply


# Sums.


def test_progress_adds_up_over_windows() -> None:
    one, seen = client(), list[tuple[int, int, int, int | None]]()

    def note(tally: Tally) -> None:
        seen.append((tally.items, tally.settled, tally.calls, tally.usage.output_tokens))

    run(texts(30), one, 8, on_progress=note)
    assert seen == sorted(seen)
    assert [each[0] for each in seen] == [*[8] * 2, *[16] * 2, *[24] * 2, *[30] * 2]
    assert seen[-1][1:3] == (30, len(one.prompts))
    written = sum(len(told) for told in replies(one))
    assert seen[-1][3] == written


def replies(one: ScriptedClient) -> list[str]:
    """What the client answered, asked again."""
    again = ScriptedClient(label)
    return [asyncio.run(again.complete(prompt)).text for prompt in one.prompts]


def test_ledgers_of_all_windows_add_up_to_the_bill() -> None:
    one = client()
    windows: list[RunResult[str]] = []
    results = run(texts(50), one, 8, facts=PRICE, on_window=windows.append, guard=None, baseline=2)
    whole: Ledger = reduce(Ledger.plus, (each.ledger for each in windows))
    assert whole.calls == len(one.prompts) == sum(each.calls for each in whole.routes.values())
    sent = sum(len(message.content) for prompt in one.prompts for message in prompt.messages)
    assert whole.usage.input_tokens == sent
    bill = PRICE.price
    assert bill is not None
    assert whole.cost_usd == bill.cost_usd(Usage(sent, 0, whole.usage.output_tokens))
    assert whole.baseline.calls == 50
    shares = [each.cost_usd for each in results if each.cost_usd is not None]
    overheads = [each.cost_usd for each in whole.overheads.values() if each.cost_usd is not None]
    assert sum(shares) + sum(overheads) == whole.cost_usd
    assert whole.charged.cost_usd == sum(shares)
    assert [each.item_id for done in windows for each in done] == list(range(50))


# A store.


def test_a_run_in_windows_is_a_file_a_window_and_is_read_back_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "may.run"
    first = run(texts(30), client(), 12, store=path)
    files = [path, tmp_path / "may.run.2", tmp_path / "may.run.3"]
    assert [dict(read_run(each).states) for each in files] == [
        {"accepted": 12},
        {"accepted": 12},
        {"accepted": 6},
    ]
    one = client()
    again = run(texts(30), one, 12, store=path)
    assert one.prompts == []
    assert sorted(map(repr, again)) == sorted(map(repr, first))


@pytest.mark.parametrize("ends", [1, 8, 13, 16, 29])
def test_a_run_that_was_left_anywhere_buys_only_what_is_missing(tmp_path: Path, ends: int) -> None:
    """Within a window and right between two."""

    async def left(one: ScriptedClient) -> None:
        streamed = pack_and_stream(
            texts(30),
            SENTIMENT,
            client=one,
            window=8,
            budget=Budget(items=4),
            store=tmp_path / "run",
            limits=Limits(concurrency=1),
            guard=ALONE,
        )
        taken = 0
        async with aclosing(streamed):
            async for _ in streamed:
                taken += 1
                if taken == ends:
                    return

    ones = [client(), client()]
    asyncio.run(left(ones[0]))
    results = run(texts(30), ones[1], 8, store=tmp_path / "run")
    assert set(asked(*ones).values()) == {1}
    assert {each.item_id: each.value for each in results} == dict(enumerate(map(label, texts(30))))
    assert len(ones[0].prompts) == -(-ends // 4)


def test_a_stopped_run_in_windows_goes_on(tmp_path: Path) -> None:
    ones = [client(), client()]
    run(texts(30), ones[0], 8, store=tmp_path / "run", limits=Limits(max_calls=3))
    windows: list[RunResult[str]] = []
    run(texts(30), ones[1], 8, store=tmp_path / "run", on_window=windows.append)
    assert set(asked(*ones).values()) == {1}
    # The books are the whole's, those of the first process included.
    assert sum(each.ledger.calls for each in windows) == len(ones[0].prompts) + len(ones[1].prompts)


@pytest.mark.parametrize(
    ("items", "window", "said"),
    [
        (["other", *texts(30)[1:]], 8, r"Window 1 \(inputs number 0 to 7, .*inputs \("),
        (
            [*texts(30)[:17], "other", *texts(30)[18:]],
            8,
            r"Window 3 \(inputs number 16 to 23, .*\.3 holds",
        ),
        (texts(29), 8, r"Window 4 .*number of inputs \(6 -> 5\)"),
        (texts(24), 8, r"run\.4 holds .*a further window; now there are 24 in all"),
        (texts(20), 8, r"run\.4 holds .*a further window; now there are 20 in all"),
        (texts(31), 8, r"Window 4 .*number of inputs \(6 -> 7\)"),
        (texts(30), 10, r"Window 1 .*number of inputs \(8 -> 10\)"),
        (texts(5), 8, r"run holds .*number of inputs \(8 -> 5\)"),
    ],
)
def test_a_changed_input_is_refused_by_window(
    tmp_path: Path, items: list[str], window: int, said: str
) -> None:
    run(texts(30), client(), 8, store=tmp_path / "run")
    one = client()
    with pytest.raises(RunChanged, match=said):
        run(items, one, window, store=tmp_path / "run")
    assert one.prompts == []


def test_windows_of_a_named_run_have_its_name(tmp_path: Path) -> None:
    run(texts(8), client(), 4, store=tmp_path / "run", name="May")
    assert [read_run(tmp_path / each).name for each in ("run", "run.2")] == ["May", "May (window 2)"]

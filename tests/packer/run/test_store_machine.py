"""A stored run under everything that can happen to it, in any order, against a model of what it must keep.

The model knows nothing of ladders: it sees what was asked and what was answered. An item whose entry came
back good in a reply that was kept is bought; nobody may ask for it again, unless a reviewer sent it back.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from packer import (
    Budget,
    Fallback,
    Guard,
    Layout,
    Limits,
    ModelFacts,
    Outcome,
    Task,
    pack_and_run_async,
    plan,
)
from packer.testing import ScriptedClient, items_of
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import (
    AccessDenied,
    CallRefused,
    CallTimeout,
    ClientError,
    RateLimited,
    RunChanged,
    RunInUse,
    Unreachable,
)
from schemas.facts import Price
from schemas.guard import REJECT, Canary
from schemas.item import Item, ItemId
from schemas.keeping import Store
from schemas.ledger import RouteSum
from schemas.result import ItemResult, RunResult
from schemas.review import Decision, Gate, ReviewGate, Ruling, Sheet
from schemas.settings import Strategy
from schemas.signal import SignalKind, Trust
from schemas.usage import Usage
from tests.packer.run.by_hand import Call, Desk, Process, journal, rows

LABELS = ("good", "bad", "mixed", "none")
TASK = Task.classify("Mood of a note.", LABELS)
CANARY = Canary("the canary sings", "good")
PRICE = Price(Decimal("0.15"), Decimal("0.6"), Decimal("0.075"))
LEAST_STEPS = int(os.environ.get("STORE_MACHINE_STEPS", "3000"))
"""With 10,000 it takes two minutes, which is for whoever changes the store."""

MOST_ROUNDS = 12
MOST_CANCELS = 2
MOST_MOODS = 5
MOST_JUMPS = 4
"""In one run; with more of these, most runs would never get far."""

EVERY_STEP = (
    "reply",
    "partial reply",
    "failing call",
    "crash",
    "resume",
    "cancel",
    "time passes",
    "reviewer",
)

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Ten thousand steps make fifty thousand commits; what a disk makes of those is not the question here."""

steps = Counter[str]()


@dataclass(frozen=True, slots=True)
class Setup:
    """What one run is begun with."""

    items: int
    repeats: int
    blank: bool
    groups: int
    pack_items: int
    strategy: Strategy
    fallback: Fallback
    sealed: bool
    canary: bool
    second_look: bool
    baseline: int
    gate: ReviewGate | None
    lanes: int
    retries: int
    texts: bool
    seed: int

    @property
    def inputs(self) -> list[Item]:
        """Some texts occur twice, and one may be empty."""
        every = [self._item(n, f"note {n:02d} of the day") for n in range(self.items)]
        every += [self._item(self.items + n, f"note {n:02d} of the day") for n in range(self.repeats)]
        return [*every, Item("blank", "  ", "g0" if self.groups > 1 else None)] if self.blank else every

    def _item(self, n: int, text: str) -> Item:
        first = n % self.items
        return Item(n, text, f"g{first % self.groups}" if self.groups > 1 else None)

    @property
    def options(self) -> dict[str, Any]:
        """As the planner and the doors take them."""
        return {
            "strategy": self.strategy,
            "budget": Budget(items=self.pack_items),
            "fallback": self.fallback,
            "guard": Guard(
                reject=REJECT - {SignalKind.SHIFT} if self.second_look else REJECT,
                doubt=frozenset({SignalKind.SHIFT}),
                canaries=(CANARY,) if self.canary else (),
                second_look=self.second_look,
            ),
            "layout": Layout(binding="seal" if self.sealed else "none"),
            "baseline": self.baseline,
            "seed": self.seed,
        }


setups = st.builds(
    Setup,
    items=st.integers(6, 40),
    repeats=st.integers(0, 3),
    blank=st.booleans(),
    groups=st.sampled_from([1, 1, 2]),
    pack_items=st.integers(2, 8),
    strategy=st.sampled_from(["pack", "pack", "pack", "session", "single"]),
    fallback=st.builds(
        Fallback,
        repacks=st.integers(0, 2),
        session=st.booleans(),
        single=st.booleans(),
        carry_turns=st.integers(0, 1),
    ),
    sealed=st.booleans(),
    canary=st.booleans(),
    second_look=st.booleans(),
    baseline=st.integers(0, 2),
    gate=st.one_of(
        st.none(),
        st.builds(
            ReviewGate,
            sample=st.integers(1, 3),
            by=st.sampled_from(["random", "stratified", "doubtful"]),
            on_reject=st.sampled_from(["again", "again", "stop"]),
            reviewer=st.just("Ann"),
        ),
    ),
    lanes=st.integers(1, 4),
    retries=st.integers(0, 1),
    texts=st.booleans(),
    seed=st.integers(0, 3),
)

FAILURES: Sequence[type[ClientError]] = (
    Unreachable,
    Unreachable,
    CallTimeout,
    CallRefused,
    RateLimited,
    AccessDenied,
    ClientError,
)


class StoredRun(RuleBasedStateMachine):
    """One run after another, each through many processes."""

    paths: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="packsplit-machine-", dir=IN_MEMORY))
        self.process: Process | None = None
        self.rulings: list[Ruling] | None = None
        self.wrong: list[str] = []

    def teardown(self) -> None:
        try:
            if hasattr(self, "setup"):
                self._to_the_end()
        finally:
            if self.process is not None:
                self.process.killed(self.path, self._new_path())
            shutil.rmtree(self.folder)

    # What the machine does.

    @initialize(setup=setups)
    def first_run(self, setup: Setup) -> None:
        self._begin(setup)

    @precondition(lambda self: self.process is None and self.is_over)
    @rule(setup=setups)
    def another_run(self, setup: Setup) -> None:
        steps["another run"] += 1
        self._begin(setup)

    @precondition(lambda self: self.process is None and not self.is_over and not self.waits_in_vain)
    @rule(more_calls=st.one_of(st.none(), st.none(), st.none(), st.integers(1, 9)))
    def resume(self, more_calls: int | None) -> None:
        steps["resume"] += 1
        self._start(None if more_calls is None else max(1, len(self.desk.calls) + more_calls))

    @precondition(lambda self: self.process is not None and self.desk.open)
    @rule(at=st.integers(0, 7), metered=st.sampled_from([True, True, True, False]))
    def reply(self, at: int, metered: bool) -> None:
        steps["reply"] += 1
        self._say(self._picked(at), metered=metered)
        self._go_on()

    @precondition(lambda self: self.process is not None and self.desk.open)
    @rule(most=st.integers(3, 16))
    def replies(self, most: int) -> None:
        for _ in range(most):
            if self.process is not None and self.desk.open:
                steps["reply"] += 1
                self._say(self.desk.open[-1])
                self._go_on()

    @precondition(lambda self: self.process is not None and self.desk.open)
    @rule(at=st.integers(0, 7), missing=st.integers(1, 255), spoil=st.sampled_from(["drop", "wrong"]))
    def partial_reply(self, at: int, missing: int, spoil: str) -> None:
        steps["partial reply"] += 1
        self._say(self._picked(at), missing=missing, spoil=spoil)
        self._go_on()

    @precondition(lambda self: self.process is not None and self.desk.open)
    @rule(at=st.integers(0, 7), how=st.sampled_from(["unreadable", "refused", "cut", "canary"]))
    def bad_reply(self, at: int, how: str) -> None:
        steps[f"{how} reply"] += 1
        self._say(self._picked(at), whole=how)
        self._go_on()

    @precondition(lambda self: self.process is not None and self.desk.open)
    @rule(at=st.integers(0, 7), kind=st.integers(0, len(FAILURES) - 1))
    def failing_call(self, at: int, kind: int) -> None:
        steps["failing call"] += 1
        self._fail(self._picked(at), kind)
        self._go_on()

    @precondition(lambda self: self.process is not None and (self.jumps < MOST_JUMPS or not self.desk.open))
    @rule()
    def time_passes(self) -> None:
        steps["time passes"] += 1
        self.jumps += bool(self.desk.open)
        assert self.process is not None
        self.process.loop.jump()
        self._go_on()

    @precondition(lambda self: self.process is not None and self.cancels < MOST_CANCELS)
    @rule()
    def cancel(self) -> None:
        steps["cancel"] += 1
        self.cancels += 1
        assert self.process is not None
        self.process.halt.ask("someone asked")
        self._go_on()

    @precondition(lambda self: self.process is not None)
    @rule(turns=st.one_of(st.none(), st.integers(0, 12)), reply=st.booleans(), at=st.integers(0, 7))
    def crash(self, turns: int | None, reply: bool, at: int) -> None:
        steps["crash"] += 1
        if reply and self.desk.open:
            self._say(self._picked(at), missing=at)
        self._kill(turns)

    @precondition(lambda self: self.setup.gate is not None and not self.is_over and self.moods < MOST_MOODS)
    @rule(
        rulings=st.one_of(
            st.none(),
            st.just([Ruling.APPROVE]),
            st.just([Ruling.APPROVE, Ruling.CORRECT]),
            st.lists(st.sampled_from(Ruling), min_size=1, max_size=3),
        )
    )
    def reviewer(self, rulings: list[Ruling] | None) -> None:
        steps["reviewer"] += 1
        self.moods += 1
        # Whoever came last stays, so that the run can go on.
        self.rulings = rulings if self.moods < MOST_MOODS else [Ruling.APPROVE]
        self.came_again = True

    @precondition(lambda self: self.process is None and not self.tried_other)
    @rule(what=st.sampled_from(["seed", "budget", "inputs"]))
    def other_options(self, what: str) -> None:
        steps["other options"] += 1
        self.tried_other = True
        other = {
            "seed": replace(self.setup, seed=self.setup.seed + 1),
            "budget": replace(self.setup, pack_items=self.setup.pack_items + 1),
            "inputs": replace(self.setup, items=self.setup.items + 1),
        }[what]
        before = len(self.desk.calls)
        refused = Process(lambda: self._job(other, None))
        assert refused.over
        with pytest.raises(RunChanged, match=what):
            refused.result()
        assert len(self.desk.calls) == before

    @precondition(lambda self: self.process is not None and not self.tried_second and self.may_try_second)
    @rule()
    def second_process(self) -> None:
        steps["second process"] += 1
        self.tried_second = True
        before = len(self.desk.calls)
        refused = Process(lambda: self._job(self.setup, None))
        assert refused.over
        with pytest.raises(RunInUse, match="in use"):
            refused.result()
        assert len(self.desk.calls) == before

    @property
    def is_over(self) -> bool:
        """Whether the run came to its end, or a reviewer ended it."""
        run = self.result
        return run is not None and (run.stopped is None or run.gate is Gate.REJECTED)

    @property
    def may_try_second(self) -> bool:
        """Now and then: the second process waits a fifth of a second for the lock."""
        return self.setup.seed == 0 and self.setup.texts and self.setup.lanes == 1

    @property
    def waits_in_vain(self) -> bool:
        """Whether the last process found no reviewer, and nobody has come since."""
        return not self.came_again and self.result is not None and "review" in (self.result.stopped or "")

    @invariant()
    def nothing_wrong(self) -> None:
        assert not self.wrong, self.wrong[0]
        if self.process is not None:
            waits = bool(self.desk.open) or self.process.loop.jumpable
            assert waits, "the run waits for something that never comes"

    # How it does it.

    def _new_path(self) -> Path:
        StoredRun.paths += 1
        return self.folder / f"run{StoredRun.paths}.db"

    def _begin(self, setup: Setup) -> None:
        self.setup = setup
        self.path = self._new_path()
        self.tried_other = self.tried_second = False
        self.cancels = self.moods = self.jumps = 0
        self.came_again = True
        self.desk = Desk(self._seen)
        self.rulings = None
        self.result: RunResult[str] | None = None
        self.bought: dict[str, tuple[str, Call]] = {}
        self.doubted: dict[str, tuple[str, Call]] = {}
        self.corrected: dict[str, str] = {}
        self.reviewed: set[str] = set()
        self.failed: set[str] = set()
        self.tries: Counter[str] = Counter()
        self.settled: dict[ItemId, ItemResult[str]] = {}
        made = plan(setup.inputs, TASK, counter=self.desk.counter(), **setup.options)
        self.first_packs = {frozenset(slot.item.text for slot in pack.asked) for pack in made.packs}
        self.most_tries = max(1, int(math.log2(setup.pack_items))) + 3
        self._start(None)

    async def _job(self, setup: Setup, max_calls: int | None) -> RunResult[str]:
        gate = None if setup.gate is None else replace(setup.gate, callback=self._review)
        return await pack_and_run_async(
            setup.inputs,
            TASK,
            client=self.desk,
            store=Store(self.path, texts=setup.texts),
            review=gate,
            facts=ModelFacts(price=PRICE),
            limits=Limits(concurrency=setup.lanes, retries=setup.retries, outage_s=20.0, max_calls=max_calls),
            **setup.options,
        )

    def _start(self, max_calls: int | None) -> None:
        self.max_calls = max_calls
        self.process = Process(lambda: self._job(self.setup, max_calls))
        self._go_on()

    def _go_on(self) -> None:
        assert self.process is not None
        self.process.loop.pump()
        if not self.process.over:
            return
        process, self.process = self.process, None
        try:
            run = process.result()
        except ClientError:  # nothing was ever answered, and nothing could be
            assert not self.bought
            return
        self._ended(run)

    def _kill(self, turns: int | None) -> None:
        assert self.process is not None
        self.process.loop.pump(turns)
        if self.process.over:
            self._go_on()
            return
        process, self.process = self.process, None
        open_, left = list(self.desk.open), self._new_path()
        with self.desk.closed():
            process.killed(self.path, left)
        for call in open_:
            call.gone = True
        look = self._new_path()
        for end in ("", "-wal"):
            if (source := left.with_name(left.name + end)).exists():
                shutil.copyfile(source, look.with_name(look.name + end))
        kept = {each["n"] for each in journal(look, "back")}
        for call in self.desk.calls:
            if call.reply is not None and not call.gone and call.number not in kept:
                self._lost(call)
        self.path = left

    def _lost(self, call: Call) -> None:
        """A reply came, and the process died before it was kept."""
        call.gone = True
        for text in call.texts:
            for held in (self.bought, self.doubted):
                if text in held and held[text][1] is call:
                    del held[text]
            self.tries[text] -= isinstance(call.reply, Completion)

    def _picked(self, at: int) -> Call:
        return self.desk.open[at % len(self.desk.open)]

    def _seen(self, call: Call) -> None:
        if len(self.desk.calls) > (self.max_calls or len(self.desk.calls)):
            self.wrong.append(f"call {call.number} is beyond the ceiling of {self.max_calls}")
        texts = [text for text in call.texts if text != CANARY.text]
        for text in texts:
            if text in self.bought:
                self.wrong.append(f"call {call.number} asks for {text!r}, bought in {self.bought[text]}")
            if text in self.failed:
                self.wrong.append(f"call {call.number} asks for {text!r}, which had failed for good")
            if any(text in other.texts for other in self.desk.open if other is not call):
                self.wrong.append(f"call {call.number} asks for {text!r}, and so does an open one")
            if self.tries[text] >= self.most_tries:
                self.wrong.append(f"{text!r} is asked for the {self.tries[text] + 1}th time")
        if len(set(texts)) < len(texts) or not texts:
            self.wrong.append(f"call {call.number} asks for {texts}")

    def _label(self, text: str, call: Call) -> str:
        # Another call, another answer, so that whoever buys twice shows; a second look wants the same.
        shift = 0 if self.setup.second_look else call.number
        return LABELS[(sum(map(ord, text)) + shift) % len(LABELS)]

    def _say(
        self, call: Call, *, missing: int = 0, spoil: str = "drop", whole: str = "", metered: bool = True
    ) -> None:
        seats = items_of(call.prompt)
        answers = {text: self._label(text, call) for text in call.texts}
        answers[CANARY.text] = "bad" if whole == "canary" else "good"
        text = _perfect(call.prompt, answers)
        lost = {seat.handle for n, seat in enumerate(seats) if missing >> (n % 8) & 1 and not whole}
        lost -= {seat.handle for seat in seats if seat.text == CANARY.text}
        if lost:
            text = _spoiled(text, lost, spoil)
        finish, good = FinishReason.STOP, [seat.text for seat in seats if seat.handle not in lost]
        # Where only the last are missing, one may be lost further up, and those behind it moved up.
        in_front = good == [seat.text for seat in seats][: len(good)]
        doubtful = bool(lost) and spoil == "drop" and in_front and not self.setup.sealed
        if doubtful and not self.setup.second_look:
            good = []
        if whole in ("unreadable", "refused", "cut"):
            good = []
            text = {"unreadable": "I would rather not say.", "refused": "", "cut": text[:2]}[whole]
            finish = {"refused": FinishReason.REFUSAL, "cut": FinishReason.LENGTH}.get(whole, finish)
        elif whole == "canary" and CANARY.text in call.texts:
            good = []
        asked = [each for each in call.texts if each != CANARY.text]
        looks_again = (
            doubtful
            and self.setup.strategy == "pack"
            and len(asked) > 1
            and frozenset(asked) in self.first_packs
        )
        n = call.number
        usage = Usage(100 + n, n % 7, 10 + n % 5, None, 0) if metered else Usage()
        self.desk.answer(call, Completion(text, finish, usage, self.desk.name))
        for each in asked:
            self.tries[each] += 1
            if each in good and looks_again:
                self.doubted[each] = answers[each], call
            elif each in good:
                self.bought[each] = answers[each], call

    def _fail(self, call: Call, kind: int) -> None:
        made = FAILURES[kind]
        status = {RateLimited: 429, CallRefused: 400, AccessDenied: 401}.get(made, 500 if kind == 0 else None)
        self.desk.answer(call, made(f"failure {kind} of {call.texts[0]}", status=status))

    def _review(self, sheet: Sheet) -> list[Decision]:
        """The reviewer, who may not be there."""
        if self.rulings is None:
            self.came_again = False
            raise LookupError("nobody is here")
        texts = {item.id: item.text for item in self.setup.inputs}
        if self.setup.gate is None or not 0 < len(sheet.items) <= self.setup.gate.sample:
            self.wrong.append(f"a sheet of {len(sheet.items)} answers")
        decisions = []
        back: dict[str, None] = {}
        now = set()
        for n, each in enumerate(sheet.items):
            text, ruling = texts[each.item_id], self.rulings[n % len(self.rulings)]
            if text not in self.bought and text in self.doubted:
                self.bought[text] = self.doubted[text]
            label, call = self.bought.get(text, ("", None))
            if each.answer != label or text in self.reviewed or each.text != text:
                self.wrong.append(f"shown: {each.answer!r} of {text!r}; bought: {label!r}")
            neighbours = {other.text for other in each.neighbours}
            if call is not None and neighbours != set(call.texts) - {text, CANARY.text}:
                self.wrong.append(f"shown beside {text!r}: {neighbours}; asked: {call.texts}")
            value = None
            if ruling is Ruling.CORRECT:
                value = LABELS[(LABELS.index(label) + 1) % len(LABELS)] if label else LABELS[0]
                self.corrected[text] = value
            if ruling is not Ruling.REJECT:
                now.add(text)
            elif call is not None:
                back.update(
                    (mate, None)
                    for mate in call.texts
                    if mate in self.failed or self.bought.get(mate, ("", None))[1] is call
                )
            decisions.append(Decision(each.item_id, ruling, value, f"because {n}"))
        self.reviewed |= now
        if not (self.setup.gate and self.setup.gate.on_reject == "stop"):
            for text in back:
                if text not in self.reviewed:
                    self._sent_back(text)
        for item in self.setup.inputs:
            if item.text in now:
                self.settled.pop(item.id, None)
        return decisions

    def _sent_back(self, text: str) -> None:
        for held in (self.bought, self.doubted):
            held.pop(text, None)
        self.failed.discard(text)
        self.tries[text] = 0
        for item in self.setup.inputs:
            if item.text == text:
                self.settled.pop(item.id, None)

    # What must be true.

    def _ended(self, run: RunResult[str]) -> None:
        self.result = run
        self._check_results(run)
        self._check_gate(run)
        self._check_books(run)
        kept = rows(self.path)
        encoded = {at: self._as_kept(each) for at, each in enumerate(run.results)}
        assert kept.keys() == {
            at for at, each in enumerate(run.results) if each.outcome is not Outcome.PENDING
        }
        for at, body in kept.items():
            assert (body["item_id"], body["outcome"], body["value"], body["attempts"]) == encoded[at]

    def _as_kept(self, each: ItemResult[str]) -> tuple[ItemId, str, str | None, int]:
        outcome = Outcome.ACCEPTED if each.outcome is Outcome.HELD else each.outcome
        return each.item_id, outcome.value, each.value, each.attempts

    def _check_results(self, run: RunResult[str]) -> None:
        inputs = self.setup.inputs
        assert [each.item_id for each in run.results] == [item.id for item in inputs]
        first: dict[str, ItemResult[str]] = {}
        for item, each in zip(inputs, run.results, strict=True):
            text = item.text
            if not text.strip():
                assert each.outcome is Outcome.FAILED
                continue
            if (original := first.setdefault(text, each)) is not each:
                assert (each.value, each.outcome) == (original.value, original.outcome)
                assert each.same_as == original.item_id
                continue
            answered = each.outcome in (Outcome.ACCEPTED, Outcome.HELD)
            if text in self.bought:
                assert answered, (each, self.bought[text])
                assert each.value == self.corrected.get(text, self.bought[text][0])
            elif text in self.doubted and answered:
                # Two looks were wanted; one is better than none, and stays open until the run is over.
                assert each.value == self.doubted[text][0]
                assert each.trust is Trust.DOUBTFUL
                if run.stopped is not None:
                    continue
                self.bought[text] = self.doubted[text]
            else:
                assert not answered, each
            if text in self.corrected:
                assert each.trust is Trust.CONFIRMED
                assert each.review is not None
                assert each.review.by == "Ann"
            if each.outcome is Outcome.FAILED:
                self.failed.add(text)
            if each.outcome is Outcome.PENDING:
                assert run.stopped is not None
                assert each.item_id not in self.settled
                continue
            same = self._lasting(each)
            assert self.settled.setdefault(each.item_id, same) == same

    def _lasting(self, each: ItemResult[str]) -> ItemResult[str]:
        """What of a result no later process may change."""
        if each.outcome is Outcome.HELD:
            return replace(each, outcome=Outcome.ACCEPTED)
        if each.reason is not None and not self.setup.texts:  # a provider's words are not kept
            return replace(each, reason=replace(each.reason, detail=""))
        return each

    def _check_gate(self, run: RunResult[str]) -> None:
        if self.setup.gate is None:
            assert run.gate is Gate.NONE
        if run.gate in (Gate.NONE, Gate.PASSED):
            assert not run.outcomes[Outcome.HELD]
            return
        assert run.stopped is not None
        assert run.released == ()
        assert not run.outcomes[Outcome.ACCEPTED]

    def _check_books(self, run: RunResult[str]) -> None:
        ledger, calls = run.ledger, self.desk.calls
        kept = [each.reply for each in calls if isinstance(each.reply, Completion) and not each.gone]
        failed = [each for each in calls if each.gone or isinstance(each.reply, ClientError)]
        unclear = [
            each
            for each in failed
            if each.gone or (isinstance(each.reply, ClientError) and each.reply.status is None)
        ]
        assert (ledger.calls, ledger.failed_calls) == (len(calls), len(failed))
        assert ledger.maybe_paid_calls == len(unclear)
        assert (ledger.maybe_paid_usd is None) == (not unclear)
        unmetered = sum(each.usage == Usage() for each in kept)
        assert (ledger.unmetered_calls, ledger.unpriced_calls) == (unmetered, unmetered)
        total = RouteSum(len(calls))
        for each in kept:
            total = total.plus(RouteSum(0, each.usage, PRICE.cost_usd(each.usage)))
        assert RouteSum(ledger.calls, ledger.usage, ledger.cost_usd) == total
        routes = RouteSum()
        for route in ledger.routes.values():
            routes = routes.plus(route)
        assert routes == total
        shares = RouteSum()
        for result in run.results:
            if result.same_as is None and result.attempts:
                shares = shares.plus(RouteSum(0, result.usage, result.cost_usd))
        charged = shares
        for overhead in ledger.overheads.values():
            shares = shares.plus(overhead)
        assert charged == ledger.charged
        assert (shares.usage, shares.cost_usd) == (total.usage, total.cost_usd)
        assert sum(each.outcome is Outcome.PENDING for each in run.results) == len(run.pending)

    def _to_the_end(self) -> None:
        """With good replies and a content reviewer every run comes to its end."""
        self.rulings = [Ruling.APPROVE]
        for _ in range(12):
            if self.process is None:
                if self.is_over:
                    break
                self._start(None)
            for _ in range(1_000):
                if self.process is None:
                    break
                if self.desk.open:
                    self._say(self.desk.open[0])
                else:
                    self.process.loop.jump()
                self._go_on()
            self.nothing_wrong()
        assert self.is_over
        assert self.result is not None
        if self.result.gate is Gate.REJECTED:
            return
        assert not self.result.pending
        assert self.setup.gate is None or self.result.gate is Gate.PASSED
        # Once more: nothing is left to buy, and every field is as it was.
        before, calls = self.result, len(self.desk.calls)
        self._start(None)
        assert self.process is None
        assert len(self.desk.calls) == calls
        assert [*map(self._lasting, self.result.results)] == [*map(self._lasting, before.results)]
        assert self.result.ledger == before.ledger
        assert self.result.reviews == before.reviews


def _perfect(prompt: Prompt, answers: dict[str, str]) -> str:
    job = ScriptedClient(answers).complete(prompt)
    try:
        job.send(None)
    except StopIteration as done:
        reply: Completion = done.value
        return reply.text
    raise AssertionError("a script waits for nothing")


def _spoiled(text: str, lost: set[str], how: str) -> str:
    body = json.loads(text)
    for handle in lost:
        if how == "drop":
            del body[handle]
        elif isinstance(body[handle], dict):
            body[handle]["answer"] = "nonsense"
        else:
            body[handle] = "nonsense"
    return json.dumps(body)


def _enough() -> bool:
    return (
        sum(steps.values()) >= LEAST_STEPS and min(steps[name] for name in EVERY_STEP) >= LEAST_STEPS // 400
    )


def test_a_stored_run_keeps_its_word_whatever_happens() -> None:
    steps.clear()
    for number in range(MOST_ROUNDS):
        # Hypothesis draws by the name: another name, other runs.
        run_state_machine_as_test(
            type(f"StoredRun{number}", (StoredRun,), {}),
            settings=settings(
                max_examples=15,
                phases=[Phase.generate],
                stateful_step_count=100,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        if _enough():
            break
    assert _enough(), steps

"""Tries pack sizes on a sample before a run packs the rest, smallest first, and decides which one to use.

Each sampled item is asked alone; then the same items are packed by each size in turn, until one breaks the
promise or cannot prove it. Sizes are tested in an order fixed beforehand and the first that is not proven
ends it, so that none needs a correction for the others (fixed-sequence testing: Maurer, Hothorn and
Lehmacher 1995). Which calls that takes depends on the replies alone, so a replay comes to the same end.
Does not know: how calls are made, or which items the run packs afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from packer.audit.equal import same
from packer.audit.promise import bleed_trial, could_still, loss_trial
from packer.run.flow.ask import Ask
from schemas.calibration import Finding, Noise, Trial, TrialCall
from schemas.guard import Guard
from schemas.item import Item
from schemas.pack import Pack
from schemas.route import Route
from schemas.task import Task
from schemas.verdict import Verdict
from schemas.written import answer_written

K = TypeVar("K")
T = TypeVar("T")

Asking = Callable[[Pack[T], Route, bool], Ask[T]]
"""Makes the ask for a pack; the flag says whether its answer is the item's own."""

AGAIN = "again:"
"""How calls that ask an item alone a second time are named."""

LEAST_ACCEPTED = 0.7
"""A size of which fewer answers can be used is not worth packing by, whatever they say."""


@dataclass(frozen=True, slots=True)
class Member:
    """One item of the sample.

    Attributes:
        item: who.
        tokens: of its text.
        gold: what people say of it, as JSON; None without gold.
        labelled: whether there is gold.
        own: whether the run has this item: then its single answer is its result.
        twice: whether it is asked alone twice.
    """

    item: Item
    tokens: int
    gold: object = None
    labelled: bool = False
    own: bool = True
    twice: bool = False


@dataclass(slots=True)
class Trying(Generic[T]):
    """One run's trials.

    Attributes:
        guard: the promise.
        task: what is asked.
        members: the sample, in random order.
        sizes: to try, smallest first.
        looks: by size, after how many members it may be given up; the last is all of them.
        asking: makes asks.
        seated: seats some of the sample in packs of a size; gives them names of their own.
        single: seats one alone, under another name where it is asked a second time.
    """

    guard: Guard
    task: Task[T]
    members: Sequence[Member]
    sizes: Sequence[int]
    looks: Mapping[int, Sequence[int]]
    asking: Asking[T]
    seated: Callable[[Sequence[Member], int, int], list[Pack[T]]]
    single: Callable[[Member, bool], Pack[T]]
    calls: int = 0
    done: bool = False
    size: int | None = None
    trials: list[Trial] = field(default_factory=list)
    _singles: dict[str, object] = field(default_factory=dict)
    _again: dict[str, object] = field(default_factory=dict)
    _packed: list[tuple[Pack[T], tuple[Verdict[T], ...]]] = field(default_factory=list)
    _at: int = 0
    _look: int = -1
    _reached: int = 0

    def __post_init__(self) -> None:
        self.done = not self.sizes or not self.members

    def asks(self) -> list[Ask[T]]:
        """What to ask next, when nothing is under way; empty when it is decided."""
        if self._look >= 0 and not self.done:
            self._judge()
        if self.done:
            return []
        self._look += 1
        looks = self.looks[self.sizes[self._at]]
        start = looks[self._look - 1] if self._look else 0
        members = self.members[start : looks[self._look]]
        asks = []
        fresh = self.members[self._reached : looks[self._look]]
        self._reached = max(self._reached, looks[self._look])
        for each in fresh:
            asks.append(self.asking(self.single(each, False), Route.SINGLE, each.own))
            if each.twice:
                asks.append(self.asking(self.single(each, True), Route.SINGLE, False))
        for pack in self.seated(members, self.sizes[self._at], self._look):
            asks.append(self.asking(pack, Route.PACK, False))
        self.calls += len(asks)
        return asks

    def note(self, ask: Ask[T], verdicts: Sequence[Verdict[T]]) -> None:
        """A reply to an ask of the trial is there."""
        if ask.route is Route.PACK:
            self._packed.append((ask.pack, tuple(verdicts)))
            return
        verdict = verdicts[0]
        if verdict.accepted:
            answers = self._again if ask.pack.id.startswith(AGAIN) else self._singles
            answers[str(verdict.slot.item.id)] = answer_written(self.task.output, verdict.value)

    @property
    def left(self) -> Sequence[Member]:
        """The members that were not asked, and will not be."""
        return self.members[self._reached :]

    @property
    def noise(self) -> Noise:
        """What single answers say of each other."""
        return noise_of(self._singles, self._again)

    def _judge(self) -> None:
        """Give the size up, look on, or go on to the next size."""
        guard, size = self.guard, self.sizes[self._at]
        calls = self._compared()
        trial = judged(guard, size, calls, self.noise)
        looks = self.looks[size]
        last = self._look == len(looks) - 1
        asked = sum(len(pack.asked) for pack, _ in self._packed)
        accepted = sum(call.items for call in calls)
        useless = accepted < LEAST_ACCEPTED * min(asked, sum(self._known(pack) for pack, _ in self._packed))
        still = looks[-1] - looks[self._look]
        # Of accuracy it cannot be said: what is right from now on may outweigh what was wrong so far.
        hopeless = guard.promise == "max_bleed" and not could_still(
            "max_bleed",
            size,
            calls,
            self.noise,
            more=still,
            ceiling=guard.ceiling,
            confidence=guard.confidence,
        )
        if useless or trial.finding is Finding.BROKEN or (not last and hopeless):
            found = Finding.BROKEN if useless else trial.finding
            # Proven is only what was looked at in full: earlier looks may only give up.
            found = Finding.OPEN if found is Finding.KEPT else found
            self.trials.append(replace(trial, finding=found, useless=useless, whole=last))
            self.done = True
        elif last:
            self.trials.append(trial)
            if trial.finding is Finding.KEPT:
                self.size = size
                self._at += 1
                self._look = -1
                self._packed.clear()
                self.done = self._at == len(self.sizes)
            else:
                self.done = True

    def _known(self, pack: Pack[T]) -> int:
        return sum(str(slot.item.id) in self._singles for slot in pack.asked)

    def _compared(self) -> list[TrialCall]:
        gold = {str(each.item.id): each for each in self.members}
        calls = []
        for _, verdicts in self._packed:
            items = differ = harm = help_ = 0
            for verdict in verdicts:
                key = str(verdict.slot.item.id)
                if verdict.slot.canary is not None or not verdict.accepted or key not in self._singles:
                    continue
                packed, single = answer_written(self.task.output, verdict.value), self._singles[key]
                items += 1
                differ += not same(packed, single)
                if gold[key].labelled:
                    right, was = same(packed, gold[key].gold), same(single, gold[key].gold)
                    harm += was and not right
                    help_ += right and not was
            if items:
                calls.append(TrialCall(items, differ, harm, help_))
        return calls


def noise_of(first: Mapping[K, object], second: Mapping[K, object]) -> Noise:
    """How often single answers differ from second ones to the same items.

    Args:
        first: answers as plain JSON, by item.
        second: of those that were asked alone twice.
    """
    both = [each for each in second if each in first]
    return Noise(len(both), sum(not same(first[each], second[each]) for each in both))


def judged(guard: Guard, size: int, calls: Sequence[TrialCall], noise: Noise) -> Trial:
    """What a size's calls say of the guard's promise."""
    if guard.promise == "max_accuracy_loss":
        return loss_trial(size, calls, ceiling=guard.ceiling, confidence=guard.confidence)
    return bleed_trial(size, calls, noise, ceiling=guard.ceiling, confidence=guard.confidence)

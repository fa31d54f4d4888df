"""Packed answers held against the same items' single ones: what differs, what left a trace, what is open.

Does not know: who asked, or how a rate is bounded (``packer.audit``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.audit import scipy_part
from packer.audit.equal import same
from packer.audit.promise import audits_needed, bleed_trial
from packer.run.evaluation.arms import Arm, Seat
from packer.run.evaluation.measured import Answers, answers_of
from packer.run.flow.trying import noise_of
from packer.testing.bleed_table import Row
from schemas.calibration import Noise, Trial, TrialCall
from schemas.counted import counted
from schemas.guard import Guard
from schemas.item import Item, ItemId
from schemas.result import ItemResult
from schemas.signal import Action, Signal, SignalKind
from schemas.task import Task

T = TypeVar("T")

DAMAGE = frozenset({SignalKind.DUPLICATE_KEY, SignalKind.FOREIGN_HANDLE})
"""Entries and items are not one to one. A lost entry is no trace but a difference: its item has no value."""


@dataclass(frozen=True, slots=True)
class NoBleed:
    """What an assertion that passed rests on.

    Attributes:
        items: how many were asked both ways.
        calls: packs that held them.
        differ: how many are answered otherwise packed; 0 unless ``max_bleed`` allows some.
        noise: items asked alone twice.
        trial: the bounds of the share that packing changes; None where numpy and scipy are not installed.
        confidence: of the bounds.
    """

    items: int
    calls: int
    differ: int
    noise: Noise
    trial: Trial | None
    confidence: float

    def __str__(self) -> str:
        told = f"{self.items:,} items asked alone and in {self.calls:,} packs"
        told += f": {self.differ:,} answered otherwise"
        if self.trial is None:
            return f"{told}."
        return (
            f"{told}, so packing changes at most {_percent(self.trial.upper)} of such answers "
            f"({self.confidence:.0%} confidence)."
        )


class PackedAndAlone(Generic[T]):
    """Packed answers held against single ones."""

    def __init__(
        self,
        task: Task[T],
        items: Sequence[Item],
        alone: Arm[T],
        packed: Arm[T],
        again: Arm[T] | None,
        guard: Guard,
    ) -> None:
        self.ids = [each.id for each in items]
        self.arms = [each for each in (alone, packed, again) if each is not None]
        self.alone, self.packed, self.guard = alone, packed, guard
        self.single, self.together = answers_of(alone, task), answers_of(packed, task)
        self.noise = noise_of(self.single, {} if again is None else answers_of(again, task))
        self.seated = [each for each in self.ids if each in packed.seats]
        self.compared = [each for each in self.seated if each in self.single]
        self.differ = [each for each in self.compared if self._differs(each)]
        self.traced = [each for each in self.ids if self._traces(packed.results[each])]

    def complaints(self, max_bleed: float | None, confidence: float) -> Iterator[str]:
        """Why this is no pass; nothing where it is one."""
        for arm in self.arms:
            if arm.run.stopped is not None:
                yield f"The run ended early ({arm.name}: {arm.run.stopped}), so that nothing is proven."
        if lost := len(self.ids) - len(self.single):
            yield f"{counted(lost, 'item')} got no value alone, so that nothing is known of bleed there."
        if apart := len(self.ids) - len(self.seated):
            why = self.packed.broken_off or "their texts leave no room for a neighbour"
            told = f"{counted(apart, 'item')} had no seat in packs of {self._most} ({why})"
            yield f"{told}, so that nothing is known of bleed there."
        replies = {k: n for k, n in self.packed.run.reply_signals.items() if k in DAMAGE}
        if self.traced or replies:
            kinds = {str(s.kind) for each in self.traced for s in self._traces(self.packed.results[each])}
            items = counted(len(self.traced), "item")
            seen = [f"{items} ({', '.join(sorted(kinds))})"] if self.traced else []
            seen += [f"{counted(count, 'reply', 'replies')} ({k})" for k, count in replies.items()]
            yield f"Bleed left traces in {' and '.join(seen)}."
        yield from self._rate(max_bleed, confidence)

    def _rate(self, max_bleed: float | None, confidence: float) -> Iterator[str]:
        are = "is" if len(self.compared) == 1 else "are"
        told = f"{len(self.differ):,} of {counted(len(self.compared), 'item')} {are} answered otherwise"
        told += f" in packs of {self._most}"
        if max_bleed is None:
            if self.differ:
                yield (
                    f"{told} than alone. (For a model that answers otherwise when asked twice there are "
                    "max_bleed= and alone_twice=.)"
                )
            return
        trial = self._trial(max_bleed, confidence)
        if trial.upper <= max_bleed:
            return
        if self.noise.asked:
            told += f", {self.noise.differ:,} of {self.noise.asked:,} when asked alone twice"
        told += (
            f": packing can change up to {_percent(trial.upper)} of answers, and max_bleed={max_bleed:g} "
            f"allows {_percent(max_bleed)} ({confidence:.0%} confidence)."
        )
        needed = audits_needed(max_bleed, confidence, self._most)
        if len(self.compared) < needed:
            told += f" It takes {needed:,} items without one difference to prove that."
        yield told

    def passed(self, max_bleed: float | None, confidence: float) -> NoBleed:
        """What the pass rests on."""
        trial = self._trial(max_bleed or 1.0, confidence) if scipy_part.installed() else None
        calls = len({self.packed.seats[each].call for each in self.seated})
        return NoBleed(len(self.compared), calls, len(self.differ), self.noise, trial, confidence)

    def rows(self) -> list[Row]:
        """The items that a person should look at."""
        wanted = {*self.differ, *self.traced, *(each for each in self.ids if each not in self.single)}
        beside = _neighbours(self.packed.seats)
        return [
            Row(
                each,
                self._told(self.alone, self.single, each),
                self._told(self.packed, self.together, each),
                tuple(str(signal.kind) for signal in self.packed.results[each].signals),
                tuple(other for other in beside.get(each, ()) if other != each),
            )
            for each in self.ids
            if each in wanted
        ]

    @property
    def _most(self) -> int:
        return max((seat.size for seat in self.packed.seats.values()), default=2)

    def _differs(self, item_id: ItemId) -> bool:
        # What has no value packed is answered otherwise than alone.
        return item_id not in self.together or not same(self.single[item_id], self.together[item_id])

    def _traces(self, result: ItemResult[T]) -> list[Signal]:
        rejecting = (Action.REJECT, Action.STOP)
        return [
            each for each in result.signals if each.kind in DAMAGE or self.guard.action(each) in rejecting
        ]

    def _trial(self, ceiling: float, confidence: float) -> Trial:
        calls: dict[str, list[bool]] = {}
        for each in self.compared:
            calls.setdefault(self.packed.seats[each].call, []).append(self._differs(each))
        made = [TrialCall(len(some), sum(some)) for some in calls.values()]
        return bleed_trial(self._most, made, self.noise, ceiling=ceiling, confidence=confidence)

    def _told(self, arm: Arm[T], answers: Answers, item_id: ItemId) -> object:
        if item_id in answers:
            return answers[item_id]
        reason = arm.results[item_id].reason
        return None if reason is None else f"no value: {reason.fault}"


def _neighbours(seats: Mapping[ItemId, Seat]) -> dict[ItemId, list[ItemId]]:
    """Everybody in an item's call, in seat order, by item."""
    calls: dict[str, list[ItemId]] = {}
    for item_id, seat in sorted(seats.items(), key=lambda pair: pair[1].position):
        calls.setdefault(seat.call, []).append(item_id)
    return {item_id: calls[seat.call] for item_id, seat in seats.items()}


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g}%"

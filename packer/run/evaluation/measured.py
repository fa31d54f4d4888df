"""What an evaluation's arms say of one pack size: differences, noise, bleed, accuracy, and the promise.

Items without a value in the packed arm are outcomes of it: they are told apart, and of accuracy they count
as wrong. After the repair they have their single answer, which is where the ladder ends; so a repair is at
best what is said here, as items that the ladder packs once more are not seen. Does not know: how arms are
asked, or how anything is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from packer.audit.equal import fields, same
from packer.audit.paired import tost
from packer.audit.rate import estimate, harm_help, share
from packer.audit.report import audit_of
from packer.run.evaluation.arms import Arm, Seat
from packer.run.flow.trying import LEAST_ACCEPTED, judged, noise_of
from schemas.audit import Audited, Estimate
from schemas.calibration import Finding, Noise, Trial, TrialCall
from schemas.evaluation import Accuracy, FieldMeasured, SizeMeasured
from schemas.guard import Guard
from schemas.item import Item, ItemId
from schemas.result import Outcome
from schemas.route import Route
from schemas.task import Task
from schemas.written import answer_written

T = TypeVar("T")

Answers = Mapping[ItemId, object]
"""Values as plain JSON, by id; items without a value are missing."""


@dataclass(frozen=True, slots=True)
class Singles:
    """What single answers and people say of the items.

    Attributes:
        first: single answers.
        second: of those that were asked alone twice.
        gold: answers that people gave, by id.
    """

    first: Answers
    second: Answers
    gold: Answers

    @property
    def noise(self) -> Noise:
        """What single answers say of each other."""
        return noise_of(self.first, self.second)

    def noise_rate(self, confidence: float) -> Estimate | None:
        """The share of items that got two different single answers, each a call of its own."""
        rows = [
            Audited(each, str(each), Route.SINGLE, 0, 1, False, 1.0, self._again(each) or False)
            for each in self.second
            if each in self.first
        ]
        return share(rows, lambda row: row.differs, confidence=confidence)

    def right(self, item_id: ItemId) -> bool | None:
        """Whether the single answer is the human one; None without a human one."""
        if item_id not in self.gold:
            return None
        return item_id in self.first and same(self.first[item_id], self.gold[item_id])

    def row(self, item_id: ItemId, seat: Seat, value: object, *, given: bool, flagged: bool) -> Audited:
        """A packed answer beside all that; without a value it differs, and is wrong."""
        single = self.first.get(item_id)
        right = given and same(value, self.gold[item_id]) if item_id in self.gold else None
        return Audited(
            item_id,
            seat.call,
            Route.PACK,
            seat.position,
            seat.size,
            flagged,
            1.0,
            not (given and item_id in self.first and same(value, single)),
            fields(value, single) if given and item_id in self.first else {},
            self._again(item_id),
            right,
            self.right(item_id),
        )

    def _again(self, item_id: ItemId) -> bool | None:
        if item_id not in self.second or item_id not in self.first:
            return None
        return not same(self.first[item_id], self.second[item_id])


def answers_of(arm: Arm[T], task: Task[T]) -> dict[ItemId, object]:
    """An arm's values as plain JSON."""
    return {
        each.item_id: answer_written(task.output, each.value)
        for each in arm.results.values()
        if each.outcome is Outcome.ACCEPTED
    }


@dataclass(frozen=True, slots=True)
class Measuring(Generic[T]):
    """Measures sizes against the same single answers.

    Attributes:
        task: what is asked.
        singles: what packed answers are held against.
        guard: the promise.
        alone: the arm that asked every item alone.
    """

    task: Task[T]
    singles: Singles
    guard: Guard
    alone: Arm[T]

    def size(self, arm: Arm[T], size: int, items: Sequence[Item]) -> SizeMeasured:
        """Measure one size."""
        singles, confidence = self.singles, self.guard.confidence
        values = answers_of(arm, self.task)
        packed = [
            (each.id, arm.seats[each.id])
            for each in items
            if each.id in arm.seats and arm.results[each.id].outcome is not Outcome.PENDING
        ]
        doubtful = {each.item_id for each in arm.run.doubtful}
        every, mended = [], []
        for item_id, seat in packed:
            given = item_id in values
            flagged = item_id in doubtful
            every.append(singles.row(item_id, seat, values.get(item_id), given=given, flagged=flagged))
            value = values[item_id] if given else singles.first.get(item_id)
            given = given or item_id in singles.first
            mended.append(singles.row(item_id, seat, value, given=given, flagged=flagged))
        rows = [row for row in every if row.item_id in values and row.item_id in singles.first]
        known = [row for row in mended if row.item_id in singles.first]
        lost = sum(item_id not in values for item_id, _ in packed)
        difference, _, bleed = estimate(rows, confidence=confidence) if rows else (None, None, None)
        repaired = estimate(known, confidence=confidence)[2] if known else None
        parts = audit_of(rows, shared=len(packed), confidence=confidence).parts if rows else ()
        spending = arm.spending
        whole = arm.run.stopped is None and not arm.broken_off and len(packed) > 0
        return SizeMeasured(
            size=size,
            items=len(packed),
            calls=len({seat.call for _, seat in packed}),
            lost=lost,
            compared=len(rows),
            differ=sum(row.differs for row in rows),
            difference=difference,
            bleed=bleed,
            repaired=repaired,
            fields=self._fields(rows),
            parts=tuple(each for each in parts if not each.name.startswith(("field", "route"))),
            raw_accuracy=_accuracy(every, confidence),
            accuracy=_accuracy(mended, confidence),
            spending=spending,
            repaired_spending=spending.plus(lost / max(len(packed), 1), self.alone.spending),
            trial=self._trial(size, rows, asked=len(packed), known=len(known), whole=whole),
            given_up=arm.broken_off,
        )

    def _trial(self, size: int, rows: Sequence[Audited], *, asked: int, known: int, whole: bool) -> Trial:
        """The size held against the promise, as a run's own trial would have it."""
        loss = self.guard.promise == "max_accuracy_loss"
        calls: dict[str, list[Audited]] = {}
        for row in rows:
            if loss and row.right is None:
                continue
            calls.setdefault(row.call, []).append(row)
        made = [
            TrialCall(
                len(some),
                sum(row.differs for row in some),
                sum(bool(row.single_right and not row.right) for row in some),
                sum(bool(row.right and not row.single_right) for row in some),
            )
            for some in calls.values()
        ]
        trial = judged(self.guard, size, made, self.singles.noise)
        useless = len(rows) < LEAST_ACCEPTED * min(asked, known)
        finding = Finding.BROKEN if useless else trial.finding
        if not whole and finding is Finding.KEPT:
            finding = Finding.OPEN
        return replace(trial, finding=finding, useless=useless, whole=whole)

    def _fields(self, rows: Sequence[Audited]) -> tuple[FieldMeasured, ...]:
        first, second = self.singles.first, self.singles.second
        again = [fields(first[each], second[each]) for each in second if each in first]
        found = []
        for name in dict.fromkeys(name for row in rows for name in row.fields):
            some = [row for row in rows if name in row.fields]
            packed = share(some, _differs_in(name), confidence=self.guard.confidence)
            twice = [each[name] for each in again if name in each]
            differ = sum(row.fields[name] for row in some)
            found.append(FieldMeasured(name, len(some), differ, packed, len(twice), sum(twice)))
        return tuple(found)


def _differs_in(name: str) -> Callable[[Audited], bool]:
    return lambda row: row.fields[name]


def _accuracy(rows: Sequence[Audited], confidence: float) -> Accuracy | None:
    gold = [row for row in rows if row.right is not None]
    found = tost(gold, confidence=confidence)
    harm, gain = harm_help(gold, confidence=confidence)
    if found is None or harm is None or gain is None:
        return None
    return Accuracy(
        len(gold),
        sum(bool(row.single_right) for row in gold),
        sum(bool(row.right) for row in gold),
        harm,
        gain,
        found.difference,
        found.equivalent,
        found.needed,
        found.words,
    )

"""The review gate of one run: draws the sample, reads the decisions, and says who must be asked again.

Does not know: who reviews, where decisions are kept, or how anything is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Generic, TypeVar

from packer.seat import SALT
from schemas.errors import UsageError
from schemas.item import ItemId
from schemas.output import Mismatch
from schemas.pack import Pack
from schemas.result import ItemResult, Outcome
from schemas.review import Decision, Gate, Neighbour, Review, ReviewGate, Ruling, Sheet, Stage, ToReview
from schemas.signal import Trust
from schemas.task import Task
from schemas.written import answer_written

T = TypeVar("T")


@dataclass(slots=True)
class Gatekeeper(Generic[T]):
    """Holds a run's answers.

    Attributes:
        gate: as the caller set it up.
        task: checks corrections.
        run: the run's name.
        seed: of the sample.
        total: inputs in all.
        board: results so far, by id; repeats of a text are left out.
        packs: who sat together, by call.
        reviews: decisions so far.
        passed: stages whose sheet was decided on, without a rejection.
        again: items that a rejection sent back, until the next sheet.
        state: where the run stands.
    """

    gate: ReviewGate
    task: Task[T]
    run: str
    seed: int
    total: int
    board: dict[ItemId, ItemResult[T]] = field(default_factory=dict)
    packs: dict[str, Pack[T]] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    passed: set[Stage] = field(default_factory=set)
    again: set[ItemId] = field(default_factory=set)
    state: Gate = Gate.WAITING
    _ruled: int = 0

    def sheet(self, stage: Stage, ids: Sequence[ItemId] | None = None) -> Sheet:
        """Draw the sample for a stage.

        Args:
            stage: when.
            ids: a sample that was drawn before, and not decided on.
        """
        chosen = [self.board[each] for each in ids] if ids else self._drawn()
        shown = tuple(self._shown(each) for each in chosen)
        answered = sum(each.outcome is Outcome.ACCEPTED for each in self.board.values())
        return Sheet(self.run, stage, shown, answered, self.total)

    def _drawn(self) -> list[ItemResult[T]]:
        # By decisions, not by sheets: one that is drawn again in another process is the same one.
        random = Random(f"{SALT}:{self.seed}:review:{self._ruled + 1}")
        open_ = [each for each in self.board.values() if self._may_be_shown(each)]
        # What was asked again after a rejection is what is in question.
        open_ = [each for each in open_ if each.item_id in self.again] or open_
        random.shuffle(open_)
        if self.gate.by == "doubtful":
            open_.sort(key=lambda each: each.trust is not Trust.DOUBTFUL)
        elif self.gate.by == "stratified":
            open_ = _spread(open_, [self._stratum(each) for each in open_])
        return open_[: self.gate.sample]

    def _may_be_shown(self, result: ItemResult[T]) -> bool:
        """Answers of earlier runs and of the cache have no call that could be asked again."""
        return result.outcome is Outcome.ACCEPTED and result.review is None and self._is_of_this_run(result)

    def _is_of_this_run(self, result: ItemResult[T]) -> bool:
        # A call of an earlier run may have had the same name, with others in it.
        pack = self.packs.get(result.call)
        return pack is not None and any(slot.item.id == result.item_id for slot in pack.asked)

    def _stratum(self, result: ItemResult[T]) -> str:
        return f"{result.route}:{answer_written(self.task.output, result.value)!r}"

    def _shown(self, result: ItemResult[T]) -> ToReview:
        pack = self.packs.get(result.call)
        mates = () if pack is None else pack.asked
        return ToReview(
            result.item_id,
            next((slot.item.text for slot in mates if slot.item.id == result.item_id), None),
            answer_written(self.task.output, result.value),
            str(result.route),
            result.trust,
            result.signals,
            result.quotes,
            tuple(
                Neighbour(slot.item.id, slot.item.text, self._answer(slot.item.id))
                for slot in mates
                if slot.item.id != result.item_id
            ),
        )

    def _answer(self, item_id: ItemId) -> object:
        found = self.board.get(item_id)
        return None if found is None or found.value is None else answer_written(self.task.output, found.value)

    def checked(self, sheet: Sheet, decisions: Iterable[Decision], *, by: str, at: str) -> tuple[Review, ...]:
        """Decisions as they are kept, corrections fit for the task.

        Raises:
            UsageError: one is missing, is for somebody else, or corrects to what the task does not allow.
        """
        output = self.task.output
        return reviews_of(sheet, decisions, lambda value: output.encode(output.decode(value)), by=by, at=at)

    def rule(self, stage: Stage, reviews: Sequence[Review]) -> tuple[ItemId, ...]:
        """Carry decisions out on the board; gives back who must be asked again."""
        self._ruled += 1
        self.reviews += reviews
        back: dict[ItemId, None] = {}
        for each in reviews:
            before = self.board[each.item_id]
            if each.ruling is Ruling.REJECT:
                pack = self.packs.get(before.call)
                mates = [each.item_id] if pack is None else [slot.item.id for slot in pack.asked]
                # Of those who shared the call, whoever was answered by it and not settled by a person since.
                back.update(
                    (mate, None)
                    for mate in mates
                    if (found := self.board.get(mate)) is not None
                    and found.call == before.call
                    and found.review is None
                )
            elif each.ruling is Ruling.CORRECT:
                try:
                    value = self.task.output.decode(each.after)
                except Mismatch:  # made elsewhere, where only the schema is known, and the type wants more
                    back[each.item_id] = None
                    continue
                self.board[each.item_id] = replace(before, value=value, trust=Trust.CONFIRMED, review=each)
            else:
                self.board[each.item_id] = replace(before, review=each)
        # A person has settled these, whoever shared their call.
        settled = {each.item_id for each in reviews if self.board[each.item_id].review is each}
        self.again = set(back) - settled
        if not back:
            self.passed.add(stage)
        elif self.gate.on_reject == "stop":
            self.state = Gate.REJECTED
            return ()
        return tuple(each for each in back if each not in settled)

    @property
    def rejected(self) -> str:
        """The latest rejection, in words; empty when there was none."""
        bad = next((each for each in reversed(self.reviews) if each.ruling is Ruling.REJECT), None)
        if bad is None:
            return ""
        who, why = bad.by or "the reviewer", bad.reason or "no reason given"
        return f"{who} rejected the answer of item {bad.item_id!r}: {why}"


def reviews_of(
    sheet: Sheet, decisions: Iterable[Decision], parse: Callable[[object], object], *, by: str, at: str
) -> tuple[Review, ...]:
    """Decisions as they are kept: one for each answer of the sheet.

    Args:
        sheet: what was shown.
        decisions: what was said.
        parse: gives back a correction as the task writes it.
        by: the reviewer.
        at: when, as ISO 8601.

    Raises:
        UsageError: one is missing, is for somebody else, or corrects to what the task does not allow.
    """
    given: dict[ItemId, Decision] = {}
    shown = {each.item_id: each for each in sheet.items}
    for each in decisions:
        if each.item_id not in shown or each.item_id in given:
            told = "was not asked about" if each.item_id not in shown else "is decided on twice"
            raise UsageError(f"The review: item {each.item_id!r} {told}.")
        given[each.item_id] = each
    if missing := [each for each in shown if each not in given]:
        raise UsageError(f"The review leaves out item {missing[0]!r}: decide on each of the sheet.")
    return tuple(_kept(shown[each.item_id], each, sheet.stage, parse, by, at) for each in given.values())


def _kept(
    shown: ToReview, decision: Decision, stage: Stage, parse: Callable[[object], object], by: str, at: str
) -> Review:
    ruling, after = Ruling(decision.ruling), None
    if ruling is Ruling.CORRECT:
        try:
            after = parse(decision.value)
        except (Mismatch, UsageError) as error:
            raise UsageError(f"The correction of item {shown.item_id!r} does not fit: {error}") from None
    return Review(shown.item_id, stage, ruling, by, at, decision.reason, shown.answer, after)


def _spread(results: Sequence[ItemResult[T]], strata: Sequence[str]) -> list[ItemResult[T]]:
    """One of each stratum in turn, and within a stratum calls that were not seen yet first."""
    waiting: dict[str, list[ItemResult[T]]] = {}
    for result, stratum in zip(results, strata, strict=True):
        waiting.setdefault(stratum, []).append(result)
    spread: list[ItemResult[T]] = []
    calls: set[str] = set()
    while waiting:
        for stratum in sorted(waiting):
            members = waiting[stratum]
            index = next((n for n, each in enumerate(members) if each.call not in calls), 0)
            spread.append(members.pop(index))
            calls.add(spread[-1].call)
            if not members:
                del waiting[stratum]
    return spread

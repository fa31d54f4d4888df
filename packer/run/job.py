"""A run that is ready to go: its options, its plan, its driver, and its results as they settle.

Does not know: how it was made ready, or what becomes of its results.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from packer.audit.report import audit_of
from packer.plan import Plan
from packer.run.costs import Costs
from packer.run.flow.seats import Seats
from packer.run.gate import Gatekeeper
from packer.run.live.drive import Driver
from packer.run.live.send import word_for
from packer.run.live.tally import OnProgress, Tally
from packer.run.proof.size_choice import SizeChoice
from packer.run.replay import Replay
from packer.run.stages import Stages
from packer.run.store.cache import AnswerCache
from packer.run.store.journal import Journal
from packer.run.store.run_file import RunFile
from schemas.audit import Audit
from schemas.errors import ClientError, GuardStop, ProviderDown
from schemas.item import Item, ItemId
from schemas.ledger import Ledger
from schemas.protocols import TokenCounter
from schemas.result import ItemResult, Outcome
from schemas.review import Gate
from schemas.settings import Layout
from schemas.task import Task
from schemas.written import UNTOLD

T = TypeVar("T")

log = logging.getLogger("packsplit")


@dataclass(slots=True)
class Job(Generic[T]):
    """A planned run and what drives it.

    Attributes:
        name: the run's.
        items: all inputs, in input order.
        task: what is asked.
        model: who is asked, with the provider.
        plan: of the inputs that are asked.
        driver: drives it.
        tally: running sums.
        counter: the run's token counter.
        layout: as used.
        seed: of the run.
        known: results that no call is spent on: of an earlier run, or of the cache.
        fingerprint: of task and inputs.
        journal: writes everything down.
        costs: compares what it took.
        seats: opens packs.
        choice: settles which sizes are used.
        keeper: the review gate; None without one.
        cache: takes accepted answers; None without one.
        past: where the run was when its last process ended; None for a new one.
    """

    name: str
    items: Sequence[Item]
    task: Task[T]
    model: str
    plan: Plan[T]
    driver: Driver[T]
    tally: Tally
    counter: TokenCounter
    layout: Layout
    seed: int
    known: dict[ItemId, ItemResult[T]]
    fingerprint: str
    journal: Journal
    costs: Costs[T]
    seats: Seats[T]
    choice: SizeChoice[T]
    keeper: Gatekeeper[T] | None = None
    cache: AnswerCache | None = None
    past: Replay[T] | None = None
    _repeats: dict[ItemId, list[ItemId]] = field(default_factory=dict)
    _texts: dict[ItemId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for again, first in self.plan.same_as.items():
            self._repeats.setdefault(first, []).append(again)
        if self.cache is not None:
            self._texts = {each.id: each.text for each in self.items}

    @property
    def gate(self) -> Gate:
        """Where the run stands with its reviewer."""
        return Gate.NONE if self.keeper is None else self.keeper.state

    @property
    def end(self) -> dict[str, object]:
        """How the run ended, for its store."""
        stopped = self.driver.stopped
        told = None if stopped is None else str(stopped)
        if isinstance(stopped, ClientError | ProviderDown | GuardStop) and not self.journal.texts:
            told = f"{word_for(stopped)}: {UNTOLD}"  # they may quote an input
        return {"stopped": told, "gate": self.gate.value}

    def books(self, answers: Sequence[object]) -> Ledger:
        """Close the books, given accepted answers as JSON."""
        charges, alone = self.driver.ladder.charges, self.plan.forecast.alone
        planned = replace(self.plan.baseline, input_tokens=alone.input_tokens)
        return self.tally.ledger(planned, answers, self.counter, charges, end_tokens=alone.end_tokens)

    def audit(self) -> Audit | None:
        """What the audit came to; None where nothing was packed."""
        auditing = self.driver.ladder.auditing
        if not auditing.shared:
            return None
        return audit_of(auditing.rows, shared=auditing.shared, unanswered=auditing.unanswered)

    def close(self) -> None:
        """Close what the run keeps its things in."""
        closed(self.journal.file, self.cache)

    async def batches(self, on_progress: OnProgress | None) -> AsyncGenerator[Sequence[ItemResult[T]], None]:
        """What is known first, then whatever settles; repeats of a text right after the asked one.

        With a gate nothing comes out before the end, and nothing as accepted before it has passed.
        """
        trace, tally = self.driver.sender.trace, self.tally
        trace.start(len(self.items), len(self.plan.packs))
        log.info("run of %d items in %d packs begins", len(self.items), self.plan.calls)
        try:
            if before := [*self.known.values(), *self._before()]:
                yield self._settled(before)
            stages = Stages(
                plan=self.plan,
                driver=self.driver,
                journal=self.journal,
                keeper=self.keeper,
                seats=self.seats,
                choice=self.choice,
                past=self.past,
                revised=self._revised,
                retracted=self._retracted,
            )
            async with aclosing(stages.run()) as batches:
                async for batch in batches:
                    trace.settled(batch)
                    ready = self._settled(batch)
                    if on_progress is not None:
                        on_progress(tally)
                    if ready:
                        yield ready
            if self.keeper is not None:
                yield self._released(self.keeper)
        finally:
            stopped = self.driver.stopped
            trace.end(tally.told(), "" if stopped is None else word_for(stopped))
            told = "run ends: %d settled, %d of them failed, %d pending, %d calls"
            log.info(told, tally.settled, tally.failed, tally.pending, tally.calls)

    def _before(self) -> list[ItemResult[T]]:
        return [*self.plan.refused, *(() if self.past is None else self.past.settled.values())]

    def _settled(self, batch: Sequence[ItemResult[T]]) -> Sequence[ItemResult[T]]:
        """Enter results everywhere; give back what may go out now."""
        ready = batch
        if self._repeats:
            ready = [each for result in batch for each in self._with_repeats(result)]
        self.tally.note(ready)
        self.journal.settled(ready)
        if self.keeper is not None:
            self.keeper.board.update((each.item_id, each) for each in batch)
            return ()
        self._remember(ready)
        return ready

    def _released(self, keeper: Gatekeeper[T]) -> list[ItemResult[T]]:
        ready = [each for result in keeper.board.values() for each in self._with_repeats(result)]
        if keeper.state is not Gate.PASSED:
            return [
                replace(each, outcome=Outcome.HELD) if each.outcome is Outcome.ACCEPTED else each
                for each in ready
            ]
        self._remember(ready)
        return ready

    def _remember(self, ready: Sequence[ItemResult[T]]) -> None:
        if self.cache is not None:
            answers = [(self._texts[each.item_id], each) for each in ready]
            self.cache.keep(self.task, self.model, answers)

    def _revised(self, results: Sequence[ItemResult[T]]) -> None:
        """A reviewer has looked at these: what they said of them is kept."""
        self.journal.settled([each for result in results for each in self._with_repeats(result)])

    def _retracted(self, results: Sequence[ItemResult[T]]) -> None:
        """A reviewer has sent these back: they have no result any more."""
        gone = [each for result in results for each in self._with_repeats(result)]
        self.tally.note(gone, -1)
        self.journal.reopened([each.item_id for each in gone])

    def _with_repeats(self, result: ItemResult[T]) -> list[ItemResult[T]]:
        return [result, *(_copied(result, each) for each in self._repeats.get(result.item_id, ()))]


def closed(file: RunFile | None, cache: AnswerCache | None) -> None:
    """Close what a run keeps its things in."""
    try:
        if cache is not None:
            cache.close()
    finally:
        if file is not None:
            file.close()


def _copied(result: ItemResult[T], item_id: ItemId) -> ItemResult[T]:
    return ItemResult(
        item_id,
        result.outcome,
        result.value,
        result.route,
        result.reason,
        result.signals,
        same_as=result.item_id,
        trust=result.trust,
        quotes=result.quotes,
        call=result.call,
        review=result.review,
    )

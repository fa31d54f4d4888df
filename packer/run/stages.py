"""The stages of one run: items asked alone, sizes tried, first packs, a review, the rest, a last review.

A run that is taken up again skips what is behind it. Does not know: how calls are made, where results
go, or what a reviewer is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.plan import Plan
from packer.run.flow.ask import Ask, Back
from packer.run.flow.seats import Seats
from packer.run.flow.talks import SESSION_ITEMS
from packer.run.gate import Gatekeeper
from packer.run.live.drive import Driver
from packer.run.proof.size_choice import SizeChoice
from packer.run.replay import Replay, reopen
from packer.run.store.journal import Journal, now
from schemas.errors import AwaitsReview, Rejected
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.review import Gate, Review, Sheet, Stage
from schemas.route import Route

T = TypeVar("T")

Batch = Sequence[ItemResult[T]]


@dataclass(slots=True)
class Stages(Generic[T]):
    """Leads one run through its stages.

    Attributes:
        plan: what is to be asked.
        driver: asks.
        journal: is told of sheets and decisions.
        keeper: the review gate; None without one.
        seats: opens packs.
        choice: settles which sizes are used.
        past: where the run was when its last process ended; None for a new one.
        revised: is told of results that a reviewer approved or corrected.
        retracted: is told of results that a reviewer sent back.
    """

    plan: Plan[T]
    driver: Driver[T]
    journal: Journal
    keeper: Gatekeeper[T] | None
    seats: Seats[T]
    choice: SizeChoice[T]
    past: Replay[T] | None
    revised: Callable[[Batch[T]], None]
    retracted: Callable[[Batch[T]], None]

    async def run(self) -> AsyncGenerator[Batch[T], None]:
        """Yield results as they settle, and at the end what stays pending."""
        try:
            async with aclosing(self._run()) as batches:
                async for batch in batches:
                    yield batch
        finally:
            await self.driver.sender.turnstile.settled()

    async def _run(self) -> AsyncGenerator[Batch[T], None]:
        sample = {pack.id: pack for pack in self.plan.sample}
        for name in () if self.past is None else self.past.opened:
            sample.pop(name, None)
        arrived = [] if self.past is None else self.past.arrived
        ready = [] if self.past is None else list(self.past.asks.values())
        alone = self._driven(self._baseline(sample), ready=ready, arrived=arrived)
        async with aclosing(alone) as batches:
            async for batch in batches:
                yield batch
        # A trial that was broken off goes on first; packs of the plan that were under way are done by now.
        async with aclosing(self._tried()) as batches:
            async for batch in batches:
                yield batch
        self.driver.read = self.choice.look
        if self.keeper is not None and Stage.FIRST not in self.keeper.passed:
            first = self._first_packs(self.keeper.gate.sample)
            async with aclosing(self._stage(Stage.FIRST, first)) as batches:
                async for batch in batches:
                    yield batch
        async with aclosing(self._stage(Stage.LAST, None)) as batches:
            async for batch in batches:
                yield batch
        if self.driver.stopped is not None:
            left = [*sample.values(), *self.choice.unasked(), *self.seats.rest()]
            for batch in self.driver.abandon(left):
                yield batch

    def _baseline(self, sample: dict[str, Pack[T]]) -> Iterator[Ask[T]]:
        """Open those that are asked alone to measure with; those never opened stay in the mapping."""
        for name in list(sample):
            yield self.driver.ladder.first(sample.pop(name), Route.SINGLE, purpose="baseline")

    async def _tried(self) -> AsyncGenerator[Batch[T], None]:
        """Try sizes until it is settled which one the run packs by."""
        while self.driver.stopped is None and (asks := self.choice.asks()):
            async with aclosing(self._driven(asks)) as batches:
                async for batch in batches:
                    yield batch
        if self.driver.stopped is None:
            self.choice.settle()

    async def _stage(self, stage: Stage, most: int | None) -> AsyncGenerator[Batch[T], None]:
        """Ask so many packs, and have a sample looked at."""
        async with aclosing(self._driven(self.seats.asks(most))) as batches:
            async for batch in batches:
                yield batch
        # A run that is over with its first packs is looked at once.
        if self.keeper is None or (stage is Stage.FIRST and not len(self.seats)):
            return
        async with aclosing(self._reviewed(stage, self.keeper)) as batches:
            async for batch in batches:
                yield batch

    def _first_packs(self, sample: int) -> int:
        """So many packs, two at least, as the sample needs; of them those that are not opened yet."""
        # A session is opened whole: cut short here, it would be another one when the run is taken up again.
        whole = SESSION_ITEMS if self.seats.strategy == "session" else 1
        items, count = 0, 0
        for members in self.seats.members():
            if items >= sample and count >= 2 and count % whole == 0:
                break
            items, count = items + members, count + 1
        return max(0, count - self.seats.taken)

    async def _driven(
        self,
        asks: Iterable[Ask[T]],
        *,
        ready: Iterable[Ask[T]] = (),
        arrived: Iterable[tuple[Ask[T], Back]] = (),
    ) -> AsyncGenerator[Batch[T], None]:
        if self.driver.stopped is None:
            driven = self.driver.run(asks, ready=ready, arrived=arrived)
            async with aclosing(driven) as batches:
                async for batch in batches:
                    yield batch

    async def _reviewed(self, stage: Stage, keeper: Gatekeeper[T]) -> AsyncGenerator[Batch[T], None]:
        """Show sheets until one is approved; what is sent back in between is asked again."""
        shown = None if self.past is None else self.past.shown
        if keeper.state is Gate.REJECTED:
            self.driver.sender.end(Rejected(keeper.rejected))
        while self.driver.stopped is None and stage not in keeper.passed:
            ids = shown[1] if shown is not None and shown[0] is stage else None
            sheet, shown = keeper.sheet(stage, ids), None
            if not sheet.items:
                keeper.passed.add(stage)
                break
            reviews = await self._decided(keeper, sheet)
            if reviews is None:
                break
            before = dict(keeper.board)
            again = keeper.rule(stage, reviews)
            self.journal.ruled(stage, reviews)
            self.revised([keeper.board[each.item_id] for each in reviews if each.item_id not in again])
            if keeper.state is Gate.REJECTED:
                self.driver.sender.end(Rejected(keeper.rejected))
                break
            self.retracted([before[each] for each in again])
            if failed := reopen(self.driver.ladder, keeper, again):
                yield failed
            async for batch in self._driven(()):
                yield batch
        if stage is Stage.LAST and stage in keeper.passed and self.driver.stopped is None:
            keeper.state = Gate.PASSED

    async def _decided(self, keeper: Gatekeeper[T], sheet: Sheet) -> tuple[Review, ...] | None:
        gate = keeper.gate
        self.journal.shown(sheet.stage, [each.item_id for each in sheet.items])
        if gate.callback is None:
            self.driver.sender.end(
                AwaitsReview(
                    f"{len(sheet.items)} answers wait for a reviewer, and all results with them "
                    f"(packsplit review {self.journal.path}); run again to go on"
                )
            )
            return None
        try:
            decisions = list(await asyncio.to_thread(gate.callback, sheet))
            return keeper.checked(sheet, decisions, by=gate.reviewer, at=now())
        except Exception as error:  # the caller's own code; what was paid for must outlive it
            told = f"the review could not be read ({type(error).__name__}: {error}); results stay held"
            self.driver.sender.end(AwaitsReview(told))
            return None

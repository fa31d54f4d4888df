"""The stages of one run: items asked alone first, the first packs, a review, the rest, a last review.

A run that is taken up again skips what is behind it. Does not know: how calls are made, where results
go, or what a reviewer is shown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packer.plan import Plan
from packer.run.ask import Ask, Back
from packer.run.drive import Driver
from packer.run.gate import Gatekeeper
from packer.run.journal import Journal, now
from packer.run.replay import Replay, reopen
from packer.run.talks import SESSION_ITEMS
from schemas.errors import AwaitsReview, Rejected
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.review import Gate, Review, Sheet, Stage

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
        past: where the run was when its last process ended; None for a new one.
        revised: is told of results that a reviewer approved or corrected.
        retracted: is told of results that a reviewer sent back.
    """

    plan: Plan[T]
    driver: Driver[T]
    journal: Journal
    keeper: Gatekeeper[T] | None
    past: Replay[T] | None
    revised: Callable[[Batch[T]], None]
    retracted: Callable[[Batch[T]], None]
    _sample: deque[Pack[T]] = field(default_factory=deque)
    _packs: deque[Pack[T]] = field(default_factory=deque)

    async def run(self) -> AsyncGenerator[Batch[T], None]:
        """Yield results as they settle, and at the end what stays pending."""
        try:
            async with aclosing(self._run()) as batches:
                async for batch in batches:
                    yield batch
        finally:
            await self.driver.sender.turnstile.settled()

    async def _run(self) -> AsyncGenerator[Batch[T], None]:
        opened: Collection[str] = () if self.past is None else self.past.opened
        self._sample.extend(pack for pack in self.plan.sample if pack.id not in opened)
        self._packs.extend(pack for pack in self.plan.packs if pack.id not in opened)
        arrived = [] if self.past is None else self.past.arrived
        ready = [] if self.past is None else list(self.past.asks.values())
        alone = self._driven(_taken(self._sample), ready=ready, arrived=arrived, sampled=True)
        async with aclosing(alone) as batches:
            async for batch in batches:
                yield batch
        if self.keeper is not None and Stage.FIRST not in self.keeper.passed:
            first = self._first_packs(self.keeper.gate.sample, opened)
            async with aclosing(self._stage(Stage.FIRST, first)) as batches:
                async for batch in batches:
                    yield batch
        async with aclosing(self._stage(Stage.LAST, None)) as batches:
            async for batch in batches:
                yield batch
        if self.driver.stopped is not None:
            for batch in self.driver.abandon([*self._sample, *self._packs]):
                yield batch

    async def _stage(self, stage: Stage, most: int | None) -> AsyncGenerator[Batch[T], None]:
        """Ask so many packs, and have a sample looked at."""
        async with aclosing(self._driven(_taken(self._packs, most))) as batches:
            async for batch in batches:
                yield batch
        # A run that is over with its first packs is looked at once.
        if self.keeper is None or (stage is Stage.FIRST and not self._packs):
            return
        async with aclosing(self._reviewed(stage, self.keeper)) as batches:
            async for batch in batches:
                yield batch

    def _first_packs(self, sample: int, opened: Collection[str]) -> int:
        """So many packs, two at least, as the sample needs; of them those that are not opened yet."""
        # A session is opened whole: cut short here, it would be another one when the run is taken up again.
        whole = SESSION_ITEMS if self.driver.strategy == "session" else 1
        items, count, left = 0, 0, 0
        for pack in self.plan.packs:
            if items >= sample and count >= 2 and count % whole == 0:
                break
            items, count, left = items + len(pack.asked), count + 1, left + (pack.id not in opened)
        return left

    async def _driven(
        self,
        packs: Iterable[Pack[T]],
        *,
        ready: Iterable[Ask[T]] = (),
        arrived: Iterable[tuple[Ask[T], Back]] = (),
        sampled: bool = False,
    ) -> AsyncGenerator[Batch[T], None]:
        if self.driver.stopped is None:
            driven = self.driver.run(packs, ready=ready, arrived=arrived, sampled=sampled)
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


def _taken(queue: deque[Pack[T]], most: int | None = None) -> Iterator[Pack[T]]:
    """Take packs off the queue as they are asked for, so that it always holds those not opened yet."""
    while queue and most != 0:
        yield queue.popleft()
        most = None if most is None else most - 1

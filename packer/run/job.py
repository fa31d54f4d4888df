"""A run that is ready to go: its options, its plan, its driver, and its results as they settle.

Does not know: how it was made ready, or what becomes of its results.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packer.plan import Plan
from packer.run.drive import Driver
from packer.run.send import word_for
from packer.run.tally import Tally
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import Item, ItemId
from schemas.protocols import TokenCounter
from schemas.result import ItemResult
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy

T = TypeVar("T")

log = logging.getLogger("packsplit")

OnProgress = Callable[[Tally], None]


@dataclass(frozen=True, slots=True)
class Options:
    """A door's options, as they were given."""

    strategy: Strategy = "pack"
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    fallback: Fallback = field(default_factory=Fallback)
    guard: Guard = field(default_factory=Guard)
    layout: Layout = field(default_factory=Layout)
    counter: TokenCounter | None = None
    facts: ModelFacts = field(default_factory=ModelFacts)
    seed: int = 0


@dataclass(slots=True)
class Job(Generic[T]):
    """A planned run and what drives it.

    Attributes:
        items: all inputs, in input order.
        plan: of the inputs that are asked.
        driver: drives it.
        tally: running sums.
        counter: the run's token counter.
        layout: as used.
        seed: of the run.
        kept: results of an earlier run over the same inputs.
        fingerprint: of task and inputs.
    """

    items: Sequence[Item]
    plan: Plan[T]
    driver: Driver[T]
    tally: Tally
    counter: TokenCounter
    layout: Layout
    seed: int
    kept: dict[ItemId, ItemResult[T]]
    fingerprint: str

    async def results(self, on_progress: OnProgress | None) -> AsyncGenerator[ItemResult[T], None]:
        """Kept results and refused inputs first, then whatever settles; repeats right after the asked one."""
        repeats: dict[ItemId, list[ItemId]] = {}
        for again, first in self.plan.same_as.items():
            repeats.setdefault(first, []).append(again)

        def with_repeats(result: ItemResult[T]) -> list[ItemResult[T]]:
            copies = [_copied(result, item_id) for item_id in repeats.get(result.item_id, ())]
            self.tally.note(result.outcome, 1 + len(copies))
            return [result, *copies]

        trace, tally = self.driver.sender.trace, self.tally
        trace.start(len(self.items), len(self.plan.packs))
        log.info("run of %d items in %d packs begins", len(self.items), len(self.plan.packs))
        try:
            for known in self.kept.values():
                tally.note(known.outcome, 1)
                yield known
            for refused in self.plan.refused:
                for result in with_repeats(refused):
                    yield result
            async with aclosing(self.driver.run(self.plan.packs)) as batches:
                async for batch in batches:
                    trace.settled(batch)
                    ready = [result for settled in batch for result in with_repeats(settled)]
                    if on_progress is not None:
                        on_progress(tally)
                    for result in ready:
                        yield result
        finally:
            stopped = self.driver.stopped
            trace.end(tally.told(), "" if stopped is None else word_for(stopped))
            told = "run ends: %d settled, %d of them failed, %d pending, %d calls"
            log.info(told, tally.settled, tally.failed, tally.pending, tally.calls)


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
    )

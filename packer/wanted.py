"""What a plan is made for: the model as it is known, the options, and who counts tokens.

Does not know: items, or what becomes of the options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from packer.cost.prices import Prices
from schemas.errors import BadTask
from schemas.facts import ModelFacts
from schemas.guard import Canary, Guard
from schemas.output import Mismatch
from schemas.protocols import TokenCounter
from schemas.settings import Budget, Fallback, Layout, Strategy
from schemas.task import Task


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one plan.

    Attributes:
        counter: counts tokens.
        facts: what is known of the model.
        budget: how large a pack may grow.
        layout: envelope, binding, packing and order.
        fallback: the ladder.
        guard: canaries, audits, and the promise.
        strategy: how packs are asked.
        seed: of the run.
        sample_items: so many are asked alone first, as the baseline.
        prices: of the model, for the forecast; without any, tokens alone are foretold.
        profiled: whether a profile has settled the promise, so that nothing is tried.
    """

    counter: TokenCounter
    facts: ModelFacts = field(default_factory=ModelFacts)
    budget: Budget = field(default_factory=Budget)
    layout: Layout = field(default_factory=Layout)
    fallback: Fallback = field(default_factory=Fallback)
    guard: Guard = field(default_factory=Guard)
    strategy: Strategy = "pack"
    seed: int = 0
    sample_items: int = 0
    prices: Prices = field(default_factory=lambda: Prices(""))
    profiled: bool = False

    def canaries_of(self, task: Task[object]) -> Sequence[Canary]:
        """The canaries that get seats: those of the guard, where anything is packed at all.

        Raises:
            BadTask: the task does not allow the answer that one of them is known to have.
        """
        if self.strategy != "pack":
            return ()
        for canary in self.guard.canaries:
            try:
                task.output.encode(canary.answer)
            except Mismatch as error:
                told = f"The canary {canary.text[:40]!r} has an answer that the task does not allow: {error}"
                raise BadTask(told) from None
        return self.guard.canaries

"""What a run took beside other ways of asking the same items, over all and by group.

Does not know: how the figures are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from packer.compare import Spent, compare
from packer.plan import Plan
from packer.run.tally import Tally
from schemas.comparison import Comparison
from schemas.facts import ModelFacts
from schemas.ledger import Baseline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Costs(Generic[T]):
    """Compares one run.

    Attributes:
        plan: who was asked how.
        tally: the run's books.
        single_fixed_tokens: counted prompt tokens that all single calls share.
        facts: of the model.
        concurrency: most calls at once.
    """

    plan: Plan[T]
    tally: Tally
    single_fixed_tokens: int
    facts: ModelFacts
    concurrency: int

    def comparisons(self, predicted: Baseline) -> tuple[Comparison, ...]:
        """Over all items; then by group, where there are groups.

        Args:
            predicted: one call per item, for runs without a measured sample.
        """
        if not self.tally.calls:
            return ()
        sampled = self._by_group(self.plan.seating.sample)
        packed = self._by_group([each for bin_ in self.plan.seating.bins for each in bin_])
        groups = list(dict.fromkeys([*packed, *sampled]))
        whole = self._one(
            predicted, sum(packed.values()), sum(sampled.values()), None, list(self.tally.spent)
        )
        if groups == [None] or not groups:
            return (whole,)
        shares = [
            self._one(None, packed.get(each, 0), sampled.get(each, 0), each, [(each, False), (each, True)])
            for each in groups
        ]
        return (whole, *shares)

    def _one(
        self,
        predicted: Baseline | None,
        packed_items: int,
        sampled_items: int,
        group: str | None,
        keys: list[tuple[str | None, bool]],
    ) -> Comparison:
        packed, alone = Spent(), Spent()
        for key in keys:
            spent = self.tally.spent.get(key, Spent())
            packed, alone = (packed, alone.plus(spent)) if key[1] else (packed.plus(spent), alone)
        return compare(
            replace(packed, items=packed_items),
            replace(alone, items=sampled_items) if sampled_items else None,
            predicted=predicted,
            shared_tokens=self.single_fixed_tokens,
            prices=self.tally.prices,
            facts=self.facts,
            concurrency=self.concurrency,
            group=group,
        )

    def _by_group(self, positions: list[int] | tuple[int, ...]) -> dict[str | None, int]:
        counts: dict[str | None, int] = {}
        for each in positions:
            group = self.plan.items[each].group
            counts[group] = counts.get(group, 0) + 1
        return counts

"""What a run took beside other ways of asking the same items, over all and by group.

Does not know: how the figures are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

from packer.cost.compare import Spent, compare
from packer.plan import Plan
from packer.run.live.tally import Tally
from schemas.comparison import Comparison
from schemas.facts import ModelFacts
from schemas.item import ItemId
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

    def comparisons(self, predicted: Baseline, untried: Collection[ItemId]) -> tuple[Comparison, ...]:
        """Over all items; then by group, where there are groups.

        Args:
            predicted: one call per item, for runs without a measured sample.
            untried: ids of the items that took part in no call, as a run that ended early leaves some.
        """
        sampled = self._by_group(self.plan.seating.sample, untried)
        # Items on which sizes were tried were asked alone on the way to packing: that is part of its price.
        seating = self.plan.seating
        positions = chain(chain.from_iterable(seating.bins), seating.trial)
        packed = self._by_group(positions, untried)
        # A run that ended up asking all items alone has packed nothing to compare.
        if not packed or not self.tally.routes.keys() & {"pack", "repack", "session", "calibration"}:
            return ()
        groups, spent = list(packed), self.tally.spent
        whole = self._one(predicted, sum(packed.values()), sum(sampled.values()), None, spent)
        if groups == [None]:
            return (whole,)
        shares = [
            self._one(
                None,
                packed[each],
                sampled[each],
                each,
                {key: spent[key] for key in ((each, False), (each, True)) if key in spent},
            )
            for each in groups
        ]
        return (whole, *shares)

    def _one(
        self,
        predicted: Baseline | None,
        packed_items: int,
        sampled_items: int,
        group: str | None,
        spent: dict[tuple[str | None, bool], Spent],
    ) -> Comparison:
        packed, alone = Spent(), Spent()
        for (_, is_baseline), each in spent.items():
            packed, alone = (packed, alone.plus(each)) if is_baseline else (packed.plus(each), alone)
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

    def _by_group(self, positions: Iterable[int], untried: Collection[ItemId]) -> Counter[str | None]:
        every = self.plan.items
        if not untried:
            return Counter([every[each].group for each in positions])
        return Counter([item.group for each in positions if (item := every[each]).id not in untried])

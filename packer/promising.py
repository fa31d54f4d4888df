"""What it takes to prove a promise: which pack sizes are tried, on how many items, looked at when.

Arithmetic alone: an upper bound of 2% at 95% takes about 150 independent items without one difference, and
more where answers of one call go wrong together. Does not know: items, calls, or what comes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packer.audit.promise import audits_needed
from schemas.guard import Guard

SIZES = (5, 10, 20, 40, 80)
FIRST_LOOK, SECOND_LOOK = 20, 60
ROOMY = 20
"""A run of so many times the items that are needed tries twice as many, so that a few differences do not
spoil the proof."""

MOST_GOLD = 800
"""More labelled inputs than these are not asked; the sample is drawn by the seed."""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """A trial to come.

    Attributes:
        sizes: items a pack, smallest first; empty where there is nothing to try.
        items: how many items are asked alone and by each size.
        twice: how many of them are asked alone twice.
        needed: without a single difference, so many items prove the promise.
        looks: by size, after how many items it may be given up; the last is all.
    """

    sizes: tuple[int, ...] = ()
    items: int = 0
    twice: int = 0
    needed: int = 0
    looks: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def most_calls(self) -> int:
        """So many calls it takes at most."""
        return self.items + self.twice + sum(-(-self.items // size) + len(self.looks) for size in self.sizes)


NO_TRIAL = TrialPlan()


def trial_for(guard: Guard, items: int, most: int) -> TrialPlan:
    """Plan a trial.

    Args:
        guard: what is promised.
        items: distinct texts of the run.
        most: items that a pack may hold.

    Returns:
        A trial of no items where there is no promise, or the run has fewer than it takes.
    """
    if guard.promise is None or most < 2:
        return TrialPlan()
    sizes = sizes_up_to(most)
    if guard.promise == "max_accuracy_loss":
        return _looked_at(sizes, min(len(guard.labelled), MOST_GOLD), 0, 0)
    needed = max(audits_needed(guard.ceiling, guard.confidence, size) for size in sizes)
    tried = needed * 2 if items >= ROOMY * needed else needed
    if tried > items:
        return TrialPlan(sizes, 0, 0, needed)
    return _looked_at(sizes, tried, round(tried * guard.audit_twice), needed)


def sizes_up_to(most: int) -> tuple[int, ...]:
    """The pack sizes that are considered, smallest first."""
    return (*(size for size in SIZES if size < most), *([most] if most > 1 else []))


def _looked_at(sizes: tuple[int, ...], items: int, twice: int, needed: int) -> TrialPlan:
    looks = {
        size: (*(each for each in _early(size) if each < items), items) if items else () for size in sizes
    }
    return TrialPlan(sizes, items, twice, needed, looks)


def _early(size: int) -> tuple[int, int]:
    """Whole packs of this size, a few at least."""
    first = -(-max(FIRST_LOOK, 2 * size) // size) * size
    return first, max(-(-SECOND_LOOK // size) * size, 2 * first)

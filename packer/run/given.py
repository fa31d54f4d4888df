"""A door's options as they were given, with the defaults of those that were not.

Does not know: what any of them leads to.
"""

from __future__ import annotations

from pathlib import Path

from packer.run.options import Options
from schemas.batch import Batch, Via
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.keeping import Store
from schemas.protocols import TokenCounter
from schemas.review import ReviewGate
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy


def options_given(
    *,
    strategy: Strategy,
    budget: Budget | None,
    limits: Limits | None,
    fallback: Fallback | None,
    guard: Guard | None,
    layout: Layout | None,
    counter: TokenCounter | None,
    facts: ModelFacts | None,
    seed: int,
    store: str | Path | Store | None,
    cache: str | Path | None,
    name: str | None,
    baseline: int,
    review: ReviewGate | None,
    via: Via,
) -> Options:
    """See ``pack_and_run`` for what each of them means.

    Raises:
        UsageError: one that cannot be.
    """
    if baseline < 0:
        raise UsageError(f"baseline={baseline} must be zero or more: so many items are asked alone first.")
    return Options(
        strategy=strategy,
        budget=budget or Budget(),
        limits=limits or Limits(),
        fallback=fallback or Fallback(),
        guard=guard or Guard(),
        layout=layout or Layout(),
        counter=counter,
        facts=facts or ModelFacts(),
        seed=seed,
        store=store if isinstance(store, Store) or store is None else Store(store),
        cache=None if cache is None else Path(cache),
        name=name,
        baseline=baseline,
        review=review,
        via=_batch(via),
    )


def _batch(via: Via) -> Batch | None:
    if isinstance(via, Batch):
        return via
    if via not in ("calls", "batch"):
        raise UsageError(f"via={via!r}: choose 'calls', 'batch' or Batch(...).")
    return Batch() if via == "batch" else None

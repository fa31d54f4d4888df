"""What a door was asked for, all of it in one object.

Does not know: whether it can be kept, or what becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from schemas.batch import Batch
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.keeping import Store
from schemas.protocols import TokenCounter
from schemas.review import ReviewGate
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy


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
    store: Store | None = None
    cache: Path | None = None
    name: str | None = None
    baseline: int = 0
    review: ReviewGate | None = None
    via: Batch | None = None

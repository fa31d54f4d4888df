"""Calibration: pack sizes tried on a sample, and what that allows a run to promise.

Does not know: how trials are made, or which bound is put on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

PromiseKind = Literal["max_bleed", "max_accuracy_loss"]


class Finding(StrEnum):
    """What a trial says of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class TrialCall:
    """One call of a trial: so many items packed, held against their single answers.

    Attributes:
        items: how many were compared.
        differ: how many packed answers differ from the single one; items without a value on either side are
            left out, as they are asked again.
        harm: right alone and wrong packed; 0 without gold.
        help: wrong alone and right packed; 0 without gold.
    """

    items: int
    differ: int
    harm: int = 0
    help: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One pack size, tried.

    Attributes:
        size: items a pack.
        calls: what came of each call.
        finding: what that says of the promise.
        loss: the estimate: bleed with the noise taken off, or accuracy lost; may be negative.
        upper: the one-sided upper bound that was held against the ceiling.
        lower: the one-sided lower bound.
        useless: whether too few of its answers could be used at all, whatever they say.
        whole: whether all of the sample was looked at; a trial that was given up early proves nothing.
    """

    size: int
    calls: tuple[TrialCall, ...]
    finding: Finding
    loss: float
    upper: float
    lower: float
    useless: bool = False
    whole: bool = True

    @property
    def items(self) -> int:
        """How many items were compared."""
        return sum(call.items for call in self.calls)

    @property
    def differ(self) -> int:
        """How many packed answers differ from the single one."""
        return sum(call.differ for call in self.calls)


@dataclass(frozen=True, slots=True)
class Noise:
    """Single answers held against a second single answer to the same item.

    Attributes:
        asked: how many items were asked twice.
        differ: how many got two different answers.
    """

    asked: int = 0
    differ: int = 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was tried for a promise, and what came of it.

    Attributes:
        promise: ``max_bleed`` or ``max_accuracy_loss``.
        ceiling: the promised most.
        confidence: with which it is promised.
        trials: sizes in the order in which they were tried.
        noise: the model's own.
        size: the pack size that is used; None where nothing is packed.
        proven: whether the promise is proven for it; singles keep every promise.
        calls: that the calibration took, single calls included.
        from_profile: whether trials were taken from a profile and nothing was asked.
        words: what was found and what is done, in one sentence.
    """

    promise: PromiseKind
    ceiling: float
    confidence: float
    trials: tuple[Trial, ...] = ()
    noise: Noise = Noise()
    size: int | None = None
    proven: bool = False
    calls: int = 0
    from_profile: bool = False
    words: str = ""

    def __str__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        from schemas.notebook_views import calibration_view

        return calibration_view(self)


@dataclass(frozen=True, slots=True)
class SizeChange:
    """Packs became larger or smaller while a run went on.

    Attributes:
        before: items a pack.
        after: items a pack from then on; 1 asks alone.
        why: in words.
    """

    before: int
    after: int
    why: str

    def __str__(self) -> str:
        after = "items are asked alone" if self.after == 1 else f"packs of {self.after}"
        return f"{after} instead of packs of {self.before}: {self.why}"

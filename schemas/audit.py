"""An audit: packed answers held against the same items' answers when asked alone.

Bleed is the share of packed answers that differ from a single one, less the share of single answers that
differ from a second single one: the model's own noise. Does not know: how it is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.item import ItemId
from schemas.route import Route


@dataclass(frozen=True, slots=True)
class Audited:
    """One answer from a shared call, and what the same item got alone.

    Attributes:
        item_id: whose.
        call: names the call that the answer came from; answers of one call are not independent.
        route: ``pack``, ``repack`` or ``session``.
        position: the seat in its call, counted from 0.
        size: how many items the call held.
        flagged: whether the answer was doubtful, or came from a further call.
        weight: 1 / the probability with which the item was drawn.
        differs: whether the single answer is another one, after normalisation.
        fields: for answers with fields, which of them differ; empty for labels.
        again: whether a second single answer differs from the first; None where nobody asked twice.
        right: whether the packed answer agrees with the human one; None without gold.
        single_right: the same of the single answer.
    """

    item_id: ItemId
    call: str
    route: Route
    position: int
    size: int
    flagged: bool
    weight: float
    differs: bool
    fields: Mapping[str, bool] = field(default_factory=dict)
    again: bool | None = None
    right: bool | None = None
    single_right: bool | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate, or a difference of rates, with its interval.

    Attributes:
        value: the estimate; a difference may be negative.
        lower: end of the two-sided interval.
        upper: the other end.
        asked: how many observations it rests on.
        confidence: how often the interval holds the truth, 0 to 1.
    """

    value: float
    lower: float
    upper: float
    asked: int
    confidence: float = 0.95

    @property
    def percent(self) -> str:
        """In per cent, with its interval: ``3.1% [1.2, 5.0]``."""
        return f"{100 * self.value:.1f}% [{100 * self.lower:.1f}, {100 * self.upper:.1f}]"


@dataclass(frozen=True, slots=True)
class AuditPart:
    """One part of the audited answers.

    Attributes:
        name: such as ``route: repack``, ``seat: last quarter``, ``items: 10``, ``flagged``, ``field: zip``.
        asked: how many were held against a single answer.
        differ: how many of them differ.
        packed: the weighted rate of difference, noise not taken off; None where nothing was asked.
    """

    name: str
    asked: int
    differ: int
    packed: Estimate | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        shared: answers from shared calls that the audit speaks for.
        asked: how many of them were held against a single answer.
        differ: how many differ.
        twice: how many items were asked alone twice.
        noise_differ: how many of those gave two different single answers.
        unanswered: drawn, but without a single answer to compare with.
        bleed: the difference of both rates; None where statistics are not installed or too little was asked.
        packed: the share of packed answers that differ from a single one; None as above.
        noise: the share of single answers that differ from a second one; None as above.
        at_most: an upper bound of the share that differs, without noise taken off, at ``confidence``,
            one-sided; 1 when nothing was asked.
        confidence: of the bounds.
        harm: share right alone and wrong packed; None without gold.
        help: share wrong alone and right packed; None without gold.
        parts: by route, seat, size, flag and field.
        words: the finding in one or two plain sentences.
    """

    shared: int
    asked: int
    differ: int
    twice: int = 0
    noise_differ: int = 0
    unanswered: int = 0
    bleed: Estimate | None = None
    packed: Estimate | None = None
    noise: Estimate | None = None
    at_most: float = 1.0
    confidence: float = 0.95
    harm: Estimate | None = None
    help: Estimate | None = None
    parts: tuple[AuditPart, ...] = ()
    words: str = ""

    @property
    def most(self) -> float:
        """The most of the answers that packing can have changed, 0 to 1, as words and pages tell it.

        Where nothing differs it is the larger of the exact bound, which knows nothing of calls, and the end
        of the interval, which does, but is too narrow for a handful.
        """
        if self.packed is None or not self.differ:
            return max(self.at_most, 0.0 if self.packed is None else self.packed.upper)
        return self.packed.upper if self.bleed is None else max(self.bleed.upper, 0.0)

    def __str__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        from schemas.notebook_views import audit_view

        return audit_view(self)

"""An evaluation: the same items asked alone and packed by several sizes, and what packing did to them.

Does not know: how items were asked, or how rates are estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from schemas.audit import AuditPart, Estimate
from schemas.calibration import Noise, PromiseKind, Trial

HEAD = ("", "items", "no value", "differ", "bleed", "right", "in", "out", "calls", "USD", "seconds")


@dataclass(frozen=True, slots=True)
class Spending:
    """What one way of asking took, an item.

    Attributes:
        items: how many items the figures rest on.
        calls: calls an item.
        input_tokens: prompt tokens an item; None where a call came without usage.
        output_tokens: reply tokens an item; None as above.
        cost_usd: money an item; None where a call's cost is not known.
        seconds: of calls an item, one after another; None where nobody took the time.
    """

    items: int
    calls: float
    input_tokens: float | None = None
    output_tokens: float | None = None
    cost_usd: Decimal | None = None
    seconds: float | None = None

    def plus(self, share: float, other: Spending) -> Spending:
        """This way for all items, and the other way on top for a share of them, 0 to 1."""
        cost_usd = None
        if self.cost_usd is not None and other.cost_usd is not None:
            cost_usd = self.cost_usd + other.cost_usd * Decimal(str(share))
        return Spending(
            self.items,
            self.calls + share * other.calls,
            _plus(self.input_tokens, share, other.input_tokens),
            _plus(self.output_tokens, share, other.output_tokens),
            cost_usd,
            _plus(self.seconds, share, other.seconds),
        )


@dataclass(frozen=True, slots=True)
class FieldMeasured:
    """One field of answers that have fields.

    Attributes:
        name: a field inside a field as ``outer.inner``.
        asked: packed answers that have it, or whose single answer has.
        differ: how many of them say something else alone.
        packed: the share that differs, noise not taken off.
        twice: how many were asked alone twice.
        noise_differ: how many of those said two different things alone.
    """

    name: str
    asked: int
    differ: int
    packed: Estimate | None
    twice: int = 0
    noise_differ: int = 0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Both ways of asking held against the answers that people gave. No value is no right answer.

    Attributes:
        labelled: items with a human answer that were asked both ways.
        single_right: how many were right alone.
        packed_right: how many were right packed.
        harm: share right alone and wrong packed.
        help: share wrong alone and right packed.
        difference: share right packed less share right alone, with the interval of two one-sided tests: 90%
            where the confidence is 95%.
        equivalent: whether packing keeps the accuracy within one point: True or False where that is shown,
            None where there are too few items to say.
        needed: so many items it takes to say.
        words: the finding in one sentence.
    """

    labelled: int
    single_right: int
    packed_right: int
    harm: Estimate
    help: Estimate
    difference: Estimate
    equivalent: bool | None
    needed: int
    words: str


@dataclass(frozen=True, slots=True)
class SizeMeasured:
    """One pack size.

    Attributes:
        size: most items a pack.
        items: that were packed by it, with company.
        calls: packs that held them.
        lost: how many of them got no value packed.
        compared: how many got a value both ways.
        differ: how many of those are answered otherwise alone.
        difference: the share that differs; packs, not answers, are the units that scatter.
        bleed: the difference less the model's own noise, may be negative; None where nobody asked twice.
        repaired: bleed over all items when those without a value are asked alone, where the ladder ends;
            None as above.
        fields: the same by field; empty for labels.
        parts: by seat in the call, by items in the call, by flag.
        raw_accuracy: with human answers, items without a value counted as wrong; None without any.
        accuracy: the same after the repair.
        spending: what packs alone took.
        repaired_spending: with the single calls of the repair.
        trial: the size held against the promise.
        given_up: why the run stopped packing by this size; empty where it did not.
        words: the finding in one sentence.
    """

    size: int
    items: int
    calls: int
    lost: int
    compared: int
    differ: int
    difference: Estimate | None
    bleed: Estimate | None
    repaired: Estimate | None
    fields: tuple[FieldMeasured, ...]
    parts: tuple[AuditPart, ...]
    raw_accuracy: Accuracy | None
    accuracy: Accuracy | None
    spending: Spending
    repaired_spending: Spending
    trial: Trial
    given_up: str = ""
    words: str = ""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What packing does to the answers of one task, one model and these items.

    Attributes:
        model: who was asked, with the provider.
        task: the task's fingerprint.
        items: inputs with a text of their own.
        repeats: inputs whose text had been there before; they do not count.
        seed: of seats and samples.
        envelope: the reply's shape that was used.
        binding: what replies repeat of an item.
        alone: what asking alone took.
        alone_lost: items without a value alone; there is nothing to hold packed answers against.
        labelled: items with a human answer.
        alone_right: how many of those are right alone.
        noise: items asked alone twice.
        noise_rate: the share of them that got two different answers; None where nobody asked twice.
        promise: what sizes were held against.
        ceiling: the promised most.
        confidence: of intervals and promise.
        sizes: from the smallest.
        size: the largest that keeps the promise, with all smaller ones; None where none does.
        stopped: why it ended early; None when it did not.
        words: what to do, in one sentence.
    """

    model: str
    task: str
    items: int
    repeats: int
    seed: int
    envelope: str
    binding: str
    alone: Spending
    alone_lost: int
    labelled: int
    alone_right: int | None
    noise: Noise
    noise_rate: Estimate | None
    promise: PromiseKind
    ceiling: float
    confidence: float
    sizes: tuple[SizeMeasured, ...]
    size: int | None
    stopped: str | None = None
    words: str = ""

    def __str__(self) -> str:
        rows = [HEAD, self._alone(), *map(_row, self.sizes)]
        widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
        lines = [f"{self.items:,} items, asked alone and packed; tokens, calls, money and seconds an item"]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *(each.words for each in self.sizes), self.words])

    def _repr_html_(self) -> str:
        from schemas.notebook_views import evaluation_view

        return evaluation_view(self)

    def _alone(self) -> tuple[str, ...]:
        differ = f"{_share(self.noise_rate)} twice" if self.noise_rate is not None else "-"
        right = "-" if self.alone_right is None else _part(self.alone_right, self.labelled)
        head = ("alone", f"{self.items:,}", f"{self.alone_lost:,}", differ, "-", right)
        return (*head, *_spent(self.alone))


def _row(of: SizeMeasured) -> tuple[str, ...]:
    right = "-" if of.accuracy is None else _part(of.accuracy.packed_right, of.accuracy.labelled)
    head = (f"packs of {of.size}", f"{of.items:,}", f"{of.lost:,}", _share(of.difference), _share(of.bleed))
    return (*head, right, *_spent(of.repaired_spending))


def _spent(of: Spending) -> tuple[str, ...]:
    return (
        _number(of.input_tokens, 1),
        _number(of.output_tokens, 1),
        _number(of.calls, 2),
        "-" if of.cost_usd is None else f"{of.cost_usd:.7f}",
        _number(of.seconds, 2),
    )


def _share(of: Estimate | None) -> str:
    return "-" if of is None else of.percent


def _part(some: int, of: int) -> str:
    return f"{some / of:.1%}" if of else "-"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _plus(one: float | None, share: float, other: float | None) -> float | None:
    if one is None or (other is None and share):
        return None
    return one + share * (other or 0.0)

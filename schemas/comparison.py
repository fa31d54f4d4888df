"""What the run took beside the other ways of asking: one call each, with a warm prompt cache, at batch price.

Does not know: how the figures were won.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking, per item.

    Attributes:
        name: ``packed``, ``singles``, ``singles, warm cache``, ``singles, batch price``.
        measured: True when calls were made this way; False when it is worked out from those.
        items: items that the figures rest on.
        calls: calls per item.
        input_tokens: prompt tokens per item; None when not known.
        cached_tokens: the cached part of them; None when not known.
        output_tokens: reply tokens per item; None when not known.
        cost_usd: money per item; None when not known.
        seconds: of calls per item, one after another; None when not known.
        items_per_hour: at the run's concurrency; None when not known.
    """

    name: str
    measured: bool
    items: int
    calls: float
    input_tokens: float | None = None
    cached_tokens: float | None = None
    output_tokens: float | None = None
    cost_usd: Decimal | None = None
    seconds: float | None = None
    items_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Packing beside the other ways.

    Attributes:
        ways: packed first.
        ratio: what packing took, over plain single calls: money where priced, else tokens; None when unknown.
        paid: whether packing was cheaper than both plain and warm single calls; None when unknown.
        verdict: the same in one sentence.
        group: whose items, where items are grouped; None for all.
    """

    ways: tuple[Way, ...]
    ratio: float | None
    paid: bool | None
    verdict: str
    group: str | None = None

    def __str__(self) -> str:
        name = "per item" if self.group is None else f"per item of {self.group!r}"
        head = (name, "calls", "tokens in", "cached", "out", "USD", "seconds", "items/hour")
        rows = [head, *(_row(way) for way in self.ways)]
        lines = [f"{row[0]:<22}" + "".join(f" {cell:>10}" for cell in row[1:]) for row in rows]
        return "\n".join([*lines, self.verdict])


def _row(way: Way) -> tuple[str, ...]:
    return (
        way.name if way.measured else f"{way.name}*",
        f"{way.calls:.2f}",
        _number(way.input_tokens),
        _number(way.cached_tokens),
        _number(way.output_tokens),
        "-" if way.cost_usd is None else f"{way.cost_usd:.6f}",
        "-" if way.seconds is None else f"{way.seconds:.2f}",
        "-" if way.items_per_hour is None else f"{way.items_per_hour:,.0f}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"

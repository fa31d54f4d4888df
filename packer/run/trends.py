"""Tests over the whole run, as far as chance seated the items: without it there is no null to test against.

Does not know: how answers were gathered.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.settings import Layout
from schemas.signal import Seated, SignalKind, Trend
from splitter.fleet import fleet


def trends(rows: Sequence[Seated], layout: Layout, seed: int) -> tuple[Trend, ...]:
    """Run the tests that the layout allows.

    Args:
        rows: packed answers with their seats.
        layout: says what was chance: order within a call, and who shares one.
        seed: of the shuffles.
    """
    found = fleet(rows, seed=seed) if rows and layout.shuffle else ()
    mixed = layout.packing == "tight"
    return tuple(each for each in found if mixed or each.kind is not SignalKind.POLARITY_PULL)

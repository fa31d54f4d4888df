"""What one run hands on to the next where both are parts of a whole: its pace, and what is used up.

Does not know: how a run is cut into parts, or what they ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from packer.pacing import Pace
from packer.run.flow.sums import Sum
from packer.run.live.spending import Spending
from packer.run.live.tally import Tally


@dataclass(slots=True)
class Carried:
    """What the parts before have left.

    Attributes:
        pace: ceilings a minute, with all calls of the last one.
        calls: sent so far.
        spent_usd: known or, where a call's use stayed unknown, the most it can have cost.
        ends_at_s: when the whole's time is over, by the event loop's clock; None for no such time.
    """

    pace: Pace
    calls: int = 0
    spent_usd: Decimal = Decimal(0)
    ends_at_s: float | None = None

    def used(self, spending: Spending) -> None:
        """A part is over; its sums began with these."""
        self.calls = spending.calls
        # A call that was dropped on its way may still be billed.
        self.spent_usd = spending.spent_usd + spending.reserved_usd


def added(before: Tally | None, now: Tally) -> Tally:
    """Running sums over all parts; what is told by group, or call by call, is the last part's alone."""
    if before is None:
        return now
    routes: dict[str, Sum] = {}
    replies = Sum()
    for each in (before, now):
        replies.add(each.usage, each.cost_usd)
        for name, route in each.routes.items():
            routes.setdefault(name, Sum()).add(route.usage, route.cost_usd, calls=route.calls)
    return replace(
        now,
        items=before.items + now.items,
        settled=before.settled + now.settled,
        failed=before.failed + now.failed,
        calls=before.calls + now.calls,
        failed_calls=before.failed_calls + now.failed_calls,
        unmetered_calls=before.unmetered_calls + now.unmetered_calls,
        pending=before.pending + now.pending,
        unpriced_calls=before.unpriced_calls + now.unpriced_calls,
        model=now.model or before.model,
        counted_input_tokens=before.counted_input_tokens + now.counted_input_tokens,
        metered_input_tokens=before.metered_input_tokens + now.metered_input_tokens,
        _routes=routes,
        _replies=replies,
    )

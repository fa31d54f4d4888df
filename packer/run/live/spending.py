"""What a run may use up: calls and money. A call goes only if the dearest it can turn out still fits.

Does not know: when a call may go, or what it asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from packer.cost.prices import Prices
from packer.pacing import Need
from schemas.settings import Limits


@dataclass(slots=True)
class Spending:
    """Sums of one run.

    Attributes:
        limits: the ceilings.
        prices: of the model.
        calls: sent so far.
        spent_usd: known or, where a call's use stayed unknown, the most it can have cost.
        reserved_usd: the most that calls in flight can cost.
    """

    limits: Limits
    prices: Prices
    calls: int = 0
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)

    def refused(self, need: Need) -> str | None:
        """Why a call that may need this much must not go; None when it may."""
        most_calls, most_usd = self.limits.max_calls, self.limits.max_cost_usd
        if most_calls is not None and self.calls >= most_calls:
            return f"Limits(max_calls={most_calls}) is used up"
        if most_usd is None:
            return None
        dearest = self._dearest(need)
        if self.spent_usd + self.reserved_usd + dearest <= most_usd:
            return None
        return (
            f"Limits(max_cost_usd={most_usd}) leaves no room for another call: {self.spent_usd:.6f} USD "
            f"spent, and one call may cost {dearest:.6f}"
        )

    @property
    def may_free_up(self) -> bool:
        """True while calls in flight may turn out cheaper than reserved."""
        return self.reserved_usd > 0

    def enter(self, need: Need) -> Decimal:
        """Reserve for a call that goes out; give the amount back to ``settle``."""
        self.calls += 1
        reserved = self._dearest(need)
        self.reserved_usd += reserved
        return reserved

    def settle(self, reserved_usd: Decimal, cost_usd: Decimal | None) -> None:
        """A call is over: book what it cost, or all that was reserved where that is unknown."""
        self.reserved_usd -= reserved_usd
        self.spent_usd += reserved_usd if cost_usd is None else cost_usd

    def _dearest(self, need: Need) -> Decimal:
        if self.limits.max_cost_usd is None:
            return Decimal(0)
        return self.prices.most_usd(need.input_tokens, need.output_tokens) or Decimal(0)

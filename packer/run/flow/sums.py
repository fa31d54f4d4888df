"""Running sums of calls: tokens and money that are added to in place, a call at a time.

What was summed is read as a frozen value. Does not know: whose calls they were.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.ledger import RouteSum
from schemas.usage import Usage, plus_known_usd


class Sum:
    """Calls, tokens and money of one kind; what is not known is left out.

    Attributes:
        calls: how many.
        cost_usd: money as far as it is known; None when it is not.
    """

    __slots__ = ("_cached", "_input", "_output", "_reasoning", "_written", "calls", "cost_usd")

    def __init__(self) -> None:
        self.calls = 0
        self.cost_usd: Decimal | None = None
        self._input: int | None = None
        self._cached: int | None = None
        self._output: int | None = None
        self._written: int | None = None
        self._reasoning: int | None = None

    def add(self, usage: Usage, cost_usd: Decimal | None, *, calls: int = 0) -> None:
        """Add what a call took, or a seat's part of it."""
        self.calls += calls
        # Written out, as this runs for every call.
        if (tokens := usage.input_tokens) is not None:
            self._input = tokens + (self._input or 0)
        if (tokens := usage.cached_tokens) is not None:
            self._cached = tokens + (self._cached or 0)
        if (tokens := usage.output_tokens) is not None:
            self._output = tokens + (self._output or 0)
        if (tokens := usage.cache_write_tokens) is not None:
            self._written = tokens + (self._written or 0)
        if (tokens := usage.reasoning_tokens) is not None:
            self._reasoning = tokens + (self._reasoning or 0)
        if cost_usd is not None:
            self.cost_usd = plus_known_usd(self.cost_usd, cost_usd)

    @property
    def usage(self) -> Usage:
        """Tokens; a field is None when no call reported it."""
        return Usage(self._input, self._cached, self._output, self._written, self._reasoning)

    @property
    def total(self) -> RouteSum:
        """The sums so far."""
        return RouteSum(self.calls, self.usage, self.cost_usd)

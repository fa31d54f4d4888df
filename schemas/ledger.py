"""The ledger: what a run's calls took, beside what one call per item would have taken.

Does not know: how prices are found, or which calls were worth it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.usage import Usage, plus_known_usd


@dataclass(frozen=True, slots=True)
class Baseline:
    """One call per item, as it would have been. Predicted, not measured.

    Attributes:
        calls: one per distinct text that was asked.
        input_tokens: prompt tokens; None when nothing allows a prediction.
        output_tokens: reply tokens; None before any answer is known.
    """

    calls: int
    input_tokens: int | None = None
    output_tokens: int | None = None

    def plus(self, other: Baseline) -> Baseline:
        """Sum over two runs; what one of them cannot predict stays unknown, unless it has no calls at all."""
        if not other.calls or not self.calls:
            return self if self.calls else other
        return Baseline(
            self.calls + other.calls,
            _plus(self.input_tokens, other.input_tokens),
            _plus(self.output_tokens, other.output_tokens),
        )


@dataclass(frozen=True, slots=True)
class RouteSum:
    """What one kind of call came to.

    Attributes:
        calls: how many, failed ones included.
        usage: tokens as the provider reported them; a field is None when no call reported it.
        cost_usd: what those with a known price cost; None when there is none.
    """

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None

    def plus(self, other: RouteSum) -> RouteSum:
        """Sum of what is known."""
        cost_usd = plus_known_usd(self.cost_usd, other.cost_usd)
        return RouteSum(self.calls + other.calls, self.usage.plus_known(other.usage), cost_usd)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Running sums of a run.

    Attributes:
        calls: calls that were sent, failed ones included.
        failed_calls: calls that came back with an error instead of a reply.
        unmetered_calls: replies whose usage the provider did not report; the sums leave them out.
        usage: tokens as the provider reported them; a field is None when no call reported it.
        baseline: the same items, one call each.
        routes: the same sums by rung of the ladder (``pack``, ``repack``, ``session``, ``single``), and by
            overhead (``probe``: finding out what a server can be held to; ``baseline``: items asked alone
            first, to measure with; ``calibration``: pack sizes tried, single calls included; the answers of
            the run's own items are kept in both; ``audit``: packed answers held against single ones).
        cost_usd: what the calls with a known price and usage cost; None when there is none.
        unpriced_calls: replies whose cost is not known; ``cost_usd`` leaves them out.
        price_source: where the price comes from, or why there is none.
        charged: what items were charged for; with the overheads, all there is, to the token and the cent.
        overheads: what no item was charged for: ``canary`` (its share of packs), ``probe``, ``audit``, and of
            ``calibration`` what brought no item its answer.
        maybe_paid_calls: calls that were sent and never answered (the process died, the connection broke, the
            run gave up waiting); the provider may bill them, and the sums of tokens and money leave them out.
        maybe_paid_usd: the most those can have cost; None when not known.
    """

    calls: int
    failed_calls: int
    unmetered_calls: int
    usage: Usage
    baseline: Baseline
    routes: Mapping[str, RouteSum] = field(default_factory=dict)
    cost_usd: Decimal | None = None
    unpriced_calls: int = 0
    price_source: str = ""
    charged: RouteSum = field(default_factory=RouteSum)
    overheads: Mapping[str, RouteSum] = field(default_factory=dict)
    maybe_paid_calls: int = 0
    maybe_paid_usd: Decimal | None = None

    def plus(self, other: Ledger) -> Ledger:
        """Sums over two runs, to the token and the last digit; prices of both are named where they differ."""
        sources = [each for each in (self.price_source, other.price_source) if each]
        return Ledger(
            self.calls + other.calls,
            self.failed_calls + other.failed_calls,
            self.unmetered_calls + other.unmetered_calls,
            self.usage.plus_known(other.usage),
            self.baseline.plus(other.baseline),
            _merged(self.routes, other.routes),
            cost_usd=plus_known_usd(self.cost_usd, other.cost_usd),
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            price_source="; ".join(dict.fromkeys("; ".join(sources).split("; "))),
            charged=self.charged.plus(other.charged),
            overheads=_merged(self.overheads, other.overheads),
            maybe_paid_calls=self.maybe_paid_calls + other.maybe_paid_calls,
            maybe_paid_usd=_most(self, other),
        )

    def __str__(self) -> str:
        rows = [
            ("", "packed", "one by one*", "ratio"),
            _row("calls", self.calls, self.baseline.calls),
            _row("input tokens", self.usage.input_tokens, self.baseline.input_tokens),
            _row("  of them cached", self.usage.cached_tokens, None),
            _row("output tokens", self.usage.output_tokens, self.baseline.output_tokens),
        ]
        lines = [f"{name:<16} {packed:>11} {single:>12} {ratio:>7}" for name, packed, single, ratio in rows]
        lines.append("* predicted from the same texts and answers, not measured")
        if len(self.routes) > 1:
            lines += [_route(name, each) for name, each in self.routes.items()]
        lines += self._money()
        if self.unmetered_calls:
            lines.append(f"{self.unmetered_calls} replies came without usage; the token sums leave them out")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from schemas.notebook_views import ledger_view

        return ledger_view(self)

    def _money(self) -> list[str]:
        if self.cost_usd is None:
            if not self.price_source:
                return []
            told = self.price_source if self.unpriced_calls else "no reply came whose usage could be priced"
            return [f"cost unknown: {told}"]
        left_out = f"; {self.unpriced_calls} calls of unknown cost left out" if self.unpriced_calls else ""
        return [f"cost {self.cost_usd:.6f} USD (prices: {self.price_source}){left_out}"]


def _most(one: Ledger, other: Ledger) -> Decimal | None:
    """The most that unanswered calls of both can have cost; not known when it is not for one of them."""
    both = [each for each in (one, other) if each.maybe_paid_calls]
    if any(each.maybe_paid_usd is None for each in both):
        return None
    return plus_known_usd(one.maybe_paid_usd, other.maybe_paid_usd)


def _merged(one: Mapping[str, RouteSum], other: Mapping[str, RouteSum]) -> dict[str, RouteSum]:
    names = dict.fromkeys((*one, *other))
    return {name: one.get(name, RouteSum()).plus(other.get(name, RouteSum())) for name in names}


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _route(name: str, each: RouteSum) -> str:
    used = each.usage
    return (
        f"{name:<8} {each.calls:>8,} calls, {_number(used.input_tokens)} tokens in "
        f"({_number(used.cached_tokens)} cached), {_number(used.output_tokens)} out"
    )


def _row(name: str, packed: int | None, single: int | None) -> tuple[str, str, str, str]:
    ratio = f"{packed / single:.2f}x" if packed is not None and single else "-"
    return name, _number(packed), _number(single), ratio


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"

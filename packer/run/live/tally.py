"""Sums while a run goes on, and the ledger at its end.

Does not know: what an answer means; counts calls, tokens and settled items.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from packer.cost.baseline import settle
from packer.cost.compare import Spent
from packer.cost.prices import Prices
from packer.pacing import Need
from packer.run.flow.ask import Reply
from packer.run.flow.charges import UNKNOWN, Charges
from packer.run.flow.sums import Sum
from schemas.chat import Completion
from schemas.errors import RunError
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.protocols import TokenCounter
from schemas.result import ItemResult, Outcome
from schemas.usage import Usage, known_sum_usd

# Looked up once: a member of an enum costs more to find than to compare.
_ACCEPTED, _PENDING, _FAILED = Outcome.ACCEPTED, Outcome.PENDING, Outcome.FAILED


class _Kept(Sum):
    """Calls of one group's items.

    Attributes:
        unmetered_calls: replies without usage.
        unpriced_calls: replies whose cost is not known.
        call_s: seconds of all of them.
    """

    __slots__ = ("call_s", "unmetered_calls", "unpriced_calls")

    def __init__(self) -> None:
        super().__init__()
        self.unmetered_calls = 0
        self.unpriced_calls = 0
        self.call_s = 0.0

    @property
    def spent(self) -> Spent:
        """The sums so far."""
        return Spent(
            calls=self.calls,
            usage=self.usage,
            unmetered_calls=self.unmetered_calls,
            cost_usd=self.cost_usd,
            unpriced_calls=self.unpriced_calls,
            call_s=self.call_s,
        )


@dataclass(slots=True)
class Tally:
    """Running sums of one run; the same object is updated and shown as progress.

    Attributes:
        items: inputs in all.
        prices: of the model.
        settled: inputs that have a result.
        failed: of those, the ones without a value.
        calls: calls that came back, with a reply or an error.
        failed_calls: of those, the errors.
        unmetered_calls: replies without reported usage.
        pending: inputs that the run ended too early for.
        unpriced_calls: replies whose cost is not known.
        model: the model that answered last, as the provider names it.
        counted_input_tokens: what we expected of the metered prompts.
        metered_input_tokens: what the provider made of the same prompts.
        maybe_paid: the most that each call without a reply can have used.
        jobs: batch jobs under way.
        lines: calls in them.
        lines_done: of those, the ones the provider is through with.
    """

    items: int
    prices: Prices
    settled: int = 0
    failed: int = 0
    calls: int = 0
    failed_calls: int = 0
    unmetered_calls: int = 0
    pending: int = 0
    unpriced_calls: int = 0
    model: str = ""
    counted_input_tokens: int = 0
    metered_input_tokens: int = 0
    maybe_paid: list[Need] = field(default_factory=list)
    jobs: int = 0
    lines: int = 0
    lines_done: int = 0
    _routes: dict[str, Sum] = field(default_factory=dict)
    _spent: dict[tuple[str | None, bool], _Kept] = field(default_factory=dict)
    _replies: Sum = field(default_factory=Sum)

    @property
    def usage(self) -> Usage:
        """Tokens reported so far."""
        return self._replies.usage

    @property
    def cost_usd(self) -> Decimal | None:
        """What the priced calls cost; None until one is."""
        return self._replies.cost_usd

    @property
    def routes(self) -> dict[str, RouteSum]:
        """Calls, tokens and money by rung of the ladder."""
        return {name: each.total for name, each in self._routes.items()}

    @property
    def spent(self) -> dict[tuple[str | None, bool], Spent]:
        """The same by group, apart for items that were asked alone to measure with."""
        return {key: each.spent for key, each in self._spent.items()}

    def note(self, results: Collection[ItemResult[object]], inputs: int = 1) -> None:
        """Count results that are there now; -1 takes them back."""
        outcomes = [each.outcome for each in results]
        pending = failed = 0
        if outcomes.count(_ACCEPTED) != len(outcomes):  # hardly ever
            pending, failed = outcomes.count(_PENDING), outcomes.count(_FAILED)
        self.settled += inputs * (len(results) - pending)
        self.failed += inputs * failed
        self.pending += inputs * pending

    def book(
        self,
        route: str,
        reply: Reply,
        cost_usd: Decimal | None,
        *,
        counted_tokens: int | None = None,
        need: Need | None = None,
        took_s: float = 0.0,
        group: str | None = None,
    ) -> None:
        """Add one attempt at a call.

        Args:
            route: the rung of the ladder, or the name of an overhead.
            reply: what came back.
            cost_usd: what it cost; None when not known.
            counted_tokens: what we expected the provider to count; None leaves the comparison out.
            need: the most it can have used.
            took_s: seconds until the reply.
            group: of its items.
        """
        self.calls += 1
        usage = reply.usage if isinstance(reply, Completion) else UNKNOWN
        if (route_sum := self._routes.get(route)) is None:
            route_sum = self._routes[route] = Sum()
        route_sum.add(usage, cost_usd, calls=1)
        key = group, route == "baseline"
        if (kept := self._spent.get(key)) is None:
            kept = self._spent[key] = _Kept()
        kept.add(usage, cost_usd, calls=1)
        kept.call_s += took_s
        if not isinstance(reply, Completion):
            self.failed_calls += 1
            if reply.status is None and need is not None:
                self.maybe_paid.append(need)
            return
        self.model = reply.model or self.model
        if usage.input_tokens is not None and counted_tokens is not None:
            self.counted_input_tokens += counted_tokens
            self.metered_input_tokens += usage.input_tokens
        if usage.input_tokens is None or usage.output_tokens is None:
            self.unmetered_calls += 1
            kept.unmetered_calls += 1
        if cost_usd is None:
            self.unpriced_calls += 1
            kept.unpriced_calls += 1
        self._replies.add(usage, cost_usd)

    def told(self) -> dict[str, int]:
        """The sums that a trace shows."""
        return {
            "packsplit.settled": self.settled,
            "packsplit.failed": self.failed,
            "packsplit.pending": self.pending,
            "packsplit.calls": self.calls,
            "packsplit.failed_calls": self.failed_calls,
        }

    def ledger(
        self,
        planned: Baseline,
        answers: Sequence[object],
        counter: TokenCounter,
        charges: Charges,
        *,
        end_tokens: int = 0,
    ) -> Ledger:
        """Close the books.

        Args:
            planned: one call per item, as predicted before the run.
            answers: accepted answers as JSON, one per item that was asked.
            counter: the run's counter.
            charges: who paid for what.
            end_tokens: what ends the replies of all single calls, where the provider counts that.
        """
        try:
            baseline = settle(
                planned,
                answers,
                counter,
                counted_input_tokens=self.counted_input_tokens,
                metered_input_tokens=self.metered_input_tokens or None,
            )
        except RunError:  # the counter's server died: answers that were paid for matter more than a forecast
            baseline = Baseline(planned.calls)
        if baseline.output_tokens is not None:
            baseline = replace(baseline, output_tokens=baseline.output_tokens + end_tokens)
        overheads = {**charges.overheads, "probe": self.routes.get("probe", RouteSum())}
        most = [self.prices.most_usd(need.input_tokens, need.output_tokens) for need in self.maybe_paid]
        return Ledger(
            self.calls,
            self.failed_calls,
            self.unmetered_calls,
            self.usage,
            baseline,
            self.routes,
            cost_usd=self.cost_usd,
            unpriced_calls=self.unpriced_calls,
            price_source=self.prices.source,
            charged=charges.items,
            overheads={name: each for name, each in overheads.items() if each != RouteSum()},
            maybe_paid_calls=len(most),
            maybe_paid_usd=known_sum_usd(most),
        )


OnProgress = Callable[[Tally], None]
"""Told the running sums after each call."""

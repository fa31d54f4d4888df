"""Sums while a run goes on, and the ledger at its end.

Does not know: what an answer means; counts calls, tokens and settled items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from packer.baseline import settle
from packer.prices import Prices
from packer.run.ask import Reply
from schemas.chat import Completion
from schemas.errors import RunError
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.protocols import TokenCounter
from schemas.result import Outcome, Route
from schemas.usage import Usage


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
        cost_usd: what the priced calls cost; None until one is.
        unpriced_calls: replies whose cost is not known.
        usage: tokens reported so far.
        model: the model that answered last, as the provider names it.
        counted_input_tokens: what our counter made of the metered prompts.
        metered_input_tokens: what the provider made of the same prompts.
        routes: calls and tokens by rung of the ladder.
    """

    items: int
    prices: Prices
    settled: int = 0
    failed: int = 0
    calls: int = 0
    failed_calls: int = 0
    unmetered_calls: int = 0
    pending: int = 0
    cost_usd: Decimal | None = None
    unpriced_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    counted_input_tokens: int = 0
    metered_input_tokens: int = 0
    routes: dict[str, RouteSum] = field(default_factory=dict)

    def note(self, outcome: Outcome, inputs: int) -> None:
        """Count inputs that have a result now."""
        self.settled += inputs * (outcome is not Outcome.PENDING)
        self.failed += inputs * (outcome is Outcome.FAILED)
        self.pending += inputs * (outcome is Outcome.PENDING)

    def book(self, route: Route | str, counted_tokens: int | None, reply: Reply) -> Decimal | None:
        """Add one attempt at a call.

        Args:
            route: the rung of the ladder, or the name of an overhead.
            counted_tokens: what our counter made of the prompt; None leaves the comparison out.
            reply: what came back.

        Returns:
            What it cost; None when that is not known.
        """
        self.calls += 1
        before = self.routes.get(route, RouteSum())
        spent = reply.usage if isinstance(reply, Completion) else Usage()
        self.routes[str(route)] = RouteSum(before.calls + 1, before.usage.plus_known(spent))
        if not isinstance(reply, Completion):
            self.failed_calls += 1
            return None
        self.model = reply.model or self.model
        if spent.input_tokens is not None and counted_tokens is not None:
            self.counted_input_tokens += counted_tokens
            self.metered_input_tokens += spent.input_tokens
        if spent.input_tokens is None or spent.output_tokens is None:
            self.unmetered_calls += 1
        self.usage = self.usage.plus_known(spent)
        cost_usd = self.prices.cost_usd(spent)
        if cost_usd is None:
            self.unpriced_calls += 1
        else:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost_usd
        return cost_usd

    def told(self) -> dict[str, int]:
        """The sums that a trace shows."""
        return {
            "packsplit.settled": self.settled,
            "packsplit.failed": self.failed,
            "packsplit.pending": self.pending,
            "packsplit.calls": self.calls,
            "packsplit.failed_calls": self.failed_calls,
        }

    def ledger(self, planned: Baseline, answers: Sequence[object], counter: TokenCounter) -> Ledger:
        """Close the books.

        Args:
            planned: one call per item, as predicted before the run.
            answers: accepted answers as JSON, one per item that was asked.
            counter: the run's counter.
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
        return Ledger(
            self.calls,
            self.failed_calls,
            self.unmetered_calls,
            self.usage,
            baseline,
            dict(self.routes),
            cost_usd=self.cost_usd,
            unpriced_calls=self.unpriced_calls,
            price_source=self.prices.source,
        )

"""Sums while a run goes on, and the ledger at its end.

Does not know: what an answer means; counts calls, tokens and settled items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from packer.baseline import settle
from packer.compare import Spent
from packer.pacing import Need
from packer.prices import Prices
from packer.run.ask import Reply
from packer.run.charges import Charges
from schemas.chat import Completion
from schemas.errors import RunError
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.protocols import TokenCounter
from schemas.result import Outcome
from schemas.usage import Usage, known_sum_usd, plus_known_usd


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
        counted_input_tokens: what we expected of the metered prompts.
        metered_input_tokens: what the provider made of the same prompts.
        routes: calls, tokens and money by rung of the ladder.
        spent: the same by group, apart for items that were asked alone to measure with.
        maybe_paid: the most that each call without a reply can have used.
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
    spent: dict[tuple[str | None, bool], Spent] = field(default_factory=dict)
    maybe_paid: list[Need] = field(default_factory=list)

    def note(self, outcome: Outcome, inputs: int) -> None:
        """Count inputs that have a result now."""
        self.settled += inputs * (outcome is not Outcome.PENDING)
        self.failed += inputs * (outcome is Outcome.FAILED)
        self.pending += inputs * (outcome is Outcome.PENDING)

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
        usage = reply.usage if isinstance(reply, Completion) else Usage()
        metered = None not in (usage.input_tokens, usage.output_tokens)
        self.routes[route] = self.routes.get(route, RouteSum()).plus(RouteSum(1, usage, cost_usd))
        key = group, route == "baseline"
        answered = isinstance(reply, Completion)
        self.spent[key] = self.spent.get(key, Spent()).plus(
            Spent(
                calls=1,
                usage=usage,
                unmetered_calls=answered and not metered,
                cost_usd=cost_usd,
                unpriced_calls=answered and cost_usd is None,
                call_s=took_s,
            )
        )
        if not isinstance(reply, Completion):
            self.failed_calls += 1
            if reply.status is None and need is not None:
                self.maybe_paid.append(need)
            return
        self.model = reply.model or self.model
        if usage.input_tokens is not None and counted_tokens is not None:
            self.counted_input_tokens += counted_tokens
            self.metered_input_tokens += usage.input_tokens
        self.unmetered_calls += not metered
        self.usage = self.usage.plus_known(usage)
        self.unpriced_calls += cost_usd is None
        self.cost_usd = plus_known_usd(self.cost_usd, cost_usd)

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
            dict(self.routes),
            cost_usd=self.cost_usd,
            unpriced_calls=self.unpriced_calls,
            price_source=self.prices.source,
            charged=charges.items,
            overheads={name: each for name, each in overheads.items() if each != RouteSum()},
            maybe_paid_calls=len(most),
            maybe_paid_usd=known_sum_usd(most),
        )

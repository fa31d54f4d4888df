"""Sums while a run goes on, and the ledger at its end.

Does not know: what an answer means; counts calls, tokens and settled items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from packer.baseline import settle
from packer.run.ask import Reply
from schemas.chat import Completion
from schemas.errors import RunError
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.pack import Slot
from schemas.protocols import TokenCounter
from schemas.result import Route
from schemas.usage import Usage


@dataclass(slots=True)
class Tally:
    """Running sums of one run; the same object is updated and shown as progress.

    Attributes:
        items: inputs in all.
        settled: inputs that have a result.
        failed: of those, the ones without a value.
        calls: calls that came back, with a reply or an error.
        failed_calls: of those, the errors.
        unmetered_calls: replies without reported usage.
        usage: tokens reported so far.
        model: the model that answered last, as the provider names it.
        pack_fixed_tokens: counted prompt tokens of a pack without its items.
        single_fixed_tokens: counted prompt tokens of a single call without its item.
        counted_input_tokens: what our counter made of the metered prompts.
        metered_input_tokens: what the provider made of the same prompts.
        routes: calls and tokens by rung of the ladder.
    """

    items: int
    settled: int = 0
    failed: int = 0
    calls: int = 0
    failed_calls: int = 0
    unmetered_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    pack_fixed_tokens: int = 0
    single_fixed_tokens: int = 0
    counted_input_tokens: int = 0
    metered_input_tokens: int = 0
    routes: dict[str, RouteSum] = field(default_factory=dict)

    def book(self, route: Route, slots: Sequence[Slot], reply: Reply) -> None:
        """Add one call."""
        self.calls += 1
        before = self.routes.get(route, RouteSum())
        spent = reply.usage if isinstance(reply, Completion) else Usage()
        self.routes[str(route)] = RouteSum(before.calls + 1, before.usage.plus_known(spent))
        if not isinstance(reply, Completion):
            self.failed_calls += 1
            return
        self.model = reply.model or self.model
        if spent.input_tokens is not None:
            fixed = self.single_fixed_tokens if route is Route.SINGLE else self.pack_fixed_tokens
            self.counted_input_tokens += fixed + sum(slot.size_tokens for slot in slots)
            self.metered_input_tokens += spent.input_tokens
        if spent.input_tokens is None or spent.output_tokens is None:
            self.unmetered_calls += 1
        self.usage = self.usage.plus_known(spent)

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
            self.calls, self.failed_calls, self.unmetered_calls, self.usage, baseline, dict(self.routes)
        )

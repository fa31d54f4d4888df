"""Who pays for a call: its items by their size; for a canary's seat, an audit or a trial the run.

What items are charged and what the run bears sum to the calls, to the token and to the last digit of
the money. Does not know: prices, or why a call was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from packer.run.ask import Reply
from schemas.chat import Completion
from schemas.ledger import RouteSum
from schemas.result import Verdict
from schemas.usage import Usage, share_out_usd

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """One seat's part of a call.

    Attributes:
        usage: tokens; a field is None when not reported.
        cost_usd: money; None when not known.
        metered: False for a reply without reported tokens.
    """

    usage: Usage
    cost_usd: Decimal | None
    metered: bool


@dataclass(slots=True)
class Charges:
    """Sums of one run.

    Attributes:
        items: what items were charged.
        overheads: what no item is charged for, by name: canaries' seats, audits, trials of sizes.
    """

    items: RouteSum = field(default_factory=RouteSum)
    overheads: dict[str, RouteSum] = field(default_factory=dict)

    def borne(self, name: str, usage: Usage, cost_usd: Decimal | None) -> None:
        """Let the run bear tokens and money."""
        self.overheads[name] = self.overheads.get(name, RouteSum()).plus(RouteSum(0, usage, cost_usd))

    def shared(
        self, verdicts: Sequence[Verdict[T]], reply: Reply, cost_usd: Decimal | None
    ) -> Iterator[tuple[Share, Verdict[T]]]:
        """Share a call among its seats; gives each item's share with its verdict."""
        usage = reply.usage if isinstance(reply, Completion) else Usage()
        metered = not isinstance(reply, Completion) or None not in (usage.input_tokens, usage.output_tokens)
        weights = [verdict.slot.size_tokens for verdict in verdicts]
        amounts = zip(usage.shares(weights), share_out_usd(cost_usd, weights), verdicts, strict=True)
        planted = any(verdict.slot.canary is not None for verdict in verdicts)
        if not planted:  # shares sum to the whole, so the whole will do
            self.items = self.items.plus(RouteSum(0, usage, cost_usd))
        for tokens, usd, verdict in amounts:
            if verdict.slot.canary is not None:
                self.borne("canary", tokens, usd)
                continue
            if planted:
                self.items = self.items.plus(RouteSum(0, tokens, usd))
            yield Share(tokens, usd, metered), verdict

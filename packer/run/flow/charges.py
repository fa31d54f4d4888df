"""Who pays for a call: its items by their size; for a canary's seat, an audit or a trial the run.

What items are charged and what the run bears sum to the calls, to the token and to the last digit of
the money. Does not know: prices, or why a call was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from packer.run.flow.ask import Reply
from packer.run.flow.sums import Sum
from schemas.chat import Completion
from schemas.ledger import RouteSum
from schemas.usage import Usage, share_out_usd
from schemas.verdict import Verdict

T = TypeVar("T")

UNKNOWN = Usage()
"""Of a call that brought no reply."""


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
    """Sums of one run."""

    _items: Sum = field(default_factory=Sum)
    _overheads: dict[str, Sum] = field(default_factory=dict)

    @property
    def items(self) -> RouteSum:
        """What items were charged."""
        return self._items.total

    @property
    def overheads(self) -> dict[str, RouteSum]:
        """What no item is charged for, by name: canaries' seats, audits, trials of sizes."""
        return {name: each.total for name, each in self._overheads.items()}

    def borne(self, name: str, usage: Usage, cost_usd: Decimal | None) -> None:
        """Let the run bear tokens and money."""
        self._overheads.setdefault(name, Sum()).add(usage, cost_usd)

    def whole(self, usage: Usage, cost_usd: Decimal | None) -> None:
        """Let a call's items pay for all of it: their shares sum to the whole."""
        self._items.add(usage, cost_usd)

    def shared(
        self, verdicts: Sequence[Verdict[T]], reply: Reply, cost_usd: Decimal | None
    ) -> list[tuple[Share, Verdict[T]]]:
        """Share a call among its seats; gives each item's share with its verdict."""
        usage = reply.usage if isinstance(reply, Completion) else UNKNOWN
        metered = is_metered(reply)
        weights = [verdict.slot.size_tokens for verdict in verdicts]
        planted = any(verdict.slot.canary is not None for verdict in verdicts)
        if not planted:  # shares sum to the whole, so the whole will do
            self._items.add(usage, cost_usd)
        shares: list[tuple[Share, Verdict[T]]] = []
        made: dict[tuple[int, Decimal | None], Share] = {}
        amounts = zip(usage.shares(weights), share_out_usd(cost_usd, weights), verdicts, strict=True)
        for tokens, usd, verdict in amounts:
            if planted:
                if verdict.slot.canary is not None:
                    self.borne("canary", tokens, usd)
                    continue
                self._items.add(tokens, usd)
            # Equal shares of tokens are one object, so they can share more.
            key = id(tokens), usd
            if (share := made.get(key)) is None:
                share = made[key] = Share(tokens, usd, metered)
            shares.append((share, verdict))
        return shares


def is_metered(reply: Reply) -> bool:
    """False for a reply without reported tokens."""
    if not isinstance(reply, Completion):
        return True
    return reply.usage.input_tokens is not None and reply.usage.output_tokens is not None

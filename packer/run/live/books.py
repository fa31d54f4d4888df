"""The books of one run's calls: what each may use, what is reserved for it, and what it took in the end.

Live calls, lines of batch jobs, and calls that a run's file tells of are all entered here, so that a run that
is taken up again has the same sums. Does not know: how a call is made, or what its reply leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from packer.pacing import Need
from packer.run.flow.ask import Ask, Reply
from packer.run.live.needs import Needs
from packer.run.live.spending import Spending
from packer.run.live.tally import Tally
from schemas.chat import Completion

T = TypeVar("T")

_NOTHING = Decimal(0)


@dataclass(slots=True)
class Books:
    """The books.

    Attributes:
        needs: what a call can use; learns from what calls took.
        spending: what the run may use up.
        tally: the running sums.
    """

    needs: Needs
    spending: Spending
    tally: Tally

    def cost_usd(self, reply: Reply) -> Decimal | None:
        """What a reply cost; None when not known, as of an error."""
        return self.tally.prices.cost_usd(reply.usage) if isinstance(reply, Completion) else None

    def back(
        self,
        ask: Ask[T],
        reply: Reply,
        cost_usd: Decimal | None,
        need: Need,
        reserved_usd: Decimal,
        *,
        counted: int | None = None,
        took_s: float = 0.0,
    ) -> None:
        """A call is over: its reply is there, the error that came instead, or nothing ever will be.

        Args:
            ask: what was asked.
            reply: what came back.
            cost_usd: what it cost; None when not known.
            need: the most it can have used.
            reserved_usd: what ``spending`` has reserved for it.
            counted: what ``needs.counted`` says of it; None works it out.
            took_s: seconds until the reply.
        """
        self.tally.book(
            ask.booked,
            reply,
            cost_usd,
            counted_tokens=self.needs.expected(ask, counted),
            need=need,
            took_s=took_s,
            group=ask.group,
        )
        if isinstance(reply, Completion):
            self.needs.learn(ask, reply.usage, counted)
        elif reply.status is not None:
            cost_usd = _NOTHING  # answered without a model's work; a call without a status may have cost all
        self.spending.settle(reserved_usd, cost_usd)

    def probed(self, reply: Reply, cost_usd: Decimal | None, need: Need) -> None:
        """A call that found out what the server can be held to is over; arguments as for ``back``."""
        self.tally.book("probe", reply, cost_usd, need=need)
        self.spending.settle(self.spending.enter(need), cost_usd)

    def voided(self, reserved_usd: Decimal) -> None:
        """A call that was entered was never made."""
        self.spending.settle(reserved_usd, _NOTHING)
        self.spending.calls -= 1

"""Calls that no item needs: trials of pack sizes, and audits that hold packed answers against single ones.

The run bears what they cost. Does not know: which rung an item is on, or what a trial or an audit leads to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask, Purpose, Reply, Rules, all_rejected, hopeless
from packer.run.flow.auditing import Auditing, Held
from packer.run.flow.charges import UNKNOWN, Charges
from packer.run.flow.story import Open
from packer.run.flow.trying import AGAIN, Trying
from packer.seat import alone
from schemas.chat import Completion
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.verdict import Split, Verdict
from splitter import split

T = TypeVar("T")


@dataclass(slots=True)
class Asides(Generic[T]):
    """Reads the replies of such calls.

    Attributes:
        rules: of the run.
        charges: who pays.
        auditing: says which answers are held against a single one.
        asking: makes an ask that asks one item alone.
        trying: the trial of sizes; None without one.
        due: audits that are to be asked next.
    """

    rules: Rules
    charges: Charges
    auditing: Auditing[T]
    asking: Callable[[Pack[T], Purpose], Ask[T]]
    trying: Trying[T] | None = None
    due: list[Ask[T]] = field(default_factory=list)

    def split(self, ask: Ask[T], reply: Reply) -> Split[T]:
        """Take a reply apart; an error instead of one rejects all its items."""
        if isinstance(reply, Completion):
            return split(ask.pack, reply, guard=self.rules.guard)
        return all_rejected(ask.pack, reply)

    def note(self, ask: Ask[T], verdicts: tuple[Verdict[T], ...]) -> None:
        """Show the trial an item's own single answer."""
        if ask.purpose == "calibration" and self.trying is not None:
            self.trying.note(ask, verdicts)

    def look(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None) -> None:
        """Read a reply of the trial that no item depends on."""
        self._bear(ask, reply, cost_usd)
        if not hopeless(reply):
            self.note(ask, self.split(ask, reply).verdicts)

    def hold(self, each: Open[T], held: Held[T], pack: Pack[T]) -> None:
        """Let an answer from this call wait for a single one, which is due now."""
        each.held = held
        made = alone(each.task, each.item, each.tokens, self.rules.layout)
        if made.id in (
            pack.id,
            held.result.call,
        ):  # asked in these words just now: another call, another name
            made = replace(made, id=f"audit:{each.item.id}")
        self.due.append(self.asking(made, "audit"))
        if held.twice and self.rules.rounds:
            held.asked = 2
            self.due.append(self._again(each))

    def _again(self, each: Open[T]) -> Ask[T]:
        made = alone(each.task, each.item, each.tokens, self.rules.layout)
        return self.asking(replace(made, id=f"{AGAIN}{each.item.id}"), "audit")

    def compare(
        self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None, each: Open[T]
    ) -> ItemResult[T] | None:
        """Read a single answer to a packed item; gives back its result, unless a second one is due first."""
        self._bear(ask, reply, cost_usd)
        held = each.held
        assert held is not None  # noqa: S101  # only such items are audited
        if hopeless(reply):
            return None
        (verdict,) = self.split(ask, reply).verdicts
        held.asked -= 1
        if ask.pack.id.startswith(AGAIN):
            held.again = verdict
        else:
            held.alone = verdict
            if held.twice and verdict.accepted and held.again is None and not held.asked:
                held.asked = 1
                self.due.append(self._again(each))
        if held.asked:
            return None
        return self.auditing.compared(held, each.item.text, held.alone, held.again, ask.pack.id)

    def _bear(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None) -> None:
        usage = reply.usage if isinstance(reply, Completion) else UNKNOWN
        self.charges.borne(ask.purpose, usage, cost_usd)

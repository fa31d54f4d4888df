"""The items of a run that have no result yet, and what a call's verdicts make of each of them.

An item is settled, rejected, looked at again among other neighbours, or held against a single answer first.
Does not know: how a reply is read, or which call comes next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from packer.run.flow.asides import Asides
from packer.run.flow.ask import Ask, Reply, Rules
from packer.run.flow.charges import is_metered
from packer.run.flow.story import Open
from schemas.accepted import accepted_result, accepted_results
from schemas.chat import Completion
from schemas.errors import NotSent
from schemas.item import ItemId
from schemas.pack import Pack, Slot
from schemas.result import ItemResult
from schemas.route import Route
from schemas.signal import Action, Signal, SignalKind, Trust
from schemas.verdict import Fault, Reason, Split, Verdict
from schemas.written import answer_written

T = TypeVar("T")

# Looked up once: a member of an enum costs more to find than to compare.
_DOUBTFUL = Trust.DOUBTFUL


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """What a call's verdicts made of its items.

    Attributes:
        settled: results; those held against a single answer come later.
        bad: whose answer could not be used.
        again: whose doubtful answer is to be confirmed among other neighbours.
    """

    settled: list[ItemResult[T]] = field(default_factory=list)
    bad: list[Open[T]] = field(default_factory=list)
    again: list[Open[T]] = field(default_factory=list)


class Settling(Generic[T]):
    """The open items of one run."""

    def __init__(self, rules: Rules, asides: Asides[T]) -> None:
        """Nobody is open yet.

        Args:
            rules: what the run allows.
            asides: holds answers against single ones, and knows who pays.
        """
        self._rules = rules
        self._planted = bool(rules.guard.canaries)
        self._asides = asides
        self._auditing = asides.auditing
        self._charges = asides.charges
        self._open: dict[ItemId, Open[T]] = {}
        self._fresh: dict[str, Pack[T]] = {}

    def enter(self, pack: Pack[T]) -> None:
        """Open the items of a pack."""
        # Most items are settled by their first call: a story begins where there is something to tell.
        self._fresh[pack.id] = pack

    def begin(self, slot: Slot, pack: Pack[T]) -> Open[T]:
        """Begin an item's story."""
        each = self._open[slot.item.id] = Open(slot.item, pack.task, slot.text_tokens)
        return each

    def reopen(self, slot: Slot, pack: Pack[T], result: ItemResult[T], why: str) -> Open[T]:
        """Take an item back that was settled by this call, with what it has cost so far."""
        each = self.begin(slot, pack)
        each.most_items, each.repacks = max(1, len(pack.asked) // 2), 1
        each.attempts, each.usage, each.unmetered = result.attempts, result.usage, result.unmetered_attempts
        each.cost_usd, each.signals = result.cost_usd, result.signals
        each.reason = Reason(Fault.REJECTED, why)
        return each

    def of(self, item_id: ItemId) -> Open[T]:
        """The story of an open item.

        Raises:
            KeyError: it has none.
        """
        return self._open[item_id]

    def close(self, each: Open[T], result: ItemResult[T]) -> ItemResult[T]:
        """An item has its result, which is given back."""
        del self._open[each.item.id]
        return result

    def abandon(self, why: str) -> tuple[ItemResult[T], ...]:
        """Give back everything that is open as pending; a doubtful answer is still an answer."""
        for pack in self._fresh.values():
            for slot in pack.asked:
                self.begin(slot, pack)
        self._fresh.clear()
        for each in self._open.values():
            each.reason = Reason(Fault.STOPPED, f"the run was stopped before this item was settled: {why}")
        return tuple(self.close(each, each.pending()) for each in list(self._open.values()))

    def plainly_good(
        self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None, done: Split[T]
    ) -> list[ItemResult[T]] | None:
        """The results of a call whose items were never asked before and all are settled now; None otherwise.

        This is what ``book`` comes to for them, a call at a time: most calls of a run are of this kind.
        """
        pack, route, verdicts = ask.pack, ask.route, done.verdicts
        if pack.id not in self._fresh or self._planted or not isinstance(reply, Completion):
            return None
        for verdict in verdicts:
            if verdict.reason is not None or verdict.trust is _DOUBTFUL:
                return None
        auditing = self._auditing
        if auditing.covers(route, pack):
            if route is not auditing.own:
                return None
            chosen = auditing.chosen
            if chosen and not chosen.keys().isdisjoint([each.slot.item.id for each in verdicts]):
                return None
            auditing.shared += len(verdicts)
        del self._fresh[pack.id]
        self._charges.whole(reply.usage, cost_usd)
        return accepted_results(verdicts, route, pack.id, reply.usage, cost_usd, metered=is_metered(reply))

    def book(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None, done: Split[T]) -> Made[T]:
        """Enter a call into its items' stories, and settle who can be settled."""
        made: Made[T] = Made()
        pack, route = ask.pack, ask.route
        call = pack.id
        fresh = self._fresh.pop(call, None) is not None
        auditing = self._auditing
        audited = auditing.covers(route, pack)
        doubts = self._wants_second_look(ask)
        chosen, is_late, passed = auditing.chosen, route is not auditing.own, 0
        for share, verdict in self._charges.shared(done.verdicts, reply, cost_usd):
            looks_again = doubts and verdict.trust is _DOUBTFUL
            if fresh and verdict.reason is None and not looks_again:
                result = accepted_result(
                    verdict,
                    route,
                    call,
                    verdict.trust,
                    verdict.signals,
                    1,
                    share.usage,
                    0 if share.metered else 1,
                    share.cost_usd,
                )
                # Most answers cannot be drawn; a look at why is cheaper than to ask for each.
                if not audited or not (is_late or verdict.trust is _DOUBTFUL or result.item_id in chosen):
                    made.settled.append(result)
                    passed += 1
                elif (held := auditing.drawn(result, pack)) is None:
                    made.settled.append(result)
                else:
                    self._asides.hold(self.begin(verdict.slot, pack), held, pack)
                continue
            each = self.begin(verdict.slot, pack) if fresh else self._open[verdict.slot.item.id]
            if not isinstance(reply, NotSent):
                each.charge(share.usage, share.cost_usd, metered=share.metered)
            each.signals += verdict.signals
            each.reason = verdict.reason
            if not verdict.accepted:
                made.bad.append(each)
            elif each.earlier is not None:
                self._second(ask, each, verdict, each.earlier, made)
            elif looks_again:
                each.earlier, each.earlier_call = verdict, call
                made.again.append(each)
            else:
                self._settle(each, each.accepted(verdict, route, call), ask, made)
        if audited:
            auditing.shared += passed
        return made

    def _wants_second_look(self, ask: Ask[T]) -> bool:
        """Whether doubtful answers of this call are asked for again, among other neighbours."""
        return self._rules.guard.second_look and ask.route is Route.PACK and len(ask.pack.asked) > 1

    def _second(
        self, ask: Ask[T], each: Open[T], verdict: Verdict[T], earlier: Verdict[T], made: Made[T]
    ) -> None:
        """Two answers among different neighbours: equal ones confirm, different ones are both dropped."""
        before = earlier.value
        each.earlier = None
        output = each.task.output
        if answer_written(output, verdict.value) == answer_written(output, before):
            confirmed = each.accepted(verdict, ask.route, ask.pack.id, Trust.CONFIRMED)
            self._settle(each, confirmed, ask, made)
            return
        told = f"other neighbours, another answer: {str(before)[:40]!r}, then {str(verdict.value)[:40]!r}"
        signal = Signal(SignalKind.SECOND_LOOK, told, 0.9, items=(each.item.id,))
        each.signals += (signal,)
        if ask.route is Route.SINGLE or self._rules.guard.action(signal) is not Action.REJECT:
            trust = verdict.trust if ask.route is Route.SINGLE else Trust.DOUBTFUL
            self._settle(each, each.accepted(verdict, ask.route, ask.pack.id, trust), ask, made)
            return
        each.reason = Reason(Fault.BLEED, told)
        made.bad.append(each)

    def _settle(self, each: Open[T], result: ItemResult[T], ask: Ask[T], made: Made[T]) -> None:
        """Close an item with an answer from this call, unless it is to be held against a single one first."""
        auditing = self._auditing
        held = auditing.drawn(result, ask.pack) if auditing.covers(ask.route, ask.pack) else None
        if held is None:
            made.settled.append(self.close(each, result))
        else:
            self._asides.hold(each, held, ask.pack)

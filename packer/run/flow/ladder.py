"""The life of all packs of a run, without I/O: asks go out, replies come in, settled items come out.

Any driver can drive it, as live calls, batch jobs or a replay: ``first`` opens a pack, ``take`` reads one
reply and gives back what is settled and what is to be asked next, ``drain`` says what is left to ask
when nothing is under way. Does not know: clients, time, or which rung comes after a rejection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Generic, TypeVar

from packer.render import render
from packer.run.flow.asides import Asides
from packer.run.flow.ask import Ask, Purpose, Reply, Rules, Step, hopeless
from packer.run.flow.auditing import Auditing
from packer.run.flow.charges import Charges, is_metered
from packer.run.flow.descent import Descent
from packer.run.flow.gallery import Gallery
from packer.run.flow.sizing import Sizing
from packer.run.flow.story import Open
from packer.run.flow.talks import Talks
from packer.seat import seat
from schemas.accepted import accepted_result, accepted_results
from schemas.chat import Completion
from schemas.errors import GuardStop, NotSent
from schemas.item import Item, ItemId
from schemas.pack import Pack, Slot
from schemas.result import (
    Fault,
    ItemResult,
    Reason,
    Route,
    Split,
    Verdict,
)
from schemas.signal import Action, Signal, SignalKind, Trust
from schemas.task import Task
from schemas.written import answer_written

T = TypeVar("T")

# Looked up once: a member of an enum costs more to find than to compare.
_DOUBTFUL = Trust.DOUBTFUL
_PACK = Route.PACK


class Ladder(Generic[T]):
    """All items of a run that are not settled yet, and what comes next for each."""

    def __init__(
        self,
        rules: Rules,
        auditing: Auditing[T],
        *,
        route: Route = Route.PACK,
        packs: dict[str, Pack[T]] | None = None,
    ) -> None:
        """Open the books.

        Args:
            rules: what the run allows.
            auditing: says which answers are held against a single one.
            route: the rung on which packs start; ``single`` for packs that ask one item alone.
            packs: where all packs are noted by name, for a reviewer; None notes none.
        """
        self._packs = packs
        self.stop: GuardStop | None = None
        self._rules = rules
        self._planted = bool(rules.guard.canaries)
        self._route = route
        self._open: dict[ItemId, Open[T]] = {}
        self._fresh: dict[str, Pack[T]] = {}
        self._named = 0
        self._talks: Talks[T] = Talks(rules, self._name, self._noted)
        self._descent: Descent[T] = Descent(rules, self._talks, self._ask, self.seated, self._name)
        self.auditing = auditing
        self.sizing = Sizing(rules.allowance.room.items)
        self.gallery = Gallery(rules.seed)
        self.reply_signals: Counter[SignalKind] = Counter()
        self.charges = Charges()
        self.asides: Asides[T] = Asides(rules, self.charges, auditing, self._aside)

    def first(self, pack: Pack[T], route: Route | None = None, *, purpose: Purpose = "") -> Ask[T]:
        """Open a pack of the plan, on the rung where the run's packs start unless another is named."""
        self.enter(pack)
        return self._ask(pack, route or self._route, purpose=purpose)

    def tried(self, pack: Pack[T], route: Route, settles: bool) -> Ask[T]:
        """An ask of the trial of sizes; one that settles asks an item of the run alone."""
        if settles:
            self.enter(pack)
        return self._ask(pack, route, purpose="calibration", settles=settles)

    def seated(self, name: str, task: Task[T], members: Sequence[tuple[Item, int]]) -> Pack[T]:
        """A pack by the run's rules."""
        rules = self._rules
        canaries = rules.guard.canaries
        return seat(name, task, members, rules.layout, rules.seed, rules.markers, canaries=canaries)

    def converse(self, packs: Sequence[Pack[T]]) -> Ask[T]:
        """Open single items as one session in their own words: ``strategy="session"``."""
        return self._talks.begin([self._begun(pack.slots[0], pack) for pack in packs])

    def take(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None = None) -> Step[T]:
        """Read a reply: settle what is good or hopeless, and find the next rung for the rest.

        Args:
            ask: what was asked.
            reply: what came back.
            cost_usd: what it cost; None when not known.
        """
        if ask.purpose == "audit":
            return self._audited(ask, reply, cost_usd)
        if not ask.settles:
            self.asides.look(ask, reply, cost_usd)
            return Step()
        settled: list[ItemResult[T]] = []
        done = self.asides.split(ask, reply)
        if done.stop is not None and self.stop is None:
            self.stop = GuardStop(done.stop.detail)
        if done.signals:
            self.reply_signals.update({signal.kind for signal in done.signals})
        members = len(ask.pack.asked) if self._planted else len(ask.pack.slots)
        if ask.route is _PACK:
            self.gallery.note(ask.pack, done, members)
            self.sizing.note(members, done)
        if ask.purpose:
            self.asides.note(ask, done.verdicts)
        plain = self._plainly_good(ask, reply, cost_usd, done)
        if plain is not None:
            return Step(tuple(plain), (*self._descent.ready(), *self._due()))
        bad, again = self._book(ask, reply, cost_usd, done, settled)
        asks: list[Ask[T]] = []
        # What no further call can mend stays open: the run ends, and ``abandon`` says so.
        if bad and not hopeless(reply):
            asks, lost = self._descent.down(ask, bad, whole_failed=done.whole_failed)
            settled += [self._closed(each, each.given_up(ask.route, ask.pack.id)) for each in lost]
        for each in again:
            each.most_items = max(1, members // 2)
        self._descent.wait(again)
        if ask.session is not None:
            asks += self._talks.following(ask, reply, answered=bool(done.accepted))
        asks += self._descent.ready()
        return Step(tuple(settled), (*asks, *self._due()))

    def _audited(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None) -> Step[T]:
        """A single answer to hold a packed one against; perhaps a second one is wanted."""
        each = self._open[ask.pack.slots[0].item.id]
        result = self.asides.compare(ask, reply, cost_usd, each)
        if self.auditing.collapsed and self.stop is None:
            self.stop = GuardStop(self.auditing.collapsed)
        return Step(() if result is None else (self._closed(each, result),), tuple(self._due()))

    def _due(self) -> list[Ask[T]]:
        due, self.asides.due = self.asides.due, []
        return due

    def drain(self) -> tuple[Ask[T], ...]:
        """What is left to ask when nothing is under way; empty when every item is settled."""
        return self._descent.drain()

    def reopen(
        self, item: Item, tokens: int, task: Task[T], result: ItemResult[T], mates: int, why: str
    ) -> tuple[ItemResult[T], ...]:
        """Take a settled item back: its answer was rejected, or one of the same call's was.

        Gives it back as failed where no rung is left, so that rejections come to an end.

        Args:
            item: who.
            tokens: of its text.
            task: what is asked.
            result: how it had been settled.
            mates: how many items its call held, itself included.
            why: in words.
        """
        each = Open(item, task, tokens, most_items=max(1, mates // 2), repacks=1)
        each.attempts, each.usage, each.unmetered = result.attempts, result.usage, result.unmetered_attempts
        each.cost_usd, each.signals = result.cost_usd, result.signals
        each.reason = Reason(Fault.REJECTED, why)
        self._open[item.id] = each
        if self._descent.again(each, result.route, result.call):
            return ()
        return (self._closed(each, each.given_up(result.route, result.call)),)

    def abandon(self, why: str) -> tuple[ItemResult[T], ...]:
        """Give back everything that is still open as pending; a doubtful answer is still an answer."""
        for pack in self._fresh.values():
            for slot in pack.asked:
                self._begun(slot, pack)
        self._fresh.clear()
        for each in self._open.values():
            each.reason = Reason(Fault.STOPPED, f"the run was stopped before this item was settled: {why}")
        return tuple(self._closed(each, each.pending()) for each in list(self._open.values()))

    def enter(self, pack: Pack[T]) -> None:
        """Open the items of a pack without asking yet."""
        # Most items are settled by their first call: a story begins where there is something to tell.
        self._fresh[pack.id] = pack

    def _begun(self, slot: Slot, pack: Pack[T]) -> Open[T]:
        each = self._open[slot.item.id] = Open(slot.item, pack.task, slot.text_tokens)
        return each

    def _plainly_good(
        self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None, done: Split[T]
    ) -> list[ItemResult[T]] | None:
        """The results of a call whose items were never asked before and all are settled now; None otherwise.

        This is what ``_book`` comes to for them, a call at a time: most calls of a run are of this kind.
        """
        pack, route, verdicts = ask.pack, ask.route, done.verdicts
        if pack.id not in self._fresh or self._planted or not isinstance(reply, Completion):
            return None
        for verdict in verdicts:
            if verdict.reason is not None or verdict.trust is _DOUBTFUL:
                return None
        audited = self.auditing.covers(route, pack)
        if audited:
            if route is not self.auditing.own:
                return None
            chosen = self.auditing.chosen
            if chosen and not chosen.keys().isdisjoint([each.slot.item.id for each in verdicts]):
                return None
            self.auditing.shared += len(verdicts)
        del self._fresh[pack.id]
        self.charges.whole(reply.usage, cost_usd)
        return accepted_results(verdicts, route, pack.id, reply.usage, cost_usd, metered=is_metered(reply))

    def _book(
        self,
        ask: Ask[T],
        reply: Reply,
        cost_usd: Decimal | None,
        done: Split[T],
        settled: list[ItemResult[T]],
    ) -> tuple[list[Open[T]], list[Open[T]]]:
        """Enter the call into its items' stories; give back the rejected and those to be looked at again."""
        bad: list[Open[T]] = []
        again: list[Open[T]] = []
        pack, route = ask.pack, ask.route
        call = pack.id
        fresh = self._fresh.pop(call, None) is not None
        audited = self.auditing.covers(route, pack)
        doubts = self._wants_second_look(ask)
        chosen, is_late, passed = self.auditing.chosen, route is not self.auditing.own, 0
        for share, verdict in self.charges.shared(done.verdicts, reply, cost_usd):
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
                    settled.append(result)
                    passed += 1
                elif (held := self.auditing.drawn(result, pack)) is None:
                    settled.append(result)
                else:
                    self.asides.hold(self._begun(verdict.slot, pack), held, pack)
                continue
            each = self._begun(verdict.slot, pack) if fresh else self._open[verdict.slot.item.id]
            if not isinstance(reply, NotSent):
                each.charge(share.usage, share.cost_usd, metered=share.metered)
            each.signals += verdict.signals
            each.reason = verdict.reason
            if not verdict.accepted:
                bad.append(each)
            elif each.earlier is not None:
                self._second(ask, each, verdict, settled, bad)
            elif looks_again:
                each.earlier, each.earlier_call = verdict, call
                again.append(each)
            else:
                settled += self._settle(each, each.accepted(verdict, route, call), ask)
        if audited:
            self.auditing.shared += passed
        return bad, again

    def _wants_second_look(self, ask: Ask[T]) -> bool:
        """Whether doubtful answers of this call are asked for again, among other neighbours."""
        return self._rules.guard.second_look and ask.route is Route.PACK and len(ask.pack.asked) > 1

    def _second(
        self,
        ask: Ask[T],
        each: Open[T],
        verdict: Verdict[T],
        settled: list[ItemResult[T]],
        bad: list[Open[T]],
    ) -> None:
        """Two answers among different neighbours: equal ones confirm, different ones are both dropped."""
        assert each.earlier is not None  # noqa: S101  # the caller has looked
        before = each.earlier.value
        each.earlier = None
        output = each.task.output
        if answer_written(output, verdict.value) == answer_written(output, before):
            confirmed = each.accepted(verdict, ask.route, ask.pack.id, Trust.CONFIRMED)
            settled += self._settle(each, confirmed, ask)
            return
        told = f"other neighbours, another answer: {str(before)[:40]!r}, then {str(verdict.value)[:40]!r}"
        signal = Signal(SignalKind.SECOND_LOOK, told, 0.9, items=(each.item.id,))
        each.signals += (signal,)
        if ask.route is Route.SINGLE or self._rules.guard.action(signal) is not Action.REJECT:
            trust = verdict.trust if ask.route is Route.SINGLE else Trust.DOUBTFUL
            settled += self._settle(each, each.accepted(verdict, ask.route, ask.pack.id, trust), ask)
            return
        each.reason = Reason(Fault.BLEED, told)
        bad.append(each)

    def _ask(self, pack: Pack[T], route: Route, *, purpose: Purpose = "", settles: bool = True) -> Ask[T]:
        cap = self._rules.allowance.max_output_tokens(len(pack.slots))
        self._noted(pack)
        prompt = render(pack, max_output_tokens=cap)
        return Ask(pack, prompt, route, purpose=purpose, settles=settles)

    def _aside(self, pack: Pack[T], purpose: Purpose) -> Ask[T]:
        return self._ask(pack, Route.SINGLE, purpose=purpose)

    def _noted(self, pack: Pack[T]) -> None:
        if self._packs is not None:
            self._packs[pack.id] = pack

    def _name(self, kind: str) -> str:
        self._named += 1
        return f"{kind}{self._named}"

    def _settle(self, each: Open[T], result: ItemResult[T], ask: Ask[T]) -> tuple[ItemResult[T], ...]:
        """Close an item with an answer from this call, unless it is to be held against a single one first."""
        held = self.auditing.drawn(result, ask.pack) if self.auditing.covers(ask.route, ask.pack) else None
        if held is None:
            return (self._closed(each, result),)
        self.asides.hold(each, held, ask.pack)
        return ()

    def _closed(self, each: Open[T], result: ItemResult[T]) -> ItemResult[T]:
        del self._open[each.item.id]
        return result

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
from packer.run.flow.charges import Charges
from packer.run.flow.descent import Descent
from packer.run.flow.gallery import Gallery
from packer.run.flow.settling import Settling
from packer.run.flow.sizing import Sizing
from packer.run.flow.talks import Talks
from packer.seat import seat
from schemas.errors import GuardStop
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.result import ItemResult
from schemas.route import Route
from schemas.signal import SignalKind
from schemas.task import Task

T = TypeVar("T")

# Looked up once: a member of an enum costs more to find than to compare.
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
        self._named = 0
        self._talks: Talks[T] = Talks(rules, self._name, self._noted)
        self._descent: Descent[T] = Descent(rules, self._talks, self._ask, self.seated, self._name)
        self.auditing = auditing
        self.sizing = Sizing(rules.allowance.room.items)
        self.gallery = Gallery(rules.seed)
        self.reply_signals: Counter[SignalKind] = Counter()
        self.charges = Charges()
        self.asides: Asides[T] = Asides(rules, self.charges, auditing, self._aside)
        self._items: Settling[T] = Settling(rules, self.asides)

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
        return self._talks.begin([self._items.begin(pack.slots[0], pack) for pack in packs])

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
        plain = self._items.plainly_good(ask, reply, cost_usd, done)
        if plain is not None:
            return Step(tuple(plain), (*self._descent.ready(), *self._due()))
        made = self._items.book(ask, reply, cost_usd, done)
        settled, asks = made.settled, list[Ask[T]]()
        # What no further call can mend stays open: the run ends, and ``abandon`` says so.
        if made.bad and not hopeless(reply):
            asks, lost = self._descent.down(ask, made.bad, whole_failed=done.whole_failed)
            settled += [self._items.close(each, each.given_up(ask.route, ask.pack.id)) for each in lost]
        for each in made.again:
            each.most_items = max(1, members // 2)
        self._descent.wait(made.again)
        if ask.session is not None:
            asks += self._talks.following(ask, reply, answered=bool(done.accepted))
        asks += self._descent.ready()
        return Step(tuple(settled), (*asks, *self._due()))

    def _audited(self, ask: Ask[T], reply: Reply, cost_usd: Decimal | None) -> Step[T]:
        """A single answer to hold a packed one against; perhaps a second one is wanted."""
        each = self._items.of(ask.pack.slots[0].item.id)
        result = self.asides.compare(ask, reply, cost_usd, each)
        if self.auditing.collapsed and self.stop is None:
            self.stop = GuardStop(self.auditing.collapsed)
        return Step(() if result is None else (self._items.close(each, result),), tuple(self._due()))

    def _due(self) -> list[Ask[T]]:
        due, self.asides.due = self.asides.due, []
        return due

    def drain(self) -> tuple[Ask[T], ...]:
        """What is left to ask when nothing is under way; empty when every item is settled."""
        return self._descent.drain()

    def reopen(self, slot: Slot, pack: Pack[T], result: ItemResult[T], why: str) -> tuple[ItemResult[T], ...]:
        """Take a settled item back: its answer was rejected, or one of the same call's was.

        Gives it back as failed where no rung is left, so that rejections come to an end.

        Args:
            slot: where it sat.
            pack: the call that had settled it.
            result: how.
            why: in words.
        """
        each = self._items.reopen(slot, pack, result, why)
        if self._descent.again(each, result.route, result.call):
            return ()
        return (self._items.close(each, each.given_up(result.route, result.call)),)

    def abandon(self, why: str) -> tuple[ItemResult[T], ...]:
        """Give back everything that is still open as pending; a doubtful answer is still an answer."""
        return self._items.abandon(why)

    def enter(self, pack: Pack[T]) -> None:
        """Open the items of a pack without asking yet."""
        self._items.enter(pack)

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

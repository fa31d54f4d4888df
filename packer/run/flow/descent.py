"""What becomes of rejected items: the next rung for each, and where they wait until it is full.

Rejected items of different packs wait in one pool, so that a few bad answers in each of many packs cost a
few calls, not one each. Does not know: why an answer was rejected, or what a reply says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from packer.run.flow.ask import Ask, Rules
from packer.run.flow.pool import Pool, halves
from packer.run.flow.story import Open
from packer.run.flow.talks import SESSION_ITEMS, Talks
from packer.seat import alone
from schemas.item import Item
from schemas.pack import Pack
from schemas.route import Route
from schemas.task import Task
from splitter import escalate, last_rungs

T = TypeVar("T")


class Seating(Protocol[T]):
    """Makes a pack by the run's rules."""

    def __call__(self, name: str, task: Task[T], members: Sequence[tuple[Item, int]]) -> Pack[T]:
        """Seat items with the tokens of their texts."""
        ...


class Descent(Generic[T]):
    """The rungs below the first call of one run."""

    def __init__(
        self,
        rules: Rules,
        talks: Talks[T],
        asking: Callable[[Pack[T], Route], Ask[T]],
        seated: Seating[T],
        name: Callable[[str], str],
    ) -> None:
        """Nobody waits yet.

        Args:
            rules: what the run allows.
            talks: its sessions.
            asking: makes an ask of a pack.
            seated: makes a pack.
            name: gives a new call its name.
        """
        self._rules = rules
        self._talks = talks
        self._ask = asking
        self._seated = seated
        self._name = name
        self._pool: Pool[Open[T]] = Pool(rules.allowance.room.tokens, rules.markers.dearest)
        self._rejected: list[tuple[Open[T], str]] = []

    def down(
        self, ask: Ask[T], bad: Sequence[Open[T]], *, whole_failed: bool
    ) -> tuple[list[Ask[T]], Sequence[Open[T]]]:
        """One rung down for the rejected items of a call; gives back what to ask, and who is given up.

        Args:
            ask: the call.
            bad: whose answers in it could not be used.
            whole_failed: whether the reply as such failed.
        """
        fallback = self._rules.fallback
        if ask.purpose and fallback.session:
            # Asked alone first to measure with, it has not had the tries that the others get.
            self._talks.wait(bad)
            return [], ()
        if ask.route in (Route.SESSION, Route.SINGLE):
            need = last_rungs(ask.route, fallback)
        else:
            done = max(each.repacks for each in bad)
            need = escalate(len(ask.pack.asked), done, fallback, whole_failed=whole_failed)
        if need is None:
            return [], bad
        if need.route is Route.SINGLE:
            return [self._single(each, ask) for each in bad], ()
        if need.route is Route.SESSION:
            self._talks.wait(bad)
            return [], ()
        for each in bad:
            each.most_items = need.most_items
            each.repacks += need.mixed
        if not need.mixed:
            return self._grouped(halves(bad, need.most_items)), ()
        self.wait(bad)
        return [], ()

    def wait(self, items: Iterable[Open[T]]) -> None:
        """Let items wait for new neighbours."""
        for each in items:
            self._pool.add(each)

    def ready(self) -> list[Ask[T]]:
        """Whole groups, and whole sessions, of those who wait."""
        return [*self._grouped(self._pool.full_groups()), *self._talks.ready(SESSION_ITEMS)]

    def drain(self) -> tuple[Ask[T], ...]:
        """All who wait, in whatever groups there are."""
        asks = self._grouped(self._pool.rest())
        asks += self._talks.ready(1)
        for each, call in self._rejected:
            made = alone(each.task, each.item, each.tokens, self._rules.layout)
            if made.id == call:  # those very words were answered, and the answer rejected
                made = self._talks.worded_as_pack(self._name("single"), each)
            asks.append(self._ask(made, Route.SINGLE))
        self._rejected.clear()
        return tuple(asks)

    def again(self, each: Open[T], route: Route | None, call: str) -> bool:
        """Let an item wait whose settled answer a person rejected; False where no rung is left.

        Args:
            each: who.
            route: the kind of call that had settled it.
            call: names that call.
        """
        packed = route in (Route.PACK, Route.REPACK)
        if packed and self._rules.fallback.repacks:
            self._pool.add(each)
            return True
        need = last_rungs(None if packed else route, self._rules.fallback)
        if need is None:
            return False
        if need.route is Route.SESSION:
            self._talks.wait([each])
        else:
            self._rejected.append((each, call))
        return True

    def _grouped(self, groups: Sequence[Sequence[Open[T]]]) -> list[Ask[T]]:
        """A pack for each group; an item left alone goes on to the rung where items are asked alone."""
        asks = []
        for group in groups:
            if len(group) > 1:
                members = [(each.item, each.tokens) for each in group]
                made = self._seated(self._name("repack"), group[0].task, members)
                asks.append(self._ask(made, Route.REPACK))
            elif self._rules.fallback.session:
                self._talks.wait(group)
            else:
                asks.append(self._single(group[0], None))
        return asks

    def _single(self, each: Open[T], before: Ask[T] | None) -> Ask[T]:
        """Ask alone in a fresh call, never in the very words that have just failed."""
        if before is not None and self._talks.own_words(before):
            pack = self._talks.worded_as_pack(self._name("single"), each)
        else:
            pack = alone(each.task, each.item, each.tokens, self._rules.layout)
        return self._ask(pack, Route.SINGLE)

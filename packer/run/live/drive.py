"""The live driver: asks of one ladder, as many at once as the turnstile has lanes, until all is settled.

Memory is bounded by the calls in flight: an ask is opened only when there is room for its call. Does
not know: what is asked or why, or how a call is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask, Back, Later, hopeless
from packer.run.flow.ladder import Ladder
from packer.run.live.flights import Flights, Landed
from packer.run.live.halt import Halt
from packer.run.live.send import Sender
from schemas.errors import CallTimeout, CeilingReached, Interrupted, RunError
from schemas.pack import Pack
from schemas.result import ItemResult

T = TypeVar("T")

GRACE_S = 1.0
"""When someone asks the run to end, calls in flight get so long to come back."""


@dataclass(frozen=True, slots=True)
class _Doubt(Generic[T]):
    """A call that failed on its way, while it is open whether its prompt or the provider is to blame."""

    ask: Ask[T]
    back: Back
    at_s: float


@dataclass(slots=True)
class Driver(Generic[T]):
    """Drives one run.

    Attributes:
        sender: sends asks; knows when no further one may go.
        ladder: says what to ask.
        halt: someone's request to end.
        deadline_s: seconds the run may take; None for no end.
        read: is told whenever a reply has been read.
    """

    sender: Sender
    ladder: Ladder[T]
    halt: Halt = field(default_factory=Halt)
    deadline_s: float | None = None
    read: Callable[[], None] = lambda: None
    _drop_at_s: float | None = None
    _ends_at_s: float | None = None

    @property
    def stopped(self) -> RunError | None:
        """Why the run ends before everything is settled."""
        return self.sender.stop

    async def run(
        self,
        opening: Iterable[Ask[T]],
        *,
        ready: Iterable[Ask[T]] = (),
        arrived: Iterable[tuple[Ask[T], Back]] = (),
    ) -> AsyncGenerator[tuple[ItemResult[T], ...], None]:
        """Drive until everything is settled; yield results as they settle. May be called again for more.

        When the run ends early, what is open stays so: ``abandon`` gives it back.

        Args:
            opening: asks that are opened one by one, when there is room for the call.
            ready: asks that are open already.
            arrived: asks with their replies, which nobody has read yet.
        """
        opening = iter(opening)
        waiting = deque(ready)
        doubts: list[_Doubt[T]] = []
        flying: Flights[T] = Flights()
        halted = asyncio.create_task(self.halt.asked())
        halted.add_done_callback(lambda _: flying.ring())
        clock = asyncio.get_running_loop().time
        self._start_clock(clock())
        ends_at_s = self._ends_at_s
        try:
            for ask, back in arrived:
                if settled := self._take(ask, back, waiting):
                    yield settled
            while True:
                self._heed(halted, ends_at_s, clock())
                while self.stopped is None and len(flying) < self.sender.turnstile.lanes:
                    # While the provider seems down, try with a prompt that has not failed: it may be that.
                    opened = next(opening, None) if self.sender.circuit.is_open or not waiting else None
                    if opened is None and waiting:
                        opened = waiting.popleft()
                    if opened is None:
                        break
                    flying.send(opened, self.sender.send(opened))
                if not len(flying):
                    if self.stopped is None and (asks := self.ladder.drain()):
                        self.sender.journal.drained()
                        waiting.extend(asks)
                        continue
                    if self.stopped is None and doubts:
                        for doubt in self._last(doubts, waiting):
                            if settled := self._take(doubt.ask, doubt.back, waiting):
                                yield settled
                        continue
                    break
                if self.stopped is not None and self._drop_at_s is not None and clock() >= self._drop_at_s:
                    break
                until_s = min(
                    (each for each in (self._drop_at_s, ends_at_s) if each is not None), default=None
                )
                await flying.wait(until_s)
                for settled in self._returned(flying.back(), waiting, doubts):
                    yield settled
                for doubt in self._blamed(doubts, waiting):
                    if settled := self._take(doubt.ask, doubt.back, waiting):
                        yield settled
            if self.stopped is not None:
                # What has come back meanwhile was paid for.
                for settled in self._returned(flying.back(at_once=True), waiting, doubts):
                    yield settled
        finally:
            halted.cancel()
            await flying.drop()

    def abandon(self, packs: Iterable[Pack[T]]) -> Iterator[tuple[ItemResult[T], ...]]:
        """Give back as pending what the run ended too early for; ``packs`` are those never opened."""
        yield self.ladder.abandon(str(self.stopped))
        for pack in packs:
            self.ladder.enter(pack)
            yield self.ladder.abandon(str(self.stopped))

    def _returned(
        self, landed: Iterable[Landed[T]], ready: deque[Ask[T]], doubts: list[_Doubt[T]]
    ) -> Iterator[tuple[ItemResult[T], ...]]:
        """Read what has come back."""
        for ask, back in landed:
            if isinstance(back, Later):
                ready.appendleft(ask)
            elif self.sender.unclear(back.reply):
                doubts.append(_Doubt(ask, back, asyncio.get_running_loop().time()))
            elif settled := self._take(ask, back, ready):
                yield settled

    def _start_clock(self, now_s: float) -> None:
        """The run's time begins with the first call of ``run``, or began before."""
        if self._ends_at_s is None and self.deadline_s is not None:
            self._ends_at_s = now_s + self.deadline_s

    def _heed(self, halted: asyncio.Task[None], ends_at_s: float | None, now_s: float) -> None:
        """End when someone asked for it, or when the run's time is over."""
        if halted.done() and self._drop_at_s is None:
            self.sender.end(Interrupted(self.halt.why))
            self._drop_at_s = now_s + GRACE_S
        if ends_at_s is not None and now_s >= ends_at_s:
            self.sender.end(CeilingReached(f"the run's deadline (deadline_s={self.deadline_s:g}) is over"))
            self._drop_at_s = now_s

    def _take(self, ask: Ask[T], back: Back, ready: deque[Ask[T]]) -> tuple[ItemResult[T], ...]:
        if not hopeless(back.reply):  # a run that is taken up again asks these anew
            self.sender.journal.took(ask, back.reply)
        step = self.ladder.take(ask, back.reply, back.cost_usd)
        if self.ladder.stop is not None:
            self.sender.end(self.ladder.stop)
        self.read()
        ready.extend(step.asks)
        return step.settled

    def _blamed(self, doubts: list[_Doubt[T]], ready: deque[Ask[T]]) -> list[_Doubt[T]]:
        """Those that failed though a later one came through; all go back while the provider seems down."""
        if not doubts:
            return []
        circuit = self.sender.circuit
        if circuit.is_open:
            ready.extend(each.ask for each in doubts)
            doubts.clear()
        blamed = [each for each in doubts if each.at_s <= circuit.good_since_s]
        doubts[:] = [each for each in doubts if each.at_s > circuit.good_since_s]
        return blamed

    def _last(self, doubts: list[_Doubt[T]], ready: deque[Ask[T]]) -> list[_Doubt[T]]:
        """Nothing else is left that could tell: several failures are the provider's, one is its prompt's."""
        last, doubts[:] = list(doubts), []
        if len(last) > 1 and not any(isinstance(each.back.reply, CallTimeout) for each in last):
            ready.extend(each.ask for each in last)
            return []
        self.sender.circuit.forget()
        return last

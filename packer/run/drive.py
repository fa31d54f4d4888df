"""The live driver: asks of one ladder, as many at once as the turnstile has lanes, until all is settled.

Memory is bounded by the calls in flight: a pack is opened only when there is room for its call. Does
not know: what is asked or why, or how a call is sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from packer.run.ask import Ask, Later, Reply
from packer.run.halt import Halt
from packer.run.ladder import SESSION_ITEMS, Ladder
from packer.run.send import Sender
from schemas.errors import CallTimeout, CeilingReached, Interrupted, RunError
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.settings import Strategy

T = TypeVar("T")

GRACE_S = 1.0
"""When someone asks the run to end, calls in flight get so long to come back."""


@dataclass(frozen=True, slots=True)
class _Doubt(Generic[T]):
    """A call that failed on its way, while it is open whether its prompt or the provider is to blame."""

    ask: Ask[T]
    reply: Reply
    at_s: float


@dataclass(slots=True)
class Driver(Generic[T]):
    """Drives one run.

    Attributes:
        sender: sends asks; knows when no further one may go.
        ladder: says what to ask.
        strategy: how packs of the plan are asked.
        halt: someone's request to end.
        deadline_s: seconds the run may take; None for no end.
    """

    sender: Sender
    ladder: Ladder[T]
    strategy: Strategy = "pack"
    halt: Halt = field(default_factory=Halt)
    deadline_s: float | None = None
    _drop_at_s: float | None = None

    @property
    def stopped(self) -> RunError | None:
        """Why the run ends before everything is settled."""
        return self.sender.stop

    async def run(self, packs: Iterable[Pack[T]]) -> AsyncGenerator[tuple[ItemResult[T], ...], None]:
        """Drive all packs; yield results as they settle, and at the end what stays pending."""
        opening = iter(packs)
        ready: deque[Ask[T]] = deque()
        doubts: list[_Doubt[T]] = []
        flying: dict[asyncio.Task[Reply | Later], Ask[T]] = {}
        halted = asyncio.create_task(self.halt.asked())
        clock = asyncio.get_running_loop().time
        ends_at_s = None if self.deadline_s is None else clock() + self.deadline_s
        try:
            while True:
                self._heed(halted, ends_at_s, clock())
                while self.stopped is None and len(flying) < self.sender.turnstile.lanes:
                    # While the provider seems down, try with a prompt that has not failed: it may be that.
                    ask = self._open(opening) if self.sender.circuit.is_open or not ready else None
                    if ask is None and ready:
                        ask = ready.popleft()
                    if ask is None:
                        break
                    flying[asyncio.create_task(self.sender.send(ask))] = ask
                if not flying:
                    if self.stopped is None and (asks := self.ladder.drain()):
                        ready.extend(asks)
                        continue
                    if self.stopped is None and doubts:
                        for doubt in self._last(doubts, ready):
                            if settled := self._take(doubt.ask, doubt.reply, ready):
                                yield settled
                        continue
                    break
                if self.stopped is not None and self._drop_at_s is not None and clock() >= self._drop_at_s:
                    break
                until_s = min(
                    (each for each in (self._drop_at_s, ends_at_s) if each is not None), default=None
                )
                wait_s = None if until_s is None else max(0.0, until_s - clock())
                watched = flying.keys() if halted.done() else {*flying, halted}
                done, _ = await asyncio.wait(watched, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                # In the order of sending: with equal replies, equal runs.
                for task in [each for each in flying if each in done]:
                    ask, reply = flying.pop(task), task.result()
                    if isinstance(reply, Later):
                        ready.appendleft(ask)
                    elif self.sender.unclear(reply):
                        doubts.append(_Doubt(ask, reply, clock()))
                    elif settled := self._take(ask, reply, ready):
                        yield settled
                for doubt in self._blamed(doubts, ready):
                    if settled := self._take(doubt.ask, doubt.reply, ready):
                        yield settled
            if self.stopped is not None:
                await _dropped(flying)
                yield self.ladder.abandon(str(self.stopped))
                for pack in opening:
                    self.ladder.enter(pack)
                    yield self.ladder.abandon(str(self.stopped))
        finally:
            halted.cancel()
            await _dropped(flying)
            await self.sender.turnstile.settled()

    def _heed(self, halted: asyncio.Task[None], ends_at_s: float | None, now_s: float) -> None:
        """End when someone asked for it, or when the run's time is over."""
        if halted.done() and self._drop_at_s is None:
            self.sender.end(Interrupted(self.halt.why))
            self._drop_at_s = now_s + GRACE_S
        if ends_at_s is not None and now_s >= ends_at_s:
            self.sender.end(CeilingReached(f"the run's deadline (deadline_s={self.deadline_s:g}) is over"))
            self._drop_at_s = now_s

    def _take(self, ask: Ask[T], reply: Reply, ready: deque[Ask[T]]) -> tuple[ItemResult[T], ...]:
        step = self.ladder.take(ask, reply)
        if self.ladder.stop is not None:
            self.sender.end(self.ladder.stop)
        ready.extend(step.asks)
        return step.settled

    def _blamed(self, doubts: list[_Doubt[T]], ready: deque[Ask[T]]) -> list[_Doubt[T]]:
        """Those that failed though a later one came through; all go back while the provider seems down."""
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
        if len(last) > 1 and not any(isinstance(each.reply, CallTimeout) for each in last):
            ready.extend(each.ask for each in last)
            return []
        self.sender.circuit.forget()
        return last

    def _open(self, packs: Iterator[Pack[T]]) -> Ask[T] | None:
        if self.strategy == "session":
            members = list(islice(packs, SESSION_ITEMS))
            return self.ladder.converse(members) if members else None
        pack = next(packs, None)
        return None if pack is None else self.ladder.first(pack)


async def _dropped(flying: dict[asyncio.Task[Reply | Later], Ask[T]]) -> None:
    for task in flying:
        task.cancel()
    await asyncio.gather(*flying, return_exceptions=True)
    flying.clear()

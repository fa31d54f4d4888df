"""Calls under way, and which of them have come back since the last look.

However many are out, a look costs what has come back, not what is out. Does not know: how a call is sent,
or what its reply leads to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask, Back, Later

T = TypeVar("T")

Landed = tuple[Ask[T], Back | Later]


class Flights(Generic[T]):
    """The calls of one driver."""

    def __init__(self) -> None:
        self._out: dict[int, tuple[asyncio.Task[Back | Later], Ask[T]]] = {}
        self._landed: list[int] = []
        self._sent = 0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._out)

    def send(self, ask: Ask[T], call: Coroutine[object, object, Back | Later]) -> None:
        """Let a call go."""
        self._sent += 1
        task = asyncio.create_task(call)
        self._out[self._sent] = task, ask
        task.add_done_callback(partial(self._note, self._sent))

    def _note(self, number: int, task: asyncio.Task[Back | Later]) -> None:
        self._landed.append(number)
        self.ring()

    def ring(self) -> None:
        """Let whoever waits look."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, until_s: float | None) -> None:
        """Wait until a call is back, somebody rings, or the loop's clock shows that time."""
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._timer.when() != until_s:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and until_s is not None:
            # It stays set from look to look: the end of a run hardly ever changes.
            self._timer = loop.call_at(until_s, self._strike)
        if not self._landed and (until_s is None or loop.time() < until_s):
            self._waiter = loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _strike(self) -> None:
        self._timer = None
        self.ring()

    def back(self, *, at_once: bool = False) -> Iterator[Landed[T]]:
        """Take out the calls that have come back, in the order of sending: with equal replies, equal runs.

        Args:
            at_once: those included that have come back in this very moment.
        """
        if at_once:
            landed = [number for number, (task, _) in self._out.items() if task.done()]
        else:
            landed = sorted(each for each in self._landed if each in self._out)
        self._landed.clear()
        for number in landed:
            task, ask = self._out.pop(number)
            yield ask, task.result()

    async def drop(self) -> None:
        """Give up all that are still out."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [task for task, _ in self._out.values()]
        self._out.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

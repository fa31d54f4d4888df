"""Lets calls go one after the other, each when every ceiling allows it, and limits how many are out.

Turns are taken in the order of asking, so that a large call is not overtaken for ever. Does not know:
what a call asks, or what it costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from packer.pacing import Need, Pace, Ticket
from packer.run.live.shared_pace import Hold, SharedPace
from schemas.quota import Quota

POLL_S = 60.0


@dataclass(slots=True)
class Place:
    """One call that has gone.

    Attributes:
        need: what was reserved for it.
        ticket: its place in the windows.
        sent_s: when it went.
        reserved_usd: the money reserved for it.
        hold: its room in the shared ceiling.
        probe: whether it finds out if a provider that was down is back.
    """

    need: Need
    ticket: Ticket
    sent_s: float
    reserved_usd: Decimal = Decimal(0)
    hold: Hold | None = None
    probe: bool = False


class Turnstile:
    """The gate of one run.

    Attributes:
        lanes: how many calls may be out at once now.
        most_s: longest time between two looks at what blocks a call.
    """

    def __init__(
        self, pace: Pace, lanes: int, *, warm_first: bool = False, shared: SharedPace | None = None
    ) -> None:
        """Open the gate.

        Args:
            pace: the ceilings.
            lanes: most calls out at once.
            warm_first: let the first call go alone, so that the others find its prefix in the cache.
            shared: a ceiling kept together with other processes.
        """
        self.most_s = POLL_S
        self.lanes = 1 if warm_first else lanes
        self._most_lanes = lanes
        self._out = 0
        self._smooth = 0
        self._narrowed_s = float("-inf")
        self._warming = warm_first
        self._pace = pace
        self._shared = shared
        self._queue = asyncio.Lock()
        self._waiting = 0
        self._bell: asyncio.Event | None = None
        self._settling: set[asyncio.Task[None]] = set()

    @property
    def now_s(self) -> float:
        """The event loop's clock."""
        return asyncio.get_running_loop().time()

    async def enter(self, need: Need, blocked_s: Callable[[float], float | None]) -> Place | None:
        """Wait for a turn.

        Args:
            need: the most the call can use.
            blocked_s: what else stands in the way: seconds to wait, or None when the run is over.

        Returns:
            The call's place, or None when the run is over.
        """
        # Nobody waits, and nothing is asked of other processes: those who may go do so at once.
        if not self._waiting and self._shared is None:
            now_s = self.now_s
            if (other_s := blocked_s(now_s)) is None:
                return None
            if other_s <= 0 and self._out < self.lanes and self._pace.wait_s(now_s, need) <= 0:
                return self._entered(need, None)
        self._waiting += 1
        try:
            return await self._in_turn(need, blocked_s)
        finally:
            self._waiting -= 1

    async def _in_turn(self, need: Need, blocked_s: Callable[[float], float | None]) -> Place | None:
        async with self._queue:
            while True:
                now_s = self.now_s
                if (other_s := blocked_s(now_s)) is None:
                    return None
                # Lanes may have become fewer since the calls that wait here were made.
                full_s = self.most_s if self._out >= self.lanes else 0.0
                wait_s = max(other_s, full_s, self._pace.wait_s(now_s, need))
                hold = None
                if wait_s <= 0 and self._shared is not None:
                    taken = await self._shared.take(need)
                    wait_s, hold = (taken, None) if isinstance(taken, float) else (0.0, taken)
                if wait_s <= 0:
                    return self._entered(need, hold)
                await self._listen(min(wait_s, self.most_s))

    def _entered(self, need: Need, hold: Hold | None) -> Place:
        self._out += 1
        now_s = self.now_s
        return Place(need, self._pace.enter(now_s, need), now_s, hold=hold)

    def leave(self, place: Place, used: Need, quotas: Sequence[Quota]) -> None:
        """A call is over: give back what it did not use, and keep to what the reply's headers state."""
        self._out -= 1
        self._pace.settle(place.ticket, used)
        if quotas:
            self._pace.heed(self.now_s, quotas)
        if self._shared is not None and place.hold is not None:
            task = asyncio.create_task(self._shared.settle(place.hold, used))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def settled(self) -> None:
        """Wait until everything is given back to the shared ceiling, and close it."""
        await asyncio.gather(*self._settling, return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    def hold(self, pause_s: float) -> None:
        """Nobody goes for so long."""
        self._pace.hold(self.now_s + pause_s)

    def narrow(self, sent_s: float) -> None:
        """The provider finds it too much: half as many at once; once for all calls that were out together."""
        if sent_s < self._narrowed_s:
            return
        self._narrowed_s = self.now_s
        self.lanes = max(1, self.lanes // 2)
        self._smooth = 0

    def widen(self, sent_s: float) -> None:
        """A call came through: after as many as there are lanes, one lane more."""
        if self._warming:
            self._warming, self.lanes = False, self._most_lanes
        if sent_s < self._narrowed_s:
            return
        self._smooth += 1
        if self._smooth >= self.lanes and self.lanes < self._most_lanes:
            self.lanes += 1
            self._smooth = 0

    async def pause(self, pause_s: float, *, until: Callable[[], bool]) -> None:
        """Wait so long, or until the condition holds."""
        end_s = self.now_s + pause_s
        while (left_s := end_s - self.now_s) > 0 and not until():
            await self._listen(left_s)

    def ring(self) -> None:
        """Something changed: all who wait look again."""
        if self._bell is not None:
            self._bell.set()
            self._bell = None

    async def _listen(self, wait_s: float) -> None:
        bell = self._bell = self._bell or asyncio.Event()
        try:
            async with asyncio.timeout(wait_s):
                await bell.wait()
        except TimeoutError:
            return

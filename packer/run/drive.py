"""The live driver: asks of one ladder, under one concurrency limit, each with a deadline.

Memory is bounded by the calls in flight: a pack is opened only when there is room for its call. Does
not know: what is asked or why.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from packer.run.ask import Ask, Reply
from packer.run.ladder import SESSION_ITEMS, Ladder
from packer.run.tally import Tally
from schemas.chat import Completion
from schemas.errors import CallTimeout, ClientError, NotSent, RunError, UsageError
from schemas.pack import Pack
from schemas.protocols import Client
from schemas.result import ItemResult
from schemas.settings import Limits, Strategy

T = TypeVar("T")


@dataclass(slots=True)
class Driver(Generic[T]):
    """Drives one run.

    Attributes:
        client: answers prompts.
        ladder: says what to ask.
        limits: concurrency and deadlines.
        tally: is told of every call.
        strategy: how packs of the plan are asked.
        stopped: set when no further call can succeed, or the guard ended the run.
    """

    client: Client
    ladder: Ladder[T]
    limits: Limits
    tally: Tally
    strategy: Strategy = "pack"
    stopped: RunError | None = None
    _deadlines: dict[str, float] = field(default_factory=dict)

    async def run(self, packs: Iterable[Pack[T]]) -> AsyncGenerator[tuple[ItemResult[T], ...], None]:
        """Drive all packs; yield results as they settle."""
        opening = iter(packs)
        ready: deque[Ask[T]] = deque()
        flying: dict[asyncio.Task[Reply], Ask[T]] = {}
        try:
            while True:
                while self.stopped is None and len(flying) < self.limits.concurrency:
                    ask = ready.popleft() if ready else self._open(opening)
                    if ask is None:
                        break
                    flying[asyncio.create_task(self._reply(ask))] = ask
                if not flying:
                    if self.stopped is None and (asks := self.ladder.drain()):
                        ready.extend(asks)
                        continue
                    break
                done, _ = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                # In the order of sending: with equal replies, equal runs.
                for task in [each for each in flying if each in done]:
                    ask, reply = flying.pop(task), task.result()
                    if not isinstance(reply, NotSent):
                        self.tally.book(ask.route, ask.pack.slots, reply)
                    if isinstance(reply, ClientError) and reply.stops_run and self.stopped is None:
                        self.stopped = reply
                    step = self.ladder.take(ask, reply)
                    self.stopped = self.stopped or self.ladder.stop
                    ready.extend(step.asks)
                    if step.settled:
                        yield step.settled
            if self.stopped is not None:
                yield self.ladder.abandon(str(self.stopped))
                for pack in opening:
                    self.ladder.enter(pack)
                    yield self.ladder.abandon(str(self.stopped))
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    def _open(self, packs: Iterator[Pack[T]]) -> Ask[T] | None:
        if self.strategy == "session":
            members = list(islice(packs, SESSION_ITEMS))
            return self.ladder.converse(members) if members else None
        pack = next(packs, None)
        return None if pack is None else self.ladder.first(pack)

    async def _reply(self, ask: Ask[T]) -> Reply:
        deadline_s = self.limits.call_deadline_s(ask.prompt.items)
        if ask.session is not None:
            now_s = time.monotonic()
            whole_s = self.limits.call_deadline_s(ask.session_items)
            left_s = self._deadlines.setdefault(ask.session, now_s + whole_s) - now_s
            if left_s <= 0:
                return NotSent(f"the session's {whole_s:g} s were over before this item's turn")
            deadline_s = min(deadline_s, left_s)
        try:
            async with asyncio.timeout(deadline_s):
                reply: object = await self.client.complete(ask.prompt)
        except ClientError as error:
            return error
        except UsageError:
            raise
        except TimeoutError as error:
            return CallTimeout(f"no answer within {deadline_s:g} s", original=error)
        except Exception as error:  # a client of the caller's own may raise anything; neighbours must live
            return ClientError(f"the client raised {type(error).__name__}: {error}", original=error)
        if not isinstance(reply, Completion):
            return ClientError(f"the client returned a {type(reply).__name__}, not a Completion")
        return reply

"""The live driver: many flows at once, calls under one concurrency limit, each with a deadline.

Memory is bounded by the calls in flight: a flow starts only when there is room for its first call.
Does not know: what a flow asks or why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.run.flow import Ask, Reply, Rules, flow
from packer.run.tally import Tally
from schemas.chat import Completion
from schemas.errors import CallTimeout, ClientError, UsageError
from schemas.pack import Pack
from schemas.protocols import Client
from schemas.result import Fault, ItemResult, Outcome, Reason, Route
from schemas.settings import Limits

T = TypeVar("T")


@dataclass(slots=True)
class Driver(Generic[T]):
    """Drives the flows of one run.

    Attributes:
        client: answers prompts.
        rules: what the flows may do.
        limits: concurrency and deadlines.
        tally: is told of every call.
        route: the rung on which flows start.
        stopped: set when no further call can succeed.
    """

    client: Client
    rules: Rules
    limits: Limits
    tally: Tally
    route: Route = Route.PACK
    stopped: ClientError | None = None

    async def run(self, packs: Iterable[Pack[T]]) -> AsyncGenerator[tuple[ItemResult[T], ...], None]:
        """Drive all packs; yield results as they settle."""
        gate = asyncio.Semaphore(self.limits.concurrency)
        queue: asyncio.Queue[tuple[ItemResult[T], ...]] = asyncio.Queue()
        waiting = iter(packs)
        tasks: set[asyncio.Task[None]] = set()

        def start_more() -> None:
            while len(tasks) < self.limits.concurrency and (pack := next(waiting, None)) is not None:
                tasks.add(asyncio.create_task(self._live(pack, gate, queue)))

        start_more()
        getter: asyncio.Task[tuple[ItemResult[T], ...]] | None = None
        try:
            while tasks:
                getter = asyncio.create_task(queue.get())
                done, _ = await asyncio.wait({getter, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                if getter in done:
                    yield getter.result()
                else:
                    getter.cancel()
                    with suppress(asyncio.CancelledError):
                        await getter
                for task in done & tasks:
                    tasks.discard(task)
                    task.result()
                start_more()
                while not queue.empty():
                    yield queue.get_nowait()
        finally:
            left = [*tasks, *([getter] if getter is not None else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _live(
        self, pack: Pack[T], gate: asyncio.Semaphore, queue: asyncio.Queue[tuple[ItemResult[T], ...]]
    ) -> None:
        life = flow(pack, self.rules, route=self.route)
        left = {slot.item.id for slot in pack.slots}
        try:
            step = next(life)
            while True:
                left -= {result.item_id for result in step.settled}
                if step.settled:
                    queue.put_nowait(step.settled)
                if self.stopped is not None:
                    life.close()
                    queue.put_nowait(tuple(self._unasked(item_id) for item_id in left))
                    return
                replies = await asyncio.gather(*(self._call(ask, gate) for ask in step.asks))
                step = life.send(tuple(replies))
        except StopIteration as end:
            queue.put_nowait(end.value)

    async def _call(self, ask: Ask[T], gate: asyncio.Semaphore) -> Reply:
        async with gate:
            reply = await self._reply(ask)
        self.tally.book(ask.route, ask.pack.slots, reply)
        if isinstance(reply, ClientError) and reply.stops_run and self.stopped is None:
            self.stopped = reply
        return reply

    async def _reply(self, ask: Ask[T]) -> Reply:
        deadline_s = self.limits.call_deadline_s(ask.prompt.items)
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

    def _unasked(self, item_id: str | int) -> ItemResult[T]:
        detail = f"the run was stopped before this item was settled: {self.stopped}"
        return ItemResult(item_id, Outcome.FAILED, reason=Reason(Fault.STOPPED, detail))

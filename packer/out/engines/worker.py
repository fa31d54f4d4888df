"""One worker process's life: its client, what it has used of its share, and its place in the minute.

It lives as long as the process, so that limits hold over all batches that the process is given. Does not
know: which engine gave them, or what a batch looks like.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from packer.clients.choose import choose
from packer.out.engines.shares import Purse
from packer.run.api import pack_and_run
from packer.run.live.loop import run_to_end
from packer.run.live.tally import Tally
from schemas.errors import ClientError, PacksplitError
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import Item
from schemas.protocols import Client, Closable
from schemas.result import ItemResult, Outcome
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task
from schemas.verdict import Fault, Reason
from schemas.written import error_read, error_written

T = TypeVar("T")

log = logging.getLogger("packsplit")


@dataclass(frozen=True, slots=True)
class Orders(Generic[T]):
    """What a worker is told once, for all its batches. All of it can be sent to another process.

    Attributes:
        task: what is asked of each row.
        model: as ``pack_and_run`` takes it.
        client: makes the client, in the worker.
        share: the worker's part of the limits.
        strategy: as ``pack_and_run`` takes it, and so are all below.
    """

    task: Task[T]
    model: str | None
    client: Callable[[], object] | None
    share: Limits
    strategy: Strategy
    budget: Budget | None
    fallback: Fallback | None
    guard: Guard | None
    layout: Layout | None
    facts: ModelFacts | None
    cache: str | Path | None
    seed: int


@dataclass(slots=True)
class Worker(Generic[T]):
    """This process's worker for one set of orders; one batch at a time.

    Attributes:
        orders: what it was told.
        process: whose it is; a forked child needs its own.
        purse: what it may still use up.
        answered: whether any row was ever answered.
        task: its own copy, which is never sent on.
    """

    orders: Orders[T]
    process: int = field(default_factory=os.getpid)
    purse: Purse = field(init=False)
    answered: bool = False
    task: Task[T] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _given: object = None
    _client: Client | None = None
    _home: Path | None = None

    def __post_init__(self) -> None:
        share = self.orders.share
        if any(share.ceilings.values()):
            # Each batch is a run of its own; through this file the next one sees the last one's minute.
            self._home = Path(tempfile.mkdtemp(prefix="packsplit-"))
            atexit.register(shutil.rmtree, self._home, ignore_errors=True)
            share = replace(share, shared=self._home / "minute")
        self.purse = Purse(share)
        self.task = self.orders.task

    def ask(self, items: Sequence[Item]) -> Sequence[ItemResult[T]]:
        """One run over one batch; a result for each item, in no promised order.

        Raises:
            PacksplitError: the run cannot work, and nothing was ever answered here. Once something was,
                rows come back pending instead: an engine would throw away what was paid for.
        """
        with self._lock:
            left = self.purse.left()
            if isinstance(left, str):
                return _pending(items, left)
            seen: list[Tally] = []
            try:
                return self._run(items, left, seen)
            except PacksplitError as error:
                for tally in seen[:1]:
                    self._book_tally(tally)
                if not self.answered:
                    raise sendable(error) from None
                log.warning("a batch of %d rows stays pending: %s", len(items), type(error).__name__)
                return _pending(items, str(error))

    def close(self) -> None:
        """End the client and what it has started."""
        with self._lock:
            made: tuple[object, object] = (self._client, self._given)
            self._client = self._given = None
            client, given = made
            if isinstance(client, Closable):
                run_to_end(client.aclose())
            if callable(end := getattr(given, "close", None)):
                ended: object = end()
                if inspect.isawaitable(ended):
                    run_to_end(_awaited(ended))
            if self._home is not None:
                shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, items: Sequence[Item], left: Limits, seen: list[Tally]) -> Sequence[ItemResult[T]]:
        orders = self.orders
        run = pack_and_run(
            items,
            self.task,
            client=self._made(),
            strategy=orders.strategy,
            budget=orders.budget,
            limits=left,
            fallback=orders.fallback,
            guard=orders.guard,
            layout=orders.layout,
            facts=orders.facts,
            cache=orders.cache,
            seed=orders.seed,
            on_progress=lambda tally: None if seen else seen.append(tally),
        )
        ledger = run.ledger
        self.purse.book(
            ledger.calls,
            ledger.cost_usd,
            unpriced_calls=ledger.unpriced_calls,
            maybe_paid_calls=ledger.maybe_paid_calls,
            maybe_paid_usd=ledger.maybe_paid_usd,
        )
        self.answered = self.answered or Outcome.ACCEPTED in run.outcomes
        log.info("batch: %r; audit: %s", run, run.audit)
        return run.results

    def _book_tally(self, tally: Tally) -> None:
        self.purse.book(
            tally.calls,
            tally.cost_usd,
            unpriced_calls=tally.unpriced_calls,
            maybe_paid_calls=len(tally.maybe_paid),
        )

    def _made(self) -> Client:
        """The client, made once: what it found out about its server is not asked again."""
        if self._client is None:
            orders = self.orders
            self._given = None if orders.client is None else orders.client()
            self._client = choose(model=orders.model, client=self._given, facts=orders.facts).client
        return self._client


def sendable(error: PacksplitError) -> PacksplitError:
    """The error as it can be sent to another process: without the SDK's own, which may hold a key."""
    return error_read(error_written(error, told=True)) if isinstance(error, ClientError) else error


def _pending(items: Sequence[Item], why: str) -> list[ItemResult[T]]:
    reason = Reason(Fault.STOPPED, why)
    return [ItemResult(item.id, Outcome.PENDING, reason=reason) for item in items]


async def _awaited(ended: Awaitable[object]) -> None:
    await ended

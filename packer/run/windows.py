"""A run over an input of any length: read window by window, each planned, driven and closed on its own.

No more than one window is in memory. Ceilings hold over all of them, ids are unique over all of them, and
the first that ends early ends the whole. Does not know: how one run is made ready, driven or closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from packer.clients.choose import Chosen, choose
from packer.fit.suit import checked_task
from packer.pacing import Pace
from packer.run.carried import Carried, added
from packer.run.closing import ANSWERED, closed_run, not_begun
from packer.run.complete import hopeless_end
from packer.run.inputs import Inputs
from packer.run.live.halt import Halt
from packer.run.live.tally import OnProgress, Tally
from packer.run.options import Options
from packer.run.prepare import prepare
from packer.run.store.seen_ids import SeenIds
from schemas.errors import RunChanged, UsageError
from schemas.item import Item, ItemId
from schemas.protocols import Client
from schemas.result import ItemResult, RunResult
from schemas.task import Task

T = TypeVar("T")

OnWindow = Callable[[RunResult[T]], None]

SEED_BYTES = 4

log = logging.getLogger("packsplit")


async def in_windows(
    inputs: Inputs,
    task: Task[T],
    model: str | None,
    client: Client | object | None,
    options: Options,
    *,
    resume: RunResult[T] | None = None,
    on_progress: OnProgress | None = None,
    on_window: OnWindow[T] | None = None,
    halt: Halt | None = None,
) -> AsyncGenerator[ItemResult[T], None]:
    """Yield results as they settle, window after window; the next is read when those before were taken.

    Args:
        inputs: gives the windows.
        task: what is asked.
        model: who is asked, by name.
        client: or the client itself; one for all windows.
        options: of each window; ceilings are of all of them together.
        resume: an earlier run over the same inputs, where they fit into one window.
        on_progress: is told sums over all windows.
        on_window: is told of each window when it is over, with its results in input order. Without it
            results are not kept, and no books are closed.
        halt: someone's request to end.

    Raises:
        UsageError: items, task or options that cannot work.
        ClientError: no call can succeed, and nothing had been answered yet.
        RunError: an id could not be kept on disk, or a run's file not be read or written.
    """
    first = await inputs.next()
    if (options.review is not None or resume is not None) and await inputs.more():
        told = "review= holds all results" if options.review is not None else "resume= is one run's results"
        raise UsageError(
            f"{told}, and this input is longer than one window of {inputs.window:,}: give a larger window=, "
            "or leave it out."
        )
    task = checked_task(task)
    chosen = choose(model=model, client=client, facts=options.facts)
    whole = _Whole(inputs, task, chosen, options, on_progress, on_window, halt or Halt())
    try:
        async with aclosing(whole.run(first, resume)) as batches:
            del first
            async for batch in batches:
                for result in batch:
                    yield result
    finally:
        whole.seen.close()
        await chosen.aclose()


@dataclass(slots=True)
class _Whole(Generic[T]):
    """All windows together.

    Attributes:
        inputs: gives the windows.
        task: what is asked.
        chosen: who is asked.
        options: of the whole.
        on_progress: is told sums over all windows.
        on_window: is told of each window that is over.
        halt: someone's request to end.
        seen: ids of the windows before.
        carried: what they have left of the ceilings.
        before: their sums.
        number: of the window that is under way, from 1.
        start: the position of its first input.
        answered: whether anything was answered yet.
        over: whether a window has ended early, and the whole with it.
    """

    inputs: Inputs
    task: Task[T]
    chosen: Chosen
    options: Options
    on_progress: OnProgress | None
    on_window: OnWindow[T] | None
    halt: Halt
    seen: SeenIds = field(default_factory=SeenIds)
    carried: Carried = field(init=False)
    before: Tally | None = None
    number: int = 1
    start: int = 0
    answered: bool = False
    over: bool = False

    def __post_init__(self) -> None:
        self.carried = Carried(Pace(self.options.limits.ceilings))

    async def run(
        self, every: Sequence[Item], resume: RunResult[T] | None
    ) -> AsyncGenerator[Sequence[ItemResult[T]], None]:
        """Go through all windows, beginning with the one that is read."""
        while every:
            async with aclosing(self._window(every, resume)) as batches:
                async for batch in batches:
                    yield batch
            if self.over or self.inputs.ended:
                return
            await asyncio.to_thread(self.seen.note, every, self.start)
            # Let go before more is read: two windows at once are twice the memory.
            every, resume = (), None
            self.number, self.start = self.number + 1, self.inputs.read
            every = await self.inputs.next()
            if (error := await asyncio.to_thread(self.seen.repeat, every, self.start)) is not None:
                raise error
            self._check_shorter(bool(every))

    async def _window(
        self, every: Sequence[Item], resume: RunResult[T] | None
    ) -> AsyncGenerator[Sequence[ItemResult[T]], None]:
        """One window, from its plan to its closed books."""
        options, halt = window_options(self.options, self.number), self.halt
        kept: dict[ItemId, ItemResult[T]] = {}
        done: RunResult[T] | None = None
        try:
            job = await halt.unless_asked(
                prepare(self.chosen, every, self.task, options, resume, halt, self.carried)
            )
        except RunChanged as error:
            raise self._placed(error, options, len(every)) from None
        if job is None:
            done = not_begun(every, self.task, self.chosen, resume, halt.why)
            yield done.results
            self._ended(halt.why, done)
            return
        try:
            self._clock()
            start_s = time.perf_counter()
            told = None if self.on_progress is None else self._progress
            async with aclosing(job.batches(told)) as batches:
                async for batch in batches:
                    self.answered = self.answered or any(each.outcome in ANSWERED for each in batch)
                    if not self.answered and hopeless_end(job.driver.stopped):
                        raise job.driver.stopped
                    results = [self._called(each) for each in batch]
                    if self.on_window is not None:
                        kept.update((each.item_id, each) for each in results)
                    yield results
            if self.on_window is None:
                job.journal.ended(job.end)
            else:
                done = await closed_run(job, self.chosen, kept, time.perf_counter() - start_s)
            self.carried.used(job.driver.sender.books.spending)
            self.before = added(self.before, job.tally)
            stopped = job.driver.stopped
        finally:
            job.close()
        self._ended(None if stopped is None else str(stopped), done)

    def _ended(self, stopped: str | None, done: RunResult[T] | None) -> None:
        """Tell of a window that is over, and of what is not read any more."""
        if stopped is None and self.halt.why and not self.inputs.ended:
            stopped = self.halt.why  # asked for when its last answer was in
        self.over = stopped is not None
        if stopped is not None and not self.inputs.ended:
            unread = f"{self.inputs.read:,} inputs were read, and none of those that follow"
            log.warning("%s", unread)
            stopped = f"{stopped}; {unread}"
        if done is not None and self.on_window is not None:
            self.on_window(done if stopped is None else replace(done, stopped=stopped))

    def _clock(self) -> None:
        """The whole's time begins with its first window."""
        deadline_s = self.options.limits.deadline_s
        if self.carried.ends_at_s is None and deadline_s is not None:
            self.carried.ends_at_s = asyncio.get_running_loop().time() + deadline_s

    def _progress(self, now: Tally) -> None:
        if self.on_progress is not None:
            self.on_progress(added(self.before, now))

    def _called(self, result: ItemResult[T]) -> ItemResult[T]:
        """Calls have names of their own within a window only."""
        if self.number == 1 or not result.call:
            return result
        return replace(result, call=f"w{self.number}:{result.call}")

    def _placed(self, error: RunChanged, options: Options, items: int) -> RunChanged:
        """The error with the window's place, where the input is or may be longer than one."""
        if options.store is None or (self.number == 1 and self.inputs.ended):
            return error
        last = self.start + items - 1
        where = f"Window {self.number} (inputs number {self.start:,} to {last:,}, counted from 0):"
        return RunChanged(f"{where} {options.store.path}", error.changed)

    def _check_shorter(self, another: bool) -> None:
        """Refuse a store that holds a further window, which the input no longer reaches."""
        store = window_options(self.options, self.number + another).store
        if self.inputs.ended and store is not None and store.file.exists():
            told = f"inputs (a further window; now there are {self.inputs.read:,} in all)"
            raise RunChanged(str(store.file), (told,))


def window_options(options: Options, number: int) -> Options:
    """The options of the window of this number, from 1; those of the first are as they were given.

    A later one has a seed of its own, drawn from the whole's, a file beside the first one's, and no
    baseline: that was measured.
    """
    if number == 1:
        return options
    drawn = hashlib.blake2b(f"{options.seed} window {number}".encode(), digest_size=SEED_BYTES)
    store, name = options.store, options.name
    return replace(
        options,
        seed=int.from_bytes(drawn.digest()),
        store=None if store is None else replace(store, path=f"{store.path}.{number}"),
        name=None if name is None else f"{name} (window {number})",
        baseline=0,
    )

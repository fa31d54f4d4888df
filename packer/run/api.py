"""The doors: ``pack_and_run``, ``pack_and_run_async`` and ``pack_and_stream``.

Does not know: providers, prompts, or files; it resolves options and drives the flow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from packer.clients.choose import Chosen, choose
from packer.plan import Plan, plan
from packer.render import pack_system, single_system
from packer.run.ask import Rules
from packer.run.drive import Driver
from packer.run.ladder import Ladder
from packer.run.loop import run_to_end
from packer.run.tally import Tally
from packer.run.trends import trends
from packer.seat import Markers
from packer.tokens import counter_for
from schemas.guard import Guard
from schemas.item import Item, ItemId, ItemLike, as_items
from schemas.protocols import Client, TokenCounter
from schemas.result import ItemResult, Outcome, Route, RunResult
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task

T = TypeVar("T")

OnProgress = Callable[[Tally], None]


def pack_and_run(
    items: Iterable[ItemLike],
    task: Task[T],
    *,
    model: str | None = None,
    client: Client | object | None = None,
    strategy: Strategy = "pack",
    budget: Budget | None = None,
    limits: Limits | None = None,
    fallback: Fallback | None = None,
    guard: Guard | None = None,
    layout: Layout | None = None,
    counter: TokenCounter | None = None,
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult[T]:
    """Answer every item, several to a call; every input ends in exactly one result.

    Works inside a running event loop too (a notebook): runs have a thread of their own.

    Args:
        items: strings, records (mappings, pydantic models), ``(id, text)`` pairs or ``Item``; any iterable.
        task: what is asked of each item; make it with ``Task.classify`` or ``Task.extract``.
        model: ``"local"`` (an embedded model), ``"local/qwen-0.5b"``, ``"local/smollm2"`` or
            ``"openai/<name>"``.
        client: instead of ``model``, an ``OpenAI`` or ``AsyncOpenAI`` client (give ``model`` its model's
            name), or anything with the one method of ``Client``.
        strategy: ``"pack"``; ``"session"`` for one item a turn behind a cached prefix; ``"single"`` for
            one fresh call per item.
        budget: how large a pack may grow.
        limits: concurrency and deadlines.
        fallback: what happens to items whose packed answer cannot be used.
        guard: which signals of bleed reject an answer, make it doubtful, or stop the run.
        layout: envelope, binding, packing, order.
        counter: counts tokens; None takes the client's own, else the best that is there.
        seed: same seed, same packs, same prompts.
        text_field: the text's field in records, when not ``text``.
        id_field: the id's field in records, when not ``id``.
        on_progress: called after each call and each settled batch with the running sums.

    Returns:
        Results in input order, and the ledger.

    Raises:
        UsageError: items, task or options that cannot work; raised before any call.
        ClientError: no call could succeed (a wrong key, say) and nothing had been answered yet.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient(lambda text: "good" if "love" in text else "bad")
        >>> run = pack_and_run(["I love it.", "It broke."], task, client=client)
        >>> run.values
        ['good', 'bad']
    """
    job = pack_and_run_async(
        items,
        task,
        model=model,
        client=client,
        strategy=strategy,
        budget=budget,
        limits=limits,
        fallback=fallback,
        guard=guard,
        layout=layout,
        counter=counter,
        seed=seed,
        text_field=text_field,
        id_field=id_field,
        on_progress=on_progress,
    )
    return run_to_end(job)


async def pack_and_run_async(
    items: Iterable[ItemLike],
    task: Task[T],
    *,
    model: str | None = None,
    client: Client | object | None = None,
    strategy: Strategy = "pack",
    budget: Budget | None = None,
    limits: Limits | None = None,
    fallback: Fallback | None = None,
    guard: Guard | None = None,
    layout: Layout | None = None,
    counter: TokenCounter | None = None,
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult[T]:
    """``pack_and_run`` for asynchronous code; same arguments, same result."""
    # Items first: a mistake in them must not cost a download or a server's start.
    every = as_items(items, text_field=text_field, id_field=id_field)
    chosen = choose(model=model, client=client)
    try:
        job = await _prepare(
            chosen, every, task, strategy, budget, limits, fallback, guard, layout, counter, seed
        )
        start_s = time.perf_counter()
        async with aclosing(job.results(on_progress)) as settled:
            by_id = {result.item_id: result async for result in settled}
        elapsed_s = time.perf_counter() - start_s
        answers = [
            task.output.encode(result.value)
            for result in by_id.values()
            if result.outcome is Outcome.ACCEPTED and result.same_as is None
        ]
        # The embedded model's counter needs its server, so the books are closed before the client.
        ledger = await asyncio.to_thread(job.tally.ledger, job.plan.baseline, answers, job.counter)
    finally:
        await chosen.aclose()
    if job.driver.stopped is not None and not any(r.outcome is Outcome.ACCEPTED for r in by_id.values()):
        raise job.driver.stopped
    return RunResult(
        results=tuple(by_id[item.id] for item in job.plan.items),
        ledger=ledger,
        model=job.tally.model or chosen.name,
        counter=job.counter.name,
        elapsed_s=elapsed_s,
        stopped=str(job.driver.stopped) if job.driver.stopped is not None else None,
        trends=await asyncio.to_thread(trends, job.driver.ladder.gallery.rows, layout or Layout(), job.seed),
        reply_signals=dict(job.driver.ladder.reply_signals),
    )


async def pack_and_stream(
    items: Iterable[ItemLike],
    task: Task[T],
    *,
    model: str | None = None,
    client: Client | object | None = None,
    strategy: Strategy = "pack",
    budget: Budget | None = None,
    limits: Limits | None = None,
    fallback: Fallback | None = None,
    guard: Guard | None = None,
    layout: Layout | None = None,
    counter: TokenCounter | None = None,
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnProgress | None = None,
) -> AsyncGenerator[ItemResult[T], None]:
    """Yield results as they settle, in no order; same arguments as ``pack_and_run``.

    Inputs are read before the first call, so that repeated ids are refused in time; results are not
    kept. Leaving the loop early (close the iterator with ``contextlib.aclosing``) ends calls and
    embedded server.

    Raises:
        UsageError: as ``pack_and_run``.
        ClientError: as ``pack_and_run``.
    """
    # Items first: a mistake in them must not cost a download or a server's start.
    every = as_items(items, text_field=text_field, id_field=id_field)
    chosen = choose(model=model, client=client)
    try:
        job = await _prepare(
            chosen, every, task, strategy, budget, limits, fallback, guard, layout, counter, seed
        )
        accepted = False
        async with aclosing(job.results(on_progress)) as settled:
            async for result in settled:
                accepted = accepted or result.outcome is Outcome.ACCEPTED
                if job.driver.stopped is not None and not accepted:
                    raise job.driver.stopped
                yield result
    finally:
        await chosen.aclose()


@dataclass(slots=True)
class _Job(Generic[T]):
    """A planned run and what drives it."""

    plan: Plan[T]
    driver: Driver[T]
    tally: Tally
    counter: TokenCounter
    seed: int

    async def results(self, on_progress: OnProgress | None) -> AsyncGenerator[ItemResult[T], None]:
        """Refused inputs first, then whatever settles; repeats right after the one that was asked."""
        repeats: dict[ItemId, list[ItemId]] = {}
        for again, first in self.plan.same_as.items():
            repeats.setdefault(first, []).append(again)

        def with_repeats(result: ItemResult[T]) -> list[ItemResult[T]]:
            copies = [_copied(result, item_id) for item_id in repeats.get(result.item_id, ())]
            self.tally.settled += 1 + len(copies)
            self.tally.failed += (1 + len(copies)) * (result.outcome is not Outcome.ACCEPTED)
            return [result, *copies]

        for refused in self.plan.refused:
            for result in with_repeats(refused):
                yield result
        async with aclosing(self.driver.run(self.plan.packs)) as batches:
            async for batch in batches:
                ready = [result for settled in batch for result in with_repeats(settled)]
                if on_progress is not None:
                    on_progress(self.tally)
                for result in ready:
                    yield result


async def _prepare(
    chosen: Chosen,
    every: Sequence[Item],
    task: Task[T],
    strategy: Strategy,
    budget: Budget | None,
    limits: Limits | None,
    fallback: Fallback | None,
    guard: Guard | None,
    layout: Layout | None,
    counter: TokenCounter | None,
    seed: int,
) -> _Job[T]:
    layout, fallback, limits = layout or Layout(), fallback or Fallback(), limits or Limits()
    guard = guard or Guard()
    if chosen.concurrency is not None:
        limits = replace(limits, concurrency=min(limits.concurrency, chosen.concurrency))
    # The embedded model's own counter starts its server: blocking work that belongs in a thread.
    counting = counter or await asyncio.to_thread(chosen.counter) or counter_for(chosen.name)
    made = await asyncio.to_thread(
        plan,
        every,
        task,
        counter=counting,
        context_tokens=chosen.context_tokens,
        budget=budget,
        layout=layout,
        fallback=fallback,
        guard=guard,
        strategy=strategy,
        seed=seed,
    )
    heads = counting.count_batch([pack_system(task, layout), single_system(task)])
    tally = Tally(len(made.items), pack_fixed_tokens=heads[0], single_fixed_tokens=heads[1])
    markers = Markers(counting, layout)
    rules = Rules(fallback, guard, layout, made.allowance, markers, max(heads), seed)
    ladder = Ladder[T](rules, route=Route.SINGLE if strategy == "single" else Route.PACK)
    return _Job(made, Driver(chosen.client, ladder, limits, tally, strategy), tally, counting, seed)


def _copied(result: ItemResult[T], item_id: ItemId) -> ItemResult[T]:
    return ItemResult(
        item_id,
        result.outcome,
        result.value,
        result.route,
        result.reason,
        result.signals,
        same_as=result.item_id,
        trust=result.trust,
        quotes=result.quotes,
    )

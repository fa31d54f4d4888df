"""The doors to one whole run: ``pack_and_run`` and ``pack_and_run_async``.

Does not know: providers, prompts, or files; it resolves options and drives the flow.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from packer.fit.suit import checked_task
from packer.frames import Frame, items_from
from packer.run.complete import complete
from packer.run.given import options_given
from packer.run.live.halt import Halt
from packer.run.live.loop import run_until_asked
from packer.run.live.tally import OnProgress
from schemas.batch import Via
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import GroupBy, ItemLike
from schemas.keeping import Store
from schemas.protocols import Client, TokenCounter
from schemas.result import RunResult
from schemas.review import ReviewGate
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task

T = TypeVar("T")


def pack_and_run(
    items: Iterable[ItemLike] | Frame,
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
    facts: ModelFacts | None = None,
    resume: RunResult[T] | None = None,
    store: str | Path | Store | None = None,
    cache: str | Path | None = None,
    name: str | None = None,
    baseline: int = 0,
    review: ReviewGate | None = None,
    via: Via = "calls",
    group_by: GroupBy | None = None,
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult[T]:
    """Answer every item, several to a call; every input ends in exactly one result.

    Works inside a running event loop too (a notebook): runs have a thread of their own.

    Args:
        items: strings, records (mappings, pydantic models), ``(id, text)`` pairs or ``Item``; any iterable.
            Or a pandas, polars or pyarrow table, whose rows are records; a missing text is an empty one.
        task: what is asked of each item; make it with ``Task.classify`` or ``Task.extract``.
        model: ``"local"`` (an embedded model), ``"local/qwen-0.5b"``, ``"local/smollm2"``,
            ``"openai/<name>"``, ``"openai-responses/<name>"`` or ``"anthropic/<name>"``.
        client: instead of ``model``, an OpenAI, Azure, Anthropic or instructor client, sync or async (give
            ``model`` its model's name), or anything with the one method of ``Client``.
        strategy: ``"pack"``; ``"session"`` for one item a turn behind a cached prefix; ``"single"`` for
            one fresh call per item; ``"auto"`` for whichever of them is cheapest.
        budget: how large a pack may grow.
        limits: ceilings on calls, tokens, money and time; concurrency and deadlines.
        fallback: what happens to items whose packed answer cannot be used.
        guard: which signals of bleed reject an answer, make it doubtful, or stop the run.
        layout: envelope, binding, packing, order.
        counter: counts tokens; None takes the client's own, else the best that is there.
        facts: what the caller knows of the model (its size, its price); goes before what the provider and
            the table of known models say.
        resume: an earlier run over the same items and task that ended early: its accepted answers are
            kept, the rest is asked.
        store: a file that keeps the run, so that a process that dies loses nothing: each call is written
            down before it is sent, each reply before it is read. Running again with the same path goes on
            where the run ended, and buys only what is missing.
        cache: a file of accepted answers that all runs may share; an item whose text was answered before,
            under the same task and model, costs nothing.
        name: the run's; None makes one of the task and the day.
        baseline: so many items, drawn by the seed, are asked alone first, to measure what packing saves;
            their answers are kept.
        review: hold all results until a person has looked at a sample.
        via: ``"calls"`` asks live; ``"batch"`` hands packs over as lines of the provider's batch jobs, which
            cost half and take up to a day; ``Batch(...)`` says how. Give ``store`` too, so that a process
            that ends meanwhile finds its jobs again. A rejected answer is asked again alone, in a second job.
        group_by: items share packs only within a group: a record's field that names it, or a function.
        seed: same seed, same packs, same prompts.
        text_field: the text's field in records, when not ``text``.
        id_field: the id's field in records, when not ``id``.
        on_progress: called after each call and each settled batch with the running sums.

    Returns:
        Results in input order, and the ledger. When the run ends early (a ceiling, a provider that is
        down, Ctrl-C, SIGTERM) ``stopped`` says why, and what was not settled is pending: pass the result
        as ``resume`` to go on.

    Raises:
        UsageError: items, task or options that cannot work; raised before any item is sent.
        ClientError: no call can succeed (a wrong key, say) and nothing had been answered yet.
        GuardStop: the guard ended the run before anything had been answered.
        StoreFailed: the run's file could not be read or written.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient(lambda text: "good" if "love" in text else "bad")
        >>> run = pack_and_run(["I love it.", "It broke."], task, client=client)
        >>> run.values
        ['good', 'bad']
    """
    every = items_from(items, text_field=text_field, id_field=id_field, group_by=group_by)
    task = checked_task(task)
    options = options_given(
        strategy=strategy,
        budget=budget,
        limits=limits,
        fallback=fallback,
        guard=guard,
        layout=layout,
        counter=counter,
        facts=facts,
        seed=seed,
        store=store,
        cache=cache,
        name=name,
        baseline=baseline,
        review=review,
        via=via,
    )
    return run_until_asked(
        lambda halt: complete(
            every, task, model, client, options, resume=resume, on_progress=on_progress, halt=halt
        )
    )


async def pack_and_run_async(
    items: Iterable[ItemLike] | Frame,
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
    facts: ModelFacts | None = None,
    resume: RunResult[T] | None = None,
    store: str | Path | Store | None = None,
    cache: str | Path | None = None,
    name: str | None = None,
    baseline: int = 0,
    review: ReviewGate | None = None,
    via: Via = "calls",
    group_by: GroupBy | None = None,
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult[T]:
    """``pack_and_run`` for asynchronous code; same arguments, same result, same errors.

    Signals stay the application's: cancel the task to end the run at once.
    """
    return await complete(
        items_from(items, text_field=text_field, id_field=id_field, group_by=group_by),
        checked_task(task),
        model,
        client,
        options_given(
            strategy=strategy,
            budget=budget,
            limits=limits,
            fallback=fallback,
            guard=guard,
            layout=layout,
            counter=counter,
            facts=facts,
            seed=seed,
            store=store,
            cache=cache,
            name=name,
            baseline=baseline,
            review=review,
            via=via,
        ),
        resume=resume,
        on_progress=on_progress,
        halt=Halt(),
    )

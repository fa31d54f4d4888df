"""The door for inputs of any length: ``pack_and_stream``.

Does not know: providers, prompts, or files; it resolves options and goes through the windows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from packer.frames import Frame, rows_of
from packer.run.given import options_given
from packer.run.inputs import DEFAULT_WINDOW, Inputs
from packer.run.live.tally import OnProgress
from packer.run.windows import OnWindow, in_windows
from schemas.batch import Via
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import GroupBy, ItemLike
from schemas.keeping import Store
from schemas.protocols import Client, TokenCounter
from schemas.result import ItemResult, RunResult
from schemas.review import ReviewGate
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task

T = TypeVar("T")


async def pack_and_stream(
    items: Iterable[ItemLike] | Frame | AsyncIterable[ItemLike],
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
    window: int = DEFAULT_WINDOW,
    on_window: OnWindow[T] | None = None,
) -> AsyncGenerator[ItemResult[T], None]:
    """Yield results as they settle, in no order, over an input of any length; else as ``pack_and_run``.

    Inputs are read ``window`` at a time, and no more than that is in memory. Each window is a run of its own,
    closed before the next is read, and that is read only when the results before it were taken. Ceilings of
    ``limits`` (rates, calls, money, time) hold over all windows together. A window that ends early ends the
    whole: what it left open comes as pending, and nothing further is read. An input that fits into one
    window is one run, read before its first call.

    Leaving the loop early (close the iterator with ``contextlib.aclosing``) ends calls and embedded server.

    The arguments are those of ``pack_and_run``; ``items`` may be an async iterable, too. An input without an
    id has its position in the whole input; an id given twice is refused before its window is asked; equal
    texts are asked once a window. ``store`` is the first window's file, and those that follow have ``.2``,
    ``.3`` and so on behind its name; ``seed`` is the first window's, and the others' are drawn from it;
    ``baseline`` is measured in the first. ``review`` and ``resume`` are for inputs that fit into one window.
    ``on_progress`` is told sums over all windows; what it tells by group is the last window's.

    ``window`` inputs are read and planned together: more take more memory, fewer leave more half-full packs
    and more pauses for the last call of a window. ``on_window`` is told of each window when its results were
    taken, as ``pack_and_run`` would return it (its results are kept until then; without it they are not):
    add up its ledgers with ``plus``. Where the whole ended early, ``stopped`` says how many inputs were read.

    Yields:
        One result per input.

    Raises:
        UsageError: as ``pack_and_run``; what is wrong with an input, when its window is read.
        ClientError: as ``pack_and_run``.
        RunError: ids could not be kept on disk.
    """
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
    rows = rows_of(items, text_field=text_field, id_field=id_field, group_by=group_by)
    inputs = Inputs(rows, window, text_field=text_field, id_field=id_field, group_by=group_by)
    settled = in_windows(
        inputs,
        task,
        model,
        client,
        options,
        resume=resume,
        on_progress=on_progress,
        on_window=on_window,
    )
    async with aclosing(settled):
        async for result in settled:
            yield result

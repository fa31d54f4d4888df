"""``pack_dataset``: a Ray dataset in, a Ray dataset of results out, by a fixed pool of actors.

Does not know: how rows are answered, or what is in a dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypeVar, cast

from packer.out.engines.pack_rows import PackRows
from schemas.errors import MissingExtra, UsageError
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task

D = TypeVar("D", bound="Dataset")
T = TypeVar("T")

DEFAULT_BATCH_ROWS = 2_000
DEFAULT_WORKER_CPUS = 0.25
"""A worker mostly waits for replies."""


class Dataset(Protocol):
    """A ``ray.data.Dataset``, seen by what is needed of it, so that Ray need not be there."""

    @property
    def map_batches(self) -> Callable[..., object]:
        """Gives the batches to actors."""
        ...


def pack_dataset(
    dataset: D,
    task: Task[T],
    *,
    model: str | None = None,
    client: Callable[[], object] | None = None,
    text_field: str = "text",
    id_field: str = "id",
    group_field: str | None = None,
    workers: int = 4,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    worker_cpus: float = DEFAULT_WORKER_CPUS,
    limits: Limits | None = None,
    strategy: Strategy = "pack",
    budget: Budget | None = None,
    fallback: Fallback | None = None,
    guard: Guard | None = None,
    layout: Layout | None = None,
    facts: ModelFacts | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
) -> D:
    """Answer all rows of a dataset; join the results back by ``id``.

    Nothing happens before the result is used, and every use asks and pays again: write it, or call
    ``materialize()`` once and go on with what that gives. (A look at ``schema()`` is such a use.)

    A worker is an actor that keeps its client, and what it has used of its share of the limits, as long as
    it lives. One that Ray starts again after a crash does not know what it had used: with ``max_calls`` or
    ``max_cost_usd`` it asks nothing more and leaves its rows pending.

    Args:
        dataset: a ``ray.data.Dataset``.
        task: what is asked of each row.
        model: as in ``pack_and_run``; each worker reads its key from its own environment.
        client: instead, a function without arguments that makes the client, called once in each worker.
        text_field: the text's column.
        id_field: the id's column.
        group_field: rows share calls only where this column is the same; None mixes all.
        workers: size of the pool.
        batch_rows: rows that a worker takes at a time: what it holds in memory, and what packs are made of.
        worker_cpus: CPUs that Ray sets aside for a worker.
        limits: of all workers together; divided among them.
        strategy: as in ``pack_and_run``, and so are all below.
        budget: how large a pack may grow.
        fallback: what happens to items whose packed answer cannot be used.
        guard: which signals of bleed count; see ``PackRows`` for promises.
        layout: envelope, binding, packing, order.
        facts: what the caller knows of the model.
        cache: a file of answers on each machine.
        seed: same seed, same packs of a batch.

    Returns:
        A dataset with the columns of ``PackRows``, one row for each of the input, in no promised order.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: options that cannot work, or no dataset of Ray's.
    """
    try:
        ray_data = import_module("ray.data")
    except ImportError:
        raise MissingExtra("ray", "pack_dataset") from None
    if not isinstance(dataset, ray_data.Dataset):
        raise UsageError(f"pack_dataset takes a ray.data.Dataset, not a {type(dataset).__name__}.")
    if batch_rows < 1:
        raise UsageError(f"batch_rows={batch_rows} must be above zero.")
    pack = PackRows(
        task,
        workers=workers,
        model=model,
        client=client,
        text_field=text_field,
        id_field=id_field,
        group_field=group_field,
        limits=limits,
        strategy=strategy,
        budget=budget,
        fallback=fallback,
        guard=guard,
        layout=layout,
        facts=facts,
        cache=cache,
        seed=seed,
    )
    results = dataset.map_batches(
        RayWorker,
        fn_constructor_args=(pack,),
        batch_size=batch_rows,
        # Arrow gives back the types it was given; what numpy makes of a column without values has none.
        batch_format="pyarrow",
        compute=ray_data.ActorPoolStrategy(size=workers),
        num_cpus=worker_cpus,
    )
    return cast("D", results)  # it maps to its own kind


class RayWorker:
    """The actor: answers batches as long as it lives."""

    def __init__(self, pack: PackRows[T]) -> None:
        self._pack = pack
        context = import_module("ray").get_runtime_context()
        limits = pack.limits or Limits()
        counted = limits.max_calls is not None or limits.max_cost_usd is not None
        if counted and context.was_current_actor_reconstructed:
            pack.refuse("this worker was started again, and what it had used of its share is not known")

    def __call__(self, batch: object) -> object:
        """Answer one batch."""
        answered: object = self._pack(batch)  # type: ignore[call-overload]  # whatever kind Ray hands over
        return answered

"""For Ray Data, Spark, Dask and whatever maps a function over batches: one object, a batch in, a batch out.

``PackRows`` can be sent to any number of processes. Each of them makes its own client, keeps to its own part
of the fleet's limits over all its batches, and gives one result for every row, failures included. Does not
know: any of these engines.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

from packer.fit.suit import checked_task
from packer.out.engines.batch_kinds import RESULT_COLUMNS, Row, read, utf8
from packer.out.engines.shares import share_of
from packer.out.engines.worker import Orders, Worker
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import Item
from schemas.output import OneLabel
from schemas.protocols import Client
from schemas.result import ItemResult, Outcome
from schemas.settings import Budget, Fallback, Layout, Limits, Strategy
from schemas.task import Task
from schemas.verdict import Fault, Reason
from schemas.written import answer_written

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrameT
    from numpy import generic
    from numpy.typing import NDArray

T = TypeVar("T")

_workers: dict[str, Worker[object]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class PackRows(Generic[T]):
    """Answers the rows of a batch, several to a call; made once, sent to every worker, called there.

    A result is ``id``, ``value``, ``outcome`` (``accepted``, ``failed``, or ``pending`` where a row was not
    settled), ``reason``, ``route``, ``attempts``, ``cost_usd`` (a decimal number as text, so that no digit
    is lost; None when not known) and ``trust``. There is one for every row, in the batch's order. Ids are
    carried along and never looked at, so that they may repeat.

    Whatever a single call could not settle is in the rows. An error is raised for what no row can be blamed
    for (a wrong key, a field that is not there) as long as the worker has answered nothing: the engine then
    stops, and nothing was paid. Later the same error leaves rows pending, since an engine that stops would
    throw answers away.

    Each process works on one batch at a time, and each batch is a run of its own; ``Limits(deadline_s=...)``
    is that of a batch. What a worker has used of ``max_calls``, of ``max_cost_usd`` and of the last minute is
    kept as long as its process lives: an engine that puts a new process in the place of a dead one gives out
    that share again.

    Attributes:
        task: what is asked of each row.
        workers: how many processes there will be at most. ``limits`` are divided by it.
        model: as in ``pack_and_run``; the worker makes its client from its own environment.
        client: instead, a function without arguments that makes one; it must be importable in the worker,
            or be sent by cloudpickle. Read keys inside it, so that they are not sent along.
        text_field: the text's field.
        id_field: the id's field.
        group_field: rows share calls only where this field is the same; None mixes all.
        limits: of all workers together; None sets none, and leaves each worker 8 calls in flight.
        strategy: as in ``pack_and_run``, and so are all below.
        budget: how large a pack may grow.
        fallback: what happens to items whose packed answer cannot be used.
        guard: which signals of bleed count. A promise needs ``Guard(profile=...)``, a file that the workers
            can read: nothing is proven anew for every batch.
        layout: envelope, binding, packing, order.
        facts: what the caller knows of the model.
        cache: a file of answers on each worker's machine; a batch that is asked again costs nothing there.
        seed: same seed, same packs of a batch.

    Raises:
        UsageError: options that cannot work, or a ceiling that is lower than the number of workers.

    Example:
        >>> from packer import Task
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> pack = PackRows(task, workers=1, client=lambda: ScriptedClient({"Great.": "good"}))
        >>> [(row["id"], row["value"]) for row in pack([{"id": 7, "text": "Great."}])]
        [(7, 'good')]
        >>> pack.close()
    """

    task: Task[T]
    _: KW_ONLY
    workers: int
    model: str | None = None
    client: Callable[[], object] | None = field(default=None, repr=False)  # may have a key in it
    text_field: str = "text"
    id_field: str = "id"
    group_field: str | None = None
    limits: Limits | None = None
    strategy: Strategy = "pack"
    budget: Budget | None = None
    fallback: Fallback | None = None
    guard: Guard | None = None
    layout: Layout | None = None
    facts: ModelFacts | None = None
    cache: str | Path | None = None
    seed: int = 0
    _token: str = field(default_factory=lambda: uuid.uuid4().hex, init=False, repr=False)

    def __post_init__(self) -> None:
        share_of(self.limits, self.workers)
        object.__setattr__(self, "task", checked_task(self.task))
        given: object = self.client
        if given is None and not self.model:
            raise UsageError('Say who answers: model="openai/<name>", or client= a function that makes one.')
        made = isinstance(given, Client) and not isinstance(given, type)
        if given is not None and (made or not callable(given)):
            raise UsageError(
                f"client= is a {type(given).__name__}, which cannot be sent to other processes: give a "
                "function without arguments that makes it, as in `def make_client(): return OpenAI(...)`."
            )
        if self.guard is not None and self.guard.promise is not None and self.guard.profile is None:
            raise UsageError(
                f"Guard({self.guard.promise}=...) would be proven anew in every batch: prove it once with "
                "pack_and_run and Guard(profile=PATH), then give the same guard here."
            )

    @overload
    def __call__(self, batch: Sequence[Mapping[str, object]]) -> list[Row]: ...

    @overload
    def __call__(self, batch: Mapping[str, NDArray[generic]]) -> dict[str, NDArray[generic]]: ...

    @overload
    def __call__(self, batch: IntoDataFrameT) -> IntoDataFrameT: ...

    def __call__(self, batch: object) -> object:
        """Answer a batch: rows, a mapping of numpy arrays, or a pandas, pyarrow or polars frame.

        Args:
            batch: it has the named fields; others are not looked at. It may be empty.

        Returns:
            Results of the batch's own kind. In rows a value is plain JSON; in columns a label is itself and
            any other value its JSON text, so that all batches have the same columns of the same types.

        Raises:
            PacksplitError: see the class; it can be sent to another process.
        """
        fields = [self.id_field, self.text_field]
        if self.group_field is not None:
            fields.append(self.group_field)
        taken = read(batch, fields, labels=isinstance(self.task.output, OneLabel))
        ids, texts = taken.columns[self.id_field], taken.columns[self.text_field]
        groups = [None] * len(ids) if self.group_field is None else taken.columns[self.group_field]
        results: dict[int, ItemResult[T]] = {}
        items = []
        for place, (text, group) in enumerate(zip(texts, groups, strict=True)):
            if isinstance(text, str):
                items.append(Item(place, text, None if group is None else str(group)))
            else:
                told = f"the field {self.text_field!r} holds no text but a {type(text).__name__}"
                results[place] = ItemResult(place, Outcome.FAILED, reason=Reason(Fault.EMPTY_TEXT, told))
        if items:
            for each in self._worker().ask(items):
                assert isinstance(each.item_id, int)  # noqa: S101  # the places from above
                results[each.item_id] = each
        return taken.written([self._row(item_id, results[place]) for place, item_id in enumerate(ids)])

    def in_pandas(self, frames: Iterable[IntoDataFrameT]) -> Iterator[IntoDataFrameT]:
        """Answer frame after frame, for Spark's ``mapInPandas``."""
        for frame in frames:
            yield self(frame)

    def spark_schema(self, id_type: str = "string") -> str:
        """What ``mapInPandas`` needs as its schema.

        Args:
            id_type: the id column's type, such as ``"bigint"``.
        """
        types = {"id": id_type, "attempts": "bigint"}
        return ", ".join(f"{name} {types.get(name, 'string')}" for name in RESULT_COLUMNS)

    def refuse(self, why: str) -> None:
        """From now on, leave every row pending in this process, and say why."""
        self._worker().purse.closed = why

    def close(self) -> None:
        """End this process's client, and forget what it has used; the next batch begins anew."""
        with _lock:
            worker = _workers.pop(self._token, None)
        if worker is not None and worker.process == os.getpid():
            worker.close()

    def _worker(self) -> Worker[T]:
        with _lock:
            found = _workers.get(self._token)
            if found is None or found.process != os.getpid():
                found = _workers[self._token] = cast("Worker[object]", Worker(self._orders()))
        return cast("Worker[T]", found)  # the token is this object's, and so is the task

    def _orders(self) -> Orders[T]:
        return Orders(
            task=self.task,
            model=self.model,
            client=self.client,
            share=share_of(self.limits, self.workers),
            strategy=self.strategy,
            budget=self.budget,
            fallback=self.fallback,
            guard=self.guard,
            layout=self.layout,
            facts=self.facts,
            cache=self.cache,
            seed=self.seed,
        )

    def _row(self, item_id: object, result: ItemResult[T]) -> Row:
        value = None
        if result.value is not None:
            # By the worker's own copy: what an output works out for itself must not be sent along.
            value = answer_written(self._worker().task.output, result.value)
        cells = (
            item_id,
            value,
            str(result.outcome),
            utf8(None if result.reason is None else str(result.reason)),
            None if result.route is None else str(result.route),
            result.attempts,
            None if result.cost_usd is None else f"{result.cost_usd:f}",
            str(result.trust),
        )
        return dict(zip(RESULT_COLUMNS, cells, strict=True))

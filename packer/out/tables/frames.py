"""Answers beside the rows they answer: the caller's own dataframe, with columns added.

Does not know: how answers were won.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from packer.frames import Frame, id_column, ids_of, opened
from packer.out.tables.columns import VALUE, Kind, fields_of, fitted, kind_of, plain_value
from schemas.errors import UsageError
from schemas.result import ItemResult, Outcome, RunResult
from schemas.task import Task

if TYPE_CHECKING:
    import narwhals as nw
    from narwhals.typing import IntoDataFrame

T = TypeVar("T")
AnyFrame = TypeVar("AnyFrame", bound=Frame)

_PANDAS = {
    Kind.TEXT: "string",
    Kind.INTEGER: "Int64",
    Kind.NUMBER: "Float64",
    Kind.BOOLEAN: "boolean",
    Kind.TEXTS: "object",
}


class _PandasFrame(Protocol):
    index: object

    def assign(self, **columns: object) -> IntoDataFrame: ...


class _Pandas(Protocol):
    def Series(self, data: Sequence[object], *, index: object, dtype: str) -> object: ...  # noqa: N802  # pandas' name


def with_answers(
    frame: AnyFrame,
    run: RunResult[T],
    task: Task[T],
    *,
    prefix: str = "",
    outcome: str = "outcome",
    reason: str = "reason",
    id_field: str | None = None,
) -> AnyFrame:
    """Put a run's answers beside the rows that were asked about.

    Added are: for an answer with named fields (a pydantic model, an object schema) one column a field; for
    any other answer ``value``; then ``outcome`` and ``reason``. The task's schema gives each its type, so
    that two runs of a task have the same columns: text, whole numbers, numbers, yes or no, lists of texts,
    all with missing values; anything else is its JSON as text. A row whose answer is not accepted (failed,
    held for a review, pending) has none.

    Answers are bound by id: by the column ``id``, or the one ``id_field`` names, else by the row's number.

    Args:
        frame: the table that was given as items: a pandas or polars DataFrame, or a pyarrow Table.
        run: what came back.
        task: what was asked.
        prefix: put before the names of all columns that are added.
        outcome: the name for how a row ended, where the answer has a field ``outcome``.
        reason: the name for why it has no answer, where the answer has a field ``reason``.
        id_field: the column that the run's ids came from, when it is not ``id``.

    Returns:
        A table of the same kind with the same rows in the same order (and the same pandas index); the one
        given is not changed.

    Raises:
        UsageError: a name that the table has already, a run over other rows or of another task, or no table
            in memory.

    Example:
        >>> import pandas as pd
        >>> from packer import Task, pack_and_run, with_answers
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient({"I love it.": "good", "It broke.": "bad"})
        >>> frame = pd.DataFrame({"text": ["I love it.", "It broke.", None]}, index=["x", "y", "z"])
        >>> answered = with_answers(frame, pack_and_run(frame, task, client=client), task)
        >>> answered["value"].to_list(), answered["outcome"].to_list(), answered.index.to_list()
        (['good', 'bad', <NA>], ['accepted', 'accepted', 'failed'], ['x', 'y', 'z'])
    """
    table = opened(frame)
    results = _bound(table, run, id_field)
    columns = _columns(results, task, outcome, reason)
    added = {f"{prefix}{name}": column for name, column in columns.items()}
    if taken := [name for name in added if name in table.columns]:
        raise UsageError(
            f"The table has a column {taken[0]!r} already, and none of yours is overwritten: put something "
            "before ours with prefix=."
        )
    made = _pandas(table, added) if table.implementation.is_pandas_like() else _others(table, added)
    return cast("AnyFrame", made if frame is table else made.to_native())


def _bound(
    table: nw.DataFrame[IntoDataFrame], run: RunResult[T], id_field: str | None
) -> Sequence[ItemResult[T]]:
    """One result a row, in the rows' order.

    Raises:
        UsageError: the run was over other rows.
    """
    column = id_column(table.columns, id_field)
    if len(table) != len(run):
        raise UsageError(
            f"The run is over {len(run):,} items and the table has {len(table):,} rows: give the table that "
            "was given as items."
        )
    ids = ids_of(table, column)
    by_id = {result.item_id: result for result in run}
    found = [by_id.get(each) if isinstance(each, str | int) else None for each in ids]
    if None in found:
        at = found.index(None)
        named = f"its column {column!r}" if column is not None else "its rows' numbers"
        raise UsageError(
            f"The run has no item {ids[at]!r}, which row number {at} of the table is by {named}: give the "
            "table that was given as items, and with id_field= the column that its ids came from."
        )
    return cast("list[ItemResult[T]]", found)


def _columns(
    results: Sequence[ItemResult[T]], task: Task[T], outcome: str, reason: str
) -> dict[str, tuple[Kind, list[object]]]:
    schema = task.output.schema
    answers = [_answer(result, task) for result in results]
    fields = fields_of(schema)
    if fields is None:
        columns = {VALUE: fitted(answers, kind_of(schema, schema))}
    else:
        columns = {
            name: fitted([each.get(name) if isinstance(each, Mapping) else None for each in answers], kind)
            for name, kind in fields.items()
        }
    ended: list[object] = [str(each.outcome) for each in results]
    reasons: list[object] = [None if each.reason is None else str(each.reason) for each in results]
    for option, name, cells in (("outcome", outcome, ended), ("reason", reason, reasons)):
        if name in columns:
            raise UsageError(
                f"The answers bring a column {name!r} of their own: give ours another name with {option}=."
            )
        columns[name] = fitted(cells, Kind.TEXT)
    return columns


def _answer(result: ItemResult[T], task: Task[T]) -> object:
    """An accepted answer as plain JSON.

    Raises:
        UsageError: it is none of the task's.
    """
    if result.outcome is not Outcome.ACCEPTED or result.value is None:
        return None
    try:
        answer = plain_value(result.value, task.output)
    except ValueError:
        answer = None
    labels = getattr(task.output, "labels", None)
    said = answer if isinstance(answer, list) else [answer]
    fields = fields_of(task.output.schema)
    if (
        answer is None
        or (labels and not set(said) <= set(labels))
        or (fields and not isinstance(answer, Mapping))
    ):
        raise UsageError(
            f"The answer to item {result.item_id!r} is none of this task's: give the task that was asked."
        )
    return answer


def _pandas(
    table: nw.DataFrame[IntoDataFrame], added: Mapping[str, tuple[Kind, list[object]]]
) -> nw.DataFrame[IntoDataFrame]:
    """Columns of pandas' nullable types, by the index the table has: narwhals' own would hold no null."""
    import narwhals as nw

    native = cast("_PandasFrame", table.to_native())
    library = cast("_Pandas", table.__native_namespace__())
    series = {
        name: library.Series(cells, index=native.index, dtype=_PANDAS[kind])
        for name, (kind, cells) in added.items()
    }
    return nw.from_native(native.assign(**series), eager_only=True)


def _others(
    table: nw.DataFrame[IntoDataFrame], added: Mapping[str, tuple[Kind, list[object]]]
) -> nw.DataFrame[IntoDataFrame]:
    import narwhals as nw

    types = {
        Kind.TEXT: nw.String(),
        Kind.INTEGER: nw.Int64(),
        Kind.NUMBER: nw.Float64(),
        Kind.BOOLEAN: nw.Boolean(),
        Kind.TEXTS: nw.List(nw.String()),
    }
    return table.with_columns(
        nw.new_series(name, cells, types[kind], backend=table.implementation)
        for name, (kind, cells) in added.items()
    )

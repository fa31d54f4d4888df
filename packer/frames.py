"""Dataframes as items: the rows of a pandas, polars or pyarrow table, and columns of texts.

A missing text (None, NaN, NA, null) is an empty one: its row is refused for that alone, costs nothing, and
keeps its place among the results. Does not know: what is asked of items, or where their answers go.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, overload

from schemas.errors import BadItem, UsageError
from schemas.item import GroupBy, Item, ItemLike, as_items

if TYPE_CHECKING:
    import narwhals as nw
    from narwhals.typing import IntoDataFrame, IntoSeries

_LIBRARIES = frozenset(
    (
        *("pandas", "polars", "pyarrow", "modin", "cudf", "narwhals"),
        *("duckdb", "_duckdb", "dask", "pyspark", "ibis", "sqlframe"),  # lazy: known, to be refused in words
    )
)


class Frame(Protocol):
    """A table in memory, seen by what pandas, polars (``DataFrame``) and pyarrow (``Table``) all have."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def columns(self) -> object:
        """The columns, or their names."""
        ...


def items_from(
    inputs: Iterable[ItemLike] | Frame,
    *,
    text_field: str | None = None,
    id_field: str | None = None,
    group_by: GroupBy | None = None,
) -> list[Item]:
    """``schemas.item.as_items`` for anything that a door takes, dataframes included: see ``rows_of``.

    Raises:
        BadItem: as ``as_items`` and ``rows_of``.
        UsageError: as ``rows_of``.
    """
    rows = rows_of(inputs, text_field=text_field, id_field=id_field, group_by=group_by)
    return as_items(rows, text_field=text_field, id_field=id_field, group_by=group_by)


@overload
def rows_of(
    inputs: Iterable[ItemLike] | Frame,
    *,
    text_field: str | None,
    id_field: str | None,
    group_by: GroupBy | None,
) -> Iterable[ItemLike]: ...


@overload
def rows_of(
    inputs: Iterable[ItemLike] | AsyncIterable[ItemLike] | Frame,
    *,
    text_field: str | None,
    id_field: str | None,
    group_by: GroupBy | None,
) -> Iterable[ItemLike] | AsyncIterable[ItemLike]: ...


def rows_of(
    inputs: object, *, text_field: str | None, id_field: str | None, group_by: GroupBy | None
) -> object:
    """A dataframe's rows for ``as_items``, under the same three options; all other inputs as they are.

    A row is read as its text, its id and its group alone. Without ``id_field`` and without a column ``id``
    its id is its number, counted from 0: a pandas index is no id, since it may repeat.

    Args:
        inputs: a pandas, polars or pyarrow table, a column of texts of these, or anything else.
        text_field: the column with the texts, when it is not ``text``.
        id_field: the column with the ids, when it is not ``id``.
        group_by: a column that names groups, or a function of a row (a mapping of all its columns).

    Raises:
        BadItem: a column that is not there, a text that is none, a missing id.
        UsageError: a table that is not in memory, or has one name twice.
    """
    if isinstance(inputs, list | tuple | dict) or not _is_tabular(inputs):
        return inputs
    return _rows(inputs, text_field, id_field, group_by)


def opened(frame: object) -> nw.DataFrame[IntoDataFrame]:
    """A table in memory, as narwhals sees it.

    Raises:
        UsageError: it is none, is lazy, or has one column name twice.
    """
    import narwhals as nw

    named = f"{type(frame).__module__.partition('.')[0].lstrip('_')} {type(frame).__name__}"
    try:
        made = nw.from_native(frame, allow_series=True, pass_through=True)
        if isinstance(made, nw.DataFrame):
            _ = made.columns  # which of the two lines finds a name twice is up to the library
    except nw.exceptions.DuplicateError as error:
        raise UsageError(f"The table has two columns of one name: {' '.join(str(error).split())}.") from None
    if isinstance(made, nw.LazyFrame):
        raise UsageError(
            f"This {named} is lazy: bring it into memory first (.collect(); in DuckDB .pl() or .df()). Read "
            "twice, its rows may come in two orders, and answers would stand beside other rows."
        )
    if not isinstance(made, nw.DataFrame):
        raise UsageError(
            f"This {named} is no table: a pandas or polars DataFrame or a pyarrow Table is wanted."
        )
    return made


def cells(column: nw.Series[IntoSeries]) -> list[object]:
    """A column's values as plain Python values; whatever its library calls missing is None."""
    values = [_plain(value) for value in column.to_list()]
    if not column.is_null().any():
        return values
    missing = column.is_null().to_list()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def id_column(names: Iterable[str], id_field: str | None) -> str | None:
    """The column that rows' ids come from; None where they are the rows' numbers.

    Raises:
        BadItem: the column that was named is not there.
    """
    names = list(names)
    if id_field is not None:
        _insist(id_field, names, "id_field=")
        return id_field
    return "id" if "id" in names else None


def ids_of(frame: nw.DataFrame[IntoDataFrame], column: str | None) -> Sequence[object]:
    """Each row's id.

    Raises:
        BadItem: a row has none.
    """
    if column is None:
        return range(len(frame))
    ids = cells(frame.get_column(column))
    if None in ids:
        raise BadItem(
            f"Row number {ids.index(None)} (counted from 0) has no id in column {column!r}: give it one, or "
            "leave the column out."
        )
    return ids


def _is_tabular(inputs: object) -> bool:
    """Whether a dataframe library made it; nothing is imported to find out."""
    return any(each.__module__.partition(".")[0] in _LIBRARIES for each in type(inputs).__mro__)


def _rows(inputs: object, text_field: str | None, id_field: str | None, group_by: GroupBy | None) -> object:
    import narwhals as nw

    if not hasattr(type(inputs), "columns"):  # not two-dimensional
        made = nw.from_native(inputs, series_only=True, pass_through=True)
        if isinstance(made, nw.Series):
            return _texts(cells(made), "")
        return _texts(inputs.to_pylist(), "") if hasattr(inputs, "to_pylist") else inputs
    frame = opened(inputs)
    names = frame.columns
    named = text_field or "text"
    _insist(named, names, "text_field=")
    id_name = id_column(names, id_field)
    texts = _texts(cells(frame.get_column(named)), f" in column {named!r}")
    ids = ids_of(frame, id_name)
    if group_by is None:
        return zip(ids, texts, strict=True)
    if isinstance(group_by, str):
        _insist(group_by, names, "group_by=")
    wanted = names if callable(group_by) else [group_by]
    columns = {name: cells(frame.get_column(name)) for name in wanted}
    columns[named] = list(texts)
    if id_name is not None:
        columns[id_name] = list(ids)
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _texts(values: Sequence[object], where: str) -> list[str]:
    texts = []
    for number, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise BadItem(
                f"Row number {number} (counted from 0) holds a value of type {type(value).__name__}{where}: "
                "texts are strings."
            )
        texts.append(value or "")
    return texts


def _insist(name: str, names: Sequence[str], option: str) -> None:
    if name not in names:
        known = ", ".join(map(repr, names)) or "none"
        raise BadItem(f"The table has no column {name!r}; name one with {option}. The columns are: {known}.")


def _plain(value: object) -> object:
    """A scalar of numpy as Python's own."""
    if type(value).__module__ != "numpy":
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) else value

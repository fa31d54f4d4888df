"""Batches as engines hand them over: rows, arrays by column, or a data frame; results go back in kind.

In rows a value is plain JSON. In columns each column has one type whatever comes: a label is itself, any
other value is its JSON text. Does not know: tasks, calls, or which engine asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeGuard, cast

from schemas.errors import BadItem

if TYPE_CHECKING:
    import narwhals as nw
    from narwhals.typing import IntoDataFrame
    from numpy import generic
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[generic]]

Row = dict[str, object]

RESULT_COLUMNS = ("id", "value", "outcome", "reason", "route", "attempts", "cost_usd", "trust")
"""What a result says, one row for each input; new ones come last."""

COUNTS = ("attempts",)


class _Pandas(Protocol):
    def Series(self, data: Sequence[object], *, dtype: str) -> object: ...  # noqa: N802  # pandas' name

    def DataFrame(self, data: Mapping[str, object]) -> IntoDataFrame: ...  # noqa: N802  # pandas' name


@dataclass(frozen=True, slots=True)
class Read:
    """A batch, taken apart.

    Attributes:
        columns: the wanted fields, each with one value a row; None where a row has none.
        written: makes a batch of the same kind from results, one for each row and in their order.
    """

    columns: Mapping[str, Sequence[object]]
    written: Callable[[Sequence[Row]], object]


def read(batch: object, fields: Sequence[str], *, labels: bool) -> Read:
    """Take a batch apart.

    Args:
        batch: a sequence of mappings; a mapping of numpy arrays; a data frame that narwhals knows (pandas,
            pyarrow, polars).
        fields: the wanted ones; the first is the id, which goes back as it came.
        labels: whether each value is one label, which in columns stands for itself.

    Raises:
        BadItem: another kind of batch, or a field that no row has.
    """
    if is_arrays(batch):
        return _arrays(batch, fields, labels=labels)
    if isinstance(batch, Sequence) and not isinstance(batch, str | bytes):
        return _rows(batch, fields)
    return _frame(batch, fields, labels=labels)


def is_arrays(batch: object) -> TypeGuard[Arrays]:
    """Whether this is a mapping of numpy arrays; told without numpy, which may not be there."""
    return isinstance(batch, Mapping) and all(hasattr(each, "tolist") for each in batch.values())


def cell(value: object, *, labels: bool) -> str | None:
    """A value as it stands in a column of text; None where there is none."""
    if value is None:
        return None
    if labels and isinstance(value, str):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() or _is_utf8(text) else json.dumps(value, separators=(",", ":"))


def utf8(text: str | None) -> str | None:
    """A text that a column can hold: half a surrogate pair, which UTF-8 has no way to write, is shown."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    return utf8(text) == text


def _rows(batch: Sequence[object], fields: Sequence[str]) -> Read:
    rows: list[Mapping[str, object]] = []
    for number, each in enumerate(batch):
        if not isinstance(each, Mapping):
            raise BadItem(f"Row number {number} is of type {type(each).__name__}: rows are mappings.")
        rows.append(each)
    for name in fields:
        if rows and not any(name in row for row in rows):
            raise _unknown(name, [str(key) for key in rows[0]])
    return Read({name: [row.get(name) for row in rows] for name in fields}, list)


def _arrays(batch: Arrays, fields: Sequence[str], *, labels: bool) -> Read:
    for name in fields:
        if name not in batch:
            raise _unknown(name, list(batch))

    def written(results: Sequence[Row]) -> dict[str, NDArray[generic]]:
        import numpy as np

        columns: dict[str, NDArray[generic]] = {"id": batch[fields[0]]}
        for name, values in _cells(results, labels=labels).items():
            columns[name] = np.array(values, dtype=np.int64 if name in COUNTS else np.object_)
        return columns

    return Read({name: batch[name].tolist() for name in fields}, written)


def _frame(batch: object, fields: Sequence[str], *, labels: bool) -> Read:
    import narwhals as nw

    try:
        frame: nw.DataFrame[IntoDataFrame] = nw.from_native(batch, eager_only=True)  # type: ignore[call-overload]  # a foreign kind raises
    except TypeError:
        raise BadItem(
            f"A batch of type {type(batch).__name__} cannot be read: give a list of mappings, a mapping of "
            "numpy arrays, or a pandas, pyarrow or polars frame."
        ) from None
    for name in fields:
        if name not in frame.columns:
            raise _unknown(name, frame.columns)

    def written(results: Sequence[Row]) -> object:
        cells = _cells(results, labels=labels)
        made = _pandas(frame, cells) if frame.implementation.is_pandas_like() else _others(frame, cells)
        return made.with_columns(frame[fields[0]].alias("id")).select(*RESULT_COLUMNS).to_native()

    return Read({name: frame[name].to_list() for name in fields}, written)


def _pandas(
    like: nw.DataFrame[IntoDataFrame], cells: Mapping[str, Sequence[object]]
) -> nw.DataFrame[IntoDataFrame]:
    """Of pandas' own making: asked by narwhals, one below 3 writes "None" where a text is missing."""
    import narwhals as nw

    library = cast("_Pandas", like.__native_namespace__())
    columns = {
        name: library.Series(values, dtype="int64" if name in COUNTS else "str")
        for name, values in cells.items()
    }
    return nw.from_native(library.DataFrame(columns), eager_only=True)


def _others(
    like: nw.DataFrame[IntoDataFrame], cells: Mapping[str, Sequence[object]]
) -> nw.DataFrame[IntoDataFrame]:
    import narwhals as nw

    types = {name: nw.Int64() if name in COUNTS else nw.String() for name in cells}
    return nw.from_dict(cells, schema=nw.Schema(types), backend=like.implementation)


def _cells(results: Sequence[Row], *, labels: bool) -> dict[str, list[object]]:
    def one(name: str, value: object) -> object:
        return cell(value, labels=labels) if name == "value" else value

    return {name: [one(name, row[name]) for row in results] for name in RESULT_COLUMNS if name != "id"}


def _unknown(name: str, known: Sequence[str]) -> BadItem:
    return BadItem(
        f"There is no field {name!r} in the batch; its fields: {', '.join(map(repr, known)) or 'none'}. Name "
        "yours with text_field=, id_field= or group_field=."
    )

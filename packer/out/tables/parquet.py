"""Parquet in and out, with ``pip install 'packsplit[parquet]'``: rows read lazily, results written typed.

A run's results have the columns that they have in a CSV file, each of its own type: text, whole numbers,
money as decimals, lists; the answer's by its schema. Does not know: tasks, or where a file stands.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from decimal import Context, Decimal
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Protocol

from packer.out.tables.columns import Kind, cells_of, fitted, text_cell
from schemas.errors import BadItem, MissingExtra

SUFFIX = ".parquet"
ROWS_READ_AT_ONCE = 512  # a row may hold a vector of thousands of numbers
ROWS_IN_A_GROUP = 10_000
MONEY_PLACES = 20
"""A share of a call's cost has 16 or so; what is beyond is rounded."""

_EXACT = Context(prec=100)


class _Column(Protocol):
    """A column of a batch, seen by what we need of it."""

    type: object

    def to_pylist(self) -> list[object]: ...


def require() -> None:
    """Insist on pyarrow.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtra("parquet", "A .parquet file")


def parquet_rows(path: Path) -> Iterator[dict[str, object]]:
    """Read a file's rows, a few at a time, as plain JSON values.

    Times are written as ISO 8601, decimals as their digits, bytes as the UTF-8 text that they are.

    Raises:
        MissingExtra: pyarrow is not installed.
        BadItem: it cannot be read as Parquet.
    """
    require()
    return _rows(path)


def _rows(path: Path) -> Iterator[dict[str, object]]:
    arrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(path) as file:
            names: list[str] = file.schema_arrow.names
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise BadItem(f"{path} has two columns {twice!r}: rename one.")
            for batch in file.iter_batches(batch_size=ROWS_READ_AT_ONCE):
                columns = [_plain_column(arrow, column) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    yield dict(zip(names, cells, strict=True))
    except (arrow.ArrowException, OSError) as error:
        raise BadItem(f"{path} cannot be read as Parquet: {error}") from error


class ParquetResults:
    """Writes results into an open file, window by window; ``close`` ends it.

    Ids are whole numbers until the first that is none, answers are of their kind until the first that is
    not: then what was written becomes text. So a file with whole numbers for ids can be joined by them.
    """

    def __init__(self, file: BinaryIO, names: Sequence[str], kind: Kind = Kind.TEXT) -> None:
        """Begin.

        Args:
            file: new and open for reading too, in a folder with room for it twice.
            names: of the columns.
            kind: of the answers.
        """
        self._arrow, self._parquet = _arrow()
        self._file, self._names = file, tuple(names)
        self._kinds = {"id": Kind.INTEGER, "value": kind}
        self._waiting: list[Mapping[str, object]] = []
        self._begin()

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Add rows as ``packer.out.tables.results.as_row`` makes them."""
        for row in rows:
            self._waiting.append(row)
            if len(self._waiting) == ROWS_IN_A_GROUP:
                self._flush()

    def close(self) -> None:
        """Write what is left, and the file's end."""
        self._flush()
        self._writer.close()

    def drop(self) -> None:
        """Let go of a file that is not wanted any more."""
        with suppress(Exception):  # what went wrong is told already
            self._writer.close()

    def _flush(self) -> None:
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        columns = {name: [row[name] for row in rows] for name in self._names}
        for name, kind in self._kinds.items():
            if fitted(columns[name], kind)[0] is not kind:
                self._to_text(name)
        made = [
            self._arrow.array(self._cells(name, cells), self._schema.field(name).type)
            for name, cells in columns.items()
        ]
        self._writer.write_table(self._arrow.table(made, schema=self._schema))

    def _cells(self, name: str, cells: list[object]) -> list[object]:
        if name in self._kinds:
            return cells_of(cells, self._kinds[name])
        if name == "cost_usd":
            return [_money(cell) for cell in cells]
        return [_writable(cell) for cell in cells]

    def _to_text(self, name: str) -> None:
        """Write again what was written, with that column as text."""
        self._writer.close()
        self._kinds[name] = Kind.TEXT
        with tempfile.TemporaryFile(dir=Path(self._file.name).parent) as before:
            self._file.seek(0)
            shutil.copyfileobj(self._file, before)
            self._file.seek(0)
            self._file.truncate()
            self._begin()
            at = self._names.index(name)
            field = self._schema.field(at)
            for group in self._parquet.ParquetFile(before).iter_batches(batch_size=ROWS_IN_A_GROUP):
                table = self._arrow.Table.from_batches([group])
                cells = cells_of(table.column(at).to_pylist(), Kind.TEXT)
                self._writer.write_table(table.set_column(at, field, self._arrow.array(cells, field.type)))

    def _begin(self) -> None:
        types = _types(self._arrow, self._kinds)
        self._schema = self._arrow.schema([(name, types[name]) for name in self._names])
        self._writer = self._parquet.ParquetWriter(self._file, self._schema)


def _types(arrow: ModuleType, kinds: Mapping[str, Kind]) -> Mapping[str, object]:
    """Each column's type; a column that is not named here is text."""
    text, whole = arrow.string(), arrow.int64()
    by_kind = {
        Kind.TEXT: text,
        Kind.INTEGER: whole,
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TEXTS: arrow.list_(text),
    }
    quote = [("field", text), ("text", text), ("match", text), ("start", whole), ("end", whole)]
    review = [(name, text) for name in ("ruling", "by", "at", "reason", "before")]
    return defaultdict(
        lambda: text,
        {
            **{name: by_kind[kind] for name, kind in kinds.items()},
            **dict.fromkeys(("attempts", "input_tokens", "output_tokens", "unmetered_attempts"), whole),
            "cost_usd": arrow.decimal128(38, MONEY_PLACES),
            "signals": arrow.list_(text),
            "quotes": arrow.list_(arrow.struct(quote)),
            "review": arrow.struct(review),
        },
    )


def _money(cell: object) -> Decimal | None:
    return (
        None
        if cell is None
        else Decimal(str(cell)).quantize(Decimal(1).scaleb(-MONEY_PLACES), context=_EXACT)
    )


def _writable(cell: object) -> object:
    """A cell whose texts can be UTF-8; what a reviewer corrected may be of any type, and is text here."""
    if isinstance(cell, str):
        return text_cell(cell)
    if isinstance(cell, list):
        return [_writable(each) for each in cell]
    if isinstance(cell, Mapping):
        before = {} if cell.get("before") is None else {"before": text_cell(cell["before"])}
        return {**{name: _writable(each) for name, each in cell.items()}, **before}
    return cell


def _plain_column(arrow: ModuleType, column: _Column) -> Iterable[object]:
    cells = column.to_pylist()
    kind = column.type
    types = arrow.types
    plain = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_floating)
    return cells if any(is_plain(kind) for is_plain in plain) else map(_plain, cells)


def _plain(cell: object) -> object:
    if cell is None or isinstance(cell, str | int | float):
        return cell
    if isinstance(cell, date | time):  # a datetime is a date
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, Mapping):
        return {str(name): _plain(each) for name, each in cell.items()}
    if isinstance(cell, list | tuple):
        return [_plain(each) for each in cell]
    return str(cell)


def _arrow() -> tuple[ModuleType, ModuleType]:
    require()
    return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")

"""Rows of an input file: CSV with a header, JSON lines, or Parquet, read one by one as they are asked for.

Does not know: tasks or models, or what is written of a row.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packer.out.tables import parquet
from schemas.errors import BadItem, UsageError

MOST_CELL_CHARACTERS = 1 << 30
JSON_LINES = (".jsonl", ".ndjson")
MARK = "packsplit"
"""The one field name that is ours: what a failures file says of a row; dropped where rows are read."""


def read_rows(path: Path) -> Iterator[Mapping[str, object]]:
    """Read a CSV file (with a header), a JSONL file (one object, or one string, a line) or a Parquet file.

    Rows are read as they are asked for; the file is never held whole.

    A failures file (``packer.out.commands.export.write_failures``) is read like any other: the field
    ``packsplit``, which says why a row is in it, is left out.

    Raises:
        UsageError: no such file, another kind of file, or pyarrow is not there for Parquet.
        BadItem: a line that cannot be read; names it.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.")
    kind = path.suffix.lower()
    if kind == ".csv":
        return _csv_rows(path)
    if kind in JSON_LINES:
        return _jsonl_rows(path)
    if kind == parquet.SUFFIX:
        return map(_without_mark, parquet.parquet_rows(path))
    raise UsageError(f"{str(path)!r}: input files are .csv, .jsonl or .parquet.")


def pick_text_field(row: Mapping[str, object]) -> str:
    """Which field holds the text where none was named: ``text``, else the only one there is besides ``id``.

    Raises:
        UsageError: it is not clear; lists the fields.
    """
    fields = [name for name in row if name != "id"]
    if "text" in row:
        return "text"
    if len(fields) == 1:
        return fields[0]
    raise UsageError(
        "It is not clear which field holds the text; name it with --text-field. The fields are: "
        f"{', '.join(map(repr, row))}."
    )


def with_texts(rows: Iterable[Mapping[str, object]], text_field: str) -> Iterator[Mapping[str, object]]:
    """Rows whose missing text (null) is an empty one, as an empty cell of a CSV file is.

    Such an item is refused by itself, costs nothing, and keeps its place among the results.
    """
    for row in rows:
        yield {**row, text_field: ""} if text_field in row and row[text_field] is None else row


def _csv_rows(path: Path) -> Iterator[Mapping[str, object]]:
    csv.field_size_limit(min(MOST_CELL_CHARACTERS, sys.maxsize))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, strict=True), 1):
                if None in row or None in row.values():
                    raise BadItem(f"{path}: row {number} has another number of cells than the header.")
                yield _without_mark(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadItem(f"{path} cannot be read as CSV in UTF-8: {error}") from error


def _jsonl_rows(path: Path) -> Iterator[Mapping[str, object]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _json_row(path, number, line.rstrip("\r\n"))
    except UnicodeDecodeError as error:
        raise BadItem(f"{path} cannot be read as UTF-8: {error}") from error


def _json_row(path: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        # Its own "line 1" is that of our line.
        told = f"{error.msg}, at character {error.colno:,}"
        raise BadItem(f"{path}, line {number} is not JSON: {told}.") from error
    except (ValueError, RecursionError) as error:
        raise BadItem(f"{path}, line {number} is not JSON that can be read: {error}.") from error
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, dict):
        return _without_mark(row)
    raise BadItem(f"{path}, line {number} is a {type(row).__name__}: a line is an object or a string.")


def _without_mark(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != MARK}

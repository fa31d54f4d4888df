"""Input and output files of the command line: CSV, JSONL or Parquet, in and out.

A file's rows become items; results are written with the row's id, which stands in cells and lines only and
never in a file's name. Cells that a spreadsheet would run as a formula are disarmed in CSV, reversibly;
JSONL gives every string back as it was. Does not know: tasks or models.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from packer.out.tables import parquet
from packer.out.tables.cells import disarmed
from packer.out.tables.columns import Kind, kind_of, plain_value
from packer.out.tables.whole import check_writable, whole_bytes, whole_file
from schemas.errors import BadItem, UsageError
from schemas.output import Output
from schemas.result import ItemResult
from schemas.review import Review

MOST_CELL_CHARACTERS = 1 << 30
JSON_LINES = (".jsonl", ".ndjson")
MARK = "packsplit"
"""The one field name that is ours: what a failures file says of a row; dropped where rows are read."""

COLUMNS = (
    "id",
    "value",
    "outcome",
    "route",
    "reason",
    "trust",
    "signals",
    "quotes",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unmetered_attempts",
    "review",
    "call",
)
"""What is written of a result; new ones come last, so that places stay."""

# As JSON escapes: what UTF-8 cannot hold, what some readers end a line at, and the terminal's second set of
# control characters. The string that is read back is the same.
_UNSAFE_IN_A_LINE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_as_json = json.JSONEncoder(ensure_ascii=False).encode


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


def pick_text_field(row: Mapping[str, object], wanted: str | None) -> str:
    """Which field holds the text: the one that was named, else ``text``, else the only one there is.

    Raises:
        UsageError: none was named and it is not clear; lists the fields.
    """
    fields = [name for name in row if name != "id"]
    if wanted is not None and wanted in row:
        return wanted
    if wanted is None and "text" in row:
        return "text"
    if wanted is None and len(fields) == 1:
        return fields[0]
    asked = f"There is no field {wanted!r}" if wanted else "It is not clear which field holds the text"
    raise UsageError(f"{asked}; name it with --text-field. The fields are: {', '.join(map(repr, row))}.")


def with_texts(rows: Iterable[Mapping[str, object]], text_field: str) -> Iterator[Mapping[str, object]]:
    """Rows whose missing text (null) is an empty one, as an empty cell of a CSV file is.

    Such an item is refused by itself, costs nothing, and keeps its place among the results.
    """
    for row in rows:
        yield {**row, text_field: ""} if text_field in row and row[text_field] is None else row


def check_out(path: Path) -> None:
    """Refuse a place for results that cannot work, before anything is paid for.

    Raises:
        UsageError: another kind of file than ``.jsonl``, ``.csv`` or ``.parquet``, no such folder, no file,
            or pyarrow is not there for Parquet.
    """
    if path.suffix.lower() not in (*JSON_LINES, ".csv", parquet.SUFFIX):
        raise UsageError(f"--out {str(path)!r}: results are written as .jsonl, .csv or .parquet.")
    if path.suffix.lower() == parquet.SUFFIX:
        parquet.require()
    check_writable(path)


class ResultsWriter:
    """Adds results to a file that is open: one row each, in the order they come. See ``results_writer``."""

    def __init__(self, put: Callable[[Iterable[Mapping[str, object]]], None], output: Output[object] | None):
        self._put, self._output = put, output

    def write(self, results: Iterable[ItemResult[object]]) -> None:
        """Add rows, as many at a time as there are; nothing is at the file's place yet."""
        self._put(as_row(result, self._output) for result in results)


@contextmanager
def results_writer(path: Path, output: Output[object] | None = None) -> Iterator[ResultsWriter]:
    """Open a file of results, to be written window by window; it appears whole at the block's end.

    When the block raises, what stood at ``path`` is untouched and nothing is left beside it.

    Args:
        path: a ``.jsonl``, ``.csv`` or ``.parquet`` file.
        output: of the task: values are written by it, and in Parquet it says the type of ``value``. None
            takes values that are plain JSON; in Parquet they are then text, as in CSV.

    Raises:
        UsageError: another kind of file, a path that cannot be written to, or pyarrow is not there.
        RunError: the disk is full or fails.
    """
    check_out(path)
    kind = path.suffix.lower()
    if kind == parquet.SUFFIX:
        with whole_bytes(path) as raw:
            answers = Kind.TEXT if output is None else kind_of(output.schema, output.schema)
            table = parquet.ParquetResults(raw, COLUMNS, answers)
            try:
                yield ResultsWriter(table.write, output)
                table.close()
            except BaseException:
                table.drop()
                raise
        return
    with whole_file(path) as file:
        yield ResultsWriter(_csv_put(file) if kind == ".csv" else _json_put(file), output)


def write_results(
    path: Path, results: Iterable[ItemResult[object]], output: Output[object] | None = None
) -> None:
    """Write one row per result, in their order; the file appears whole or not at all.

    Args:
        path: a ``.jsonl``, ``.csv`` or ``.parquet`` file.
        results: what is written.
        output: as in ``results_writer``.

    Raises:
        UsageError: another kind of file, a path that cannot be written to, or pyarrow is not there.
        RunError: the disk is full or fails; what stood at ``path`` is untouched.
    """
    with results_writer(path, output) as writer:
        writer.write(results)


def json_line(row: Mapping[str, object]) -> str:
    """A row as one line of JSON that ``json.loads`` turns back into the same row, to the last character.

    One thing JSON cannot say: a high surrogate right before a low one comes back as the character that the
    two stand for.
    """
    line = _as_json(row)
    return _UNSAFE_IN_A_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n"


def as_row(result: ItemResult[object], output: Output[object] | None = None) -> dict[str, object]:
    """A result as plain values, by the names in ``COLUMNS``; money is a string, unknown is None."""
    cells = (
        result.item_id,
        None if result.value is None else plain_value(result.value, output),
        result.outcome,
        result.route,
        None if result.reason is None else str(result.reason),
        result.trust,
        [f"{signal.kind}: {signal.detail}" for signal in result.signals],
        [
            {
                "field": each.field,
                "text": each.text,
                "match": each.match,
                "start": each.start,
                "end": each.end,
            }
            for each in result.quotes
        ],
        result.attempts,
        result.usage.input_tokens,
        result.usage.output_tokens,
        None if result.cost_usd is None else str(result.cost_usd),
        result.unmetered_attempts,
        None if result.review is None else _review(result.review),
        result.call,
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _review(review: Review) -> dict[str, object]:
    return {
        "ruling": review.ruling,
        "by": review.by,
        "at": review.at,
        "reason": review.reason,
        "before": review.before,
    }


def _csv_put(file: TextIO) -> Callable[[Iterable[Mapping[str, object]]], None]:
    table = csv.writer(file)
    table.writerow([disarmed(name) for name in COLUMNS])
    return lambda rows: table.writerows([disarmed(cell) for cell in row.values()] for row in rows)


def _json_put(file: TextIO) -> Callable[[Iterable[Mapping[str, object]]], None]:
    return lambda rows: file.writelines(json_line(row) for row in rows)


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
                    yield _json_row(path, number, line)
    except UnicodeDecodeError as error:
        raise BadItem(f"{path} cannot be read as UTF-8: {error}") from error


def _json_row(path: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadItem(f"{path}, line {number} is not JSON: {error}") from error
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, dict):
        return _without_mark(row)
    raise BadItem(f"{path}, line {number} is a {type(row).__name__}: a line is an object or a string.")


def _without_mark(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != MARK}

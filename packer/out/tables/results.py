"""Files of results: CSV, JSON lines or Parquet, a row each, with the id of the row that was asked about.

An id stands in cells and lines only and never in a file's name. Cells that a spreadsheet would run as a
formula are disarmed in CSV, reversibly; JSON lines give every string back as it was. Does not know: tasks or
models, or how results were won.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from packer.out.tables import parquet
from packer.out.tables.cells import disarmed
from packer.out.tables.columns import Kind, kind_of, plain_value
from packer.out.tables.rows import JSON_LINES
from packer.out.tables.whole import check_writable, whole_bytes, whole_file
from schemas.errors import UsageError
from schemas.output import Output
from schemas.result import ItemResult
from schemas.review import Review

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

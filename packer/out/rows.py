"""Input and output files of the command line: CSV and JSONL in, JSONL or CSV out.

A file's rows become items; results are written with the row's id. Cells that a spreadsheet would run
as a formula are disarmed in CSV; JSONL keeps every byte. Does not know: tasks or models.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from schemas.errors import BadItem, UsageError
from schemas.result import ItemResult

MOST_CELL_CHARACTERS = 1 << 30
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")


def read_rows(path: Path) -> Iterator[Mapping[str, object]]:
    """Read a CSV file (with a header) or a JSONL file (one object, or one string, a line).

    Raises:
        UsageError: no such file, or another kind of file.
        BadItem: a line that cannot be read; names it.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.")
    kind = path.suffix.lower()
    if kind == ".csv":
        return _csv_rows(path)
    if kind in (".jsonl", ".ndjson"):
        return _jsonl_rows(path)
    raise UsageError(f"{str(path)!r}: input files are .csv or .jsonl.")


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


def write_results(path: Path, results: Iterable[ItemResult[object]]) -> None:
    """Write one row per result, in their order; the file appears whole or not at all.

    Raises:
        UsageError: another kind of file than ``.jsonl`` or ``.csv``.
    """
    kind = path.suffix.lower()
    if kind not in (".jsonl", ".ndjson", ".csv"):
        raise UsageError(f"--out {str(path)!r}: results are written as .jsonl or .csv.")
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if kind == ".csv":
            table = csv.writer(file)
            table.writerow(as_row(None))
            table.writerows([disarmed(cell) for cell in as_row(result).values()] for result in results)
        else:
            for result in results:
                file.write(json.dumps(as_row(result), ensure_ascii=False) + "\n")
    unfinished.replace(path)


def as_row(result: ItemResult[object] | None) -> dict[str, object]:
    """A result as plain values; of None, just the names."""
    if result is None:
        return dict.fromkeys(
            (
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
            )
        )
    return {
        "id": result.item_id,
        "value": result.value,
        "outcome": result.outcome,
        "route": result.route,
        "reason": None if result.reason is None else str(result.reason),
        "trust": result.trust,
        "signals": [f"{signal.kind}: {signal.detail}" for signal in result.signals],
        "quotes": [
            {
                "field": each.field,
                "text": each.text,
                "match": each.match,
                "start": each.start,
                "end": each.end,
            }
            for each in result.quotes
        ],
        "attempts": result.attempts,
        "input_tokens": result.usage.input_tokens,
        "output_tokens": result.usage.output_tokens,
    }


def disarmed(cell: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula: a leading quote marks it as text."""
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(cell, int | float) else text


def _csv_rows(path: Path) -> Iterator[Mapping[str, object]]:
    csv.field_size_limit(min(MOST_CELL_CHARACTERS, sys.maxsize))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, strict=True), 1):
                if None in row or None in row.values():
                    raise BadItem(f"{path}: row {number} has another number of cells than the header.")
                yield dict(row)
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
        return row
    raise BadItem(f"{path}, line {number} is a {type(row).__name__}: a line is an object or a string.")

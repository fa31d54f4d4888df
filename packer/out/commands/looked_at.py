"""A look at an input file before it is used: what people mistake for one, or for a field of it, is named.

Does not know: tasks, or what rows are for.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from packer.out.board.plain import LONGEST, plain
from packer.out.commands.app import warn
from packer.out.commands.near import did_you_mean, near_file
from packer.out.tables.rows import JSON_LINES, pick_text_field, read_rows
from schemas.errors import BadItem, UsageError

SEEN_BYTES = 65_536
MOST_WORDS = 4
"""A header of one cell with more words than these may be a text."""

Row = Mapping[str, object]


def file_rows(path: Path, option: str = "") -> Iterator[Row]:
    """The rows of a file, read as they are needed.

    Args:
        path: a .csv, .jsonl or .parquet file.
        option: what named it, such as ``--gold``; empty for the argument.

    Raises:
        UsageError: no such file, one that is something else, or a line that cannot be read.
    """
    named = f"{option} {str(path)!r}".strip()
    if path.is_dir():
        raise UsageError(f"{named} is a folder: name one .csv, .jsonl or .parquet file in it.")
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.{near_file(path)}")
    kind = path.suffix.lower()
    if kind == ".json":
        raise UsageError(
            f"{named}: rows are read from .csv, .jsonl or .parquet. One JSON array becomes .jsonl with "
            "`jq -c '.[]' FILE`; a task file goes behind --task."
        )
    if kind == ".csv" or kind in JSON_LINES:
        _check_text(path, named)
    if kind == ".csv":
        _check_header(path, named)
    return _readable(read_rows(path), named)


def check_field(row: Row, wanted: str | None, option: str) -> None:
    """Refuse the name of a field that the first row does not have.

    Raises:
        UsageError: there is none; names those that are there.
    """
    if wanted is not None and wanted not in row:
        raise UsageError(
            f"There is no field {wanted!r}; name it with {option}. The fields are: "
            f"{', '.join(map(repr, row))}.{did_you_mean(wanted, row)}"
        )


def text_field_of(path: Path, first: Row, wanted: str | None, others: Collection[str] = ()) -> str:
    """Which field holds the texts; a header that may be a text itself is told on standard error.

    Args:
        path: the file.
        first: its first row.
        wanted: the field that --text-field names; None looks for one.
        others: fields that hold something else.

    Raises:
        UsageError: there is none of that name, or it is not clear which.
    """
    check_field(first, wanted, "--text-field")
    if wanted is not None:
        return wanted
    found = pick_text_field({name: value for name, value in first.items() if name not in others})
    if path.suffix.lower() == ".csv" and len(first) == 1 and len(found.split()) > MOST_WORDS:
        told = (
            f"{str(path)!r}: the first row is read as the header, and {found[:60]!r} looks like a text. If "
            "it is one, put a row with the word text above it; if not, name it with --text-field."
        )
        warn(f"packsplit: {plain(told, LONGEST)}")
    return found


def _readable(rows: Iterator[Row], named: str) -> Iterator[Row]:
    try:
        yield from rows
    except BadItem as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            raise _not_utf8(named) from error
        raise


def _check_text(path: Path, named: str) -> None:
    with path.open("rb") as file:
        seen = file.read(SEEN_BYTES)
    if not seen.strip():
        raise UsageError(f"{named} is empty: there is nothing to ask.")
    if seen.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError(f"{named} is written in UTF-16: save it as UTF-8 (iconv -f utf-16 -t utf-8).")
    if b"\0" in seen:
        raise UsageError(f"{named} is no text file: there are zero bytes in it.")
    if path.suffix.lower() != ".csv" and seen.lstrip().startswith(b"["):
        raise UsageError(
            f"{named} holds a JSON array; one object a line is read: `jq -c '.[]' FILE` writes them."
        )


def _check_header(path: Path, named: str) -> None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise _not_utf8(named) from error
    except csv.Error:
        return
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        told = "has no name" if not twice[0] else f"{twice[0]!r} is there twice"
        raise UsageError(f"{named}: of the columns one {told}. Give each a name of its own.")


def _not_utf8(named: str) -> UsageError:
    return UsageError(
        f"{named} is not UTF-8: save it as UTF-8, or find out what it is written in and convert it, as with "
        "iconv -f latin1 -t utf-8."
    )

"""The answers that people gave, read from a file's rows: a column of labels, columns of fields, or JSON.

An empty cell is no answer. Does not know: tasks' instructions, or what is done with the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from schemas.errors import UsageError
from schemas.output import ManyLabels, Mismatch, OneLabel, Output

LABEL_FIELDS = ("label", "labels", "gold")
"""Looked for, in this order, where no column is named."""

Row = Mapping[str, object]


def gold_fields(first: Row, output: Output[object]) -> tuple[str, ...]:
    """Which columns hold the answers: one for each field of an answer, or one by its name; none if none does.

    Args:
        first: a row.
        output: what an answer must be.
    """
    names = _properties(output)
    if names and all(name in first for name in names):
        return tuple(names)
    return next(((name,) for name in LABEL_FIELDS if name in first), ())


def gold_of(
    where: str, rows: Sequence[Row], output: Output[object], fields: Sequence[str], *, typed: bool
) -> list[object]:
    """The answer of each row as JSON; None where a row has none.

    Args:
        where: names the file, for what is said of it.
        rows: of the file.
        output: what an answer must be.
        fields: the columns, as ``gold_fields`` found them.
        typed: whether cells have types (JSONL), or are all texts (CSV).

    Raises:
        UsageError: a cell that is no answer of the task; names row and column.
    """
    return [_answer(where, number, row, output, fields, typed=typed) for number, row in enumerate(rows, 1)]


def _answer(
    where: str, number: int, row: Row, output: Output[object], fields: Sequence[str], *, typed: bool
) -> object:
    cells = {name: row.get(name) for name in fields}
    if all(cell is None or cell == "" for cell in cells.values()):
        return None
    properties = _properties(output)
    if set(fields) <= set(properties) and len(fields) == len(properties):
        answer: object = {
            name: cell if typed else _typed(cell, properties[name]) for name, cell in cells.items()
        }
    else:
        (cell,) = cells.values()
        answer = _one(cell, output)
    try:
        return output.encode(answer)
    except Mismatch as error:
        named = ", ".join(map(repr, fields))
        raise UsageError(
            f"{where}, row {number}, {named}: {error}. Leave it empty where nobody has answered."
        ) from None


def _one(cell: object, output: Output[object]) -> object:
    """The answer that one cell holds."""
    if not isinstance(cell, str) or isinstance(output, OneLabel):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    if isinstance(output, ManyLabels):
        return [name.strip() for name in cell.split(",") if name.strip()]
    return cell


def _typed(cell: object, schema: object) -> object:
    """A CSV cell as the schema's type: a text stays one where a text is allowed."""
    if not isinstance(cell, str):
        return cell
    if cell == "":
        return None
    kinds = _kinds(schema)
    if "string" in kinds:
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return {"true": True, "false": False}.get(cell.strip().lower(), cell)


def _kinds(schema: object) -> set[str]:
    """Types that a schema names, alternatives included; a text where it names none."""
    if not isinstance(schema, Mapping):
        return {"string"}
    found: set[str] = set()
    kind = schema.get("type")
    found.update([kind] if isinstance(kind, str) else kind if isinstance(kind, list) else [])
    for name in ("anyOf", "oneOf"):
        for each in cast("Sequence[object]", schema.get(name) or ()):
            found |= _kinds(each)
    values = schema.get("enum")
    if not found and isinstance(values, list):
        found = {"string"} if any(isinstance(each, str) for each in values) else {"number"}
    return found or {"string"}


def _properties(output: Output[object]) -> Mapping[str, object]:
    found = output.schema.get("properties")
    return found if isinstance(found, Mapping) else {}

"""The guard as the command line says it: what is audited, what is promised, and the answers people gave.

Does not know: how a promise is proven, or what comes of an audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from packer.out.commands.looked_at import file_rows
from packer.out.commands.near import did_you_mean
from packer.out.tables.gold_rows import LABEL_FIELDS, Row, gold_fields, gold_of
from packer.out.tables.whole import check_writable
from schemas.errors import UsageError
from schemas.guard import Gold, Guard, Unproven
from schemas.output import OneLabel, Output
from schemas.task import Task


def guard_of(
    task: Task[object],
    *,
    audit: float,
    max_bleed: float | None,
    max_accuracy_loss: float | None,
    gold: Path | None,
    gold_field: str | None,
    text_field: str | None,
    confidence: float,
    profile: Path | None,
    unproven: Unproven,
) -> Guard:
    """Make the guard of a command's options.

    Args:
        task: whose labels the gold must have.
        audit: share of packed answers that is asked again alone.
        max_bleed: promise; None without.
        max_accuracy_loss: promise; None without.
        gold: a file of labelled texts; None without.
        gold_field: its field with the right answers; None looks for it.
        text_field: its field with the texts, as in the input; None is ``text``.
        confidence: of the promise.
        profile: where trials are kept; None keeps none.
        unproven: what is done where nothing can be proven.

    Raises:
        UsageError: options that do not go together, or a gold file that cannot be used.
    """
    check_promise(max_bleed, max_accuracy_loss)
    if max_accuracy_loss is not None and gold is None:
        raise UsageError(
            "--max-accuracy-loss needs --gold: a file of inputs with the answers people gave. Without one, "
            "--max-bleed promises that packing changes nothing."
        )
    if confidence >= 1:
        raise UsageError("--confidence 1: no sample makes a promise that sure; write it as in 0.95.")
    if profile is not None:
        if max_bleed is None and max_accuracy_loss is None:
            raise UsageError(
                "--profile keeps what was tried for a promise: give --max-bleed or --max-accuracy-loss too."
            )
        check_writable(profile)
    return Guard(
        audit=audit,
        max_bleed=max_bleed,
        max_accuracy_loss=max_accuracy_loss,
        gold=() if gold is None else read_gold(gold, task, gold_field, text_field or "text"),
        confidence=confidence,
        profile=profile,
        unproven=unproven,
    )


def check_promise(max_bleed: float | None, max_accuracy_loss: float | None) -> None:
    """Refuse two promises at once.

    Raises:
        UsageError: both are given.
    """
    if max_bleed is not None and max_accuracy_loss is not None:
        raise UsageError("--max-bleed and --max-accuracy-loss: promise one of the two.")


def read_gold(path: Path, task: Task[object], field: str | None, text_field: str) -> tuple[Gold, ...]:
    """Read inputs with the answers people gave; rows without an answer are left out.

    Args:
        path: a .csv, .jsonl or .parquet file, which may be the input itself.
        task: whose answers they are.
        field: which field holds the answer; several labels are a list, or stand in one cell as ``a, b``.
            None looks for ``label``, ``labels`` or ``gold``, or for one column a field of the answer.
        text_field: which field holds the text.

    Raises:
        UsageError: no such file or field, an answer that the task does not have, two answers to one text, or
            no answer at all.
    """
    where = f"--gold {str(path)!r}"
    rows = list(file_rows(path, "--gold"))
    if not rows:
        raise UsageError(f"{where} has no rows.")
    fields = (field,) if field is not None else gold_fields(rows[0], task.output) or LABEL_FIELDS[:1]
    _check_fields(where, rows, [(text_field, "--text-field"), *((name, "--gold-field") for name in fields)])
    answers = answers_of(where, path, rows, task.output, fields)
    found: dict[str, tuple[int, Gold]] = {}
    for number, (row, answer) in enumerate(zip(rows, answers, strict=True), 1):
        if answer is None:
            continue
        text = row[text_field]
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{where}: row {number} has no text in field {text_field!r}.")
        before, known = found.setdefault(text, (number, Gold(text, answer)))
        if known.answer != answer:
            raise UsageError(
                f"{where}: rows {before} and {number} have one text and two answers: keep one of them."
            )
    if not found:
        raise UsageError(f"{where}: no row has an answer in field {', '.join(map(repr, fields))}.")
    return tuple(gold for _, gold in found.values())


def answers_of(
    where: str, path: Path, rows: Sequence[Row], output: Output[object], fields: Sequence[str]
) -> list[object]:
    """``gold_of`` for the rows of a file, with the label that somebody probably meant.

    Raises:
        UsageError: a cell that is no answer of the task; names row and column.
    """
    if isinstance(output, OneLabel) and len(fields) == 1:
        for number, row in enumerate(rows, 1):
            cell = row.get(fields[0])
            known = isinstance(cell, str) and cell.strip().casefold() in map(str.casefold, output.labels)
            if isinstance(cell, str) and cell and not known and (near := did_you_mean(cell, output.labels)):
                raise UsageError(
                    f"{where}, row {number}, {fields[0]!r}: {cell!r} is not one of the labels "
                    f"{', '.join(map(repr, output.labels))}.{near}"
                )
    return gold_of(where, rows, output, fields, typed=path.suffix.lower() != ".csv")


def _check_fields(where: str, rows: Sequence[Row], wanted: Sequence[tuple[str, str]]) -> None:
    for number, row in enumerate(rows, 1):
        for name, option in wanted:
            if name not in row:
                raise UsageError(
                    f"{where}: row {number} has no field {name!r}; name it with {option}. "
                    f"The fields are: {', '.join(map(repr, row))}.{did_you_mean(name, row)}"
                )

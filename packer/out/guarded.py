"""The guard as the command line says it: what is audited, what is promised, and the answers people gave.

Does not know: how a promise is proven, or what comes of an audit.
"""

from __future__ import annotations

from pathlib import Path

from packer.out.gold_rows import gold_of
from packer.out.rows import read_rows
from packer.out.whole import check_writable
from schemas.errors import UsageError
from schemas.guard import Gold, Guard, Unproven
from schemas.task import Task


def guard_of(
    task: Task[object],
    *,
    audit: float,
    max_bleed: float | None,
    max_accuracy_loss: float | None,
    gold: Path | None,
    gold_field: str,
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
        gold_field: its field with the right answers.
        text_field: its field with the texts, as in the input; None is ``text``.
        confidence: of the promise.
        profile: where trials are kept; None keeps none.
        unproven: what is done where nothing can be proven.

    Raises:
        UsageError: options that do not go together, or a gold file that cannot be used.
    """
    if max_bleed is not None and max_accuracy_loss is not None:
        raise UsageError("--max-bleed and --max-accuracy-loss: promise one of the two.")
    if max_accuracy_loss is not None and gold is None:
        raise UsageError(
            "--max-accuracy-loss needs --gold: a file of inputs with the answers people gave. Without one, "
            "--max-bleed promises that packing changes nothing."
        )
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


def read_gold(path: Path, task: Task[object], field: str, text_field: str) -> tuple[Gold, ...]:
    """Read inputs with the answers people gave; rows without an answer are left out.

    Args:
        path: a .csv or .jsonl file, which may be the input itself.
        task: whose answers they are.
        field: which field holds the answer; several labels are a list, or stand in one cell as ``a, b``.
        text_field: which field holds the text.

    Raises:
        UsageError: no such file or field, an answer that the task does not have, two answers to one text, or
            no answer at all.
    """
    where = f"--gold {str(path)!r}"
    found: dict[str, tuple[int, Gold]] = {}
    rows = list(read_rows(path))
    for number, row in enumerate(rows, 1):
        for wanted, option in ((text_field, "--text-field"), (field, "--gold-field")):
            if wanted not in row:
                raise UsageError(
                    f"{where}: row {number} has no field {wanted!r}; name it with {option}. "
                    f"The fields are: {', '.join(map(repr, row))}."
                )
    answers = gold_of(where, rows, task.output, (field,), typed=path.suffix.lower() != ".csv")
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
        raise UsageError(f"{where}: no row has an answer in field {field!r}.")
    return tuple(gold for _, gold in found.values())

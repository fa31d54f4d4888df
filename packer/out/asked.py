"""What a command was given, as the engine takes it: the task, the rows, money, a review gate.

Does not know: commands, or what becomes of any of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path

from packer.out.rows import pick_text_field, read_rows, with_texts
from schemas.errors import UsageError
from schemas.review import OnReject, ReviewGate, SampledBy
from schemas.task import Task


def gate_of(sample: int, by: SampledBy, on_reject: OnReject, store: Path | None) -> ReviewGate | None:
    """A gate that waits for ``packsplit review``; None for none.

    Raises:
        UsageError: there is no store in which it could wait.
    """
    if not sample:
        return None
    if store is None:
        raise UsageError(
            "--review waits for `packsplit review RUN`, which needs the run in a file: give --store."
        )
    return ReviewGate(sample, by=by, on_reject=on_reject)


def money_of(given: str | None) -> Decimal | None:
    """USD, exactly.

    Raises:
        UsageError: it is no amount.
    """
    try:
        return None if given is None else Decimal(given)
    except InvalidOperation:
        raise UsageError(f"--max-cost {given!r} is no amount of USD; write it as 1.50.") from None


def task_of(instruction: str, labels: str, multi: bool) -> Task[object]:
    """A classification by these labels, which stand between commas."""
    names = [name.strip() for name in labels.split(",") if name.strip()]
    if multi:
        return Task.classify(instruction, names, multi=True)
    return Task.classify(instruction, names)


def rows_of(
    source: Path, text_field: str | None, id_field: str | None
) -> tuple[Iterator[Mapping[str, object]], str | None, str | None]:
    """A file's rows, read as they are needed, and the fields of their texts and ids."""
    rows = iter(read_rows(source))
    first = next(rows, None)
    if first is None:
        return iter(()), None, None
    text = pick_text_field(first, text_field)
    return with_texts(chain([first], rows), text), text, id_field

"""What leaves a stored run: its results once they may go on, and the inputs without one, to be run again.

Does not know: how a run is stored, or which kind of file results become.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packer.out.board.plain import plain
from packer.out.board.standing import command
from packer.out.tables.results import json_line
from packer.out.tables.rows import JSON_LINES, MARK
from packer.out.tables.whole import check_writable, whole_file
from packer.run.store.run_file import RunFile
from schemas.counted import counted
from schemas.errors import UsageError
from schemas.item import ItemId
from schemas.output import SchemaOutput
from schemas.record import ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate
from schemas.usage import Usage
from schemas.verdict import Fault, Reason


def export_rows(record: RunRecord) -> list[ItemResult[object]]:
    """A run's results for ``write_results``, if its reviewer lets them go.

    Returns:
        One result per input, in input order; what is not settled is ``pending``.

    Raises:
        UsageError: the run waits for its reviewer, or was rejected by them.
    """
    name = plain(record.name)
    if record.gate is Gate.REJECTED:
        bad = [review for review in record.reviews if review.bad]
        why = f" ({plain(bad[-1].reason)})" if bad and bad[-1].reason else ""
        raise UsageError(
            f"Not written: {name} was rejected by its reviewer: {len(bad):,} of "
            f"{counted(len(record.reviews), 'answer')} looked at were wrong{why}. No result goes on."
        )
    if not record.released:
        held = record.states[ItemState.HELD]
        told = f"{counted(held, 'answer')} of {name} {'waits' if held == 1 else 'wait'}"
        raise UsageError(f"Not written: {told} for a review. Next: {command('review', record)}")
    return results_of(record)


def results_of(record: RunRecord) -> list[ItemResult[object]]:
    """One result per input, in input order, whether or not they may go on; what is not settled is pending."""
    why = record.stopped or "the run has not come to it yet"
    return [item.result if item.result is not None else _pending(item, why) for item in record.items]


def output_of(path: Path) -> SchemaOutput | None:
    """What a stored run's answers look like, for ``write_results``; None where its file does not say.

    Raises:
        StoreFailed: the run's file cannot be read, or is damaged.
    """
    with RunFile(path, write=False) as file:
        schema = file.head().get("answer_schema")
    return SchemaOutput(schema) if isinstance(schema, Mapping) else None


def write_failures(
    path: Path,
    results: Iterable[ItemResult[object]],
    originals: Iterable[Mapping[str, object]],
    *,
    id_field: str | None = None,
) -> int:
    """Write the inputs that have no accepted answer as JSONL that ``packsplit run`` takes as its input.

    Each line is the row as ``read_rows`` gave it, and under ``packsplit`` what became of it; reading leaves
    that field out again. A row whose id was its number gets it as ``id``, so that the second run's results
    go by the ids of the first. Held answers count as open, as in ``RunResult.unresolved``.

    The second run needs the options of the first: the same ``--id-field``, and ``--text-field`` with the
    field that was picked, since another first row may have other fields to pick from.

    Args:
        path: a ``.jsonl`` file; it appears whole or not at all.
        results: one per input, in input order.
        originals: the rows, in the same order.
        id_field: which field the ids came from, when it is not ``id``.

    Returns:
        How many inputs were written.

    Raises:
        UsageError: another kind of file, a path that cannot be written to, or rows that are not the results'.
        RunError: the disk is full or fails.
    """
    check_failures(path)
    count = 0
    with whole_file(path) as file:
        for result, original in _paired(path, results, originals):
            _check_same(result.item_id, original, id_field)
            if result.outcome is not Outcome.ACCEPTED:
                file.write(json_line(_again(result, original, id_field)))
                count += 1
    return count


def check_failures(path: Path) -> None:
    """Refuse a place for failures that cannot work, before anything is paid for.

    Raises:
        UsageError: another kind of file than ``.jsonl``, no such folder, or no file.
    """
    if path.suffix.lower() not in JSON_LINES:
        raise UsageError(f"--failures {str(path)!r}: rows to run again are written as .jsonl.")
    check_writable(path)


def _paired(
    path: Path, results: Iterable[ItemResult[object]], originals: Iterable[Mapping[str, object]]
) -> Iterator[tuple[ItemResult[object], Mapping[str, object]]]:
    try:
        yield from zip(results, originals, strict=True)
    except ValueError as error:
        told = "the input has another number of rows than the run"
        raise UsageError(f"{str(path)!r} was not written: {told}.") from error


def _again(
    result: ItemResult[object], original: Mapping[str, object], id_field: str | None
) -> dict[str, object]:
    numbered = id_field is None and "id" not in original
    return {
        **({"id": result.item_id} if numbered else {}),
        **original,
        MARK: {
            "outcome": result.outcome,
            "reason": None if result.reason is None else str(result.reason),
            "attempts": result.attempts,
        },
    }


def _check_same(item_id: ItemId, original: Mapping[str, object], id_field: str | None) -> None:
    """A row beside another row's result would be run again under the wrong text without anybody seeing it."""
    found = original.get(id_field or "id", item_id)
    if found != item_id:
        raise UsageError(f"The input is not the run's: where the run has item {item_id!r}, it has {found!r}.")


def _pending(item: ItemRecord, why: str) -> ItemResult[object]:
    # Calls an open item took part in are paid for, but its share of them is not known here.
    used = Usage() if item.attempts else Usage.none_spent()
    reason = Reason(Fault.STOPPED, why)
    return ItemResult(item.id, Outcome.PENDING, reason=reason, attempts=item.attempts, usage=used)

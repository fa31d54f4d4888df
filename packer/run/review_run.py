"""The review of a stored run by a process of its own: the sheet that waits, and the decisions on it.

Does not know: how a sheet is shown, or how the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from packer.run.gate import reviews_of
from packer.run.read_run import read_run
from packer.run.store.journal import now
from packer.run.store.run_file import RunFile
from schemas.errors import UsageError
from schemas.item import ItemId
from schemas.output import Mismatch, SchemaOutput
from schemas.record import ItemRecord, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Decision, Gate, Neighbour, Review, Ruling, Sheet, Stage, ToReview
from schemas.signal import Trust
from schemas.written import written


def sheet_of(path: str | Path) -> Sheet:
    """The sheet that waits for its reviewer.

    Raises:
        UsageError: none does; says why.
        StoreFailed: the run's file cannot be read, or is damaged.
    """
    record = read_run(path)
    if record.gate is not Gate.WAITING:
        told = "has no review gate" if record.gate is Gate.NONE else f"is {record.gate} already"
        raise UsageError(f"{path}: there is nothing to review, the run {told}.")
    with RunFile(Path(path), write=False) as file:
        file.head()
        shown: tuple[Stage, list[ItemId]] | None = None
        for event in file.events():
            if event.kind == "shown" and isinstance(ids := event.body["ids"], list):
                shown = Stage(str(event.body["stage"])), ids
            elif event.kind == "ruled":
                shown = None
    if shown is None:
        raise UsageError(f"{path}: no sample waits for a reviewer yet; let the run go on.")
    by_id = {each.id: each for each in record.items}
    answered = sum(each.result is not None for each in record.items)
    items = tuple(_shown(by_id[each], record, by_id) for each in shown[1])
    return Sheet(record.name, shown[0], items, answered, len(record.items))


def parser_of(path: str | Path) -> Callable[[object], object]:
    """Checks corrections against what the run's task allows; raises ``UsageError`` where they do not fit."""
    with RunFile(Path(path), write=False) as file:
        schema = file.head()["answer_schema"]
    if not isinstance(schema, Mapping):
        raise UsageError(f"{path}: the run does not say what its answers look like.")
    output = SchemaOutput(schema)

    def checked(value: object) -> object:
        try:
            return output.decode(value)
        except Mismatch as error:
            raise UsageError(f"this is no answer to the run's task: {error}") from None

    return checked


def decide(path: str | Path, decisions: Iterable[Decision], *, reviewer: str) -> tuple[Review, ...]:
    """Keep a reviewer's decisions on the sheet that waits; durable on return.

    Args:
        path: the run's file.
        decisions: one for each answer of the sheet.
        reviewer: who decided.

    Raises:
        UsageError: one is missing or does not fit, or nothing waits.
        RunInUse: a process works on the run.
        StoreFailed: the run's file could not be read or written.
    """
    sheet, parse = sheet_of(path), parser_of(path)
    reviews = reviews_of(sheet, decisions, parse, by=reviewer, at=now())
    record = read_run(path)
    with RunFile(Path(path), write=True) as file:
        file.head()
        for _ in file.events():
            pass
        file.settle(_revised(record, reviews))
        file.append("ruled", {"stage": sheet.stage.value, "reviews": written(reviews)}, durable=True)
    return reviews


def _revised(record: RunRecord, reviews: Iterable[Review]) -> Iterable[tuple[int, object]]:
    """Results with what was said of them; repeats of a text follow."""
    by_id = {each.item_id: each for each in reviews if each.ruling is not Ruling.REJECT}
    for position, item in enumerate(record.items):
        result = item.result
        review = None if result is None else by_id.get(result.item_id) or by_id.get(_first(result))
        if result is not None and review is not None:
            yield position, written(_with(result, review))


def _first(result: ItemResult[object]) -> ItemId:
    return result.item_id if result.same_as is None else result.same_as


def _with(result: ItemResult[object], review: Review) -> ItemResult[object]:
    made = replace(result, review=review, outcome=Outcome.ACCEPTED)
    if review.ruling is Ruling.CORRECT:
        made = replace(made, value=review.after, trust=Trust.CONFIRMED)
    return made


def _shown(item: ItemRecord, record: RunRecord, by_id: Mapping[ItemId, ItemRecord]) -> ToReview:
    result = item.result
    if result is None:
        raise UsageError(f"item {item.id!r} of the sheet has no answer any more; let the run go on.")
    mates = next((call.members for call in reversed(record.calls) if call.name == result.call), ())
    return ToReview(
        item.id,
        item.text,
        result.value,
        str(result.route),
        result.trust,
        result.signals,
        result.quotes,
        tuple(
            Neighbour(each, by_id[each].text, None if (other := by_id[each].result) is None else other.value)
            for each in mates
            if each != item.id
        ),
    )

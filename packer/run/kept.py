"""What a store holds of a run before its first call, and how the same run is made of it again.

Does not know: how calls are made, or what the journal says of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from packer.budget import Allowance
from packer.plan import Plan
from packer.run.store.damage import damaged
from packer.run.store.fingerprint import changes
from packer.run.store.journal import Journal, now
from packer.run.store.records import listed, number
from packer.run.store.run_file import RunFile
from packer.seating import Seating
from schemas.calibration import Calibration
from schemas.errors import RunChanged
from schemas.item import Item, ItemId
from schemas.keeping import Store
from schemas.output import Mismatch
from schemas.result import ItemResult
from schemas.settings import Envelope, Strategy
from schemas.task import Task
from schemas.written import NotOurs, read, written

T = TypeVar("T")

TITLE_LETTERS = 60


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A run as its store's head tells it.

    Attributes:
        name: the run's.
        envelope: the reply's shape that the provider could be held to.
        known: results that no call is spent on, from the cache.
        seating: who sits where.
        strategy: how packs are asked.
        not_worth: why trying sizes did not pay.
        calibration: what was settled before the first call.
    """

    name: str
    envelope: Envelope
    known: dict[ItemId, ItemResult[T]]
    seating: Seating[T]
    strategy: Strategy
    not_worth: str
    calibration: Calibration | None


def title_of(task: Task[object]) -> str:
    """A run's name when the caller gives none: ``[Batch] Sentiment of a review - 2026-11-24``."""
    first = task.instruction.splitlines()[0].split(". ")[0].rstrip(".")
    short = first if len(first) <= TITLE_LETTERS else first[: TITLE_LETTERS - 3].rstrip() + "..."
    return f"[Batch] {short} - {datetime.now(UTC).date().isoformat()}"


def begin(
    file: RunFile,
    store: Store,
    *,
    name: str,
    model: str,
    task: Task[T],
    every: Sequence[Item],
    parts: Mapping[str, object],
    envelope: Envelope,
    known: Mapping[ItemId, ItemResult[T]],
    plan: Plan[T],
    calibration: Calibration | None,
    journal: Journal,
) -> None:
    """Write the head of a new run, durably."""
    seating = plan.seating
    items = []
    position = 0
    for item in every:
        body: dict[str, object] = {"id": item.id, "group": item.group}
        if store.texts:
            body["text"] = item.text
        if item.id in known:
            body["known"] = journal.body_of(known[item.id])
        else:
            body["tokens"] = seating.text_tokens.get(position)
            position += 1
        items.append(body)
    head: dict[str, object] = {
        "name": name,
        "created_at": now(),
        "model": model,
        "instruction": task.instruction,
        "answer_schema": task.output.schema,
        "parts": dict(parts),
        "envelope": envelope,
        "texts": store.texts,
        "begun_with": list(store.begun_with),
        "allowance": written(seating.allowance),
        "dearest_tokens": seating.dearest_tokens,
        "sample": list(seating.sample),
        "trial": list(seating.trial),
        "audited": list(seating.audited),
        "twice": list(seating.twice),
        "refused": [journal.body_of(each) for each in seating.refused],
        "baseline": written(plan.baseline),
        "strategy": plan.strategy,
        "not_worth": plan.not_worth,
        "choice": None if plan.choice is None else plan.choice.words,
        "calibration": written(calibration),
        "advice": written(plan.advice),
    }
    file.begin(head, items, ({"members": list(bin_)} for bin_ in seating.bins))


def taken_up(file: RunFile, task: Task[T], parts: Mapping[str, object]) -> Kept[T]:
    """Read a run that was begun before.

    Raises:
        RunChanged: it was begun with something else.
        StoreDamaged: its file does not hold what was written.
    """
    head = file.head()
    before = head["parts"]
    if isinstance(before, dict) and (changed := changes(before, parts)):
        raise RunChanged(str(file.path), changed)
    known: dict[ItemId, ItemResult[T]] = {}
    tokens: dict[int, int] = {}
    position = 0
    try:
        for body in file.items():
            if (result := body.get("known")) is not None:
                made = result_read(result, task)
                known[made.item_id] = made
                continue
            if isinstance(count := body["tokens"], int):
                tokens[position] = count
            position += 1
        seating = Seating(
            tuple(_numbers(each["members"]) for each in file.packs()),
            _numbers(head["sample"]),
            tokens,
            number(head["dearest_tokens"]),
            tuple(result_read(each, task) for each in listed(head["refused"])),
            read(Allowance, head["allowance"]),
            _numbers(head["trial"]),
            _numbers(head["audited"]),
            _numbers(head["twice"]),
        )
        envelope = head["envelope"]
        strategy = head["strategy"]
        assert strategy in ("pack", "session", "single")  # noqa: S101  # sealed
        calibration = None if head["calibration"] is None else read(Calibration, head["calibration"])
        assert envelope in ("keyed", "array", "lines")  # noqa: S101  # sealed
    except (KeyError, NotOurs, Mismatch) as error:
        raise damaged(file.path, f"its head makes no sense: {error}") from None
    return Kept(str(head["name"]), envelope, known, seating, strategy, str(head["not_worth"]), calibration)


def result_read(body: object, task: Task[T]) -> ItemResult[T]:
    """A result as it was written.

    Raises:
        NotOurs: it is none.
        Mismatch: its value does not fit the task.
    """
    if not isinstance(body, dict):
        raise NotOurs("a result that is no object")
    value = body.get("value")
    made: ItemResult[T] = read(ItemResult, {**body, "value": None})
    return made if value is None else replace(made, value=task.output.decode(value))


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(number(each) for each in listed(value))

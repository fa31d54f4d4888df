"""A person's look at a sample before anything goes on: what they see, what they say, what is kept of it.

Does not know: how the sample is drawn, who is shown it, or what a rejection leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from schemas.errors import UsageError
from schemas.evidence import Quote
from schemas.item import ItemId
from schemas.signal import Signal, Trust

SampledBy = Literal["random", "stratified", "doubtful"]
OnReject = Literal["again", "stop"]


class Stage(StrEnum):
    """When a sheet is shown: after the first packs, before most money is spent; or at the end."""

    FIRST = "first"
    LAST = "last"


class Gate(StrEnum):
    """Where a run stands with its reviewer."""

    NONE = "none"
    WAITING = "waiting"
    PASSED = "passed"
    REJECTED = "rejected"


class Ruling(StrEnum):
    """What a reviewer says of one answer."""

    APPROVE = "approve"
    REJECT = "reject"
    CORRECT = "correct"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another item of the same call, with its answer.

    Attributes:
        item_id: whose.
        text: the input; None where the run keeps no texts.
        answer: as JSON; None when it has none.
    """

    item_id: ItemId
    text: str | None
    answer: object


@dataclass(frozen=True, slots=True)
class ToReview:
    """One answer as a reviewer sees it.

    Attributes:
        item_id: whose.
        text: the input; None where the run keeps no texts.
        answer: as JSON.
        route: the kind of call it came from.
        trust: how far it is to be trusted.
        signals: traces that concern it.
        quotes: the words it rests on.
        neighbours: who shared its call, in seat order.
    """

    item_id: ItemId
    text: str | None
    answer: object
    route: str
    trust: Trust
    signals: tuple[Signal, ...] = ()
    quotes: tuple[Quote, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is shown at one stage.

    Attributes:
        run: the run's name.
        stage: when.
        items: the sample.
        answered: inputs that have an answer so far.
        total: inputs in all.
    """

    run: str
    stage: Stage
    items: tuple[ToReview, ...]
    answered: int
    total: int

    def _repr_html_(self) -> str:
        from schemas.notebook_views import sheet_view

        return sheet_view(self)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided on one answer of a sheet.

    Attributes:
        item_id: whose.
        ruling: approve, reject, or correct.
        value: the right answer as JSON, for a correction.
        reason: in the reviewer's words.
    """

    item_id: ItemId
    ruling: Ruling
    value: object = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A decision as it is kept.

    Attributes:
        item_id: whose answer.
        stage: when.
        ruling: approve, reject, or correct.
        by: the reviewer's name.
        at: when it was decided, as ISO 8601 in UTC.
        reason: in the reviewer's words.
        before: the model's answer, as JSON.
        after: the corrected answer, as JSON; None without.
    """

    item_id: ItemId
    stage: Stage
    ruling: Ruling
    by: str
    at: str
    reason: str = ""
    before: object = None
    after: object = None

    @property
    def bad(self) -> bool:
        """True when the model's answer was wrong."""
        return self.ruling is not Ruling.APPROVE

    def _repr_html_(self) -> str:
        from schemas.notebook_views import review_view

        return review_view(self)


@dataclass(frozen=True, slots=True)
class ReviewGate:
    """Hold everything until a person has looked at a sample: after the first packs, and at the end.

    One systematic fault then costs so many reads, not a file of wrong rows downstream.

    Attributes:
        sample: answers shown at each stage.
        by: ``random``; ``stratified`` spreads the sample over routes, calls and answers; ``doubtful`` shows
            doubtful answers first.
        callback: is shown a sheet and gives back one decision for each of its items. Without one the run
            ends and waits: ``packsplit review RUN`` decides, and running again goes on.
        on_reject: ``again`` sends all items of a rejected answer's call down the ladder; ``stop`` ends
            the run.
        reviewer: kept beside each decision of the callback.

    Example:
        >>> from packer import Decision, ReviewGate, Ruling, Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> def approve(sheet):
        ...     return [Decision(each.item_id, Ruling.APPROVE) for each in sheet.items]
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient({"Great.": "good", "Awful.": "bad"})
        >>> gate = ReviewGate(sample=1, callback=approve)
        >>> run = pack_and_run(["Great.", "Awful."], task, client=client, review=gate)
        >>> run.gate.value, len(run.reviews), len(run.released)
        ('passed', 1, 2)
    """

    sample: int = 5
    by: SampledBy = "random"
    callback: Callable[[Sheet], Iterable[Decision]] | None = None
    on_reject: OnReject = "again"
    reviewer: str = ""

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise UsageError(f"ReviewGate(sample={self.sample}): show one answer at least.")
        if self.by not in ("random", "stratified", "doubtful"):
            raise UsageError(f"ReviewGate(by={self.by!r}): choose one of 'random', 'stratified', 'doubtful'.")
        if self.on_reject not in ("again", "stop"):
            raise UsageError(f"ReviewGate(on_reject={self.on_reject!r}): choose 'again' or 'stop'.")

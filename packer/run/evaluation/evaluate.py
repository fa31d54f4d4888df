"""``evaluate``: the same items asked alone and packed, and what packing did to their answers.

Does not know: how an arm is asked, or how a rate is estimated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from packer.audit import scipy_part
from packer.audit.rate import DEFAULT_CONFIDENCE
from packer.fit.suit import checked_task
from packer.frames import Frame, items_from
from packer.run.evaluation.arms import Arm, Asking, OnArm, arm_guard
from packer.run.evaluation.evaluation_words import advised, measured_words
from packer.run.evaluation.measured import Measuring, Singles, answers_of
from packer.run.proof.profile_file import Subject, write_profile
from packer.run.proof.promise import checked_guard
from packer.run.proof.promise_words import settled_words
from packer.seating import distinct
from schemas.calibration import Calibration, Finding
from schemas.errors import UsageError
from schemas.evaluation import Evaluation, SizeMeasured
from schemas.facts import ModelFacts
from schemas.guard import TWICE, Gold, Guard
from schemas.item import GroupBy, Item, ItemLike
from schemas.protocols import Client, TokenCounter
from schemas.settings import MOST_ITEMS_PER_PACK, Budget, Layout, Limits
from schemas.task import Task
from schemas.written import fields_written

T = TypeVar("T")

SIZES = (5, 10, 20)
DEFAULT_BLEED = 0.02
"""What sizes are held against where nothing is promised."""


def evaluate(
    items: Iterable[ItemLike] | Frame,
    task: Task[T],
    *,
    model: str | None = None,
    client: Client | object | None = None,
    sizes: Sequence[int] = SIZES,
    layout: Layout | None = None,
    gold: tuple[Gold, ...] | Mapping[str, object] | Iterable[tuple[str, object]] = (),
    guard: Guard | None = None,
    budget: Budget | None = None,
    limits: Limits | None = None,
    counter: TokenCounter | None = None,
    facts: ModelFacts | None = None,
    store: str | Path | None = None,
    seed: int = 0,
    twice_share: float = TWICE,
    profile: str | Path | None = None,
    max_bleed: float | None = None,
    max_accuracy_loss: float | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    group_by: GroupBy | None = None,
    text_field: str | None = None,
    id_field: str | None = None,
    on_progress: OnArm | None = None,
) -> Evaluation:
    """Measure what packing does: every item is asked alone and by each pack size, some alone twice.

    It costs one call an item, a share of that again, and the packs of each size.

    Args:
        items: as for ``pack_and_run``; of texts that occur twice the first counts.
        task: what is asked of each.
        model: as for ``pack_and_run``.
        client: as for ``pack_and_run``.
        sizes: items a pack, each 2 or more.
        layout: envelope, binding, packing, order.
        gold: inputs with the answers people gave, as pairs or a mapping of text to answer; of the items,
            some or all. Inputs that are not among the items say nothing.
        guard: which signals reject an answer or make it doubtful; what it promises or audits is left out.
        budget: how large a pack may grow in tokens.
        limits: as for ``pack_and_run``; the ceilings on calls, money and time hold for all of it together.
        counter: counts tokens.
        facts: what the caller knows of the model.
        store: a folder that keeps each arm in a file, so that a process that dies loses nothing: the same
            call again goes on. None keeps nothing.
        seed: same seed, same packs, same prompts.
        twice_share: so much of the items is asked alone a second time, to measure the model's own noise.
        profile: a file for what was found, which ``Guard(profile=...)`` of a later run reads.
        max_bleed: hold sizes against this promise; 0.02 where no promise is given.
        max_accuracy_loss: hold them against this one instead; needs ``gold``.
        confidence: of intervals and promise.
        group_by: items share packs only within a group.
        text_field: the text's field in records, when not ``text``.
        id_field: the id's field in records, when not ``id``.
        on_progress: called with the arm's name and its running sums.

    Returns:
        What was found; ``str`` of it is a table and what to do. When an arm ended early (a ceiling, Ctrl-C),
        ``stopped`` says why and only what is there is measured.

    Raises:
        UsageError: items, task or options that cannot work, a store of something else, or numpy and scipy
            are not installed.
        ClientError: no call can succeed.

    Example:
        >>> from packer import Task
        >>> from packer.run.evaluation.evaluate import evaluate
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient(lambda text: "good")
        >>> texts = [f"Review {n}" for n in range(30)]
        >>> found = evaluate(texts, task, client=client, sizes=(5,), max_bleed=0.2)
        >>> found.size, found.sizes[0].differ
        (5, 0)
    """
    scipy_part.require()
    task = checked_task(task)
    sizes = _checked_sizes(sizes)
    if not 0 <= twice_share <= 1:
        raise UsageError(f"evaluate(twice_share={twice_share!r}) must lie between 0 and 1.")
    if max_bleed is None and max_accuracy_loss is None:
        max_bleed = DEFAULT_BLEED
    promise = Guard(
        max_bleed=max_bleed, max_accuracy_loss=max_accuracy_loss, gold=gold, confidence=confidence
    )
    promise = checked_guard(promise, task, "pack")
    every = items_from(items, text_field=text_field, id_field=id_field, group_by=group_by)
    asked, same_as = distinct(every)
    chosen = [every[at] for at in asked]
    if not chosen:
        raise UsageError("All items are empty texts: there is nothing to evaluate.")
    by_text = {each.text: each.answer for each in promise.labelled}
    labels = {each.id: by_text[each.text] for each in chosen if each.text in by_text}
    if max_accuracy_loss is not None and not labels:
        raise UsageError("None of the items is in gold=, so max_accuracy_loss= cannot be held against any.")
    layout = layout or Layout()
    with ExitStack() as stack:
        folder = _folder(store) if store is not None else None
        asking = Asking(
            task=task,
            folder=folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="packsplit-"))),
            texts=folder is not None,
            model=model,
            client=client,
            budget=budget or Budget(),
            limits=limits or Limits(),
            guard=arm_guard(guard or Guard()),
            layout=layout,
            counter=counter,
            facts=facts,
            on_progress=on_progress,
            seed=seed,
        )
        found = _Evaluating(asking, chosen, promise, sizes, twice_share, labels).run(len(same_as))
    if profile is not None and any(each.items for each in found.sizes):
        # As a run has it: with the envelope that the provider could be held to.
        used = {**fields_written(layout), "envelope": found.envelope}
        subject = Subject(task.fingerprint, found.model, used)
        write_profile(Path(profile), subject, _calibration(found, promise))
    return found


@dataclass(slots=True)
class _Evaluating(Generic[T]):
    """One evaluation under way."""

    asking: Asking[T]
    items: Sequence[Item]
    promise: Guard
    sizes: Sequence[int]
    twice_share: float
    labels: Mapping[str | int, object]
    stopped: str | None = None

    def run(self, repeats: int) -> Evaluation:
        """Ask arm after arm, and measure."""
        task, layout = self.asking.task, self.asking.layout
        alone = self._noted(self.asking.alone(self.items))
        assert alone is not None  # noqa: S101  # the first arm has all of the limits
        again = self._again()
        second = {} if again is None else answers_of(again, task)
        singles = Singles(answers_of(alone, task), second, self.labels)
        measuring = Measuring(task, singles, self.promise, alone)
        measured = []
        for size in self.sizes:
            arm = None if self.stopped is not None else self._noted(self.asking.packed(self.items, size))
            if arm is not None:
                made = measuring.size(arm, size, self.items)
                measured.append(replace(made, words=measured_words(made, self.promise)))
        rights = [singles.right(each.id) for each in self.items if each.id in self.labels]
        found = Evaluation(
            model=alone.model,
            task=task.fingerprint,
            items=len(self.items),
            repeats=repeats,
            seed=self.asking.seed,
            envelope=alone.run.envelope,
            binding=layout.binding,
            alone=alone.spending,
            alone_lost=len(self.items) - len(singles.first),
            labelled=len(rights),
            alone_right=sum(map(bool, rights)) if rights else None,
            noise=singles.noise,
            noise_rate=singles.noise_rate(self.promise.confidence),
            promise=self.promise.promise or "max_bleed",
            ceiling=self.promise.ceiling,
            confidence=self.promise.confidence,
            sizes=tuple(measured),
            size=_largest(measured),
            stopped=self.stopped,
        )
        return replace(found, words=advised(found))

    def _again(self) -> Arm[T] | None:
        if self.stopped is not None or not self.twice_share:
            return None
        return self._noted(self.asking.again(self.items, self.twice_share))

    def _noted(self, arm: Arm[T] | None) -> Arm[T] | None:
        if arm is None:
            self.stopped = "the limits were used up before all was asked"
        elif arm.run.stopped is not None:
            self.stopped = f"{arm.name}: {arm.run.stopped}"
        return arm


def _largest(measured: Sequence[SizeMeasured]) -> int | None:
    """The largest size that is proven, all smaller ones being proven, too."""
    size = None
    for each in measured:
        if each.trial.finding is not Finding.KEPT:
            break
        size = each.size
    return size


def _calibration(found: Evaluation, promise: Guard) -> Calibration:
    made = Calibration(
        found.promise,
        found.ceiling,
        found.confidence,
        # Of a size whose packs never held so many nothing was seen.
        tuple(each.trial for each in found.sizes if each.items),
        found.noise,
        found.size,
        found.size is not None,
        round(found.alone.calls * found.alone.items) + found.noise.asked + sum(e.calls for e in found.sizes),
    )
    return replace(made, words=settled_words(made, promise))


def _checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    made = tuple(sorted(set(sizes)))
    if not made or made[0] < 2 or made[-1] > MOST_ITEMS_PER_PACK:
        raise UsageError(
            f"evaluate(sizes={tuple(sizes)!r}): name pack sizes from 2 to {MOST_ITEMS_PER_PACK}; single "
            "calls are asked anyway."
        )
    return made


def _folder(store: str | Path) -> Path:
    path = Path(store)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"evaluate(store={str(store)!r}) takes a folder, which keeps a file for each arm: "
            f"{error.strerror or error}."
        ) from None
    return path

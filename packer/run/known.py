"""What is known before a run's first call: answers of an earlier run, and of the cache.

Does not know: files, or what is asked of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from packer.run.options import Options
from packer.run.store.cache import AnswerCache
from schemas.errors import UsageError
from schemas.item import Item, ItemId
from schemas.result import ItemResult, Outcome, RunResult
from schemas.review import Gate
from schemas.route import Route
from schemas.task import Task

T = TypeVar("T")


def known_before(
    resume: RunResult[T] | None,
    fingerprint: str,
    options: Options,
    cache: AnswerCache | None,
    every: Sequence[Item],
    task: Task[T],
    model: str,
) -> dict[ItemId, ItemResult[T]]:
    """Results that no call is spent on.

    Args:
        resume: an earlier run; None without one.
        fingerprint: of this one.
        options: as given.
        cache: answers of all runs; None without one.
        every: all inputs.
        task: what is asked.
        model: who is asked, with the provider.

    Raises:
        UsageError: the earlier run is another one.
    """
    known = _kept(resume, fingerprint, options)
    if cache is not None:
        found = cache.found(task, model, [item.text for item in every])
        for item in every:
            if item.id not in known and item.text in found:
                value, quotes = found[item.text]
                known[item.id] = ItemResult(item.id, Outcome.ACCEPTED, value, Route.CACHE, quotes=quotes)
    return known


def _kept(resume: RunResult[T] | None, fingerprint: str, options: Options) -> dict[ItemId, ItemResult[T]]:
    if resume is None:
        return {}
    if resume.fingerprint != fingerprint:
        raise UsageError(
            "resume= is a run over other inputs, or of another task: give the same items, in the same order, "
            "and the same task as the run that is to be resumed."
        )
    if not resume.released and options.review is None and resume.gate is not Gate.NONE:
        raise UsageError("resume= is a run whose results are held for a review: give its review= again.")
    settled = (Outcome.ACCEPTED, Outcome.HELD)
    return {
        each.item_id: replace(each, outcome=Outcome.ACCEPTED)
        for each in resume.results
        if each.outcome in settled
    }

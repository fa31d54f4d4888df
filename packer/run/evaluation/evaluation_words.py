"""What an evaluation found, in plain sentences: one for each size, and one of what to do.

Does not know: how it was measured.
"""

from __future__ import annotations

import math

from packer.audit.promise import audits_needed
from schemas.audit import Estimate
from schemas.calibration import Finding, Trial
from schemas.evaluation import Accuracy, Evaluation, SizeMeasured
from schemas.guard import Guard


def measured_words(of: SizeMeasured, guard: Guard) -> str:
    """One sentence on one size."""
    if not of.items:
        return f"packs of {of.size}: no item shared a call, so nothing is known."
    parts = [f"packs of {of.size}: {of.differ:,} of {of.compared:,} answers differ from single ones"]
    if of.difference is not None:
        parts[0] += _beyond(of.difference, of.bleed)
    if of.lost:
        parts.append(f"{of.lost:,} of {of.items:,} items got no value and have to be asked again")
    if of.given_up:
        parts.append(f"the run gave this size up ({of.given_up})")
    if of.accuracy is not None:
        parts.append(_accuracy(of.accuracy))
    return "; ".join(parts) + "."


def advised(found: Evaluation) -> str:
    """What to do."""
    promise = f"{found.promise}={found.ceiling:g}"
    ended = f"The evaluation ended early ({found.stopped}): with store= the same again goes on. "
    before = "" if found.stopped is None else ended
    if not found.sizes:
        return before or "No size was measured."
    lacking = next((each for each in found.sizes if each.trial.finding is not Finding.KEPT), None)
    if found.size is not None:
        kept = next(each.trial for each in found.sizes if each.size == found.size)
        more = "" if lacking is None else f"; packs of {lacking.size} {_lack(lacking.trial, found)}"
        return f"{before}packs of {found.size} keep {promise} ({_points(kept.upper)} at most){more}."
    assert lacking is not None  # noqa: S101  # sizes were measured, and none is kept
    if lacking.trial.finding is Finding.BROKEN:
        why = f"packs of {lacking.size} {_lack(lacking.trial, found)}"
        return f"{before}no size keeps {promise}, as {why}: ask alone."
    needed = audits_needed(found.ceiling, found.confidence, lacking.size)
    way = "ask alone"
    if needed > lacking.trial.items:
        way = f"ask alone, or evaluate more items (at the very least {needed:,})"
    return (
        f"{before}no size is proven to keep {promise}, as packs of {lacking.size} "
        f"{_lack(lacking.trial, found)}: {way}."
    )


def _lack(trial: Trial, found: Evaluation) -> str:
    loses = found.promise == "max_accuracy_loss"
    of = "right answers" if loses else "answers"
    if trial.useless:
        return "leave too many items without a value"
    if trial.finding is Finding.BROKEN:
        return f"{'lose' if loses else 'change'} at least {_points(trial.lower)} of the {of}"
    if not trial.whole:
        return "were not tried on all items"
    return f"may cost up to {_points(trial.upper)} of the {of}"


def _beyond(difference: Estimate, bleed: Estimate | None) -> str:
    """How many of them packing has changed."""
    if not difference.value:
        return f", so packing changes at most {_points(difference.upper)}"
    if bleed is None:
        return "; how many of them by the model's own noise is not known"
    if bleed.lower > 0:
        return f": packing changes {_between(bleed)} of 100 beyond the model's own noise"
    if bleed.upper <= 0:
        return ", fewer than single ones differ among themselves"
    return f"; beyond the model's own noise none is shown, and up to {_points(bleed.upper)} could be"


def _accuracy(of: Accuracy) -> str:
    alone, packed = of.single_right / of.labelled, of.packed_right / of.labelled
    told = f"{_points(alone)} right alone and {_points(packed)} packed"
    if of.equivalent:
        return f"{told}, the same within one point"
    if of.equivalent is False:
        return f"{told}, which is not the same within one point"
    more = max(of.needed, of.labelled + 1)
    return f"{told}: too few to say whether that is the same (about {_round(more):,} items needed)"


def _between(of: Estimate) -> str:
    return f"{100 * of.lower:.1f} to {100 * of.upper:.1f}"


def _points(rate: float) -> str:
    return f"{rate:.1%}"


def _round(number: int) -> int:
    """Two digits, upwards."""
    step = int("1".ljust(len(str(number)) - 1, "0"))
    return math.ceil(number / step) * step

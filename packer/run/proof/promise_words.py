"""What became of a promise, in one sentence.

Does not know: how it was decided.
"""

from __future__ import annotations

from packer.promising import TrialPlan
from schemas.calibration import Calibration, Finding, Trial
from schemas.guard import Guard


def settled_words(found: Calibration, guard: Guard) -> str:
    """What a trial found, and what the run does.

    Args:
        found: the trial's figures; its words are not read.
        guard: the promise.
    """
    promise = promised(guard)
    if found.size is not None:
        kept = next(each for each in reversed(found.trials) if each.size == found.size)
        ended = found.trials[-1]
        more = "" if ended is kept else f"; packs of {ended.size} {_lack(ended, guard)}"
        return (
            f"packs of {found.size}: of {kept.items:,} items asked packed and alone {_seen(kept, guard)}, so "
            f"{promise} holds ({_percent(kept.upper)} at most){more}."
        )
    if not found.trials:
        return f"All items are asked alone: nothing was tried, so {promise} is not proven for any pack."
    last = found.trials[-1]
    return (
        f"All items are asked alone: packs of {last.size} {_lack(last, guard)} "
        f"({_seen(last, guard)} of {last.items:,} items), so {promise} is proven for no size."
    )


def too_small_words(trial: TrialPlan, items: int, guard: Guard, not_worth: str) -> str:
    """A trial would prove nothing, or cost more than it saves; what the run does instead."""
    if guard.promise == "max_bleed":
        found = f"{promised(guard)} needs about {trial.needed:,} audits for {items:,} items"
        found += ": all singles are cheaper" if trial.needed <= items else ", and there are too few"
    else:
        found = f"trying sizes on {len(guard.labelled):,} labelled inputs for {items:,} items does not pay"
    why = f" ({not_worth})" if not_worth else ""
    if guard.unproven == "pack":
        return f'{found}{why}; items are packed all the same, and nothing is proven (unproven="pack").'
    return f"{found}{why}, so all items are asked alone."


def profile_words(found: Calibration, guard: Guard, path: str) -> str:
    """What an earlier trial says."""
    if found.size is None:
        return f"All items are asked alone: in {path} no pack size keeps {promised(guard)}."
    kept = next(each for each in found.trials if each.size == found.size)
    return (
        f"packs of {found.size}, as tried before ({path}): of {kept.items:,} items {_seen(kept, guard)}, so "
        f"{promised(guard)} holds ({_percent(kept.upper)} at most)."
    )


def drifted(lower: float, audits: int, guard: Guard) -> str:
    """Why a size that was proven is left."""
    return (
        f"{audits:,} audits while running show that at least {_percent(lower)} of the answers differ, more "
        f"than {promised(guard)} allows"
    )


def promised(guard: Guard) -> str:
    """The promise as the caller wrote it."""
    return f"{guard.promise}={guard.ceiling:g}"


def _seen(trial: Trial, guard: Guard) -> str:
    if guard.promise == "max_accuracy_loss":
        harm = sum(call.harm for call in trial.calls)
        helped = sum(call.help for call in trial.calls)
        return f"{harm:,} became wrong and {helped:,} became right"
    return "1 differs" if trial.differ == 1 else f"{trial.differ:,} differ"


def _lack(trial: Trial, guard: Guard) -> str:
    if trial.useless:
        return "leave too many items without an answer that can be used"
    what = "cost" if guard.promise == "max_accuracy_loss" else "change"
    if trial.finding is Finding.BROKEN:
        return f"{what} at least {_percent(trial.lower)} of the {_of(guard)}"
    return f"may {what} up to {_percent(trial.upper)} of the {_of(guard)}"


def _of(guard: Guard) -> str:
    return "right answers" if guard.promise == "max_accuracy_loss" else "answers"


def _percent(rate: float) -> str:
    return f"{rate:.1%}" if abs(rate) < 0.1 else f"{rate:.0%}"

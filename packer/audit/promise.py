"""Whether a pack size keeps a promise, from packs whose items were also asked alone.

Bounds are exact for whole calls: answers of one call go wrong together, so hits come in beta-binomial
calls, and the distribution of their sum is inverted. The noise (or the help) is taken off by its own exact
bound (MOVER, see ``numeric``), at no gain from their common single answers, which errs to the safe side.

KEPT may be concluded only at a number of items that was fixed beforehand: looking again and again until it
comes out would break the confidence. BROKEN may be concluded after any call: giving up early can lose a
saving, never a promise. Sizes tried from the smallest up, ended by the first that is not KEPT, each have
the full confidence without correction (fixed sequence: Maurer, Hothorn and Lehmacher 1995; Westfall and
Krishen 2001). Does not know: how trials are made, or when they are looked at.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from packer.audit import scipy_part
from packer.sampling import bad_share
from schemas.calibration import Finding, Noise, PromiseKind, Trial, TrialCall
from schemas.errors import UsageError

DEFAULT_ICC = 0.1
_MOST_ICC = 0.95
_CALLS_TO_MEASURE = 5
_GIVING_UP = 0.2  # of the chance of error that KEPT has: giving up is looked at after every call


class _Rate(NamedTuple):
    """A rate with its lower and upper bounds: at the confidence, and at the surer one for giving up."""

    value: float
    bounds: tuple[float, float]
    surer: tuple[float, float]


def bleed_trial(
    size: int,
    calls: Sequence[TrialCall],
    noise: Noise,
    *,
    ceiling: float,
    confidence: float,
    icc: float = DEFAULT_ICC,
) -> Trial:
    """Hold the bleed of a pack size against ``max_bleed``.

    Args:
        size: items a pack.
        calls: what came of each call.
        noise: the model's own; where nobody asked twice it counts as none, so that all that differs is
            bleed.
        ceiling: the promised most, as a share.
        confidence: of the promise.
        icc: correlation of two answers of one call that is allowed for; a larger one that shows in the
            calls takes its place.

    Returns:
        The trial: ``upper`` at ``confidence``; ``lower`` at a fifth of the chance of error, for giving up.

    Raises:
        UsageError: impossible numbers, or numpy and scipy are not installed.
    """
    _check(size, calls, ceiling, confidence, icc)
    if not 0 <= noise.differ <= noise.asked:
        raise UsageError(f"{noise}: between 0 and all of those asked twice can differ.")
    own = bad_share(noise.differ, noise.asked, confidence) if noise.asked else None
    surer = bad_share(noise.differ, noise.asked, _surer(confidence)) if noise.asked else None
    off = _Rate(
        noise.differ / max(noise.asked, 1),
        (own.lower, own.upper) if own else (0.0, 0.0),
        (surer.lower, surer.upper) if surer else (0.0, 0.0),
    )
    packed = _rate([(call.items, call.differ) for call in calls], confidence, icc)
    return _trial(size, calls, packed, off, ceiling)


def loss_trial(
    size: int,
    calls: Sequence[TrialCall],
    *,
    ceiling: float,
    confidence: float,
    icc: float = DEFAULT_ICC,
) -> Trial:
    """Hold the accuracy that a pack size loses against ``max_accuracy_loss``.

    Args:
        size: items a pack.
        calls: what came of each call, with ``harm`` and ``help`` counted from human answers.
        ceiling: the promised most, as a share.
        confidence: of the promise.
        icc: as for ``bleed_trial``.

    Returns:
        The trial; a negative loss is a gain.

    Raises:
        UsageError: impossible numbers, or numpy and scipy are not installed.
    """
    _check(size, calls, ceiling, confidence, icc)
    harm = _rate([(call.items, call.harm) for call in calls], confidence, icc)
    gain = _rate([(call.items, call.help) for call in calls], confidence, icc)
    return _trial(size, calls, harm, gain, ceiling)


def audits_needed(ceiling: float, confidence: float, size: int, *, icc: float = DEFAULT_ICC) -> int:
    """How many packed items without a single difference it takes to keep a promise.

    Args:
        ceiling: the promised most, as a share.
        confidence: of the promise.
        size: items a pack.
        icc: correlation of two answers of one call that is allowed for.

    Returns:
        Whole packs' worth of items, and those of a last, smaller pack where that is enough.

    Raises:
        UsageError: impossible numbers.
    """
    _check(size, (), ceiling, confidence, icc)
    if ceiling >= 1:
        return 0
    wanted = -math.log(1 - confidence)
    sure_of = [-math.log(_none_of(items, ceiling, icc)) for items in range(size + 1)]
    packs = int(wanted / sure_of[size])
    rest = next(items for items in range(size + 1) if packs * sure_of[size] + sure_of[items] >= wanted)
    return packs * size + rest


def could_still(
    promise: PromiseKind,
    size: int,
    calls: Sequence[TrialCall],
    noise: Noise,
    *,
    more: int,
    ceiling: float,
    confidence: float,
    icc: float = DEFAULT_ICC,
) -> bool:
    """Whether a trial could end as KEPT if nothing at all differed from now on.

    Args:
        promise: which bound.
        size: items a pack.
        calls: what came of each call so far.
        noise: the model's own; of no account for accuracy.
        more: how many items can still be asked.
        ceiling: the promised most, as a share.
        confidence: of the promise.
        icc: as for ``bleed_trial``.

    Returns:
        False where asking on is waste.
    """
    packs, rest = divmod(max(more, 0), size)
    clean = [TrialCall(size, 0)] * packs + [TrialCall(rest, 0)] * bool(rest)
    hoped = (*calls, *clean)
    if promise == "max_bleed":
        trial = bleed_trial(size, hoped, noise, ceiling=ceiling, confidence=confidence, icc=icc)
    else:
        trial = loss_trial(size, hoped, ceiling=ceiling, confidence=confidence, icc=icc)
    return trial.upper <= ceiling


def _trial(size: int, calls: Sequence[TrialCall], hits: _Rate, off: _Rate, ceiling: float) -> Trial:
    """The difference of two rates with its bounds, and what they say."""
    loss = hits.value - off.value
    upper = min(1.0, loss + math.hypot(hits.bounds[1] - hits.value, off.value - off.bounds[0]))
    lower = max(-1.0, loss - math.hypot(hits.value - hits.surer[0], off.surer[1] - off.value))
    missed = Finding.BROKEN if lower > ceiling else Finding.OPEN
    finding = Finding.KEPT if upper <= ceiling else missed
    return Trial(size, tuple(calls), finding, loss, upper, lower)


def _rate(calls: Sequence[tuple[int, int]], confidence: float, icc: float) -> _Rate:
    """The share of hits in calls, each given as its items and its hits."""
    scipy_part.require()
    from packer.audit import numeric

    items, hits = sum(call[0] for call in calls), sum(call[1] for call in calls)
    if not items:
        return _Rate(0.0, (0.0, 1.0), (0.0, 1.0))
    sizes = Counter(call[0] for call in calls if call[0])
    alike = max(icc, _icc(calls))
    pairs = [
        (numeric.least(hits, sizes, chance, alike), numeric.most(hits, sizes, chance, alike))
        for chance in (1 - confidence, 1 - _surer(confidence))
    ]
    return _Rate(hits / items, pairs[0], pairs[1])


def _icc(calls: Sequence[tuple[int, int]]) -> float:
    """Correlation of two answers of one call, by analysis of variance; 0 where too few calls show any."""
    filled = [call for call in calls if call[0]]
    items, hits = sum(call[0] for call in filled), sum(call[1] for call in filled)
    if len(filled) < _CALLS_TO_MEASURE or items == len(filled) or hits in (0, items):
        return 0.0
    mean = hits / items
    between = sum(n * (hit / n - mean) ** 2 for n, hit in filled) / (len(filled) - 1)
    within = sum(hit * (1 - hit / n) for n, hit in filled) / (items - len(filled))
    typical = (items - sum(n * n for n, _ in filled) / items) / (len(filled) - 1)
    return min(_MOST_ICC, max(0.0, (between - within) / (between + (typical - 1) * within)))


def _none_of(items: int, share: float, icc: float) -> float:
    """The chance that not one of a call's items is hit, beta-binomial."""
    # Each item without a hit makes the next one likelier to be without.
    return math.prod(((1 - share) * (1 - icc) + n * icc) / (1 - icc + n * icc) for n in range(items))


def _surer(confidence: float) -> float:
    return 1 - _GIVING_UP * (1 - confidence)


def _check(size: int, calls: Sequence[TrialCall], ceiling: float, confidence: float, icc: float) -> None:
    if size < 1 or not 0 < ceiling <= 1 or not 0 < confidence < 1 or not 0 <= icc < 1:
        raise UsageError(
            f"A trial needs a size from 1, a ceiling and a confidence between 0 and 1 and an icc from 0 to "
            f"below 1; not size={size}, ceiling={ceiling}, confidence={confidence}, icc={icc}."
        )
    for call in calls:
        if min(call.items, call.differ, call.harm, call.help) < 0 or (
            max(call.differ, call.harm + call.help) > call.items
        ):
            raise UsageError(f"{call}: between 0 and all of its items can differ.")

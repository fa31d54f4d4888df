"""Formulas of the meter in numpy and scipy: rates of clustered answers, and exact bounds for whole calls.

Import it only after ``scipy_part.require()``. Rates work on the last axis of their arrays, so that a
thousand fleets are one call. Does not know: answers, items, or words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]

_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of many fleets, and how sure they are.

    Attributes:
        value: weighted share of hits.
        residuals: for each call, what it adds to the error of ``value``.
        variance: of ``value``, calls taken as the units that were drawn.
        effective: so many independent answers would be as sure; where nothing or all was hit, Kish's
            number for the weights.
        calls: how many calls count.
        asked: how many answers count.
    """

    value: Array
    residuals: Array
    variance: Array
    effective: Array
    calls: Array
    asked: Array


def rates(weight: Array, hits: Array, squares: Array, asked: Array) -> Rates:
    """Weighted rates (Hajek's ratio) with the linearised variance between calls.

    Args:
        weight: for each call the sum of its answers' weights; 0 where nothing was asked.
        hits: for each call the sum of the weights of its hits.
        squares: for each fleet the sum of squared weights.
        asked: for each fleet how many answers.
    """
    whole = np.maximum(weight.sum(-1), 1e-300)
    value = hits.sum(-1) / whole
    residuals = (hits - value[..., None] * weight) / whole[..., None]
    calls = (weight > 0).sum(-1).astype(float)
    variance = calls / np.maximum(calls - 1, 1) * (residuals**2).sum(-1)
    kish = np.minimum(asked, whole**2 / np.maximum(squares, 1e-300))
    spread = value * (1 - value)
    # Few calls understate their own scatter as often as not: never more sure than as many independent ones.
    effective = np.minimum(asked, spread / np.maximum(variance, 1e-300))
    return Rates(value, residuals, variance, np.where(variance > 0, effective, kish), calls, asked)


def covariance(one: Rates, other: Rates) -> Array:
    """Of two rates from the same calls."""
    calls = np.maximum(one.calls, other.calls)
    return np.asarray(calls / np.maximum(calls - 1, 1) * (one.residuals * other.residuals).sum(-1))


def wilson(rate: Rates, confidence: float) -> tuple[Array, Array]:
    """Wilson's limits, two-sided, for the effective number of answers and Student's t."""
    t = student(rate, confidence)
    number = np.maximum(rate.effective, 1e-9)
    middle = rate.value + t**2 / (2 * number)
    reach = t * np.sqrt(rate.value * (1 - rate.value) / number + (t / (2 * number)) ** 2)
    scale = 1 + t**2 / number
    return _ends(rate, (middle - reach) / scale, (middle + reach) / scale)


def jeffreys(rate: Rates, confidence: float) -> tuple[Array, Array]:
    """Jeffreys' limits, two-sided, for an effective number that is smaller by Student's t against z."""
    odd = (1 - confidence) / 2
    t = student(rate, confidence)
    number = np.maximum(rate.effective * (special.ndtri(odd) / t) ** 2, 1e-9)
    a, b = rate.value * number + 0.5, (1 - rate.value) * number + 0.5
    lower, upper = (np.asarray(special.betaincinv(a, b, chance), dtype=float) for chance in (odd, 1 - odd))
    return _ends(rate, lower, upper)


def _ends(rate: Rates, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Limits that reach 0 where nothing was hit, and 1 where all was."""
    return (
        np.where(rate.value <= 0, 0.0, np.clip(lower, 0.0, rate.value)),
        np.where(rate.value >= 1, 1.0, np.clip(upper, rate.value, 1.0)),
    )


def student(rate: Rates, confidence: float) -> Array:
    """Student's t, two-sided, for the number of calls; z where each call has but one answer.

    The scatter of single answers follows from their rate; only that between whole calls has to be estimated
    from so many calls.
    """
    odd = (1 + confidence) / 2
    z = special.ndtri(odd)
    t = special.stdtrit(np.maximum(rate.calls - 1, 1.0), odd)
    several = np.clip(rate.asked / np.maximum(rate.calls, 1.0) - 1, 0.0, 1.0)
    return np.asarray(z + (t - z) * several, dtype=float)


def mover(
    one: tuple[Array, Array, Array], other: tuple[Array, Array, Array], correlation: Array
) -> tuple[Array, Array]:
    """Limits of a difference from the limits of its parts (MOVER; Newcombe 1998, Zou and Donner 2008).

    Args:
        one: value, lower and upper limit of what is taken from.
        other: the same of what is taken off.
        correlation: of the two values.
    """
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    down, up = a - a_low, b_high - b
    lower = a - b - np.sqrt(np.maximum(down**2 + up**2 - 2 * correlation * down * up, 0.0))
    up, down = a_high - a, b - b_low
    upper = a - b + np.sqrt(np.maximum(up**2 + down**2 - 2 * correlation * up * down, 0.0))
    return lower, upper


def excess(
    one: Rates, other: Rates, limits: Callable[[Rates, float], tuple[Array, Array]], confidence: float
) -> tuple[Array, Array]:
    """Limits of the difference of two rates from the same calls.

    Args:
        one: what is taken from.
        other: what is taken off.
        limits: of the parts: ``wilson`` reaches far up where nothing was hit and holds the truth more often
            than it says; ``jeffreys`` holds it as often as it says over many fleets.
        confidence: of the two-sided interval.
    """
    scale = np.sqrt(one.variance * other.variance)
    alike = np.where(scale > 0, covariance(one, other) / np.maximum(scale, 1e-300), 0.0)
    return mover(
        (one.value, *limits(one, confidence)),
        (other.value, *limits(other, confidence)),
        np.clip(alike, -1.0, 1.0),
    )


@lru_cache(maxsize=1024)
def _one_call(items: int, share: float, icc: float, most: int) -> Array:
    """The chance of 0, 1, ... up to ``most`` hits in one call, beta-binomial."""
    hits = np.arange(min(items, most) + 1, dtype=float)
    ways = -special.betaln(hits + 1, items - hits + 1) - np.log(items + 1)
    if icc <= 1e-9:
        logs = ways + special.xlogy(hits, share) + special.xlog1py(items - hits, -share)
    else:
        alike = (1 - icc) / icc
        a, b = share * alike, (1 - share) * alike
        logs = ways + special.betaln(hits + a, items - hits + b) - special.betaln(a, b)
    return np.asarray(np.exp(logs), dtype=float)


def at_most(hits: int, calls: Mapping[int, int], share: float, icc: float) -> float:
    """The chance of so many hits or fewer.

    Args:
        hits: how many.
        calls: how many calls there are of each number of items.
        share: of hits, within 0 and 1.
        icc: correlation of two answers of one call.
    """
    total = np.ones(1)
    for items, number in calls.items():
        power, left = _one_call(items, share, icc, hits), number
        while left:
            if left & 1:
                total = np.convolve(total, power)[: hits + 1]
            left >>= 1
            if left:
                power = np.convolve(power, power)[: hits + 1]
    return min(1.0, float(total.sum()))


def most(hits: int, calls: Mapping[int, int], chance: float, icc: float) -> float:
    """The share under which so few hits come with just this chance; 1 where all are hits."""
    others = sum(items * number for items, number in calls.items()) - hits
    if others <= 0:
        return 1.0

    def too_likely(share: float) -> float:
        # Of hits and others, the fewer are counted: sums of few are quickly had.
        if hits <= others:
            return at_most(hits, calls, share, icc) - chance
        return 1 - at_most(others - 1, calls, 1 - share, icc) - chance

    found = optimize.brentq(too_likely, _CLOSE, 1 - _CLOSE, xtol=_CLOSE, rtol=_CLOSE)
    return min(1.0, float(found) + 2 * _CLOSE)


def least(hits: int, calls: Mapping[int, int], chance: float, icc: float) -> float:
    """The share under which so many hits come with just this chance; 0 where there are none."""
    # The same with hits and the others changed over.
    items = sum(items * number for items, number in calls.items())
    return 0.0 if hits <= 0 else 1.0 - most(items - hits, calls, chance, icc)

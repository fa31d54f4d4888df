"""Rates with intervals: how many packed answers differ, how many single ones do, and the difference.

Each answer counts for as many as it was drawn for (Horvitz-Thompson weights, Hajek's ratio), and calls, not
answers, are the units that scatter: a call that goes wrong takes its items with it. Limits are Wilson's for
the number of independent answers that would be as sure, with Student's t for the number of calls; near 0,
where errors are rare, the usual plus-minus would be far too narrow. The noise's second answers are held
against the same first ones as the packed answers are, so both rates rise and fall together; their
covariance between calls is taken into the difference (MOVER, from Jeffreys' limits). Does not know: which
items, or why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from packer.audit import scipy_part
from schemas.audit import Audited, Estimate
from schemas.errors import UsageError

if TYPE_CHECKING:
    from packer.audit.numeric import Array, Rates

DEFAULT_CONFIDENCE = 0.95


def estimate(
    rows: Sequence[Audited], *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[Estimate, Estimate | None, Estimate | None]:
    """Estimate packed difference, noise and bleed.

    Args:
        rows: the audited answers.
        confidence: of the two-sided intervals.

    Returns:
        The share of packed answers that differ from a single one; the share of single answers that differ
        from a second one; the first less the second. Both latter are None where nobody asked twice.

    Raises:
        UsageError: no rows, a confidence outside 0 to 1, or numpy and scipy are not installed.
    """
    scipy_part.require()
    from packer.audit import numeric

    if not rows or not 0 < confidence < 1:
        raise UsageError(f"estimate({len(rows)} rows, confidence={confidence}): 1 row or more, and 0 to 1.")
    twice = [row for row in rows if row.again is not None]
    places = _places(rows)
    packed = numeric.rates(*_sums(rows, places, lambda row: row.differs))
    found = _estimate(packed, len(rows), confidence)
    if not twice:
        return found, None, None
    noise = numeric.rates(*_sums(twice, places, lambda row: bool(row.again)))
    own = _estimate(noise, len(twice), confidence)
    lower, upper = numeric.excess(packed, noise, numeric.jeffreys, confidence)
    return (
        found,
        own,
        Estimate(found.value - own.value, float(lower[0]), float(upper[0]), len(rows), confidence),
    )


def share(
    rows: Sequence[Audited],
    hit: Callable[[Audited], bool],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate | None:
    """Estimate the weighted share of rows with a property; None without rows.

    Args:
        rows: audited answers.
        hit: the property.
        confidence: of the two-sided interval.

    Raises:
        UsageError: numpy and scipy are not installed.
    """
    scipy_part.require()
    from packer.audit import numeric

    if not rows:
        return None
    return _estimate(numeric.rates(*_sums(rows, _places(rows), hit)), len(rows), confidence)


def harm_help(
    rows: Sequence[Audited], *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[Estimate | None, Estimate | None]:
    """Estimate what packing spoils and what it mends, by the human answers.

    Args:
        rows: audited answers; those without a human answer do not count.
        confidence: of the two-sided intervals.

    Returns:
        The share right alone and wrong packed, and the share wrong alone and right packed; None both where
        no row has a human answer.

    Raises:
        UsageError: numpy and scipy are not installed.
    """
    gold = [row for row in rows if row.right is not None and row.single_right is not None]
    harm = share(gold, lambda row: bool(row.single_right and not row.right), confidence=confidence)
    gain = share(gold, lambda row: bool(row.right and not row.single_right), confidence=confidence)
    return harm, gain


def difference(
    rows: Sequence[Audited],
    one: Callable[[Audited], bool],
    other: Callable[[Audited], bool],
    *,
    confidence: float,
) -> tuple[Estimate, float]:
    """Estimate the difference of two shares of the same rows that exclude each other, on the safe side.

    Args:
        rows: audited answers, at least one.
        one: the property whose share is taken from.
        other: the property whose share is taken off; no row has both.
        confidence: of the two-sided interval.

    Returns:
        The difference, and the spread of one row: the variance that one independent row would have.

    Raises:
        UsageError: numpy and scipy are not installed.
    """
    scipy_part.require()
    from packer.audit import numeric

    places = _places(rows)
    first = numeric.rates(*_sums(rows, places, one))
    second = numeric.rates(*_sums(rows, places, other))
    lower, upper = numeric.excess(first, second, numeric.wilson, confidence)
    value = float(first.value[0] - second.value[0])
    found = Estimate(value, float(lower[0]), float(upper[0]), len(rows), confidence)
    together = float(first.value[0] + second.value[0])
    scatter = float(first.variance[0] + second.variance[0] - 2 * numeric.covariance(first, second)[0])
    return found, max(together - value**2, scatter * len(rows))


def _estimate(rates: Rates, asked: int, confidence: float) -> Estimate:
    from packer.audit import numeric

    lower, upper = numeric.wilson(rates, confidence)
    return Estimate(float(rates.value[0]), float(lower[0]), float(upper[0]), asked, confidence)


def _places(rows: Sequence[Audited]) -> dict[str, int]:
    return {call: place for place, call in enumerate(dict.fromkeys(row.call for row in rows))}


def _sums(
    rows: Sequence[Audited], places: dict[str, int], hit: Callable[[Audited], bool]
) -> tuple[Array, Array, Array, Array]:
    """Weights and hits by call, as one fleet."""
    import numpy as np

    weight, hits = np.zeros((1, len(places))), np.zeros((1, len(places)))
    squares = 0.0
    for row in rows:
        at = places[row.call]
        weight[0, at] += row.weight
        hits[0, at] += row.weight * hit(row)
        squares += row.weight**2
    return weight, hits, np.array([squares]), np.array([float(len(rows))])

"""Simulated fleets for ``benchmarks.meter``: thousands of audits at once, with a truth that is known.

A call draws its own rate of going wrong from a beta distribution, so that two of its answers go wrong
together with a correlation of ``icc``. Single answers stray from the item's usual one independently, and the
packed answer and the second single one are held against the very same first. Does not know: how anything is
estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packer.audit.numeric import Array

Sums = tuple[Array, Array, Array, Array]
"""Weights and hits by call, squares and numbers by fleet: what ``numeric.rates`` takes."""


@dataclass(frozen=True, slots=True)
class Design:
    """How audits lie in calls.

    Attributes:
        name: for tables.
        size: items a call.
        audited: of them, where all are drawn alike.
        suspects: answers that are flagged, half of the wrong ones and a twentieth of the right ones, are
            drawn five times as often.
    """

    name: str
    size: int
    audited: int
    suspects: bool = False


DESIGNS = (
    Design("1 of 10", 10, 1),
    Design("2 of 10", 10, 2),
    Design("all of 5", 5, 5),
    Design("all of 20", 20, 20),
    Design("1 of 10, suspects x5", 10, 1, suspects=True),
)


def call_rates(random: np.random.Generator, rate: float, icc: float, shape: tuple[int, ...]) -> Array:
    """Each call's own rate."""
    if icc <= 0 or not 0 < rate < 1:
        return np.full(shape, rate)
    alike = (1 - icc) / icc
    return random.beta(rate * alike, (1 - rate) * alike, shape)


def stray_rate(noise: float) -> float:
    """How often one single answer strays when two of them differ at the rate of ``noise``."""
    return float((1 - np.sqrt(1 - 2 * noise)) / 2)


def fleets(
    random: np.random.Generator,
    design: Design,
    number: int,
    audits: int,
    *,
    packed: float,
    noise: float,
    icc: float,
    twice: float,
) -> tuple[Sums, Sums]:
    """Audit many fleets.

    Args:
        random: where chance comes from.
        design: how audits lie in calls.
        number: of fleets.
        audits: of each; with suspects so many in the mean, before suspects are added.
        packed: true share of packed answers that differ from a single one.
        noise: true share of single answers that differ from a second one.
        icc: correlation of two answers of one call.
        twice: share of audited items that are asked alone twice.

    Returns:
        Sums for packed difference, and for noise.
    """
    calls = max(2, audits // design.audited)
    each = design.size if design.suspects else design.audited
    shape = (number, calls, each)

    def hit(rate: float | Array) -> NDArray[np.bool_]:
        return random.random(shape, dtype=np.float32) < rate

    stray = stray_rate(noise)
    wrong = (packed - stray) / (1 - 2 * stray)
    packed_strays = hit(call_rates(random, wrong, icc, (number, calls))[..., None])
    first, second = hit(stray), hit(stray)
    weight = np.ones(shape, dtype=np.float32)
    if design.suspects:
        flagged = hit(np.where(packed_strays, np.float32(0.5), np.float32(0.05)))
        share = design.audited / design.size
        chance = np.where(flagged, np.float32(min(1.0, 5 * share)), np.float32(share))
        weight = np.asarray(hit(chance) / chance, dtype=np.float32)
    again = weight * hit(twice)
    return _sums(weight, packed_strays ^ first), _sums(again, first ^ second)


def _sums(weight: NDArray[np.float32], hits: NDArray[np.bool_]) -> Sums:
    return (
        weight.sum(-1, dtype=float),
        (weight * hits).sum(-1, dtype=float),
        (weight.astype(float) ** 2).sum((1, 2)),
        (weight > 0).sum((1, 2)).astype(float),
    )


def trial_hits(
    random: np.random.Generator, number: int, items: int, size: int, *, rate: float, icc: float
) -> NDArray[np.int64]:
    """Hits by call of many trials of so many items, the last call with what is left."""
    full, rest = divmod(items, size)
    counts = np.array([size] * full + [rest] * bool(rest))
    rates = call_rates(random, rate, icc, (number, len(counts)))
    return random.binomial(counts, rates)

"""What chance alone gives: Monte-Carlo permutation tests that never exceed their level.

Who sits in a call, and in which order, is drawn at random, so shuffling the answers again shows what the
figure would be if seats and neighbours had no say. Counting the data itself among the shuffles keeps the
level with any number of them (Phipson and Smyth 2010); so does stopping once enough shuffles reached the
figure, which makes a run without effect cheap (Besag and Clifford 1991). A shuffle that ties with the
data counts against an effect. Does not know: which figure is tested, or what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

MOST_SHUFFLES = 499
ENOUGH_REACHED = 10
"""So many of the most shuffles put a p-value above what is told as an effect: more change nothing."""

LEVEL, TESTS = 0.05, 4
RARE = LEVEL / TESTS  # what is told as an effect: the level, shared by the tests of a run

Span = tuple[int, int]
"""First place and the place after the last, of values that may change places with each other."""


@dataclass(frozen=True, slots=True)
class Null:
    """A figure against chance.

    Attributes:
        observed: the figure in the data.
        expected: its mean over the shuffles.
        p_value: exact, above 0: how often chance alone gives at least this much.
    """

    observed: float
    expected: float
    p_value: float


def no_sign(that: str, p_value: float) -> str:
    """Words for a test that tells of no effect; a small p-value has to be explained.

    Example:
        >>> no_sign("seats matter", 0.4), no_sign("seats matter", 0.02)[:38]
        ('No sign that seats matter', 'Too weak a sign that seats matter: the')
    """
    if p_value > LEVEL:
        return f"No sign that {that}"
    return f"Too weak a sign that {that}: there are {TESTS} tests a run, so it takes p = {RARE} or less"


def against_chance(
    figure: Callable[[list[int]], float], values: Sequence[int], spans: Sequence[Span], random: Random
) -> Null:
    """Compare a figure with what it is when values are shuffled within spans.

    Args:
        figure: what is tested, large when there is an effect. It must give the very same number for equal
            cases, so sums over shuffled values should be sums of integers.
        values: the values in their seats, call after call.
        spans: which values may change places: one span a call, or a single one across all calls.
        random: where the shuffles come from.

    Returns:
        The figure, its mean by chance and the exact one-sided p-value.
    """
    observed = figure(list(values))
    # Shuffling what is shuffled already is as good as starting again from the data.
    shuffled = list(values)
    total = 0.0
    reached = 0
    for drawn in range(1, MOST_SHUFFLES + 1):
        _shuffle(shuffled, spans, random)
        chance = figure(shuffled)
        total += chance
        reached += chance >= observed
        if reached == ENOUGH_REACHED:
            return Null(observed, total / drawn, reached / drawn)
    return Null(observed, total / MOST_SHUFFLES, (1 + reached) / (1 + MOST_SHUFFLES))


def spans_of(calls: Iterable[Sequence[object]]) -> list[Span]:
    """The span of each call, when calls are laid one after the other."""
    spans: list[Span] = []
    start = 0
    for call in calls:
        spans.append((start, start + len(call)))
        start += len(call)
    return spans


def coded(values: Sequence[str]) -> list[int]:
    """Each different text as a small number, the same one whatever the order of the texts."""
    codes = {text: code for code, text in enumerate(sorted(set(values)))}
    return [codes[text] for text in values]


def _shuffle(values: list[int], spans: Sequence[Span], random: Random) -> None:
    # Fisher and Yates by hand: random.shuffle would copy each span in and out, at three times the time.
    draw = random.random
    for start, stop in spans:
        for size in range(stop - start, 1, -1):
            last = start + size - 1
            other = start + int(draw() * size)
            values[last], values[other] = values[other], values[last]

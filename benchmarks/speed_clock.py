"""Contenders in turn: processor time in one process, and the median of each round's ratios.

A ratio is taken within a round, so that a machine that is busy for a while slows both of its sides. The
garbage collector stays on; what one contender left behind is collected before the next one starts.
Does not know: what is timed, or which figure is good enough.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

Figures = dict[str, float]
"""All that was measured, flat: ``count.short.toktok.us``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one part of the benchmark found.

    Attributes:
        figures: by dotted names.
        notes: what has to be said beside them: what is missing here, and why.
    """

    figures: Figures = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take over another part's."""
        self.figures.update(other.figures)
        self.notes.extend(other.notes)


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of this process's processor time, all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def race(
    contenders: Mapping[str, Callable[[], object]],
    *,
    base: str,
    items: int,
    rounds: int,
    most_s: float = 60.0,
    warm: bool = True,
) -> Figures:
    """Let contenders take turns.

    Args:
        contenders: what each does once.
        base: whose time the others are held against.
        items: how many items one turn is about.
        rounds: most turns each gets; an odd number.
        most_s: no further round begins after so many seconds of wall time.
        warm: one turn each that does not count.

    Returns:
        Per contender ``.us`` (processor time an item, median of rounds), ``.times`` (how many times as fast
        as the base) and ``.cost`` (its time as a multiple of the base's), medians of the rounds' ratios; and
        ``rounds``.
    """
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    started_s = time.perf_counter()
    if warm:
        for each in contenders.values():
            each()
    for number in range(rounds):
        if number and time.perf_counter() - started_s > most_s:
            break
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            gc.collect()
            spent[name].append(cpu_s(contenders[name]))
    return ratios(spent, base=base, items=items)


def ratios(spent: Mapping[str, list[float]], *, base: str, items: int) -> Figures:
    """Medians of rounds that were measured elsewhere; every contender took part in each.

    Args:
        spent: seconds of each contender, round by round.
        base: whose time the others are held against.
        items: how many items one round is about.
    """
    figures: Figures = {"rounds": float(len(spent[base]))}
    for name, each in spent.items():
        pairs = list(zip(spent[base], each, strict=True))
        figures[f"{name}.us"] = median(each) / items * 1e6
        figures[f"{name}.times"] = median(one / other for one, other in pairs)
        figures[f"{name}.cost"] = median(other / one for one, other in pairs)
    return figures


def under(prefix: str, figures: Figures) -> Figures:
    """The same figures, each name behind a prefix."""
    return {f"{prefix}.{name}": value for name, value in figures.items()}

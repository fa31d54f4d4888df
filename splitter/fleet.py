"""Tests over a whole run, free because seats and neighbours are drawn at random: K6, K7, K8, K12.

No extra call is made: the answers that are there anyway are compared with their own shuffles. Does not
know: how the tests work, or what is done about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from schemas.signal import Seated, SignalKind, Trend
from splitter.bleed import copycat, discount, polarity, position

LEAST_CALLS = 2
LEAST_ANSWERS = 20
MOST_ANSWERS = 20_000

_TESTS = {
    SignalKind.NEIGHBOUR_COPY: copycat.detect,
    SignalKind.POLARITY_PULL: polarity.detect,
    SignalKind.POSITION_DRIFT: position.detect,
    SignalKind.DISCOUNTED: discount.detect,
}


def fleet(rows: Sequence[Seated], *, seed: int = 0) -> tuple[Trend, ...]:
    """Test a run for neighbour copy, polarity pull, position drift and discounted output.

    No test exceeds its level; together they are four, so compare with a quarter of the level
    that is wanted for the run. Polarity pull needs packs that were filled at random.

    Args:
        rows: packed answers with their seats, in any order. Calls with one answer are left out; of more
            than 20,000 answers, whole calls are drawn until there are as many.
        seed: same seed and same rows, same result.

    Returns:
        One trend for each of the four kinds, with ``p_value`` None where there was too little to test.
    """
    calls = _calls(rows)
    total = sum(map(len, calls))
    if len(calls) < LEAST_CALLS or total < LEAST_ANSWERS:
        told = (
            f"Too little to test: {total} answers in {len(calls)} calls of two or more; it takes "
            f"{LEAST_ANSWERS} in {LEAST_CALLS}."
        )
        return tuple(Trend(kind, None, None, None, total, told) for kind in _TESTS)
    calls = _sample(calls, Random(f"fleet:{seed}:sample"))
    trends = [test(calls, Random(f"fleet:{seed}:{kind}")) for kind, test in _TESTS.items()]
    tested = sum(map(len, calls))
    if tested == total:
        return tuple(trends)
    drawn = f" Tested on {tested:,} of {total:,} answers, whole calls drawn by the seed."
    return tuple(replace(trend, detail=trend.detail + drawn) for trend in trends)


def _calls(rows: Sequence[Seated]) -> list[list[Seated]]:
    """The answers of each call by seat, calls by name: the order of the rows must not matter."""
    calls: dict[str, list[Seated]] = {}
    for row in sorted(rows, key=lambda row: (row.call, row.position, str(row.item_id), row.answer)):
        calls.setdefault(row.call, []).append(row)
    return [call for call in calls.values() if len(call) > 1]


def _sample(calls: list[list[Seated]], random: Random) -> list[list[Seated]]:
    """All calls, or as many whole ones as make up the most answers that are tested."""
    if sum(map(len, calls)) <= MOST_ANSWERS:
        return calls
    drawn: list[list[Seated]] = []
    answers = 0
    for call in random.sample(calls, len(calls)):
        if answers >= MOST_ANSWERS and len(drawn) >= LEAST_CALLS:
            break
        drawn.append(call)
        answers += len(call)
    return drawn

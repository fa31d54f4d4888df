"""Which packed answers are asked again alone: a draw in which every seat has the same chance.

Seats are laid out by the size of their call, then by quarter of the call, then by lot, and every so many of
them is taken from a random start: each size and each quarter gets its part, and each seat's chance is the
same to the last digit (systematic sampling, Madow 1949). Does not know: items, or what is asked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random

from schemas.errors import UsageError

_DIGITS = 1e-9  # 0.29 x 100 is 29, whatever floats make of it

Stratum = tuple[int, int]
"""The call's size, in doublings, and the quarter of the call."""


def of_calls(sizes: Sequence[int], share: float, *, seed: int) -> list[tuple[int, int]]:
    """Draw seats of whole calls, without a look at each seat.

    Args:
        sizes: how many items each call holds.
        share: of the seats, 0 to 1.
        seed: the same seed draws the same seats.

    Returns:
        Call and place in it, both from 0, in ascending order: ``share`` of the seats, rounded down.

    Raises:
        UsageError: a share outside 0 to 1.
    """
    calls: dict[int, list[int]] = {}
    for number, size in enumerate(sizes):
        calls.setdefault(size, []).append(number)
    # Places of calls of one size stand beside each other in a stratum: so many a call, from a first one on.
    strata: dict[Stratum, list[tuple[list[int], int, int]]] = {}
    for size, alike in sorted(calls.items()):
        places = [_stratum(place, size) for place in range(size)]
        for each in sorted(set(places)):
            strata.setdefault(each, []).append((alike, places.count(each), places.index(each)))
    ordered = [strata[each] for each in sorted(strata)]
    totals = [sum(len(alike) * width for alike, width, _ in each) for each in ordered]
    found = []
    for which, number in _drawn(totals, share, seed):
        for alike, width, first in ordered[which]:
            if number < len(alike) * width:
                call, place = divmod(number, width)
                found.append((alike[call], first + place))
                break
            number -= len(alike) * width
    return sorted(found)


def _drawn(totals: Sequence[int], share: float, seed: int) -> Iterator[tuple[int, int]]:
    """Draw from strata of so many seats: stratum and number of each seat that is drawn."""
    if not 0 <= share <= 1:
        raise UsageError(f"A share of {share} cannot be drawn: a share is 0 to 1.")
    seats = sum(totals)
    count = min(seats, math.floor(share * seats + _DIGITS))
    if not count:
        return
    random = Random(f"packsplit:{seed}:audit")
    start = random.random()
    ends = list(accumulate(totals))
    taken = [0] * len(totals)
    which = 0
    for step in range(count if count < seats else 0):
        # The last step can round up to the end itself.
        at = min(int((start + step) * seats / count), seats - 1)
        while at >= ends[which]:
            which += 1
        taken[which] += 1
    for which, (total, part) in enumerate(zip(totals, taken if count < seats else totals, strict=True)):
        # As if each stratum's seats had been laid out by lot: so many of them, each as likely as the others.
        for number in random.sample(range(total), part):
            yield which, number


def also(item_key: str, share: float, *, seed: int) -> bool:
    """Whether to ask again about an answer that the plan's draw did not know of: a doubtful or late one.

    Args:
        item_key: names the item; the same key and seed are always drawn alike, in any order.
        share: of such answers, 0 to 1.
        seed: of the run.
    """
    digest = hashlib.blake2b(f"packsplit:{seed}:audit:{item_key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 11 < share * 2**53


def _stratum(position: int, size: int) -> Stratum:
    return size.bit_length(), 4 * position // max(size, 1)

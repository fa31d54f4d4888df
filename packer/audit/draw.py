"""Which packed answers are asked again alone: a draw in which every seat has the same chance.

Seats are laid out by the size of their call, then by quarter of the call, then by lot, and every so many of
them is taken from a random start: each size and each quarter gets its part, and each seat's chance is the
same to the last digit (systematic sampling, Madow 1949). Does not know: items, or what is asked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from random import Random

from schemas.errors import UsageError

_DIGITS = 1e-9  # 0.29 x 100 is 29, whatever floats make of it


def stratified(
    seats: Sequence[tuple[int, int]], share: float, *, seed: int, least: int = 0
) -> tuple[int, ...]:
    """Draw seats of a plan.

    Args:
        seats: for each packed item its place in the call, from 0, and how many items the call holds.
        share: of the seats, 0 to 1.
        seed: the same seed draws the same seats.
        least: draw at least so many, as far as there are any.

    Returns:
        Places in ``seats``, in ascending order: ``share`` of them rounded down, or ``least``.

    Raises:
        UsageError: a share outside 0 to 1, or fewer than 0 at least.
    """
    if not 0 <= share <= 1 or least < 0:
        raise UsageError(f"stratified(share={share}, least={least}): a share is 0 to 1, a number 0 or more.")
    count = min(len(seats), max(least, math.floor(share * len(seats) + _DIGITS)))
    if not count:
        return ()
    random = Random(f"packsplit:{seed}:audit")
    lots = [random.random() for _ in seats]
    order = sorted(range(len(seats)), key=lambda at: (*_stratum(*seats[at]), lots[at], at))
    start = random.random()
    # The last step can round up to the end itself.
    chosen = {min(int((start + step) * len(seats) / count), len(seats) - 1) for step in range(count)}
    return tuple(sorted(order[at] for at in chosen))


def also(item_key: str, share: float, *, seed: int) -> bool:
    """Whether to ask again about an answer that the plan's draw did not know of: a doubtful or late one.

    Args:
        item_key: names the item; the same key and seed are always drawn alike, in any order.
        share: of such answers, 0 to 1.
        seed: of the run.
    """
    digest = hashlib.blake2b(f"packsplit:{seed}:audit:{item_key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 11 < share * 2**53


def _stratum(position: int, size: int) -> tuple[int, int]:
    """The call's size, in doublings, and the quarter of the call."""
    return size.bit_length(), 4 * position // max(size, 1)

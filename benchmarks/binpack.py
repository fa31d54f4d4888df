"""Calls above the lower bound, and time beside a plain next-fit loop.

    python -m benchmarks.binpack [--items 10000 100000]

Workloads: lognormal sizes where A both limits bind mildly, B the item limit binds, C long items and no
item limit, D both limits bind at once. Time is a ratio to ``pack_in_order`` in the same run.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from collections.abc import Callable

from packer.binpack import Room, _first_fit_decreasing, lower_bound, pack_in_order, pack_tightly

WORKLOADS = {
    "A": (4.6, 0.7, Room(3_000, 20)),
    "B": (3.6, 0.5, Room(3_000, 20)),
    "C": (6.5, 0.7, Room(3_000, 10**9)),
    "D": (4.85, 0.5, Room(3_000, 20)),
}
Way = Callable[[list[int], Room], list[list[int]]]


def sizes(workload: str, items: int) -> tuple[list[int], Room]:
    """Seeded sizes, none above the room."""
    mean, spread, room = WORKLOADS[workload]
    draw = random.Random(f"{workload}{items}")
    return [min(room.tokens, max(1, round(draw.lognormvariate(mean, spread)))) for _ in range(items)], room


def timed(way: Way, given: list[int], room: Room) -> tuple[int, float]:
    """Bins and seconds."""
    start = time.perf_counter()
    bins = way(given, room)
    return len(bins), time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, calls above the lower bound (time as a ratio to next-fit)")
    print("| workload | items | next-fit | first-fit-decreasing | pack_tightly |\n|---|---|---|---|---|")
    for items in args.items:
        for workload in WORKLOADS:
            given, room = sizes(workload, items)
            floor = lower_bound(given, room)
            base_bins, base_s = timed(pack_in_order, given, room)
            row = [f"{base_bins / floor - 1:+.2%}"]
            for way in (_first_fit_decreasing, pack_tightly):
                bins, seconds = timed(way, given, room)
                row.append(f"{bins / floor - 1:+.2%} ({seconds / base_s:.1f}x)")
            print(f"| {workload} | {items:,} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()

"""Calls above the lower bound, and processor time beside a plain next-fit loop.

    python -m benchmarks.binpack [--items 10000 100000 1000000] [--rounds 3] [--write]

Workloads: lognormal sizes where A both limits bind mildly, B the item limit binds, C long items and no
item limit, D both limits bind at once. The bound is max(L2, items / limit), with Martello and Toth's L2.
Time is a ratio to a loop that keeps one bin open, contenders in turn in one process, median of rounds.
``--write`` puts the table into benchmarks/results/binpack.md. Does not know: texts, or what a plan adds.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from packer.binpack import Room, _first_fit_decreasing, least_bins, pack_in_order, pack_tightly

RESULTS = Path(__file__).parent / "results" / "binpack.md"
ROUNDS = 3
WORKLOADS = {
    "A": (4.6, 0.7, Room(3_000, 20)),
    "B": (3.6, 0.5, Room(3_000, 20)),
    "C": (6.5, 0.7, Room(3_000, 10**9)),
    "D": (4.85, 0.5, Room(3_000, 20)),
}
Way = Callable[[Sequence[int], Room], list[list[int]]]


def sizes(workload: str, items: int) -> tuple[list[int], Room]:
    """Seeded sizes, none above the room."""
    mean, spread, room = WORKLOADS[workload]
    draw = random.Random(f"{workload}{items}")
    return [min(room.tokens, max(1, round(draw.lognormvariate(mean, spread)))) for _ in range(items)], room


def next_fit(given: Sequence[int], room: Room) -> list[list[int]]:
    """One open bin, as anybody would write it."""
    bins: list[list[int]] = [[]]
    load = 0
    for index, size in enumerate(given):
        if load + size > room.tokens or len(bins[-1]) == room.items:
            bins.append([])
            load = 0
        bins[-1].append(index)
        load += size
    return bins


WAYS: dict[str, Way] = {
    "next-fit loop": next_fit,
    "pack_in_order": pack_in_order,
    "first-fit-decreasing": _first_fit_decreasing,
    "pack_tightly": pack_tightly,
}


def timed(way: Way, given: list[int], room: Room) -> tuple[int, float]:
    """Bins and seconds of processor time."""
    start = time.process_time()
    bins = way(given, room)
    return len(bins), time.process_time() - start


def row(workload: str, items: int, rounds_run: int) -> str:
    """One line of the table."""
    given, room = sizes(workload, items)
    floor = least_bins(given, room)
    rounds = [{name: timed(way, given, room) for name, way in WAYS.items()} for _ in range(rounds_run)]
    cells = []
    for name in WAYS:
        ratio = median(each[name][1] / each["next-fit loop"][1] for each in rounds)
        cells.append(f"{rounds[0][name][0] / floor - 1:+.2%} ({ratio:.1f}x)")
    return f"| {workload} | {items:,} | {floor:,} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = [
        "# Calls above the lower bound, and time as a ratio to a next-fit loop",
        "",
        f"`python -m benchmarks.binpack --items {' '.join(map(str, args.items))} --rounds {args.rounds}`, "
        f"packsplit {version('packsplit')}, Python {platform.python_version()}, {platform.machine()}, "
        f"pure Python; processor time, contenders in turn, median of {args.rounds}.",
        "",
        f"| workload | items | bound | {' | '.join(WAYS)} |",
        f"|---|---|---|{'---|' * len(WAYS)}",
        *(row(workload, items, args.rounds) for items in args.items for workload in WORKLOADS),
    ]
    print("\n".join(lines))
    if args.write:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Packing: sizes into bins, against a plain next-fit loop, and how far above the lower bound.

Workloads and seeds are those of ``benchmarks.binpack``: A both limits bind mildly, B the item limit binds,
C long items and no item limit, D both limits bind at once. Does not know: texts, or prompts.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks import binpack
from benchmarks.speed_child import Given, number, sizes, whole
from benchmarks.speed_clock import Found, race, under
from benchmarks.speed_stacks import next_fit
from packer.binpack import lower_bound, pack_tightly


def child(given: Given) -> Found:
    """Each size and workload."""
    found = Found()
    most_s = number(given, "most_s", 120.0)
    start_s = time.perf_counter()
    for items in sizes(given):
        for workload in binpack.WORKLOADS:
            left_s = most_s - (time.perf_counter() - start_s)
            if left_s <= 0:
                found.notes.append(f"Packing {items:,} of workload {workload}: no time left, not measured.")
                continue
            tokens, room = binpack.sizes(workload, items)
            ways = {
                "next_fit": partial(next_fit, tokens, room.tokens, room.items),
                "tight": partial(pack_tightly, tokens, room),
            }
            small = items <= 100_000
            rounds = whole(given, "rounds", 5) if small else 3
            prefix = f"pack.{workload}.{items}"
            raced = race(ways, base="next_fit", items=items, rounds=rounds, most_s=left_s / 4, warm=small)
            found.figures.update(under(prefix, raced))
            bound = lower_bound(tokens, room)
            for name, way in ways.items():
                found.figures[f"{prefix}.{name}.above"] = len(way()) / bound - 1
    return found

"""How fast the engine is, as ratios in one run: counting, packing, reading, the whole path, the wire, memory.

    python -m benchmarks.speed [--quick] [--items 10000 100000 1000000] [--parts count whole] [--out DIR]

Writes speed.md, speed.json and speed.png. ``--vocabulary DIR`` names the folder of tiktoken's vocabulary;
``--again`` writes page and picture anew from speed.json, without measuring. Ten minutes on two quiet cores.
Does not know: what any figure should be (``speed_bars``), or how a part measures (``speed_*``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.speed_child import ask
from benchmarks.speed_clock import Found
from benchmarks.speed_count import MISSING, vocabulary
from benchmarks.speed_memory import starts
from benchmarks.speed_picture import draw
from benchmarks.speed_words import bars_table, page

HOME = Path(__file__).parent / "results"
SIZES = (10_000, 100_000, 1_000_000)
QUICK = (1_000, 4_000)
PACKAGES = (
    *("packsplit", "tiktoken", "toktok-rs", "orjson", "jsonschema", "jsonschema-rs", "pydantic", "rapidfuzz"),
    *("openai", "httpx", "aiohttp"),
)
LONG_S = 400.0
"""A process that takes longer is given up."""

Part = Callable[[list[int], bool], Found]


def counting(sizes: list[int], quick: bool) -> Found:
    """Counters."""
    given = {"short": 1_000, "long": 10, "adversarial": 1_000, "rounds": 3} if quick else {}
    return ask("speed_count", given, LONG_S)


def packing(sizes: list[int], quick: bool) -> Found:
    """The packer."""
    return ask("speed_pack", {"items": sizes, "rounds": 3 if quick else 5, "most_s": 110}, LONG_S)


def replies(sizes: list[int], quick: bool) -> Found:
    """Parse, validate, detect."""
    given: dict[str, object] = {"replies": [20, 200], "characters": [160, 1_000, 4_000]}
    small = {"turns": 10, "packs": 3, "rounds": 3, "planted": 10}
    return ask("speed_replies", given | (small if quick else {"turns": 100, "packs": 20}), LONG_S)


def whole(sizes: list[int], quick: bool) -> Found:
    """The whole path, with ``fast`` and without."""
    found = ask("speed_whole", {"items": sizes, "fast": 1, "most_s": 60 if quick else 240}, LONG_S)
    few = [items for items in sizes if items <= 100_000]
    given = {"items": few, "fast": 0, "plain_most": min(sizes), "rounds": 1 if quick else 3}
    found.add(ask("speed_whole", given | {"most_s": 60}, LONG_S))
    return found


def wire(sizes: list[int], quick: bool) -> Found:
    """Over a loopback server."""
    given = {"packs": 1_000, "singles": 100, "rivals": 0, "rounds": 1, "most_s": 20}
    return ask("speed_wire", given if quick else {"most_s": 110}, LONG_S)


def memory(sizes: list[int], quick: bool) -> Found:
    """Peaks and starts."""
    found = starts(1 if quick else 5)
    most_s = 20.0 if quick else 75.0
    for what in ("stream", "plan"):
        last_s, last = 0.0, 1
        for items in sorted(sizes):
            if last_s * items / last > most_s:
                told = f"{what} of {items:,} items would take about {last_s * items / last:.0f} s"
                found.notes.append(f"Memory: {told}; not measured.")
                continue
            found.add(ask("speed_memory", {"what": what, "items": items}, 2 * most_s))
            last_s, last = found.figures.get(f"memory.{what}.{items}.wall_s", most_s), items
    return found


PARTS: Mapping[str, Part] = {
    "count": counting,
    "pack": packing,
    "replies": replies,
    "whole": whole,
    "wire": wire,
    "memory": memory,
}


def facts_of(started_s: float) -> dict[str, str]:
    """What the figures rest on."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} not installed")
    spent_s = round(time.perf_counter() - started_s)
    told = (
        f"{', '.join(versions)}; Python {platform.python_version()}; {_processor()}, {os.cpu_count()} cores; "
        f"{time.strftime('%Y-%m-%d')}; load at the start {os.getloadavg()[0]:.1f}; {spent_s} s in all."
    )
    return {"command": " ".join(["python -m benchmarks.speed", *sys.argv[1:]]), "told": told}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute: whether it runs at all")
    parser.add_argument("--items", type=int, nargs="+")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--vocabulary", type=Path, help="folder of tiktoken's vocabulary files")
    parser.add_argument("--out", type=Path, default=HOME)
    parser.add_argument("--again", action="store_true", help="page and picture anew, from speed.json")
    args = parser.parse_args()
    kept = args.out / "speed.json"
    if args.again:
        stored = json.loads(kept.read_text(encoding="utf-8"))
        found, facts = Found(stored["figures"], stored["notes"]), stored["facts"]
    else:
        found, started_s = Found(), time.perf_counter()
        facts = {}
        if not vocabulary(args.vocabulary):
            found.notes.append(MISSING)
        for name in args.parts:
            begun_s = time.perf_counter()
            found.add(PARTS[name](args.items or list(QUICK if args.quick else SIZES), args.quick))
            print(f"{name}: {time.perf_counter() - begun_s:.0f} s", file=sys.stderr)
        facts = facts_of(started_s)
        args.out.mkdir(parents=True, exist_ok=True)
        figures = {name: float(f"{value:.6g}") for name, value in sorted(found.figures.items())}
        found = Found(figures, list(dict.fromkeys(found.notes)))
        whole_ = {"facts": facts, "notes": found.notes, "figures": figures}
        kept.write_text(json.dumps(whole_, indent=1) + "\n", encoding="utf-8")
    told = page(found.figures, found.notes, facts)
    (args.out / "speed.md").write_text(told, encoding="utf-8")
    draw(found.figures, args.out / "speed.png")
    print("\n".join(bars_table(found.figures)) if args.again else told)


if __name__ == "__main__":
    main()

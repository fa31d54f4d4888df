"""The bleed meter, held against truths that are known: do intervals cover, are promises kept, is bleed seen?

    nice python -m benchmarks.meter [--fleets 2000] [--workers 2]

Everything is simulated, no model is asked. Writes results/meter.md, meter.json and meter.png, and needs the
extras audit and bench. Does not know: formulas; it calls those of ``packer.audit``.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.meter_fleets import DESIGNS, Design, fleets
from benchmarks.meter_trials import BAD, GOOD, Row, World, collapse, losses, promises, watching
from benchmarks.meter_words import (
    AUDITS,
    ICCS,
    RATES,
    Cell,
    coverage_words,
    power_words,
    promise_words,
    watch_words,
)
from packer.audit import numeric

T = TypeVar("T")

RESULTS = Path(__file__).parent / "results"
SEED = 20261125
TWICE = 0.5


def coverage(number: int) -> Iterator[Cell]:
    """Held by how many intervals the truth is."""
    random = np.random.default_rng(SEED)
    for design in DESIGNS:
        for icc in ICCS:
            for audits in AUDITS:
                if design.suspects and audits == max(AUDITS):
                    continue  # 20,000 items a fleet
                for packed, noise in RATES:
                    yield _cell(random, design, number, audits, packed, noise, icc)


def _cell(
    random: np.random.Generator,
    design: Design,
    number: int,
    audits: int,
    packed: float,
    noise: float,
    icc: float,
) -> Cell:
    held = np.zeros(3)
    block = max(1, min(number, 4_000_000 // (audits * (design.size if design.suspects else 1))))
    for start in range(0, number, block):
        many = min(block, number - start)
        sums = fleets(random, design, many, audits, packed=packed, noise=noise, icc=icc, twice=TWICE)
        one, own = numeric.rates(*sums[0]), numeric.rates(*sums[1])
        found = (
            (numeric.wilson(one, 0.95), packed),
            (numeric.wilson(own, 0.95), noise),
            (numeric.excess(one, own, numeric.jeffreys, 0.95), packed - noise),
        )
        held += [((low <= truth) & (truth <= high)).sum() for (low, high), truth in found]
    return Cell(design.name, icc, audits, packed, noise, *(float(each) / number for each in held))


def power(number: int) -> list[Row]:
    """A rise from 3% to 4%, seen by 2,000 audits: the one-sided 95% lower bound is above what was before."""
    random = np.random.default_rng(SEED + 1)
    rows: list[Row] = []
    for design in DESIGNS[:2]:
        for icc in ICCS:
            seen = {}
            for rate in (0.03, 0.04):
                sums, _ = fleets(random, design, number, 2000, packed=rate, noise=0.0, icc=icc, twice=0.0)
                found = numeric.rates(*sums)
                lower, _ = numeric.wilson(found, 0.9)
                seen[rate] = found, float((lower > 0.03).mean())
            # The past is known only from as many audits of its own.
            before, after = (seen[rate][0] for rate in (0.03, 0.04))
            apart = (after.value - before.value) / np.sqrt(after.variance + before.variance)
            rows.append(
                {
                    "design": design.name,
                    "icc": icc,
                    "seen": seen[0.04][1],
                    "false_alarm": seen[0.03][1],
                    "seen_from_sample": float((apart > 1.645).mean()),
                }
            )
    return rows


def draw(cells: Sequence[Cell]) -> None:
    """Coverage against the number of differences that are to be expected."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # only the bench extra has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # as above

    figure, axes = plt.subplots(1, 3, figsize=(13, 4.4), sharey=True)
    for axis, name in zip(axes, ("packed", "noise", "bleed"), strict=True):
        axis.axhspan(94, 96, color="#cfe8cf", zorder=0)
        axis.axhline(95, color="#5a8f5a", linewidth=1)
        for icc, mark in zip(ICCS, ("o", "s", "^"), strict=True):
            some = [cell for cell in cells if cell.icc == icc]
            expected = [
                cell.audits * (cell.noise_rate * TWICE if name == "noise" else cell.packed_rate)
                for cell in some
            ]
            axis.scatter(
                expected, [100 * getattr(cell, name) for cell in some], s=16, marker=mark, label=f"ICC {icc}"
            )
        axis.set_xscale("log")
        axis.set_xlabel("differences to be expected")
        axis.set_title(name)
    axes[0].set_ylabel("95% intervals that hold the truth, %")
    axes[0].legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(RESULTS / "meter.png", dpi=100)


def timed(task: Callable[[], T]) -> tuple[T, float]:
    """What a task gives, and the processor seconds it took."""
    start = time.process_time()
    return task(), time.process_time() - start


def covered(number: int) -> list[Cell]:
    """All cells of coverage."""
    return list(coverage(number))


def tried(number: int, world: World) -> list[Row]:
    """All promises in one world."""
    return promises(number, [world], ICCS[::2])


def main() -> None:
    """Simulate, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=2000, help="simulated fleets a cell")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    args = parser.parse_args()
    number: int = args.fleets
    some = number // 4
    with ProcessPoolExecutor(args.workers) as pool:
        cells = pool.submit(timed, partial(covered, number))
        bad = [pool.submit(timed, partial(tried, number, world)) for world in BAD]
        good = [pool.submit(timed, partial(tried, some, world)) for world in GOOD]
        watched = pool.submit(timed, partial(watching, number))
        lost = pool.submit(timed, partial(losses, some, ICCS[::2]))
        rise = pool.submit(timed, partial(power, 2 * number))
        seen = pool.submit(timed, partial(collapse, number))
        broken = [row for each in bad for row in each.result()[0]]
        kept = [row for each in good for row in each.result()[0]]
        took = sum(each.result()[1] for each in (*bad, *good, watched, lost, rise, seen))
        took += cells.result()[1]
    packages = ", ".join(f"{name} {version(name)}" for name in ("packsplit", "numpy", "scipy"))
    text = "\n\n".join(
        [
            "# The bleed meter, held against truths that are known",
            f"`python -m benchmarks.meter`: {packages}, Python {platform.python_version()},\n"
            f"{platform.machine()}, seed {SEED}, {time.strftime('%Y-%m-%d')}, {took:.0f} s of processor "
            "time. Everything is simulated;\nno model was asked.",
            coverage_words(cells.result()[0], number),
            power_words(rise.result()[0], 2 * number),
            promise_words(broken, kept, lost.result()[0], (number, some)),
            watch_words(watched.result()[0], seen.result()[0], number),
        ]
    )
    (RESULTS / "meter.md").write_text(text + "\n", encoding="utf-8")
    figures = {
        "versions": packages,
        "seed": SEED,
        "fleets": number,
        "coverage": [asdict(cell) for cell in cells.result()[0]],
        "power": rise.result()[0],
        "promises": broken + kept,
        "losses": lost.result()[0],
        "watch": watched.result()[0],
        "collapse": seen.result()[0],
    }
    (RESULTS / "meter.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw(cells.result()[0])
    print(f"{took:.0f} s of processor time")


if __name__ == "__main__":
    main()

"""Tests over a whole run: false alarms on clean runs, planted effects found, and seconds.

    python -m benchmarks.fleet [--quick]

Runs are simulated, no model is asked. Its output is kept in results/fleet.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from math import sqrt
from random import Random

from schemas.signal import Seated
from splitter.fleet import fleet

LEVEL = 0.05
TOLD = 0.0125
LABELS, SHARES = ("negative", "neutral", "positive"), (0.5, 0.3, 0.2)
MEAN_LENGTH, DEVIATION = 60, 24
TESTS = ("neighbour copy", "polarity pull", "position drift", "discounted")
MACHINE = "2026-11-24, 2 cores x86-64, Python 3.11.7"


@dataclass(frozen=True, slots=True)
class Effect:
    """What is planted; each figure is the share of answers it touches, or of length it takes away."""

    name: str = "none"
    copied: float = 0.0
    pulled: float = 0.0
    drifted: float = 0.0
    shortened: float = 0.0


PLANTED = (
    *(Effect(f"each answer copies the one before, {share:.0%}", copied=share) for share in (0.05, 0.1, 0.2)),
    *(
        Effect(f"each answer follows its call's mood, {share:.0%}", pulled=share)
        for share in (0.05, 0.1, 0.2)
    ),
    *(Effect(f"last quarter says 'neutral', {share:.0%}", drifted=share) for share in (0.05, 0.1, 0.2)),
    *(Effect(f"length shrinks to the end by {share:.0%}", shortened=share) for share in (0.1, 0.2)),
)
ALL = Effect("all of them", 0.2, 0.2, 0.2, 0.2)


def simulated(items: int, pack: int, effect: Effect, seed: str) -> list[Seated]:
    """One run with an effect planted."""
    random = Random(seed)
    rows: list[Seated] = []
    answer = mood = ""
    for item in range(items):
        call, seat = divmod(item, pack)
        own = random.choices(LABELS, SHARES)[0]
        if seat == 0:
            mood = random.choices(LABELS, SHARES)[0]
        elif random.random() < effect.copied:
            own = answer
        if random.random() < effect.pulled:
            own = mood
        if seat >= pack * 3 // 4 and random.random() < effect.drifted:
            own = "neutral"
        answer = own
        full = max(2.0, random.gauss(MEAN_LENGTH, DEVIATION))
        length = round(full * (1 - effect.shortened * seat / (pack - 1)))
        rows.append(Seated(f"call {call}", seat, item, answer, length))
    return rows


def p_values(job: tuple[int, int, Effect, int]) -> list[float]:
    """The four p-values of one simulated run."""
    items, pack, effect, number = job
    rows = simulated(items, pack, effect, f"{items}:{pack}:{effect.name}:{number}")
    return [trend.p_value or 1.0 for trend in fleet(rows, seed=number)]


def wilson(hits: int, runs: int, digits: int = 1) -> str:
    """A rate with its 95% Wilson interval, in percent."""
    z = 1.959964
    rate, spare = hits / runs, z * z / runs
    middle = (rate + spare / 2) / (1 + spare)
    half = z * sqrt(rate * (1 - rate) / runs + spare / 4 / runs) / (1 + spare)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{rate:.{digits}%} ({low:.{digits}%} to {high:.{digits}%})"


def reached(tables: Sequence[Sequence[float]], level: float) -> list[int]:
    """How many runs reach the level, for each test."""
    return [sum(p <= level for p in column) for column in zip(*tables, strict=True)]


def line(*cells: object) -> None:
    """One line of a table."""
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def false_alarms(pool: ProcessPoolExecutor, runs: int) -> None:
    """Clean runs of 200 items: every alarm is a false one."""
    print(f"\n## False alarms: {runs:,} clean runs of 200 items each, rate with 95% interval (Wilson)\n")
    line("pack", "level", *TESTS)
    line(*["---"] * (2 + len(TESTS)))
    for pack in (10, 20):
        tables = list(pool.map(p_values, [(200, pack, Effect(), n) for n in range(runs)], chunksize=20))
        for level in (LEVEL, TOLD):
            line(pack, f"{level:.2%}", *(wilson(hits, runs) for hits in reached(tables, level)))
    print("\nFigures that are counts can tie with their shuffles; a tie counts against an alarm, so the rate")
    print("may lie below the level, never above it but by luck.")


def power(pool: ProcessPoolExecutor, items: int, runs: int) -> None:
    """Planted effects: how often each test answers at the level of 5%."""
    print(f"\n## Planted effects found: share of {runs} runs of {items:,} items, packs of 20, p <= {LEVEL}\n")
    line("planted", *TESTS)
    line(*["---"] * (1 + len(TESTS)))
    for effect in PLANTED:
        tables = list(pool.map(p_values, [(items, 20, effect, n) for n in range(runs)]))
        meant = [effect.copied, effect.pulled, effect.drifted, effect.shortened]
        hits = reached(tables, LEVEL)
        cells = [
            f"**{wilson(n, runs, 0)}**" if own else f"{n / runs:.0%}"
            for n, own in zip(hits, meant, strict=True)
        ]
        line(effect.name, *cells)


def seconds() -> None:
    """Processor time of one call: other work on the machine counts less than in wall time."""
    print("\n## Processor seconds for all four tests, one core\n")
    line("answers", "clean run", "every effect planted (no test can stop early)")
    line(*["---"] * 3)
    for items in (1_000, 10_000, 100_000):
        took = []
        for effect in (Effect(), ALL):
            rounds = []
            for number in range(3):
                rows = simulated(items, 20, effect, f"seconds:{number}")
                start = time.process_time()
                fleet(rows, seed=number)
                rounds.append(time.process_time() - start)
            took.append(sorted(rounds)[1])
        line(f"{items:,}", *(f"{each:.2f}" for each in took))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="A tenth of the runs.")
    part = 10 if parser.parse_args().quick else 1
    print("# Tests over a whole run\n")
    print(f"`python -m benchmarks.fleet`, {MACHINE}, packsplit {version('packsplit')}.\n")
    print("Simulated runs, no model: three labels (50, 30, 20%), lengths normal (mean 60, deviation 24).")
    print("Bold is the test that is meant to find the effect; the others show what else it moves.")
    print("Brackets: 95% interval (Wilson).")
    with ProcessPoolExecutor(2) as pool:
        false_alarms(pool, 2_000 // part)
        power(pool, 1_000, 50 // part)
        power(pool, 5_000, 20 // part)
    seconds()


if __name__ == "__main__":
    main()

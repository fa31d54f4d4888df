"""Kills a run by batch jobs over and over, at named points and at random times, and compares its books.

``python -m benchmarks.chaos_batch --items 20000 --kills 200`` prints the figures and writes them beside
the others; a broken promise makes it exit with 1. What is killed is a whole process that runs
``pack_and_run`` with the real SDK; the fault server lives on in this process and knows which calls it was
handed. Does not know: what a run is for.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from packer.testing import FaultKind, FaultServer, Inject, JobFaults
from tests.crash.batch_books import BatchBooks, batch_checked
from tests.crash.forker import Forker, forker
from tests.crash.points import BATCH_POINTS
from tests.crash.work import Die, Work, truth_of

RESULTS = Path(__file__).parent / "results" / "chaos_batch.md"
FAULTS = (
    Inject(FaultKind.DROP, rate=0.01, seed=11),
    Inject(FaultKind.UNKNOWN_LABEL, rate=0.01, seed=12),
    Inject(FaultKind.TRUNCATE, rate=0.01, per="call", seed=13),
)
JOBS = JobFaults(looks=2, repeat=0.02, unknown=0.02, lose_reply=5)
AT_LINES = ("line kept", "line read")


def death_of(random: Random, lines: int) -> Die:
    """A named point, and how often it is to be passed."""
    point = random.choice(tuple(BATCH_POINTS))
    return Die(point, random.randrange(1, lines) if point in AT_LINES else random.randrange(1, 3))


def killed(workers: Forker, work: Work, random: Random, whole_s: float) -> str:
    """One process and its end: how it was killed; empty when it came to its end first."""
    if random.random() < 0.5:
        die = death_of(random, work.job_lines)
        return die.point if workers.run(replace(work, die=die)).killed else ""
    pid = workers.start(work)
    time.sleep(random.uniform(0.0, whole_s))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return "at a random time" if workers.wait(pid).killed else ""


def table(given: argparse.Namespace, how: Counter[str], books: BatchBooks, runs: int, took_s: float) -> str:
    """The page."""
    machine = f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"
    lines = [
        "# A run by batch jobs, killed and taken up again",
        "",
        f"`python -m benchmarks.chaos_batch --items {given.items} --kills {given.kills} "
        f"--lines {given.lines} --pack {given.pack} --seed {given.seed}`",
        f"packsplit {version('packsplit')}, openai {version('openai')}, {machine}, "
        f"{datetime.now(UTC).date().isoformat()}; {took_s / 60:.0f} minutes.",
        "",
        f"{given.items:,} items a run in packs of {given.pack}, jobs of {given.lines:,} calls; 1% of answers "
        "dropped, 1% with an unknown label, 1% of replies cut; 2% of result lines twice, 2% under names "
        "that nobody gave, in shuffled order; the replies to the first 5 calls that made a job were lost.",
        "",
        "| | |",
        "| --- | --- |",
        f"| runs, all carried to their end | {runs}, {runs * given.items:,} items |",
        f"| processes killed | {sum(how.values()):,} |",
        f"| batch jobs handed over | {books.jobs:,} |",
        f"| calls handed over | {books.lines:,} |",
        f"| calls handed over twice | {books.twice} |",
        "| items lost, wrong or doubled | 0 |",
        f"| items without a value (every answer to them was spoiled) | {books.failed:,} |",
        "| tokens in the run's ledger, and in the server's | equal |",
        "",
        "| killed | times |",
        "| --- | --- |",
        *(f"| {name} | {times} |" for name, times in how.most_common()),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Do it; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000, help="of each run")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pack", type=int, default=20)
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    start_s, random, how = time.perf_counter(), Random(given.seed), Counter[str]()
    total = BatchBooks(0, 0, 0, 0)
    runs = 0
    with tempfile.TemporaryDirectory() as name, forker(Path(name)) as workers:
        while sum(how.values()) < given.kills:
            with FaultServer(truth_of(given.items), inject=FAULTS, jobs=JOBS) as server:
                work = Work(
                    server.url,
                    str(Path(name) / f"run{runs}.db"),
                    how_many=given.items,
                    job_lines=given.lines,
                    pack_items=given.pack,
                    longest_s=3_600,
                )
                whole_s = 60.0 * given.items / 100_000
                # A run that came to its end has nothing left to lose: the next one is killed.
                while sum(how.values()) < given.kills and (death := killed(workers, work, random, whole_s)):
                    how[death] += 1
                    told = f"{sum(how.values())} kills, {len(server.jobs)} jobs of run {runs + 1}"
                    print(f"{time.perf_counter() - start_s:7.0f} s  {told}  {death}", flush=True)
                try:
                    books = batch_checked(server, work, workers.run(work))
                except AssertionError as error:
                    print(f"BROKEN: {error}", file=sys.stderr)
                    return 1
            runs += 1
            total = BatchBooks(
                total.jobs + books.jobs,
                total.lines + books.lines,
                total.twice + books.twice,
                total.failed + books.failed,
            )
    page = table(given, how, total, runs, time.perf_counter() - start_s)
    print(page)
    given.out.write_text(page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

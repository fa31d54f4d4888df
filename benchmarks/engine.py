"""Engine time without any model: 1,000 items through a scripted client, and the cost of the import.

    python -m benchmarks.engine [--items 1000 10000]

The scripted client's own reading and writing of prompts is part of the figure.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time

from packer import Task, pack_and_run
from packer.testing import ScriptedClient

ROUNDS = 5
TASK = Task.classify("Sentiment of a tweet.", ["positive", "neutral", "negative"])


def run_s(items: int) -> float:
    """Best of some rounds, in seconds."""
    texts = [f"A short text with the number {i} and some words around it." for i in range(items)]
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        done = pack_and_run(texts, TASK, client=ScriptedClient(lambda text: "neutral"))
        rounds.append(time.perf_counter() - start)
        assert len(done) == items
    return min(rounds)


def import_s(module: str) -> float:
    """Best of some fresh processes, in seconds of wall time inside the process."""
    script = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", script]
    return min(float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(ROUNDS))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, nargs="+", default=[1_000, 10_000])
    args = parser.parse_args()
    print(f"Python {platform.python_version()}")
    for items in args.items:
        seconds = run_s(items)
        print(f"{items:,} items: {seconds:.3f} s, {seconds / items * 1e6:.0f} us an item")
    print(f"import packer: {import_s('packer') * 1e3:.0f} ms (import json: {import_s('json') * 1e3:.0f} ms)")


if __name__ == "__main__":
    main()

"""Memory and cold starts: the peak of streaming and planning so many items, and what an import takes.

Each measurement is a process of its own. Items are made one by one while they are read, and a client within
the process answers at once, so what is seen is the engine's. Does not know: which figure is good enough.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.speed_child import Given, whole
from benchmarks.speed_clock import Figures, Found
from benchmarks.speed_texts import sentences, short_texts
from packer import Budget, Completion, Prompt, Task, pack_and_stream, plan

WINDOW = 20_000
"""Inputs that ``pack_and_stream`` holds at once."""

PACK = 20
TASK = Task.classify("Sentiment of a text.", ["positive", "neutral", "negative"])
STATUS = Path("/proc/self/status")
STARTS = {
    "python": "pass",
    "packer": "import packer",
    "counter": "import packer.tokens; packer.tokens.counter_for('gpt-4o').count_batch(['a text'])",
}
# A process's ru_maxrss begins with what its parent had, so the kernel's own high-water mark is read instead.
START = """
import time
begun = time.process_time()
{what}
spent = time.process_time() - begun
marks = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(spent, int(marks[0].split()[1]) / 1024)
"""


def peak_mib() -> float:
    """This process's peak so far; Linux's own mark where it is there."""
    if STATUS.is_file():
        marks = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return int(marks[0].split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Answering:
    """Answers every item of a prompt alike, going by the reply's schema."""

    async def complete(self, prompt: Prompt) -> Completion:
        """A good reply."""
        wanted = prompt.reply_schema["properties"]
        assert isinstance(wanted, dict)
        return Completion(json.dumps(dict.fromkeys(wanted, "neutral")))


async def streamed(items: int) -> int:
    """Results of a whole run, in windows."""
    client, budget, count = Answering(), Budget(items=PACK), 0
    results = pack_and_stream(short_texts(items), TASK, client=client, budget=budget, window=WINDOW)
    async for result in results:
        count += result.value is not None
    return count


def child(given: Given) -> Found:
    """One measurement of one size: ``what`` is ``stream`` or ``plan``."""
    items, what = whole(given, "items", 10_000), str(given["what"])
    sentences()
    asyncio.run(streamed(PACK))
    plan(short_texts(PACK), TASK, model="gpt-4o", budget=Budget(items=PACK))
    base_mib, start, start_s = peak_mib(), time.process_time(), time.perf_counter()
    found = Found()
    if what == "stream":
        found.figures[f"memory.stream.{items}.answered"] = asyncio.run(streamed(items)) / items
    else:
        plan(short_texts(items), TASK, model="gpt-4o", budget=Budget(items=PACK))
    key = f"memory.{what}.{items}"
    measured: Figures = {
        f"{key}.us": (time.process_time() - start) / items * 1e6,
        f"{key}.wall_s": time.perf_counter() - start_s,
        f"{key}.base_mib": base_mib,
        f"{key}.peak_mib": peak_mib(),
        "memory.window": float(WINDOW),
    }
    found.figures.update(measured)
    return found


def starts(rounds: int) -> Found:
    """Fresh processes in turn: processor time and peak of a bare Python, the import, and the first count."""
    if not STATUS.is_file():
        return Found(notes=["Cold starts are measured on Linux only."])
    kept: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, what in STARTS.items():
            script = START.format(what=what)
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
            spent_s, mib = done.stdout.split()
            kept[name].append((float(spent_s), float(mib)))
    figures: Figures = {}
    for name, each in kept.items():
        figures[f"start.{name}.ms"] = median(spent_s for spent_s, _ in each) * 1e3
        figures[f"start.{name}.mib"] = median(mib for _, mib in each)
    return Found(figures)

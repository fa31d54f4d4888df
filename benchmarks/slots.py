"""The embedded server's slots: what answering several calls at once changes in time and cache.

    python -m benchmarks.slots [--model local/smollm2] [--slots 1 2 4]

The demo's tweets in packs of ten, each call at most once, the same seed for every number of slots; seconds
are given as ratios to one slot in the same run. Does not know: how the server works inside.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from benchmarks import heading
from examples.demo import TASK, TWEETS
from packer import Budget, Fallback, pack_and_run
from packer.clients.local import LocalModel

ONCE = Fallback(repacks=0, session=False, single=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local/smollm2", help="local, local/qwen-0.5b or local/smollm2")
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    with Path(TWEETS).open(encoding="utf-8", newline="") as file:
        items = [(row["id"], row["text"]) for row in csv.DictReader(file)]
    heading("slots")
    print(f"{LocalModel(args.model).weights.title}, {len(items)} tweets, packs of 10\n")
    print("| slots | calls | prompt tokens | of them cached | reply tokens | seconds, against one slot |")
    print("|---|---|---|---|---|---|")
    first_s = None
    for slots in args.slots:
        model = LocalModel(args.model, slots=slots)
        try:
            run = pack_and_run(items, TASK, client=model, budget=Budget(items=10), fallback=ONCE)
        finally:
            model.close()
        first_s = first_s or run.elapsed_s
        used = run.ledger.usage
        cached = (used.cached_tokens or 0) / (used.input_tokens or 1)
        ratio = f"{run.elapsed_s / first_s:.2f}x ({run.elapsed_s:.1f} s)"
        cells = (slots, run.ledger.calls, used.input_tokens, f"{cached:.0%}", used.output_tokens, ratio)
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()

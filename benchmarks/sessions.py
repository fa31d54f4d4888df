"""Sessions on a real model: what carrying earlier turns changes, and what the cached prefix saves.

    python -m benchmarks.sessions [--model local] [--carry 0 1 4 8]

The demo's tweets, one item a turn, against the same tweets asked alone. Agreement with single calls is
the measure of carry-over (K14). Does not know: how a session works inside.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from benchmarks import heading
from examples.demo import TASK, TWEETS, mcnemar, share
from packer import Fallback, Guard, RunResult, pack_and_run
from packer.clients.local import LocalModel

QUIET = Guard(audit=0)
"""All items are asked alone here anyway."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local", help="local, local/qwen-0.5b or local/smollm2")
    parser.add_argument("--carry", type=int, nargs="+", default=[0, 1, 4, 8])
    parser.add_argument("--items", type=int, default=60)
    args = parser.parse_args()
    with Path(TWEETS).open(encoding="utf-8", newline="") as file:
        rows = [(row["id"], row["text"], row["label"]) for row in csv.DictReader(file)][: args.items]
    model = LocalModel(args.model)
    heading("sessions")
    print(f"{model.weights.title}, {len(rows)} tweets\n")
    print("| asked | right | same as alone | worse / better (p) | prompt tokens | cached | seconds an item |")
    print("|---|---|---|---|---|---|---|")
    gold = [label for _, _, label in rows]
    items = [(key, text) for key, text, _ in rows]
    try:
        single = pack_and_run(items, TASK, client=model, strategy="single")
        tell("alone", single, single.values, gold)
        for carry in args.carry:
            fallback = Fallback(carry_turns=carry)
            run = pack_and_run(items, TASK, client=model, strategy="session", fallback=fallback, guard=QUIET)
            tell(f"session, {carry} turns carried", run, single.values, gold)
    finally:
        model.close()


def tell(name: str, run: RunResult[str], alone: list[str | None], gold: list[str]) -> None:
    """One row."""
    n = len(gold)
    right = sum(value == label for value, label in zip(run.values, gold, strict=True))
    same = sum(value == other for value, other in zip(run.values, alone, strict=True))
    lost = sum(b == g != a for a, b, g in zip(run.values, alone, gold, strict=True))
    won = sum(a == g != b for a, b, g in zip(run.values, alone, gold, strict=True))
    used = run.ledger.usage
    changes = f"{lost} / {won} ({mcnemar(won, lost):.2f})" if lost + won else "0 / 0"
    shown = (
        f"{share(right, n)} | {share(same, n)} | {changes} | {(used.input_tokens or 0) / n:.0f} | "
        f"{(used.cached_tokens or 0) / n:.0f} | {run.elapsed_s / n:.2f}"
    )
    print(f"| {name} | {shown} |".replace("\\[", "["), flush=True)


if __name__ == "__main__":
    main()

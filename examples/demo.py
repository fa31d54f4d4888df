"""``make demo``: real tweets, a real model on this machine, packed and one by one, side by side.

    python -m examples.demo [--model local] [--singles 60] [--items-per-pack 10]

Says what was measured, packing's losses included. Does not know: how any of it works inside.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from packer import Budget, Guard, PacksplitError, RunResult, Task, pack_and_run
from packer.clients.local import LocalModel

TWEETS = Path(__file__).with_name("tweets.csv")
LABELS = ("positive", "neutral", "negative")
TASK = Task.classify("Sentiment of a tweet: how does its author feel?", LABELS)
SEED = 0

console = Console()


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local", help="local, local/qwen-0.5b or local/smollm2")
    parser.add_argument("--singles", type=int, default=60, help="how many tweets are also asked alone")
    parser.add_argument("--items-per-pack", type=int, default=10)
    args = parser.parse_args()
    with TWEETS.open(encoding="utf-8", newline="") as file:
        tweets = [(row["id"], row["text"], row["label"]) for row in csv.DictReader(file)]
    gold = {tweet_id: label for tweet_id, _, label in tweets}
    alone = sorted(random.Random(SEED).sample(range(len(tweets)), min(args.singles, len(tweets))))
    try:
        model = LocalModel(args.model)
        size = f"{model.weights.size_bytes / 1e9:.1f} GB"
        console.print(f"Starting [bold]{model.weights.title}[/] (a first start downloads {size}) ...")
        model.counter()
        try:
            packed = ask("packed", tweets, model, "pack", args.items_per_pack)
            single = ask("one by one", [tweets[i] for i in alone], model, "single", 1)
        finally:
            model.close()
    except PacksplitError as error:
        raise SystemExit(f"demo: {error}") from None
    show(packed, single, gold)


def ask(
    title: str, tweets: list[tuple[str, str, str]], model: LocalModel, strategy: str, items: int
) -> RunResult[str]:
    """Run with a bar on the terminal."""
    columns = (
        TextColumn(f"{title:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        row = bar.add_task("", total=len(tweets))
        return pack_and_run(
            [(tweet_id, text) for tweet_id, text, _ in tweets],
            TASK,
            client=model,
            strategy="single" if strategy == "single" else "pack",
            budget=Budget(items=items),
            seed=SEED,
            guard=Guard(audit=0),  # a share is asked alone below, which audits it
            on_progress=lambda t: bar.update(
                row,
                completed=t.settled,
                description=f"{t.calls} calls, {t.usage.output_tokens or 0} tokens out",
            ),
        )


def show(packed: RunResult[str], single: RunResult[str], gold: dict[object, str]) -> None:
    """The table, and a sentence that says who won."""
    ids = [result.item_id for result in single]
    by_pack = {result.item_id: result.value for result in packed}
    by_single = {result.item_id: result.value for result in single}
    n = len(ids)
    right_packed = sum(by_pack[i] == gold[i] for i in ids)
    right_single = sum(by_single[i] == gold[i] for i in ids)
    agree = sum(by_pack[i] == by_single[i] for i in ids)
    table = Table(
        title=f"{len(packed)} tweets packed; {n} of them also one by one ({time.strftime('%Y-%m-%d')})"
    )
    table.add_column("")
    table.add_column("packed", justify="right")
    table.add_column("one by one", justify="right")
    table.add_row(f"right, by the human label (of {n})", share(right_packed, n), share(right_single, n))
    table.add_row("same label packed as alone", share(agree, n), "")
    for name, of in (("calls", "calls"), ("prompt tokens", "input"), ("  of them cached", "cached")):
        table.add_row(f"{name} per item", *(per_item(run, of) for run in (packed, single)))
    table.add_row("reply tokens per item", *(per_item(run, "output") for run in (packed, single)))
    table.add_row("seconds per item", *(f"{run.elapsed_s / len(run):.2f}" for run in (packed, single)))
    table.add_row("without a value", *(str(len(run.unresolved)) for run in (packed, single)))
    console.print(table)
    for name, run in (("packed", packed), ("one by one", single)):
        for result in run.unresolved[:3]:
            console.print(f"{name}, tweet {result.item_id}: no value, {result.reason}", markup=False)
    gained = sum(by_pack[i] == gold[i] != by_single[i] for i in ids)
    lost = sum(by_single[i] == gold[i] != by_pack[i] for i in ids)
    console.print(verdict(gained, lost, n, agree))


def verdict(gained: int, lost: int, n: int, agree: int) -> str:
    """Plain words about quality: harm, help, and whether chance alone could explain them."""
    p = mcnemar(gained, lost)
    changed = f"Packing changed {n - agree} of {n} labels: {lost} got worse, {gained} got better."
    if lost == gained:
        return f"{changed} It neither won nor lost accuracy here; but bleed is there: do not trust ids alone."
    side = "LOST" if lost > gained else "won"
    sure = "more than chance explains" if p < 0.05 else f"within chance for so few tweets (p = {p:.2f})"
    return f"{changed} On balance it {side} accuracy, {sure}. All ids in all replies were perfect."


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar test: could a fair coin have split the changes like this?"""
    n, k = gained + lost, min(gained, lost)
    return min(1.0, 2.0 * sum(math.comb(n, i) for i in range(k + 1)) / float(2**n))


def share(k: int, n: int) -> str:
    """A share with its Wilson 95% interval."""
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return f"{p:.0%} [{(middle - half) / scale:.0%}, {(middle + half) / scale:.0%}]".replace("[", r"\[")


def per_item(run: RunResult[str], what: str) -> str:
    """A figure of the ledger, per item."""
    used = run.ledger.usage
    total = {
        "calls": run.ledger.calls,
        "input": used.input_tokens,
        "cached": used.cached_tokens,
        "output": used.output_tokens,
    }[what]
    return "unknown" if total is None else f"{total / len(run):.1f}"


if __name__ == "__main__":
    main()

"""Promises on real models: what a run finds out by itself, and how right it is beside all singles.

    python -m benchmarks.promises --model local [--data tweets] [--items 400] [--gold 100]

Three runs over the same items with default settings, each kept in a store so that it can be interrupted: all
singles; ``Guard(max_bleed=0.02)``; ``Guard(max_accuracy_loss=0.01, gold=...)`` with labelled inputs that are
none of the items. Does not know: which of them a model keeps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import heading
from benchmarks.binding import Way, drawn, task_of
from benchmarks.data import CACHE
from packer import Guard, RunResult, pack_and_run
from packer.audit.equal import same
from packer.clients.local import LocalModel
from packer.sampling import bad_share

ARMS = ("singles", "bleed", "loss")
RESULTS = Path(__file__).parent / "results"
SEED = 0


@dataclass(frozen=True, slots=True)
class Arm:
    """One run.

    Attributes:
        name: as the table has it.
        strategy: ``single`` for the reference.
        guard: the promise; None for the default.
    """

    name: str
    strategy: Any
    guard: Guard


def main() -> None:
    """Run the arms, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", nargs="+", default=["local/qwen-0.5b", "local"])
    parser.add_argument("--data", default="tweets")
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--gold", type=int, default=100)
    parser.add_argument("--loss", type=float, default=0.01, help="the promise of accuracy")
    parser.add_argument("--only", nargs="+", choices=ARMS, default=ARMS)
    args = parser.parse_args()
    heading("promises")
    for name in args.model:
        model = LocalModel(name)
        try:
            for row in measured(model, args.data, args.items, args.gold, args.loss, args.only):
                keep(row)
                print(json.dumps(row), flush=True)
        finally:
            model.close()
    print((RESULTS / "promises.md").read_text(encoding="utf-8"))


def measured(
    model: LocalModel, data: str, items: int, gold: int, loss: float, only: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The arms on one model, one row each."""
    every, examples = drawn(data, items + gold)
    asked, labelled = every[:items], [(each.text, each.gold) for each in every[items:]]
    arms = {
        "singles": Arm("all singles", "single", Guard()),
        "bleed": Arm("max_bleed=0.02", "pack", Guard(max_bleed=0.02)),
        "loss": Arm(f"max_accuracy_loss={loss:g}", "pack", Guard(max_accuracy_loss=loss, gold=labelled)),
    }
    home = CACHE / "promises" / model.name.replace("/", "-") / f"{data}-{items}-{gold}"
    home.mkdir(parents=True, exist_ok=True)
    for arm in (arms[each] for each in only):
        run: RunResult[Any] = pack_and_run(
            [each.text for each in asked],
            task_of(data, Way(), examples),
            client=model,
            strategy=arm.strategy,
            guard=arm.guard,
            seed=SEED,
            store=home / f"{arm.name.replace(' ', '_')}.run",
        )
        right = sum(same(value, each.gold) for value, each in zip(run.values, asked, strict=True))
        used, found = run.ledger.usage, run.calibration
        yield {
            "model": model.name,
            "data": data,
            "arm": arm.name,
            "items": items,
            "gold": gold,
            "right": right,
            "calls": run.ledger.calls,
            "calibration_calls": found.calls if found is not None else 0,
            "size": None if found is None else found.size,
            "in": round((used.input_tokens or 0) / items, 1),
            "out": round((used.output_tokens or 0) / items, 1),
            "words": "" if found is None else found.words,
            "audit": "" if run.audit is None else run.audit.words,
        }


def keep(row: dict[str, Any]) -> None:
    """Add a row to the results, in place of an earlier one of the same arm."""
    path = RESULTS / "promises.json"
    body = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": []}
    names = ("model", "data", "arm", "items")
    rows = [each for each in body["rows"] if any(each[name] != row[name] for name in names)]
    rows.append(row)
    body = {"packsplit": version("packsplit"), "seed": SEED, "rows": rows}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    lines = [
        "`python -m benchmarks.promises`, default settings, packs of at most 10.\n",
        "| model | data | run | right | calls | of them to try sizes | packs of | tokens in | out |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        share = bad_share(each["right"], each["items"])
        lines.append(
            f"| {each['model']} | {each['data']} | {each['arm']} | {each['right']} of {each['items']} "
            f"({share.lower:.0%}-{share.upper:.0%}) | {each['calls']} | {each['calibration_calls']} | "
            f"{each['size'] or '-'} | {each['in']} | {each['out']} |"
        )
    lines.append("\nWhat each said:\n")
    lines += [f"- {each['model']}, {each['data']}: {each['words']}" for each in rows if each["words"]]
    (RESULTS / "promises.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

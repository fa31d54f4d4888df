"""How much packing changes answers, by pack size, model and task: packed, alone, and alone a second time.

    pip install 'packsplit[bench]'
    python -m benchmarks.bleed [--model local/qwen-0.5b] [--data tweets prices] [--items 96]
    python -m benchmarks.bleed --table          # table and picture again, from what was measured before
    python -m benchmarks.bleed --dry --items 60 # a scripted model that bleeds, into a folder of its own

Each model and data set is one ``evaluate`` with a store of its own under the cache folder, so that hours of
model time survive any interruption: the same command goes on. Measurements of other models and data stay in
the JSON. Does not know: how bleed is estimated.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.binding import WAYS, drawn, task_of
from benchmarks.data import CACHE, Labelled
from benchmarks.figures import COLOURS, RESULTS
from packer import Layout, Limits, Task
from packer.clients.local import LocalModel
from packer.run.evaluation.evaluate import SIZES, evaluate
from packer.run.live.tally import Tally
from packer.testing.bleeding import BleedingClient
from schemas.evaluation import Evaluation
from schemas.output import Mismatch
from schemas.settings import Binding
from schemas.written import written

SEED = 7
DATA = ("tweets", "reviews", "addresses", "prices")
ITEMS, TWICE = 96, 0.5
DRY = "scripted"
PACKAGES = ("packsplit", "xllamacpp", "numpy", "scipy")

Entry = dict[str, Any]


def gold_for(items: Sequence[Labelled], task: Task[Any]) -> dict[str, object]:
    """Human answers as the task writes them; without those that the task cannot say."""
    found = {}
    for each in items:
        answer = each.gold
        if isinstance(answer, Mapping) and "amount" in answer:
            answer = {**answer, "amount": float(str(answer["amount"]))}
        try:
            found[each.text] = task.output.encode(answer)
        except Mismatch:
            continue
    return found


def measured(
    client: object,
    task: Task[Any],
    items: Sequence[Labelled],
    *,
    sizes: Sequence[int] = SIZES,
    binding: Binding = "none",
    store: Path | None = None,
    seed: int = SEED,
    twice: float = TWICE,
    quiet: bool = False,
) -> Evaluation:
    """Ask some labelled texts alone, again, and by each size.

    Args:
        client: who answers.
        task: what is asked.
        items: texts with human answers.
        sizes: items a pack.
        binding: what replies repeat of an item.
        store: a folder that keeps the arms; None keeps nothing.
        seed: of seats and samples.
        twice: share that is asked alone twice.
        quiet: say nothing of how far it is.
    """
    return evaluate(
        [each.text for each in items],
        task,
        client=client,
        sizes=sizes,
        layout=Layout(binding=binding),
        gold=gold_for(items, task),
        limits=Limits(item_timeout_s=600.0),
        store=store,
        seed=seed,
        twice_share=twice,
        on_progress=None if quiet else _progress(),
    )


def _progress() -> Callable[[str, Tally], None]:
    last = 0.0

    def show(arm: str, tally: Tally) -> None:
        nonlocal last
        if time.monotonic() - last > 60:
            last = time.monotonic()
            print(f"  {arm}: {tally.settled} of {tally.items}", file=sys.stderr, flush=True)

    return show


def entry(found: Evaluation, *, model: str, data: str, weights: str = "") -> Entry:
    """One measurement with all that it takes to make it again.

    Args:
        found: the evaluation.
        model: as it was named.
        data: the data set.
        weights: the beginning of the SHA-256 of the model's file; empty where there is none.
    """
    return {
        "model": model,
        "weights_sha256": weights,
        "data": data,
        "date": time.strftime("%Y-%m-%d"),
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores {platform.machine()}",
        "found": written(found),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None


def kept(path: Path, new: Sequence[Entry]) -> list[Entry]:
    """Add measurements to a file; one of the same model, data and binding takes the place of the old one."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    every = {_key(each): each for each in [*old, *new]}
    rows = [every[key] for key in sorted(every)]
    if new:
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


def _key(of: Entry) -> tuple[str, str, str]:
    return of["model"], of["data"], of["found"]["binding"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(of: Mapping[str, float] | None) -> str:
    """A rate with its interval."""
    if of is None:
        return "-"
    return f"{100 * of['value']:.1f}% [{100 * of['lower']:.1f}, {100 * of['upper']:.1f}]"


def name_of(of: Entry) -> str:
    """A model as a table names it."""
    binding = of["found"]["binding"]
    return str(of["model"]) + ("" if binding == "none" else f", {binding}")


def report(rows: Sequence[Entry]) -> str:
    """The table, and one sentence each on what to do."""
    head = ["model", "data", "items", "packs of", "no value", "differ", "own noise", "bleed", "after repair"]
    head += ["tokens in, out", "calls", "seconds"]
    lines = []
    for each in rows:
        found = each["found"]
        alone = found["alone"]
        start = (name_of(each), each["data"], f"{found['items']:,}")
        noise = f"{percent(found['noise_rate'])} of {found['noise']['asked']}"
        lines.append((*start, "1 (alone)", str(found["alone_lost"]), "-", noise, "-", "-", *_spent(alone)))
        for of in found["sizes"]:
            bleeds = (percent(of["difference"]), noise, percent(of["bleed"]), percent(of["repaired"]))
            spent = _spent(of["repaired_spending"])
            lines.append((*start, str(of["size"]), f"{of['lost']} of {of['items']}", *bleeds, *spent))
    words = [f"- {name_of(each)}, {each['data']}: {each['found']['words']}" for each in rows]
    return "\n\n".join(
        [
            "# Bleed: answers that packing changes",
            f"`python -m benchmarks.bleed`: {made_by(rows)}.",
            "The same items alone, some of them alone again, and packed. *Differ*: packed answers that are "
            "others than the single ones, items without a value left out. *Bleed*: that less the model's own "
            "noise. *After repair*: over all items, those without a value asked alone. Intervals are of 95%, "
            "packs being the units that scatter. Tokens, calls and seconds are an item's, repair included.",
            "![Bleed by pack size](bleed.png)",
            table(head, lines),
            "\n".join(words),
            "One seed a model and data set; short texts in English. Items of other kinds, and models of "
            "other families, were not tried.",
        ]
    )


def _spent(of: Mapping[str, Any]) -> tuple[str, str, str]:
    into, out, took = of["input_tokens"], of["output_tokens"], of["seconds"]
    tokens = "-" if into is None or out is None else f"{into:.1f}, {out:.1f}"
    return tokens, f"{of['calls']:.2f}", "-" if took is None else f"{took:.2f}"


def made_by(rows: Sequence[Entry]) -> str:
    """Versions, weights, seeds and dates."""
    versions = {f"packsplit {each['versions']['packsplit']}, Python {each['python']}" for each in rows}
    weights = {f"{each['model']} {each['weights_sha256']}" for each in rows if each["weights_sha256"]}
    seeds = {f"seed {each['found']['seed']}" for each in rows}
    dates = {each["date"] for each in rows}
    return "; ".join(", ".join(sorted(each)) for each in (versions, weights, seeds, dates) if each)


def draw(rows: Sequence[Entry], path: Path, what: str = "bleed", label: str = "answers changed, %") -> None:
    """A panel for each data set: an estimate of each size, with its interval, by model."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # only the bench extra has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # as above

    names = list(dict.fromkeys(each["data"] for each in rows))
    models = list(dict.fromkeys(map(name_of, rows)))
    figure, panels = plt.subplots(
        1, len(names), figsize=(3.6 * len(names) + 1, 4), sharey=True, squeeze=False
    )
    for panel, name in zip(panels[0], names, strict=True):
        for each in (each for each in rows if each["data"] == name):
            number = models.index(name_of(each))
            points = [(of["size"], _estimate(of, what)) for of in each["found"]["sizes"]]
            shown = [(size + 0.25 * number, of) for size, of in points if of is not None]
            if not shown:
                continue
            panel.errorbar(
                [size for size, _ in shown],
                [100 * of["value"] for _, of in shown],
                [
                    [100 * (of["value"] - of["lower"]) for _, of in shown],
                    [100 * (of["upper"] - of["value"]) for _, of in shown],
                ],
                marker="o",
                capsize=3,
                color=COLOURS[number % len(COLOURS)],
                label=models[number],
            )
        panel.axhline(0, color="#cccccc", linewidth=1)
        panel.set_title(name, fontsize=10)
        panel.set_xticks(sorted({of["size"] for each in rows for of in each["found"]["sizes"]}))
        panel.set_xlabel("items a pack")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel(label)
    panels[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _estimate(of: Mapping[str, Any], what: str) -> Mapping[str, float] | None:
    if what == "accuracy":
        found = of["accuracy"]
        found = None if found is None else found["difference"]
    else:
        found = of["bleed"] or of["difference"]
    assert found is None or isinstance(found, Mapping)
    return found


def asked(args: argparse.Namespace) -> list[Entry]:
    """Measure what the command line names."""
    new = []
    with ExitStack() as stack:
        for name in [DRY] if args.dry else args.model:
            model = None if args.dry else stack.enter_context(closing(LocalModel(name)))
            for data in args.data:
                items, _ = drawn(data, args.items)
                task = task_of(data, WAYS["single"], ())
                client: object = model
                if model is None:
                    client = BleedingClient(gold_for(items, task), copy=0.05, noise=0.02, seed=SEED)
                    store = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                else:
                    store = CACHE / "bleed" / name.replace("/", "-") / f"{data}-{args.items}-{args.binding}"
                if args.dry:
                    items = [each for each in items if each.text in gold_for(items, task)]
                found = measured(
                    client, task, items, sizes=args.sizes, binding=args.binding, store=store, twice=args.twice
                )
                weights = "" if model is None else model.weights.sha256[:12]
                new.append(entry(found, model=name, data=data, weights=weights))
                print(f"{name}, {data}\n{found}\n", flush=True)
    return new


def arguments(about: str | None) -> argparse.Namespace:
    """The command line of this benchmark and of ``benchmarks.accuracy``."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--model", nargs="+", default=["local/qwen-0.5b", "local"])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--binding", default="none", choices=("none", "seal", "words", "quote"))
    parser.add_argument("--twice", type=float, default=TWICE, help="share of items asked alone twice")
    parser.add_argument("--table", action="store_true", help="ask nobody: table and picture from the JSON")
    parser.add_argument("--dry", action="store_true", help="a scripted model, into a folder of its own")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.dry and args.out == RESULTS:
        args.out = Path(tempfile.mkdtemp(prefix="packsplit-dry-"))
        print(f"a dry run: {args.out}")
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def main() -> None:
    """Measure, and write table, picture and figures."""
    args = arguments(__doc__)
    rows = kept(args.out / "bleed.json", [] if args.table else asked(args))
    (args.out / "bleed.md").write_text(report(rows) + "\n", encoding="utf-8")
    draw(rows, args.out / "bleed.png")


if __name__ == "__main__":
    main()

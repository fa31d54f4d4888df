"""Hostile replies: seconds and memory for 1 MB, growth at each doubling, and a fuzz that must raise nothing.

    python -m benchmarks.hostile_replies sizes
    python -m benchmarks.hostile_replies fuzz [--rounds 100000]

Every kind of reply goes through ``split`` for a label task with seals and for an extraction task with
quotes. Does not know: models or clients.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

from benchmarks import heading
from packer import Budget, Completion, FinishReason, Layout, Task, plan, split
from schemas.pack import Pack

LABELS = Task.classify("Sentiment.", ["positive", "neutral", "negative"])
FIELDS = Task.extract(
    "Name and price.",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
        "required": ["name", "price"],
    },
    evidence=True,
)
TEXTS = [f"Order {n}: {n + 3}.50 EUR, sold by Shop Number {n} in the High Street." for n in range(20)]
LINES = Layout(envelope="lines")
LEAST_S = 0.02
"""Below that, the clock and other processes say more than the text."""

DOUBLINGS = (65_536, 131_072, 262_144, 524_288, 1_048_576)


def packs() -> list[Pack[object]]:
    """Packs of twenty: labels with seals, fields with evidence, and the latter as JSON lines."""
    made: list[Pack[object]] = []
    for task, layout in ((LABELS, Layout(binding="seal")), (FIELDS, Layout()), (FIELDS, LINES)):
        made += plan(TEXTS, task, layout=layout, budget=Budget(items=20)).packs
    return made


def perfect(pack: Pack[object]) -> dict[str, object]:
    """A good reply to one of the two packs, as JSON."""
    if pack.layout.binding == "seal":
        return {s.handle: {"seal": s.seal, "answer": "positive"} for s in pack.slots}
    return {
        s.handle: {"quotes": {"name": "Shop", "price": None}, "value": {"name": "Shop", "price": 1.5}}
        for s in pack.slots
    }


def filled(start: str, unit: str, end: str = "") -> Callable[[Pack[object], int], str]:
    """A reply that is one unit over and over."""
    return lambda _, size: start + unit * ((size - len(start) - len(end)) // len(unit)) + end


def inside(make: Callable[[int], str]) -> Callable[[Pack[object], int], str]:
    """A good reply in which the third answer is replaced by raw text of this length."""

    def reply(pack: Pack[object], size: int) -> str:
        parts = [f'"{h}":{json.dumps(a)}' for h, a in perfect(pack).items()]
        handle = pack.handles[2]
        parts[2] = f'"{handle}":{make(size)}'
        return "{" + ",".join(parts) + "}"

    return reply


def held(pack: Pack[object], size: int) -> str:
    """A good reply whose third item has a very long string everywhere a string may stand."""
    answers = perfect(pack)
    long = "Shop Number 7 " * (size // 28)
    answers[pack.handles[2]] = (
        {"seal": long, "answer": long}
        if pack.layout.binding == "seal"
        else {"quotes": {"name": long, "price": long}, "value": {"name": long, "price": 1.5}}
    )
    return json.dumps(answers)


KINDS: dict[str, Callable[[Pack[object], int], str]] = {
    "open brackets": filled("", "["),
    "open objects": filled("", '{"a":'),
    "open braces": filled("", "{"),
    "nested lists, closed": lambda _, n: "[" * (n // 2) + "]" * (n // 2),
    "blanks": filled("", " "),
    "blanks after a brace": filled('{"item_1":', " "),
    "fence and blanks": filled("```json\n", " "),
    "fences": filled("", "```json\n"),
    "empty objects": filled("", "{}"),
    "a stranger's rows": filled("", '{"id":"x","answer":1}\n'),
    "one row again and again": filled("", '{"id":"item_1","answer":1}\n'),
    "quotes": filled("", '"'),
    "backslashes": filled('{"item_1":"', "\\"),
    "one key again and again": filled("{", '"item_1":"positive",', '"item_2":"neutral"}'),
    "foreign keys": lambda _, n: "{" + ",".join(f'"k{i}":1' for i in range(n // 10)) + "}",
    "array of entries": filled('{"results":[', '{"id":"item_1","answer":"positive"},', "{}]}"),
    "many small objects": filled("", '{"item_1":1} '),
    "prose with braces": filled("", "for {each} of [them] "),
    "huge number": inside(lambda n: "9" * n),
    "huge fraction": inside(lambda n: "0." + "9" * n),
    "deep answer": inside(lambda n: "[" * (n // 2) + "]" * (n // 2)),
    "long string": inside(lambda n: json.dumps("a" * n)),
    "surrogates": inside(lambda n: '"' + "\\ud800" * (n // 6) + '"'),
    "long list": inside(lambda n: "[" + ",".join("1" for _ in range(n // 2)) + "]"),
    "object with many keys": inside(lambda n: json.dumps({f"k{i}": i for i in range(n // 12)})),
    "long quotes and seals": held,
    "control characters": filled("", "\x00\x1b[2J"),
    "right to left": filled('{"item_1":"', "\u202e\u2066"),
    "single quotes": filled("{", "'item_1':'positive',", "}"),
}


def measured(pack: Pack[object], text: str, finish: FinishReason) -> tuple[float, float]:
    """Seconds, and peak megabytes on top of the reply itself."""
    done = Completion(text, finish)
    start = time.perf_counter()
    assert len(split(pack, done).verdicts) == 20
    seconds = time.perf_counter() - start
    tracemalloc.start()
    split(pack, done)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds, peak


def fuzz(rounds: int, made: list[Pack[object]]) -> int:
    """Split mutated replies; anything raised ends the benchmark. Returns how many answers were accepted."""
    draw = random.Random(1)
    pieces = ['"', "{", "}", "[", "]", ":", ",", "item_1", "item_3", "null", "NaN", "1e999", "\\ud800", "```"]
    pieces += [
        "seal",
        "answer",
        "quotes",
        "value",
        "results",
        "id",
        "\x00",
        " ",
        "\n",
        "é",
        "\\",
        "'",
        "-",
        "0",
    ]
    accepted = 0
    for _ in range(rounds):
        pack = draw.choice(made)
        text = json.dumps(perfect(pack))
        for _ in range(draw.randint(1, 8)):
            at, cut = draw.randrange(len(text) + 1), draw.choice((0, 0, 1, 3, 40))
            text = text[:at] + draw.choice(pieces) + text[at + cut :]
        if draw.random() < 0.2:
            text = text[: draw.randrange(len(text) + 1)]
        done = split(pack, Completion(text, draw.choice(list(FinishReason))))
        assert [v.slot for v in done.verdicts] == list(pack.slots)
        accepted += len(done.accepted)
    return accepted


def sizes(made: list[Pack[object]]) -> None:
    """Print seconds, memory and growth for every kind of reply."""
    print("The worse of both tasks and of finished and cut off; best of three\n")
    print("| reply | 1 MB: seconds | peak MB | worst growth at a doubling |\n|---|---|---|---|")
    for name, make in KINDS.items():
        times: dict[int, float] = {}
        peak = 0.0
        for size in DOUBLINGS:
            for pack in made:
                for finish in (FinishReason.STOP, FinishReason.LENGTH):
                    text = make(pack, size)
                    best = min(measured(pack, text, finish) for _ in range(3))
                    times[size] = max(times.get(size, 0.0), best[0])
                    peak = max(peak, best[1]) if size == DOUBLINGS[-1] else peak
        pairs = [(times[a], times[b]) for a, b in pairwise(DOUBLINGS) if times[b] >= LEAST_S]
        shown = f"{max(b / a for a, b in pairs):.1f}x" if pairs else "too fast to tell"
        print(f"| {name} | {times[DOUBLINGS[-1]]:.3f} | {peak:.0f} | {shown} |", flush=True)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("sizes", "fuzz"))
    parser.add_argument("--rounds", type=int, default=100_000)
    args = parser.parse_args()
    heading("hostile_replies")
    if args.part == "sizes":
        sizes(packs())
        return
    start = time.perf_counter()
    accepted = fuzz(args.rounds, packs())
    seconds = time.perf_counter() - start
    print(f"{args.rounds:,} fuzzed replies: nothing raised, {accepted:,} answers accepted, {seconds:.0f} s")


if __name__ == "__main__":
    main()

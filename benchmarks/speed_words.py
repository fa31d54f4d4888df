"""The page of the speed benchmark, out of its figures alone.

Does not know: how a figure was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.speed_bars import BARS, FLAT, verdict
from benchmarks.speed_clock import Figures
from benchmarks.speed_texts import WORKLOADS

ABOUT = f"""Every ratio is the median of the ratios of rounds in which the contenders took turns within one
process, by processor time, with the garbage collector on. `us` is processor time an item, which a busy
machine inflates; trust the ratios. What is fast, why, and what this does not say: docs/speed.md. `holds` and
`does not hold` follow from the figures; flat means within {FLAT - 1:.0%}.
"""
WIRE = (
    "bare SDK, one text a call",
    "packsplit, singles",
    "bare SDK, 20 texts a call",
    "packsplit, packs of 20",
    "packsplit, packs of 20, default audits",
    "bare SDK, one text a call, aiohttp",
    "packsplit, singles, aiohttp",
    "bare SDK, 20 texts a call, aiohttp",
    "packsplit, packs of 20, aiohttp",
    "openaivec",
    "ondine",
)
STACKS = (
    ("whole.fast", "ours", "packsplit with `fast`"),
    ("whole.bare", "ours", "packsplit without"),
    ("whole.fast", "plain", "straightforward stack"),
    ("whole.fast", "floor", "floor, by hand"),
)


def _cell(figures: Figures, name: str, form: str = ".3g", end: str = "") -> str:
    value = figures.get(name)
    if value is None:
        return "-"
    return f"{value:,.0f}{end}" if value >= 1_000 else f"{value:{form}}{end}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def bars_table(figures: Figures) -> list[str]:
    """A line for each bar."""
    rows = [
        [
            bar.words,
            f"{'at least' if bar.at_least else 'at most'} {bar.shown(bar.limit)}",
            bar.shown(bar.value(figures)),
            verdict(bar, figures),
        ]
        for bar in BARS
    ]
    return _table(("what", "bar", "figure", ""), rows)


def sizes_in(figures: Figures, prefix: str, place: int) -> list[int]:
    """The sizes that stand at one place of the names behind a prefix."""
    names = (name.split(".") for name in figures if name.startswith(f"{prefix}."))
    return sorted({int(parts[place]) for parts in names if parts[place].isdecimal()})


def page(figures: Figures, notes: Sequence[str], facts: Mapping[str, str]) -> str:
    """All tables, with what they rest on."""
    lines = [f"`{facts['command']}`\n", f"{facts['told']}\n", ABOUT, "## Bars\n", *bars_table(figures)]
    for key, title, worded in (
        ("count", "Counting", _counting),
        ("pack", "Packing", _packing),
        ("parse", "Replies", _replies),
        ("whole", "Whole path, no network", _whole),
        ("wire", "End to end, loopback server", _wire),
        ("start", "Memory and starts", _memory),
    ):
        if any(name.startswith(f"{key}.") for name in figures):
            lines += [f"## {title}\n", *worded(figures)]
    if notes:
        lines += ["## Not measured, or not as meant\n", *(f"- {each}" for each in dict.fromkeys(notes)), ""]
    return "\n".join(lines)


def _counting(figures: Figures) -> list[str]:
    rows = []
    for kind, text in (("short", "two sentences"), ("long", "reference pages"), ("prose", "prose")):
        key = f"count.{kind}"
        size = f"{text}: {_cell(figures, f'{key}.bytes')} bytes, {_cell(figures, f'{key}.tokens')} tokens"
        for name, words in (
            ("loop", "tiktoken's `encode_ordinary` in a loop"),
            ("tiktoken", "packsplit's counter over tiktoken"),
            ("chosen", "`counter_for`, with `fast`"),
        ):
            cells = [_cell(figures, f"{key}.{name}.{each}") for each in ("us", "times")]
            rows.append([size, words, *cells])
    texts = _cell(figures, "count.adversarial.texts")
    found = [_cell(figures, f"count.differences.{each}_base.chosen") for each in ("o200k", "cl100k")]
    told = f"Of {texts} adversarial texts, counted otherwise than by tiktoken: "
    lines = _table(("text", "counter", "us a text", "times the loop"), rows)
    return [*lines, f"{told}{found[0]} (o200k), {found[1]} (cl100k).\n"]


def _packing(figures: Figures) -> list[str]:
    rows = []
    for items in sizes_in(figures, "pack.A", 2):
        for workload in WORKLOADS:
            key = f"pack.{workload}.{items}"
            above = [
                f"{100 * figures[name]:+.2f}%" if (name := f"{key}.{way}.above") in figures else "-"
                for way in ("next_fit", "tight")
            ]
            times = [_cell(figures, f"{key}.{each}") for each in ("next_fit.us", "tight.us", "tight.cost")]
            rows.append([workload, f"{items:,}", *above, *times])
    head = ("workload", "items", "next-fit above bound", "ours above bound")
    return _table((*head, "next-fit, us an item", "ours, us an item", "ours, times next-fit's time"), rows)


def _replies(figures: Figures) -> list[str]:
    rows = [
        [
            f"{kind}, {items} items",
            *(
                _cell(figures, f"parse.{kind}.{items}.{each}")
                for each in ("plain.us", "ours.us", "ours.times")
            ),
            *(_cell(figures, f"parse.{kind}.{items}.split.{each}") for each in ("us", "times")),
        ]
        for kind in ("dynamic", "typed")
        for items in sizes_in(figures, f"parse.{kind}", 2)
    ]
    head = ("reply", "json and jsonschema, us an item", "parse and validate, us", "times")
    lines = _table((*head, "`split` with detectors, us", "times"), rows)
    rows = [
        [
            f"{items:,} characters",
            *(
                _cell(figures, f"detect.{items}.{each}")
                for each in ("plain.us", "matrix.us", "ours.us", "ours.times")
            ),
        ]
        for items in sizes_in(figures, "detect", 1)
    ]
    loop = ("items", "partial_ratio in a loop, us an item", "the same by cdist, us")
    lines += _table((*loop, "all detectors, us", "times the loop"), rows)
    seen = [figures.get(f"recall.{kind}") for kind in ("verbatim", "edited")]
    told = ["-" if each is None else f"{each:.1%}" for each in seen]
    return [
        *lines,
        f"Quotes planted from a neighbour and seen: {told[0]} as they stand, {told[1]} with two edits.\n",
    ]


def _whole(figures: Figures) -> list[str]:
    rows = []
    for prefix, name, words in STACKS:
        for items in sizes_in(figures, prefix, 2):
            key = f"{prefix}.{items}.{name}"
            if f"{key}.us" in figures:
                steps = [_cell(figures, f"{key}.{step}.us") for step in ("packed", "worded", "read")]
                against = _cell(figures, f"{key}.times") if name != "plain" else "1"
                rows.append([words, f"{items:,}", *steps, _cell(figures, f"{key}.us"), against])
    head = ("", "items", "count and pack", "render", "parse, validate, detect", "us an item, in all")
    return _table((*head, "times the straightforward stack"), rows)


def _wire(figures: Figures) -> list[str]:
    rows = [
        [
            name,
            *(_cell(figures, f"wire.{name}.{each}") for each in ("us", "wall_us", "calls")),
            f"{figures[f'wire.{name}.answered']:.1%}",
        ]
        for name in WIRE
        if f"wire.{name}.us" in figures
    ]
    lines = _table(("client", "processor us an item", "wall us an item", "calls an item", "answered"), rows)
    for transport in ("httpx", "aiohttp"):
        if (share := figures.get(f"wire.share.{transport}")) is not None:
            own, bare, sdk = (
                _cell(figures, f"wire.{each}.{transport}")
                for each in ("speedup_own", "speedup", "speedup_sdk")
            )
            costs = f"An item in a pack costs the client {bare} times less than a bare single"
            lines.append(
                f"Over {transport}: the engine adds {share:.1%} to what the SDK spends on packs of 20. "
                f"{costs} and {own} times less than a single of ours; packs without any engine: {sdk}.\n"
            )
    return lines


def _memory(figures: Figures) -> list[str]:
    rows = [
        [
            what,
            f"{items:,}",
            *(_cell(figures, f"memory.{key}.{items}.{each}") for each in ("base_mib", "peak_mib", "us")),
        ]
        for key, what in (("stream", "`pack_and_stream`"), ("plan", "`plan` alone"))
        for items in sizes_in(figures, f"memory.{key}", 2)
    ]
    lines = _table(("", "items", "MiB before", "MiB at its peak", "processor us an item"), rows)
    window = figures.get("memory.window")
    if window is not None:
        lines.append(f"Streamed in windows of {window:,.0f} items.\n")
    rows = [
        [words, _cell(figures, f"start.{key}.ms"), _cell(figures, f"start.{key}.mib")]
        for key, words in (
            ("python", "Python"),
            ("packer", "`import packer`"),
            ("counter", "`import packer` and the first count, with `fast`"),
        )
    ]
    return [*lines, *_table(("fresh process", "processor ms", "MiB at its peak"), rows)]

"""The picture of the speed benchmark, out of its figures alone.

Does not know: how a figure was measured.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed_bars import BARS, MILLION
from benchmarks.speed_clock import Figures
from benchmarks.speed_words import STACKS, sizes_in

OURS, OTHER, BASE, FLOOR = "#1f6f5c", "#7a4fa3", "#9aa5b1", "#c9722b"


def draw(figures: Figures, path: Path) -> None:
    """How far above or below its bar each figure lies; time an item by number of items; memory."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # only the bench extra has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # as above

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(17, 7), width_ratios=(3, 2, 2))
    shown = [(bar, value) for bar in BARS if (value := bar.value(figures)) is not None and bar.limit]
    good = [_margin(value, bar.limit, bar.at_least) for bar, value in shown]
    colours = [OURS if each >= 1 else FLOOR for each in good]
    drawn = left.barh([bar.words for bar, _ in shown], good, color=colours)
    left.bar_label(drawn, [bar.shown(value) for bar, value in shown], fontsize=7, padding=3)
    left.axvline(1.0, color="#444444", linewidth=1, linestyle=":")
    left.invert_yaxis()
    left.set_xscale("log")
    left.set_xlim(min([0.1, *good]) / 2, 4 * max([1.0, *good]))
    left.tick_params(axis="y", labelsize=7)
    left.set_xlabel("times as good as the bar (1 = just holds)", fontsize=8)
    left.set_title("Against the bars", fontsize=10)
    for (prefix, name, words), colour in zip(STACKS, (OURS, OTHER, BASE, FLOOR), strict=True):
        points = [
            (items, figures[key])
            for items in sizes_in(figures, prefix, 2)
            if (key := f"{prefix}.{items}.{name}.us") in figures
        ]
        if points:
            middle.plot(*zip(*points, strict=True), marker="o", label=words.replace("`", ""), color=colour)
    middle.set_title("Whole path: processor us an item", fontsize=10)
    for key, colour in (("stream", OURS), ("plan", BASE)):
        sizes = sizes_in(figures, f"memory.{key}", 2)
        if sizes:
            name = "pack_and_stream" if key == "stream" else "plan alone"
            peaks = [figures[f"memory.{key}.{items}.peak_mib"] for items in sizes]
            right.plot(sizes, peaks, marker="o", label=name, color=colour)
    right.set_title("Peak memory, MiB", fontsize=10)
    for axis in (middle, right):
        axis.set_xscale("log")
        axis.set_xlim(right=2 * MILLION)
        axis.set_xlabel("items", fontsize=8)
        if axis.lines:
            axis.legend(fontsize=8)
    middle.set_yscale("log")
    right.set_ylim(bottom=0)
    for axis in (left, middle, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def _margin(value: float, limit: float, at_least: bool) -> float:
    """Times as good as the bar, kept within what a picture can show."""
    return min(1e3, max(1e-3, value / limit if at_least else limit / max(value, limit * 1e-3)))

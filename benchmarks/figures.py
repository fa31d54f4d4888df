"""The pictures in docs/, drawn from the committed tables in benchmarks/results/.

    pip install 'packsplit[bench]' && python -m benchmarks.figures

Does not know: how a figure was measured.
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent.parent
RESULTS = HOME / "benchmarks" / "results"
COLOURS = ("#9aa5b1", "#1f6f5c", "#c9722b", "#7a4fa3")


def rows(name: str) -> list[list[str]]:
    """Cells of every table row in a result file, headings and rules left out."""
    lines = (RESULTS / name).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if not row[0].startswith("---")]


def main() -> None:
    """Draw."""
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # only the bench extra has it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # as above

    head, *table = rows("bleed_rivals.md")
    arms = [name.split(":")[0] for name in head[1:]]
    items = 400
    shown = [row for row in table if any(not cell.startswith("0 /") for cell in row[1:])]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 6.4), width_ratios=(3, 2))
    for number, arm in enumerate(arms):
        silent = [100 * int(row[number + 1].split("/")[0]) / items for row in shown]
        places = [place + 0.2 * (1.5 - number) for place in range(len(shown))]
        bars = left.barh(places, silent, 0.19, label=arm, color=COLOURS[number])
        left.bar_label(bars, [f"{each:.0f}" if each else "0" for each in silent], fontsize=7, padding=2)
    left.set_yticks(range(len(shown)), [row[0] for row in shown], fontsize=8)
    left.invert_yaxis()
    left.set_xlabel("% of items silently wrong")
    left.set_title("Same faults, same server: wrong answers accepted without a word", fontsize=10)
    left.legend(fontsize=8)
    _, *sizes = rows("bleed_sizes.md")
    for number, way in enumerate(("ladder", "all singles", "halving")):
        points = [(int(row[0]), float(row[3])) for row in sizes if row[1] == "5%" and row[2] == way]
        right.plot(*zip(*points, strict=True), marker="o", label=way, color=COLOURS[(1, 2, 0)[number]])
    right.set_yscale("log")
    right.set_xlabel("items a pack")
    right.set_ylabel("further calls per 1,000 items")
    right.set_title("Price of repair, 5% of answers bad", fontsize=10)
    right.legend(fontsize=8)
    for each in (left, right):
        each.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(HOME / "docs" / "bleed_traps.png", dpi=110)


if __name__ == "__main__":
    main()

"""Results of ``benchmarks.meter`` in words and tables.

Does not know: how anything was simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.meter_fleets import DESIGNS
from benchmarks.meter_trials import CEILING, SIZES, Row

ICCS = (0.0, 0.05, 0.1)
AUDITS = (100, 400, 2000)
RATES = ((0.005, 0.002), (0.01, 0.005), (0.03, 0.02), (0.1, 0.06), (0.3, 0.06))
BAR = (0.94, 0.96)


@dataclass(frozen=True, slots=True)
class Cell:
    """Coverage of 95% intervals over the fleets of one kind."""

    design: str
    icc: float
    audits: int
    packed_rate: float
    noise_rate: float
    packed: float
    noise: float
    bleed: float


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def told(share: float) -> str:
    """Coverage in percent; bold where it is outside the bar."""
    return f"{100 * share:.1f}" if BAR[0] <= share <= BAR[1] else f"**{100 * share:.1f}**"


def pooled(cells: Sequence[Cell]) -> list[str]:
    """Mean coverage of packed difference, noise and bleed; and how many cells are within the bar."""
    means = [told(fmean(getattr(cell, name) for cell in cells)) for name in ("packed", "noise", "bleed")]
    inside = sum(BAR[0] <= each <= BAR[1] for cell in cells for each in (cell.packed, cell.noise, cell.bleed))
    return [*means, f"{inside} of {3 * len(cells)}"]


def coverage_words(cells: Sequence[Cell], number: int) -> str:
    """Pooled figures, then every cell."""
    groups: list[tuple[str, list[Cell]]] = [("all", list(cells))]
    groups += [(f"ICC {icc}", [each for each in cells if each.icc == icc]) for icc in ICCS]
    groups += [(f"{audits:,} audits", [each for each in cells if each.audits == audits]) for audits in AUDITS]
    groups += [(each.name, [cell for cell in cells if cell.design == each.name]) for each in DESIGNS]
    lines = [
        f"## Coverage of 95% intervals: {number:,} fleets a cell, {len(cells)} cells",
        "",
        "Percent of fleets whose interval holds the truth; bold is outside 94 to 96. *n of 10*: so many",
        "answers of each audited call of 10 were asked again. *Suspects x5*: answers that are flagged are",
        "drawn five times as often, so that weights differ. Half of the audited items were asked alone",
        "twice. Chance alone moves a cell by up to a point.",
        "",
        table(
            ["cells", "packed", "noise", "bleed", "within 94 to 96"],
            [[name, *pooled(some)] for name, some in groups],
        ),
        "",
        "![Coverage by the number of differences that are to be expected](meter.png)",
        "",
        "Each cell as packed / noise / bleed, by the true rates of packed difference and noise:",
        "",
    ]
    rows = []
    for design in DESIGNS:
        for audits in AUDITS:
            for icc in ICCS:
                some = [c for c in cells if (c.design, c.audits, c.icc) == (design.name, audits, icc)]
                if some:
                    shown = [f"{told(c.packed)} / {told(c.noise)} / {told(c.bleed)}" for c in some]
                    rows.append([design.name, f"{audits:,}", f"{icc}", *shown])
    head = ["design", "audits", "ICC", *(f"{100 * one:g}%, {100 * two:g}%" for one, two in RATES)]
    return "\n".join([*lines, table(head, rows)])


def power_words(rows: Sequence[Row], number: int) -> str:
    """The rise from 3% to 4%."""
    return "\n".join(
        [
            f"## A rise from 3% to 4%, 2,000 audits: {number:,} fleets a line",
            "",
            "*Seen*: the one-sided 95% lower bound (of Wilson's interval for calls) is above the known 3%.",
            "*False alarm*: the same at a true 3%. *3% estimated*: where what was before is known from 2,000",
            "audits only (difference over its standard error above 1.645): then one point takes more.",
            "",
            table(
                ["design", "ICC", "seen", "false alarm", "seen, 3% estimated"],
                [
                    [str(row["design"]), str(row["icc"])]
                    + [f"{row[name]:.1%}" for name in ("seen", "false_alarm", "seen_from_sample")]
                    for row in rows
                ],
            ),
        ]
    )


def promise_words(
    bad: Sequence[Row], good: Sequence[Row], lost: Sequence[Row], numbers: tuple[int, int]
) -> str:
    """Promises broken, kept and not proven."""

    def line(row: Row) -> list[str]:
        largest = row["largest"]
        assert isinstance(largest, dict)
        return (
            [str(row["world"]), str(row["icc"]), f"{row['items']:,}", f"{row['broken']:.1%}"]
            + [f"{largest[str(size)]:.0%}" for size in (1, *SIZES)]
            + [f"{row['audits']:,.0f}"]
        )

    head = ["world", "ICC", "items", "broken", "single", *(f"size {size}" for size in SIZES), "audits"]
    worst = max(float(str(row["broken"])) for row in bad)
    return "\n".join(
        [
            f"## Promises of at most {CEILING:.0%} bleed at 95%: {numbers[0]:,} runs a line",
            "",
            "A run tries sizes 5, 10, 20, 40 in this order on the same items, a quarter of them asked alone",
            "twice, gives up early where a bound says so, and packs by the last size that was proven.",
            "*Broken*: the size it settles on bleeds more than 2% (*at the ceiling* is 2.01%). *Audits*:",
            "packed answers compared, all sizes together.",
            "",
            table(head, [line(row) for row in bad]),
            "",
            f"Most often broken: {worst:.1%} of runs (bar: 5%). Where just enough items are tried and",
            "answers go wrong together as much as is allowed for, it is 5% by construction (exactly",
            "4.9% here), give or take the half point by which 2,000 runs scatter.",
            "",
            f"The same where there is something to be had ({numbers[1]:,} runs a line):",
            "",
            table(head, [line(row) for row in good]),
            "",
            "The model's own noise is what makes a promise dear: it has to be told from bleed, and a bound",
            "on the difference of two rates is wider than one on a rate near 0.",
            "",
            f"## Promises of at most 1 point of accuracy lost, packs of 10: {numbers[1]:,} trials a line",
            "",
            table(
                [
                    "right alone, wrong packed",
                    "wrong alone, right packed",
                    "true loss",
                    "ICC",
                    "items",
                    "promised",
                ],
                [
                    [
                        f"{row['harm']:.2%}",
                        f"{row['help']:.2%}",
                        f"{float(str(row['harm'])) - float(str(row['help'])):.2%}",
                        str(row["icc"]),
                        str(row["items"]),
                        f"{row['kept']:.1%}",
                    ]
                    for row in lost
                ],
            ),
            "",
            "A true loss of 1.01% must be promised in 5% of trials at most; 500 trials scatter by a point.",
        ]
    )


def watch_words(watched: Sequence[Row], seen: Sequence[Row], number: int) -> str:
    """Bounds that are looked at all the time."""
    return "\n".join(
        [
            f"## Bounds that hold at every moment: {number:,} runs a line",
            "",
            "How often a bound was wrong at any time of the run; each may be in 2.5% of runs.",
            "",
            table(
                ["audited", "rate", "ICC", "calls", "lower wrong", "upper wrong"],
                [
                    [
                        *(str(row["layout"]), f"{row['rate']:.0%}", str(row["icc"]), str(row["calls"])),
                        *(f"{row['lower_wrong']:.2%}", f"{row['upper_wrong']:.2%}"),
                    ]
                    for row in watched
                ],
            ),
            "",
            "So many calls until more than 20% surely differ:",
            "",
            table(
                ["rate", "audited a call", "ICC", "half of runs", "nine of ten", "within 25 calls"],
                [
                    [
                        *(f"{row['rate']:.0%}", str(row["items"]), str(row["icc"]), f"{row['half']:.0f}"),
                        *(f"{row['nine_of_ten']:.0f}", f"{row['within_25']:.0%}"),
                    ]
                    for row in seen
                ],
            ),
        ]
    )

"""The bars that speed is held to, and what the figures say of each: holds, does not hold, or not measured.

Does not know: how a figure was measured, or how tables look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed_clock import Figures
from benchmarks.speed_texts import WORKLOADS

TEN_THOUSAND, HUNDRED_THOUSAND, MILLION = 10_000, 100_000, 1_000_000
FLAT = 1.15


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        words: what is held to it.
        value: the figure; None where something it rests on was not measured.
        limit: the bar.
        at_least: True when more is better.
        unit: behind the figure: ``x``, ``%`` (of shares) or a plain unit.
    """

    words: str
    value: Callable[[Figures], float | None]
    limit: float
    at_least: bool
    unit: str = "x"

    def holds(self, figures: Figures) -> bool | None:
        """Whether it does; None where it was not measured."""
        value = self.value(figures)
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit

    def shown(self, value: float | None) -> str:
        """A figure in this bar's unit."""
        if value is None:
            return "-"
        if self.unit == "%":
            return f"{100 * value:.2f}%" if abs(value) < 0.02 else f"{100 * value:.1f}%"
        if self.unit == "x":
            return f"{value:.3g}x" if value < 100 else f"{value:.0f}x"
        return f"{value:.3g} {self.unit}".strip() if value < 100 else f"{value:,.0f} {self.unit}".strip()


def _at(name: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.get(name)


def _of(pick: Callable[[list[float]], float], *names: str) -> Callable[[Figures], float | None]:
    """One number out of several figures, where all of them were measured."""

    def value(figures: Figures) -> float | None:
        known = [figures[name] for name in names if name in figures]
        return pick(known) if len(known) == len(names) else None

    return value


def _spread(values: list[float]) -> float:
    return max(values) / min(values)


def _growth(values: list[float]) -> float:
    """Peaks above what the process had before: at the larger size over the smaller."""
    small, before_small, large, before_large = values
    return (large - before_large) / max(1.0, small - before_small)


_MILLION_PACKED = [f"pack.{workload}.{MILLION}.tight" for workload in WORKLOADS]
_WHOLE = [f"whole.fast.{items}.ours.us" for items in (TEN_THOUSAND, HUNDRED_THOUSAND, MILLION)]
_STREAMED = [
    f"memory.stream.{items}.{each}"
    for items in (HUNDRED_THOUSAND, MILLION)
    for each in ("peak_mib", "base_mib")
]

BARS = (
    Bar("counting short texts, times tiktoken's loop", _at("count.short.chosen.times"), 6, True),
    Bar("counting reference pages of 16 kB, times tiktoken's loop", _at("count.long.chosen.times"), 12, True),
    Bar(
        "adversarial texts counted otherwise than by tiktoken, both vocabularies",
        _of(sum, "count.differences.o200k_base.chosen", "count.differences.cl100k_base.chosen"),
        0,
        False,
        "texts",
    ),
    Bar(
        "10^6 items packed, calls above the lower bound, worst of A-D",
        _of(max, *(f"{name}.above" for name in _MILLION_PACKED)),
        0.005,
        False,
        "%",
    ),
    Bar(
        "10^6 items packed, time as a multiple of a next-fit loop, worst of A-D",
        _of(max, *(f"{name}.cost" for name in _MILLION_PACKED)),
        5,
        False,
    ),
    *(
        Bar(
            f"parse and validate, {items} items a reply, {kind}: times json and jsonschema",
            _at(f"parse.{kind}.{items}.ours.times"),
            50,
            True,
        )
        for kind in ("dynamic", "typed")
        for items in (20, 200)
    ),
    Bar(
        "detectors, items of 160 characters, times partial_ratio of all with all",
        _at("detect.160.ours.times"),
        25,
        True,
    ),
    Bar("detectors, items of 4,000 characters, likewise", _at("detect.4000.ours.times"), 5, True),
    Bar("planted bleed seen: quotes as they stand", _at("recall.verbatim"), 1.0, True, "%"),
    Bar("planted bleed seen: quotes with two edits", _at("recall.edited"), 0.95, True, "%"),
    Bar("whole path at 10^5 items, processor time an item", _at(_WHOLE[1]), 10, False, "us"),
    Bar(
        "whole path at 10^5 items, times the straightforward stack",
        _at(f"whole.fast.{HUNDRED_THOUSAND}.ours.times"),
        15,
        True,
    ),
    Bar("whole path, 10^4 to 10^6 items: dearest item over cheapest", _of(_spread, *_WHOLE), FLAT, False),
    Bar(
        "streaming, peak memory above the start, at 10^6 items over 10^5",
        _of(_growth, *_STREAMED),
        FLAT,
        False,
    ),
    *(
        bar
        for transport, words in (("httpx", "httpx, the SDK's own"), ("aiohttp", "aiohttp, as `fast` has it"))
        for bar in (
            Bar(
                f"engine on top of the SDK, packs of 20, share of the SDK's time ({words})",
                _at(f"wire.share.{transport}"),
                0.10,
                False,
                "%",
            ),
            Bar(
                f"client's time an item: bare singles over our packs of 20, ideal 20 ({words})",
                _at(f"wire.speedup.{transport}"),
                18,
                True,
            ),
        )
    ),
    Bar("import packer, processor time", _at("start.packer.ms"), 100, False, "ms"),
    Bar("import and first count, processor time", _at("start.counter.ms"), 600, False, "ms"),
    Bar("import and first count, peak memory", _at("start.counter.mib"), 70, False, "MiB"),
)


def verdict(bar: Bar, figures: Figures) -> str:
    """In words."""
    return {True: "holds", False: "does not hold", None: "not measured"}[bar.holds(figures)]

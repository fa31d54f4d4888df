"""Drawn charts: bars, points and rows of small bars, as SVG without a script and with their text alternative.

Sizes are in the drawing's own units, one of them a CSS pixel on a phone. Does not know: what is drawn.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from packer.out.report.html import Html, el
from schemas.visible import visible

WIDTH = 332
_LEFT = 40
_RIGHT = 8
_LABEL_ROOM = 42.0
"""In widths of a small letter."""
_RANGE = 140
"""How wide a bar is that stands in a table."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        name: what it stands for.
        value: its length.
        told: the figure written beside it.
        kind: names its colour.
    """

    name: str
    value: float
    told: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Dot:
    """One point, or a span of values drawn as a line through it.

    Attributes:
        x: place along the horizontal axis.
        y: place along the vertical axis.
        low: lower end of its span.
        high: upper end of its span.
        kind: names its colour and shape.
        crossed: drawn as a cross as well.
    """

    x: float
    y: float
    low: float
    high: float
    kind: str
    crossed: bool = False


def drawing(name: str, title: str, told: str, height: float, *parts: Html) -> Html:
    """The frame of a chart.

    Args:
        name: unique on the page.
        title: its text alternative in a few words.
        told: the same in figures.
        height: of the drawing.
        parts: what is drawn.
    """
    return el(
        "svg",
        el("title", title, id=f"{name}-title"),
        el("desc", told, id=f"{name}-desc"),
        *parts,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {WIDTH} {_n(height)}",
    )


def bars(
    name: str, title: str, told: str, rows: Sequence[Bar], *, axis: str, whole: float | None = None
) -> Html:
    """Bars from left to right, each with its name above it and its figure behind it.

    Args:
        name: unique on the page.
        title: its text alternative in a few words.
        told: the same in figures.
        rows: the bars.
        axis: what their lengths are.
        whole: what a full track stands for; None takes the longest bar.
    """
    most = whole or max((row.value for row in rows), default=0) or 1
    room = WIDTH - 110
    parts: list[Html] = []
    for place, row in enumerate(rows):
        y = 4 + place * 40
        length = max(1.5, room * row.value / most) if row.value else 0
        parts += [
            _text(0, y + 10, fitting(row.name)),
            el("rect", x=0, y=_n(y + 16), width=room, height=14, rx=2, class_="track"),
            el("rect", x=0, y=_n(y + 16), width=_n(length), height=14, rx=2, class_=f"fill {row.kind}"),
            _text(room + 8, y + 27, row.told, "figure"),
        ]
    base = 4 + len(rows) * 40
    parts.append(_text(0, base + 12, axis, "axis"))
    return drawing(name, title, told, base + 20, *parts)


def points(
    name: str, title: str, told: str, dots: Sequence[Dot], *, x_axis: str, y_axis: str, last_x: float
) -> Html:
    """Points over two axes that start at 1 and 0."""
    top, bottom = 26.0, 190.0
    ticks = nice_ticks(max((dot.high for dot in dots), default=1))
    span = max(last_x - 1, 1)
    parts = [_text(0, 12, y_axis, "axis")]

    def across(x: float) -> float:
        return _LEFT + 6 + (WIDTH - _LEFT - _RIGHT - 12) * (x - 1) / span

    def up(y: float) -> float:
        return bottom - (bottom - top) * y / ticks[-1]

    for tick in ticks:
        parts.append(_line(_LEFT, up(tick), WIDTH - _RIGHT, up(tick), "grid"))
        parts.append(_text(_LEFT - 6, up(tick) + 4, f"{tick:,.4g}", "tick", "end"))
    for tick in sorted({1, round((1 + last_x) / 2), round(last_x)}):
        anchor = "middle" if tick < last_x or last_x == 1 else "end"
        parts.append(
            _text(across(tick) + (5 if anchor == "end" else 0), bottom + 16, f"{tick:,}", "tick", anchor)
        )
    for dot in dots:
        x = across(dot.x)
        if dot.high > dot.low:
            parts.append(_line(x, up(dot.low), x, up(dot.high), f"span {dot.kind}"))
        parts.append(_shape(x, up(dot.y), dot.kind))
        if dot.crossed:
            parts.append(_cross(x, up(dot.y)))
    parts.append(_text(WIDTH - _RIGHT, bottom + 34, x_axis, "axis", "end"))
    return drawing(name, title, told, bottom + 42, *parts)


def columns(
    name: str,
    title: str,
    told: str,
    rows: Sequence[tuple[str, Sequence[float], float]],
    *,
    ticks: Sequence[str],
    x_axis: str,
    y_axis: str,
) -> Html:
    """One row of columns per name, all from 0 to 100%, with a line where each row is on the whole.

    Args:
        name: unique on the page.
        title: its text alternative in a few words.
        told: the same in figures.
        rows: name, shares from 0 to 1, and the share that the line marks.
        ticks: names of the columns.
        x_axis: what columns are.
        y_axis: what shares are of.
    """
    height = 96.0 if len(rows) == 1 else 54.0
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(ticks))
    parts = [_text(0, 12, y_axis, "axis")]
    base = 14.0
    for row_name, shares, overall in rows:
        parts.append(_text(_LEFT, base + 18, fitting(row_name)))
        top, base = base + 24, base + 24 + height
        for share in (0.0, 1.0):
            y = base - height * share
            parts.append(_line(_LEFT, y, WIDTH - _RIGHT, y, "grid"))
            parts.append(_text(_LEFT - 6, y + 4, f"{share:.0%}", "tick", "end"))
        for place, share in enumerate(shares):
            x = _LEFT + place * width + width * 0.15
            tall = min(height, height * share)
            wide, high = _n(width * 0.7), _n(tall)
            parts.append(el("rect", x=_n(x), y=_n(base - tall), width=wide, height=high, class_="fill plain"))
        middle = max(top, base - height * overall)
        parts.append(_line(_LEFT, middle, WIDTH - _RIGHT, middle, "expected"))
    step = max(1, -(-sum(len(tick) + 2 for tick in ticks) // 40))
    for place, tick in enumerate(ticks):
        if place % step == 0:
            parts.append(_text(_LEFT + (place + 0.5) * width, base + 15, tick, "tick", "middle"))
    parts.append(_text(WIDTH - _RIGHT, base + 32, x_axis, "axis", "end"))
    return drawing(name, title, told, base + 40, *parts)


def interval(low: float, value: float, high: float, scale: tuple[float, float], mark: float | None) -> Html:
    """A small bar from one bound to the other, with a dot at the estimate; its figures stand beside it.

    Args:
        low: lower bound.
        value: the estimate.
        high: upper bound.
        scale: what the left end and the right end of the drawing stand for.
        mark: where a dashed line is drawn; None draws none.
    """
    least, most = scale

    def across(each: float) -> float:
        share = (each - least) / (most - least) if most > least else 0.0
        return 5 + (_RANGE - 10) * min(1.0, max(0.0, share))

    parts = [_line(5, 10, _RANGE - 5, 10, "grid")]
    if least < 0 < most:
        parts.append(_line(across(0), 4, across(0), 16, "grid"))
    parts.append(_line(across(low), 10, across(high), 10, "bar"))
    if mark is not None:
        parts.append(_line(across(mark), 1, across(mark), 19, "expected"))
    parts.append(el("circle", cx=_n(across(value)), cy=10, r=4, class_="dot pack"))
    box = f"0 0 {_RANGE} 20"
    return el("svg", *parts, viewBox=box, class_="range", width=_RANGE, height=20, role="presentation")


def key(kind: str) -> Html:
    """The sign of a kind of point, for a legend."""
    sign = _cross(7, 7) if kind == "failed" else _shape(7, 7, kind)
    return el("svg", sign, viewBox="0 0 14 14", class_="key", width=14, height=14)


def nice_ticks(most: float) -> list[float]:
    """Round figures from 0 to at least ``most``, four to six of them.

    Example:
        >>> nice_ticks(10), nice_ticks(1), nice_ticks(37)
        ([0, 2, 4, 6, 8, 10], [0, 1], [0, 10, 20, 30, 40])
    """
    if most <= 1:
        return [0, 1]
    rough = most / 5
    scale = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    step = next((each * scale for each in (1, 2, 5, 10) if each * scale >= rough), 10 * scale)
    return [place * step for place in range(math.ceil(most / step) + 1)]


def fitting(name: str) -> str:
    """As much of a name as a chart has room for; wide letters take more of it.

    Example:
        >>> fitting("short"), len(fitting("long " * 20)), len(fitting("長" * 50))
        ('short', 42, 21)
    """
    seen, left = visible(name), _LABEL_ROOM
    for place, letter in enumerate(seen):
        wide = unicodedata.east_asian_width(letter) in "WFA"
        left -= 2.0 if wide or letter in "MW@%" else 1.4 if letter.isupper() else 1.0
        if left < 0:
            return f"{seen[: place - 1]}…"
    return seen


def _shape(x: float, y: float, kind: str) -> Html:
    """Each route has a shape of its own, for those who do not tell the colours apart."""
    if kind == "repack":
        return el("rect", x=_n(x - 3.5), y=_n(y - 3.5), width=7, height=7, class_=f"dot {kind}")
    if kind == "session":
        corners = f"{_n(x)},{_n(y - 4.5)} {_n(x + 4.5)},{_n(y + 3.5)} {_n(x - 4.5)},{_n(y + 3.5)}"
        return el("polygon", points=corners, class_=f"dot {kind}")
    if kind == "single":
        corners = f"{_n(x)},{_n(y - 5)} {_n(x + 5)},{_n(y)} {_n(x)},{_n(y + 5)} {_n(x - 5)},{_n(y)}"
        return el("polygon", points=corners, class_=f"dot {kind}")
    return el("circle", cx=_n(x), cy=_n(y), r=4, class_=f"dot {kind}")


def _cross(x: float, y: float) -> Html:
    lines = f"M{_n(x - 5.5)} {_n(y - 5.5)}L{_n(x + 5.5)} {_n(y + 5.5)}M{_n(x + 5.5)} {_n(y - 5.5)}"
    return el("path", d=f"{lines}L{_n(x - 5.5)} {_n(y + 5.5)}", class_="cross")


def _text(x: float, y: float, told: str, kind: str = "name", anchor: str | None = None) -> Html:
    return el("text", told, x=_n(x), y=_n(y), class_=kind, text_anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return el("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), class_=kind)


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")

"""Draw ``docs/floors.svg``: the rooms on their floors, with the imports that there really are.

    python -m scripts.draw_floors

Rooms and floors come from the import contracts in ``pyproject.toml``, counts from the code: one is one module
that imports one other. The picture stands on any background. Does not know: whether a contract is broken
(``lint-imports`` says that).
"""

from __future__ import annotations

import textwrap
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import grimp

HOME = Path(__file__).parent.parent
PICTURE = HOME / "docs" / "floors.svg"
HOUSES = ("packer", "splitter", "schemas")

WIDTH, HEIGHT = 960, 785
LETTER_PX = 6.0
"""A letter of the small print, a little more than it takes."""

LINE_PX = 15


@dataclass(frozen=True, slots=True)
class Room:
    """Where a room stands in the picture.

    Attributes:
        title: as it is written.
        says: what it is, in a few words.
        left, top, width, height: in pixels.
        named: whether its modules are named.
    """

    title: str
    says: str
    left: int
    top: int
    width: int
    height: int
    named: bool = False

    @property
    def bottom(self) -> int:
        """Its lower edge."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.left + self.width

    @property
    def middle(self) -> int:
        """Half way between left and right."""
        return self.left + self.width // 2


ROOMS = {
    "door": Room("packer/__init__", "the names that are promised", 40, 20, 330, 78),
    "packer.testing": Room("packer/testing", "fakes; imported by nothing", 390, 20, 250, 78),
    "packer.out": Room("packer/out", "command line, exports, report, dataframes, engines", 40, 120, 600, 62),
    "packer.run": Room("packer/run", "one run: ladder, driver, store, audit, review", 120, 240, 440, 62),
    "packer.clients": Room("packer/clients", "one a provider", 40, 360, 155, 62),
    "packer above": Room("packer: plans", "", 345, 360, 165, 160, named=True),
    "packer.audit": Room("packer/audit", "statistics", 200, 425, 110, 95),
    "packer below": Room("packer: words and numbers", "", 40, 580, 600, 80, named=True),
    "splitter above": Room("splitter: doors", "", 700, 360, 220, 62, named=True),
    "splitter.bleed": Room("splitter/bleed", "detectors, one a file", 700, 470, 220, 62),
    "splitter below": Room("splitter: reading", "", 700, 580, 220, 100, named=True),
    "schemas": Room("schemas", "frozen data, protocols, errors: no I/O, no provider", 40, 712, 880, 62),
}

ROUTES: Mapping[tuple[str, str], Sequence[tuple[int, int]]] = {
    ("packer.out", "packer.run"): ((340, 182), (340, 240)),
    ("packer.out", "packer.clients"): ((80, 182), (80, 360)),
    ("packer.out", "packer above"): ((585, 182), (585, 400), (510, 400)),
    ("packer.out", "packer below"): ((620, 182), (620, 580)),
    ("packer.run", "packer.clients"): ((160, 302), (160, 360)),
    ("packer.run", "packer.audit"): ((270, 302), (270, 425)),
    ("packer.run", "packer above"): ((425, 302), (425, 360)),
    ("packer.run", "packer below"): ((540, 302), (540, 580)),
    ("packer.run", "splitter above"): ((560, 260), (810, 260), (810, 360)),
    ("packer.run", "splitter below"): ((560, 285), (675, 285), (675, 620), (700, 620)),
    ("packer.clients", "packer below"): ((120, 422), (120, 580)),
    ("packer above", "packer.audit"): ((345, 480), (310, 480)),
    ("packer above", "packer below"): ((425, 520), (425, 580)),
    ("packer.audit", "packer below"): ((270, 520), (270, 580)),
    ("splitter above", "splitter.bleed"): ((800, 422), (800, 470)),
    ("splitter above", "splitter below"): ((920, 391), (940, 391), (940, 620), (920, 620)),
    ("splitter.bleed", "splitter below"): ((810, 532), (810, 580)),
}
"""Where an arrow runs and bends; one that is not here goes straight from edge to edge."""

TOLD = ("door", "packer.testing")
"""Their arrows would cross everything, so they are told in words."""


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(drawn())


def drawn() -> str:
    """The picture, as SVG: the same code gives the same bytes."""
    graph = grimp.build_graph(*HOUSES, cache_dir=None)
    imports = {name: sorted(graph.find_modules_directly_imported_by(name)) for name in sorted(graph.modules)}
    rooms = rooms_of(imports)
    counts: Counter[tuple[str, str]] = Counter()
    for name, found in imports.items():
        counts.update((rooms[name], rooms[each]) for each in found if rooms[each] != rooms[name])
    members: dict[str, list[str]] = defaultdict(list)
    for name, room in rooms.items():
        members[room].append(name)
    return "\n".join([*_head(), *_houses(), *_arrows(counts), *_boxes(members, counts), "</svg>", ""])


def rooms_of(imports: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Which room each module is in: its package, or the part of a house above or below that house's package.

    Args:
        imports: what each module imports.
    """
    below = {name: where for house in ("packer", "splitter") for name, where in _floors(house).items()}
    rooms = {}
    for name in imports:
        house, *inner = name.split(".")
        package = ".".join([house, *inner[:1]])
        if house == "schemas":
            rooms[name] = "schemas"
        elif name == "packer":
            rooms[name] = "door"
        elif package in ROOMS:
            rooms[name] = package
        else:
            rooms[name] = below.get(name, "")
    for name in [each for each, room in rooms.items() if not room]:
        # On no floor: as low as what it imports allows. A package's door belongs to what it shows.
        house = name.split(".")[0]
        high = any(rooms[each] == f"{house} above" for each in imports[name])
        rooms[name] = f"{house} above" if high else f"{house} below"
    return rooms


def _floors(house: str) -> dict[str, str]:
    """Whether a module outside packages stands above or below the lowest package of its house."""
    contracts = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == [house])
    rows = [[f"{house}.{name.strip()}" for name in row.split("|")] for row in layers]
    lowest = max(at for at, row in enumerate(rows) if any(name in ROOMS for name in row))
    return {
        name: f"{house} above" if at < lowest else f"{house} below"
        for at, row in enumerate(rows)
        for name in row
        if name not in ROOMS
    }


def _head() -> Iterable[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" role="img">'
    )
    yield "<title>The rooms of packsplit and how many imports go from one to another</title>"
    yield (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="11" '
        'markerHeight="11" orient="auto"><path d="M0 0 8 4 0 8z" fill="#6d7f94"/></marker>'
    )


def _houses() -> Iterable[str]:
    for left, top, width, height in ((25, 8, 630, 684), (685, 345, 265, 347)):
        yield (
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="10" fill="none" '
            'stroke="#8a99ab" stroke-dasharray="4 5"/>'
        )


def _arrows(counts: Mapping[tuple[str, str], int]) -> Iterable[str]:
    pills = []
    for (source, target), count in sorted(counts.items()):
        if source in TOLD or target == "schemas":
            continue
        low, high = ROOMS[source], ROOMS[target]
        points = ROUTES.get((source, target), ((low.middle, low.bottom), (high.middle, high.top)))
        path = " ".join(f"{x} {y}" for x, y in points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="#6d7f94" stroke-width="{1 + count**0.5 / 2:.1f}" '
            'marker-end="url(#tip)"/>'
        )
        pills.append(_pill(points, str(count)))
    yield from pills


def _pill(points: Sequence[tuple[int, int]], text: str) -> str:
    """A number on the longest stretch of its arrow, near where that ends."""
    (to_x, to_y), (x, y) = max(
        pairwise(points),
        key=lambda pair: sum(map(_far, *pair)),
        default=(points[0],) * 2,
    )
    share = min(0.45, 26 / max(1, _far(x, to_x) + _far(y, to_y)))
    at_x, at_y = x + (to_x - x) * share, y + (to_y - y) * share
    half = 5 + 3.5 * len(text)
    return (
        f'<rect x="{at_x - half:.1f}" y="{at_y - 9:.1f}" width="{2 * half:.1f}" height="18" rx="9" '
        f'fill="#dfe6ee" stroke="#6d7f94"/><text x="{at_x:.1f}" y="{at_y + 4:.1f}" font-size="12" '
        f'text-anchor="middle" fill="#1d2a38">{text}</text>'
    )


def _far(one: float, other: float) -> float:
    return abs(one - other)


def _boxes(members: Mapping[str, Sequence[str]], counts: Mapping[tuple[str, str], int]) -> Iterable[str]:
    for key, room in ROOMS.items():
        yield (
            f'<rect x="{room.left}" y="{room.top}" width="{room.width}" height="{room.height}" rx="6" '
            'fill="#eef2f7" stroke="#4d6075"/>'
        )
        yield _line(room, 0, room.title, bold=True)
        for at, text in enumerate(_small_print(key, room, members[key], counts), 1):
            yield _line(room, at, text)


def _small_print(
    key: str, room: Room, modules: Sequence[str], counts: Mapping[tuple[str, str], int]
) -> Iterable[str]:
    wide = int((room.width - 20) / LETTER_PX)
    if room.named:
        names = sorted(each.split(".")[-1] for each in modules if "." in each)
        yield from textwrap.wrap(", ".join(names), wide)
    elif room.says:
        yield room.says
    files = f"{len(modules)} modules" if len(modules) > 1 else "1 module"
    if key == "schemas":
        yield f"{files}; numbers count imports: of the room at an arrow's tip, or of the room that is named"
        return
    told = [(key, "schemas"), *sorted(pair for pair in counts if pair[0] == key and pair[1] != "schemas")]
    shown = told if key in TOLD else told[:1]
    parts = ", ".join(f"{_short(to)} {counts.get((of, to), 0)}" for of, to in shown)
    yield from textwrap.wrap(f"{files}; {parts}", wide)


def _short(key: str) -> str:
    return ROOMS[key].title.removeprefix("packer: ").removeprefix("packer/").replace(": ", " ")


def _line(room: Room, at: int, text: str, *, bold: bool = False) -> str:
    weight, size = (' font-weight="600"', 14) if bold else ("", 11)
    x, y = room.left + 10, room.top + 19 + at * LINE_PX
    return f'<text x="{x}" y="{y}" font-size="{size}"{weight} fill="#1d2a38">{escape(text)}</text>'


if __name__ == "__main__":
    main()

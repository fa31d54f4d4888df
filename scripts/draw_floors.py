"""Draw ``docs/floors.svg``: the rooms in the order of their floors, with the imports that there really are.

    python -m scripts.draw_floors

Rooms and floors come from the import contracts in ``pyproject.toml``, counts from the code: one is one module
that imports one other. A row is a room; the number in a column is how often it imports the room of that
number. Nothing stands left of the diagonal, unless something goes up. Does not know: which contract is
broken (``lint-imports`` says that).
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

HOME = Path(__file__).parent.parent
PICTURE = HOME / "docs" / "floors.svg"
HOUSES = ("packer", "splitter", "schemas")
DOOR = "packer"

WIDTH = 1060
NAMES, CELL, ROW, TOP = 450, 22, 34, 40
"""Pixels: of the column of names, a cell, a row, and what is above the first row."""

LETTER_PX = 6
"""A letter of the small print, a little more than it takes."""

INK, QUIET, LINE = "#1d2a38", "#4d6075", "#b9c4d1"
TINTS = {"packer": "#e6eef7", "splitter": "#e7f3ea", "schemas": "#f6efdf"}


@dataclass(frozen=True, slots=True)
class Room:
    """A folder, or modules of one folder that stand on neighbouring floors.

    Attributes:
        title: as it is written.
        says: what it is, or what is in it.
        modules: the packages and modules in it, with their packages' names.
        whole: whether all below those names belongs to it.
    """

    title: str
    says: str
    modules: tuple[str, ...]
    whole: bool

    def holds(self, module: str) -> bool:
        """Whether a module is in it."""
        return module in self.modules or (
            self.whole and any(module.startswith(f"{name}.") for name in self.modules)
        )


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(drawn())


def drawn() -> str:
    """The picture, as SVG: the same code gives the same bytes."""
    graph = grimp.build_graph(*HOUSES, cache_dir=None)
    imports = {name: sorted(graph.find_modules_directly_imported_by(name)) for name in sorted(graph.modules)}
    rooms = all_rooms()
    return "\n".join(_lines(rooms, counted(rooms, imports), Counter(at_of(rooms, name) for name in imports)))


def all_rooms() -> list[Room]:
    """All rooms, from the top floor down."""
    contracts = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {
        each["containers"][0]: each["layers"] for each in contracts if len(each.get("containers", ())) == 1
    }
    apart = [
        f"{each['containers'][0]}.{name}" for each in contracts for name in each.get("exhaustive_ignores", ())
    ]
    door = Room("packer", "the names that are promised", (DOOR,), whole=False)
    rooms = [door, *_within("packer", layers), *_within("splitter", layers)]
    rooms.append(Room("schemas", _first_line("schemas"), ("schemas",), whole=True))
    # What is on no floor imports nothing of ours, and stands with the lowest of its house.
    for name in apart:
        at = max(n for n, room in enumerate(rooms) if room.modules[0].startswith(f"{name.split('.')[0]}."))
        rooms[at] = Room(rooms[at].title, rooms[at].says, (*rooms[at].modules, name), rooms[at].whole)
    return rooms


def _within(house: str, layers: Mapping[str, Sequence[str]]) -> Iterator[Room]:
    """The rooms of one folder: each folder in it, and each stretch of floors that has none."""
    group: list[str] = []
    for row in layers[house]:
        names = [f"{house}.{name.strip()}" for name in row.split("|")]
        folders = [name for name in names if _folder(name).is_dir()]
        if group and len(folders) == len(names):
            yield _stretch(house, group)
            group = []
        for name in folders:
            if name in layers and name.count(".") == 1 and _has_rooms(name, layers):
                yield from _within(name, layers)
            else:
                yield Room(name.replace(".", "/"), _first_line(name), (name,), whole=True)
        group += [name for name in names if name not in folders]
    if group:
        yield _stretch(house, group)


def _has_rooms(name: str, layers: Mapping[str, Sequence[str]]) -> bool:
    inner = [each.strip() for row in layers[name] for each in row.split("|")]
    return any(_folder(f"{name}.{each}").is_dir() for each in inner)


def _stretch(house: str, group: Sequence[str]) -> Room:
    names = ", ".join(each.rpartition(".")[2] for each in group)
    return Room(f"{house.replace('.', '/')}:", names, tuple(group), whole=False)


def _folder(name: str) -> Path:
    return HOME / name.replace(".", "/")


def _first_line(name: str) -> str:
    """What a folder's own docstring says that it is."""
    text = ast.get_docstring(ast.parse((_folder(name) / "__init__.py").read_text())) or ""
    return text.partition("\n")[0].rstrip(".")


def at_of(rooms: Sequence[Room], module: str) -> int:
    """The number of a module's room; a folder's own ``__init__`` is with the first of its rooms."""
    held = [at for at, room in enumerate(rooms) if room.holds(module)]
    inner = [
        at for at, room in enumerate(rooms) if any(each.startswith(f"{module}.") for each in room.modules)
    ]
    return (held or inner)[0]


def counted(rooms: Sequence[Room], imports: Mapping[str, Sequence[str]]) -> Counter[tuple[int, int]]:
    """How often each room imports each other one, by their numbers.

    Args:
        rooms: all rooms.
        imports: what each module imports.
    """
    where = {name: at_of(rooms, name) for name in imports}
    pairs = ((where[name], where[each]) for name, found in imports.items() for each in found)
    return Counter((of, to) for of, to in pairs if of != to)


def _lines(rooms: Sequence[Room], counts: Counter[tuple[int, int]], sizes: Counter[int]) -> Iterator[str]:
    height = TOP + ROW * len(rooms) + 12
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" role="img">'
    )
    yield "<title>The rooms of packsplit on their floors, and how often each imports those below it</title>"
    yield f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fbfcfd" stroke="{LINE}"/>'
    yield _text(12, 25, "room (modules), from the top floor down", 11, QUIET)
    yield _text(NAMES + 24, 25, "imports of the room with that number", 11, QUIET)
    for at, room in enumerate(rooms):
        yield from _row(at, room, sizes[at])
        for to in range(len(rooms)):
            yield from _cell(at, to, counts.get((at, to), 0))
    yield "</svg>\n"


def _row(at: int, room: Room, size: int) -> Iterator[str]:
    top = TOP + ROW * at
    tint = TINTS[room.modules[0].partition(".")[0]]
    yield f'<rect x="6" y="{top}" width="{WIDTH - 12}" height="{ROW - 2}" rx="4" fill="{tint}"/>'
    yield _text(34, top + 14, str(at + 1), 12, QUIET, anchor="end")
    yield _text(44, top + 14, f"{room.title} ({size})", 13, INK, bold=True)
    most = int((NAMES - 34) / LETTER_PX)
    says = room.says if len(room.says) <= most else f"{room.says[: most - 2].rstrip(', ')} …"
    yield _text(44, top + 27, says, 10.5, QUIET)


def _cell(of: int, to: int, count: int) -> Iterator[str]:
    x, top = NAMES + 24 + CELL * to, TOP + ROW * of
    if of == to:
        yield f'<rect x="{x}" y="{top + 4}" width="{CELL - 2}" height="{ROW - 10}" rx="4" fill="{QUIET}"/>'
        yield _text(x + CELL / 2 - 1, top + 20, str(to + 1), 11, "#ffffff", anchor="middle")
    elif count and to < of:
        yield f'<rect x="{x}" y="{top + 4}" width="{CELL - 2}" height="{ROW - 10}" rx="4" fill="#b3261e"/>'
        yield _text(x + CELL / 2 - 1, top + 20, str(count), 11, "#ffffff", anchor="middle")
    elif count:
        yield _text(x + CELL / 2 - 1, top + 20, str(count), 11, INK, anchor="middle", bold=count > 9)
    elif to > of:
        yield _text(x + CELL / 2 - 1, top + 20, "·", 11, LINE, anchor="middle")


def _text(
    x: float, y: float, text: str, size: float, fill: str, *, anchor: str = "start", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"{weight} text-anchor="{anchor}" fill="{fill}">'
        f"{escape(text)}</text>"
    )


if __name__ == "__main__":
    main()

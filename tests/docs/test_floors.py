"""The picture of the floors is the one that today's imports give, and can be read."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("grimp")

from scripts.draw_floors import HEIGHT, LINE_PX, PICTURE, ROOMS, ROUTES, WIDTH, drawn, rooms_of

SVG = drawn()
TEXT = re.compile(r'<text x="([\d.]+)" y="([\d.]+)" font-size="(\d+)"[^>]*>([^<]*)</text>')
WIDE = 0.55
"""How much of its height a letter takes on the average; a little more than in most fonts."""


def test_the_picture_is_that_of_the_code() -> None:
    assert PICTURE.read_text() == SVG, "imports have changed: python -m scripts.draw_floors"


def test_the_same_code_gives_the_same_bytes() -> None:
    assert drawn() == SVG


def test_every_line_of_a_room_stands_inside_it() -> None:
    lines = [(float(x), float(y), int(size), text) for x, y, size, text in TEXT.findall(SVG)]
    for room in ROOMS.values():
        inside = [
            each for each in lines if each[0] == room.left + 10 and room.top < each[1] < room.bottom + LINE_PX
        ]
        assert inside, room.title
        for x, y, size, text in inside:
            assert y <= room.bottom - 4, f"{room.title}: {text!r} is below the room"
            assert x + WIDE * size * len(text) <= room.right, f"{room.title}: {text!r} is too wide"
    assert all(room.right <= WIDTH and room.bottom <= HEIGHT for room in ROOMS.values())


def test_every_arrow_of_the_code_has_a_route_and_no_route_is_left_over() -> None:
    tips = len(re.findall("<polyline", SVG))
    assert tips == len(ROUTES)


def test_a_module_on_no_floor_stands_as_low_as_its_imports_allow() -> None:
    rooms = rooms_of(
        {
            "packer": [],
            "packer.plan": [],
            "packer.newcomer": ["packer.plan"],
            "packer.other": ["schemas.task"],
            "packer.out.commands.cli": [],
            "schemas.task": [],
        }
    )
    assert rooms["packer.newcomer"] == rooms["packer.plan"] == "packer above"
    assert rooms["packer.other"] == "packer below"
    assert rooms["packer.out.commands.cli"] == "packer.out"

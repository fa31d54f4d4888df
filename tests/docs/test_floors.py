"""The picture of the floors is the one that today's imports give, and nothing in it goes up."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("grimp")

from scripts.draw_floors import NAMES, PICTURE, WIDTH, all_rooms, at_of, counted, drawn

SVG = drawn()
TEXT = re.compile(r'<text x="([\d.]+)" y="([\d.]+)" font-size="([\d.]+)"[^>]*>([^<]*)</text>')
WIDE = 0.55
"""How much of its height a letter takes on the average; a little more than in most fonts."""


def test_the_picture_is_that_of_the_code() -> None:
    assert PICTURE.read_text() == SVG, "imports have changed: python -m scripts.draw_floors"


def test_the_same_code_gives_the_same_bytes() -> None:
    assert drawn() == SVG


def test_names_do_not_run_into_numbers() -> None:
    lines = [(float(x), float(size), text) for x, _, size, text in TEXT.findall(SVG)]
    names = [each for each in lines if each[0] == 44]
    assert len(names) == 2 * len(all_rooms())
    assert all(x + WIDE * size * len(text) <= NAMES + 24 for x, size, text in names)
    assert max(x for x, *_ in lines) <= WIDTH - 6


def test_every_module_has_one_room_and_rooms_stand_in_the_order_of_their_floors() -> None:
    rooms = all_rooms()
    titles = [room.title for room in rooms]
    assert titles[0] == "packer"
    assert titles[-1] == "schemas"
    order = (
        "packer/testing",
        "packer/out/commands",
        "packer/run/evaluation",
        "packer/run/flow",
        "packer/audit",
    )
    assert [title for title in titles if title in order] == list(order)
    assert titles[at_of(rooms, "packer.run.flow.ladder")] == "packer/run/flow"
    assert titles[at_of(rooms, "packer.run.api")] == "packer/run:"
    assert titles[at_of(rooms, "packer.out.report")] == "packer/out/report"
    assert "plan" in rooms[at_of(rooms, "packer.plan")].says


def test_an_import_that_goes_up_is_left_of_the_diagonal() -> None:
    rooms = all_rooms()
    high, low = at_of(rooms, "packer.out.commands.cli"), at_of(rooms, "packer.binpack")
    assert counted(rooms, {"packer.binpack": ["packer.out.commands.cli"], "packer.out.commands.cli": []}) == {
        (low, high): 1
    }
    assert high < low
    assert "#b3261e" not in SVG

"""The ground floor's own list of what is where."""

from __future__ import annotations

import re
from pathlib import Path

import schemas


def test_every_file_of_the_ground_floor_is_named_once() -> None:
    assert schemas.__doc__ is not None
    assert schemas.__file__ is not None
    named = re.findall(r"``(\w+)``", schemas.__doc__)
    there = [path.stem for path in Path(schemas.__file__).parent.glob("[!_]*.py")]
    assert sorted(named) == sorted(there)

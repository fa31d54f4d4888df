"""One part of the speed benchmark in a process of its own, so that parts do not warm or burden each other.

    python -m benchmarks.speed_child speed_whole '{"items": [10000], "fast": 0}'

With ``"fast": 0`` the packages of the ``fast`` extra cannot be found in that process. The last line that is
printed is what was found, as JSON.
Does not know: what a part measures.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from benchmarks.speed_clock import Found

FAST = ("toktok", "orjson", "jsonschema_rs", "aiohttp")
Given = Mapping[str, object]


class Without(PathFinder):
    """Finds every module but those of the ``fast`` extra."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for the hidden ones, as where they are not installed."""
        if fullname.partition(".")[0] in FAST:
            return None
        return PathFinder.find_spec(fullname, path, target)


def hide_fast() -> None:
    """From here on this process behaves as without the ``fast`` extra."""
    sys.meta_path[:] = [Without if each is PathFinder else each for each in sys.meta_path]


def ask(part: str, given: Given, timeout_s: float) -> Found:
    """Run one part in its own process.

    Args:
        part: the module, whose ``child`` is called.
        given: what it is told.
        timeout_s: wall time after which it is given up, with a note in the place of figures.
    """
    told = json.dumps(given)
    command = [sys.executable, "-m", "benchmarks.speed_child", part, told]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return Found(notes=[f"`{part}` was given up after {timeout_s:.0f} s: `{told}`."])
    except subprocess.CalledProcessError as error:
        return Found(notes=[f"`{part}` ended with code {error.returncode}: `{told}`."])
    found = json.loads(done.stdout.splitlines()[-1])
    return Found(found["figures"], found["notes"])


def number(given: Given, name: str, default: float) -> float:
    """A number that was told, or its default."""
    value = given.get(name, default)
    assert isinstance(value, int | float)
    return value


def whole(given: Given, name: str, default: int) -> int:
    """A whole number that was told, or its default."""
    return round(number(given, name, default))


def sizes(given: Given, name: str = "items") -> list[int]:
    """The sizes that were told."""
    listed = given[name]
    assert isinstance(listed, list)
    return [int(each) for each in listed]


def main() -> None:
    """Run one part, and print what it found."""
    part, told = sys.argv[1:]
    given = json.loads(told)
    if not given.get("fast", 1):
        hide_fast()
    found = importlib.import_module(f"benchmarks.{part}").child(given)
    print(json.dumps({"figures": found.figures, "notes": found.notes}))


if __name__ == "__main__":
    main()

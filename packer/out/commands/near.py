"""Near misses: what somebody probably meant by a name that is not there.

Does not know: what the names stand for.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from packer.out.board.plain import plain

CLOSE = 0.6
"""Names at least this alike are suggested; 1 is the same."""

CLOSE_FILE = 0.72
"""Files have a common ending, which makes strangers look alike."""

MOST_FILES = 5_000
"""So many files of a folder are looked at."""


def nearest(wanted: str, known: Iterable[str], *, close: float = CLOSE) -> str | None:
    """The known name that is most like the wanted one, capitals aside; None where none is close."""
    by_small = {name.lower(): name for name in known}
    found = get_close_matches(wanted.lower(), by_small, n=1, cutoff=close)
    return by_small[found[0]] if found else None


def did_you_mean(wanted: str, known: Iterable[str], *, before: str = "", close: float = CLOSE) -> str:
    """A sentence to put behind another one, with a space in front; empty where nothing is close.

    Args:
        wanted: the name that is not there.
        known: those that are.
        before: stands before the suggested name, as the folder of a file does.
        close: names at least this alike are suggested.
    """
    found = nearest(wanted, known, close=close)
    return "" if found is None else f" Did you mean {plain(before + found)!r}?"


def near_file(path: Path) -> str:
    """``did_you_mean`` for a file that is not there, among those in its folder."""
    try:
        names = [each.name for each in islice(path.parent.iterdir(), MOST_FILES)]
    except OSError:
        return ""
    folder = str(path.parent)
    before = "" if folder == "." else f"{folder.rstrip('/')}/"
    return did_you_mean(path.name, names, before=before, close=CLOSE_FILE)

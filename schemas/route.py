"""The kinds of call that an answer can come from.

Does not know: which of them comes when.
"""

from __future__ import annotations

from enum import StrEnum


class Route(StrEnum):
    """Which kind of call the answer (or the last failure) came from."""

    PACK = "pack"
    REPACK = "repack"
    SESSION = "session"
    SINGLE = "single"
    CACHE = "cache"

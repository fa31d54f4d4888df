"""The one door to numpy and scipy, which come with ``pip install 'packsplit[audit]'``.

Does not know: any formula.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from schemas.errors import MissingExtra


@cache
def installed() -> bool:
    """Whether intervals can be worked out here."""
    return find_spec("numpy") is not None and find_spec("scipy") is not None


def require() -> None:
    """Insist on numpy and scipy, before ``packer.audit.numeric`` is imported.

    Raises:
        MissingExtra: they are not installed.
    """
    if not installed():
        raise MissingExtra("audit", "An interval of bleed")

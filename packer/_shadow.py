"""Says in one sentence when another module called ``schemas`` hides ours.

Does not know: anything of this project; it runs before the rest is imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path


def check_schemas() -> None:
    """Make sure that ``schemas`` is the one that came with this package.

    Raises:
        ImportError: another one is found first; names it and the remedy.
    """
    spec = importlib.util.find_spec("schemas")
    place = Path(spec.origin) if spec is not None and spec.origin else None
    if place is None or not (place.parent / "portable.py").is_file():
        found = place or (list(spec.submodule_search_locations or []) if spec is not None else "nothing")
        raise ImportError(
            f"packsplit needs its own package 'schemas', but importing that name finds {found}: rename "
            "that module (or move it into a package of your own), then import packer again."
        )

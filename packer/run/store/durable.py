"""Makes a file's name survive a power cut.

Does not know: what is in the file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def name_on_disk(folder: Path) -> None:
    """A name is on the disk when its folder is; systems that cannot say so see to it themselves."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

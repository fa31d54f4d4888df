"""What is claimed, measured: ratios in one run, with the command, the version and the machine beside them."""

import os
import platform
import sys
import time
from importlib.metadata import version


def heading(module: str, *, arguments: str | None = None) -> None:
    """Print what was run, with which version, where and when.

    Args:
        module: the benchmark's name, such as ``bleed_traps``.
        arguments: as they are to be shown; None shows those of the command line.
    """
    shown = " ".join(sys.argv[1:]) if arguments is None else arguments
    print(f"`python -m benchmarks.{module}{' ' if shown else ''}{shown}`\n")
    print(
        f"packsplit {version('packsplit')}, Python {platform.python_version()}, {os.cpu_count()} cores "
        f"{platform.machine()}, {time.strftime('%Y-%m-%d')}\n"
    )

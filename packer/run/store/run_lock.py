"""One writer for each run's file, in all processes of a machine; a killed one lets go.

Does not know: what is in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from schemas.errors import RunInUse, StoreFailed, UsageError

PATIENCE_S = 0.2
"""Whoever only looks whether a run is in use has its lock for a moment, which must not turn a writer away."""


def locked(path: Path, owner: Callable[[], str]) -> BaseFileLock:
    """Take the lock.

    Args:
        path: the run's file.
        owner: says who has it, where somebody does.

    Raises:
        UsageError: there is no folder for it.
        RunInUse: another process has it.
        StoreFailed: it cannot be locked.
    """
    # The lock would make folders, and a slip in a path must not begin a new run.
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} cannot be made: its folder is not there. Make it, or give another path.")
    # Taken in one thread and let go in another: the run's steps go to whichever is free.
    lock = FileLock(f"{path}.lock", mode=0o600, timeout=PATIENCE_S, thread_local=False)
    try:
        lock.acquire(poll_interval=PATIENCE_S / 10)
    except Timeout:
        raise RunInUse(
            f"{path} is in use by {owner() or 'another process'}: one process works on a run at a time. Wait "
            "for it, stop it, or give another path."
        ) from None
    except OSError as error:
        raise StoreFailed(f"{path} cannot be locked: {error.strerror or error}.") from error
    return lock


def in_use(path: Path) -> bool:
    """Whether a process has the run's file open to write."""
    try:
        with FileLock(f"{path}.lock", mode=0o600, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False

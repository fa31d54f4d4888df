"""One writer for each run's file, in all processes of a machine; a killed one lets go.

Does not know: what is in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from schemas.errors import RunInUse, StoreFailed


def locked(path: Path, owner: Callable[[], str]) -> BaseFileLock:
    """Take the lock, and make the file where there is none, for its owner's eyes only.

    Args:
        path: the run's file.
        owner: says who has it, where somebody does.

    Raises:
        RunInUse: another process has it.
        StoreFailed: it cannot be locked or made.
    """
    lock = FileLock(f"{path}.lock", mode=0o600, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunInUse(
            f"{path} is in use by {owner() or 'another process'}: one process works on a run at a time. Wait "
            "for it, stop it, or give another path."
        ) from None
    except OSError as error:
        raise StoreFailed(f"{path} cannot be locked: {error.strerror or error}.") from error
    try:
        # SQLite gives its side files the mode of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        lock.release()
        raise StoreFailed(f"{path} cannot be opened: {error.strerror or error}.") from error
    return lock


def in_use(path: Path) -> bool:
    """Whether a process has the run's file open to write."""
    try:
        with FileLock(f"{path}.lock", mode=0o600, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False

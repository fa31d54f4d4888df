"""A SQLite file of ours, open: looked over before it is used, and written by one process at a time.

Once a write has failed nothing more is written. Does not know: what is in its tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from filelock import BaseFileLock

from packer.run.store.damage import damaged, told
from packer.run.store.run_format import looked_over, make, opened
from packer.run.store.run_lock import in_use, locked
from schemas.errors import StoreFailed, UsageError


class LockedFile:
    """The file. Writing needs the lock, reading does not.

    Attributes:
        path: where it is.
        in_use: whether a process had it open to write when it was opened here, this one included.
    """

    def __init__(self, path: Path, *, write: bool, owner: Callable[[], str]) -> None:
        """Open the file; to write it, make it where there is none, and lock it.

        Args:
            path: where it is.
            write: whether it is to be written.
            owner: says who has it, where another process does.

        Raises:
            RunInUse: another process has it.
            UsageError: it is no file of ours, or there is none to read.
            StoreDamaged: it does not hold what was written.
            StoreFailed: it cannot be read or written.
        """
        self.path = path
        self._lock: BaseFileLock | None = None
        self._sound = False
        self._failed: Exception | None = None
        if path.is_dir():
            raise UsageError(f"{path} is a directory; a store is one file.")
        if not write and not path.is_file():
            raise UsageError(f"There is no run at {path}.")
        try:
            if write:
                self._lock = locked(path, owner)
                if not path.exists():
                    make(path)
            self.in_use = write or in_use(path)
            if write or not self.in_use:
                looked_over(path)
            self._db = opened(path, write=write)
            if write:
                self.check()
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Let SQLite look over its pages, once.

        Raises:
            StoreDamaged: they are not sound.
        """
        if self._sound:
            return
        with told(self.path):
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(self.path, " ".join(str(found).split()))
        self._sound = True

    def commit(self) -> None:
        """Make everything so far durable.

        Raises:
            StoreFailed: it could not be written.
        """
        with self._told_writing():
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def close(self) -> None:
        """Close and unlock; what was not made durable is gone."""
        db: sqlite3.Connection | None = getattr(self, "_db", None)
        try:
            if db is not None:
                with told(self.path):
                    db.close()
        finally:
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._told_writing():
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def _told_writing(self) -> Iterator[None]:
        """Write no more once a write has failed: SQLite may have dropped what the next record builds on."""
        if self._failed is not None:
            raise StoreFailed(str(self._failed)) from self._failed
        try:
            with told(self.path):
                yield
        except Exception as error:
            self._failed = error
            raise

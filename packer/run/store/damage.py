"""Says in our words what goes wrong with a run's file: it cannot be read, or it is not what was written.

Does not know: what is in the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import StoreDamaged, StoreFailed
from schemas.written import NotOurs

_OF_THE_WORLD = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_AUTH,
    }
)
"""What SQLite says when it cannot get at a file; anything else it says of what stands in the file."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say in our words what SQLite says of a file."""
    try:
        yield
    except NotOurs as error:
        raise damaged(path, str(error)) from None
    except sqlite3.ProgrammingError:  # a fault of ours, such as a closed file that is read
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
        # Texts that are no text have no code, and their message may be none either.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code & 0xFF in _OF_THE_WORLD:
            raise StoreFailed(
                f"{path} could not be read or written: {error}. What was kept before stays kept: mend the "
                "cause (room on the disk, permissions) and run again with the same path."
            ) from error
        raise damaged(path, str(error)) from error


def damaged(path: Path, what: str) -> StoreDamaged:
    """The error for a file that does not hold what was written."""
    return StoreDamaged(
        f"{path} is damaged: {what}. Nothing is taken from it. Restore a copy, or begin anew with another "
        "path (a cache= of the same task keeps what was accepted from being paid again)."
    )

"""Ids of inputs that are gone from memory, on disk, so that one that comes again is found.

Only ids of the caller's own are kept; an input without one is known by its position. The file is SQLite's
own temporary one: it has no name that others could open, and is gone when the process is. Does not know:
items' texts, or what an id is used for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from schemas.errors import BadItem, RunError
from schemas.item import Item, ItemId, repeated

CACHE_KIB = 4_096
"""Pages in memory; what goes beyond is on disk."""

LONGEST_POSITION = 18
"""Digits; no input has more before it."""


class SeenIds:
    """Ids of earlier inputs. Blocking: call it in a thread, one call at a time."""

    def __init__(self) -> None:
        """Nothing is on disk before the first id of the caller's own."""
        self._db: sqlite3.Connection | None = None

    def note(self, items: Sequence[Item], start: int) -> None:
        """Keep the ids of these inputs, the first of which is at this position.

        Raises:
            RunError: the disk is full or fails.
        """
        own = [(_key(each.id), at) for at, each in enumerate(items, start) if not _by_position(each.id, at)]
        if not own:
            return
        try:
            db = self._opened()
            db.execute("BEGIN")
            db.executemany("INSERT INTO seen VALUES (?, ?)", own)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _failed(error) from error

    def repeat(self, items: Sequence[Item], start: int) -> BadItem | None:
        """The first of these inputs whose id was seen before, as an error; None when all are new.

        Args:
            items: unique among themselves.
            start: the position of the first.

        Raises:
            RunError: the file cannot be read.
        """
        try:
            for at, each in enumerate(items, start):
                if (first := self._first(each.id, at, start)) is not None:
                    return repeated(each.id, first, at)
        except sqlite3.Error as error:
            raise _failed(error) from error
        return None

    def close(self) -> None:
        """The file is gone."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _first(self, item_id: ItemId, at: int, start: int) -> int | None:
        """Where this id stood before."""
        row = None
        if self._db is not None:
            row = self._db.execute("SELECT at FROM seen WHERE id = ?", (_key(item_id),)).fetchone()
        if row is not None:
            return int(row[0])
        name = str(item_id)
        if _by_position(item_id, at) or not (name.isdecimal() and len(name) <= LONGEST_POSITION):
            return None
        # It may be the position of an input without an id; "07" and other digits than ours are not.
        position = int(name)
        if str(position) != name or position >= start:
            return None
        own = self._db is not None and self._db.execute("SELECT 1 FROM seen WHERE at = ?", (position,))
        return None if own and own.fetchone() is not None else position

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID")
            db.execute("CREATE INDEX by_place ON seen (at)")
            self._db = db
        return self._db


def _by_position(item_id: ItemId, at: int) -> bool:
    return not isinstance(item_id, str) and item_id == at


def _key(item_id: ItemId) -> bytes:
    return str(item_id).encode("utf-8", "surrogatepass")


def _failed(error: sqlite3.Error) -> RunError:
    return RunError(
        f"The ids of the inputs so far could not be kept on disk: {error}. SQLite's temporary files need "
        "room; SQLITE_TMPDIR names another folder for them."
    )

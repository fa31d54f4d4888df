"""What a run's file is made of, format by format: makes new ones, and brings older ones up to date.

Does not know: what is kept in the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from packer.run.store.damage import damaged, told
from packer.run.store.durable import name_on_disk
from packer.run.store.wal import damage_in
from schemas.errors import StoreFailed, UsageError

APPLICATION = 0x7061_636B
"""SQLite's application id of our files: "pack"."""

PATIENCE_S = 5.0
"""Readers and the writer wait so long for each other."""

_MAGIC = b"SQLite format 3\0"
_SIDE_FILES = ("-journal", "-wal", "-shm")


def _first_format(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE head (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE items (position INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    db.execute("CREATE TABLE packs (number INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    db.execute(
        "CREATE TABLE journal "
        "(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, chain BLOB NOT NULL)"
    )
    db.execute("CREATE TABLE results (position INTEGER PRIMARY KEY, body TEXT NOT NULL, sum BLOB NOT NULL)")


MIGRATIONS: Sequence[Callable[[sqlite3.Connection], None]] = (_first_format,)
"""What brings a file from each format to the next; never changed once released, only added to."""


def make(path: Path) -> None:
    """Make a new file under another name, for its owner's eyes only, and give it its own when it is whole.

    So an empty file, or half a one, is never ours: it is what is left of a run.

    Raises:
        StoreFailed: it cannot be made.
        StoreDamaged: a log of a run stands there, and the run's file does not.
    """
    _check_log(path, "gone")
    draft = Path(f"{path}.new")
    try:
        for each in (draft, *(Path(f"{draft}{end}") for end in _SIDE_FILES)):
            each.unlink(missing_ok=True)
        # SQLite gives its side files the mode of this one.
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with told(path), closing(sqlite3.connect(draft, isolation_level=None)) as db:
            _migrate(db, 0)
        draft.replace(path)
        name_on_disk(path.parent)
    except OSError as error:
        raise StoreFailed(f"{path} cannot be made: {error.strerror or error}.") from error


def opened(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a file.

    Raises:
        UsageError: it is no file of ours, or one of a newer version's.
        StoreDamaged: it does not hold what was written.
        StoreFailed: it cannot be read or written.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
    except OSError as error:
        raise StoreFailed(f"{path} cannot be opened: {error.strerror or error}.") from error
    if not begins:
        _check_log(path, "empty")
        raise UsageError(
            f"{path} is empty: delete it to begin a new run there. If it once held a run, restore a copy."
        )
    if begins != _MAGIC:
        raise UsageError(
            f"{path} is no run of packsplit, or its first bytes are damaged; give another path, or restore "
            "a copy."
        )
    # A reader may have to finish what a killed writer began, so it opens the file to write, too.
    with told(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
        try:
            _ready(db, path, write=write)
        except BaseException:
            db.close()
            raise
    return db


def _check_log(path: Path, what: str) -> None:
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        raise damaged(path, f"it is {what}, and {log.name}, which holds the rest of a run, is still there")


def looked_over(path: Path) -> None:
    """See to it that nothing is lost in silence of a file that nobody has open.

    Raises:
        StoreDamaged: its log does not hold what was written.
    """
    with suppress(OSError):
        if what := damage_in(path):
            raise damaged(path, what)


def _ready(db: sqlite3.Connection, path: Path, *, write: bool) -> None:
    # A changed byte must show as damage, not be read as something else.
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    if not write:
        db.execute("PRAGMA query_only = ON")
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if int(db.execute("PRAGMA application_id").fetchone()[0]) != APPLICATION:
        raise UsageError(f"{path} is no run of packsplit; give another path.")
    if version > len(MIGRATIONS):
        raise UsageError(
            f"{path} was written by a newer packsplit: its format is {version}, and this one knows "
            f"{len(MIGRATIONS)}."
        )
    if write:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if version < len(MIGRATIONS):
            _migrate(db, version)


def _migrate(db: sqlite3.Connection, version: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    for migrate in MIGRATIONS[version:]:
        migrate(db)
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.execute("COMMIT")

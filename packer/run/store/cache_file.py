"""The file behind the answer cache: made safely, known by its mark, brought up to date, or refused.

Does not know: what an entry says, or who looks one up.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from schemas.errors import UsageError

LOCK_WAIT_S = 10.0
"""Another process holds the file for milliseconds at a time; one that holds it longer is not waited for."""

APPLICATION_ID = 0x7053_4163

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file leads to; the latter where SQLite's message repeats damaged bytes."""


def _first_format(file: sqlite3.Connection) -> None:
    file.execute(
        "CREATE TABLE answers (key BLOB PRIMARY KEY, corrected INTEGER NOT NULL, "
        "answer BLOB NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID"
    )


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_format]
"""Each takes the file from one format to the next; the file's ``user_version`` counts those done."""


@contextmanager
def transaction(file: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All of it or nothing."""
    file.execute(begin)
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        file.rollback()
        raise


def opened(path: Path) -> sqlite3.Connection:
    """Open the file, made where there is none.

    Raises:
        UsageError: it is no answer cache, or cannot be used; says what to do.
    """
    named = f"The answer cache {str(path)!r}"
    try:
        _make_or_check(path, named)
        # Named as a URI so that nothing is made here, and no name (":memory:") means another thing.
        where = f"{path.as_uri()}?mode=rw"
        file = sqlite3.connect(
            where, uri=True, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, ValueError, sqlite3.Error) as error:
        raise UsageError(f"{named} cannot be opened: {error}. Name a file in a folder that exists.") from None
    try:
        _make_ready(file, named)
    except BaseException as error:
        file.close()
        if not isinstance(error, BROKEN):
            raise
        raise UsageError(
            f"{named} cannot be used: {printable(error)}. If another process holds it, wait for that; if "
            "it is no answer cache, name another file; if it is a damaged one, delete it: its answers are "
            "asked for again."
        ) from None
    return file


def _make_or_check(path: Path, named: str) -> None:
    try:
        # Exclusive: follows no link, and nobody else can read the file at any time.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(path.lstat().st_mode):
            told = f"{named} is a folder, a link or a device: name a file."
            raise UsageError(told) from None
        if not os.access(path, os.R_OK | os.W_OK):
            told = f"{named} may not be read and written by you: change its mode, or name another file."
            raise UsageError(told) from None


def _make_ready(file: sqlite3.Connection, named: str) -> None:
    until_s = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return _bring_up_to_date(file, named)
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself when two processes turn a new file to WAL at once.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until_s:
                raise
            time.sleep(0.01)


def _bring_up_to_date(file: sqlite3.Connection, named: str) -> None:
    # Bytes for text: a damaged text that is no UTF-8 must not fail a whole look-up.
    file.text_factory = bytes
    file.execute("PRAGMA trusted_schema = OFF")
    file.execute("PRAGMA cell_size_check = ON")
    # Read at one moment: another process may be making the file just now.
    with transaction(file, "BEGIN"):
        owner, version = _number(file, "application_id"), _number(file, "user_version")
        tables = _tables(file)
    if owner != APPLICATION_ID and (owner or version or tables):
        raise UsageError(f"{named} is a database of something else: name another file.")
    if version > len(MIGRATIONS):
        raise UsageError(
            f"{named} has format {version}, and this packsplit knows formats up to {len(MIGRATIONS)}: "
            "update packsplit, or name another file."
        )
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    if version < len(MIGRATIONS):
        with transaction(file):
            # Another process may have been quicker: the format is read again under the lock.
            for step in MIGRATIONS[_number(file, "user_version") :]:
                step(file)
            file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            file.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    with closing(sqlite3.connect(":memory:")) as blank:
        blank.text_factory = bytes
        for step in MIGRATIONS:
            step(blank)
        if _tables(file) != _tables(blank):
            raise sqlite3.DatabaseError("its tables are not those of an answer cache")


def printable(error: BaseException) -> str:
    """An error's words; those of a damaged file may hold anything that stands in it."""
    return "".join(each if each.isprintable() else "?" for each in str(error))


def _number(file: sqlite3.Connection, pragma: str) -> int:
    (number,) = file.execute(f"PRAGMA {pragma}").fetchone()
    return int(number)


def _tables(file: sqlite3.Connection) -> list[tuple[object, ...]]:
    sql = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    return file.execute(sql).fetchall()

"""One run's SQLite file: a head that never changes, a journal that only grows, and the results so far.

Every journal record is chained to the one before it and to the head, so that a record that was lost,
changed or put elsewhere shows. What is appended as durable has reached the disk when the call returns;
what is not reaches it no later than the next that is. Does not know: what the records mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packer.run.store.damage import damaged, told
from packer.run.store.locked_file import LockedFile
from packer.run.store.seals import linked, sealed, sum_of
from schemas.errors import StoreFailed, UsageError
from schemas.written import dumps, loads

_SEALED = (
    "SELECT key, body FROM head WHERE key = 'run'",
    "SELECT position, body FROM items ORDER BY position",
    "SELECT number, body FROM packs ORDER BY number",
)
TABLES = ("head", "items", "packs", "journal", "results")


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the journal.

    Attributes:
        seq: its number, from 1.
        kind: what happened.
        body: the particulars.
    """

    seq: int
    kind: str
    body: dict[str, object]


class RunFile(LockedFile):
    """The file, open. Writing needs the lock, reading does not."""

    def __init__(self, path: Path, *, write: bool) -> None:
        """Open the file; to write it, make it where there is none, and lock it.

        Raises:
            RunInUse: another process has it.
            UsageError: it is no file of ours, or there is none to read.
            StoreDamaged: it does not hold what was written.
            StoreFailed: it cannot be read or written.
        """
        self._seal = self._chain = b""
        self._seq = 0
        super().__init__(path, write=write, owner=self._owner)

    def _owner(self) -> str:
        try:
            with RunFile(self.path, write=False) as other:
                return other.owner
        except (UsageError, StoreFailed):
            return ""

    @property
    def owner(self) -> str:
        """Who opened the file last to write it, in words; empty when nobody has."""
        with told(self.path):
            row = self._db.execute(
                "SELECT body FROM journal WHERE kind = 'opened' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        body = {} if row is None else loads(row[0])
        return f"process {body.get('pid')} on {body.get('host')} (since {body.get('at')})" if body else ""

    @property
    def is_new(self) -> bool:
        """True before ``begin``.

        Raises:
            StoreDamaged: it holds part of a run, and not its head.
        """
        with told(self.path):
            begun: object = self._db.execute("SELECT 1 FROM head WHERE key = 'run'").fetchone()
            rest = [self._db.execute(f"SELECT 1 FROM {each} LIMIT 1").fetchone() for each in TABLES[1:]]  # noqa: S608
        if begun is None and any(rest):
            raise damaged(self.path, "its head is missing")
        return begun is None

    @property
    def looks(self) -> int:
        """How often ``looking`` was called before ``begin``, by this process and those before it."""
        with told(self.path):
            row = self._db.execute("SELECT body FROM head WHERE key = 'looks'").fetchone()
        return 0 if row is None else int(row[0])

    def looking(self) -> None:
        """Before ``begin``: a call is about to find out what the server can do; durable on return."""
        looks = str(self.looks + 1)
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO head VALUES ('looks', ?)", (looks,))
        self.commit()

    def begin(self, head: dict[str, object], items: Iterable[object], packs: Iterable[object]) -> None:
        """Write the head, durably and all at once.

        Args:
            head: what holds for the whole run.
            items: one a position.
            packs: one a pack.
        """
        with self._writing():
            self._db.execute("INSERT INTO head VALUES ('run', ?)", (dumps(head),))
            self._db.executemany(
                "INSERT INTO items VALUES (?, ?)", ((n, dumps(each)) for n, each in enumerate(items))
            )
            self._db.executemany(
                "INSERT INTO packs VALUES (?, ?)", ((n, dumps(each)) for n, each in enumerate(packs))
            )
            self._seal = self._chain = self._sealed()
            self._db.execute("INSERT INTO head VALUES ('seal', ?)", (dumps(self._seal.hex()),))
        self.commit()
        with self._told_writing():
            # From now on the file itself tells that there is a run, whatever becomes of the log beside it.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def head(self) -> dict[str, object]:
        """The head.

        Raises:
            StoreDamaged: it does not hold what was written.
        """
        with told(self.path):
            rows = dict(self._db.execute("SELECT key, body FROM head").fetchall())
        if "run" not in rows or "seal" not in rows:
            raise damaged(self.path, "its head is missing")
        self._seal = self._chain = self._sealed()
        if rows["seal"] != dumps(self._seal.hex()):
            raise damaged(self.path, "its head (task, options, inputs or plan) has changed")
        return loads(rows["run"])

    def _sealed(self) -> bytes:
        def rows() -> Iterator[tuple[object, str]]:
            for query in _SEALED:
                yield from self._db.execute(query)

        with told(self.path):
            return sealed(rows())

    def items(self) -> Iterator[dict[str, object]]:
        """The items' bodies, by position."""
        return self._bodies("SELECT body FROM items ORDER BY position")

    def packs(self) -> Iterator[dict[str, object]]:
        """The packs' bodies, by number."""
        return self._bodies("SELECT body FROM packs ORDER BY number")

    def _bodies(self, query: str) -> Iterator[dict[str, object]]:
        with told(self.path):
            for (body,) in self._db.execute(query):
                yield loads(body)

    def events(self, kind: str | None = None) -> Iterator[Event]:
        """The journal from its start, to its end; read the head before.

        Args:
            kind: gives only such records, and spares the others the reading of their bodies; None gives all.

        Raises:
            StoreDamaged: a record does not hold what was written, or one is missing.
        """
        self._chain, self._seq = self._seal, 0
        with told(self.path):
            for seq, its_kind, body, chain in self._db.execute(
                "SELECT seq, kind, body, chain FROM journal ORDER BY seq"
            ):
                expected = linked(self._chain, its_kind, body)
                if seq != self._seq + 1 or chain != expected:
                    raise damaged(self.path, f"record {self._seq + 1} of its journal is not what was written")
                self._chain, self._seq = expected, seq
                if kind is None or kind == its_kind:
                    yield Event(seq, its_kind, loads(body))

    def append(self, kind: str, body: dict[str, object], *, durable: bool) -> None:
        """Add a record; everything appended before it is at least as durable.

        Raises:
            StoreFailed: it could not be written.
        """
        text = dumps(body)
        chain = linked(self._chain, kind, text)
        with self._writing():
            self._db.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (self._seq + 1, kind, text, chain))
            self._chain, self._seq = chain, self._seq + 1
        if durable:
            self.commit()

    def settle(self, rows: Iterable[tuple[int, object]]) -> None:
        """Write results by position, as durable as the next record; a later one replaces an earlier."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?)",
                ((at, text, sum_of(at, text)) for at, body in rows for text in [dumps(body)]),
            )

    def unsettle(self, positions: Iterable[int] | None = None) -> None:
        """Take results away again; all of them when no positions are given."""
        with self._writing():
            if positions is None:
                self._db.execute("DELETE FROM results")
            else:
                self._db.executemany("DELETE FROM results WHERE position = ?", ((at,) for at in positions))

    def results(self) -> Iterator[tuple[int, dict[str, object]]]:
        """The results so far, by position.

        Raises:
            StoreDamaged: one does not hold what was written.
        """
        with told(self.path):
            for at, body, seal in self._db.execute(
                "SELECT position, body, sum FROM results ORDER BY position"
            ):
                if seal != sum_of(at, body):
                    raise damaged(self.path, f"the result of input number {at} is not what was written")
                yield at, loads(body)

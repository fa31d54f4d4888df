"""Answers kept from run to run: what a model has answered to a text under a task, in one SQLite file.

An entry is found by a hash of the task's fingerprint, the model and the text alone, so packs may change
their shape, their order and their neighbours. Only answers that nothing speaks against are kept.

The file holds no input text; answers and quotes stand in it as they are and may repeat parts of inputs, and
who has the file can find out whether a text that he guesses was asked. Each entry's checksum finds damage,
not intent: who may write the file may plant answers. A power cut can lose the last entries
(``synchronous=NORMAL``), which costs the money to ask again, and nothing else. Processes of one machine
share a file; a network drive is no place for it.

Does not know: packs, calls, or runs; who looks an answer up, or what it cost.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from schemas.errors import UsageError
from schemas.evidence import Match, Quote
from schemas.result import ItemResult, Outcome, Route
from schemas.review import Ruling
from schemas.signal import Trust
from schemas.task import Task

T = TypeVar("T")
S = TypeVar("S")

log = logging.getLogger("packsplit")

LOCK_WAIT_S = 10.0
"""Another process holds the file for milliseconds at a time; one that holds it longer is not waited for."""

AT_ONCE = 500
"""Entries to one statement; SQLite's oldest limit on parameters is 999."""

MOST_ANSWER_BYTES = 1_000_000
APPLICATION_ID = 0x7053_4163

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file leads to; the latter where SQLite's message repeats damaged bytes."""

_SELECT = (
    "SELECT key, corrected, answer, checksum FROM answers "  # noqa: S608  # only question marks are put in
    f"WHERE key IN ({','.join('?' * AT_ONCE)}) AND length(answer) <= {MOST_ANSWER_BYTES}"
)
# Without a checksum: whatever stands there; with one: only what was seen to be unfit.
_DELETE = "DELETE FROM answers WHERE key = ? AND checksum IS coalesce(?, checksum)"
# A person's correction gives way to another correction only; an equal answer is not written again.
_UPSERT = """
    INSERT INTO answers (key, corrected, answer, checksum) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE
    SET corrected = excluded.corrected, answer = excluded.answer, checksum = excluded.checksum
    WHERE excluded.corrected >= answers.corrected AND excluded.checksum IS NOT answers.checksum
"""


def _first_format(file: sqlite3.Connection) -> None:
    file.execute(
        "CREATE TABLE answers (key BLOB PRIMARY KEY, corrected INTEGER NOT NULL, "
        "answer BLOB NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID"
    )


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_format]
"""Each takes the file from one format to the next; the file's ``user_version`` counts those done."""


class AnswerCache:
    """One file of answers, open. May be used from several threads, and by several processes at once.

    Example:
        >>> import tempfile
        >>> from schemas.task import Task
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> with tempfile.TemporaryDirectory() as folder, AnswerCache(f"{folder}/answers.sqlite") as cache:
        ...     cache.keep(task, "a-model", [("I love it", ItemResult(0, Outcome.ACCEPTED, "good"))])
        ...     cache.found(task, "a-model", ["I love it", "Never seen"])
        {'I love it': ('good', ())}
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file; one that is not there is made, for its owner's eyes alone (mode 0600).

        Args:
            path: the file, in a folder that exists. Beside it SQLite keeps ``-wal`` and ``-shm`` while it
                is open.

        Raises:
            UsageError: a folder, a link, something that is no answer cache, a damaged one, one that may not
                be written, or one of a newer packsplit; says what to do.
        """
        self._path = Path(path).absolute()
        self._lock = threading.Lock()
        self._reads = self._writes = True
        self._unfit: dict[bytes, object] = {}
        self._file = _opened(self._path)

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing is found or kept from then on. Closing twice is fine."""
        with self._lock:
            self._reads = self._writes = False
            self._file.close()

    def found(
        self, task: Task[T], model: str, texts: Sequence[str]
    ) -> dict[str, tuple[T, tuple[Quote, ...]]]:
        """Look up what this model has answered to these texts under this task.

        Blocking: a few seconds for 100,000 texts. A damaged entry, or one that the task's output does not
        allow any more, is not found. When the file cannot be read nothing is found, and a warning says so
        once.

        Args:
            task: what is asked.
            model: who is asked, as the run names it.
            texts: of the items.

        Returns:
            For each text that has an answer: the value in the task's own type, and its quotes.
        """
        key_of = _keyed(task, model)
        hits: dict[str, tuple[T, tuple[Quote, ...]]] = {}
        for some in _portions(dict.fromkeys(texts)):
            by_key = {key_of(text): text for text in some}
            try:
                rows = self._rows(list(by_key))
            except BROKEN as error:
                self._reads = self._writes = False
                told = (
                    "The answer cache %r cannot be read (%s): all items are asked, and no answer is kept. "
                    "If it is damaged, delete it."
                )
                log.warning(told, str(self._path), _printable(error))
                return {}
            for key, corrected, answer, checksum in rows:
                if not isinstance(key, bytes) or (text := by_key.get(key)) is None:
                    continue
                if (hit := _read(task, text, key, corrected, answer, checksum)) is None:
                    self._unfit[key] = checksum
                else:
                    hits[text] = hit
        return hits

    def keep(self, task: Task[T], model: str, answers: Iterable[tuple[str, ItemResult[T]]]) -> None:
        """Keep the answers that are good beyond doubt; pass over all others.

        Kept are accepted values that are clean or confirmed, that this run has asked for itself, and that
        come back from JSON as they are. A reviewer's correction is kept whatever the trust and the route
        were, and no model's answer replaces it; an answer that a reviewer rejected is taken out.

        Blocking: waits up to ``LOCK_WAIT_S`` for other processes. When the file cannot be written, a
        warning says so once, and nothing more is kept.

        Args:
            task: what was asked.
            model: who was asked, as the run names it.
            answers: ``(text, result)`` pairs.
        """
        key_of = _keyed(task, model)
        for some in _portions(answers):
            if not self._writes:
                return
            unwanted: list[tuple[bytes, object]] = []
            rows: list[tuple[bytes, int, bytes, bytes]] = []
            for text, result in some:
                ruling = None if result.review is None else result.review.ruling
                if ruling is not Ruling.REJECT and not _is_good(result):
                    continue
                key = key_of(text)
                if ruling is Ruling.REJECT:
                    unwanted.append((key, None))
                elif (answer := _written(task, result)) is not None:
                    corrected = int(ruling is Ruling.CORRECT)
                    rows.append((key, corrected, answer, _checksum(key, corrected, answer)))
                    if key in self._unfit:
                        unwanted.append((key, self._unfit.pop(key)))
            try:
                self._write(unwanted, rows)
            except BROKEN as error:
                self._writes = False
                told = "The answer cache %r cannot be written (%s): this run's further answers are not kept."
                log.warning(told, str(self._path), _printable(error))

    def _rows(self, keys: list[bytes]) -> list[tuple[object, object, object, object]]:
        padded = [*keys, *[None] * (AT_ONCE - len(keys))]
        with self._lock:
            return self._file.execute(_SELECT, padded).fetchall() if self._reads else []

    def _write(
        self, unwanted: list[tuple[bytes, object]], rows: list[tuple[bytes, int, bytes, bytes]]
    ) -> None:
        if not unwanted and not rows:
            return
        with self._lock:
            if not self._writes:
                return
            with _transaction(self._file):
                self._file.executemany(_DELETE, unwanted)
                self._file.executemany(_UPSERT, rows)


def _is_good(result: ItemResult[object]) -> bool:
    if result.outcome is not Outcome.ACCEPTED:
        return False
    if result.review is not None and result.review.ruling is Ruling.CORRECT:
        return True
    asked = result.route is not Route.CACHE and result.same_as is None
    return asked and result.trust in (Trust.CLEAN, Trust.CONFIRMED)


def _keyed(task: Task[object], model: str) -> Callable[[str], bytes]:
    """The key of a text under this task and model; 32 bytes."""
    name = _bytes(model)
    start = hashlib.sha256(f"{task.fingerprint} {len(name)} ".encode() + name)

    def key_of(text: str) -> bytes:
        digest = start.copy()
        digest.update(_bytes(text))
        return digest.digest()

    return key_of


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _checksum(key: bytes, corrected: int, answer: bytes) -> bytes:
    """Bound to the key: an entry under another key is damage too."""
    return hashlib.sha256(b"%b%d" % (key, corrected) + answer).digest()[:16]


def _written(task: Task[T], result: ItemResult[T]) -> bytes | None:
    """An answer as it is kept; None when it would not come back as it is."""
    quotes = [[each.field, each.text, each.match, each.start, each.end] for each in result.quotes]
    # The caller's own serializers, validators and comparisons run here: they may raise anything, and an
    # answer that cannot be kept must not cost the run.
    try:
        plain = {"value": task.output.encode(result.value), "quotes": quotes}
        answer = json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
        same = task.output.decode(json.loads(answer)["value"]) == result.value
    except Exception:
        return None
    return answer if same and len(answer) <= MOST_ANSWER_BYTES else None


def _read(
    task: Task[T], text: str, key: bytes, corrected: object, answer: object, checksum: object
) -> tuple[T, tuple[Quote, ...]] | None:
    """An entry's value and quotes; None when it is damaged, or not allowed by the task's output."""
    if not (isinstance(answer, bytes) and isinstance(corrected, int)):
        return None
    if checksum != _checksum(key, corrected, answer):
        return None
    # A checksum can be forged: what stands here may still be of any depth and shape, and the caller's own
    # validators may raise anything.
    try:
        plain: dict[str, object] = json.loads(answer)
        return task.output.decode(plain["value"]), tuple(_quotes(plain["quotes"], text))
    except Exception:
        return None


def _quotes(written: object, text: str) -> Iterator[Quote]:
    if not isinstance(written, list):
        raise ValueError("quotes are a list")
    for each in written:
        match each:
            case [str(field), str(said), str(how), None, None]:
                yield Quote(field, said, Match(how))
            case [str(field), str(said), str(how), int(start), int(end)] if 0 <= start <= end <= len(text):
                yield Quote(field, said, Match(how), start, end)
            case _:
                raise ValueError("not a quote of this text")


def _portions(every: Iterable[S]) -> Iterator[list[S]]:
    left = iter(every)
    while some := list(islice(left, AT_ONCE)):
        yield some


@contextmanager
def _transaction(file: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    file.execute(begin)
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        file.rollback()
        raise


def _opened(path: Path) -> sqlite3.Connection:
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
            f"{named} cannot be used: {_printable(error)}. If another process holds it, wait for that; if "
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
    with _transaction(file, "BEGIN"):
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
        with _transaction(file):
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


def _printable(error: BaseException) -> str:
    """An error's words; those of a damaged file may hold anything that stands in it."""
    return "".join(each if each.isprintable() else "?" for each in str(error))


def _number(file: sqlite3.Connection, pragma: str) -> int:
    (number,) = file.execute(f"PRAGMA {pragma}").fetchone()
    return int(number)


def _tables(file: sqlite3.Connection) -> list[tuple[object, ...]]:
    sql = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    return file.execute(sql).fetchall()

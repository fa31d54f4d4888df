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
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from packer.run.store.cache_file import BROKEN, opened, printable, transaction
from schemas.evidence import Match, Quote
from schemas.result import ItemResult, Outcome
from schemas.review import Ruling
from schemas.route import Route
from schemas.signal import Trust
from schemas.task import Task

T = TypeVar("T")
S = TypeVar("S")

log = logging.getLogger("packsplit")

AT_ONCE = 500
"""Entries to one statement; SQLite's oldest limit on parameters is 999."""

MOST_ANSWER_BYTES = 1_000_000

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
        self._file = opened(self._path)

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
                log.warning(told, str(self._path), printable(error))
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
                log.warning(told, str(self._path), printable(error))

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
            with transaction(self._file):
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

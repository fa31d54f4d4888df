"""Named points of a run at which its process can be made to kill itself.

Does not know: what a run is for, or how it goes on.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable
from itertools import count, islice
from pathlib import Path
from types import FrameType

from packer.run import job, prepare, replay
from packer.run.flow import asides, ladder
from packer.run.flow.ask import Ask
from packer.run.live import send
from packer.run.store import locked_file, run_format
from packer.run.store.journal import Journal
from packer.run.store.run_file import RunFile
from schemas.route import Route

Seen = Callable[..., bool]


def die() -> None:
    """End at once, as a process ends that is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _always(*_: object, **__: object) -> bool:
    return True


def _kind(kind: str) -> Seen:
    return lambda _file, found, *_, **__: found == kind


def _last(kind: str) -> Seen:
    newest = "SELECT kind FROM journal ORDER BY seq DESC LIMIT 1"
    return lambda file: file._db.execute(newest).fetchone() == (kind,)


def _route(route: Route) -> Seen:
    return lambda _owner, ask, *_, **__: isinstance(ask, Ask) and ask.route is route


def _before(owner: object, name: str, seen: Seen = _always) -> Callable[[int], None]:
    return lambda nth: _put(owner, name, nth, seen, after=False)


def _after(owner: object, name: str, seen: Seen = _always) -> Callable[[int], None]:
    return lambda nth: _put(owner, name, nth, seen, after=True)


def _put(owner: object, name: str, nth: int, seen: Seen, *, after: bool) -> None:
    inner, passed = getattr(owner, name), count(1)

    def outer(*args: object, **kwargs: object) -> object:
        due = seen(*args, **kwargs) and next(passed) == nth
        if due and not after:
            die()
        given = inner(*args, **kwargs)
        if due:
            die()
        return given

    setattr(owner, name, outer)


def _migrating(nth: int) -> None:
    whole = run_format.MIGRATIONS[0]

    def half(db: sqlite3.Connection) -> None:
        whole(db)
        die()

    run_format.MIGRATIONS = (half,)


def _half_the_results(nth: int) -> None:
    inner, passed = RunFile.settle, count(1)

    def settle(self: RunFile, rows: Iterable[tuple[int, object]]) -> None:
        every = list(rows)
        if every and next(passed) == nth:
            inner(self, islice(every, (len(every) + 1) // 2))
            die()
        inner(self, every)

    RunFile.settle = settle  # type: ignore[method-assign]  # the process is about to die


POINTS: dict[str, Callable[[int], None]] = {
    "store locked": _after(locked_file, "locked"),
    "store drafted, empty": _after(sqlite3, "connect"),
    "store migrating": _migrating,
    "store drafted": _before(Path, "replace"),
    "store made": _after(locked_file, "make"),
    "store opened": _after(locked_file, "opened"),
    "head half written": _before(RunFile, "_sealed"),
    "head written": _after(prepare, "begin"),
    "process entered": _after(RunFile, "append", _kind("opened")),
    "before sending, not written": _before(RunFile, "append", _kind("sent")),
    "before sending, written": _after(RunFile, "append", _kind("sent")),
    "after reply, not written": _before(RunFile, "append", _kind("back")),
    "after reply, not committed": _before(RunFile, "commit", _last("back")),
    "after reply, written": _after(RunFile, "append", _kind("back")),
    "after reply, books kept": _after(send.Sender, "_leave"),
    "taking": _after(RunFile, "append", _kind("took")),
    "before split": _before(asides, "split"),
    "mid-split": _after(asides, "split"),
    "after split": _after(ladder.Ladder, "take"),
    "in repack, sent": _after(Journal, "sent", _route(Route.REPACK)),
    "in repack, split": _after(ladder.Ladder, "take", _route(Route.REPACK)),
    "in session, sent": _after(Journal, "sent", _route(Route.SESSION)),
    "in session, split": _after(ladder.Ladder, "take", _route(Route.SESSION)),
    "in single, sent": _after(Journal, "sent", _route(Route.SINGLE)),
    "in single, split": _after(ladder.Ladder, "take", _route(Route.SINGLE)),
    "pool drained": _after(RunFile, "append", _kind("drained")),
    "results half written": _half_the_results,
    "results written": _after(RunFile, "settle"),
    "resuming, head read": _after(prepare, "taken_up"),
    "resuming, in replay": _before(replay.Replay, "_on_took"),
    "resuming, replayed": _after(replay.Replay, "run"),
    "resuming, results gone": _after(RunFile, "unsettle"),
    "ending": _before(RunFile, "append", _kind("ended")),
    "ended": _after(RunFile, "append", _kind("ended")),
    "closing": _before(job, "closed"),
}
"""What each does to this process: from then on it dies at the nth time."""

BATCH_POINTS: dict[str, Callable[[int], None]] = {
    "job chosen": _before(RunFile, "append", _kind("job")),
    "job written": _after(RunFile, "append", _kind("job")),
    "file brought, not written": _before(RunFile, "append", _kind("uploaded")),
    "file brought, written": _after(RunFile, "append", _kind("uploaded")),
    "handed over, not written": _before(RunFile, "append", _kind("submitted")),
    "handed over, written": _after(RunFile, "append", _kind("submitted")),
    "line kept": _after(RunFile, "append", _kind("back")),
    "line read": _after(ladder.Ladder, "take"),
    "job read, not written": _before(RunFile, "append", _kind("collected")),
    "job read, written": _after(RunFile, "append", _kind("collected")),
}
"""The same for runs that go by batch jobs."""


class Events:
    """Counts what Python's profiler reports, in all threads; kills the process at one of them."""

    def __init__(self, dies_at: int = 0) -> None:
        """Begin to count; 0 never kills."""
        passed = count(1)
        self.counted = 0

        def seen(frame: FrameType, event: str, given: object) -> None:
            self.counted = next(passed)
            if self.counted == dies_at:
                die()

        threading.setprofile(seen)
        sys.setprofile(seen)

    def stop(self) -> int:
        """Give the count."""
        sys.setprofile(None)
        threading.setprofile(None)
        return self.counted

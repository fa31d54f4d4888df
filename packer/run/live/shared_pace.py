"""One ceiling for several processes of a machine, kept by pyrate-limiter in an SQLite file.

The file holds a bucket of shares: a call takes as many as the largest part that it needs of any ceiling,
so that shares within the bucket keep every ceiling. Does not know: calls, or why they are made.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packer.clients.threads import in_thread
from packer.pacing import WINDOW_S, Need
from schemas.errors import UsageError
from schemas.quota import QuotaKind
from schemas.settings import Limits

if TYPE_CHECKING:
    from pyrate_limiter import SQLiteBucket

LEAST_SHARES = 5_000
SPARE_SHARES = 16
"""A process may carry part of a share from minute to minute: so many together stay within a ceiling."""

TABLE = "packsplit_shares"
LEAST_WAIT_S = 0.01


def machine_ms() -> int:
    """The machine's clock, which all its processes see alike."""
    return time.time_ns() // 1_000_000


def shared_pace(limits: Limits) -> SharedPace | None:
    """The shared ceiling that the limits name; None when they name none.

    Raises:
        UsageError: the file cannot be opened, or belongs to something else.
    """
    return None if limits.shared is None else SharedPace(Path(limits.shared), limits.ceilings)


@dataclass(frozen=True, slots=True)
class Hold:
    """What one call has taken.

    Attributes:
        name: of its rows.
        shares: whole ones in the bucket.
        exact: what it needs, in shares.
    """

    name: str
    shares: int
    exact: float


class SharedPace:
    """This process's view of the file. Waiting blocks on a file lock, so it is done in threads."""

    def __init__(
        self,
        path: Path,
        ceilings: dict[QuotaKind, int | None],
        *,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        """Open or make the file.

        Args:
            path: the file that all processes name.
            ceilings: what may be used in any 60 seconds, by all of them together; every process must
                give the same.
            now_ms: a clock in milliseconds; None takes the machine's.
        """
        self._now_ms = now_ms or machine_ms
        self._lock = threading.Lock()
        self._name = uuid.uuid4().hex
        self._taken = 0
        self._credit = 0.0
        # A whole number for each call of a ceiling on calls: of three a minute, rounding would cost one.
        rpm = ceilings.get("requests") or 1
        self._all = rpm * math.ceil(LEAST_SHARES / rpm)
        self._ceilings = {
            kind: limit - limit * SPARE_SHARES // self._all
            for kind, limit in ceilings.items()
            if limit is not None
        }
        self._bucket = _opened(path, self._all)

    async def take(self, need: Need) -> Hold | float:
        """Take the room, or say how many seconds to wait before asking again."""
        return await in_thread(lambda: self._take(need))

    async def close(self) -> None:
        """Close the file."""
        await in_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            self._bucket.close()  # type: ignore[no-untyped-call]  # it has no annotations

    async def settle(self, hold: Hold, used: Need) -> None:
        """Give back what a call did not use; what it used beyond is taken with the next call."""
        await in_thread(lambda: self._settle(hold, used))

    def _take(self, need: Need) -> Hold | float:
        from pyrate_limiter import RateItem

        exact = self._shares(need)
        with self._lock:
            self._taken += 1
            name = f"{self._name}:{self._taken}"
            now_ms = self._now_ms()
            # Parts of a share are carried from call to call, so that rounding costs nothing.
            whole = min(self._all, max(0, math.ceil(exact - self._credit)))
            if not whole:
                self._credit -= exact
                return Hold(name, 0, exact)
            self._bucket.leak(now_ms)
            item = RateItem(name, now_ms, weight=whole)
            if self._bucket.put(item):
                self._credit += whole - exact
                return Hold(name, whole, exact)
            wait_ms = self._bucket.waiting(item)
            assert isinstance(wait_ms, int)  # noqa: S101  # SQLite buckets are not asynchronous
        return max(LEAST_WAIT_S, wait_ms / 1000)

    def _settle(self, hold: Hold, used: Need) -> None:
        with self._lock:
            self._credit += hold.exact - self._shares(used)
            surplus = min(hold.shares, math.floor(self._credit))
            # Never more than a part: what was saved up in one minute must not be spent in another.
            self._credit = min(1.0, self._credit - max(0, surplus))
            if surplus > 0:
                # pyrate-limiter has no way to give back; its rows are one a share, named by the call.
                with self._bucket.lock:
                    self._bucket.conn.execute(
                        f"DELETE FROM {TABLE} WHERE rowid IN "  # noqa: S608  # a constant of ours
                        f"(SELECT rowid FROM {TABLE} WHERE name = ? LIMIT ?)",
                        (hold.name, surplus),
                    )
                    self._bucket.conn.commit()

    def _shares(self, need: Need) -> float:
        amounts = need.amounts
        return max(amounts[kind] / limit for kind, limit in self._ceilings.items()) * self._all


def _opened(path: Path, shares: int) -> SQLiteBucket:
    import sqlite3

    from pyrate_limiter import Rate, SQLiteBucket

    rate = Rate(shares, int(WINDOW_S * 1000))
    try:
        return SQLiteBucket.init_from_file([rate], TABLE, str(path), use_file_lock=True)
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"Limits(shared={str(path)!r}) cannot be used: {error}") from None

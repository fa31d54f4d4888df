"""Asks a run to end soon and keep what it has; works from signal handlers and other threads.

Does not know: runs, or what ending means to them.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class Halt:
    """One request to end, made at most once.

    Attributes:
        why: what was said; empty until then.
    """

    def __init__(self) -> None:
        self.why = ""
        self._lock = threading.RLock()  # a signal may strike the very thread that holds it
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def ask(self, why: str) -> None:
        """End soon; the first reason stands."""
        with self._lock:
            self.why = self.why or why
            for loop, future in self._waiting:
                loop.call_soon_threadsafe(_settle, future)
            self._waiting.clear()

    async def asked(self) -> None:
        """Wait until someone asks."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self.why:
                return
            self._waiting.append((loop, future))
        await future

    async def unless_asked(self, job: Coroutine[object, object, T]) -> T | None:
        """A job's result; None when it is given up because someone asks for the end meanwhile."""
        making, asked = asyncio.create_task(job), asyncio.create_task(self.asked())
        try:
            await asyncio.wait({making, asked}, return_when=asyncio.FIRST_COMPLETED)
            return await making if making.done() else None
        finally:
            for each in (making, asked):
                each.cancel()
            await asyncio.gather(making, asked, return_exceptions=True)


@contextmanager
def terminable(halt: Halt) -> Iterator[None]:
    """Let SIGTERM ask for the end, unless the application has its own answer to it."""
    free = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not free:
        yield
        return

    def asked(number: int, frame: FrameType | None) -> None:
        halt.ask("the process was asked to end (SIGTERM)")

    signal.signal(signal.SIGTERM, asked)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""One event loop for all synchronous runs of a process, in a thread of its own.

An asynchronous SDK client keeps connections that belong to the loop they were opened in; with a new
loop per run, the second run with the same client would find them dead. Does not know: runs.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from packer.run.live.halt import Halt, terminable

T = TypeVar("T")

CLEAN_UP_S = 30.0


class _LoopThread:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.process = os.getpid()
        self.thread = threading.Thread(target=self.loop.run_forever, name="packsplit", daemon=True)
        self.thread.start()

    def usable(self) -> bool:
        """False in a forked child, which has the object but not the thread."""
        return self.process == os.getpid() and self.thread.is_alive()

    def end(self) -> None:
        if self.usable():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


_lock = threading.Lock()
_shared: _LoopThread | None = None


def run_to_end(job: Coroutine[object, object, T], halt: Halt | None = None) -> T:
    """Run a coroutine from synchronous code, whether or not a loop is running in this thread.

    Args:
        job: what to run.
        halt: asked to end the job when the first interrupt (Ctrl-C) comes. Without it, and at a second
            interrupt, the job is cancelled, and the interrupt raised once it has cleaned up.
    """
    shared = _loop_thread()
    if threading.current_thread() is shared.thread:  # a callback of a run starts another run
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, job).result()
    done = threading.Event()

    async def watched() -> T:
        try:
            return await job
        finally:
            done.set()

    future = asyncio.run_coroutine_threadsafe(watched(), shared.loop)
    try:
        try:
            return future.result()
        except KeyboardInterrupt:
            if halt is None or future.done():
                raise
            halt.ask("interrupted (Ctrl-C)")
            return future.result()
    except BaseException:
        if future.cancel():
            done.wait(CLEAN_UP_S)
        raise


def run_until_asked(make: Callable[[Halt], Coroutine[object, object, T]]) -> T:
    """``run_to_end`` for a job that keeps what it has when Ctrl-C or SIGTERM asks it to end.

    Args:
        make: makes the job, given what asks it.
    """
    halt = Halt()
    with terminable(halt):
        return run_to_end(make(halt), halt)


def _loop_thread() -> _LoopThread:
    global _shared  # one loop a process is the point
    with _lock:
        if _shared is None or not _shared.usable():
            _shared = _LoopThread()
            atexit.register(_shared.end)
        return _shared

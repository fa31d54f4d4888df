"""Calls of synchronous SDKs without a thread pool.

Does not know: what is called.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Run a synchronous SDK's call in a thread of its own.

    A pool would be too small for the run's concurrency, and a hung call in it would keep the process
    from ending; this thread is left behind when the caller is cancelled.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # T itself may be optional

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # handed over whole to the one who waits
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="packsplit-call", daemon=True).start()
    return await future


async def called(call: Callable[[], T] | Callable[[], Awaitable[T]], *, blocking: bool) -> T:
    """Call a synchronous SDK in a thread, or await an asynchronous one."""
    if blocking:
        return await in_thread(call)  # type: ignore[arg-type]  # ``blocking`` says which of the two it is
    waiting: Awaitable[T] = call()  # type: ignore[assignment]  # same
    return await waiting

"""A deadline for one awaitable: what ``asyncio.timeout`` does, at half its price, as every call has one.

Does not know: what is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within_s(deadline_s: float, call: Awaitable[T]) -> T:
    """Wait for a call, so long at most.

    Raises:
        TimeoutError: it took longer, and was cancelled.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine runs in a task
    asked_before = task.cancelling()
    is_late = False

    def end() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(deadline_s, end)
    try:
        return await call
    except asyncio.CancelledError as error:
        # Somebody else's wish to cancel, made meanwhile, goes before ours.
        if is_late and task.cancelling() - 1 <= asked_before:
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        if is_late:
            task.uncancel()

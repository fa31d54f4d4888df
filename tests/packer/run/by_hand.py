"""A run driven by hand: a loop that stops when nothing is left to do, calls that stay open until they are
answered, and a kill that leaves nothing but the file's bytes.

Work that the engine gives to threads is done at once, on the spot, so that equal hands make equal runs.
"""

from __future__ import annotations

import asyncio
import selectors
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from packer.run.live.halt import Halt
from packer.testing import items_of
from packer.tokens import Utf8Bound
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError
from schemas.protocols import TokenCounter
from schemas.result import RunResult
from schemas.written import loads

T = TypeVar("T")

MOST_TURNS = 200_000
"""A loop that turns so often without coming to rest never will."""


class _Still(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # an alias, different by system
    """Stops the loop where a real selector would wait."""

    loop: HandLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        self.loop.turned(0 if found else timeout)
        return found


class HandLoop(asyncio.SelectorEventLoop):
    """An event loop that runs until it would wait, on a clock that only ``jump`` moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._next_s: float | None = None
        self._turns = 0
        self._most: int | None = None
        selector = _Still()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    @property
    def jumpable(self) -> bool:
        """Whether a timer is set, as of the last rest."""
        return self._next_s is not None

    def turned(self, wait_s: float | None) -> None:
        """One turn is about to be made."""
        self._turns += 1
        assert self._turns < MOST_TURNS, "the run turns without end"
        self._next_s = self.now_s + wait_s if wait_s else None
        # ``wait_s`` is 0 while something can go on at once, and None where nothing ever will.
        if wait_s != 0 or (self._most is not None and self._turns > self._most):
            self.stop()

    def pump(self, turns: int | None = None) -> None:
        """Go on until the run waits for something, or for so many turns."""
        self._turns, self._most = 0, turns
        self.run_forever()

    def jump(self) -> bool:
        """Move the clock to the next timer and go on; False when there is none."""
        self.pump()
        if self._next_s is None:
            return False
        self.now_s = self._next_s + 1e-9
        self.pump()
        return True


@dataclass(eq=False, slots=True)
class Call:
    """One call as the provider sees it.

    Attributes:
        number: from 1, over all processes of a run.
        prompt: what was sent.
        texts: the items it showed, canaries included.
        future: takes the reply.
        reply: what was given; None until then.
        gone: True when the process dropped it, or died, before a reply was kept.
    """

    number: int
    prompt: Prompt = field(repr=False)
    texts: tuple[str, ...]
    future: asyncio.Future[Completion] = field(repr=False)
    reply: Completion | ClientError | None = None
    gone: bool = False


class Desk:
    """A client whose calls stay open until somebody answers them."""

    name = "desk"
    context_tokens: int | None = None
    concurrency: int | None = None

    def __init__(self, seen: Callable[[Call], None] = lambda call: None) -> None:
        """Open it.

        Args:
            seen: is shown every call as it comes.
        """
        self.calls: list[Call] = []
        self.open: list[Call] = []
        self._seen = seen
        self._closed = False

    @contextmanager
    def closed(self) -> Iterator[None]:
        """While a process dies: what it still does in its last turns reaches nobody."""
        self._closed = True
        try:
            yield
        finally:
            self._closed = False

    def counter(self) -> TokenCounter | None:
        """Bytes."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Wait for an answer."""
        if self._closed:
            raise asyncio.CancelledError
        texts = tuple(each.text for each in items_of(prompt))
        future = asyncio.get_running_loop().create_future()
        call = Call(len(self.calls) + 1, prompt, texts, future)
        self.calls.append(call)
        self.open.append(call)
        self._seen(call)
        try:
            reply: Completion = await future
            return reply
        finally:
            if call in self.open:  # dropped: nobody has answered
                self.open.remove(call)
                call.gone = True

    def answer(self, call: Call, reply: Completion | ClientError) -> None:
        """Let a reply, or an error, come back."""
        self.open.remove(call)
        call.reply = reply
        if isinstance(reply, ClientError):
            call.future.set_exception(reply)
        else:
            call.future.set_result(reply)


class Process:
    """One process's life with a run: begun, gone on with by hand, ended or killed."""

    def __init__(self, job: Callable[[], Coroutine[Any, Any, RunResult[Any]]]) -> None:
        """Begin.

        Args:
            job: the run, through an asynchronous door.
        """
        self.loop = HandLoop()
        self.halt = Halt()
        with patch("packer.run.api.Halt", lambda: self.halt):
            self._task = self.loop.create_task(job())
            self.loop.pump()

    @property
    def over(self) -> bool:
        """Whether the run came to its own end."""
        return self._task.done()

    def result(self) -> RunResult[Any]:
        """What came of it; closes the loop."""
        self.loop.pump()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        return self._task.result()

    def killed(self, path: Path, left: Path) -> None:
        """Die: nothing but the bytes that reached the file goes on, under another name.

        Args:
            path: the run's file.
            left: where its bytes are put before what is in memory is let go.
        """
        for end in ("", "-wal"):
            source = path.with_name(path.name + end)
            if source.exists():
                shutil.copyfile(source, left.with_name(left.name + end))
        self._task.cancel()
        for _ in range(50):
            if self._task.done():
                break
            self.loop.jump()
        assert self._task.done()
        if not self._task.cancelled():
            self._task.exception()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def journal(path: Path, kind: str) -> list[dict[str, object]]:
    """The records of one kind that a file holds."""
    with sqlite3.connect(path) as db:
        rows: Sequence[tuple[str]] = db.execute(
            "SELECT body FROM journal WHERE kind = ? ORDER BY seq", (kind,)
        ).fetchall()
    db.close()
    return [loads(body) for (body,) in rows]


def rows(path: Path) -> dict[int, dict[str, object]]:
    """The results that a file holds, by position."""
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT position, body FROM results").fetchall()
    db.close()
    assert len({at for at, _ in found}) == len(found)
    return {at: loads(body) for at, body in found}

"""An event loop whose clock jumps to the next timer instead of waiting, and a client that keeps books on it.

Work in threads (planning, the ledger, the shared ceiling's file) is waited for in real time while the clock
stands still, so that equal runs see equal times.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from packer.testing import ScriptedClient, items_of
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError
from schemas.protocols import TokenCounter
from schemas.quota import Quota
from schemas.usage import Usage

T = TypeVar("T")

TICK_S = 1e-7
"""Every look at the selector takes so long: code that asks for a wait of 1e-15 s must get past it."""

WAKE_S = 0.001
PATIENCE_S = 10.0
"""Real seconds to wait for a thread that nobody knows of, such as the one that closes the pool."""

FOREVER_S = 1e7
"""Nothing in a test lasts so long: a run that gets here waits for something that never comes."""


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # an alias, different by system
    """A selector that moves the clock where a real one would wait."""

    loop: FakeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (timeout is not None and timeout <= 0) or self.loop.threads_busy:
            pause = 0.0 if timeout is not None and timeout <= 0 else WAKE_S
            found = super().select(pause)
            self.loop.now_s += 0.0 if pause else TICK_S
            return found
        found = super().select(0)
        if found:
            return found
        if timeout is None:
            found = super().select(PATIENCE_S)
            if not found:
                raise RuntimeError("nothing is under way and no timer is set: this run would wait for ever")
            return found
        self.loop.now_s += timeout + TICK_S
        if self.loop.now_s > FOREVER_S:
            raise RuntimeError("the run waits for ever")
        return found


class FakeLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own that starts at 0."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._jobs = 0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    @property
    def threads_busy(self) -> bool:
        """Whether a thread may still call back: in the pool, or one that the shared ceiling made."""
        return self._jobs > 0 or any(each.name == "packsplit-call" for each in threading.enumerate())

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: object) -> None:
        self._jobs -= 1


def run_fake(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on a fresh fake loop."""
    with asyncio.Runner(loop_factory=FakeLoop) as runner:
        return runner.run(job())


@dataclass(slots=True)
class Sent:
    """One call as the provider saw it.

    Attributes:
        at_s: when it came.
        texts: the items it showed.
        over_s: when it was answered or dropped; None while under way.
        input_tokens: what its prompt really took.
        output_tokens: what its reply really took.
        prompt: itself.
    """

    at_s: float
    texts: tuple[str, ...]
    prompt: Prompt = field(repr=False)
    over_s: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0

    def amount(self, kind: str) -> int:
        """What it adds to a ceiling."""
        return {
            "requests": 1,
            "tokens": self.input_tokens + self.output_tokens,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }[kind]


Trouble = Callable[[int, Sent], "ClientError | Completion | float | None"]
"""Sees a call and its number, from 0: an error, a reply, how many seconds it takes, or None: no trouble."""


class Provider:
    """A client that takes time, keeps books of what it is sent, and gets into trouble as scripted."""

    name = "provider"
    context_tokens: int | None = None
    concurrency: int | None = None

    def __init__(
        self,
        answers: Callable[[str], object],
        *,
        latency_s: Callable[[int], float] = lambda number: 1.0,
        share: float = 1.0,
        trouble: Trouble = lambda number, sent: None,
        quotas: Callable[[int], tuple[Quota, ...]] = lambda number: (),
        metered: bool = True,
    ) -> None:
        """Script it.

        Args:
            answers: each text's answer.
            latency_s: how long the call of this number takes.
            share: what part of the letters of prompt and reply are tokens.
            trouble: what goes wrong.
            quotas: what its replies say of its own ceilings.
            metered: whether replies report their usage.
        """
        self.sent: list[Sent] = []
        self.most_at_once = 0
        self._out = 0
        self._script = ScriptedClient(answers)
        self._latency_s, self._share, self._trouble = latency_s, share, trouble
        self._quotas, self._metered = quotas, metered

    def counter(self) -> TokenCounter | None:
        """Bytes, as the scripted client has it."""
        return self._script.counter()

    async def complete(self, prompt: Prompt) -> Completion:
        """Take the call's time, then answer."""
        clock = asyncio.get_running_loop().time
        number = len(self.sent)
        seen = Sent(clock(), tuple(each.text for each in items_of(prompt)), prompt)
        self.sent.append(seen)
        self._out += 1
        self.most_at_once = max(self.most_at_once, self._out)
        try:
            struck = self._trouble(number, seen)
            latency_s = struck if isinstance(struck, float) else self._latency_s(number)
            await asyncio.sleep(latency_s)
            if isinstance(struck, ClientError):
                raise struck
            if isinstance(struck, Completion):
                return struck
            reply = await self._script.complete(prompt)
            letters = sum(len(message.content) for message in prompt.messages)
            seen.input_tokens = max(1, int(letters * self._share))
            seen.output_tokens = max(1, int(len(reply.text) * self._share))
            used = Usage(seen.input_tokens, 0, seen.output_tokens) if self._metered else Usage()
            return Completion(reply.text, usage=used, model=self.name, quotas=self._quotas(number))
        finally:
            self._out -= 1
            seen.over_s = clock()


def fullest(entries: Iterable[tuple[float, int]], width_s: float = 60.0) -> int:
    """Most that any interval of this width holds, its end excluded: some such interval starts at an entry."""
    ordered = sorted(entries)
    most = total = first = 0
    for at_s, amount in ordered:
        total += amount
        while ordered[first][0] <= at_s - width_s:
            total -= ordered[first][1]
            first += 1
        most = max(most, total)
    return most


def used_share(entries: Sequence[tuple[float, int]], limit: int) -> float:
    """How much of a ceiling a minute is used, from minute 1 to the last full one before the last call."""
    minutes = int(max(at_s for at_s, _ in entries) // 60) - 1
    assert minutes >= 3, f"too short to be steady: {minutes} full minutes"
    inside = sum(amount for at_s, amount in entries if 60.0 <= at_s < 60.0 * (1 + minutes))
    return inside / (limit * minutes)

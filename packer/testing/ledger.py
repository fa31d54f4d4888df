"""What a fault server really did: the truth that tests compare with.

Does not know: how it was done.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from packer.testing.faults import FaultKind


@dataclass(frozen=True, slots=True)
class Served:
    """One call, as it was answered.

    Attributes:
        call: its number, from 1, in the order of answering.
        texts: the items it asked about, in the prompt's order.
        kinds: the faults done to it, one for each time.
        affected: the texts whose entry in the reply is missing or not what it should be.
        prompt_tokens: as reported to the caller; 0 for a call that failed on the wire.
        completion_tokens: as reported to the caller.
        cached_tokens: the part of the prompt that was reported as cached.
        status: HTTP status; 0 when the connection ended without one.
    """

    call: int
    texts: tuple[str, ...]
    kinds: tuple[FaultKind, ...] = ()
    affected: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    status: int = 200


class ServerLedger:
    """All calls so far; safe to read and write from any thread."""

    def __init__(self) -> None:
        self._served: list[Served] = []
        self._lock = threading.Lock()

    def enter(
        self,
        texts: Sequence[str],
        kinds: Sequence[FaultKind] = (),
        affected: Sequence[str] = (),
        *,
        tokens: tuple[int, int, int] = (0, 0, 0),
        status: int = 200,
    ) -> Served:
        """Write down one call; tokens are prompt, completion and cached."""
        with self._lock:
            number = len(self._served) + 1
            entry = Served(number, tuple(texts), tuple(kinds), tuple(affected), *tokens, status)
            self._served.append(entry)
        return entry

    @property
    def served(self) -> list[Served]:
        """All calls, oldest first."""
        with self._lock:
            return list(self._served)

    @property
    def calls(self) -> int:
        """How many calls there were, failed ones included."""
        return len(self.served)

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens of all calls."""
        return sum(each.prompt_tokens for each in self.served)

    @property
    def completion_tokens(self) -> int:
        """Reply tokens of all calls."""
        return sum(each.completion_tokens for each in self.served)

    @property
    def cached_tokens(self) -> int:
        """Cached prompt tokens of all calls."""
        return sum(each.cached_tokens for each in self.served)

    @property
    def faults(self) -> Counter[FaultKind]:
        """How often each fault was done."""
        return Counter(kind for each in self.served for kind in each.kinds)

    @property
    def affected(self) -> frozenset[str]:
        """Every text that some reply got wrong or lost."""
        return frozenset(text for each in self.served for text in each.affected)

"""Counts tokens for Claude: exactly, by asking the provider, or with a margin learned from its bills.

Anthropic publishes no tokenizer. Until something is learned, texts count as their UTF-8 bytes, which no
byte-level tokenizer exceeds. Every reply's usage then teaches how far the offline counter is off. Does
not know: prompts, packs, or prices.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache

from packer.tokens import Utf8Bound, counter_for
from schemas.protocols import TokenCounter

LEAST_CALLS = 3
LEAST_TOKENS = 200
"""Shorter prompts are mostly the provider's own wrapping and teach nothing of texts."""

HEADROOM = 1.15
DENSER_THAN = 0.8
"""Texts less dense than this share of the learned prompts count as their bytes."""
AT_ONCE = 8
MOST_KNOWN = 100_000
ONE_TOKEN = "a"  # noqa: S105  # no password: a text that is one token for every tokenizer


class LearnedCounter:
    """An offline counter times the worst ratio seen in this process's bills, never above the bytes.

    The ratio is trusted only for texts about as dense (bytes for each offline token) as the prompts it
    was learned from; a text in another script counts as its bytes. Where the offline counter takes a long
    run (blanks, rules) for one token, which the model need not do, the worst ratio to bytes goes before.
    """

    def __init__(self, base: TokenCounter) -> None:
        self._base = base
        self._bound = Utf8Bound()
        self._lock = threading.Lock()
        self._calls = 0
        self._worst = 0.0
        self._worst_a_byte = 0.0
        self._least_dense = math.inf
        self._shared = "", 0

    @property
    def name(self) -> str:
        """Says what the counts rest on."""
        if not self._ready:
            return f"{self._bound.name} (nothing learned yet)"
        return f"{self._base.name} x {self._worst * HEADROOM:.2f} (learned from {self._calls} calls)"

    @property
    def _ready(self) -> bool:
        return self._calls >= LEAST_CALLS

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count each text."""
        bytes_ = self._bound.count_batch(texts)
        if not self._ready:
            return bytes_
        worst, worst_a_byte = self._worst, self._worst_a_byte
        return [
            most
            if counted == 0 or most / counted < self._least_dense
            else min(most, math.ceil(max(counted * worst, most * worst_a_byte) * HEADROOM))
            for most, counted in zip(bytes_, self._base.count_batch(texts), strict=True)
        ]

    def learn(self, texts: Sequence[str], metered_tokens: int | None) -> None:
        """Compare a prompt's texts with what the provider made of them."""
        if metered_tokens is None or not texts:
            return
        total = self._shared_tokens(texts[0]) + sum(self._base.count_batch(list(texts[1:])))
        if total < LEAST_TOKENS:
            return
        size = sum(self._bound.count_batch(list(texts)))
        with self._lock:
            self._calls += 1
            self._worst = max(self._worst, metered_tokens / total)
            self._worst_a_byte = max(self._worst_a_byte, metered_tokens / size)
            self._least_dense = min(self._least_dense, DENSER_THAN * size / total)

    def _shared_tokens(self, text: str) -> int:
        """Of a prompt's first text, which the calls of a run have in common: it is counted once."""
        known, tokens = self._shared
        if text != known:
            (tokens,) = self._base.count_batch([text])
            self._shared = text, tokens
        return tokens


class ServerCounter:
    """Exact counts from the provider's own endpoint: one request for each text not counted before."""

    def __init__(self, name: str, opened: Callable[[], AbstractContextManager[Callable[[str], int]]]) -> None:
        """Count by asking.

        Args:
            name: shown on results.
            opened: opens, for one batch, what asks the provider for the tokens of a prompt that holds one
                text.
        """
        self.name = name
        self._opened = opened
        self._known: dict[str, int] = {}

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count each text.

        Raises:
            ClientError: the provider did not answer.
        """
        if len(self._known) > MOST_KNOWN:
            self._known = {}
        known = self._known
        # JSON cannot carry half a surrogate pair; prompts are sent without them, too.
        texts = [text.encode("utf-8", "replace").decode() for text in texts]
        new = [text for text in dict.fromkeys([ONE_TOKEN, *texts]) if text.strip() and text not in known]
        if new:
            with self._opened() as count:
                if ONE_TOKEN in new:  # alone and first: what is wrong with all calls shows in one
                    known[new.pop(0)] = count(ONE_TOKEN)
                with ThreadPoolExecutor(AT_ONCE) as threads:
                    known.update(zip(new, threads.map(count, new), strict=True))
        wrapping = known[ONE_TOKEN] - 1
        return [max(0, known[text] - wrapping) if text.strip() else 0 for text in texts]


@lru_cache(maxsize=64)
def learned_counter(model: str) -> LearnedCounter:
    """One for each model and process, so that later runs know what earlier ones learned."""
    del model  # names the counter; every model's tokenizer is its own
    return LearnedCounter(counter_for())

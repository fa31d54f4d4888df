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


class LearnedCounter:
    """An offline counter times the worst ratio seen in this process's bills, never above the bytes.

    The ratio is trusted only for texts about as dense (bytes for each offline token) as the prompts it
    was learned from; a text in another script counts as its bytes.
    """

    def __init__(self, base: TokenCounter) -> None:
        self._base = base
        self._bound = Utf8Bound()
        self._lock = threading.Lock()
        self._calls = 0
        self._worst = 0.0
        self._least_dense = math.inf

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
        margin = self._worst * HEADROOM
        return [
            most
            if counted == 0 or most / counted < self._least_dense
            else min(most, math.ceil(counted * margin))
            for most, counted in zip(bytes_, self._base.count_batch(texts), strict=True)
        ]

    def learn(self, texts: Sequence[str], metered_tokens: int | None) -> None:
        """Compare a prompt's texts with what the provider made of them."""
        if metered_tokens is None:
            return
        counted = self._base.count_batch(list(texts))
        total = sum(counted)
        if total < LEAST_TOKENS:
            return
        dense = DENSER_THAN * sum(self._bound.count_batch(list(texts))) / total
        with self._lock:
            self._calls += 1
            self._worst = max(self._worst, metered_tokens / total)
            self._least_dense = min(self._least_dense, dense)


class ServerCounter:
    """Exact counts from the provider's own endpoint: one request for each text not counted before."""

    def __init__(self, name: str, count: Callable[[str], int]) -> None:
        """Count by asking.

        Args:
            name: shown on results.
            count: asks the provider for the tokens of a prompt that holds one text.
        """
        self.name = name
        self._count = lru_cache(maxsize=100_000)(count)

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count each text.

        Raises:
            ClientError: the provider did not answer.
        """
        wrapping = self._count("a") - 1
        with ThreadPoolExecutor(AT_ONCE) as threads:
            counted = list(threads.map(lambda text: self._count(text) if text.strip() else wrapping, texts))
        return [max(0, tokens - wrapping) for tokens in counted]


@lru_cache(maxsize=64)
def learned_counter(model: str) -> LearnedCounter:
    """One for each model and process, so that later runs know what earlier ones learned."""
    del model  # names the counter; every model's tokenizer is its own
    return LearnedCounter(counter_for())

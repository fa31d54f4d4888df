"""A provider's prompt cache, simulated: which part of a prompt an earlier request began with, too.

A prefix ends where a message, or a part of one, ends; model, schema and tools belong to it. Every prefix
of every request is kept for ever: breakpoints, minimum lengths and lifetimes are not simulated.
Does not know: wires, prices, or tokenizers; it shares out tokens by characters.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace

from packer.testing.reader import Request
from schemas.usage import Usage


class PrefixCache:
    """All prefixes so far; safe to use from any thread."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._lock = threading.Lock()

    def used(self, request: Request, usage: Usage) -> Usage:
        """A request's usage with the tokens read from the cache, and the rest as written to it.

        The request's own prefixes are known from then on. Unknown input tokens stay unknown.
        """
        hit, size = self._entered(request)
        if usage.input_tokens is None:
            return usage
        cached = usage.input_tokens * hit // size if size else 0
        return replace(usage, cached_tokens=cached, cache_write_tokens=usage.input_tokens - cached)

    def _entered(self, request: Request) -> tuple[int, int]:
        """Characters of the longest known prefix, and of all."""
        # Not sorted: to a real cache, keys in another order are another prefix.
        head = [request.body.get("model"), request.schema, request.body.get("tools")]
        digest = hashlib.sha256(json.dumps(head, default=repr).encode())
        prefixes: list[tuple[bytes, int]] = []
        size = 0
        for role, text in request.parts:
            digest.update(json.dumps([role, text]).encode())
            size += len(text)
            prefixes.append((digest.digest(), size))
        with self._lock:
            hit = max((end for prefix, end in prefixes if prefix in self._known), default=0)
            self._known.update(prefix for prefix, _ in prefixes)
        return hit, size

"""What shows that a run's file holds what was written: a seal over its head, a chain over its journal.

Against damage, not intent: who may write the file may write these. Does not know: where they are kept, or
what the texts mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_BYTES = 16


def sealed(rows: Iterable[tuple[object, str]]) -> bytes:
    """One seal over all rows of the head, in their order."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for key, body in rows:
        digest.update(f"{key}\0{body}\0".encode("utf-8", "surrogatepass"))
    return digest.digest()


def linked(chain: bytes, kind: str, body: str) -> bytes:
    """The link of a record to the one before it, whose own is given; the first one's is the head's seal."""
    held = chain + f"{kind}\0{body}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(held, digest_size=_BYTES).digest()


def sum_of(position: int, body: str) -> bytes:
    """The checksum of one result at its place."""
    held = f"{position}\0{body}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(held, digest_size=_BYTES).digest()

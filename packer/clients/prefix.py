"""What calls of a run share, as a short key for a provider's prompt cache.

Does not know: providers, or whether anything is cached.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from schemas.chat import Message, Prompt

KEY_CHARACTERS = 16


def cache_key(prompt: Prompt) -> str:
    """The same for all calls with the same shared part, in this run and in later ones."""
    return _key(prompt.messages[: prompt.shared_messages])


@lru_cache(maxsize=64)
def _key(shared: tuple[Message, ...]) -> str:
    digest = hashlib.sha256()
    for message in shared:
        digest.update(f"{message.role}\0{message.content}\0".encode("utf-8", "surrogatepass"))
    return f"packsplit-{digest.hexdigest()[:KEY_CHARACTERS]}"

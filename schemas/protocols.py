"""Seams: what a caller may bring instead of what we ship.

Does not know: any implementation.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from schemas.chat import Completion, Prompt


@runtime_checkable
class Client(Protocol):
    """Anything that can answer a prompt. One method is all it takes."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            ClientError: nothing usable came back. Any other exception is taken as one.
        """
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens as some model would.

    Attributes:
        name: shown on results, so that a reader knows what the counts are worth.
    """

    @property
    def name(self) -> str:
        """What counted, such as ``tiktoken/o200k_base``."""
        ...

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count each text on its own; never raises on any string."""
        ...


@runtime_checkable
class KnowsItsLimits(Protocol):
    """A client that can say what its model holds and how it counts. All optional."""

    @property
    def name(self) -> str:
        """The model, as shown on results."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Prompt and reply together; None when unknown."""
        ...

    @property
    def concurrency(self) -> int | None:
        """Most calls that make sense at once; None when unknown."""
        ...

    def counter(self) -> TokenCounter | None:
        """The model's own token counter; None when there is none to be had."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A client that holds something which must be ended with the run."""

    async def aclose(self) -> None:
        """End connections and processes; calling it twice is fine."""
        ...

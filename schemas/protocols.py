"""Seams: what a caller may bring instead of what we ship.

Does not know: any implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from schemas.batch import JobLimits, JobLine, JobLook, Sought
from schemas.chat import Completion, Prompt
from schemas.facts import ModelFacts
from schemas.settings import Envelope
from schemas.usage import Usage


@runtime_checkable
class Client(Protocol):
    """Anything that can answer a prompt. One method is all it takes.

    Example:
        >>> from packer import Completion, Prompt, Task, pack_and_run
        >>> class Always:
        ...     async def complete(self, prompt: Prompt) -> Completion:
        ...         return Completion('{"answer":"good"}')  # what one item's prompt asks for
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> pack_and_run(["Great."], task, client=Always(), strategy="single").values
        ['good']
    """

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
class KnowsItsFacts(Protocol):
    """A client that knows more of its model than its size."""

    async def facts(self) -> ModelFacts:
        """What is known of the model; may ask the provider once. Never raises."""
        ...


@runtime_checkable
class KnowsItsEnvelope(Protocol):
    """A client that knows, or can find out, to which reply shapes its model can be held."""

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """The best envelope at or below the wanted one, and the usage of each call it took to know."""
        ...


@runtime_checkable
class LeavesRetries(Protocol):
    """A client that makes one attempt a call and leaves further ones to the run."""

    @property
    def max_retries(self) -> int:
        """How often its caller wants a call that failed on the way sent again."""
        ...


@runtime_checkable
class CapsReplies(Protocol):
    """A client that sends another cap than the prompt's own."""

    def reply_cap(self, prompt: Prompt) -> int:
        """Most reply tokens that it will allow, reasoning included."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A client that holds something which must be ended with the run."""

    async def aclose(self) -> None:
        """End connections and processes; calling it twice is fine."""
        ...


@runtime_checkable
class BatchClient(Protocol):
    """Hands many prompts over as one job of the provider's. Every method makes one attempt.

    All but ``line`` raise ``ClientError`` when nothing usable came back.
    """

    @property
    def limits(self) -> JobLimits:
        """What one job may hold."""
        ...

    def line(self, custom_id: str, prompt: Prompt) -> bytes:
        """One prompt as a line of a job's file, with its newline.

        Args:
            custom_id: what its reply will be named by; letters, digits, ``-`` and ``_``, 64 at most.
            prompt: what to ask; its ``timeout_s`` has no meaning here.
        """
        ...

    async def upload(self, name: str, lines: Path) -> str:
        """Bring a job's file to the provider, which costs nothing and asks nothing.

        Args:
            name: the job's, unique; may be shown to people.
            lines: the file.

        Returns:
            The provider's name for it; empty where lines go with the job itself.
        """
        ...

    async def submit(self, name: str, lines: Path, upload: str) -> str:
        """Start a job; gives its id. An attempt that fails on the way may have started it: see ``find``."""
        ...

    async def find(
        self, name: str, upload: str, lines: int, since: datetime, known: Collection[str]
    ) -> Sought:
        """Look for a job that ``submit`` may have started.

        Args:
            name: as it was given to ``submit``; all custom ids of the job begin with it and ``-``.
            upload: as it was given to ``submit``.
            lines: how many it has.
            since: the moment before the attempt, by this machine's clock.
            known: ids of jobs that are somebody else's.
        """
        ...

    async def look(self, job: str) -> JobLook:
        """See how a job stands."""
        ...

    def results(self, job: str) -> AsyncIterator[JobLine]:
        """Read what an ended job brought, in the provider's order: all output and error lines."""
        ...

    async def cancel(self, job: str) -> None:
        """Ask for a job's end; what is done by then can be read. Of an ended one, nothing happens."""
        ...


@runtime_checkable
class HasBatches(Protocol):
    """A client whose provider takes batch jobs."""

    def batches(self) -> BatchClient:
        """The way to them.

        Raises:
            UsageError: this provider, or this way of reaching it, has none.
        """
        ...

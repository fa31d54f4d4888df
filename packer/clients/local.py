"""``model="local"``: a real language model on this machine, in a server process of its own.

Started on first use, ended with the run. Does not know: where weights come from or how the server
works inside; it joins the two to the OpenAI protocol.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from packer.clients.weights import Weights, fetch, locate
from schemas.chat import Completion, Prompt
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.protocols import TokenCounter

if TYPE_CHECKING:
    from packer.clients.local_server import LocalServer
    from packer.clients.openai import OpenAIChat

CONTEXT_TOKENS = 8_192
FACTS = ModelFacts(
    context_tokens=CONTEXT_TOKENS, structured=True, reasons=False, source="the embedded server"
)


class LocalModel:
    """The embedded model. Safe to use from several runs one after the other."""

    context_tokens: int | None = CONTEXT_TOKENS
    provider = "local"
    max_retries = 0

    def __init__(self, name: str = "local", *, slots: int = 1) -> None:
        """Choose the weights; nothing is loaded yet.

        Args:
            name: ``"local"``, ``"local/qwen-0.5b"`` or ``"local/smollm2"``.
            slots: calls that the server answers at once, each with a context and a prefix cache of its
                own. Calls that are answered together are computed a little differently, so answers may
                differ from those of one slot: docs/decisions.md.

        Raises:
            UsageError: no weights are known by that name, or slots is below 1.
        """
        if slots < 1:
            raise UsageError(f"LocalModel(slots={slots}) must be above zero.")
        self.weights: Weights = locate(name)
        self.name: str = name
        self.concurrency: int | None = slots
        self._lock = threading.Lock()
        self._server: LocalServer | None = None
        self._chat: OpenAIChat | None = None

    async def facts(self) -> ModelFacts:
        """The server constrains replies, and the model does not think before it answers."""
        return FACTS

    def counter(self) -> TokenCounter | None:
        """The model's own tokenizer; starts the server."""
        return _ServerCounter(f"{self.name} (its own tokenizer)", self._started())

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            ClientError: the server did not answer.
            WeightsUnavailable: the weights could not be had.
            ServerFailed: the server did not start.
        """
        import asyncio

        server = await asyncio.to_thread(self._started)
        if self._chat is None:
            self._chat = self._speaker(server)
        # The server reports its file's path, which is nobody's business in a result.
        return replace(await self._chat.complete(prompt), model=self.name)

    async def aclose(self) -> None:
        """End the server; the next use starts a new one."""
        import asyncio

        if self._chat is not None:
            await self._chat.aclose()
            self._chat = None
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End the server from code without an event loop."""
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None

    def _started(self) -> LocalServer:
        from packer.clients.local_server import LocalServer, require_engine
        from packer.clients.progress import ProgressBar

        with self._lock:
            if self._server is None:
                require_engine()
                path = fetch(self.weights, progress=ProgressBar())
                self._server = LocalServer.start(
                    path, context_tokens=CONTEXT_TOKENS, slots=self.concurrency or 1
                )
            return self._server

    def _speaker(self, server: LocalServer) -> OpenAIChat:
        import openai

        from packer.clients.openai import OpenAIChat

        # The synchronous client: it belongs to no event loop, so one model serves runs of any loop.
        sdk = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.api_key, max_retries=0, timeout=3600)
        return OpenAIChat(
            self.name,
            sdk=sdk,
            facts=FACTS,
            temperature=0.0,
            legacy_max_tokens=True,
        )


class _ServerCounter:
    """Counts with the running model's own tokenizer."""

    def __init__(self, name: str, server: LocalServer) -> None:
        self.name = name
        self._server = server

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count each text."""
        return self._server.count_batch(texts)

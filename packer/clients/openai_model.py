"""What OpenAI's two endpoints have in common for a client of ours: one attempt, cache, cap, envelope.

Does not know: how an endpoint words a request, or how its replies are read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from packer.clients.batch_openai import OpenAIBatches
from packer.clients.batch_wire import check_options
from packer.clients.openai_sdk import OpenAISdk
from packer.clients.prefix import cache_key
from packer.clients.wire import Filtered
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.protocols import BatchClient, TokenCounter
from schemas.quota import Quota
from schemas.settings import Envelope
from schemas.usage import Usage

BREAKPOINT = {"mode": "explicit"}
REASONING_TOKENS = 8_192
"""Room for a model's own reasoning on top of the reply: a cap, which costs nothing unless used."""


class OpenAIModel(ABC):
    """A model behind one of OpenAI's endpoints; see ``OpenAIChat`` and ``OpenAIResponses``."""

    _ENDPOINT: ClassVar[str]
    _URL: ClassVar[str]
    """The endpoint as a batch job names it."""

    _TALK: ClassVar[str]
    """The request's field that holds the conversation."""

    _TEXT: ClassVar[str]
    """The type of a part of a message's content."""

    def __init__(
        self,
        model: str,
        *,
        sdk: object | None = None,
        facts: ModelFacts | None = None,
        concurrency: int | None = None,
        reasoning_tokens: int | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """Wrap an SDK client.

        Args:
            model: the model's name as the server knows it; on Azure the deployment's.
            sdk: an ``OpenAI``, ``AsyncOpenAI`` or one of their Azure kinds; None makes an ``AsyncOpenAI``
                from the environment.
            facts: what the caller knows of the model; goes before the table.
            concurrency: most calls that make sense at once.
            reasoning_tokens: added to every reply's cap; None adds 8,192 unless the model is known not
                to reason.
            options: further fields of the request, such as ``{"reasoning": {"effort": "low"}}``.

        Raises:
            UsageError: no API key is set, or ``sdk`` is no OpenAI client.
        """
        self._sdk = OpenAISdk(model, sdk, facts)
        self.name: str = model
        self.provider: str = self._sdk.provider
        self.concurrency: int | None = concurrency
        self.max_retries: int = self._sdk.max_retries
        self._reasoning_tokens = reasoning_tokens
        self._options = dict(options or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sdk!r})"

    @property
    def context_tokens(self) -> int | None:
        """What the model holds; None when unknown."""
        return self._sdk.facts.context_tokens

    async def facts(self) -> ModelFacts:
        """What is known of the model."""
        return self._sdk.facts

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """The best envelope that the server can be held to; one small call for servers not known yet."""
        return await self._sdk.envelope(self.complete, wanted)

    def counter(self) -> TokenCounter | None:
        """None: the best counter for the model's name is chosen elsewhere."""
        return None

    def reply_cap(self, prompt: Prompt) -> int:
        """The prompt's own cap and room for reasoning, within the model's."""
        return self._sdk.facts.reply_cap(prompt.max_output_tokens, self._reasoning_tokens, REASONING_TOKENS)

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt, in one attempt.

        Raises:
            ClientError: nothing usable came back.
        """
        try:
            raw, quotas = await self._sdk.create(self._ENDPOINT, self._request(prompt))
        except Filtered as error:
            return Completion("", FinishReason.CONTENT_FILTER, quotas=error.quotas)
        try:
            return self._read(raw, quotas)
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise self._sdk.unreadable(error) from error

    def batches(self) -> BatchClient:
        """The way to the provider's batch jobs, for this model and endpoint.

        Raises:
            UsageError: it is Azure's, or an option of the requests cannot go with a job.
        """
        if self.provider == "azure":
            raise UsageError(
                "Azure's batch jobs need a deployment of their own (global batch), which is not supported: "
                "make calls one by one, or give a client of OpenAI's own."
            )
        check_options(self._options)
        sdk, attempts = self._sdk.attempts()
        return OpenAIBatches(sdk, attempts, self._URL, self._request, lambda raw: self._read(raw, ()))

    async def aclose(self) -> None:
        """Close the SDK's connections, if they were opened here."""
        await self._sdk.aclose()

    # The SDK builds its objects from whatever came, without a check; so do not trust their types.
    @abstractmethod
    def _read(self, raw: Any, quotas: tuple[Quota, ...]) -> Completion:
        """Read a reply in the endpoint's form."""

    @abstractmethod
    def _fields(self, prompt: Prompt) -> dict[str, Any]:
        """What is the endpoint's own in a request: the cap and the schema, in its words."""

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        talk: list[dict[str, Any]] = [{"role": m.role, "content": m.content} for m in prompt.messages]
        request = {"model": self.name, self._TALK: talk, **self._fields(prompt)}
        if prompt.timeout_s is not None:
            request["timeout"] = prompt.timeout_s
        cache, shared = self._sdk.facts.cache, prompt.shared_messages
        if cache in ("key", "breakpoint") and shared:
            request["prompt_cache_key"] = cache_key(prompt)
        if cache == "breakpoint" and shared and len(talk) == shared + 1:
            # The default breakpoint lies behind the items, which no other call shares: their tokens would
            # be written to the cache at a surcharge, and the shared part would never be found in it. A
            # conversation that carries turns is left to the default, which suits it.
            last = talk[shared - 1]
            part = {"type": self._TEXT, "text": last["content"], "prompt_cache_breakpoint": BREAKPOINT}
            last["content"] = [part]
            request["prompt_cache_options"] = {"mode": "explicit"}
        return {**request, **self._options}

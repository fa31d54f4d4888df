"""OpenAI's chat completions, and every server that speaks them (any ``base_url``).

Uses ``create`` and reads text, usage and finish reason; the SDK's ``parse`` would throw a whole pack
away for one bad item. One attempt a call: further ones are the run's. Does not know: packs, items, or
what a reply means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packer.clients.openai_sdk import SCHEMA_NAME, OpenAISdk
from packer.clients.prefix import cache_key
from packer.clients.wire import Filtered, count
from schemas.chat import Completion, FinishReason, Message, Prompt
from schemas.facts import ModelFacts
from schemas.protocols import TokenCounter
from schemas.quota import Quota
from schemas.settings import Envelope
from schemas.usage import Usage

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
BREAKPOINT = {"mode": "explicit"}


class OpenAIChat:
    """A chat model behind the OpenAI protocol."""

    def __init__(
        self,
        model: str,
        *,
        sdk: object | None = None,
        facts: ModelFacts | None = None,
        temperature: float | None = None,
        concurrency: int | None = None,
        reasoning_tokens: int | None = None,
        legacy_max_tokens: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """Wrap an SDK client.

        Args:
            model: the model's name as the server knows it; on Azure the deployment's.
            sdk: an ``OpenAI``, ``AsyncOpenAI`` or one of their Azure kinds; None makes an ``AsyncOpenAI``
                from the environment.
            facts: what the caller knows of the model; goes before the table.
            temperature: sent only when given: current models refuse it.
            concurrency: most calls that make sense at once.
            reasoning_tokens: added to every reply's cap; None adds 8,192 unless the model is known not
                to reason.
            legacy_max_tokens: cap replies by ``max_tokens``, which older servers want.
            options: further fields of the request, such as ``{"service_tier": "flex"}``.

        Raises:
            UsageError: no API key is set, or ``sdk`` is no OpenAI client.
        """
        self._sdk = OpenAISdk(model, sdk, facts)
        self.name = model
        self.provider = self._sdk.provider
        self.concurrency = concurrency
        self.max_retries = self._sdk.max_retries
        self._temperature = temperature
        self._reasoning_tokens = reasoning_tokens
        self._cap = "max_tokens" if legacy_max_tokens else "max_completion_tokens"
        self._options = dict(options or {})

    def __repr__(self) -> str:
        return f"OpenAIChat({self._sdk!r})"

    @property
    def context_tokens(self) -> int | None:
        """What the model holds; None when unknown."""
        return self._sdk.facts.context_tokens

    async def facts(self) -> ModelFacts:
        """What is known of the model."""
        return self._sdk.facts

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """The best envelope that the server can be held to; one small call for servers not known yet."""
        return await self._sdk.envelope(self, wanted)

    def counter(self) -> TokenCounter | None:
        """None: the best counter for the model's name is chosen elsewhere."""
        return None

    def reply_cap(self, prompt: Prompt) -> int:
        """The prompt's own cap and room for reasoning, within the model's."""
        return self._sdk.reply_cap(prompt, self._reasoning_tokens)

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt, in one attempt.

        Raises:
            ClientError: nothing usable came back.
        """
        try:
            raw, quotas = await self._sdk.create("chat", self._request(prompt))
        except Filtered as error:
            return Completion("", FinishReason.CONTENT_FILTER, quotas=error.quotas)
        try:
            return completion(raw, quotas)
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise self._sdk.unreadable(error) from error

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
            self._cap: self.reply_cap(prompt),
        }
        if prompt.reply_schema:
            told = {"name": SCHEMA_NAME, "strict": True, "schema": dict(prompt.reply_schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": told}
        if self._temperature is not None:
            request["temperature"] = self._temperature
        if prompt.timeout_s is not None:
            request["timeout"] = prompt.timeout_s
        self._steer_cache(prompt, request)
        return {**request, **self._options}

    def _steer_cache(self, prompt: Prompt, request: dict[str, Any]) -> None:
        cache, shared = self._sdk.facts.cache, prompt.shared_messages
        if cache not in ("key", "breakpoint") or not shared:
            return
        request["prompt_cache_key"] = cache_key(prompt)
        if cache == "breakpoint" and len(prompt.messages) == shared + 1:
            # The default breakpoint lies behind the items, which no other call shares: their tokens would
            # be written to the cache at a surcharge, and the shared part would never be found in it. A
            # conversation that carries turns is left to the default, which suits it.
            last: Message = prompt.messages[shared - 1]
            part = {"type": "text", "text": last.content, "prompt_cache_breakpoint": BREAKPOINT}
            request["messages"][shared - 1] = {"role": last.role, "content": [part]}
            request["prompt_cache_options"] = {"mode": "explicit"}

    async def aclose(self) -> None:
        """Close the SDK's connections, if they were opened here."""
        await self._sdk.aclose()


# The SDK builds its objects from whatever came, without a check; so do not trust their types.
def completion(raw: Any, quotas: tuple[Quota, ...] = ()) -> Completion:
    """Read what the SDK got, whatever is missing from it.

    Raises:
        AttributeError: it is no chat completion at all (TypeError, KeyError and IndexError likewise).
    """
    model = raw.model or "" if isinstance(raw.model, str | None) else ""
    if raw.choices == []:
        return Completion("", FinishReason.CONTENT_FILTER, _usage(raw), model, quotas)
    choice = raw.choices[0]
    finish = _FINISH.get(choice.finish_reason, FinishReason.OTHER)
    if choice.message.refusal:
        finish = FinishReason.REFUSAL
    text = choice.message.content
    return Completion(text if isinstance(text, str) else "", finish, _usage(raw), model, quotas)


def _usage(raw: Any) -> Usage:
    used = getattr(raw, "usage", None)
    prompt = getattr(used, "prompt_tokens_details", None)
    reply = getattr(used, "completion_tokens_details", None)
    return Usage(
        count(getattr(used, "prompt_tokens", None)),
        count(getattr(prompt, "cached_tokens", None)),
        count(getattr(used, "completion_tokens", None)),
        count(getattr(prompt, "cache_write_tokens", None)),
        count(getattr(reply, "reasoning_tokens", None)),
    )

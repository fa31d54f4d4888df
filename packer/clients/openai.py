"""OpenAI's chat completions, and every server that speaks them (any ``base_url``).

Uses ``create`` and reads text, usage and finish reason; the SDK's ``parse`` would throw a whole pack
away for one bad item. Retries are the SDK's. Does not know: packs, items, or what a reply means.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import (
    AccessDenied,
    CallRefused,
    CallTimeout,
    ClientError,
    PromptTooLong,
    RateLimited,
    Unreachable,
    UsageError,
)
from schemas.protocols import TokenCounter
from schemas.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from openai.types.chat import ChatCompletion

SCHEMA_NAME = "answers"
REASONING_TOKENS = 8_192
"""Room for a model's own reasoning on top of the reply: a cap, which costs nothing unless used."""

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error")


class OpenAIChat:
    """A chat model behind the OpenAI protocol."""

    def __init__(
        self,
        model: str,
        *,
        sdk: object | None = None,
        temperature: float | None = None,
        context_tokens: int | None = None,
        concurrency: int | None = None,
        reasoning_tokens: int = REASONING_TOKENS,
        legacy_max_tokens: bool = False,
    ) -> None:
        """Wrap an SDK client.

        Args:
            model: the model's name as the server knows it.
            sdk: an ``OpenAI`` or ``AsyncOpenAI``; None makes an ``AsyncOpenAI`` from the environment.
            temperature: sent only when given: current models refuse it.
            context_tokens: what the model holds; None when unknown.
            concurrency: most calls that make sense at once.
            reasoning_tokens: added to every reply's cap.
            legacy_max_tokens: cap replies by ``max_tokens``, which older servers want.

        Raises:
            UsageError: no API key is set, or ``sdk`` is no OpenAI client.
        """
        import openai

        if sdk is None:
            try:
                sdk = openai.AsyncOpenAI()
            except openai.OpenAIError as error:
                raise UsageError(f"The OpenAI client cannot be made: {error}") from None
        if not isinstance(sdk, openai.OpenAI | openai.AsyncOpenAI):
            raise UsageError(f"sdk is a {type(sdk).__name__}, not an OpenAI or AsyncOpenAI client.")
        self._sdk: OpenAI | AsyncOpenAI = sdk
        self.name = model
        self.context_tokens = context_tokens
        self.concurrency = concurrency
        self._temperature = temperature
        self._reasoning_tokens = reasoning_tokens
        self._cap = "max_tokens" if legacy_max_tokens else "max_completion_tokens"

    def counter(self) -> TokenCounter | None:
        """None: the best counter for the model's name is chosen elsewhere."""
        return None

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            ClientError: nothing usable came back, after the SDK's own retries.
        """
        import openai

        try:
            if isinstance(self._sdk, openai.OpenAI):
                create = functools.partial(self._sdk.chat.completions.create, **self._request(prompt))
                raw = await asyncio.to_thread(create)
            else:
                raw = await self._sdk.chat.completions.create(**self._request(prompt))
        except openai.OpenAIError as error:
            raise translated(error) from error
        return completion(raw)

    # The SDK's own parameter types are one large TypedDict per field; a plain dict is what reaches the wire.
    def _request(self, prompt: Prompt) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": SCHEMA_NAME, "strict": True, "schema": dict(prompt.reply_schema)},
            },
            self._cap: prompt.max_output_tokens + self._reasoning_tokens,
        }
        if self._temperature is not None:
            request["temperature"] = self._temperature
        return request

    async def aclose(self) -> None:
        """Close the SDK's connections."""
        import openai

        if isinstance(self._sdk, openai.OpenAI):
            self._sdk.close()
        else:
            await self._sdk.close()


def completion(raw: ChatCompletion) -> Completion:
    """Read what the SDK got, whatever is missing from it."""
    choice = raw.choices[0] if raw.choices else None
    if choice is None:
        return Completion("", FinishReason.CONTENT_FILTER, _usage(raw), raw.model or "")
    finish = _FINISH.get(choice.finish_reason, FinishReason.OTHER)
    if choice.message.refusal:
        finish = FinishReason.REFUSAL
    return Completion(choice.message.content or "", finish, _usage(raw), raw.model or "")


def _usage(raw: ChatCompletion) -> Usage:
    used = raw.usage
    if used is None:
        return Usage()
    details = used.prompt_tokens_details
    return Usage(used.prompt_tokens, details.cached_tokens if details else None, used.completion_tokens)


def translated(error: Exception) -> ClientError:
    """The SDK's error in this project's words."""
    import openai

    said = str(getattr(error, "message", "") or error)[:500]
    kind: type[ClientError] = ClientError
    if isinstance(error, openai.APITimeoutError):
        kind = CallTimeout
    elif isinstance(error, openai.APIConnectionError):
        kind = Unreachable
    elif isinstance(error, openai.APIStatusError):
        kind = _by_status(error.status_code, str(error.code or "") + said)
    return kind(said, provider="openai", original=error)


def _by_status(status: int, said: str) -> type[ClientError]:
    if status in (401, 403, 404):
        return AccessDenied
    if status in (400, 413) and any(mark in said for mark in _TOO_LONG):
        return PromptTooLong
    if status == 429:
        return RateLimited
    return Unreachable if status >= 500 or status == 408 else CallRefused

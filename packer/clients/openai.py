"""OpenAI's chat completions, and every server that speaks them (any ``base_url``).

Uses ``create`` and reads text, usage and finish reason; the SDK's ``parse`` would throw a whole pack
away for one bad item. One attempt a call: further ones are the run's. Does not know: packs, items, or
what a reply means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packer.clients.openai_model import OpenAIModel
from packer.clients.openai_sdk import SCHEMA_NAME
from packer.clients.wire import count
from schemas.chat import Completion, FinishReason, Prompt
from schemas.facts import ModelFacts
from schemas.quota import Quota
from schemas.usage import Usage

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


class OpenAIChat(OpenAIModel):
    """A chat model behind the OpenAI protocol."""

    _ENDPOINT, _URL = "chat", "/v1/chat/completions"
    _TALK, _TEXT = "messages", "text"

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
        super().__init__(
            model,
            sdk=sdk,
            facts=facts,
            concurrency=concurrency,
            reasoning_tokens=reasoning_tokens,
            options=options,
        )
        self._temperature = temperature
        self._cap = "max_tokens" if legacy_max_tokens else "max_completion_tokens"

    def _read(self, raw: Any, quotas: tuple[Quota, ...]) -> Completion:
        return completion(raw, quotas)

    def _fields(self, prompt: Prompt) -> dict[str, Any]:
        fields: dict[str, Any] = {self._cap: self.reply_cap(prompt)}
        if prompt.reply_schema:
            told = {"name": SCHEMA_NAME, "strict": True, "schema": dict(prompt.reply_schema)}
            fields["response_format"] = {"type": "json_schema", "json_schema": told}
        if self._temperature is not None:
            fields["temperature"] = self._temperature
        return fields


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

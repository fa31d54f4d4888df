"""OpenAI's Responses API.

Sends the whole conversation each time and asks the provider to keep nothing (``store`` is false). One
attempt a call: further ones are the run's. Does not know: packs, items, or what a reply means.
"""

from __future__ import annotations

from typing import Any

from packer.clients.openai_model import OpenAIModel
from packer.clients.openai_sdk import SCHEMA_NAME
from packer.clients.wire import count
from schemas.chat import Completion, FinishReason, Prompt
from schemas.quota import Quota
from schemas.usage import Usage

_INCOMPLETE = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_FAILED = ("failed", "cancelled", "queued", "in_progress")


class OpenAIResponses(OpenAIModel):
    """A model behind ``/v1/responses``."""

    _ENDPOINT, _URL = "responses", "/v1/responses"
    _TALK, _TEXT = "input", "input_text"

    def _read(self, raw: Any, quotas: tuple[Quota, ...]) -> Completion:
        if raw.status in _FAILED:
            raise self._sdk.broken_off(raw.status, getattr(raw.error, "message", None))
        return completion(raw, quotas)

    def _fields(self, prompt: Prompt) -> dict[str, Any]:
        fields: dict[str, Any] = {"max_output_tokens": self.reply_cap(prompt), "store": False}
        if prompt.reply_schema:
            told = {"name": SCHEMA_NAME, "strict": True, "schema": dict(prompt.reply_schema)}
            fields["text"] = {"format": {"type": "json_schema", **told}}
        return fields


# The SDK builds its objects from whatever came, without a check; so do not trust their types.
def completion(raw: Any, quotas: tuple[Quota, ...] = ()) -> Completion:
    """Read what the SDK got, whatever is missing from it.

    Raises:
        AttributeError: it is no response at all (TypeError, KeyError and IndexError likewise).
    """
    texts: list[str] = []
    refused = False
    if not isinstance(raw.output, list):
        raise TypeError(f"output is a {type(raw.output).__name__}")
    for item in raw.output:
        for part in getattr(item, "content", None) or ():
            kind = getattr(part, "type", None)
            refused = refused or kind == "refusal"
            if kind == "output_text" and isinstance(part.text, str):
                texts.append(part.text)
    finish = FinishReason.STOP if raw.status == "completed" else FinishReason.OTHER
    if raw.status == "incomplete":
        reason = getattr(getattr(raw, "incomplete_details", None), "reason", None)
        finish = _INCOMPLETE.get(reason, FinishReason.OTHER) if reason else FinishReason.OTHER
    if refused:
        finish = FinishReason.REFUSAL
    model = raw.model if isinstance(raw.model, str) else ""
    return Completion("" if refused else "".join(texts), finish, _usage(raw), model, quotas)


def _usage(raw: Any) -> Usage:
    used = getattr(raw, "usage", None)
    prompt = getattr(used, "input_tokens_details", None)
    reply = getattr(used, "output_tokens_details", None)
    return Usage(
        count(getattr(used, "input_tokens", None)),
        count(getattr(prompt, "cached_tokens", None)),
        count(getattr(used, "output_tokens", None)),
        count(getattr(prompt, "cache_write_tokens", None)),
        count(getattr(reply, "reasoning_tokens", None)),
    )

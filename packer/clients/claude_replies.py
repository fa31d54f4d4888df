"""Reads what Anthropic's SDK brings: messages, usage, a model's facts.

Does not know: what was asked.
"""

from __future__ import annotations

from typing import Any

from packer.clients.wire import count
from schemas.chat import Completion, FinishReason
from schemas.errors import ClientError
from schemas.facts import ModelFacts
from schemas.quota import Quota
from schemas.usage import Usage, known_sum

_FINISH = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSAL,
}


# The SDK builds its objects from whatever came, without a check; so do not trust their types.
def completion(raw: Any, quotas: tuple[Quota, ...] = ()) -> Completion:
    """Read what the SDK got, whatever is missing from it.

    Raises:
        AttributeError: it is no message at all (TypeError likewise).
    """
    if not isinstance(raw.content, list):
        raise TypeError(f"content is a {type(raw.content).__name__}")
    texts = [part.text for part in raw.content if getattr(part, "type", None) == "text"]
    finish = _FINISH.get(raw.stop_reason, FinishReason.OTHER)
    text = "" if finish is FinishReason.REFUSAL else "".join(each for each in texts if isinstance(each, str))
    model = raw.model if isinstance(raw.model, str) else ""
    return Completion(text, finish, _usage(raw), model, quotas)


def check_ended(last: str) -> None:
    """A connection that closes in good order before the last event raises nothing in the SDK."""
    if last != "message_stop":
        told = (
            f"anthropic sent a stream that cannot be read to its end: it broke off after {last or 'nothing'}"
        )
        raise ClientError(told, provider="anthropic", transient=True)


def _usage(raw: Any) -> Usage:
    """Anthropic counts cached and written tokens apart from the rest of the prompt; we count them in it."""
    used = getattr(raw, "usage", None)
    fresh = count(getattr(used, "input_tokens", None))
    read = count(getattr(used, "cache_read_input_tokens", None))
    written = count(getattr(used, "cache_creation_input_tokens", None))
    details = getattr(used, "output_tokens_details", None)
    return Usage(
        None if fresh is None else known_sum([fresh, read, written]),
        read,
        count(getattr(used, "output_tokens", None)),
        written,
        count(getattr(details, "thinking_tokens", None)),
    )


def live_facts(model: Any) -> ModelFacts:
    """What the provider says of a model."""
    window = count(getattr(model, "max_input_tokens", None)) or None
    able = getattr(getattr(model, "capabilities", None), "structured_outputs", None)
    supported = getattr(able, "supported", None)
    return ModelFacts(
        context_tokens=window,
        input_tokens=window,
        output_tokens=count(getattr(model, "max_tokens", None)) or None,
        structured=supported if isinstance(supported, bool) else None,
        source="anthropic models.retrieve" if window else "",
    )

"""Replies and errors as instructor hands them on: OpenAI's form, Anthropic's, or a text at all.

Does not know: what was asked, or of whom.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from packer.clients import claude_replies as claude
from packer.clients import openai as chat
from schemas.chat import Completion, FinishReason

# A forced tool's call is the reply itself; where no tool was sent, these words do not occur.
_ANSWERED = {"tool_calls": "stop", "tool_use": "end_turn"}


def cause_of(error: Exception) -> Exception:
    """What instructor wraps: the SDK's own error."""
    while type(error).__module__.startswith("instructor.") and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def salvaged(error: Exception, seen: list[Completion | None]) -> Completion | None:
    """The reply that instructor could not use; None when none came, or none that can be read."""
    kept = seen[-1] if seen else read(getattr(error, "last_completion", None))
    if kept is not None and type(error).__name__ == "IncompleteOutputException":
        return replace(kept, finish_reason=FinishReason.LENGTH)
    return kept


def read(raw: Any) -> Completion | None:
    """What a provider's object says, if it has the form of OpenAI's or Anthropic's, or a text at all."""
    seen = SimpleNamespace(model=getattr(raw, "model", None), usage=getattr(raw, "usage", None))
    try:
        if hasattr(raw, "choices"):
            seen.choices = [_chosen(each) for each in raw.choices[:1]]
            return chat.completion(seen)
        if hasattr(raw, "stop_reason"):
            calls = [part.input for part in raw.content or () if getattr(part, "type", None) == "tool_use"]
            told = [SimpleNamespace(type="text", text=json.dumps(each)) for each in calls[:1]]
            seen.content = told or raw.content
            seen.stop_reason = _ANSWERED.get(raw.stop_reason, raw.stop_reason)
            return claude.completion(seen)
        return Completion(raw.text) if isinstance(raw.text, str) else None
    except (AttributeError, TypeError, KeyError, IndexError, ValueError):
        return None


def _chosen(choice: Any) -> SimpleNamespace:
    """A choice of a chat completion, with the arguments of a tool's call for its text."""
    said = choice.message
    calls = getattr(said, "tool_calls", None)
    text = calls[0].function.arguments if calls else said.content
    content = text if isinstance(text, str | None) else json.dumps(text)
    message = SimpleNamespace(content=content, refusal=getattr(said, "refusal", None))
    why = choice.finish_reason
    return SimpleNamespace(message=message, finish_reason=_ANSWERED.get(why, why))

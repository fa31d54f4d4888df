"""One call to a model: what is sent, and what comes back.

Does not know: providers, packs, or what the reply means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from schemas.quota import Quota
from schemas.usage import Usage

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: who speaks: ``system``, ``user`` or ``assistant``.
        content: the words.
    """

    role: Speaker
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything a client needs for one call.

    Attributes:
        messages: the conversation so far, oldest first.
        reply_schema: JSON schema of the whole reply, inside the subset that all vendors accept; empty
            leaves the reply free.
        max_output_tokens: a reply longer than this is certainly wrong and may be cut.
        shared_messages: how many leading messages are byte-identical in every call of this kind in
            the run; a prompt cache pays off up to there.
        items: how many items the call answers; deadlines grow with it.
        timeout_s: seconds the call may take; None leaves it to the client.
    """

    messages: tuple[Message, ...]
    reply_schema: Mapping[str, object] = field(repr=False)
    max_output_tokens: int
    shared_messages: int = 1
    items: int = 1
    timeout_s: float | None = None


class FinishReason(StrEnum):
    """Why a model stopped, in the words all providers' own words are mapped to."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back from one call.

    Attributes:
        text: the reply as it is; empty when there is none.
        finish_reason: why the model stopped.
        usage: tokens as the provider reported them.
        model: the model that answered, as the provider names it; empty when not reported.
        quotas: the provider's ceilings as this reply states them.
    """

    text: str
    finish_reason: FinishReason = FinishReason.STOP
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    quotas: tuple[Quota, ...] = ()

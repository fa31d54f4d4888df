"""The most tokens that a call can use: counted prompt, wrapping, schema, and the reply's cap.

Learns from the bills how far the counter is below the provider's own count. Does not know: ceilings, or
prices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from packer.budget import CHAT_TEMPLATE_TOKENS
from packer.pacing import Need
from packer.run.flow.ask import Ask
from schemas.chat import Prompt
from schemas.route import Route
from schemas.usage import Usage

T = TypeVar("T")


@dataclass(slots=True)
class Needs:
    """Needs of one run's calls.

    Attributes:
        pack_fixed_tokens: counted prompt tokens of a pack without its items.
        single_fixed_tokens: counted prompt tokens of a single call without its item.
        reply_cap: the cap that the client really sends for a prompt.
        pack_wrapping_tokens: what a provider is expected to put around a pack's prompt, and count.
        single_wrapping_tokens: the same for a single call.
    """

    pack_fixed_tokens: int
    single_fixed_tokens: int
    reply_cap: Callable[[Prompt], int]
    pack_wrapping_tokens: int = 0
    single_wrapping_tokens: int = 0
    _worst: float = 1.0
    _schemas: dict[tuple[Route, int], int] = field(default_factory=dict)

    def counted(self, ask: Ask[T]) -> int:
        """What our counter makes of a prompt, earlier turns not included."""
        fixed = self.single_fixed_tokens if ask.route is Route.SINGLE else self.pack_fixed_tokens
        return fixed + sum([slot.size_tokens for slot in ask.pack.slots])

    def expected(self, ask: Ask[T], counted: int | None = None) -> int:
        """What the provider will count, if it counts as we do.

        Args:
            ask: the call.
            counted: what ``counted`` says of it; None works it out.
        """
        single = ask.route is Route.SINGLE
        wrapping = self.single_wrapping_tokens if single else self.pack_wrapping_tokens
        return (self.counted(ask) if counted is None else counted) + wrapping

    def of(self, ask: Ask[T], counted: int | None = None) -> Need:
        """The most that a call can use; arguments as for ``expected``."""
        return Need(math.ceil(self._wrapped(ask, counted) * self._worst), self.reply_cap(ask.prompt))

    def learn(self, ask: Ask[T], usage: Usage, counted: int | None = None) -> None:
        """Compare what was expected with the bill; arguments as for ``expected``."""
        if usage.input_tokens is not None:
            self._worst = max(self._worst, usage.input_tokens / self._wrapped(ask, counted))

    def _wrapped(self, ask: Ask[T], counted: int | None) -> int:
        messages = ask.prompt.messages
        earlier = sum(len(m.content.encode()) for m in messages[1:-1]) if len(messages) > 2 else 0
        known = self.counted(ask) if counted is None else counted
        return known + earlier + CHAT_TEMPLATE_TOKENS + self._schema_tokens(ask)

    def _schema_tokens(self, ask: Ask[T]) -> int:
        """No more than one token for two letters of JSON."""
        key = ask.route, len(ask.pack.slots)
        if key not in self._schemas:
            self._schemas[key] = len(json.dumps(ask.prompt.reply_schema, ensure_ascii=False)) // 2
        return self._schemas[key]

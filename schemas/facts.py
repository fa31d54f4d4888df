"""What is known of a model before it is asked: what it holds, what it can be held to, what it costs.

Does not know: which models there are, or where the facts come from (``source`` says so).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Literal

from schemas.errors import UsageError
from schemas.usage import Usage

MILLION = Decimal(1_000_000)

PromptCache = Literal["none", "key", "breakpoint"]


@dataclass(frozen=True, slots=True)
class Price:
    """A model's price in USD per million tokens, as the caller knows it.

    Attributes:
        input_usd_per_mtok: prompt tokens.
        output_usd_per_mtok: reply tokens, reasoning included.
        cached_usd_per_mtok: prompt tokens read from a cache; None charges them as ``input``.
        cache_write_usd_per_mtok: prompt tokens written to a cache; None charges them as ``input``.
        batch_share: what a provider's batch job costs of this price, such as ``Decimal("0.5")``; None when
            there are no batch jobs, or their price is not known.
    """

    input_usd_per_mtok: Decimal | int
    output_usd_per_mtok: Decimal | int
    cached_usd_per_mtok: Decimal | int | None = None
    cache_write_usd_per_mtok: Decimal | int | None = None
    batch_share: Decimal | int | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Decimal | int):
                raise UsageError(
                    f"Price({each.name}={value!r}): money is exact; write Decimal({str(value)!r})."
                )
            if not (Decimal(value).is_finite() and value >= 0):
                raise UsageError(f"Price({each.name}={value!r}) must be zero or more.")
        if self.batch_share is not None and self.batch_share > 1:
            raise UsageError(
                f"Price(batch_share={self.batch_share!r}) is a part of the price, 1 at most: write half as "
                "Decimal('0.5')."
            )

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """What this usage costs; None when its prompt or reply tokens are not known."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
        fresh = max(0, usage.input_tokens - read - written)
        per_input = Decimal(self.input_usd_per_mtok)
        read_at = per_input if self.cached_usd_per_mtok is None else Decimal(self.cached_usd_per_mtok)
        write_at = (
            per_input if self.cache_write_usd_per_mtok is None else Decimal(self.cache_write_usd_per_mtok)
        )
        spent = fresh * per_input + read * read_at + written * write_at
        return (spent + usage.output_tokens * Decimal(self.output_usd_per_mtok)) / MILLION


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model. Every field may be unknown (None).

    Attributes:
        context_tokens: prompt and reply together.
        input_tokens: most prompt tokens.
        output_tokens: most reply tokens, reasoning included.
        structured: whether replies can be constrained to a JSON schema.
        reasons: whether it thinks before it answers, so that replies need room for that.
        price_step_tokens: prompts above this cost more per token, from the first token on.
        cache: how its prompt cache is steered: not at all, by a key, or by a breakpoint behind the
            shared part.
        price: the caller's own price; None leaves it to the price list.
        source: where the facts come from, with the date.
    """

    context_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    structured: bool | None = None
    reasons: bool | None = None
    price_step_tokens: int | None = None
    cache: PromptCache | None = None
    price: Price | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("context_tokens", "input_tokens", "output_tokens", "price_step_tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"ModelFacts({name}={value!r}) must be above zero; None means unknown.")

    def reply_cap(self, tokens: int, room: int | None, usual_room: int) -> int:
        """Most reply tokens to allow, within the model's.

        Args:
            tokens: of the reply proper.
            room: what the caller grants on top for thinking; None takes the usual room, or none for a model
                that is known not to think.
            usual_room: the client's own.
        """
        if room is None:
            room = 0 if self.reasons is False else usual_room
        cap = tokens + room
        return min(cap, self.output_tokens or cap)

    def over(self, other: ModelFacts) -> ModelFacts:
        """These facts, and the other's where these are silent."""
        told = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name != "source" and getattr(self, each.name) is not None
        }
        sources = dict.fromkeys(each.source for each in (self, other) if each.source)
        return replace(other, **told, source="; ".join(sources))

"""The ways in which a job can be asked, what each would cost, and the one that is taken.

Does not know: how costs are worked out, or how a promise is proven.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Literal

from schemas.errors import UsageError
from schemas.settings import Strategy

WayName = Literal["single", "single, warm cache", "session", "pack"]


@dataclass(frozen=True, slots=True)
class PerToken:
    """What one token costs.

    Ways are only held against each other, so any unit does: on a machine of one's own, seconds.

    Attributes:
        input_usd: of a prompt.
        output_usd: of a reply, reasoning included.
        cached_usd: of a prompt, read from a cache; None charges it as ``input_usd``.
        cache_write_usd: of a prompt, written to a cache; None charges it as ``input_usd``.
        source: where the price comes from.
    """

    input_usd: Decimal
    output_usd: Decimal
    cached_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None
    source: str = ""

    def cost_usd(
        self, input_tokens: int, cached_tokens: int, written_tokens: int, output_tokens: int
    ) -> Decimal:
        """What so many tokens cost; the cached and the written ones are parts of the input."""
        read_at = self.input_usd if self.cached_usd is None else self.cached_usd
        write_at = self.input_usd if self.cache_write_usd is None else self.cache_write_usd
        fresh = max(0, input_tokens - cached_tokens - written_tokens)
        read = cached_tokens * read_at + written_tokens * write_at
        return fresh * self.input_usd + read + output_tokens * self.output_usd


@dataclass(frozen=True, slots=True)
class Proof:
    """What has to be asked before packs are known to keep a promise.

    Attributes:
        singles: items that are asked alone first; their answers are kept, so no pack needs them.
        again: how many of them are asked alone a second time, for the model's own noise.
        tried: pack sizes that are tried, and how many of those items are packed at each.
        kept_chance: how likely it is that the promise turns out to be kept; where it is not, what is left is
            asked one by one.
    """

    singles: int
    again: int = 0
    tried: tuple[tuple[int, int], ...] = ()
    kept_chance: float = 1.0

    def __post_init__(self) -> None:
        if self.singles < 0 or self.again < 0 or any(size < 2 or items < 0 for size, items in self.tried):
            raise UsageError(f"{self!r}: numbers of items are zero or more, and a pack holds two or more.")
        if not 0 <= self.kept_chance <= 1:
            raise UsageError(f"Proof(kept_chance={self.kept_chance!r}) must lie between 0 and 1.")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that it can speak for."""
        return tuple(size for size, _ in self.tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """All that decides which way of asking is cheapest. Tokens are means; measured ones replace forecasts.

    Attributes:
        items: distinct items still to be answered.
        single_prefix_tokens: what all single calls begin with, and what the provider adds.
        pack_prefix_tokens: the same of packs.
        seat_prefix_tokens: what each seat adds to that: a schema that names every handle, where it is billed.
        item_tokens: of one item's text.
        marker_tokens: prompt tokens around an item in a pack: delimiters, handle, seal.
        single_answer_tokens: of one reply to one item, its envelope included.
        packed_answer_tokens: of a pack's reply, for each item: key, echo or seal, answer.
        pack_end_tokens: of a pack's prompt after its last item.
        single_end_tokens: of a single prompt outside its prefix and its item.
        pack_answer_end_tokens: of a pack's reply, whatever it holds: braces, the token that ends it.
        carried_tokens: of earlier turns that a turn of a session is shown; 0 where it is shown none.
        caches: whether the provider caches prompts.
        cached_from_tokens: the shortest prefix it caches.
        hit_share: of the calls that could read a cached prefix, how many do, 0 to 1.
        cold_calls: calls that are sent before the first has filled the cache.
        fallback_share: share of packed items that are asked again, whatever a pack's size.
        fallback_per_seat: what each item of a pack adds to that share: ``fallback_share + size * this``.
        fallback_calls: single calls that such an item takes, or what it takes in their price.
        audit_share: share of packed items that are asked alone, too.
        audit_twice_share: share of those that are asked alone once more.
        canaries: planted in each pack, beside its items; a share where not every pack has one.
        canary_tokens: of a canary's text; None where it is as long as an item.
        kept_sizes: pack sizes known to keep the promise; None where nothing is promised.
        proof: what it takes to prove other sizes; None where nothing is to be proven.
        prices: per token; None when not known.
        batch_share: what batch jobs cost of that price, when the job is sent as such; None when it is not.
    """

    items: int
    single_prefix_tokens: float
    pack_prefix_tokens: float
    item_tokens: float
    marker_tokens: float
    single_answer_tokens: float
    packed_answer_tokens: float
    seat_prefix_tokens: float = 0.0
    pack_end_tokens: float = 0.0
    single_end_tokens: float = 0.0
    pack_answer_end_tokens: float = 0.0
    carried_tokens: float = 0.0
    caches: bool = False
    cached_from_tokens: int = 1_024
    hit_share: float = 1.0
    cold_calls: int = 1
    fallback_share: float = 0.0
    fallback_per_seat: float = 0.0
    fallback_calls: float = 1.0
    audit_share: float = 0.0
    audit_twice_share: float = 0.0
    canaries: float = 0.0
    canary_tokens: float | None = None
    kept_sizes: tuple[int, ...] | None = None
    proof: Proof | None = None
    prices: PerToken | None = None
    batch_share: Decimal | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int | float | Decimal):
                continue
            if not 0 <= value < float("inf"):
                raise UsageError(f"Circumstances({each.name}={value!r}) must be zero or more, and finite.")
            if value > 1 and each.name in _SHARES:
                raise UsageError(f"Circumstances({each.name}={value!r}) is a share: 1 at most.")

    def falling_back(self, size: int) -> float:
        """Share of the items of a pack so large that are asked again."""
        return min(1.0, self.fallback_share + self.fallback_per_seat * size)


_SHARES = (
    "hit_share",
    "fallback_share",
    "fallback_per_seat",
    "audit_share",
    "audit_twice_share",
    "batch_share",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Packs of one size that have come back.

    Attributes:
        size: items in each.
        items: in all of them together.
        fell: how many of these had to be asked again.
    """

    size: int
    items: int
    fell: int

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.fell <= self.items:
            raise UsageError(f"{self!r}: those that fell are among the items, and a pack holds one or more.")


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of call, or of seat, that a way of asking takes.

    Attributes:
        name: ``packs``, ``canaries``, ``further calls``, ``audits``, ``proof``, ``singles``, ``turns``.
        calls: expected.
        input_tokens: of their prompts, cached ones included.
        cached_tokens: the part that is read from a cache.
        written_tokens: the part that is written to a cache.
        output_tokens: of their replies.
        usd: money; None when there is no price.
    """

    name: str
    calls: float = 0.0
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the whole job would take, asked one way.

    Attributes:
        name: ``single``: nothing is read from a cache; ``single, warm cache``; ``session``; ``pack``.
        size: items in a call; 1 where nothing is packed.
        calls: expected, further ones, audits and proof included.
        input_tokens: prompt tokens, cached and written ones included.
        cached_tokens: the part that is read from a cache.
        written_tokens: the part that is written to a cache.
        output_tokens: reply tokens.
        usd: money; None when there is no price.
        allowed: whether it can be had and keeps the promise.
        why_not: why it is not allowed; empty when it is.
        parts: what the sums are made of.
    """

    name: WayName
    size: int
    calls: float
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    usd: Decimal | None = None
    allowed: bool = True
    why_not: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def strategy(self) -> Strategy:
        """What a run is told to do to be asked this way."""
        if self.name == "session":
            return "session"
        return "pack" if self.name == "pack" else "single"


@dataclass(frozen=True, slots=True)
class Choice:
    """The way that is taken.

    Attributes:
        strategy: for the run.
        size: items in a call; 1 where nothing is packed.
        taken: its prospect.
        prospects: all that were considered, allowed or not.
        certain: whether it is the cheapest for sure: by money, or without a price at every usual one.
        assumed: what was assumed of prices; empty where they are known.
        words: the same in one sentence.
    """

    strategy: Strategy
    size: int
    taken: Prospect
    prospects: tuple[Prospect, ...]
    certain: bool
    assumed: str
    words: str

    def __str__(self) -> str:
        return self.words

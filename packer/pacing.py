"""How soon the next call may go: ceilings on calls and tokens in any 60 seconds, without a clock of its own.

A call reserves the most it can use when it is sent, and gives back what it did not use when its reply
is in. So no window ever holds more than a ceiling, whatever replies come. Does not know: time (it is
told), calls, or providers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.quota import Quota, QuotaKind
from schemas.usage import Usage

WINDOW_S = 61.0
"""A second more than the minute that ceilings speak of: calls do not arrive as evenly as they are sent."""


@dataclass(frozen=True, slots=True)
class Need:
    """The most that one call can use.

    Attributes:
        input_tokens: of its prompt.
        output_tokens: of its reply.
    """

    input_tokens: int
    output_tokens: int

    @property
    def amounts(self) -> dict[QuotaKind, int]:
        """By what ceilings count."""
        return {
            "requests": 1,
            "tokens": self.input_tokens + self.output_tokens,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }

    def used(self, usage: Usage) -> Need:
        """What the call did use, as far as it was reported."""
        return Need(
            self.input_tokens if usage.input_tokens is None else usage.input_tokens,
            self.output_tokens if usage.output_tokens is None else usage.output_tokens,
        )


@dataclass(slots=True)
class _Entry:
    at_s: float
    amount: int


@dataclass(slots=True)
class Ticket:
    """One call's place in the windows."""

    entries: dict[QuotaKind, _Entry] = field(default_factory=dict)


@dataclass(slots=True)
class _Window:
    """One ceiling: the caller's, the provider's, and what lies in the last minute."""

    own: int | None
    entries: deque[_Entry] = field(default_factory=deque)
    total: int = 0
    stated: int | None = None
    left: float | None = None
    left_at_s: float = 0.0
    refill_per_s: float = 0.0

    @property
    def limit(self) -> int | None:
        known = [each for each in (self.own, self.stated) if each is not None]
        return min(known) if known else None

    def forget(self, now_s: float) -> None:
        while self.entries and self.entries[0].at_s <= now_s - WINDOW_S:
            self.total -= self.entries.popleft().amount

    def wait_s(self, now_s: float, amount: int) -> float:
        self.forget(now_s)
        return max(self._by_window_s(now_s, amount), self._by_provider_s(now_s, amount))

    def _by_window_s(self, now_s: float, amount: int) -> float:
        if self.limit is None or not self.entries or self.total + amount <= self.limit:
            return 0.0
        over = self.total + amount - self.limit
        for entry in self.entries:
            over -= entry.amount
            if over <= 0:
                return entry.at_s + WINDOW_S - now_s
        return self.entries[-1].at_s + WINDOW_S - now_s

    def _by_provider_s(self, now_s: float, amount: int) -> float:
        if self.left is None:
            return 0.0
        # More than the provider ever has cannot be waited for: it goes when all is there.
        wanted = amount if self.stated is None else min(amount, self.stated)
        missing = wanted - self.left - self.refill_per_s * (now_s - self.left_at_s)
        if missing <= 0:
            return 0.0
        return missing / self.refill_per_s if self.refill_per_s else 0.0

    def heed(self, now_s: float, quota: Quota) -> None:
        if quota.limit:
            self.stated = quota.limit
        self.left = None
        if quota.remaining is None or not quota.reset_s:
            return
        # Said to be whole again in reset_s: until then it fills up evenly, for all we are told.
        lacking = (quota.limit - quota.remaining) if quota.limit else quota.remaining + 1
        self.left, self.left_at_s = float(quota.remaining), now_s
        self.refill_per_s = max(lacking, 1) / quota.reset_s


class Pace:
    """All ceilings of a run together."""

    def __init__(self, ceilings: Mapping[QuotaKind, int | None]) -> None:
        """Open empty windows.

        Args:
            ceilings: the caller's, by what they count; None where there is none.
        """
        self._windows = {kind: _Window(limit) for kind, limit in ceilings.items()}
        self._held_until_s = float("-inf")

    def wait_s(self, now_s: float, need: Need) -> float:
        """Seconds until a call that needs this much may go; 0 when it may go now."""
        waits = [self._windows[kind].wait_s(now_s, amount) for kind, amount in need.amounts.items()]
        return max(0.0, self._held_until_s - now_s, *waits)

    def enter(self, now_s: float, need: Need) -> Ticket:
        """Take the room; ask ``wait_s`` first."""
        ticket = Ticket()
        for kind, amount in need.amounts.items():
            window = self._windows[kind]
            entry = ticket.entries[kind] = _Entry(now_s, amount)
            window.entries.append(entry)
            window.total += amount
            if window.left is not None:
                window.left -= amount
        return ticket

    def settle(self, ticket: Ticket, used: Need) -> None:
        """Give back what a call did not use; a call that used more takes it after the fact."""
        for kind, amount in used.amounts.items():
            entry, window = ticket.entries[kind], self._windows[kind]
            # An entry that has left its window took its amount with it.
            if window.entries and entry.at_s >= window.entries[0].at_s:
                window.total += amount - entry.amount
            entry.amount = amount

    def heed(self, now_s: float, quotas: Sequence[Quota]) -> None:
        """Keep to what the provider states; its limits can only tighten the caller's."""
        for quota in quotas:
            self._windows[quota.kind].heed(now_s, quota)

    def hold(self, until_s: float) -> None:
        """Let nothing go before this moment: the provider asked for a pause."""
        self._held_until_s = max(self._held_until_s, until_s)

    def too_large(self, need: Need) -> tuple[QuotaKind, int, int] | None:
        """The caller's ceiling that one such call alone would break: its kind, limit and the amount."""
        for kind, amount in need.amounts.items():
            limit = self._windows[kind].own
            if limit is not None and amount > limit:
                return kind, limit, amount
        return None

"""How soon the next call may go: ceilings on calls and tokens in any 60 seconds, without a clock of its own.

A call reserves the most it can use when it is sent, and gives back what it did not use when its reply
is in. So no window ever holds more than a ceiling, whatever replies come. Does not know: time (it is
told), calls, or providers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.quota import Quota, QuotaKind
from schemas.usage import Usage

WINDOW_S = 61.0
"""A second more than the minute that ceilings speak of: calls do not arrive as evenly as they are sent."""

_KINDS: tuple[QuotaKind, ...] = ("requests", "tokens", "input_tokens", "output_tokens")
_Amounts = tuple[int, int, int, int]
_NOTHING: _Amounts = (0, 0, 0, 0)


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
        return dict(zip(_KINDS, self._amounts(), strict=True))

    def _amounts(self) -> _Amounts:
        """In the order of the kinds."""
        return 1, self.input_tokens + self.output_tokens, self.input_tokens, self.output_tokens

    def used(self, usage: Usage) -> Need:
        """What the call did use, as far as it was reported."""
        return Need(
            self.input_tokens if usage.input_tokens is None else usage.input_tokens,
            self.output_tokens if usage.output_tokens is None else usage.output_tokens,
        )


@dataclass(slots=True)
class Ticket:
    """One call's place in the windows.

    Attributes:
        at_s: when it went.
        amounts: what it takes of each kind.
    """

    at_s: float
    amounts: _Amounts


@dataclass(slots=True)
class _Window:
    """One ceiling: the caller's, the provider's, and what lies in the last minute."""

    own: int | None
    place: int
    total: int = 0
    stated: int | None = None
    left: float | None = None
    left_at_s: float = 0.0
    refill_per_s: float = 0.0

    @property
    def limit(self) -> int | None:
        known = [each for each in (self.own, self.stated) if each is not None]
        return min(known) if known else None

    @property
    def binds(self) -> bool:
        """Whether a call may ever have to wait for it."""
        return self.own is not None or self.stated is not None or self.left is not None

    def wait_s(self, now_s: float, amount: int, gone: deque[Ticket]) -> float:
        return max(self._by_window_s(now_s, amount, gone), self._by_provider_s(now_s, amount))

    def _by_window_s(self, now_s: float, amount: int, gone: deque[Ticket]) -> float:
        limit = self.limit
        if limit is None or not gone or self.total + amount <= limit:
            return 0.0
        over = self.total + amount - limit
        for ticket in gone:
            over -= ticket.amounts[self.place]
            if over <= 0:
                return ticket.at_s + WINDOW_S - now_s
        return gone[-1].at_s + WINDOW_S - now_s

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
        self._windows = [_Window(ceilings.get(kind), place) for place, kind in enumerate(_KINDS)]
        self._binding = [each for each in self._windows if each.binds]
        # One line for all windows: a call enters them together, and leaves them together.
        self._gone: deque[Ticket] = deque()
        self._held_until_s = float("-inf")

    def wait_s(self, now_s: float, need: Need) -> float:
        """Seconds until a call that needs this much may go; 0 when it may go now."""
        self._forget(now_s)
        wait_s = max(0.0, self._held_until_s - now_s)
        if self._binding:
            amounts = need._amounts()
            waits = [each.wait_s(now_s, amounts[each.place], self._gone) for each in self._binding]
            wait_s = max(wait_s, *waits)
        return wait_s

    def _forget(self, now_s: float) -> None:
        gone, ends_s = self._gone, now_s - WINDOW_S
        while gone and gone[0].at_s <= ends_s:
            self._add(_NOTHING, gone.popleft().amounts)

    def _add(self, amounts: _Amounts, less: _Amounts = _NOTHING) -> None:
        # Written out, as this runs for every call.
        calls, tokens, inputs, outputs = self._windows
        calls.total += amounts[0] - less[0]
        tokens.total += amounts[1] - less[1]
        inputs.total += amounts[2] - less[2]
        outputs.total += amounts[3] - less[3]

    def enter(self, now_s: float, need: Need) -> Ticket:
        """Take the room; ask ``wait_s`` first."""
        amounts = need._amounts()
        ticket = Ticket(now_s, amounts)
        self._gone.append(ticket)
        self._add(amounts)
        for window in self._binding:
            if window.left is not None:
                window.left -= amounts[window.place]
        return ticket

    def settle(self, ticket: Ticket, used: Need) -> None:
        """Give back what a call did not use; a call that used more takes it after the fact."""
        before, ticket.amounts = ticket.amounts, used._amounts()
        # A call that has left its windows took its amounts with it.
        if self._gone and ticket.at_s >= self._gone[0].at_s:
            self._add(ticket.amounts, before)

    def heed(self, now_s: float, quotas: Sequence[Quota]) -> None:
        """Keep to what the provider states; its limits can only tighten the caller's."""
        for quota in quotas:
            self._windows[_KINDS.index(quota.kind)].heed(now_s, quota)
        if quotas:
            self._binding = [each for each in self._windows if each.binds]

    def hold(self, until_s: float) -> None:
        """Let nothing go before this moment: the provider asked for a pause."""
        self._held_until_s = max(self._held_until_s, until_s)

    def too_large(self, need: Need) -> tuple[QuotaKind, int, int] | None:
        """The caller's ceiling that one such call alone would break: its kind, limit and the amount."""
        for kind, window, amount in zip(_KINDS, self._windows, need._amounts(), strict=True):
            limit = window.own
            if limit is not None and amount > limit:
                return kind, limit, amount
        return None

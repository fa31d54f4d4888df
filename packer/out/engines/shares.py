"""One worker's part of a fleet's limits, and what is left of it after many runs.

A fleet's ceilings are divided by its number of workers, always downwards, so that the parts together never
come to more than the whole. Calls and money are used up over a worker's life; ceilings on a minute are not.
Does not know: how many workers there really are, or how calls are made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Context, Decimal, localcontext

from schemas.errors import UsageError
from schemas.settings import Limits

SHARED_OUT = ("rpm", "tpm", "input_tpm", "output_tpm", "concurrency", "max_calls")
"""What is counted, and so divided; times are each call's or each batch's own and stay as they are."""

_ENOUGH_DIGITS = 60


def share_of(limits: Limits | None, workers: int) -> Limits:
    """One worker's limits.

    Args:
        limits: of all workers together; None sets no ceiling, and leaves each worker the usual number of
            calls in flight.
        workers: how many there are.

    Raises:
        UsageError: a ceiling that does not come to one for each worker, or a file for one machine's
            processes, which does not reach to others.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers={workers!r} must be a whole number above zero.")
    if limits is None:
        return Limits()
    if limits.shared is not None:
        raise UsageError(
            "Limits(shared=...) is a file on one machine, and workers may be on several: leave it out, the "
            "ceilings are divided among the workers."
        )
    parts: dict[str, int] = {}
    for name in SHARED_OUT:
        whole = getattr(limits, name)
        if whole is not None and whole < workers:
            raise UsageError(
                f"Limits({name}={whole}) is for all {workers} workers together and does not come to one for "
                f"each: raise it, or take at most {whole} workers."
            )
        if whole is not None:
            parts[name] = whole // workers
    money = None
    if limits.max_cost_usd is not None:
        # Rounded down at the last digit: the parts may come to a hair less than the whole, never to more.
        downwards = Context(prec=_ENOUGH_DIGITS, rounding=ROUND_FLOOR)
        money = downwards.divide(Decimal(limits.max_cost_usd), Decimal(workers))
    return replace(
        limits,
        rpm=parts.get("rpm"),
        tpm=parts.get("tpm"),
        input_tpm=parts.get("input_tpm"),
        output_tpm=parts.get("output_tpm"),
        concurrency=parts["concurrency"],
        max_calls=parts.get("max_calls"),
        max_cost_usd=money,
    )


@dataclass(slots=True)
class Purse:
    """What a worker may still use up.

    Attributes:
        share: its limits, for its whole life.
        calls: sent so far.
        spent_usd: known or, where a call never came back, the most it can have cost.
        closed: why nothing more may be used, whatever is left; empty while it may.
    """

    share: Limits
    calls: int = 0
    spent_usd: Decimal = Decimal(0)
    closed: str = ""

    def left(self) -> Limits | str:
        """The limits of the next run, or why there can be none."""
        if self.closed:
            return self.closed
        calls, money = self.share.max_calls, self.share.max_cost_usd
        if calls is not None:
            calls -= self.calls
            if calls <= 0:
                return f"this worker's share of Limits(max_calls=...), {self.share.max_calls:,}, is used up"
        if money is not None:
            with localcontext(prec=_ENOUGH_DIGITS):
                money = Decimal(money) - self.spent_usd
            if money <= 0:
                return (
                    "this worker's share of Limits(max_cost_usd=...), "
                    f"{self.share.max_cost_usd:.6f} USD, is used up"
                )
        return replace(self.share, max_calls=calls, max_cost_usd=money)

    def book(
        self,
        calls: int,
        cost_usd: Decimal | None,
        *,
        unpriced_calls: int = 0,
        maybe_paid_calls: int = 0,
        maybe_paid_usd: Decimal | None = None,
    ) -> None:
        """Take off what one run used.

        Args:
            calls: that were sent.
            cost_usd: what those with a known cost came to; None when there is none.
            unpriced_calls: replies whose cost nobody knows.
            maybe_paid_calls: calls that never came back.
            maybe_paid_usd: the most those can have cost; None when nobody knows.
        """
        self.calls += calls
        if self.share.max_cost_usd is None:
            return
        with localcontext(prec=_ENOUGH_DIGITS):
            self.spent_usd += (cost_usd or 0) + (maybe_paid_usd or 0)
        if unpriced_calls or (maybe_paid_calls and maybe_paid_usd is None):
            unknown = unpriced_calls + maybe_paid_calls
            self.closed = (
                f"nobody knows what is left of Limits(max_cost_usd=...): {unknown} calls of this worker "
                "are of unknown cost"
            )

"""Tokens that calls used, and how one call's tokens are shared among its items.

Does not know: prices, providers, or which call was worth its tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Context, Decimal, localcontext


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or of one item's share of its calls.

    Attributes:
        input_tokens: tokens of the whole prompt, cached ones included; None when not reported.
        cached_tokens: the part of ``input_tokens`` served from a prompt cache; None when not reported.
        output_tokens: tokens of the reply, reasoning included; None when not reported.
        cache_write_tokens: the part of ``input_tokens`` written to a prompt cache; None when not reported.
        reasoning_tokens: the part of ``output_tokens`` that is reasoning; None when not reported.
    """

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def plus_known(self, other: Usage) -> Usage:
        """Sum of what is known; a field stays unknown until one side knows it."""
        return Usage(
            _plus_known(self.input_tokens, other.input_tokens),
            _plus_known(self.cached_tokens, other.cached_tokens),
            _plus_known(self.output_tokens, other.output_tokens),
            _plus_known(self.cache_write_tokens, other.cache_write_tokens),
            _plus_known(self.reasoning_tokens, other.reasoning_tokens),
        )

    def shares(self, weights: Sequence[int]) -> list[Usage]:
        """Split over the items of one call so that the parts sum to the whole exactly.

        Args:
            weights: one size per item, in tokens; larger items carry more.

        Returns:
            One Usage per weight; unknown fields stay unknown in each.
        """
        totals = (
            self.input_tokens,
            self.cached_tokens,
            self.output_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
        )
        # Items of one call are often of one size: equal shares are one object.
        rows = list(zip(*[share_out(total, weights) for total in totals], strict=True))
        made = {row: Usage(*row) for row in set(rows)}
        return [made[row] for row in rows]

    @classmethod
    def none_spent(cls) -> Usage:
        """Nothing was sent, so nothing was used: a known zero."""
        return _NONE_SPENT


_NONE_SPENT = Usage(0, 0, 0, 0, 0)

SHARE_DIGITS = 4
"""Shares of money have so many more digits than the whole."""

EXACT = Context(prec=1_000)
"""Sums and shares of money are never rounded, whatever the caller's own context says."""

FIELDS = tuple(each.name for each in fields(Usage))


def share_out(total: int | None, weights: Sequence[int]) -> list[int | None]:
    """Split an integer in proportion to ``weights`` (largest remainders get the odd ones).

    Args:
        total: what is to be split; None stays None for each.
        weights: sizes, all >= 0; all zero means equal shares.

    Returns:
        One integer per weight; they sum to ``total``.
    """
    if not total or not weights:
        return [total] * len(weights)
    scale = sum(weights)
    sizes = weights if scale else [1] * len(weights)
    scale = scale or len(sizes)
    # Items of one call are often of one size: each size is divided once.
    parts = {size: divmod(total * size, scale) for size in set(sizes)}
    floors: list[int | None] = []
    left: list[int] = []
    given = 0
    for size in sizes:
        floor, remainder = parts[size]
        floors.append(floor)
        left.append(remainder)
        given += floor
    if odd := total - given:
        # Sorting keeps the order of equals, so of these the first get one more.
        for i in sorted(range(len(sizes)), key=left.__getitem__, reverse=True)[:odd]:
            floors[i] = parts[sizes[i]][0] + 1
    return floors


def share_out_usd(total: Decimal | None, weights: Sequence[int]) -> list[Decimal | None]:
    """Split money in proportion to ``weights``, to the last digit that the total has.

    Returns:
        One amount per weight; they sum to ``total`` exactly. None stays None for each.
    """
    if total is None:
        return [None] * len(weights)
    digits = total.as_tuple().exponent
    assert isinstance(digits, int)  # noqa: S101  # prices are finite
    # Finer than the total's own digits: a free item's share of 0.01 USD among 40 must not be nothing.
    digits = min(digits, 0) - SHARE_DIGITS
    units = share_out(int(total.scaleb(-digits, EXACT)), weights)
    made = {each: Decimal(each).scaleb(digits, EXACT) for each in set(units) if each is not None}
    return [None if each is None else made[each] for each in units]


def known_sum_usd(values: Iterable[Decimal | None]) -> Decimal | None:
    """Sum of the known amounts; None when none is known."""
    known = [value for value in values if value is not None]
    with localcontext(EXACT):
        return sum(known, Decimal(0)) if known else None


def known_sum(values: Iterable[int | None]) -> int | None:
    """Sum of the known values; None when none is known."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _plus_known(a: int | None, b: int | None) -> int | None:
    if a is None:
        return b
    return a if b is None else a + b


def plus_known_usd(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """Sum of what is known."""
    if a is None:
        return b
    return a if b is None else EXACT.add(a, b)

"""The cheapest way of asking that keeps the promise: one by one, in a session, or packed, and how large.

Does not know: what goes into a way's cost, which calls are made, or what the answers are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product

from packer.cost.bill import Bill
from packer.cost.prices import Prices
from packer.cost.ways_words import ASSUMED, at_price, said, said_of_proof
from schemas.errors import UsageError
from schemas.usage import Usage
from schemas.ways import Choice, Circumstances, PerToken, Proof, Prospect, Seen, WayName

UNSURE = (0.02, 0.0005)
"""How far off an expected share of items asked again may be (one sigma): the part that is the same for every
size, and what each seat adds."""

USUAL = tuple(
    PerToken(Decimal(1), Decimal(output), Decimal(cached), Decimal(write))
    for output, cached, write in product(("4", "8"), ("0.1", "0.5"), ("1", "1.25"))
)
"""Corners of what providers ask, in input tokens. What two ways differ by is linear in each of the three, so
one that is cheapest at every corner is cheapest everywhere between."""

_RANK: dict[WayName, int] = {"single, warm cache": 0, "single": 1, "session": 2, "pack": 3}


def prospects(circumstances: Circumstances, sizes: Sequence[int]) -> tuple[Prospect, ...]:
    """Work out what the whole job takes in each way.

    Args:
        circumstances: items, tokens, shares, prices, and what is promised.
        sizes: items in a pack, two or more each; repeated ones count once.

    Returns:
        Plain singles, warm singles, a session, then a pack of each size, smallest first. Ways that cannot be
        had, or break the promise, are among them and say so. Single and session calls have no audits:
        they are what packs are audited with.

    Raises:
        UsageError: a size below two.
    """
    if small := [size for size in sizes if size < 2]:
        raise UsageError(f"A pack of {small[0]} is a single call; sizes are two or more.")
    bill = Bill(circumstances)
    return (bill.plain(), bill.warm(), bill.session(), *(bill.packed(size) for size in sorted(set(sizes))))


def cheapest(prospects: Sequence[Prospect]) -> Choice:
    """Choose the cheapest way that is allowed.

    By money, where every allowed way has a price and one is above zero. Otherwise ways are held against each
    other at all usual prices (``USUAL``), and the one is taken whose greatest excess over the cheapest is
    smallest: whatever the price turns out to be, that is regretted least. Of equals, single calls go before
    a session, a session before packs, and larger packs before smaller ones.

    Args:
        prospects: of one job.

    Raises:
        UsageError: none is allowed.
    """
    allowed = sorted(
        (each for each in prospects if each.allowed), key=lambda each: (_RANK[each.name], -each.size)
    )
    if not allowed:
        raise UsageError("No way of asking is allowed: single calls keep every promise, so give them, too.")
    money = [each.usd for each in allowed]
    known = [usd for usd in money if usd is not None]
    if len(known) == len(money) and any(known):
        best = known.index(min(known))
        excess, assumed = Decimal(1), ""
    else:
        excesses = _excesses(allowed)
        excess = min(excesses)
        best, assumed = excesses.index(excess), ASSUMED
    taken = allowed[best]
    words = said(taken, prospects, excess, USUAL if assumed else ())
    return Choice(taken.strategy, taken.size, taken, tuple(prospects), excess <= 1, assumed, words)


def worth_proving(
    circumstances: Circumstances,
    audits_needed: int,
    sizes: Sequence[int],
    *,
    again: int = 0,
    kept_chance: float = 1.0,
) -> Choice:
    """Whether proving a promise and packing the rest is cheaper than asking everything alone.

    Args:
        circumstances: of the job; its ``proof`` is replaced, and sizes known to keep the promise need none.
        audits_needed: items that have to be asked alone and packed before the promise counts as kept.
        sizes: that would be tried, each on all those items.
        again: how many are asked alone twice.
        kept_chance: how likely one of the sizes is to keep the promise.

    Returns:
        Single calls where those are cheaper, or where there are fewer items than it takes.
    """
    tried = tuple((size, audits_needed) for size in sorted(set(sizes)))
    proof = Proof(audits_needed, again, tried, kept_chance)
    made = cheapest(prospects(replace(circumstances, proof=proof), sizes))
    return replace(made, words=said_of_proof(made, audits_needed, circumstances.items))


def learned(circumstances: Circumstances, seen: Sequence[Seen]) -> Circumstances:
    """The same circumstances after some packs: the share asked again, between what was expected and was seen.

    Of the two parts of that share, one is the same for every size and one grows with it. What was seen moves
    each as far as it is unsure (``UNSURE``), and the more the more was seen: a Kalman filter's step a size.

    Args:
        circumstances: as expected before any pack.
        seen: all packs so far, summed up by size.

    Example:
        >>> from schemas.ways import Circumstances, Seen
        >>> expected = Circumstances(
        ...     items=900, single_prefix_tokens=600, pack_prefix_tokens=600, item_tokens=60, marker_tokens=12,
        ...     single_answer_tokens=8, packed_answer_tokens=14, fallback_share=0.01,
        ... )
        >>> round(learned(expected, [Seen(size=10, items=200, fell=10)]).falling_back(10), 3)
        0.035
    """
    flat, slope = circumstances.fallback_share, circumstances.fallback_per_seat
    flat_var, slope_var, both = UNSURE[0] ** 2, UNSURE[1] ** 2, 0.0
    for each in seen:
        size = each.size
        share = (each.fell + 1) / (each.items + 2)
        noise = share * (1 - share) / max(1, each.items)
        flat_gain, slope_gain = flat_var + size * both, both + size * slope_var
        whole = flat_gain + size * slope_gain + noise
        off = (each.fell / each.items if each.items else 0.0) - (flat + size * slope)
        if each.items:
            flat += flat_gain / whole * off
            slope += slope_gain / whole * off
            flat_var -= flat_gain**2 / whole
            slope_var -= slope_gain**2 / whole
            both -= flat_gain * slope_gain / whole
    flat, slope = (min(1.0, max(0.0, part)) for part in (flat, slope))
    return replace(circumstances, fallback_share=flat, fallback_per_seat=slope)


def per_token(prices: Prices, *, prompt_tokens: int = 1_000) -> PerToken | None:
    """A model's price per token, for prompts of about this size; None when there is none.

    Args:
        prices: of the model.
        prompt_tokens: of one call, for models whose price steps up with the prompt.
    """
    sent = max(1, prompt_tokens)
    fresh, read, written, replied = (
        prices.cost_usd(usage)
        for usage in (Usage(sent, 0, 0), Usage(sent, sent, 0), Usage(sent, 0, 0, sent), Usage(sent, 0, 1_000))
    )
    if fresh is None or read is None or written is None or replied is None:
        return None
    return PerToken(fresh / sent, (replied - fresh) / 1_000, read / sent, written / sent, prices.source)


def _excesses(allowed: Sequence[Prospect]) -> list[Decimal]:
    """How many times the cheapest each costs, at the price that is worst for it."""
    worst = [Decimal(1)] * len(allowed)
    for price in USUAL:
        costs = [at_price(price, each) for each in allowed]
        least = min(costs)
        if least:
            worst = [max(so_far, cost / least) for so_far, cost in zip(worst, costs, strict=True)]
    return worst

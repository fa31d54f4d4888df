"""What a run cost by answer, what the rest would cost, and whether packing was worth it, in plain words.

Does not know: where the words are shown, or how the figures were won.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from packer.out.board.bleed_words import rate
from packer.out.board.remedies import ask_singly
from schemas.comparison import Comparison, Way
from schemas.counted import counted
from schemas.record import CallState, ItemState, RunRecord
from schemas.route import Route

WHOLE_COMPARISON = 4
"""Ways in a comparison: packed, single calls, those with a warm cache, those at the price of batch jobs."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether packing paid.

    Attributes:
        figure: in two or three words, such as ``30% cheaper``.
        beside: what that is held against, such as ``than single calls``.
        kind: ``good``, ``bad``, or ``soft`` where it cannot be told.
    """

    figure: str
    beside: str
    kind: str

    def __str__(self) -> str:
        return f"{self.figure} {self.beside}"


def packing_worth(found: Comparison) -> Worth:
    """Packing beside single calls.

    Example:
        >>> way = lambda name, usd: Way(name, True, 9, 1, cost_usd=Decimal(usd))
        >>> str(packing_worth(Comparison((way("packed", 7), way("singles", 10)), 0.7, True, "")))
        '30% cheaper than single calls'
        >>> str(packing_worth(Comparison((way("packed", 30), way("singles", 10)), 3.0, False, "")))
        '3.00 times the cost of single calls'
    """
    ratio, kind = found.ratio, {True: "good", False: "bad", None: "soft"}[found.paid]
    if ratio is None or len(found.ways) < 2:
        return Worth("unknown", found.verdict.partition(": ")[2] or found.verdict, "soft")
    mine, alone = found.ways[0], found.ways[1]
    priced = mine.cost_usd is not None and bool(alone.cost_usd)
    if not priced and found.paid is None:
        return Worth("cannot be told", f"without a price: {_by_tokens(mine, alone)}", kind)
    than = f"single calls{_in_batch(found) if priced else ''}"
    less, cost = ("cheaper", "the cost") if priced else ("fewer tokens", "the tokens")
    if ratio > 1:
        return Worth(f"{ratio:.2f} times", f"{cost} of {than}", kind)
    if found.paid is False:
        than += ", yet dearer than those with a warm cache"
    return Worth(f"{rate(1 - ratio)} {less}" if ratio < 1 else "no cheaper", f"than {than}", kind)


def rests_on(found: Comparison) -> str:
    """Whether single calls were asked or only predicted, in a few words; empty where nothing is compared."""
    if found.ratio is None or len(found.ways) < 2:
        return ""
    alone = found.ways[1]
    if alone.measured:
        return f"measured on {counted(alone.items, 'single call')}"
    return "predicted, no single call was asked"


def _in_batch(found: Comparison) -> str:
    """Where the ratio is that over batch jobs, words that say so."""
    if len(found.ways) < WHOLE_COMPARISON or found.ratio is None:
        return ""
    mine, alone, _, batch = (way.cost_usd for way in found.ways[:WHOLE_COMPARISON])
    if mine is None or not alone or not batch:
        return ""
    nearer = abs(float(mine / batch) - found.ratio) < abs(float(mine / alone) - found.ratio)
    return " in batch jobs" if nearer else ""


def _by_tokens(mine: Way, alone: Way) -> str:
    told = [
        f"{one / other:.2f} times the {name} tokens"
        for name, one, other in (
            ("input", mine.input_tokens, alone.input_tokens),
            ("output", mine.output_tokens, alone.output_tokens),
        )
        if one is not None and other
    ]
    return f"{' and '.join(told)} of single calls" if told else "tokens are not known"


def dear_packing(record: RunRecord) -> str:
    """What to say before results are used where packing did not pay; empty where it did or nobody knows."""
    found = record.overall
    if found is None or found.paid is not False:
        return ""
    packed, again = asked_again(record)
    why = f": {again:,} of {packed:,} packed items had to be asked again" if again else ""
    return f"Packing did not pay: it took {packing_worth(found)}{why}. Next time: {ask_singly(record)}."


def asked_again(record: RunRecord) -> tuple[int, int]:
    """Items whose pack was answered, and how many of them that answer did not settle."""
    packed = {
        member
        for call in record.calls
        if call.route == Route.PACK and call.state is CallState.ANSWERED
        for member in call.members
    }
    settled = {
        item.id for item in record.items if item.result is not None and item.result.route is Route.PACK
    }
    return len(packed), len(packed - settled)


def answered(record: RunRecord) -> int:
    """Items with an answer, those that wait for a reviewer included."""
    states = record.states
    return states[ItemState.ACCEPTED] + states[ItemState.HELD]


def usd_per_answer(record: RunRecord) -> Decimal | None:
    """Money so far over answers so far; None without either."""
    total, count = record.ledger.cost_usd, answered(record)
    return None if total is None or not count else total / count


def usd_of_the_rest(record: RunRecord) -> Decimal | None:
    """What the items that are still open would take, at what packed ones have taken; None where unknown."""
    left = record.unsettled
    found = record.overall
    each = found.ways[0].cost_usd if found is not None and found.ways else None
    each = usd_per_answer(record) if each is None else each
    return None if each is None or not left else each * left


def money(usd: Decimal | None) -> str:
    """An amount in US dollars, exact to the cent from a dollar on, to three digits below.

    Example:
        >>> money(Decimal("12.3456")), money(Decimal("0.00012345")), money(Decimal(0)), money(None)
        ('$12.35', '$0.000123', '$0', 'unknown')
    """
    if usd is None:
        return "unknown"
    if not usd.is_finite() or abs(usd) >= 1:
        return f"${usd:,.2f}"
    if usd == 0:
        return "$0"
    digits = min(12, 2 - usd.adjusted())
    return f"${usd:.{digits}f}".rstrip("0").rstrip(".")

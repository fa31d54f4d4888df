"""The choice of a way of asking in one sentence, for a person.

Does not know: how the choice was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from schemas.ways import Choice, PerToken, Prospect

ASSUMED = (
    "a reply token costs 4 to 8 times a prompt token, one read from a cache 0.1 to 0.5 times, one written to "
    "a cache 1 to 1.25 times"
)
_OVERHEAD = ("packs", "singles", "turns")


def said(taken: Prospect, prospects: Sequence[Prospect], excess: Decimal, assumed: Sequence[PerToken]) -> str:
    """Say what is taken, and beside which others.

    Args:
        taken: the way.
        prospects: all of them.
        excess: what it may cost, over the cheapest, at the worst of the prices.
        assumed: prices that were assumed; empty where they are known.
    """
    if not assumed:
        begin = f"{_name(taken)} are cheapest"
    elif excess <= 1:
        begin = f"no price to go by; {_name(taken)} are cheapest at any usual one"
    else:
        begin = (
            f"no price to go by, and which way is cheapest depends on it; {_name(taken)} cost at most "
            f"{times(float(excess))} of the cheapest"
        )
    if taken.name == "pack":
        return f"{begin}: {_beside_singles(taken, prospects, assumed)}"
    packs = [each for each in prospects if each.name == "pack"]
    rival = min(
        (each for each in packs if each.allowed),
        key=lambda each: _over(each, taken, assumed)[0],
        default=min(packs, key=lambda each: _over(each, taken, assumed)[0], default=None),
    )
    instead = f'; strategy "{taken.strategy}"'
    if rival is None:
        return f"{begin}{instead}"
    over = _over(rival, taken, assumed)
    cost = f"packs of {rival.size} would cost {_range(over)}"
    if not rival.allowed and over[0] < 1:
        return f"{begin} of what is allowed: {cost}, but {rival.why_not}{instead}"
    return f"{begin}: {cost}{_because(rival, taken)}{instead}"


def said_of_proof(choice: Choice, audits_needed: int, items: int) -> str:
    """Say whether a promise is worth proving.

    Args:
        choice: with the proof counted in.
        audits_needed: items it takes.
        items: that there are.
    """
    takes = f"the promise takes about {audits_needed:,} of {items:,} items asked alone to prove"
    if choice.taken.name == "pack" and all(part.name != "proof" for part in choice.taken.parts):
        return choice.words
    if choice.taken.name == "pack":
        return f"{takes}; even so, {choice.words}"
    if audits_needed > items:
        return f"the promise needs about {audits_needed:,} audits, for {items:,} items: all are asked alone"
    return f"the promise needs about {audits_needed:,} audits for {items:,} items: {choice.words}"


def _beside_singles(taken: Prospect, prospects: Sequence[Prospect], assumed: Sequence[PerToken]) -> str:
    told = []
    for name, word in (("single", "plain"), ("single, warm cache", "warm")):
        found = next((each for each in prospects if each.name == name), None)
        if found is not None and (found.allowed or name == "single"):
            told.append(f"{_range(_over(taken, found, assumed))} of {word}")
    return f"{' and '.join(told)} single calls" if told else "no single calls to compare with"


def _because(rival: Prospect, taken: Prospect) -> str:
    """What makes packs dearer, where there is money to tell it by."""
    if not rival.usd or taken.usd is None:
        return ""
    bare = sum((part.usd or Decimal(0) for part in rival.parts if part.name == "packs"), Decimal(0))
    if bare >= taken.usd:
        return f" ({times(_ratio(bare, taken.usd))} even without further calls and audits)"
    sums: dict[str, Decimal] = {}
    for part in rival.parts:
        if part.name not in _OVERHEAD:
            sums[part.name] = sums.get(part.name, Decimal(0)) + (part.usd or Decimal(0))
    shares = [f"{name} {100 * usd / rival.usd:.0f}%" for name, usd in sorted(sums.items(), key=_dearest)]
    return f" ({', '.join(shares)} of it)" if shares else ""


def _dearest(named: tuple[str, Decimal]) -> tuple[Decimal, str]:
    return -named[1], named[0]


def _over(some: Prospect, other: Prospect, assumed: Sequence[PerToken]) -> tuple[float, float]:
    """What one costs over the other: the least and the most."""
    if not assumed:
        ratio = _ratio(some.usd or Decimal(0), other.usd or Decimal(0))
        return ratio, ratio
    ratios = [_ratio(at_price(price, some), at_price(price, other)) for price in assumed]
    return min(ratios), max(ratios)


def at_price(price: PerToken, each: Prospect) -> Decimal:
    """What a way costs at an assumed price."""
    return price.cost_usd(each.input_tokens, each.cached_tokens, each.written_tokens, each.output_tokens)


def _ratio(some: Decimal, other: Decimal) -> float:
    if other:
        return float(some / other)
    return float("inf") if some else 1.0


def _name(each: Prospect) -> str:
    if each.name == "pack":
        return f"packs of {each.size}"
    if each.name == "session":
        return "turns of a session"
    return "single calls with a warm cache" if each.name == "single, warm cache" else "single calls"


def _range(of: tuple[float, float]) -> str:
    least, most = (times(each) for each in of)
    return least if least == most else f"{least} to {most}"


def times(ratio: float) -> str:
    """Two digits, and a third where two would say that nothing differs."""
    short = f"{ratio:.2f}"
    return f"{ratio:.3f}x" if short == "1.00" and ratio != 1 else f"{short}x"

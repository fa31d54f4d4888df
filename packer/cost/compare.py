"""What packing took beside one call per item: plain, with a warm prompt cache, at the price of batch jobs.

Money decides where every call is priced. Where it is not, input and output tokens are held against each
other one by one, and a winner is named only when neither is above: what an output token is worth in input
tokens is the provider's to say. Does not know: which calls were made, or what their answers are worth.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from packer.cost.prices import Prices
from packer.cost.ways_words import times
from schemas.comparison import Comparison, Way
from schemas.counted import counted
from schemas.facts import ModelFacts
from schemas.ledger import Baseline
from schemas.usage import Usage, plus_known_usd

CACHED_FROM_TOKENS = 1_024
"""The shortest prefix that most providers cache; some models want two or four times as much."""


SINGLES, WARM, BATCH = "singles", "singles, warm cache", "singles, batch price"
_INSTEAD = 'use strategy="single"'


class _Words(NamedTuple):
    """How a verdict begins."""

    paid: str
    lost: str
    untold: str


_DONE = _Words("packing paid", "packing did not pay", "whether packing paid cannot be told")
_TO_COME = _Words("packing pays", "packing does not pay", "whether packing pays cannot be told")


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums of calls of one kind.

    Attributes:
        items: distinct items that were answered that way, or tried.
        calls: calls, failed ones included.
        usage: tokens as far as they are known.
        unmetered_calls: replies without usage; ``usage`` leaves them out.
        cost_usd: money as far as it is known; None when it is not.
        unpriced_calls: replies whose cost is not known; ``cost_usd`` leaves them out.
        call_s: seconds of all those calls, one after another; 0 when nobody took the time.
    """

    items: int = 0
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    unmetered_calls: int = 0
    cost_usd: Decimal | None = None
    unpriced_calls: int = 0
    call_s: float = 0.0

    def plus(self, other: Spent) -> Spent:
        """Sum of what is known."""
        return Spent(
            self.items + other.items,
            self.calls + other.calls,
            self.usage.plus_known(other.usage),
            self.unmetered_calls + other.unmetered_calls,
            plus_known_usd(self.cost_usd, other.cost_usd),
            self.unpriced_calls + other.unpriced_calls,
            self.call_s + other.call_s,
        )

    @property
    def metered(self) -> bool:
        """Whether the tokens of all its calls are known."""
        used = self.usage
        known = used.input_tokens is not None and used.output_tokens is not None
        return self.items > 0 and not self.unmetered_calls and known


def compare(
    packed: Spent,
    alone: Spent | None,
    *,
    predicted: Baseline | None,
    shared_tokens: int,
    prices: Prices,
    facts: ModelFacts,
    concurrency: int,
    group: str | None = None,
    asked: bool = True,
) -> Comparison:
    """Say whether packing pays.

    Args:
        packed: all that the run took for the items that were not asked alone first: packs, repacks,
            sessions, fallback singles, canaries, probes.
        alone: the sample that was asked alone first; None when there was none. Then, and when its calls
            came without usage, single calls are as predicted.
        predicted: one call per item, as predicted; None when nothing allows that.
        shared_tokens: the part that all single calls begin with, as the provider counts.
        prices: of the model.
        facts: whether the model's provider caches prompts.
        concurrency: calls in flight at once.
        group: whose items these are; None for all.
        asked: False says that ``packed`` is a prediction, too.

    Returns:
        Four ways, per item. Plain single calls read nothing from a cache, warm ones find the whole shared
        part in it; the one call that fills the cache is left out.
    """
    words = _DONE if asked else _TO_COME
    mine = _way("packed", packed, concurrency, asked and packed.items > 0)
    singles = _measured(alone) or _foretold(predicted)
    if singles is None:
        others = tuple(Way(name, False, 0, 1.0) for name in (SINGLES, WARM, BATCH))
        return Comparison((mine, *others), None, None, f"{words.untold}: {_no_singles(predicted)}", group)
    cold = replace(singles.usage, cached_tokens=0, cache_write_tokens=0)
    cached_tokens, no_cache = _cached(singles, shared_tokens, facts)
    warm = replace(cold, cached_tokens=cached_tokens)
    calls = singles.calls
    # What the sample itself read from a cache was measured; what the cache would hold is worked out.
    was_warm = bool(cached_tokens) and cached_tokens == singles.usage.cached_tokens
    others = (
        singles.way(SINGLES, cold, prices.even_usd(cold, calls), concurrency),
        singles.way(WARM, warm, prices.even_usd(warm, calls), concurrency, as_made=was_warm),
        singles.way(BATCH, cold, prices.even_usd(cold, calls, batch=True), concurrency, as_made=False),
    )
    ratio, paid, why = _judged(packed, (mine, *others), prices, no_cache)
    verdict = words.untold if paid is None else words.paid if paid else words.lost
    instead = f"; {_INSTEAD}" if paid is False else ""
    told = f"{verdict}: {why}{instead}; {_rests_on(singles, alone, asked)}"
    return Comparison((mine, *others), ratio, paid, told, group)


@dataclass(frozen=True, slots=True)
class _Singles:
    """Single calls, measured or foretold."""

    items: int
    calls: int
    usage: Usage
    measured: bool
    call_s: float = 0.0

    def way(
        self, name: str, usage: Usage, cost_usd: Decimal | None, concurrency: int, *, as_made: bool = True
    ) -> Way:
        call_s = self.call_s if as_made else 0.0
        spent = Spent(self.items, self.calls, usage, cost_usd=cost_usd, call_s=call_s)
        return _way(name, spent, concurrency, self.measured and as_made)


def _measured(alone: Spent | None) -> _Singles | None:
    if alone is None or not alone.metered:
        return None
    return _Singles(alone.items, alone.calls, alone.usage, True, alone.call_s)


def _foretold(predicted: Baseline | None) -> _Singles | None:
    if predicted is None or not predicted.calls:
        return None
    if predicted.input_tokens is None or predicted.output_tokens is None:
        return None
    usage = Usage(predicted.input_tokens, 0, predicted.output_tokens)
    return _Singles(predicted.calls, predicted.calls, usage, False)


def _no_singles(predicted: Baseline | None) -> str:
    if predicted is None or predicted.input_tokens is None or not predicted.calls:
        return "nothing says what single calls take; measure some with baseline=20"
    return "no answer came, so nobody knows what single replies take"


def _cached(singles: _Singles, shared_tokens: int, facts: ModelFacts) -> tuple[int, str]:
    """Tokens that warm single calls read from the cache, and why there are none."""
    all_tokens = singles.usage.input_tokens or 0
    if facts.cache in ("key", "breakpoint") and shared_tokens >= CACHED_FROM_TOKENS:
        return min(shared_tokens * singles.calls, all_tokens), ""
    # A server that caches shorter prefixes, or one that nobody knows to cache, says so in its usage.
    if singles.measured and singles.usage.cached_tokens:
        return min(singles.usage.cached_tokens, all_tokens), ""
    if facts.cache is None:
        return 0, "whether this model's prompts are cached is not known"
    if facts.cache == "none":
        return 0, "this model's prompts are not cached"
    return 0, f"the {shared_tokens:,} tokens that single calls share are too few for a prompt cache"


def _way(name: str, spent: Spent, concurrency: int, measured: bool) -> Way:
    if not spent.items:
        return Way(name, measured, 0, 0.0)
    tokens = spent.usage if spent.metered else Usage()
    seconds = spent.call_s / spent.items if spent.call_s > 0 else None
    is_priced = spent.cost_usd is not None and not spent.unpriced_calls
    return Way(
        name,
        measured,
        spent.items,
        spent.calls / spent.items,
        _each(tokens.input_tokens, spent.items),
        _each(tokens.cached_tokens, spent.items),
        _each(tokens.output_tokens, spent.items),
        spent.cost_usd / spent.items if is_priced and spent.cost_usd is not None else None,
        seconds,
        None if seconds is None else 3_600 * concurrency / seconds,
    )


def _each(tokens: int | None, items: int) -> float | None:
    return None if tokens is None else tokens / items


def _judged(
    spent: Spent, ways: tuple[Way, Way, Way, Way], prices: Prices, no_cache: str
) -> tuple[float | None, bool | None, str]:
    packed, plain, warm, batch = ways
    if not spent.items:
        return None, None, "no item was packed"
    if packed.cost_usd is not None and plain.cost_usd and warm.cost_usd is not None:
        if prices.batched and batch.cost_usd:
            ratio = float(packed.cost_usd / batch.cost_usd)
            said = f"{times(ratio)} the money of single calls in batch jobs"
            beside = f"{times(float(packed.cost_usd / plain.cost_usd))} of plain single calls"
            return ratio, packed.cost_usd < batch.cost_usd, f"{said} ({beside})"
        return _by_money(packed.cost_usd, plain.cost_usd, warm.cost_usd, batch.cost_usd, no_cache)
    if packed.input_tokens is None:
        unknown = spent.unmetered_calls or spent.calls
        return None, None, f"{unknown:,} of {spent.calls:,} calls came without usage"
    if spent.unpriced_calls:
        why = f"{spent.unpriced_calls:,} of {spent.calls:,} calls have no known price"
    elif plain.cost_usd == 0:
        why = "its price is zero"
    else:
        why = prices.source if not prices.known else "what packing cost is not known"
    return _by_tokens(packed, plain, warm, why)


def _by_money(
    packed: Decimal, plain: Decimal, warm: Decimal, batch: Decimal | None, no_cache: str
) -> tuple[float, bool, str]:
    ratio = float(packed / plain)
    paid = packed < plain and packed < warm
    beside = [] if no_cache or not warm else [f"{times(float(packed / warm))} with a warm cache"]
    if batch:
        beside.append(f"{times(float(packed / batch))} of the batch price")
    elif batch is None:
        beside.append("batch price unknown")
    said = f"{times(ratio)} the money of plain single calls"
    if beside:
        said += f" ({', '.join(beside)})"
    return ratio, paid, f"{said}; {no_cache}" if no_cache else said


def _by_tokens(packed: Way, plain: Way, warm: Way, why: str) -> tuple[float | None, bool | None, str]:
    mine, theirs, hot = _parts(packed), _parts(plain), _parts(warm)
    ratio = (mine[0] + mine[1]) / (theirs[0] + theirs[1]) if theirs[0] + theirs[1] else None
    said = f"{_over(mine[0], theirs[0])} the input and {_over(mine[1], theirs[1])} the output tokens of plain"
    said = f"{said} single calls ({why})"
    # Cheaper at any price at all, as long as a cached token costs no more than a fresh one.
    if _below(mine, theirs) and _below(mine, hot):
        return ratio, True, said
    if _below(theirs, mine, strictly=False) or _below(hot, mine, strictly=False):
        return ratio, False, said
    return ratio, None, said


def _parts(way: Way) -> tuple[float, float, float]:
    """Input, output, and the input that no cache served."""
    sent = way.input_tokens or 0.0
    return sent, way.output_tokens or 0.0, sent - (way.cached_tokens or 0.0)


def _below(some: tuple[float, ...], others: tuple[float, ...], *, strictly: bool = True) -> bool:
    """None above, and where it has to be strict, one below."""
    none_above = all(one <= other for one, other in zip(some, others, strict=True))
    return none_above and (some != others or not strictly)


def _rests_on(singles: _Singles, alone: Spent | None, asked: bool) -> str:
    if singles.measured:
        return f"{counted(singles.items, 'single')} measured"
    if not asked:
        return "all predicted, nothing was asked"
    if alone is not None and alone.items:
        return "single calls are predicted: those that were made came without usage"
    return "single calls are predicted, none was measured"


def _over(mine: float, theirs: float) -> str:
    return times(mine / theirs) if theirs else "?x"

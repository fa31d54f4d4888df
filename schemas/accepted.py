"""Results of accepted answers, made at the price of objects that are not frozen, their shares on demand.

A frozen dataclass fills each field by a call, which makes a result of fifteen nine times as dear as one whose
slots are filled first and which then takes on the frozen class. What an item's share of a call is takes as
long again, and is hardly ever asked for each: a call's shares are worked out when the first is read. Does not
know: how an answer was won, or what it is used for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Generic, TypeVar, cast

from schemas.evidence import Quote
from schemas.item import ItemId
from schemas.result import ItemResult, Outcome
from schemas.review import Review
from schemas.route import Route
from schemas.signal import Signal, Trust
from schemas.usage import Usage, share_out_usd
from schemas.verdict import Reason, Verdict

T_co = TypeVar("T_co", covariant=True)
V = TypeVar("V")

# Looked up once: a member of an enum costs more to find than to compare.
_ACCEPTED = Outcome.ACCEPTED


class CallShares:
    """What the items of one call are charged: parts of one whole, by their size.

    They sum to it, to the token and to the last digit of the money.
    """

    __slots__ = ("_ids", "_made", "_usage", "_usd", "_weights")

    def __init__(
        self, ids: Sequence[ItemId], weights: Sequence[int], usage: Usage, cost_usd: Decimal | None
    ) -> None:
        """Share a call.

        Args:
            ids: of all items that pay for it.
            weights: their sizes, in tokens.
            usage: the call's tokens.
            cost_usd: its money; None when not known.
        """
        self._ids = ids
        self._weights = weights
        self._usage = usage
        self._usd = cost_usd
        self._made: dict[ItemId, tuple[Usage, Decimal | None]] | None = None

    def of(self, item_id: ItemId) -> tuple[Usage, Decimal | None]:
        """One item's tokens and money."""
        made = self._made
        if made is None:
            parts = zip(
                self._usage.shares(self._weights), share_out_usd(self._usd, self._weights), strict=True
            )
            made = self._made = dict(zip(self._ids, parts, strict=True))
        return made[item_id]


class _OnDemand(Generic[V]):
    """A field of a result that may still stand as its call's shares, and is the item's own when read."""

    def __init__(self, name: str, pick: Callable[[tuple[Usage, Decimal | None]], V]) -> None:
        self._slot = vars(ItemResult)[name]
        self._pick = pick

    def __get__(self, result: ItemResult[object] | None, kind: type | None = None) -> object:
        if result is None:
            return self
        value = self._slot.__get__(result)
        if type(value) is CallShares:
            value = self._pick(value.of(result.item_id))
            self._slot.__set__(result, value)
        return value

    def __set__(self, result: ItemResult[object], value: object) -> None:
        self._slot.__set__(result, value)


# The class is made once, here: from now on these two fields read as before, wherever the result came from.
setattr(ItemResult, "usage", _OnDemand("usage", lambda share: share[0]))  # noqa: B010  # no plain assignment
setattr(ItemResult, "cost_usd", _OnDemand("cost_usd", lambda share: share[1]))  # noqa: B010


class _Unfrozen(Generic[T_co]):
    """The slots of a result, open to be filled."""

    __slots__ = ItemResult.__slots__
    item_id: ItemId
    outcome: Outcome
    value: T_co | None
    route: Route | None
    reason: Reason | None
    signals: tuple[Signal, ...]
    attempts: int
    usage: Usage | CallShares
    same_as: ItemId | None
    trust: Trust
    quotes: tuple[Quote, ...]
    call: str
    unmetered_attempts: int
    cost_usd: Decimal | CallShares | None
    review: Review | None


def accepted_result(
    verdict: Verdict[T_co],
    route: Route,
    call: str,
    trust: Trust,
    signals: tuple[Signal, ...],
    attempts: int,
    usage: Usage,
    unmetered_attempts: int,
    cost_usd: Decimal | None,
) -> ItemResult[T_co]:
    """The result of an item whose answer can be used: what ``ItemResult(...)`` makes, in a tenth of the time.

    Args:
        verdict: on the answer.
        route: the kind of call it came from.
        call: names that call.
        trust: in the answer.
        signals: seen in all replies that concern the item.
        attempts: calls it took part in.
        usage: its share of their tokens.
        unmetered_attempts: of the attempts, those without reported tokens.
        cost_usd: its share of their money; None when not known.
    """
    made: _Unfrozen[T_co] = _Unfrozen()
    made.item_id = verdict.slot.item.id
    made.outcome = _ACCEPTED
    made.value = verdict.value
    made.route = route
    made.reason = None
    made.signals = signals
    made.attempts = attempts
    made.usage = usage
    made.same_as = None
    made.trust = trust
    made.quotes = verdict.quotes
    made.call = call
    made.unmetered_attempts = unmetered_attempts
    made.cost_usd = cost_usd
    made.review = None
    frozen: object = made
    frozen.__class__ = ItemResult  # the slots are the same
    return cast("ItemResult[T_co]", frozen)


def accepted_results(
    verdicts: Sequence[Verdict[T_co]],
    route: Route,
    call: str,
    usage: Usage,
    cost_usd: Decimal | None,
    *,
    metered: bool,
) -> list[ItemResult[T_co]]:
    """What ``accepted_result`` makes of each answer of one call that no item was in another one before.

    Args:
        verdicts: one for each item that pays for the call, all of them accepted.
        route: the kind of call.
        call: names it.
        usage: the call's tokens.
        cost_usd: its money; None when not known.
        metered: whether its tokens were reported.
    """
    slots = [verdict.slot for verdict in verdicts]
    ids = [slot.item.id for slot in slots]
    shares = CallShares(ids, [slot.size_tokens for slot in slots], usage, cost_usd)
    share_usd = None if cost_usd is None else shares
    unmetered = 0 if metered else 1
    results: list[object] = []
    for item_id, verdict in zip(ids, verdicts, strict=True):
        # Written out, as this runs for every item.
        made: _Unfrozen[T_co] = _Unfrozen()
        made.item_id = item_id
        made.outcome = _ACCEPTED
        made.value = verdict.value
        made.route = route
        made.reason = None
        made.signals = verdict.signals
        made.attempts = 1
        made.usage = shares
        made.same_as = None
        made.trust = verdict.trust
        made.quotes = verdict.quotes
        made.call = call
        made.unmetered_attempts = unmetered
        made.cost_usd = share_usd
        made.review = None
        result: object = made
        result.__class__ = ItemResult
        results.append(result)
    return cast("list[ItemResult[T_co]]", results)

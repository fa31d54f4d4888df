"""The life of one pack, without I/O: asks go out, replies come in, settled items come out.

A generator that any driver can drive, as live calls, batch jobs or a replay: it yields a ``Step``
(settled results and the next asks) and is sent one reply per ask. This is the one place where the
splitter's needs meet the packer's prompts. Does not know: clients, time, or other packs.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from packer.budget import Allowance
from packer.plan import Markers, alone, seat
from packer.render import render
from packer.session import turn
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError, RateLimited, Unreachable
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.result import Fault, ItemResult, Outcome, Reason, Route, Signal, Split, Verdict
from schemas.settings import Fallback
from schemas.usage import Usage
from splitter import escalate, last_rungs, split

T = TypeVar("T")

Reply = Completion | ClientError
"""What comes back for an ask: a completion, or the error that came instead."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One call to make.

    Attributes:
        pack: who sits in it; its id names the call.
        prompt: what to send.
        route: which rung of the ladder this is.
    """

    pack: Pack[T]
    prompt: Prompt
    route: Route


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """What a flow says at each turn: these are settled, and these are the next calls."""

    settled: tuple[ItemResult[T], ...]
    asks: tuple[Ask[T], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What all flows of a run share.

    Attributes:
        fallback: the ladder.
        allowance: caps replies.
        markers: prices markers of repacks.
        seed: the run's seed.
    """

    fallback: Fallback
    allowance: Allowance
    markers: Markers
    seed: int


@dataclass(slots=True)
class _Open(Generic[T]):
    """One item's story so far."""

    item: Item
    tokens: int
    attempts: int = 0
    usage: Usage = field(default_factory=Usage.none_spent)
    signals: tuple[Signal, ...] = ()
    reason: Reason | None = None
    slot: Slot | None = None
    pack: Pack[T] | None = None


def flow(
    pack: Pack[T], rules: Rules, *, route: Route = Route.PACK
) -> Generator[Step[T], tuple[Reply, ...], tuple[ItemResult[T], ...]]:
    """Live through one pack: ask, keep what is good, and take the rest down the ladder.

    Args:
        pack: the first call.
        rules: what the run allows.
        route: ``single`` for a pack that asks one item alone: nothing lies below that.

    Yields:
        Steps; each wants one reply per ask, in their order, sent back in.

    Returns:
        The last results. With those of the steps, every item of the pack has exactly one.
    """
    story = {str(slot.item.id): _Open[T](slot.item, slot.size_tokens) for slot in pack.slots}
    settled: list[ItemResult[T]] = []
    waiting: list[tuple[Pack[T], int]] = [(pack, 0)]
    rest: list[_Open[T]] = []
    while waiting:
        step_route = route if waiting[0][1] == 0 else Route.REPACK
        asks = tuple(_ask(each, step_route, rules) for each, _ in waiting)
        replies = yield Step(tuple(settled), asks)
        settled, following = [], []
        for (asked, repacks), reply in zip(waiting, replies, strict=True):
            bad = _read(asked, reply, step_route, story, settled)
            if not bad:
                continue
            need = (
                None
                if route is Route.SINGLE
                else escalate(len(bad), len(asked.slots), repacks, rules.fallback)
            )
            if need is not None and need.route is Route.REPACK:
                following += [(each, repacks + 1) for each in _repack(asked, bad, need.groups, rules)]
            else:
                rest += bad
        waiting = following
    tried: Route | None = None
    while rest and route is not Route.SINGLE and (need := last_rungs(tried, len(rest), rules.fallback)):
        rest, settled = yield from _one_by_one(need.route, rest, story, settled, rules)
        tried = need.route
    return (
        *settled,
        *(_failed(each, tried or (route if route is Route.SINGLE else Route.PACK)) for each in rest),
    )


def _one_by_one(
    route: Route,
    rest: list[_Open[T]],
    story: dict[str, _Open[T]],
    settled: list[ItemResult[T]],
    rules: Rules,
) -> Generator[Step[T], tuple[Reply, ...], tuple[list[_Open[T]], list[ItemResult[T]]]]:
    """Session: one turn after the other, so that each finds the prefix cached. Single: all at once."""
    packs = [_lonely(route, each, rules) for each in rest]
    batches = [[each] for each in packs] if route is Route.SESSION else [packs]
    still_bad: list[_Open[T]] = []
    for batch in batches:
        replies = yield Step(tuple(settled), tuple(_ask(each, route, rules) for each in batch))
        settled = []
        for asked, reply in zip(batch, replies, strict=True):
            still_bad += _read(asked, reply, route, story, settled)
    return still_bad, settled


def _lonely(route: Route, each: _Open[T], rules: Rules) -> Pack[T]:
    assert each.pack is not None  # noqa: S101  # only items that were asked before come here
    assert each.slot is not None  # noqa: S101
    if route is Route.SESSION:
        return turn(each.pack, each.slot, Random(f"{rules.seed}:{each.pack.id}:{each.item.id}"))
    return alone(each.pack.task, each.item, each.tokens)


def _repack(asked: Pack[T], bad: Sequence[_Open[T]], groups: Sequence[int], rules: Rules) -> list[Pack[T]]:
    made, start = [], 0
    for number, size in enumerate(groups):
        members = [(each.item, each.tokens) for each in bad[start : start + size]]
        start += size
        pack_id = f"{asked.id}.{number}"
        made.append(seat(pack_id, asked.task, members, asked.layout, rules.seed, rules.markers))
    return made


def _ask(pack: Pack[T], route: Route, rules: Rules) -> Ask[T]:
    return Ask(
        pack, render(pack, max_output_tokens=rules.allowance.max_output_tokens(len(pack.slots))), route
    )


def _read(
    pack: Pack[T],
    reply: Reply,
    route: Route,
    story: dict[str, _Open[T]],
    settled: list[ItemResult[T]],
) -> list[_Open[T]]:
    """Book the call, settle what is good or hopeless, and give back what wants another try."""
    usage = reply.usage if isinstance(reply, Completion) else Usage()
    shares = usage.shares([slot.size_tokens for slot in pack.slots])
    done = split(pack, reply) if isinstance(reply, Completion) else _all_rejected(pack, reply)
    bad: list[_Open[T]] = []
    for verdict, share in zip(done.verdicts, shares, strict=True):
        each = story[str(verdict.slot.item.id)]
        each.attempts += 1
        each.usage += share
        each.signals += verdict.signals
        each.slot, each.pack, each.reason = verdict.slot, pack, verdict.reason
        if verdict.accepted:
            settled.append(
                ItemResult(
                    each.item.id,
                    Outcome.ACCEPTED,
                    verdict.value,
                    route,
                    signals=each.signals,
                    attempts=each.attempts,
                    usage=each.usage,
                )
            )
        elif _could_not_be_reached(reply):
            settled.append(_failed(each, route))
        else:
            bad.append(each)
    return bad


def _could_not_be_reached(reply: Reply) -> bool:
    """Errors that a smaller prompt cannot mend: going down the ladder would only spend calls."""
    return isinstance(reply, ClientError) and (
        reply.stops_run or isinstance(reply, Unreachable | RateLimited)
    )


def _all_rejected(pack: Pack[T], error: ClientError) -> Split[T]:
    reason = Reason(Fault.CALL_FAILED, f"{error.code}: {error}")
    return Split(tuple(Verdict(slot, reason=reason) for slot in pack.slots))


def _failed(each: _Open[T], route: Route) -> ItemResult[T]:
    return ItemResult(
        each.item.id,
        Outcome.FAILED,
        route=route,
        reason=each.reason,
        signals=each.signals,
        attempts=each.attempts,
        usage=each.usage,
    )

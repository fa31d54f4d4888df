"""What a plan has decided, apart from any prompt: who sits together, who is asked alone, who is refused.

Plain numbers, so that another process can carry out the very same plan without counting a text again.
Does not know: prompts, clients, or how the seats were chosen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat, starmap
from operator import mul
from random import Random
from typing import Generic, TypeVar

from packer.audit.draw import of_calls
from packer.binpack import Room, pack_in_order, pack_tightly
from packer.budget import Allowance
from packer.crowding import crowding, crowding_from
from packer.seat import SALT
from schemas.item import Item, ItemId
from schemas.protocols import TokenCounter
from schemas.result import ItemResult, Outcome
from schemas.settings import Layout, Strategy
from schemas.verdict import Fault, Reason

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Seating(Generic[T_co]):
    """Who sits where.

    Attributes:
        bins: of each pack, its members as positions among the inputs.
        sample: positions of the inputs that are asked alone before any pack, as the baseline.
        trial: positions of the inputs on which pack sizes are tried first; in no pack of the plan.
        audited: positions of the inputs whose packed answer is held against a single one.
        twice: those of them that are asked alone twice.
        text_tokens: of each input's text, by position; inputs that are not asked are missing.
        dearest_tokens: most that a marker adds to a text.
        refused: inputs that no call is spent on.
        allowance: the room each pack had.
    """

    bins: tuple[tuple[int, ...], ...]
    sample: tuple[int, ...]
    text_tokens: dict[int, int]
    dearest_tokens: int
    refused: tuple[ItemResult[T_co], ...]
    allowance: Allowance
    trial: tuple[int, ...] = ()
    audited: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()


def decide(
    every: Sequence[Item],
    asked: Sequence[int],
    room: Allowance,
    layout: Layout,
    counter: TokenCounter,
    *,
    text_tokens: Sequence[int],
    dearest_tokens: int,
    strategy: Strategy,
    seed: int,
    sample_items: int,
    trial_items: int = 0,
    audit: float = 0.0,
    audit_twice: float = 0.0,
) -> Seating[T]:
    """Decide who is refused, who is asked alone first, and who sits together.

    Args:
        every: all inputs.
        asked: positions of those with a text of their own.
        room: for items in one pack.
        layout: order and way of packing.
        counter: named where a text is too long.
        text_tokens: of each of those asked.
        dearest_tokens: most that a marker adds to a text.
        strategy: other than ``pack`` seats everyone alone.
        seed: of the run.
        sample_items: so many are asked alone first.
        trial_items: on so many, pack sizes are tried.
        audit: share of packed items that is held against a single answer.
        audit_twice: share of those that is asked alone twice.
    """
    refused: list[ItemResult[T]] = [
        _refuse(item, Fault.EMPTY_TEXT, "the text is empty; nothing was asked")
        for item in (every if len(asked) < len(every) else ())
        if is_blank(item.text)
    ]
    fitting = dict(zip(asked, text_tokens, strict=True))
    most = room.room.tokens - dearest_tokens
    if max(text_tokens, default=0) > most:
        for each, tokens in zip(asked, text_tokens, strict=True):
            if tokens > most:
                del fitting[each]
                detail = (
                    f"the text takes {tokens:,} tokens ({counter.name}); one call has room for "
                    f"{room.room.tokens:,}. Raise Budget(input_tokens=...) or shorten the text"
                )
                refused.append(_refuse(every[each], Fault.OVER_BUDGET, detail))
    sample = _sampled(every, fitting, sample_items, seed)
    rest = _without(fitting, sample)
    trial = _sampled(every, rest, trial_items, seed, "trial")
    left = list(_without(rest, trial))
    audited: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    if strategy == "pack":
        bins = tuple(_bins(every, left, fitting, layout, room, dearest_tokens, seed))
    else:
        bins = tuple([(each,) for each in left])
    if strategy != "single":
        audited, twice = _audited(bins, audit, audit_twice, seed)
    return Seating(bins, sample, fitting, dearest_tokens, tuple(refused), room, trial, audited, twice)


def seated_anew(
    every: Sequence[Item], positions: Sequence[int], before: Seating[T], layout: Layout, seed: int, size: int
) -> list[tuple[int, ...]]:
    """Seat inputs that no pack was opened for in packs of another size.

    Args:
        every: all inputs.
        positions: those to seat.
        before: the seating that they had; its room is not exceeded.
        layout: way of packing.
        seed: of the run.
        size: most items a pack; 1 for each alone.
    """
    if size == 1:
        return [(each,) for each in positions]
    whole = before.allowance.room
    room = replace(before.allowance, room=Room(whole.tokens, min(size, whole.items)))
    return _bins(every, positions, before.text_tokens, layout, room, before.dearest_tokens, seed)


def _audited(
    bins: Sequence[tuple[int, ...]], share: float, twice: float, seed: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A draw in which every seat has the same chance, spread over places and sizes of calls."""
    drawn = of_calls([len(bin_) for bin_ in bins], share, seed=seed)
    chosen = [bins[call][place] for call, place in drawn]
    again = Random(f"{SALT}:{seed}:twice").sample(chosen, math.ceil(twice * len(chosen)))
    return tuple(sorted(chosen)), tuple(sorted(again))


def _sampled(
    every: Sequence[Item], fitting: dict[int, int], items: int, seed: int, what: str = "sample"
) -> tuple[int, ...]:
    """A draw from each group, in proportion to its size."""
    random = Random(f"{SALT}:{seed}:{what}")
    drawn = [random.sample(each, len(each)) for each in _by_group(every, fitting)] if items else []
    return tuple(sorted(_interleaved(drawn)[:items]))


def _without(tokens: dict[int, int], drawn: Collection[int]) -> dict[int, int]:
    if not drawn:
        return tokens
    apart = set(drawn)
    return {each: count for each, count in tokens.items() if each not in apart}


def _bins(
    every: Sequence[Item],
    rest: Sequence[int],
    tokens: dict[int, int],
    layout: Layout,
    room: Allowance,
    marker_tokens: int,
    seed: int,
) -> list[tuple[int, ...]]:
    tight = layout.packing == "tight"
    way = pack_tightly if tight else pack_in_order
    random = Random(f"{SALT}:{seed}:order")
    long = crowding_among(every, rest, tokens, marker_tokens, room)
    by_group: list[list[tuple[int, ...]]] = []
    for members in _by_group(every, rest):
        if tight and layout.shuffle:
            _shuffle(members, random)
        shared = [each for each in members if each not in long] if long else members
        found = way([tokens[each] + marker_tokens for each in shared], room.room)
        bins = [tuple([shared[index] for index in bin_]) for bin_ in found]
        if len(shared) < len(members):
            bins += [(each,) for each in members if each in long]
            place = {each: index for index, each in enumerate(members)}
            bins.sort(key=lambda each: place[each[0]])
        by_group.append(bins)
    # What is seen of the first packs, and of a run that ends early, is to speak for all groups.
    return _interleaved(by_group)


def _shuffle(members: list[int], random: Random) -> None:
    """``random.shuffle`` in a third of its time: 53 bits decide each place (Fisher and Yates 1938)."""
    count = len(members)
    lots = map(int, map(mul, starmap(random.random, repeat((), count - 1)), range(count, 1, -1)))
    for place, other in zip(range(count - 1, 0, -1), lots, strict=True):
        members[place], members[other] = members[other], members[place]


def _by_group(every: Sequence[Item], positions: Iterable[int]) -> list[list[int]]:
    positions = list(positions)
    if len({every[each].group for each in positions}) < 2:
        return [positions] if positions else []
    groups: dict[str | None, list[int]] = defaultdict(list)
    for each in positions:
        groups[every[each].group].append(each)
    return list(groups.values())


def _interleaved(rows: Sequence[Sequence[T]]) -> list[T]:
    """All entries of all rows, each row spread evenly over the whole."""
    if len(rows) == 1:
        return list(rows[0])
    placed = [
        ((number + 0.5) / len(row), which, each)
        for which, row in enumerate(rows)
        for number, each in enumerate(row)
    ]
    placed.sort(key=lambda entry: entry[:2])
    return [each for _, _, each in placed]


def crowding_among(
    every: Sequence[Item], rest: Sequence[int], tokens: dict[int, int], marker_tokens: int, room: Allowance
) -> frozenset[int]:
    """Positions of the inputs that get a pack of their own, among those that are packed at all."""
    if max(tokens.values(), default=0) + marker_tokens <= crowding_from(room.room):
        return frozenset()
    sizes = [tokens[each] + marker_tokens for each in rest]
    found = crowding(sizes, room.room, groups=[every[each].group for each in rest])
    return frozenset(rest[index] for index in found)


def distinct(items: Sequence[Item]) -> tuple[list[int], dict[ItemId, ItemId]]:
    """Positions of the items to ask, and for each repeated text the item that is asked for it."""
    texts = [item.text for item in items]
    seen = set(texts)
    if len(seen) == len(texts) and not any(map(is_blank, seen)):
        return list(range(len(texts))), {}
    first: dict[str | tuple[str, str], int] = {}
    asked: list[int] = []
    same_as: dict[ItemId, ItemId] = {}
    for position, item in enumerate(items):
        text = item.text
        if is_blank(text):
            continue
        before = first.setdefault(text if item.group is None else (item.group, text), position)
        if before == position:
            asked.append(position)
        else:
            same_as[item.id] = items[before].id
    return asked, same_as


def is_blank(text: str) -> bool:
    """Whether a text says nothing."""
    return not text or text.isspace()


def _refuse(item: Item, fault: Fault, detail: str) -> ItemResult[T_co]:
    return ItemResult(item.id, Outcome.FAILED, reason=Reason(fault, detail))

"""The figures that charts are drawn from: calls in order, answers by seat, answers beside their neighbours'.

Does not know: how charts look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packer.out.report.words import as_text, is_doubtful, model_answer
from schemas.item import ItemId
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord

LEAST_ANSWERS = 20
"""Fewer answers, or pairs of them, say nothing about seats or neighbours."""
LEAST_PER_SEAT = 5
MOST_LABELS = 5
MOST_SEATS = 20
MOST_APART = 5
MOST_POINTS = 150
_MOST_DISTINCT = 30


@dataclass(frozen=True, slots=True)
class SizePoint:
    """Calls that follow one another, drawn as one point.

    Attributes:
        first: number of the first call, counted from 1.
        last: number of the last call.
        least: members of the smallest.
        most: members of the largest.
        mean: members on average.
        route: the most frequent kind of call among them.
        failed: how many came back without a reply.
    """

    first: int
    last: int
    least: int
    most: int
    mean: float
    route: str
    failed: int


@dataclass(frozen=True, slots=True)
class BySeat:
    """How a share goes with the seat.

    Attributes:
        name: whose share: of a label, or of what.
        seats: seats counted from 1, as ``3`` or ``3-4`` where several are drawn as one.
        shares: 0 to 1, one per seat.
        counts: answers behind each share.
        overall: the share over all seats.
    """

    name: str
    seats: tuple[str, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    overall: float


@dataclass(frozen=True, slots=True)
class Alike:
    """How often answers of one call are equal, by how far apart they sit.

    Attributes:
        apart: seats between the two, 1 for the previous seat.
        equal: share of equal pairs, 0 to 1.
        pairs: how many there are.
        expected: share of equal pairs if neighbours did not matter, from the labels' shares.
    """

    apart: int
    equal: float
    pairs: int
    expected: float


def sizes(record: RunRecord) -> list[SizePoint]:
    """Size of calls in the order of sending, drawn together so that there are at most 150 points."""
    calls = record.calls
    step = max(1, -(-len(calls) // MOST_POINTS))
    return [_point(start + 1, calls[start : start + step]) for start in range(0, len(calls), step)]


def packed_calls(record: RunRecord) -> list[CallRecord]:
    """Answered calls of two items or more, one per ask."""
    answered = {call.name: call for call in record.calls if call.state is CallState.ANSWERED}
    return [call for call in answered.values() if len(call.members) > 1]


def seat_shares(record: RunRecord) -> list[BySeat]:
    """Share of each frequent answer by seat; where answers are no labels, share of those not taken as clean.

    Returns:
        One row per label, the most frequent first, or one in all; empty where there is too little.
    """
    by_id = {item.id: item for item in record.items}
    calls = packed_calls(record)
    rows = [list(_answers(call, by_id)) for call in calls]
    labels = _labels([answer for row in rows for _, answer in row])
    if labels:
        return _by_seat(rows, [label for label, _ in labels.most_common(MOST_LABELS)])
    marks = [
        [
            (seat, "x" if _unclean(by_id.get(member), call.name) else "")
            for seat, member in enumerate(call.members)
        ]
        for call in calls
    ]
    return [
        BySeat("not taken as clean", row.seats, row.shares, row.counts, row.overall)
        for row in _by_seat(marks, ["x"])
    ]


def alike(record: RunRecord) -> list[Alike]:
    """How often an answer equals that of a seat before it; empty where answers are no labels or too few."""
    by_id = {item.id: item for item in record.items}
    rows = [list(_answers(call, by_id)) for call in packed_calls(record)]
    labels = _labels([answer for row in rows for _, answer in row])
    total = labels.total()
    if total < LEAST_ANSWERS or len(labels) < 2:
        return []
    expected = sum(count * (count - 1) for count in labels.values()) / (total * (total - 1))
    equal: Counter[int] = Counter()
    pairs: Counter[int] = Counter()
    for row in rows:
        seated = dict(row)
        for seat, answer in row:
            for apart in range(1, MOST_APART + 1):
                before = seated.get(seat - apart)
                if before is not None:
                    pairs[apart] += 1
                    equal[apart] += before == answer
    return [
        Alike(apart, equal[apart] / pairs[apart], pairs[apart], expected)
        for apart in sorted(pairs)
        if pairs[apart] >= LEAST_ANSWERS
    ]


def _point(first: int, calls: Sequence[CallRecord]) -> SizePoint:
    members = [len(call.members) for call in calls]
    route = Counter(call.route for call in calls).most_common(1)[0][0]
    failed = sum(call.state is CallState.FAILED for call in calls)
    mean = sum(members) / len(members)
    return SizePoint(first, first + len(calls) - 1, min(members), max(members), mean, route, failed)


def _answers(call: CallRecord, by_id: Mapping[ItemId, ItemRecord]) -> Iterator[tuple[int, str]]:
    """Seat and answer of those items that this very call settled."""
    for seat, member in enumerate(call.members):
        item = by_id.get(member)
        result = item.result if item else None
        if result is not None and result.call == call.name:
            answer = model_answer(result)
            if answer is not None:
                yield seat, as_text(answer)


def _labels(answers: Sequence[str]) -> Counter[str]:
    """The answers counted, where they come from a small set; nothing where nearly each is its own."""
    counted = Counter(answers)
    small = len(counted) <= _MOST_DISTINCT and len(counted) * 2 <= len(answers)
    return counted if small and max(map(len, counted), default=0) <= 200 else Counter()


def _unclean(item: ItemRecord | None, call: str) -> bool:
    """Whether this call did not settle the item, or left it doubtful or failed."""
    if item is None or item.result is None or item.result.call != call:
        return True
    return item.state is ItemState.FAILED or is_doubtful(item)


def _by_seat(rows: Sequence[Sequence[tuple[int, str]]], names: Sequence[str]) -> list[BySeat]:
    seats = 1 + max((seat for row in rows for seat, _ in row), default=-1)
    width = max(1, -(-seats // MOST_SEATS))
    totals: Counter[int] = Counter(seat // width for row in rows for seat, _ in row)
    kept = [place for place in sorted(totals) if totals[place] >= LEAST_PER_SEAT]
    if totals.total() < LEAST_ANSWERS or len(kept) < 2:
        return []
    told = tuple(_seat_name(place, width, seats) for place in kept)
    counts = tuple(totals[place] for place in kept)
    found = []
    for name in names:
        held = Counter(seat // width for row in rows for seat, answer in row if answer == name)
        shares = tuple(held[place] / totals[place] for place in kept)
        found.append(BySeat(name, told, shares, counts, held.total() / totals.total()))
    return found


def _seat_name(place: int, width: int, seats: int) -> str:
    first, last = place * width + 1, min(seats, (place + 1) * width)
    return str(first) if first == last else f"{first}-{last}"

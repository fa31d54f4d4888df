"""K2, answers moved along the row: one lag fits better than lag 0.

Each seat's echo, quotes and values say whose text they come from. When they point to the seat at one
and the same distance for most seats that point anywhere but home, the row has slipped, and even seats
without evidence of their own are suspect. On bare labels it sees one thing only: a finished reply that
lacks just its last handles may have lost an entry further up and closed ranks. Does not know: which
fault made it slip.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from schemas.signal import Signal, SignalKind
from splitter.leaves import Leaf
from splitter.match import folded
from splitter.reading import Reading

LEAST_SEATS = 3
LEAST_SHARE = 0.6


def detect(reading: Reading) -> list[Signal]:
    """Find the lag at which most misplaced evidence points, and ranks that may have closed."""
    if reading.one_to_one and len(reading.looked_up.home) == len(reading.seats):
        return []
    away, at_home = _pointers(reading)
    return _slipped(reading, away, at_home) or _closed_ranks(reading, at_home)


def _closed_ranks(reading: Reading, at_home: set[int]) -> list[Signal]:
    """The last handles are missing and nothing else is odd: any entry before may be its successor's."""
    present = [seat.entries for seat in reading.seats]
    answered = len(present) - present.count(0)
    in_front = present[:answered] == [1] * answered
    if reading.cut or not in_front or not 0 < answered < len(present) or answered < len(reading.entries):
        return []
    told = "the reply lacks its last handles: an entry may be lost further up, and those after it moved up"
    return [
        Signal(SignalKind.SHIFT, told, 0.6, f"{answered} of {len(present)}", (reading.ids[place],))
        for place, seat in enumerate(reading.seats)
        if seat.reason is None and place not in at_home
    ]


def _slipped(reading: Reading, away: dict[int, set[int]], at_home: set[int]) -> list[Signal]:
    lags = Counter(lag for pointed in away.values() for lag in pointed)
    if not lags:
        return []
    lag, hits = max(lags.items(), key=lambda each: (each[1], -abs(each[0])))
    if hits < LEAST_SEATS or hits < LEAST_SHARE * len(away):
        return []
    first = min(place for place, pointed in away.items() if lag in pointed)
    suspect = [
        place
        for place, seat in enumerate(reading.seats)
        if seat.reason is None and place not in at_home and (place in away or place >= first)
    ]
    told = f"{hits} answers in a row rest on the item {abs(lag)} {'after' if lag > 0 else 'before'} theirs"
    return [
        Signal(SignalKind.SHIFT, told, min(1.0, 0.5 + hits / 20), f"lag {lag:+}", (reading.ids[place],))
        for place in suspect
    ]


def _pointers(reading: Reading) -> tuple[dict[int, set[int]], set[int]]:
    """For each seat with evidence that stands elsewhere: the lags it points to; and the seats at home."""
    away: dict[int, set[int]] = {}
    at_home = set(reading.looked_up.home)
    strays: dict[int, list[Leaf]] = defaultdict(list)
    for place, leaf in reading.looked_up.strays:
        strays[place].append(leaf)
    seals = {seat.slot.seal: place for place, seat in enumerate(reading.seats) if seat.slot.seal is not None}
    for place, seat in enumerate(reading.seats):
        if place in at_home:
            continue
        texts = [quote for _, quote in seat.quotes]
        sealed: list[int] = []
        if seat.echo is not None and seals:
            sealed = [seals[seat.echo]] if seat.echo in seals else []
        elif seat.echo is not None:
            texts.append(seat.echo)
        hay = reading.hays[place]
        if place in sealed or any(hay.quoted(text) for text in texts):
            at_home.add(place)
            continue
        stands = {other for leaf in strays[place] for other in reading.stands(leaf)}
        stands.update(sealed, *(reading.holding(folded(text)) for text in texts))
        if stands:
            away[place] = {other - place for other in stands}
    return away, at_home

"""K5, an extracted value stands in a neighbour's text and not in the item's own.

A value that no text holds word for word (a sum, a code, a summary) proves nothing, so a field counts
only as far as this very reply shows that its values are copied: see ``_copied``. Values of closed
fields (enums, true and false) are left out. Does not know: quotes or labels.
"""

from __future__ import annotations

from collections import Counter

from schemas.signal import Signal, SignalKind
from splitter.leaves import Leaf
from splitter.match import FUZZY_CUTOFF
from splitter.reading import Reading

LEAST_NEAR = 7
LEAD = 8.0
COPIED = 0.8
MOSTLY_COPIED = 0.6
"""Several leaks in one reply lower the share that they are judged by."""

LEAST_LEAVES = 4
STRONG, WEAK = 1.0, 0.4


def detect(reading: Reading) -> list[Signal]:
    """Look each value up in its own text, then in the neighbours'."""
    found: list[Signal] = []
    strays = reading.looked_up.strays
    if not strays:
        return found
    derived = _derived(strays)
    grounded = _copied(reading)
    for place, leaf in strays:
        item_id = reading.ids[place]
        if where := reading.stands(leaf):
            innocent = _short(leaf) or (leaf.field, leaf.text) in derived
            copied = grounded.get(leaf.field, 0.0) >= MOSTLY_COPIED
            strength = WEAK if innocent and not copied else STRONG
            found.append(_foreign(reading, place, sorted(where), leaf, strength))
        elif near := _near(reading, place, leaf):
            found.append(_foreign(reading, place, near, leaf, 0.8))
        elif grounded.get(leaf.field, 0.0) >= COPIED:
            told = f"{leaf.text[:40]!r} ({leaf.field or 'value'}) stands in no item of the call"
            found.append(Signal(SignalKind.UNGROUNDED, told, 0.6, leaf.text[:200], (item_id,)))
    return found


def _derived(strays: list[tuple[int, Leaf]]) -> set[tuple[str, str]]:
    """Values that two or more items got without holding them: made, unless the field is one of copies."""
    makers = Counter((leaf.field, leaf.text) for _, leaf in strays)
    return {value for value, times in makers.items() if times >= 2}


def _copied(reading: Reading) -> dict[str, float]:
    """Per field: the share of its values that stand in their own text, each judged by the others.

    A field with few values is judged by all fields together; where these are few too, it is absent.
    """
    every = Counter(leaf.field for leaves in reading.leaves for leaf in leaves if not leaf.closed)
    own = every - Counter(leaf.field for _, leaf in reading.looked_up.strays)
    whole = (sum(own.values()), sum(every.values()))
    pairs = {field: (own[field], n) if n >= LEAST_LEAVES else whole for field, n in every.items()}
    # Without the one that is looked at: it is not in its own text, or nobody would ask.
    return {field: yes / (n - 1) for field, (yes, n) in pairs.items() if n >= LEAST_LEAVES}


def _short(leaf: Leaf) -> bool:
    """Values like 7 or "kg" stand in many texts by chance; they count where the field is one of copies."""
    if leaf.number is not None:
        return len(leaf.number.as_tuple().digits) < 3
    return len(leaf.text.strip()) < 3


def _near(reading: Reading, place: int, leaf: Leaf) -> list[int]:
    """Neighbours whose text holds nearly this value, and clearly more nearly than the own text does."""
    if leaf.numeric or len(leaf.text) < LEAST_NEAR:
        return []
    least = _least_likeness(len(leaf.text))
    own = reading.hays[place].likeness(leaf.text, least - LEAD)
    return reading.near(leaf.text, place, max(least, own + LEAD))


def _least_likeness(length: int) -> float:
    """What two edits leave of a value of this length, but never below what chance reaches."""
    return max(FUZZY_CUTOFF - 10, 100.0 * (1 - 2.5 / length))


def _foreign(reading: Reading, place: int, held: list[int], leaf: Leaf, strength: float) -> Signal:
    whose = tuple(reading.ids[other] for other in held)
    told = f"{leaf.text[:40]!r} ({leaf.field or 'value'}) stands in item {whose[0]!r}, not in this one"
    return Signal(SignalKind.FOREIGN_VALUE, told, strength, leaf.text[:200], (reading.ids[place], *whose))

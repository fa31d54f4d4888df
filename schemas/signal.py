"""Signals: traces of bleed or damage, and what a guard makes of each.

The kinds follow the taxonomy K1 to K14 in docs/bleed.md. Does not know: how a trace is found, or what
happens to an item that shows one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.item import ItemId


class SignalKind(StrEnum):
    """What kind of trace was seen."""

    PROSE = "prose"
    REPAIRED = "repaired"
    MISSING = "missing"  # K1
    DUPLICATE_KEY = "duplicate_key"  # K1
    FOREIGN_HANDLE = "foreign_handle"  # K1
    SHIFT = "shift"  # K2
    MISBOUND = "misbound"  # K3
    UNBOUND = "unbound"  # K3
    FOREIGN_EVIDENCE = "foreign_evidence"  # K4
    UNGROUNDED = "ungrounded"  # K4, K5: it stands in no item at all
    FOREIGN_VALUE = "foreign_value"  # K5
    NEIGHBOUR_COPY = "neighbour_copy"  # K6
    POLARITY_PULL = "polarity_pull"  # K7
    POSITION_DRIFT = "position_drift"  # K8
    SECOND_LOOK = "second_look"  # K9
    CANARY = "canary"  # K10
    CROSS_REFERENCE = "cross_reference"  # K11
    DISCOUNTED = "discounted"  # K12
    REFUSAL_SPREAD = "refusal_spread"  # K13
    REPETITION = "repetition"
    AUDIT = "audit"  # asked alone, the item was answered otherwise


@dataclass(frozen=True, slots=True)
class Signal:
    """A trace in a reply, or in a whole run, that may mean bleed or damage.

    Attributes:
        kind: what was seen.
        detail: what exactly, for a person.
        strength: 0 to 1; 1 is proof, 0.5 as likely chance as not.
        evidence: the piece of text or the figure that shows it, at most 200 characters; model output,
            so never trust it.
        items: ids of the items it concerns: first those that show it, then those it came from.
    """

    kind: SignalKind
    detail: str
    strength: float = 1.0
    evidence: str = ""
    items: tuple[ItemId, ...] = ()


class Action(StrEnum):
    """What a guard does about a signal."""

    NOTE = "note"
    DOUBT = "doubt"
    REJECT = "reject"
    STOP = "stop"


class Trust(StrEnum):
    """How far an accepted answer is to be trusted."""

    CLEAN = "clean"
    DOUBTFUL = "doubtful"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Seated:
    """One packed answer with the seat it was given in: what tests over a whole run look at.

    Attributes:
        call: names the call.
        position: the seat, counted from 0, in the order the prompt showed.
        item_id: whose answer.
        answer: the answer as one comparable string: a label, or compact JSON.
        length: characters of the answer as JSON.
        filled: share of the answer's fields that are not null or empty, 0 to 1.
    """

    call: str
    position: int
    item_id: ItemId
    answer: str
    length: int
    filled: float = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """A test over a whole run, made free of charge because seats and neighbours are random.

    Attributes:
        kind: what was tested.
        statistic: the figure itself, in the unit that ``detail`` names.
        expected: what chance alone gives; the mean over permutations.
        p_value: exact: how often chance alone gives at least this much; None when there was too little
            to test.
        answers: how many answers went in.
        detail: what was tested and what it means, for a person.
    """

    kind: SignalKind
    statistic: float | None
    expected: float | None
    p_value: float | None
    answers: int
    detail: str

"""Plain words and figures of a report: numbers, money, durations, and what states and routes are called.

Does not know: HTML, or what is told of a run.
"""

from __future__ import annotations

import json

from packer.out.board.state_bar import in_words
from packer.out.board.worth import money as money
from packer.out.report.html import Html, el
from schemas.record import ItemRecord, ItemState
from schemas.result import ItemResult
from schemas.review import Ruling
from schemas.signal import SignalKind, Trust

STATES = {
    ItemState.ACCEPTED: "accepted",
    ItemState.HELD: "held for a review",
    ItemState.FAILED: "failed",
    ItemState.IN_FLIGHT: "in a call now",
    ItemState.QUEUED: "not settled yet",
}
ROUTES = {
    "pack": "several items in one call",
    "repack": "asked again in a smaller pack",
    "session": "one conversation, one item a turn",
    "single": "one item, one call",
    "cache": "answer known from before",
    "baseline": "asked alone first, to measure with",
    "probe": "finding out what the server can do",
    "canary": "inputs with known answers, mixed in",
    "calibration": "pack sizes tried on a sample first",
    "audit": "asked alone, to hold packed answers against",
}
WORDS = {
    "bleed": "an answer is another one because of the items beside it in the call",
    "doubtful": "a check saw a sign of that; the answer is given all the same",
}
_SIGNALS = {
    SignalKind.MISBOUND: "came back under another item's marker",
    SignalKind.UNBOUND: "came back without its marker",
    SignalKind.SHIFT: "answers slid from item to item",
    SignalKind.FOREIGN_EVIDENCE: "rests on another item's words",
    SignalKind.FOREIGN_VALUE: "holds another item's words",
    SignalKind.UNGROUNDED: "rests on words that stand nowhere",
    SignalKind.SECOND_LOOK: "another answer when asked again",
    SignalKind.AUDIT: "another answer when asked alone",
    SignalKind.NEIGHBOUR_COPY: "like its neighbour",
    SignalKind.POLARITY_PULL: "answers of one call pulled one way",
    SignalKind.POSITION_DRIFT: "answers that go with the position",
    SignalKind.DISCOUNTED: "later answers that give less",
}


def figure(number: float | None) -> str:
    """A number in three digits or its whole ones; unknown ones say so.

    Example:
        >>> figure(12345), figure(43.94), figure(0.1), figure(None)
        ('12,345', '43.9', '0.1', 'unknown')
    """
    if number is None:
        return "unknown"
    if isinstance(number, int) or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.1f}".removesuffix(".0") if abs(number) >= 10 else f"{number:.3g}"


def percent(share: float) -> str:
    """A share of 1 in percent.

    Example:
        >>> percent(0.5), percent(0.043), percent(0.0004), percent(0)
        ('50%', '4.3%', 'under 0.1%', '0%')
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{share * 100:.1f}%".replace(".0%", "%") if share < 0.1 else f"{share * 100:.0f}%"


def duration(seconds: float) -> str:
    """A span of time in its two largest units.

    Example:
        >>> duration(0.42), duration(75), duration(7320)
        ('0.4 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def cut(text: str, most: int) -> str:
    """The beginning of a text, and how much was left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def data(text: object, most: int = 300) -> Html:
    """A piece of foreign text inside a sentence, kept from reordering it."""
    return el("bdi", cut(str(text), most))


def signal_words(kind: SignalKind) -> str:
    """What a check saw, as one reads it."""
    return _SIGNALS.get(kind, in_words(kind))


def as_text(value: object) -> str:
    """An answer as one reads it: a label as it is, anything else as JSON."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "(cannot be shown as JSON)"


def model_answer(result: ItemResult[object]) -> object:
    """What the model said, also where a person has corrected it."""
    review = result.review
    return review.before if review is not None and review.ruling is Ruling.CORRECT else result.value


def is_doubtful(item: ItemRecord) -> bool:
    """Whether it has an answer that a person may want to look at."""
    if item.result is None or item.state not in (ItemState.ACCEPTED, ItemState.HELD):
        return False
    return item.result.trust is Trust.DOUBTFUL

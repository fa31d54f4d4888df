"""The one door: a pack and its completion in, a verdict per slot out.

Pure and total: any text in, verdicts out, never an exception. Does not know: how the pack was
worded, who answered, or what happens to rejected items.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TypeVar

from schemas.chat import Completion, FinishReason
from schemas.guard import Guard
from schemas.item import ItemId
from schemas.pack import SINGLE_HANDLE, Pack
from schemas.result import Fault, Reason, Split, Verdict
from schemas.signal import Action, Signal, SignalKind, Trust
from splitter.align import Aligned, align
from splitter.bleed import (
    bijection,
    binding,
    canary,
    evidence,
    reference,
    refusal,
    repetition,
    shift,
    value,
)
from splitter.lines import parse_lines
from splitter.match import ground
from splitter.parse import Parsed, Rung, parse
from splitter.reading import Reading
from splitter.validate import validate

T = TypeVar("T")

DETECTORS = (bijection, binding, evidence, value, shift, reference, refusal, repetition, canary)
_BY_DEFAULT = Guard()


def split(pack: Pack[T], completion: Completion, *, guard: Guard = _BY_DEFAULT) -> Split[T]:
    """Take one reply apart.

    Args:
        pack: what was asked.
        completion: what came back, whatever it is.
        guard: which signals reject an answer and which make it doubtful.

    Returns:
        One verdict per slot in the pack's order, and the traces that concern the whole reply.

    Example:
        >>> from packer import Task, plan
        >>> from schemas.chat import Completion
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> (pack,) = plan(["I love it"], task).packs
        >>> done = split(pack, Completion('{"' + pack.handles[0] + '":"good"}'))
        >>> done.verdicts[0].value
        'good'
    """
    cut = completion.finish_reason is FinishReason.LENGTH
    read = parse_lines if pack.layout.envelope == "lines" and pack.handles != (SINGLE_HANDLE,) else parse
    parsed = read(completion.text, pack.handles, cut=cut)
    seats = align(pack, parsed.entries, _lost(completion, parsed))
    reading = Reading(pack, parsed.entries, tuple(seats), cut or parsed.rung is Rung.CUT)
    of_items: dict[ItemId, list[Signal]] = defaultdict(list)
    of_reply: list[Signal] = []
    for seat in seats:
        if seat.repaired:
            told = "the reply was not JSON here; a repair was guessed"
            of_items[seat.slot.item.id].append(
                Signal(SignalKind.REPAIRED, told, 0.6, items=(seat.slot.item.id,))
            )
    for detector in DETECTORS:
        for signal in detector.detect(reading):
            (of_items[signal.items[0]] if signal.items else of_reply).append(signal)
    if parsed.rung is Rung.EMBEDDED:
        of_reply.append(Signal(SignalKind.PROSE, "the reply's JSON stands inside other text"))
    verdicts = [
        _judged(validate(seat, pack.task), reading, place, tuple(of_items[seat.slot.item.id]), guard)
        for place, seat in enumerate(seats)
    ]
    every = [*of_reply, *(signal for found in of_items.values() for signal in found)]
    stop = next((signal for signal in every if guard.action(signal) is Action.STOP), None)
    return Split(
        tuple(verdicts),
        tuple(of_reply),
        stop=stop,
        whole_failed=completion.finish_reason in _CUT_SHORT or parsed.rung is Rung.NOTHING,
    )


_CUT_SHORT = (FinishReason.LENGTH, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER)


def _judged(
    verdict: Verdict[T], reading: Reading, place: int, signals: tuple[Signal, ...], guard: Guard
) -> Verdict[T]:
    """Let the guard look at an answer that is a legal value, and ground its quotes."""
    if verdict.reason is not None:
        return replace(verdict, signals=signals)
    seat: Aligned = reading.seats[place]
    quotes = tuple(ground(field, quote, reading.hays[place]) for field, quote in seat.quotes)
    action, signal = guard.strictest(signals)
    if signal is not None and action in (Action.REJECT, Action.STOP):
        fault = Fault.MISBOUND if signal.kind is SignalKind.MISBOUND else Fault.BLEED
        return Verdict(verdict.slot, None, Reason(fault, signal.detail), signals)
    trust = Trust.DOUBTFUL if action is Action.DOUBT else Trust.CLEAN
    return replace(verdict, signals=signals, trust=trust, quotes=quotes)


def _lost(completion: Completion, parsed: Parsed) -> Reason:
    """Why a slot that got no entry got none."""
    match completion.finish_reason:
        case FinishReason.LENGTH:
            return Reason(Fault.TRUNCATED, "the reply was cut off before this item's answer was complete")
        case FinishReason.REFUSAL:
            return Reason(Fault.REFUSED, "the model refused to answer")
        case FinishReason.CONTENT_FILTER:
            return Reason(Fault.FILTERED, "the provider's content filter stopped the reply")
        case _ if not completion.text.strip():
            return Reason(Fault.UNREADABLE, "the reply was empty")
        case _ if parsed.rung is Rung.NOTHING:
            return Reason(Fault.UNREADABLE, "no answer could be read from the reply")
        case _ if parsed.rung is Rung.CUT:
            return Reason(Fault.TRUNCATED, "the reply breaks off before this item's answer was complete")
        case _:
            return Reason(Fault.MISSING, "the reply has no answer for this item")

"""The one door: a pack and its completion in, a verdict per slot out.

Pure and total: any text in, verdicts out, never an exception. Does not know: how the pack was
worded, who answered, or what happens to rejected items.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

from schemas.chat import Completion, FinishReason
from schemas.evidence import Match, Quote
from schemas.guard import Guard
from schemas.item import ItemId
from schemas.pack import SINGLE_HANDLE, Pack
from schemas.signal import Action, Signal, SignalKind, Trust
from schemas.verdict import Fault, Reason, Split, Verdict
from splitter.align import Aligned, align, align_whole
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
from splitter.labels import labelled
from splitter.lines import parse_lines
from splitter.made import made_quote, made_quotes, made_verdict, made_verdicts
from splitter.match import MOST_NEEDLE, ground
from splitter.parse import Parsed, Rung, parse
from splitter.reading import Reading
from splitter.strict import Whole, whole
from splitter.validate import Fit, fit_all, validate

T = TypeVar("T")

DETECTORS = (bijection, binding, evidence, value, shift, reference, refusal, repetition, canary)
_BY_DEFAULT = Guard()
_EXACT = Match.EXACT


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
    failed = completion.finish_reason in _CUT_SHORT
    handles = pack.handles
    lines = pack.layout.envelope == "lines" and handles != (SINGLE_HANDLE,)
    read = whole(completion.text, handles, lines=lines, surely=False)
    if read is not None:
        if (labels := labelled(pack, read)) is not None:
            return Split(tuple(labels), whole_failed=failed)
        seats = align_whole(pack, read.contents)
        values = _whole_values(pack, read, seats)
        if values is not None:
            verdicts, traces, stop = _judged(Reading(pack, (), tuple(seats), one_to_one=True), values, guard)
            return Split(verdicts, traces, stop=stop, whole_failed=failed)
    cut = completion.finish_reason is FinishReason.LENGTH
    parsed = (parse_lines if lines else parse)(completion.text, handles, cut=cut)
    seats = align(pack, parsed.entries, _lost(completion, parsed))
    reading = Reading(pack, parsed.entries, tuple(seats), cut or parsed.rung is Rung.CUT)
    values = [validate(seat, pack.task) for seat in seats]
    verdicts, traces, stop = _judged(reading, values, guard, prose=parsed.rung is Rung.EMBEDDED)
    return Split(verdicts, traces, stop=stop, whole_failed=failed or parsed.rung is Rung.NOTHING)


def _whole_values(pack: Pack[T], read: Whole, seats: Sequence[Aligned]) -> Sequence[T | Reason] | None:
    """The value of each seat of a whole reply, or the reason why it has none; None when not certain."""
    keys, bound = sum([seat.keys for seat in seats]), pack.layout.binding != "none"
    fit = fit_all([seat.answer for seat in seats], pack.task, read, keys=keys, bound=bound)
    if fit is not None or not read.certain():
        return fit
    plain, shallow = read.plain, read.shallow
    values = [validate(seat, pack.task, plain=plain, shallow=shallow) for seat in seats]
    good = [value for value in values if not isinstance(value, Reason)]
    return Fit(good) if len(good) == len(values) else values


_CUT_SHORT = (FinishReason.LENGTH, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER)


def _judged(
    reading: Reading, values: Sequence[T | Reason], guard: Guard, *, prose: bool = False
) -> tuple[tuple[Verdict[T], ...], tuple[Signal, ...], Signal | None]:
    """Verdicts, the traces that concern the whole reply, and the one for which the guard ends the run."""
    if isinstance(values, Fit) and reading.quiet:
        return _accepted(reading, values), (), None
    of_items, of_reply = _signals(reading)
    if prose:
        of_reply.append(Signal(SignalKind.PROSE, "the reply's JSON stands inside other text"))
    verdicts: list[Verdict[T]] = []
    for place, (seat, given) in enumerate(zip(reading.seats, values, strict=True)):
        found = of_items.get(seat.slot.item.id) if of_items else None
        signals = () if found is None else tuple(found)
        if isinstance(given, Reason):
            verdicts.append(made_verdict(seat.slot, None, given, signals))
        else:
            verdicts.append(_guarded(reading, place, given, signals, guard))
    every = [*of_reply, *(signal for found in of_items.values() for signal in found)]
    stop = next((signal for signal in every if guard.action(signal) is Action.STOP), None)
    return tuple(verdicts), tuple(of_reply), stop


def _accepted(reading: Reading, values: Sequence[T]) -> tuple[Verdict[T], ...]:
    """Verdicts of a quiet reply."""
    slots = reading.pack.slots
    pairs = [pair for seat in reading.seats for pair in seat.quotes]
    if not pairs:
        return made_verdicts(slots, values)
    quotes = iter(made_quotes(pairs, [at for starts in reading.settled.quotes if starts for at in starts]))
    return made_verdicts(slots, values, [tuple(islice(quotes, len(seat.quotes))) for seat in reading.seats])


def _signals(reading: Reading) -> tuple[dict[ItemId, list[Signal]], list[Signal]]:
    """What is seen of each item, and of the reply."""
    if reading.quiet:
        return {}, []
    of_items: dict[ItemId, list[Signal]] = {}
    of_reply: list[Signal] = []
    for seat in reading.seats:
        if seat.repaired:
            item_id = seat.slot.item.id
            told = "the reply was not JSON here; a repair was guessed"
            of_items.setdefault(item_id, []).append(Signal(SignalKind.REPAIRED, told, 0.6, items=(item_id,)))
    for detector in DETECTORS:
        for signal in detector.detect(reading):
            (of_items.setdefault(signal.items[0], []) if signal.items else of_reply).append(signal)
    return of_items, of_reply


def _guarded(reading: Reading, place: int, value: T, signals: tuple[Signal, ...], guard: Guard) -> Verdict[T]:
    """Let the guard look at an answer that is a legal value, and ground its quotes."""
    seat = reading.seats[place]
    trust = Trust.CLEAN
    if signals:
        action, signal = guard.strictest(signals)
        if signal is not None and action in (Action.REJECT, Action.STOP):
            fault = Fault.MISBOUND if signal.kind is SignalKind.MISBOUND else Fault.BLEED
            return made_verdict(seat.slot, None, Reason(fault, signal.detail), signals)
        trust = Trust.DOUBTFUL if action is Action.DOUBT else Trust.CLEAN
    if not seat.quotes:
        return made_verdict(seat.slot, value, None, signals, trust)
    text = seat.slot.item.text
    quotes: list[Quote] = []
    for field, quote in seat.quotes:
        at = text.find(quote) if len(quote) <= MOST_NEEDLE else -1
        if at >= 0:
            quotes.append(made_quote(field, quote, _EXACT, at, at + len(quote)))
        else:
            quotes.append(ground(field, quote, reading.hays[place]))
    return made_verdict(seat.slot, value, None, signals, trust, tuple(quotes))


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

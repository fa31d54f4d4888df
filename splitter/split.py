"""The one door: a pack and its completion in, a verdict per slot out.

Pure and total: any text in, verdicts out, never an exception. Does not know: how the pack was
worded, who answered, or what happens to rejected items.
"""

from __future__ import annotations

from typing import TypeVar

from schemas.chat import Completion, FinishReason
from schemas.pack import Pack
from schemas.result import Fault, Reason, Signal, SignalKind, Split
from splitter.align import align
from splitter.parse import Parsed, Rung, parse
from splitter.validate import validate

T = TypeVar("T")


def split(pack: Pack[T], completion: Completion) -> Split[T]:
    """Take one reply apart.

    Args:
        pack: what was asked.
        completion: what came back, whatever it is.

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
    parsed = parse(completion.text, pack.handles, cut=cut)
    aligned, signals = align(pack.slots, parsed.entries, pack.layout, _lost(completion, parsed))
    if parsed.rung is Rung.EMBEDDED:
        signals.append(Signal(SignalKind.PROSE, "the reply's JSON stands inside other text"))
    return Split(tuple(validate(each, pack.task) for each in aligned), tuple(signals))


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

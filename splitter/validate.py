"""One answer's JSON to the caller's value, under the task's output.

Does not know: handles, packs, or other items.
"""

from __future__ import annotations

from typing import TypeVar

from schemas.output import Mismatch
from schemas.result import Fault, Reason, Verdict
from schemas.task import Task
from splitter.align import Aligned
from splitter.parse import JsonObject, Unusable

T = TypeVar("T")

MOST_DEPTH = 64


def validate(aligned: Aligned, task: Task[T]) -> Verdict[T]:
    """Turn a seated answer into a verdict; a bad one becomes a reason, never an exception."""
    slot = aligned.slot
    if aligned.reason is not None:
        return Verdict(slot, reason=aligned.reason)
    if (broken := _unusable(aligned.answer, 0)) is not None:
        return Verdict(slot, reason=Reason(Fault.INVALID_VALUE, broken))
    try:
        value = task.output.decode(aligned.answer)
    except Mismatch as error:
        return Verdict(slot, reason=Reason(Fault.INVALID_VALUE, str(error)))
    return Verdict(slot, value=value)


def _unusable(value: object, depth: int) -> str | None:
    """What makes a value unfit whatever the output, or None."""
    if isinstance(value, Unusable):
        return f"the answer holds {value.what}"
    if depth > MOST_DEPTH:
        return f"the answer nests deeper than {MOST_DEPTH} levels"
    if isinstance(value, JsonObject):
        if value.repeats():
            return "the answer is an object that gives one key twice"
        return next((why for each in value.values() if (why := _unusable(each, depth + 1))), None)
    if isinstance(value, list):
        return next((why for each in value if (why := _unusable(each, depth + 1))), None)
    return None

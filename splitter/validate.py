"""One answer's JSON to the caller's value, under the task's output.

Does not know: handles, packs, or other items.
"""

from __future__ import annotations

from typing import TypeVar, cast

from schemas.output import Mismatch, SchemaOutput, TypedOutput, Unsure
from schemas.task import Task
from schemas.verdict import Fault, Reason
from splitter.align import Aligned
from splitter.json_text import Unusable, repeats
from splitter.strict import Whole

T = TypeVar("T")

MOST_DEPTH = 64
_QUICK = (SchemaOutput, TypedOutput)


class Fit(list[T]):
    """Values of a whole reply, with no reason among them."""


def validate(aligned: Aligned, task: Task[T], *, plain: bool = False, shallow: bool = False) -> T | Reason:
    """Turn a seated answer into the caller's value; a bad one becomes a reason, never an exception.

    Args:
        aligned: the seat.
        task: gives the output.
        plain: True when the answer is known to hold finite numbers only and no key twice.
        shallow: True when it is known not to nest too deep.
    """
    if aligned.reason is not None:
        return aligned.reason
    answer, output = aligned.answer, task.output
    if plain and isinstance(output, _QUICK) and (shallow or output.shallow or not _unusable(answer, 0)):
        try:
            value: T = output.decode_plain(answer)
        except Unsure:
            pass
        else:
            return value
    if (broken := _unusable(answer, 0)) is not None:
        return Reason(Fault.INVALID_VALUE, broken)
    try:
        return output.decode(answer)
    except Mismatch as error:
        return Reason(Fault.INVALID_VALUE, str(error))


def fit_all(answers: list[object], task: Task[T], read: Whole, *, keys: int, bound: bool) -> Fit[T] | None:
    """Turn all answers of a reply into the caller's values at once, where each surely fits.

    Args:
        answers: of the reply.
        task: gives the output.
        read: the reply, which need not be ``certain`` yet.
        keys: how many keys the contents of the reply have around the answers, or fewer.
        bound: True when the reply repeats something of each item.

    Returns:
        The values; None when one may not fit, or the reply is not certain.
    """
    output: object = task.output
    if not read.plain or not isinstance(output, SchemaOutput):
        return None
    every = output.decode_all(answers, nulls=output.drops and read.nulls)
    # No number outside the answers is of account, but for a seal that comes back as one.
    if every is None or not read.certain(every.keys + keys, small=not bound):
        return None
    return cast("Fit[T]", Fit(every.values))  # T is what the task's output gives


def _unusable(value: object, depth: int) -> str | None:
    """What makes a value unfit whatever the output, or None."""
    if isinstance(value, Unusable):
        return f"the answer holds {value.what}"
    if depth > MOST_DEPTH:
        return f"the answer nests deeper than {MOST_DEPTH} levels"
    deepest = depth == MOST_DEPTH  # here, a string is too deep as well
    if isinstance(value, dict):
        if repeats(value):
            return "the answer is an object that gives one key twice"
        for each in value.values():
            if (deepest or not isinstance(each, str)) and (why := _unusable(each, depth + 1)) is not None:
                return why
    elif isinstance(value, list):
        for each in value:
            if (deepest or not isinstance(each, str)) and (why := _unusable(each, depth + 1)) is not None:
                return why
    return None

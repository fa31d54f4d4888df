"""Labels of a reply that is plainly whole: only a label can stand there.

No detector can fire on such a reply: every handle has one entry, labels are closed, nothing is quoted, and
with seals each entry carries its own. A reply of which that is not certain is left to the detectors.
Does not know: prompts, or who answered.
"""

from __future__ import annotations

from typing import TypeVar, cast

from schemas.envelope import ANSWER_KEY, ID_KEY
from schemas.output import ManyLabels, Mismatch, OneLabel
from schemas.pack import Pack, Slot
from schemas.verdict import Fault, Reason, Verdict
from splitter.json_text import repeats
from splitter.made import made_verdict
from splitter.strict import Whole

T = TypeVar("T")


def labelled(pack: Pack[T], read: Whole) -> list[Verdict[T]] | None:
    """Judge labels.

    Args:
        pack: what was asked.
        read: the reply, which need not be ``certain`` yet.

    Returns:
        One verdict per slot; None where something has to be looked at more closely.
    """
    output: object = pack.task.output
    binding = pack.layout.binding
    if not isinstance(output, OneLabel | ManyLabels) or pack.task.evidence:
        return None
    slots = pack.slots
    if binding not in ("none", "seal"):
        return None
    names, one = output.names, isinstance(output, OneLabel)
    found: list[Verdict[object]] = []
    keys = 0
    for slot, content in zip(slots, read.contents, strict=True):
        if isinstance(content, dict):
            keys += len(content)
            answer = _inside(content, slot, binding)
        else:
            answer = content if binding == "none" else None
        if slot.canary is not None or not (isinstance(answer, str) if one else _are_words(answer)):
            return None
        if one and answer in names:
            found.append(made_verdict(slot, answer))
        else:
            found.append(_decoded(output, slot, answer))
    # T is what the pack's output gives: one label, or several.
    return cast("list[Verdict[T]]", found) if read.certain(keys) else None


def _inside(content: dict[str, object], slot: Slot, binding: str) -> object:
    """The answer of an entry that surely wraps one, and is bound to its own slot; None when unsure."""
    if repeats(content) or ANSWER_KEY not in content:
        return None
    if binding == "seal":
        return content[ANSWER_KEY] if slot.seal is not None and content.get(binding) == slot.seal else None
    return content[ANSWER_KEY] if content.get(ID_KEY) == slot.handle else None


def _are_words(answer: object) -> bool:
    return isinstance(answer, list) and all(isinstance(each, str) for each in answer)


def _decoded(output: OneLabel | ManyLabels, slot: Slot, answer: object) -> Verdict[object]:
    try:
        return made_verdict(slot, output.decode(answer))
    except Mismatch as error:
        return Verdict(slot, reason=Reason(Fault.INVALID_VALUE, str(error)))

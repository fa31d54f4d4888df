"""A model that obeys every hostile item to the letter: the worst case, without a model.

It answers the items it sees, then does to its own reply whatever the hostile ones among them ask for, and
writes down whose entry it bent and what shows of it. Asked alone, a hostile item spoils nobody's answer but
its own. Does not know: how replies are checked; its ledger is read off the reply, not off the deeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from packer.testing.attack_texts import Act
from packer.testing.attacks import ATTACKS, Attack
from packer.testing.faults import Written
from packer.testing.faulty import Answers, scripted_answer
from packer.testing.reader import items_of, shown_forms, told_in
from packer.testing.shape import Shape, bound, shape_of, written
from packer.tokens import Utf8Bound
from schemas.chat import Completion, FinishReason, Prompt
from schemas.envelope import ANSWER_KEY, ID_KEY
from schemas.protocols import TokenCounter


class Trace(StrEnum):
    """What anybody can see is wrong with a neighbour's entry, who reads the reply and nothing else."""

    MISSING = "missing"
    DUPLICATE = "duplicate"  # two different entries for one handle
    REPEATED_KEY = "repeated_key"  # one entry, and a key written twice in it
    FORM = "form"  # another object than was asked for
    BINDING = "binding"  # no seal (words, quote), or another item's
    TALK = "talk"  # a sentence where one of the labels should stand


@dataclass(frozen=True, slots=True)
class Hijack:
    """One neighbour's entry that obeying has changed.

    Attributes:
        text: whose entry.
        trace: what shows of it; None when the entry is perfect in form and only its answer is wrong.
        given: the answer that a reader finds; None where there is not one.
        odd: True when the reply around it is not exactly the object that was asked for.
        by: the hostile items that were obeyed in this call.
    """

    text: str
    trace: Trace | None
    given: object
    odd: bool
    by: tuple[Attack, ...]


class ObedientClient:
    """A ``Client`` that does what hostile items say.

    Attributes:
        hijacks: every neighbour's entry that was changed, call by call.
    """

    def __init__(
        self,
        answers: Answers,
        attacks: Sequence[Attack] = ATTACKS,
        *,
        careless: bool = True,
        name: str = "obedient",
    ) -> None:
        """Script it.

        Args:
            answers: the right answers of harmless texts.
            attacks: the hostile texts it knows.
            careless: takes any bracket for a marker; False goes by the true nonce, so that forged markers
                and end lines are only text.
            name: shown as the model's name.
        """
        self.hijacks: list[Hijack] = []
        self.name = name
        self.context_tokens: int | None = None
        self.concurrency: int | None = None
        self._answers = answers
        self._attacks = {
            each.text: each for each in attacks if careless or each.does.act not in (Act.SPEAK, Act.STOP)
        }
        self._known = {each.text: each for each in attacks}
        self._originals = shown_forms(list(self._known))

    def counter(self) -> TokenCounter | None:
        """Bytes: the same count on every machine."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer, and obey."""
        shown = items_of(prompt)
        shape = shape_of(prompt.reply_schema, [each.handle for each in shown], told_in(prompt))
        right = [Written(s.handle, s.text, bound(shape, s.text, s.seal), self._answer(s.text)) for s in shown]
        hostile = {s.handle: attack for s in shown if (attack := self._attack(s.text)) is not None}
        if len(shown) < 2 or not hostile:
            return Completion(written(shape, right))
        reply = _obeyed(hostile, right, shape)
        after = {} if reply.finish_reason is FinishReason.REFUSAL else _found(reply.text)
        odd = not _as_asked(reply.text, shape, [str(e.handle) for e in right])
        for entry, each in zip(right, shown, strict=True):
            if self._originals.get(each.text, each.text) not in self._known:
                trace, given = _judged(after.get(each.handle, []), entry, shape)
                if trace is not None or given != entry.answer:
                    self.hijacks.append(Hijack(each.text, trace, given, odd, tuple(hostile.values())))
        return reply

    def _attack(self, text: str) -> Attack | None:
        return self._attacks.get(self._originals.get(text, text))

    def _answer(self, text: str) -> object:
        attack = self._known.get(self._originals.get(text, text))
        if attack is not None:
            return attack.does.label
        return scripted_answer(self._answers, text)


def _obeyed(hostile: Mapping[str, Attack], right: Sequence[Written], shape: Shape) -> Completion:
    """The reply after all deeds, in the order of the seats; a deed on the text itself is the last."""
    entries = list(right)
    for handle, attack in hostile.items():
        if attack.does.act is Act.REFUSE:
            return Completion("", FinishReason.REFUSAL)
        place = next((n for n, e in enumerate(entries) if e.handle == handle), None)
        if place is None:  # an earlier deed has dropped it
            continue
        entries, text = _obey(attack, place, entries, shape)
        if text is not None:
            return Completion(text)
    return Completion(written(shape, entries))


def _obey(
    attack: Attack, place: int, entries: list[Written], shape: Shape
) -> tuple[list[Written], str | None]:
    """The entries after one deed, and the whole reply where the deed is on the text."""
    deed, own = attack.does, entries[place]
    aimed = next((n for n, e in enumerate(entries) if e.handle == deed.handle and n != place), None)
    turned = [entries[-1], *entries[:-1]]
    match deed.act:
        case Act.ANSWER_ALL:
            return [replace(e, answer=deed.label) for e in entries], None
        case Act.CLAIM if aimed is not None:
            entries[aimed] = replace(entries[aimed], answer=deed.label)
        case Act.SEAL_CLAIM if aimed is not None:
            forged = dict.fromkeys(entries[aimed].binding, deed.seal)
            entries[aimed] = replace(entries[aimed], binding=forged, answer=deed.label)
        case Act.ADD | Act.SPEAK:
            forged = dict.fromkeys(own.binding, deed.seal)
            return [*entries, Written(deed.handle, own.text, forged, deed.label)], None
        case Act.STOP:
            return entries[: place + 1], None
        case Act.DROP_OTHERS:
            return [own], None
        case Act.SAY:
            return [e if e is own else replace(e, answer=deed.words) for e in entries], None
        case Act.ROTATE:
            pairs = zip(entries, turned, strict=True)
            return [replace(to, binding=of.binding, answer=of.answer) for to, of in pairs], None
        case Act.SHIFT_LABELS:
            return [replace(to, answer=of.answer) for to, of in zip(entries, turned, strict=True)], None
        case Act.REPLACE:
            return entries, deed.words
        case Act.MEMBER if shape.form == "lines":  # nothing holds the lines together: an object of its own
            return entries, f"{written(shape, entries)}\n{{{deed.words}}}"
        case Act.MEMBER:
            return entries, written(shape, entries).rstrip()[:-1] + f",{deed.words}}}"
        case Act.TWICE if aimed is not None:
            return entries, _twice(entries, aimed, deed.label, shape)
    return entries, None


def _twice(entries: Sequence[Written], aimed: int, label: str, shape: Shape) -> str:
    """A reply in which one entry gives its answer and then, under the same key, another."""
    hole = "\x00"
    held = [replace(e, answer=hole) if n == aimed else e for n, e in enumerate(entries)]
    both = f'{_json(entries[aimed].answer)},"{ANSWER_KEY}":{_json(label)}'
    bare = shape.form == "keyed" and not entries[aimed].binding
    return written(shape, held).replace(_json(hole), f'{{"{ANSWER_KEY}":{both}}}' if bare else both)


class _Object(dict[str, object]):
    """An object that keeps its pairs as written."""

    pairs: tuple[tuple[str, object], ...] = ()


def _object(pairs: list[tuple[str, object]]) -> _Object:
    made = _Object(pairs)
    made.pairs = tuple(pairs)
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
_STARTS = re.compile(r'"(?P<handle>item_\d+)"\s*:\s*|(?=\{)')


def _found(reply: str) -> dict[str, list[object]]:
    """Wherever a generous reader could see an entry, whatever stands around it."""
    found: dict[str, list[object]] = {}
    for start in _STARTS.finditer(reply):
        try:
            value, _ = _DECODER.raw_decode(reply, start.end())
        except (ValueError, RecursionError):
            continue
        if start["handle"] is not None:
            found.setdefault(start["handle"], []).append(value)
        elif isinstance(value, _Object) and ANSWER_KEY in value:
            for handle in {str(each) for key, each in value.pairs if key == ID_KEY}:
                found.setdefault(handle, []).append(value)
    return found


def _judged(found: Sequence[object], right: Written, shape: Shape) -> tuple[Trace | None, object]:
    """What shows, and the answer, of all that stands under one handle."""
    if not found:
        return Trace.MISSING, None
    entry = found[0]
    if any(_pairs(each) != _pairs(entry) for each in found):
        return Trace.DUPLICATE, None
    answer = entry
    if isinstance(entry, _Object):
        if len(entry.pairs) > len(entry):
            return Trace.REPEATED_KEY, None
        if set(entry) - {ID_KEY} - set(right.binding) != {ANSWER_KEY}:
            return Trace.FORM, None
        answer = entry[ANSWER_KEY]
    if right.binding and not (isinstance(entry, _Object) and right.binding.items() <= entry.items()):
        return Trace.BINDING, None
    labels = shape.answer.get("enum")
    return (Trace.TALK if isinstance(labels, list) and answer not in labels else None), answer


def _pairs(value: object) -> object:
    return value.pairs if isinstance(value, _Object) else value


def _as_asked(reply: str, shape: Shape, handles: list[str]) -> bool:
    """True when the reply is exactly the asked entries and nothing else: one JSON value, or one a line."""
    try:
        lines = [_DECODER.decode(line) for line in reply.split("\n")] if shape.form == "lines" else []
        value = None if lines else _DECODER.decode(reply)
    except (ValueError, RecursionError):
        return False
    if lines:
        return [row.get(ID_KEY) if isinstance(row, _Object) else None for row in lines] == handles
    if not isinstance(value, _Object) or len(value.pairs) > len(value):
        return False
    if shape.form == "keyed":
        return list(value) == handles
    rows = value.get(shape.name or "")
    return (
        len(value) == 1
        and isinstance(rows, list)
        and [row.get(ID_KEY) if isinstance(row, _Object) else None for row in rows] == handles
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

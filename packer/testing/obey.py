"""A model that obeys every hostile item to the letter: the worst case, without a model.

It answers the items it sees, then does to its own reply whatever the hostile ones among them ask for, and
writes down whose entry it bent, and whether the bend can show. Asked alone, a hostile item spoils nobody's
answer but its own. Does not know: how replies are checked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from packer.testing.attack_texts import Act
from packer.testing.attacks import ATTACKS, Attack
from packer.testing.faults import Written
from packer.testing.faulty import Answers
from packer.testing.reader import Shown, items_of, shown_forms
from packer.testing.shape import Shape, bound, shape_of, written
from packer.tokens import Utf8Bound
from schemas.chat import Completion, FinishReason, Prompt
from schemas.protocols import TokenCounter

LABEL_ONLY = frozenset({Act.ANSWER_ALL, Act.CLAIM, Act.SHIFT_LABELS})
"""Deeds under right handles and right seals: they leave no trace in one reply."""


@dataclass(frozen=True, slots=True)
class Hijack:
    """One hostile item obeyed.

    Attributes:
        attack: what was obeyed.
        bent: texts of neighbours whose answer is another one now, as the reply was written.
        traceless: True when nothing but the answers themselves is wrong.
    """

    attack: Attack
    bent: tuple[str, ...]
    traceless: bool


class ObedientClient:
    """A ``Client`` that does what hostile items say.

    Attributes:
        hijacks: every hostile item obeyed, in order.
    """

    def __init__(
        self, answers: Answers, attacks: Sequence[Attack] = ATTACKS, *, name: str = "obedient"
    ) -> None:
        """Script it.

        Args:
            answers: the right answers of harmless texts.
            attacks: the hostile texts it knows.
            name: shown as the model's name.
        """
        self.hijacks: list[Hijack] = []
        self.name = name
        self.context_tokens: int | None = None
        self.concurrency: int | None = None
        self._answers = answers
        self._attacks = {each.text: each for each in attacks}
        self._originals = shown_forms(list(self._attacks))

    def counter(self) -> TokenCounter | None:
        """Bytes: the same count on every machine."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer, and obey."""
        shown = items_of(prompt)
        shape = shape_of(prompt.reply_schema, [each.handle for each in shown])
        entries = [
            Written(s.handle, s.text, bound(shape, s.text, s.seal), self._answer(s.text)) for s in shown
        ]
        reply, finish = written(shape, entries), FinishReason.STOP
        if len(shown) < 2:
            return Completion(reply)
        for place, each in enumerate(shown):
            attack = self._attacks.get(self._originals.get(each.text, each.text))
            if attack is None:
                continue
            if attack.does.act is Act.REFUSE:
                reply, finish = "", FinishReason.REFUSAL
            before = {e.handle: e.answer for e in entries}
            entries, text = _obey(attack, place, entries, shape)
            reply = (
                text if text is not None else written(shape, entries) if finish is FinishReason.STOP else ""
            )
            self.hijacks.append(Hijack(attack, _bent(before, entries, shown), attack.does.act in LABEL_ONLY))
            if text is not None:
                break
        return Completion(reply, finish)

    def _answer(self, text: str) -> object:
        attack = self._attacks.get(self._originals.get(text, text))
        if attack is not None:
            return attack.does.label
        return self._answers(text) if callable(self._answers) else self._answers[text]


def _bent(
    before: dict[str | int, object], entries: Sequence[Written], shown: Sequence[Shown]
) -> tuple[str, ...]:
    after = {e.handle: e.answer for e in entries}
    return tuple(s.text for s in shown if after.get(s.handle, before[s.handle]) != before[s.handle])


def _obey(
    attack: Attack, place: int, entries: list[Written], shape: Shape
) -> tuple[list[Written], str | None]:
    """The entries after one deed, and the whole reply where the deed is on the text."""
    deed, own = attack.does, entries[place]
    aimed = next((n for n, e in enumerate(entries) if e.handle == deed.handle and n != place), None)
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
            turned = [entries[-1], *entries[:-1]]
            pairs = zip(entries, turned, strict=True)
            return [replace(to, binding=of.binding, answer=of.answer) for to, of in pairs], None
        case Act.SHIFT_LABELS:
            turned = [entries[-1], *entries[:-1]]
            return [replace(to, answer=of.answer) for to, of in zip(entries, turned, strict=True)], None
        case Act.REPLACE:
            return entries, deed.words
        case Act.MEMBER:
            return entries, written(shape, entries).rstrip()[:-1] + f",{deed.words}}}"
        case Act.TWICE if aimed is not None:
            twin = json.dumps({**entries[aimed].binding, "answer": deed.label}, ensure_ascii=False)
            return entries, written(shape, entries).rstrip()[:-1] + f',"{deed.handle}":{twin}}}'
    return entries, None

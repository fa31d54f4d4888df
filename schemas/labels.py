"""Outputs of a closed set of labels: exactly one of them, or any number.

Does not know: what a label means, prompts, packs, or other outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from schemas.errors import BadTask
from schemas.portable import Portable, portable


class Mismatch(ValueError):
    """An answer that is not a value of the output; the message says where and why."""


@dataclass(frozen=True)
class _Labels:
    labels: tuple[str, ...]

    @cached_property
    def schema(self) -> Mapping[str, object]:
        """An enum of the label names."""
        return {"type": "string", "enum": list(self.labels)}

    @cached_property
    def portable(self) -> Portable:
        """The schema, with a plain string for the enum where there are more labels than vendors take."""
        return portable(self.schema)

    @cached_property
    def names(self) -> frozenset[str]:
        """The label names, to look one up."""
        return frozenset(self.labels)

    @cached_property
    def _by_folded(self) -> dict[str, str | None]:
        """Each label by what is left without case and outer white space; None where that fits several."""
        folded: dict[str, str | None] = {}
        for label in self.labels:
            key = label.strip().casefold()
            folded[key] = None if key in folded else label
        return folded

    def _label(self, answer: object) -> str:
        """The one label that an answer says.

        Raises:
            Mismatch: it says none, or fits several.
        """
        if isinstance(answer, str):
            if answer in self.names:
                return answer
            if (label := self._by_folded.get(answer.strip().casefold())) is not None:
                return label
        raise Mismatch(f"{shown(answer)} is not one of the labels")


@dataclass(frozen=True)
class OneLabel(_Labels):
    """Exactly one of a closed set of labels.

    Attributes:
        labels: the label names, in the caller's order.
    """

    def decode(self, answer: object) -> str:
        """Return the label; case and outer white space are forgiven where that is unambiguous."""
        return self._label(answer)

    def encode(self, value: object) -> object:
        """Return the label as it is written in a reply."""
        return self.decode(value)


@dataclass(frozen=True)
class ManyLabels(_Labels):
    """Any number of a closed set of labels, none included.

    Attributes:
        labels: the label names, in the caller's order.
    """

    @cached_property
    def schema(self) -> Mapping[str, object]:
        """A list of label names."""
        return {"type": "array", "items": {"type": "string", "enum": list(self.labels)}}

    def decode(self, answer: object) -> list[str]:
        """Return the labels in the task's order, each once."""
        if not isinstance(answer, list | tuple):
            raise Mismatch(f"expected a list of labels, got {shown(answer)}")
        found = {self._label(each) for each in answer}
        return [label for label in self.labels if label in found]

    def encode(self, value: object) -> object:
        """Return the labels as they are written in a reply."""
        return self.decode(value)


def labels_from(labels: Sequence[str] | Mapping[str, str]) -> tuple[str, ...]:
    """Check label names.

    Raises:
        BadTask: fewer than two, not strings, empty, or not distinct.
    """
    if isinstance(labels, str):
        raise BadTask(f"labels is one string ({labels!r}); pass a list of label names.")
    names = tuple(labels)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadTask(f"A label is {name!r}: labels are non-empty strings.")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
            raise BadTask(f"The label {name!r} holds a lone surrogate, which no reply can carry.")
    if len(names) < 2:
        raise BadTask(f"A classification needs at least two labels, got {list(names)!r}.")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadTask(f"The label {twice!r} occurs twice.")
    return names


def shown(value: object) -> str:
    """A value as a message shows it, at most 80 characters."""
    return cut(repr(value), 80)


def cut(text: str, limit: int = 200) -> str:
    """A text as a message shows it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""Tasks: one instruction, one kind of output, optional examples; the same for every item of a run.

Does not know: items, prompts, models, or how many answers share a call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, overload

from schemas.errors import BadTask
from schemas.output import ManyLabels, Mismatch, OneLabel, Output, labels_from, output_for

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Example:
    """One worked example.

    Attributes:
        text: an input like the items.
        answer: its answer as JSON, checked against the task's output.
    """

    text: str
    answer: object


@dataclass(frozen=True, slots=True)
class Task(Generic[T_co]):
    """What is asked of every item. Make one with ``Task.classify`` or ``Task.extract``.

    Attributes:
        instruction: what to do, in the caller's words.
        output: what one answer must be.
        examples: worked examples, shown before the items.
        label_notes: for classification, what each label means, where the caller said so.
        evidence: for extraction, ask for a verbatim quote per field and look it up in the item's text.
    """

    instruction: str
    output: Output[T_co]
    examples: tuple[Example, ...] = ()
    label_notes: tuple[tuple[str, str], ...] = ()
    evidence: bool = False

    @overload
    @staticmethod
    def classify(
        instruction: str,
        labels: Sequence[str] | Mapping[str, str],
        *,
        multi: Literal[False] = False,
        examples: Iterable[Example | tuple[str, object]] = (),
    ) -> Task[str]: ...

    @overload
    @staticmethod
    def classify(
        instruction: str,
        labels: Sequence[str] | Mapping[str, str],
        *,
        multi: Literal[True],
        examples: Iterable[Example | tuple[str, object]] = (),
    ) -> Task[list[str]]: ...

    @staticmethod
    def classify(
        instruction: str,
        labels: Sequence[str] | Mapping[str, str],
        *,
        multi: bool = False,
        examples: Iterable[Example | tuple[str, object]] = (),
    ) -> Task[str] | Task[list[str]]:
        """Give each item one label, or with ``multi`` any number of labels.

        Args:
            instruction: what is judged, such as ``"Sentiment of a product review."``.
            labels: label names, or a mapping of label name to what it means.
            multi: True lets an item have several labels, or none.
            examples: ``(text, label)`` pairs; with ``multi``, ``(text, [labels])``.

        Returns:
            A task whose values are ``str``, or ``list[str]`` in the task's label order.

        Raises:
            BadTask: an empty instruction, unusable labels, or an example with a wrong answer.

        Example:
            >>> from packer import Task
            >>> one = Task.classify("Sentiment of a review.", {"good": "they like it", "bad": "they do not"})
            >>> one.output.decode("good")
            'good'
            >>> several = Task.classify("What it is about.", ["price", "delivery"], multi=True)
            >>> several.output.decode(["delivery", "price"])
            ['price', 'delivery']
        """
        names = labels_from(labels)
        notes = tuple(labels.items()) if isinstance(labels, Mapping) else ()
        if multi:
            many = ManyLabels(names)
            return Task(_instruction(instruction), many, _examples(examples, many), notes)
        one = OneLabel(names)
        return Task(_instruction(instruction), one, _examples(examples, one), notes)

    @overload
    @staticmethod
    def extract(
        instruction: str,
        output: type[T],
        *,
        examples: Iterable[Example | tuple[str, object]] = (),
        evidence: bool = False,
    ) -> Task[T]: ...

    @overload
    @staticmethod
    def extract(
        instruction: str,
        output: object,
        *,
        examples: Iterable[Example | tuple[str, object]] = (),
        evidence: bool = False,
    ) -> Task[object]: ...

    @staticmethod
    def extract(
        instruction: str,
        output: object,
        *,
        examples: Iterable[Example | tuple[str, object]] = (),
        evidence: bool = False,
    ) -> Task[object]:
        """Get a structured value out of each item.

        Args:
            instruction: what to extract, such as ``"The invoice's number and total."``.
            output: a pydantic model, a dataclass, a type (``int``, ``list[str]``, ``Literal["a", "b"]``),
                or a JSON schema as a mapping. Values come back as that type; for a mapping, as plain JSON.
            examples: ``(text, value)`` pairs.
            evidence: ask for a verbatim quote per top-level field. Each is looked up in the item's own text
                (as it is, normalised, then fuzzily); results carry the quotes with their offsets, and a
                quote that stands in a neighbour's text instead rejects the answer. Costs reply tokens.

        Returns:
            A task whose values are of the type that ``output`` names.

        Raises:
            BadTask: an empty instruction, an output nobody can describe, or a wrong example.
            SchemaNotPortable: an output that no vendor's constrained decoding can express.

        Example:
            >>> from dataclasses import dataclass
            >>> from packer import Task
            >>> @dataclass
            ... class Price:
            ...     amount: float
            ...     currency: str | None = None
            >>> task = Task.extract("The price.", Price, examples=[("5 EUR", Price(5, "EUR"))])
            >>> task.output.decode({"amount": 12.99, "currency": "USD"})
            Price(amount=12.99, currency='USD')
        """
        made = output_for(output)
        return Task(_instruction(instruction), made, _examples(examples, made), evidence=evidence)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything that decides what is asked: the same text, the same task."""
        content = {
            "instruction": self.instruction,
            "kind": type(self.output).__name__,
            "schema": self.output.schema,
            "examples": [[example.text, example.answer] for example in self.examples],
            "label_notes": [list(pair) for pair in self.label_notes],
            "evidence": self.evidence,
        }
        plain = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
        return hashlib.sha256(plain.encode()).hexdigest()


def _instruction(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise BadTask("The instruction is empty: say in a sentence what is asked of each item.")
    return text.strip()


def _examples(pairs: Iterable[Example | tuple[str, object]], output: Output[object]) -> tuple[Example, ...]:
    made = []
    for number, pair in enumerate(pairs):
        example = pair if isinstance(pair, Example) else _pair(number, pair)
        if not isinstance(example.text, str) or not example.text.strip():
            raise BadTask(f"Example number {number} (counted from 0) has no text.")
        try:
            made.append(Example(example.text, output.encode(example.answer)))
        except Mismatch as error:
            raise BadTask(
                f"Example number {number} (counted from 0) has an answer that the task's output does not "
                f"allow: {error}"
            ) from None
    return tuple(made)


def _pair(number: int, pair: object) -> Example:
    if isinstance(pair, tuple | list) and len(pair) == 2:
        return Example(pair[0], pair[1])
    raise BadTask(f"Example number {number} (counted from 0) is not a (text, answer) pair: {pair!r}.")

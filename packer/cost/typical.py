"""Typical answers to a task, before any was given: for telling how long replies will be.

Labels come each as often as the others; for extraction the worked examples' answers stand in, whatever a
text's length: making them longer with it foretold worse (benchmarks/results/predict.md). Does not know:
envelopes, calls, or money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from packer.render import compact
from packer.seat import SALT
from packer.tokens import Utf8Bound
from schemas.envelope import answer_schema, example_answer
from schemas.output import ManyLabels, OneLabel
from schemas.protocols import TokenCounter
from schemas.task import Task

FILLER = "a few words"


@dataclass(frozen=True, slots=True)
class Typical:
    """Answers as they may come.

    Attributes:
        answers: as JSON, each as likely as the others.
        rests_on: where they come from, for a person.
        missing_tokens: what an answer takes beyond these, on average.
    """

    answers: tuple[object, ...]
    rests_on: str
    missing_tokens: float = 0.0


def typical(task: Task[object], counter: TokenCounter, answer_tokens: int | None) -> Typical:
    """Find typical answers to a task: its labels, its examples' answers, or a guess from its schema.

    Args:
        task: what is asked.
        counter: counts.
        answer_tokens: tokens of one answer, where the caller knows them.
    """
    found = _by_task(task)
    if counter.name == Utf8Bound().name:
        found = replace(
            found,
            rests_on=f"{found.rests_on}; bytes counted: no tokenizer exceeds them",
        )
    if answer_tokens is None:
        return found
    written = counter.count_batch([compact(each) for each in found.answers])
    missing = answer_tokens - sum(written) / len(written)
    return Typical(found.answers, "Budget(answer_tokens=...)", missing_tokens=missing)


def _by_task(task: Task[object]) -> Typical:
    output = task.output
    if isinstance(output, OneLabel):
        # In an order of chance, so that the few that a small plan has seats for are a fair sample.
        labels = Random(f"{SALT}:labels").sample(output.labels, len(output.labels))
        return Typical(tuple(labels), "every label as often as the others")
    if task.examples:
        answers = tuple(example_answer(task, example) for example in task.examples)
        return Typical(answers, f"the answers of {len(answers)} example{'' if len(answers) == 1 else 's'}")
    if isinstance(output, ManyLabels):
        return Typical(tuple([label] for label in output.labels), "a guess: one label an item, no examples")
    return Typical(tuple(_filled(answer_schema(task))), "a guess from the schema: there are no examples")


def _filled(schema: Mapping[str, object]) -> list[object]:
    """Answers that a schema allows, with a few words for every text."""
    if isinstance(values := schema.get("enum"), list) and values:
        return list(values)
    if isinstance(options := schema.get("anyOf"), list) and options:
        real = [each for each in options if isinstance(each, Mapping) and each.get("type") != "null"]
        return _filled(real[0]) if real else [None]
    if isinstance(properties := schema.get("properties"), Mapping):
        fields = {name: _filled(each) for name, each in properties.items() if isinstance(each, Mapping)}
        return [{name: each[0] for name, each in fields.items()}]
    if isinstance(items := schema.get("items"), Mapping):
        return [_filled(items)[:1]]
    known: dict[object, object] = {"integer": 10, "number": 12.5, "boolean": True, "null": None}
    return [known.get(schema.get("type"), FILLER)]

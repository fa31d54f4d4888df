"""How much room one pack has: the model's context, less the fixed part and the reply's reserve.

Does not know: which items there are, or how they will be distributed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from packer.binpack import Room
from schemas.envelope import answer_schema, example_answer
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.output import ManyLabels, OneLabel
from schemas.protocols import TokenCounter
from schemas.settings import DEFAULT_CONTEXT_TOKENS, Budget, Layout
from schemas.task import Task
from schemas.usage import known_sum

CHAT_TEMPLATE_TOKENS = 48
"""Reserve for what a provider's chat template wraps around the messages."""

TEXT_FIELD_TOKENS = 24
BINDING_TOKENS = {"none": 0, "seal": 10, "words": 18, "quote": 32}
LIST_ENTRIES = 3


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the budget comes to for one task and model.

    Attributes:
        room: tokens and items for blocks in one pack.
        reply_tokens_per_item: planned reply tokens for one item, its key included.
        input_tokens: most prompt tokens of one call.
    """

    room: Room
    reply_tokens_per_item: int
    input_tokens: int

    def less_one(self, tokens: int) -> Allowance:
        """The room beside one further seat of so many tokens.

        Raises:
            UsageError: nothing is left for items.
        """
        room = Room(self.room.tokens - tokens, self.room.items - 1)
        if room.tokens < 1 or room.items < 1:
            raise UsageError(
                "The canaries leave no room for items: raise Budget(items=..., input_tokens=...)."
            )
        return replace(self, room=room)

    def max_output_tokens(self, items: int) -> int:
        """A cap for a reply to ``items`` items: generous, as it only has to stop a runaway."""
        return 64 + 3 * self.reply_tokens_per_item * items


def allowance(
    task: Task[object],
    budget: Budget,
    layout: Layout,
    counter: TokenCounter,
    *,
    fixed_tokens: int,
    facts: ModelFacts,
) -> Allowance:
    """Work out the room per pack.

    Args:
        task: its output decides how long an answer is.
        budget: the caller's limits; what is None is derived from the context.
        layout: envelope and binding, which cost reply tokens.
        counter: counts the longest label.
        fixed_tokens: tokens of the prompt without any item.
        facts: what the model holds and where its price steps up; packs stay below that step unless the
            budget says otherwise.

    Raises:
        UsageError: nothing is left for items.
    """
    context = facts.context_tokens or known_sum([facts.input_tokens, facts.output_tokens])
    context = context or DEFAULT_CONTEXT_TOKENS
    per_item = (budget.answer_tokens or answer_tokens(task, counter)) + _key_tokens(layout)
    reply = budget.reply_tokens or max(context // 4, min(per_item, context // 2))
    reply = min(reply, facts.output_tokens or reply)
    ceilings = [each for each in (facts.input_tokens, facts.price_step_tokens) if each is not None]
    given = budget.input_tokens or min([context - reply, *ceilings])
    tokens = given - fixed_tokens - CHAT_TEMPLATE_TOKENS
    items = min(budget.items, reply // per_item)
    if items < 1:
        raise UsageError(
            f"One answer is planned with {per_item} tokens, but the reply may have only {reply}: raise "
            "Budget(reply_tokens=...), or say how long an answer is with Budget(answer_tokens=...)."
        )
    if tokens < 1:
        raise UsageError(
            f"The instruction, labels and examples take {fixed_tokens} tokens, but a prompt may have only "
            f"{given}: shorten them or raise Budget(input_tokens=...)."
        )
    return Allowance(Room(tokens, items), per_item, given)


def answer_tokens(task: Task[object], counter: TokenCounter) -> int:
    """Expected tokens of one answer: exact at worst for labels, an estimate for extraction."""
    output = task.output
    if isinstance(output, OneLabel):
        return max(counter.count_batch([f'"{label}"' for label in output.labels]))
    if isinstance(output, ManyLabels):
        counts = counter.count_batch([f'"{label}",' for label in output.labels])
        return 2 + sum(sorted(counts)[-LIST_ENTRIES:])
    if task.examples:
        import json

        answers = [example_answer(task, example) for example in task.examples]
        texts = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in answers]
        return max(counter.count_batch(texts)) * 3 // 2
    return _schema_tokens(answer_schema(task))


def _key_tokens(layout: Layout) -> int:
    """Handle, quotes, colon, comma, line break; with array, lines or a binding the field names too."""
    return 8 + (0 if layout.envelope == "keyed" else 10) + BINDING_TOKENS[layout.binding]


def _schema_tokens(schema: object) -> int:
    if not isinstance(schema, Mapping):
        return TEXT_FIELD_TOKENS
    if isinstance(options := schema.get("anyOf"), list):
        return max(_schema_tokens(option) for option in options)
    if isinstance(properties := schema.get("properties"), Mapping):
        return 2 + sum(4 + _schema_tokens(each) for each in properties.values())
    kind = schema.get("type")
    if kind == "array":
        return 2 + LIST_ENTRIES * (1 + _schema_tokens(schema.get("items")))
    return 6 if kind in ("integer", "number", "boolean", "null") or "enum" in schema else TEXT_FIELD_TOKENS

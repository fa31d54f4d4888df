"""Whether these inputs and this task are fit to be packed: advice and refusals before money is spent.

Does not know: clients, replies, or what a model makes of a pack; that is measured, not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from statistics import median_low
from typing import TypeVar

from packer.budget import CHAT_TEMPLATE_TOKENS
from packer.crowding import crowding_from, long_ones
from packer.fit.kinds import mixture
from packer.fit.prose import prose
from packer.seating import Seating, crowding_among
from schemas.advice import Advice, Topic
from schemas.errors import BadItem, BadTask, Unsuitable
from schemas.item import Item, ItemId
from schemas.protocols import TokenCounter
from schemas.settings import Strategy
from schemas.task import Task

T = TypeVar("T")

FEW = 5
SHOWN_CHARACTERS = 40
OUTPUT_PRICE = 5
"""A reply token's price in prompt tokens: 4 to 8 at most providers."""


def checked_task(task: Task[T]) -> Task[T]:
    """Make sure that there is one task.

    Raises:
        BadTask: several tasks, or something that is none.
    """
    given: object = task
    if isinstance(given, Task):
        return task
    if isinstance(given, Mapping | list | tuple | set | frozenset):
        raise BadTask(
            f"One run has one task: a {type(given).__name__} of {len(given)} was given. Make a run for each "
            "task, with the items it is meant for; questions about the same item can be fields of one "
            "Task.extract."
        )
    raise BadTask(
        f"One run has one task: a {type(given).__name__} was given. Make one with Task.classify(...) or "
        "Task.extract(...)."
    )


def advise_items(items: Sequence[Item], strategy: Strategy) -> tuple[Advice, ...]:
    """What is to be said of a run's inputs, whatever the task.

    Args:
        items: all inputs of the run; of a resumed one too, as an item may depend on one that is settled.
        strategy: ``pack`` refuses what must not share a call; the others are told.

    Raises:
        BadItem: an item depends on itself, on an unknown id, or in a circle.
        Unsuitable: with ``pack``, items that wait for others or for a person, or records of kinds that
            have nothing in common.
    """
    advice = [each for each in (_dependent(items), _human_steps(items), _mixed(items)) if each is not None]
    for each in advice:
        if strategy == "pack" and not each.pack:
            raise Unsuitable(
                f"These items cannot be packed: {each.detail}", topic=each.topic, items=each.items
            )
    return tuple(advice)


def advise_packs(
    items: Sequence[Item],
    task: Task[object],
    seating: Seating[object],
    *,
    counter: TokenCounter,
    answer_tokens: int | None = None,
) -> tuple[Advice, ...]:
    """What is to be said of inputs and task that are going to be packed.

    Args:
        items: all inputs that were seated.
        task: what is asked of each.
        seating: who sits where.
        counter: counts tokens.
        answer_tokens: what the caller says one answer takes; None when nothing was said.
    """
    advice = (_uneven(items, seating), _long_output(task, seating, counter, answer_tokens))
    return tuple(each for each in advice if each is not None)


def _dependent(items: Sequence[Item]) -> Advice | None:
    waiting = [item for item in items if item.depends_on]
    if not waiting:
        return None
    _check_dependencies(items, waiting)
    first = waiting[0]
    told = (
        f"{_count(waiting, 'needs', 'need')} the answers of others (depends_on; {_item(first.id)} that of "
        f"{_shown(first.depends_on[0])}). Items of one call are answered together, and no answer is ever put "
        "into another item's prompt, packed or not. Run the others first, write their answers into these "
        'texts, and run these in a second run without depends_on; strategy="single" asks each in a call of '
        "its own, but still without the others' answers."
    )
    return Advice(Topic.DEPENDENT, False, told, _few(waiting))


def _human_steps(items: Sequence[Item]) -> Advice | None:
    waiting = [item for item in items if item.human_step.strip()]
    if not waiting:
        return None
    first = waiting[0]
    told = (
        f"{_count(waiting, 'waits', 'wait')} for a person (human_step; {_item(first.id)}: "
        f"{_shown(first.human_step)}). A run does not stop for a person between items. Leave them out of "
        "this run, do the step, write what came of it into the texts, and run these in a second run without "
        'human_step; strategy="single" asks each in a call of its own, but does not wait either.'
    )
    return Advice(Topic.HUMAN_STEP, False, told, _few(waiting))


def _mixed(items: Sequence[Item]) -> Advice | None:
    found = mixture(items)
    if found is None:
        return None
    remedy = (
        "Make a run with a task of its own for each kind, keep kinds in packs of their own with group_by=, "
        "or name the one field to show with text_field=."
        if found.apart
        else "If these are different kinds of things, keep them in packs of their own with group_by=, or "
        "give each kind a run of its own."
    )
    told = f"one run has one task, but there are {found.detail}. {remedy}"
    return Advice(Topic.MIXED, not found.apart, told, _few([items[position] for position in found.items]))


def _uneven(items: Sequence[Item], seating: Seating[object]) -> Advice | None:
    tokens = seating.text_tokens
    if max(tokens.values(), default=0) + seating.dearest_tokens <= crowding_from(seating.allowance.room):
        return None
    sample = set(seating.sample)
    rest = [each for each in tokens if each not in sample]
    own = crowding_among(items, rest, tokens, seating.dearest_tokens, seating.allowance)
    if not own:
        return None
    by_length = sorted(own, key=lambda each: (-tokens[each], each))
    sizes = [tokens[each] + seating.dearest_tokens for each in rest]
    groups = [items[each].group for each in rest]
    others = len(long_ones(sizes, seating.allowance.room, groups=groups)) - len(own)
    shown = ", ".join(f"{_item(items[each].id)} with {tokens[each]:,} tokens" for each in by_length[:FEW])
    told = (
        f"{len(own):,} of {len(rest):,} texts are far longer than the rest ({shown}; the median is "
        f"{median_low(tokens[each] for each in rest):,}). Each gets a call of its own, so that nobody waits "
        "for it or is paid for again with it."
    )
    if others > 0:
        told += (
            f" {others:,} more are about as long but stay among the others: calls of their own would be too "
            "many. A group_by= that tells long from short keeps them among themselves."
        )
    return Advice(Topic.UNEVEN, True, told, _few([items[each] for each in by_length]))


def _long_output(
    task: Task[object], seating: Seating[object], counter: TokenCounter, answer_tokens: int | None
) -> Advice | None:
    together = max((len(bin_) for bin_ in seating.bins), default=0)
    if together < 2 or (found := prose(task, counter, given_tokens=answer_tokens)) is None:
        return None
    room = seating.allowance
    shared = max(0, room.input_tokens - room.room.tokens - CHAT_TEMPLATE_TOKENS)
    text = sum(seating.text_tokens.values()) / len(seating.text_tokens)
    saved = shared * (1 - 1 / together) / (shared + text + OUTPUT_PRICE * found.tokens)
    told = (
        f"answers are long and open-ended ({found.why}). With {found.tokens:,} reply tokens an answer, at "
        f"about {OUTPUT_PRICE} times a prompt token's price, sharing the instruction ({shared:,} tokens) "
        f"saves at most {saved:.0%} of the bill, less where the provider caches it; and one call that is cut "
        f"off or fails loses {together} answers, {together * found.tokens:,} reply tokens. Ask with "
        'strategy="single", or bound the answer (labels, numbers, maxLength).'
    )
    if found.tokens > found.planned_tokens:
        told += (
            f" The plan reserves {found.planned_tokens:,} tokens an answer: say what it takes with "
            "Budget(answer_tokens=...), or replies may be cut off."
        )
    return Advice(Topic.LONG_OUTPUT, False, told)


def _check_dependencies(items: Sequence[Item], waiting: Sequence[Item]) -> None:
    known = {str(item.id) for item in items}
    for item in waiting:
        given: object = item.depends_on
        if isinstance(given, str):
            raise BadItem(f"{_item(item.id)} has depends_on={_shown(given)}: give a tuple of ids.")
        for needed in item.depends_on:
            if str(needed) == str(item.id):
                raise BadItem(f"{_item(item.id)} depends on itself: it could never be asked.")
            if str(needed) not in known:
                raise BadItem(f"{_item(item.id)} depends on {_shown(needed)}, which is the id of no input.")
    try:
        TopologicalSorter({str(item.id): map(str, item.depends_on) for item in waiting}).prepare()
    except CycleError as error:
        circle = " -> ".join(map(_shown, error.args[1][: FEW + 1]))
        raise BadItem(
            f"Items depend on each other in a circle ({circle}): none could ever be asked."
        ) from None


def _count(items: Sequence[Item], one: str, many: str) -> str:
    return f"1 item {one}" if len(items) == 1 else f"{len(items):,} items {many}"


def _few(items: Sequence[Item]) -> tuple[ItemId, ...]:
    return tuple(item.id for item in items[:FEW])


def _item(item_id: ItemId) -> str:
    return f"item {_shown(item_id)}"


def _shown(value: object) -> str:
    """As a literal: a caller's words may hold control characters that a terminal would obey."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"

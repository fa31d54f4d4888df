"""Items to packs, before any call: what will be asked, in how many calls, and what is refused.

The plan is what a run carries out, not an estimate of it: the same inputs, options and seed give the
same packs and the same prompts, to the byte. No network. Does not know: clients, replies, or prices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from packer.baseline import predict
from packer.binpack import pack_in_order, pack_tightly
from packer.budget import Allowance, allowance
from packer.delimit import HANDLES, block, cleaned, draw_nonce, draw_seal, end
from packer.render import pack_system
from packer.tokens import counter_for
from schemas.item import Item, ItemId, ItemLike, as_items
from schemas.ledger import Baseline
from schemas.pack import SINGLE_HANDLE, Pack, Slot
from schemas.protocols import TokenCounter
from schemas.result import Fault, ItemResult, Outcome, Reason
from schemas.settings import Budget, Fallback, Layout, Strategy
from schemas.task import Task

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

# The costliest letters there are: a random nonce hardly ever takes more tokens than this one.
_DEAR_NONCE = "qxzjvkwqzxjvkq"
_DEAR_SEAL = "zqxj"
_SEAL_SPARE = 2
_SALT = "packsplit"


@dataclass(frozen=True, slots=True)
class Plan(Generic[T_co]):
    """What a run will do.

    Attributes:
        items: all inputs, in input order.
        packs: the calls, in the order in which they are sent.
        refused: inputs that no call will be spent on, with the reason.
        same_as: inputs whose text was seen before, and the input that is asked for them.
        counter: the counter's name.
        input_tokens: prompt tokens of all packs as counted, chat templates not included.
        reply_tokens: reply tokens as planned.
        worst_case_calls: calls if everything that can go wrong does.
        allowance: the room each pack had.
        baseline: one call per distinct text.
    """

    items: tuple[Item, ...]
    packs: tuple[Pack[T_co], ...]
    refused: tuple[ItemResult[T_co], ...]
    same_as: dict[ItemId, ItemId]
    counter: str
    input_tokens: int
    reply_tokens: int
    worst_case_calls: int
    allowance: Allowance
    baseline: Baseline

    @property
    def calls(self) -> int:
        """Calls when every reply is good."""
        return len(self.packs)

    def __str__(self) -> str:
        alone = self.baseline
        return "\n".join(
            [
                f"{len(self.items):,} items: {alone.calls:,} to ask, {len(self.same_as):,} repeated texts, "
                f"{len(self.refused):,} refused",
                f"{'':<22}{'packed':>12} {'one by one':>12}",
                f"{'calls':<22}{self.calls:>12,} {alone.calls:>12,}",
                f"{'  at the very worst':<22}{self.worst_case_calls:>12,}",
                f"{'input tokens':<22}{self.input_tokens:>12,} {alone.input_tokens or 0:>12,}",
                f"{'reply tokens, planned':<22}{self.reply_tokens:>12,} {alone.output_tokens or 0:>12,}",
                f"counted by {self.counter}",
            ]
        )


def plan(
    items: Iterable[ItemLike],
    task: Task[T],
    *,
    model: str = "",
    counter: TokenCounter | None = None,
    context_tokens: int | None = None,
    budget: Budget | None = None,
    layout: Layout | None = None,
    fallback: Fallback | None = None,
    strategy: Strategy = "pack",
    seed: int = 0,
    text_field: str | None = None,
    id_field: str | None = None,
) -> Plan[T]:
    """Work out the packs, without network.

    Args:
        items: anything ``pack_and_run`` takes.
        task: what is asked of each.
        model: whose tokens are counted, such as ``"openai/gpt-6-luna"``.
        counter: counts tokens; None takes the best that is there.
        context_tokens: what the model holds, prompt and reply together; None assumes 32,000.
        budget: how large a pack may grow.
        layout: envelope, binding, packing and order.
        fallback: the ladder, for the worst case.
        strategy: ``"single"`` plans one call per item.
        seed: same seed, same packs and prompts.
        text_field: the text's field in records, when not ``text``.
        id_field: the id's field in records, when not ``id``.

    Returns:
        The packs, their tokens, and the same for one call per item.

    Raises:
        UsageError: unusable items, or a budget that leaves no room.

    Example:
        >>> from packer import Task, plan
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> made = plan(["Great.", "Awful.", "Great."], task)
        >>> made.calls, made.same_as
        (1, {2: 0})
    """
    budget, layout, fallback = budget or Budget(), layout or Layout(), fallback or Fallback()
    counter = counter or counter_for(model)
    every = as_items(items, text_field=text_field, id_field=id_field)
    asked, same_as = _distinct(every)
    refused: list[ItemResult[T]] = [
        _refuse(item, Fault.EMPTY_TEXT, "the text is empty; nothing was asked")
        for item in every
        if not item.text.strip()
    ]
    fixed = sum(counter.count_batch([pack_system(task, layout), end(_DEAR_NONCE)]))
    room = allowance(task, budget, layout, counter, fixed_tokens=fixed, context_tokens=context_tokens)
    markers = Markers(counter, layout)
    texts = markers.text_tokens([item.text for item in asked])
    fitting: list[tuple[Item, int]] = []
    for item, tokens in zip(asked, texts, strict=True):
        if tokens + markers.dearest <= room.room.tokens:
            fitting.append((item, tokens))
        else:
            detail = (
                f"the text takes {tokens:,} tokens ({counter.name}); one call has room for "
                f"{room.room.tokens:,}. Raise Budget(input_tokens=...) or shorten the text"
            )
            refused.append(_refuse(item, Fault.OVER_BUDGET, detail))
    if strategy == "single":
        packs: tuple[Pack[T], ...] = tuple(alone(task, item, tokens) for item, tokens in fitting)
        input_tokens = predict(task, [n for _, n in fitting], 0, counter).input_tokens or 0
    else:
        packs = tuple(_packs(fitting, task, layout, room, markers, seed))
        input_tokens = markers.prompt_tokens(packs, pack_system(task, layout))
    return Plan(
        items=tuple(every),
        packs=packs,
        refused=tuple(refused),
        same_as=same_as,
        counter=counter.name,
        input_tokens=input_tokens,
        reply_tokens=room.reply_tokens_per_item * len(fitting),
        worst_case_calls=sum(fallback.worst_case_calls(len(pack.slots)) for pack in packs)
        if strategy == "pack"
        else len(packs),
        allowance=room,
        baseline=predict(task, [n for _, n in fitting], room.reply_tokens_per_item, counter),
    )


def seat(
    pack_id: str,
    task: Task[T],
    members: Sequence[tuple[Item, int]],
    layout: Layout,
    seed: int,
    markers: Markers,
) -> Pack[T]:
    """Give items their seats: order, handles, nonce and seals, all from the seed.

    Args:
        pack_id: names the pack; part of the seed.
        task: what is asked.
        members: items with their texts' tokens.
        layout: order and binding.
        seed: the run's seed.
        markers: prices the markers.
    """
    # The texts go into the seed too, so that nobody who knows the seed alone can tell the nonce.
    texts = [item.text for item, _ in members]
    digest = hashlib.sha256("\x00".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    random = Random(f"{_SALT}:{seed}:{pack_id}:{digest}")
    order = list(members)
    if layout.shuffle:
        random.shuffle(order)
    nonce = markers.cheap_nonce(random, texts)
    seals = [draw_seal(random) if layout.binding == "seal" else None for _ in order]
    while len(set(seals)) < len(seals) and layout.binding == "seal":
        seals = [draw_seal(random) for _ in order]
    handles = HANDLES[: len(order)]
    costs = markers.cost(handles, nonce, seals)
    slots = tuple(
        Slot(item, handle, seal, tokens + cost)
        for (item, tokens), handle, seal, cost in zip(order, handles, seals, costs, strict=True)
    )
    return Pack(pack_id, task, slots, nonce, layout)


def alone(task: Task[T], item: Item, tokens: int) -> Pack[T]:
    """Seat one item alone: no markers, one key, nothing to tell apart."""
    return Pack(f"single:{item.id}", task, (Slot(item, SINGLE_HANDLE, None, tokens),), "", Layout())


class Markers:
    """What markers cost under one counter, so that each text is counted once and sums are exact.

    A marker and a text meet where every tokenizer breaks, so a block's count is the marker's plus
    the text's, whatever the nonce.
    """

    def __init__(self, counter: TokenCounter, layout: Layout) -> None:
        self._counter = counter
        seal = _DEAR_SEAL if layout.binding == "seal" else None
        self._seal = seal
        first, *_ = counts = counter.count_batch([block("", h, _DEAR_NONCE, seal) for h in HANDLES])
        self._reference = first
        self.dearest = max(counts) + (_SEAL_SPARE if seal else 0)

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens that each text adds to a block, its marker left out."""
        blocks = [block(cleaned(text), HANDLES[0], _DEAR_NONCE, self._seal) for text in texts]
        return [count - self._reference for count in self._counter.count_batch(blocks)]

    def cost(self, handles: Sequence[str], nonce: str, seals: Sequence[str | None]) -> list[int]:
        """Tokens of each marker."""
        return self._counter.count_batch(
            [block("", handle, nonce, seal) for handle, seal in zip(handles, seals, strict=True)]
        )

    def cheap_nonce(self, random: Random, texts: Sequence[str]) -> str:
        """Draw nonces until one takes no more tokens than the reserve; the first nearly always does."""
        while True:
            nonce = draw_nonce(random, texts)
            (cost,) = self._counter.count_batch([block("", HANDLES[0], nonce, self._seal)])
            if cost <= self._reference:
                return nonce

    def prompt_tokens(self, packs: Sequence[Pack[object]], system: str) -> int:
        """Tokens of all prompts of these packs: the parts' sum, which is the whole's count."""
        (head,) = self._counter.count_batch([system])
        ends = self._counter.count_batch([end(pack.nonce) for pack in packs])
        return len(packs) * head + sum(ends) + sum(s.size_tokens for pack in packs for s in pack.slots)


def _packs(
    fitting: Sequence[tuple[Item, int]],
    task: Task[T],
    layout: Layout,
    room: Allowance,
    markers: Markers,
    seed: int,
) -> Iterable[Pack[T]]:
    members = list(fitting)
    if layout.packing == "tight" and layout.shuffle:
        Random(f"{_SALT}:{seed}:order").shuffle(members)
    way = pack_tightly if layout.packing == "tight" else pack_in_order
    for number, bin_ in enumerate(way([tokens + markers.dearest for _, tokens in members], room.room)):
        yield seat(f"p{number}", task, [members[index] for index in bin_], layout, seed, markers)


def _distinct(items: Sequence[Item]) -> tuple[list[Item], dict[ItemId, ItemId]]:
    """Items to ask, and for each repeated text the item that is asked for it."""
    first: dict[str, ItemId] = {}
    asked: list[Item] = []
    same_as: dict[ItemId, ItemId] = {}
    for item in items:
        if not item.text.strip():
            continue
        if item.text in first:
            same_as[item.id] = first[item.text]
        else:
            first[item.text] = item.id
            asked.append(item)
    return asked, same_as


def _refuse(item: Item, fault: Fault, detail: str) -> ItemResult[T_co]:
    return ItemResult(item.id, Outcome.FAILED, reason=Reason(fault, detail))

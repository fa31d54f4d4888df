"""Who sits where: order, handles, nonce and seals of one pack, and what its markers cost.

All of it is drawn from the seed, the pack's name and its texts, so the same run seats everybody the same
way. Does not know: budgets, the wording of prompts, or which items ought to share a pack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from packer.delimit import HANDLES, block, cleaned, draw_nonce, draw_seals, end, nonce_for
from schemas.guard import Canary
from schemas.item import Item
from schemas.pack import SINGLE_HANDLE, Pack, Slot
from schemas.protocols import TokenCounter
from schemas.settings import Layout
from schemas.task import Task

T = TypeVar("T")

# The costliest letters there are: a random nonce hardly ever takes more tokens than this one.
DEAR_NONCE = "qxzjvkwqzxjvkq"
_DEAR_SEAL = "907"
_SEAL_SPARE = 2
SALT = "packsplit"
CANARY_ID = "\0canary"
"""No caller's id holds a NUL and this word; the id never leaves the run."""


def seat(
    pack_id: str,
    task: Task[T],
    members: Sequence[tuple[Item, int]],
    layout: Layout,
    seed: int,
    markers: Markers,
    *,
    canaries: Sequence[Canary] = (),
) -> Pack[T]:
    """Give items their seats: order, handles, nonce and seals, all from the seed.

    Args:
        pack_id: names the pack; part of the seed.
        task: what is asked.
        members: items with their texts' tokens.
        layout: order and binding.
        seed: the run's seed.
        markers: prices the markers.
        canaries: one of them, in turn by chance, gets a seat among the items.
    """
    texts = [item.text for item, _ in members]
    random = seeded(seed, pack_id, texts)
    order: list[tuple[Item, int, Canary | None]] = [(item, tokens, None) for item, tokens in members]
    if canaries:
        canary = random.choice(canaries)
        (tokens,) = markers.text_tokens([canary.text])
        order.insert(random.randint(0, len(order)), (Item(CANARY_ID, canary.text), tokens, canary))
        texts.append(canary.text)
    if layout.shuffle:
        random.shuffle(order)
    seals: Sequence[str | None] = (
        draw_seals(random, len(order)) if layout.binding == "seal" else [None] * len(order)
    )
    # Last of all draws: how many it takes depends on a counter that may be another one next time.
    nonce = markers.nonce(pack_id, random, texts)
    handles = HANDLES[: len(order)]
    costs = markers.cost(handles, nonce, seals)
    slots = tuple(
        Slot(item, handle, seal, tokens + cost, tokens, canary)
        for (item, tokens, canary), handle, seal, cost in zip(order, handles, seals, costs, strict=True)
    )
    return Pack(pack_id, task, slots, nonce, layout)


def seeded(seed: int, pack_id: str, texts: Sequence[str]) -> Random:
    """Chance for one pack: the same seed, name and texts, the same draws.

    The texts go in too, so that nobody who knows the seed alone can tell the nonce.
    """
    digest = hashlib.sha256("\x00".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    return Random(f"{SALT}:{seed}:{pack_id}:{digest}")


def alone(task: Task[T], item: Item, tokens: int, layout: Layout) -> Pack[T]:
    """Seat one item alone: no markers, one key, nothing to tell apart.

    Of the run's layout it keeps one thing: where packs are not held to a schema, a single call is not either.
    """
    layout = Layout(envelope="lines") if layout.envelope == "lines" else Layout()
    return Pack(f"single:{item.id}", task, (Slot(item, SINGLE_HANDLE, None, tokens, tokens),), "", layout)


class Markers:
    """What markers cost under one counter, so that each text is counted once and sums are exact.

    A marker and a text meet where every tokenizer breaks, so a block's count is the marker's plus
    the text's, whatever the nonce.
    """

    def __init__(
        self,
        counter: TokenCounter,
        layout: Layout,
        *,
        nonces: Mapping[str, str] | None = None,
        dearest_tokens: int | None = None,
    ) -> None:
        """Price the markers.

        Args:
            counter: counts.
            layout: seals make markers dearer.
            nonces: by pack, those that were drawn before, when a run is carried on.
            dearest_tokens: what a marker took at most when the run was planned; None counts it.
        """
        self._counter = counter
        self._nonces = nonces or {}
        seal = _DEAR_SEAL if layout.binding == "seal" else None
        self._seal = seal
        self._framing = layout.framing
        self._dear = nonce_for(layout.framing, DEAR_NONCE)
        first, *_ = counts = counter.count_batch([block("", h, self._dear, seal) for h in HANDLES])
        self._reference = first
        self.dearest = dearest_tokens or max(counts) + (_SEAL_SPARE if seal else 0)

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens that each text adds to a block, its marker left out."""
        blocks = [block(cleaned(text), HANDLES[0], self._dear, self._seal) for text in texts]
        return [count - self._reference for count in self._counter.count_batch(blocks)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of any texts."""
        return self._counter.count_batch(list(texts))

    def cost(self, handles: Sequence[str], nonce: str, seals: Sequence[str | None]) -> list[int]:
        """Tokens of each marker."""
        return self._counter.count_batch(
            [block("", handle, nonce, seal) for handle, seal in zip(handles, seals, strict=True)]
        )

    def nonce(self, pack_id: str, random: Random, texts: Sequence[str]) -> str:
        """The pack's own, or the first draw that takes no more tokens than the reserve; none where quoted."""
        if self._framing == "quoted":
            return ""
        if (known := self._nonces.get(pack_id)) is not None:
            return known
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

"""Who sits where: order, handles, nonce and seals of one pack, and what its markers cost.

All of it is drawn from the seed, the pack's name and its texts, so the same run seats everybody the same
way. Does not know: budgets, the wording of prompts, or which items ought to share a pack.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from packer.delimit import HANDLES, block, cleaned_all, draw_seals, end, nonce_for, nonce_of, sized
from schemas.guard import Canary
from schemas.item import Item
from schemas.pack import SINGLE_HANDLE, Pack, Slot, slots_of
from schemas.protocols import TokenCounter
from schemas.settings import MOST_ITEMS_PER_PACK, Layout
from schemas.task import Task

T = TypeVar("T")

# The costliest letters there are: a random nonce hardly ever takes more tokens than this one.
DEAR_NONCE = "qxzjvkwqzxjvkq"
_DEAR_SEAL = "907"
_SEAL_SPARE = 2
SALT = "packsplit"
CANARY_ID = "\0canary"
"""No caller's id holds a NUL and this word; the id never leaves the run."""

COUNTED_AT_ONCE = 8_192
"""So many texts are wrapped and counted together: copies of all of them would double what a plan holds."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance gave one pack.

    Attributes:
        digest: of the seed, the pack's name and its texts; order and seals follow from it.
        nonce: its random word; empty where texts are quoted.
        nonce_tokens: what this nonce takes beyond the one that markers are priced with; below 0 for less.
    """

    digest: bytes
    nonce: str
    nonce_tokens: int


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
    items = [item for item, _ in members]
    tokens = [tokens for _, tokens in members]
    (draw,) = markers.draws([pack_id], [[item.text for item in items]], seed, canaries)
    canary = _chosen(draw, canaries)
    extra = None if canary is None else (canary, markers.text_tokens([canary.text])[0])
    return seated(pack_id, task, items, tokens, layout, markers, draw, extra)


def seated(
    pack_id: str,
    task: Task[T],
    items: list[Item],
    tokens: list[int],
    layout: Layout,
    markers: Markers,
    draw: Draw,
    canary: tuple[Canary, int] | None = None,
) -> Pack[T]:
    """Give items the seats that were drawn.

    Args:
        pack_id: names the pack.
        task: what is asked.
        items: who sits there; a canary is added to this list.
        tokens: of their texts; likewise.
        layout: order and binding.
        markers: prices the markers.
        draw: what chance gave.
        canary: gets a seat among the items; with its text's tokens.
    """
    place = None
    if canary is not None:
        place = int.from_bytes(draw.digest[8:16]) % (len(items) + 1)
        items.insert(place, Item(CANARY_ID, canary[0].text))
        tokens.insert(place, canary[1])
    count = len(items)
    if layout.shuffle:
        order = _order(draw.digest, count)
        items = [items[each] for each in order]
        tokens = [tokens[each] for each in order]
        place = None if place is None else order.index(place)
    handles = HANDLES[:count]
    more = draw.nonce_tokens
    sizes = [text + marker + more for text, marker in zip(tokens, markers.by_seat, strict=False)]
    if layout.binding != "seal" and canary is None:
        return Pack(pack_id, task, slots_of(items, handles, sizes, tokens), draw.nonce, layout)
    seals: Sequence[str | None] = [None] * count
    if layout.binding == "seal":
        seals = draw_seals(Random(draw.digest), count)
    known = [canary[0] if canary is not None and each == place else None for each in range(count)]
    slots = slots_of(items, handles, sizes, tokens, seals=seals, canaries=known)
    return Pack(pack_id, task, slots, draw.nonce, layout)


def _order(digest: bytes, count: int) -> list[int]:
    """Places by lot: each order as likely as the others, but for ties of 64 bits."""
    lots = struct.unpack(f"<{count}Q", hashlib.shake_128(digest).digest(8 * count))
    return sorted(range(count), key=lots.__getitem__)


def _chosen(draw: Draw, canaries: Sequence[Canary]) -> Canary | None:
    return canaries[chosen(draw, len(canaries))] if canaries else None


def chosen(draw: Draw, canaries: int) -> int:
    """Which of so many canaries has its turn."""
    return int.from_bytes(draw.digest[16:24]) % canaries


def seeded(seed: int, pack_id: str, texts: Sequence[str]) -> Random:
    """Chance for one call: the same seed, name and texts, the same draws.

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

    A marker and a text meet where every tokenizer breaks, and so do a marker's nonce, handle and seal: a
    block's count is the sum of theirs. Seals are three digits, which take as many tokens as any other
    three in every vocabulary we know; under another the dearest is what each is priced with.
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
        self._framing = layout.framing
        seal = _DEAR_SEAL if layout.binding == "seal" else None
        dear = nonce_for(layout.framing, DEAR_NONCE)
        every = [block("", handle, dear, seal) for handle in HANDLES]
        if seal:
            every += [block("", HANDLES[0], dear, str(number)) for number in range(100, 1_000)]
        counts = counter.count_batch([end(dear), sized([""], layout.framing)[0], *every])
        self.end_tokens: int = counts[0]
        """Of the line that closes the last block."""
        self._bare = counts[1]
        by_seat, by_seal = counts[2 : 2 + MOST_ITEMS_PER_PACK], counts[2 + MOST_ITEMS_PER_PACK :]
        self.dearest: int = dearest_tokens or max(by_seat) + (_SEAL_SPARE if seal else 0)
        """Most that a marker adds to a text."""
        sealed = max(by_seal) - by_seat[0] if by_seal else 0
        self.by_seat: list[int] = [count + sealed for count in by_seat]
        """Tokens of the marker of each seat, with the nonce that markers are priced with."""

    def text_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens that each text adds to a block, its marker left out."""
        found: list[int] = []
        for start in range(0, len(texts), COUNTED_AT_ONCE):
            some = cleaned_all(texts[start : start + COUNTED_AT_ONCE])
            bare = self._bare
            found += [count - bare for count in self._counter.count_batch(sized(some, self._framing))]
        return found

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of any texts."""
        return self._counter.count_batch(list(texts))

    def draws(
        self, names: Sequence[str], texts: Sequence[Sequence[str]], seed: int, canaries: Sequence[Canary] = ()
    ) -> list[Draw]:
        """Draw for each pack: its own nonce, or the first that takes no more tokens than the reserve.

        Args:
            names: of the packs.
            texts: of each pack's items.
            seed: of the run.
            canaries: one of them will sit in each pack.
        """
        salt = f"{SALT}:{seed}:"
        hidden = [_bytes(canary.text).lower() for canary in canaries]
        told = [_bytes("\0".join(members)) for members in texts]
        digests = [
            hashlib.sha256(_bytes(f"{salt}{name}\0") + text).digest()
            for name, text in zip(names, told, strict=True)
        ]
        if self._framing == "quoted":
            return [Draw(digest, "", 0) for digest in digests]
        nonces = [self._nonces.get(name, "") for name in names]
        costs = [0] * len(names)
        open_ = [at for at, nonce in enumerate(nonces) if not nonce]
        if len(open_) < len(names):
            costs = self._nonce_tokens(nonces)
        attempt = 0
        while open_:
            tried = [nonce_of(_spread(digests[at], attempt)) for at in open_]
            taken = self._nonce_tokens(tried)
            for at, nonce, cost in zip(open_, tried, taken, strict=True):
                word = nonce.encode()
                if cost <= 0 and word not in told[at].lower() and not any(word in each for each in hidden):
                    nonces[at], costs[at] = nonce, cost
            open_ = [at for at in open_ if not nonces[at]]
            attempt += 1
        return list(map(Draw, digests, nonces, costs))

    def _nonce_tokens(self, nonces: Sequence[str]) -> list[int]:
        """What each nonce takes beyond the one that markers are priced with."""
        counts = self._counter.count_batch([end(each) for each in nonces])
        return [count - self.end_tokens for count in counts]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _spread(digest: bytes, attempt: int) -> bytes:
    """Further bytes of a pack's chance, which tell nothing of its order."""
    return hashlib.blake2b(b"nonce %d" % attempt, key=digest, digest_size=16).digest()

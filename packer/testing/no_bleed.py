"""``assert_no_bleed``: every item asked packed and alone by one client, and a failed test where they differ.

Does not know: how answers are held against each other, or how a call is made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from packer.audit import scipy_part
from packer.fit.suit import checked_task
from packer.frames import Frame, items_from
from packer.run.evaluation.arms import Asking, arm_guard
from packer.seating import distinct
from packer.testing.bleed_table import table_of
from packer.testing.packed_and_alone import NoBleed, PackedAndAlone
from schemas.errors import UsageError
from schemas.guard import Guard
from schemas.item import ItemLike
from schemas.protocols import Client
from schemas.settings import DEFAULT_ITEMS_PER_PACK, MOST_ITEMS_PER_PACK, Layout, Limits
from schemas.task import Task

T = TypeVar("T")


def assert_no_bleed(
    task: Task[T],
    items: Iterable[ItemLike] | Frame,
    client: Client | object | None = None,
    *,
    model: str | None = None,
    size: int = DEFAULT_ITEMS_PER_PACK,
    max_bleed: float | None = None,
    alone_twice: float = 0.0,
    confidence: float = 0.95,
    layout: Layout | None = None,
    guard: Guard | None = None,
    limits: Limits | None = None,
    seed: int = 0,
) -> NoBleed:
    """Fail unless every item is answered packed as it is answered alone.

    It costs one call an item, the packs, and ``alone_twice`` of the items once more; nothing is asked again.
    Without ``max_bleed`` one difference fails. An item without a value packed counts as a difference. A trace
    of bleed in a reply (a signal that the guard rejects, an entry twice, an entry of nobody) fails
    whatever ``max_bleed`` allows; so does an item without a value alone or without a neighbour, as nothing
    would be known of it.

    Args:
        task: what is asked of each item.
        items: as for ``pack_and_run``; of texts that occur twice the first counts.
        client: as for ``pack_and_run``.
        model: as for ``pack_and_run``.
        size: items a pack; one less or so where the last pack would hold one item alone.
        max_bleed: pass when packing is proven to change at most this share of answers beyond the model's own
            noise: the exact upper bound counts, not the share seen. Needs ``pip install 'packsplit[audit]'``.
        alone_twice: this share of the items is asked alone a second time, to measure the model's own noise;
            for ``max_bleed`` alone.
        confidence: of the bound.
        layout: envelope, binding, order.
        guard: which signals reject; what it promises, audits or looks at twice is left out.
        limits: as for ``pack_and_run``, for all calls together.
        seed: of packs and seats.

    Returns:
        What it rests on; ``str`` of it says what a pass proves.

    Raises:
        AssertionError: answers differ, or nothing is proven; with a table of the items.
        UsageError: items, task or options that cannot work, or fewer than two different texts.
        ClientError: no call can succeed.

    Example:
        >>> from packer import Task
        >>> from packer.testing import ScriptedClient, assert_no_bleed
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> client = ScriptedClient(lambda text: "good" if "love" in text else "bad")
        >>> assert_no_bleed(task, ["I love it.", "It broke.", "Why love it?"], client).items
        3
    """
    __tracebackhide__ = True  # pytest: the failure is the caller's line, not one of these
    task = checked_task(task)
    _check(size, max_bleed, alone_twice, confidence)
    every = items_from(items)
    chosen = [every[at] for at in distinct(every)[0]]
    if len(chosen) < 2:
        raise UsageError(
            f"assert_no_bleed: {len(chosen)} of the items {'has a' if len(chosen) == 1 else 'have'} text of "
            "its own; it takes two different ones to share a call."
        )
    acting = arm_guard(guard or Guard())
    size = _without_a_last_one(size, len(chosen))
    with tempfile.TemporaryDirectory(prefix="packsplit-") as home:
        asking = Asking(
            task=task,
            folder=Path(home),
            model=model,
            client=client,
            limits=limits or Limits(),
            guard=acting,
            layout=layout or Layout(),
            seed=seed,
        )
        alone, packed = asking.alone(chosen), asking.packed(chosen, size)
        again = asking.again(chosen, alone_twice) if alone_twice else None
    if alone is None or packed is None or (alone_twice and again is None):
        raise AssertionError("The limits were used up before all was asked: nothing is known of bleed.")
    held = PackedAndAlone(task, chosen, alone, packed, again, acting)
    if complaints := [*held.complaints(max_bleed, confidence)]:
        raise AssertionError("\n".join([*complaints, *table_of(held.rows())]))
    return held.passed(max_bleed, confidence)


def _without_a_last_one(size: int, items: int) -> int:
    """The pack size nearest to ``size``, smaller ones first, that leaves no item alone at the end."""
    near = [*range(size, 1, -1), *range(size + 1, items)]
    return next((each for each in near if items % each != 1), items)


def _check(size: int, max_bleed: float | None, alone_twice: float, confidence: float) -> None:
    if not 2 <= size <= MOST_ITEMS_PER_PACK:
        raise UsageError(f"assert_no_bleed(size={size!r}): packs hold 2 to {MOST_ITEMS_PER_PACK} items.")
    if not 0 <= alone_twice <= 1:
        raise UsageError(f"assert_no_bleed(alone_twice={alone_twice!r}) must lie between 0 and 1.")
    if max_bleed is not None:
        Guard(max_bleed=max_bleed, confidence=confidence)  # says what is wrong with either
        scipy_part.require()
    elif alone_twice:
        raise UsageError(
            "assert_no_bleed(alone_twice=...) measures the model's own noise, which is taken off a share: "
            "say with max_bleed= how large a share may differ beyond it."
        )

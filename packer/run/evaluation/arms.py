"""The arms of an evaluation: the same items asked alone, some of them alone again, and packed by each size.

Every arm is a run of its own in a file of its own, so that the same again goes on where it ended. Does not
know: what is held against what.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

from packer.run.api import pack_and_run
from packer.run.live.tally import Tally
from packer.run.read_run import read_run
from packer.seat import SALT
from schemas.evaluation import Spending
from schemas.facts import ModelFacts
from schemas.guard import Guard
from schemas.item import Item, ItemId
from schemas.keeping import Store
from schemas.protocols import Client, TokenCounter
from schemas.record import CallRecord, CallState
from schemas.result import ItemResult, RunResult
from schemas.settings import Budget, Fallback, Layout, Limits
from schemas.task import Task

T = TypeVar("T")

OnArm = Callable[[str, Tally], None]
"""Called with the arm's name and its running sums."""

ONCE = Fallback(repacks=0, session=False, single=False)
"""An arm is what its first replies say; what the ladder mends is worked out from the single answers."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an item sat.

    Attributes:
        call: names the call.
        position: the seat in it, counted from 0.
        size: how many items it held.
    """

    call: str
    position: int
    size: int


@dataclass(frozen=True, slots=True)
class Arm(Generic[T]):
    """One arm, asked.

    Attributes:
        name: of the arm, and of its file.
        run: what came back.
        model: who was asked, with the provider.
        seats: of the items that were packed with company.
        spending: what it took an item.
        broken_off: why packs became smaller while it went on; empty where they did not.
    """

    name: str
    run: RunResult[T]
    model: str
    seats: dict[ItemId, Seat]
    spending: Spending
    broken_off: str = ""

    @property
    def results(self) -> dict[ItemId, ItemResult[T]]:
        """The results by id, repeated texts left out."""
        return {each.item_id: each for each in self.run.results if each.same_as is None}


def arm_guard(guard: Guard) -> Guard:
    """The guard of an arm, which must not ask about itself, or change its size for what it finds."""
    return replace(
        guard,
        audit=0.0,
        collapse=None,
        second_look=False,
        max_bleed=None,
        max_accuracy_loss=None,
        gold=(),
        profile=None,
    )


@dataclass(slots=True, kw_only=True)
class Asking(Generic[T]):
    """Asks arms, within limits that hold for all of them together.

    Attributes:
        task: what is asked.
        folder: where the arms' files go.
        texts: whether those keep the inputs.
        model: as for ``pack_and_run``.
        client: likewise.
        budget: likewise; its items are each arm's own.
        limits: of all arms together.
        guard: of each arm; see ``arm_guard``.
        layout: of the packs.
        counter: as for ``pack_and_run``.
        facts: likewise.
        on_progress: is told the running sums of each arm.
        seed: of packs and seats.
    """

    task: Task[T]
    folder: Path
    texts: bool = False
    model: str | None = None
    client: Client | object | None = None
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    guard: Guard
    layout: Layout = field(default_factory=Layout)
    counter: TokenCounter | None = None
    facts: ModelFacts | None = None
    on_progress: OnArm | None = None
    seed: int = 0
    _calls: int = 0
    _cost_usd: Decimal = Decimal(0)
    _began_s: float | None = None

    def alone(self, items: Sequence[Item]) -> Arm[T] | None:
        """Ask each item alone; None where the limits leave no call."""
        return self._asked("alone", items, None)

    def again(self, items: Sequence[Item], share: float) -> Arm[T] | None:
        """Ask some of the items alone once more, at least one; None as above.

        Args:
            items: of whom to draw, by the seed.
            share: so much of them, above 0.
        """
        count = math.ceil(share * len(items))
        places = Random(f"{SALT}:{self.seed}:again").sample(range(len(items)), count)
        return self._asked("alone-again", [items[at] for at in sorted(places)], None)

    def packed(self, items: Sequence[Item], size: int) -> Arm[T] | None:
        """Ask the items in packs of at most so many; None as above."""
        return self._asked(f"packs-of-{size}", items, size)

    def _asked(self, name: str, items: Sequence[Item], size: int | None) -> Arm[T] | None:
        limits = self._left()
        if limits is None:
            return None
        path = self.folder / f"{name}.run"
        told = self.on_progress
        run = pack_and_run(
            items,
            self.task,
            model=self.model,
            client=self.client,
            strategy="single" if size is None else "pack",
            budget=self.budget if size is None else replace(self.budget, items=size),
            limits=limits,
            fallback=ONCE,
            guard=self.guard,
            layout=self.layout,
            counter=self.counter,
            facts=self.facts,
            store=Store(path, texts=self.texts),
            name=name,
            # Other neighbours in every size, as if they had been drawn anew.
            seed=self.seed + (size or 0),
            on_progress=None if told is None else lambda tally: told(name, tally),
        )
        self._calls += run.ledger.calls
        self._cost_usd += run.ledger.cost_usd or 0
        record = read_run(path)
        # Where packs failed, the run went on with smaller ones, which say nothing of this size.
        changed = "; ".join(str(each) for each in run.size_changes)
        if size is None:
            counted = [call for call in record.calls if call.route == "single"]
        else:
            most = size // 2 if changed else 1
            counted = [call for call in record.calls if call.route == "pack" and len(call.members) > most]
        seats = {} if size is None else _seats(counted)
        return Arm(name, run, record.model, seats, _spending(counted), changed)

    def _left(self) -> Limits | None:
        """What of the limits the arms so far have left; None for nothing. The first arm has all of them."""
        limits, now_s = self.limits, time.monotonic()
        self._began_s = now_s if self._began_s is None else self._began_s
        if limits.max_calls is not None:
            if limits.max_calls <= self._calls:
                return None
            limits = replace(limits, max_calls=limits.max_calls - self._calls)
        if limits.max_cost_usd is not None:
            if limits.max_cost_usd <= self._cost_usd:
                return None
            limits = replace(limits, max_cost_usd=limits.max_cost_usd - self._cost_usd)
        if limits.deadline_s is not None:
            left_s = limits.deadline_s - (now_s - self._began_s)
            if left_s <= 0:
                return None
            limits = replace(limits, deadline_s=left_s)
        return limits


def _seats(calls: Sequence[CallRecord]) -> dict[ItemId, Seat]:
    return {
        item_id: Seat(call.name, position, len(call.members))
        for call in calls
        for position, item_id in enumerate(call.members)
    }


def _spending(calls: Sequence[CallRecord]) -> Spending:
    """Sums an item, retries included; what one reply does not tell, no sum tells."""
    items = len({item_id for call in calls for item_id in call.members})
    if not items:
        return Spending(0, 0.0)
    answered = [call for call in calls if call.state is CallState.ANSWERED]
    cost_usd = _whole([call.cost_usd for call in answered])
    into = _whole([call.usage.input_tokens for call in answered])
    out = _whole([call.usage.output_tokens for call in answered])
    took_s = _whole([call.took_s for call in answered])
    return Spending(
        items,
        len(calls) / items,
        None if into is None else into / items,
        None if out is None else out / items,
        None if cost_usd is None else cost_usd / items,
        None if took_s is None else took_s / items,
    )


N = TypeVar("N", int, float, Decimal)


def _whole(values: Sequence[N | None]) -> N | None:
    """The sum; None where one is missing, or there is none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    total = known[0]
    for each in known[1:]:
        total += each
    return total

"""The audit of one run: which answers are held against a single one, and what came of it.

Does not know: how calls are made, or how rates are estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from packer.audit.draw import also
from packer.audit.equal import fields, same
from packer.audit.watch import Watch
from schemas.audit import Audited
from schemas.item import ItemId
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trust
from schemas.task import Task
from schemas.verdict import Verdict
from schemas.written import answer_written

T = TypeVar("T")

_DOUBTFUL = Trust.DOUBTFUL

SUSPECT_FACTOR = 5
"""Answers that are doubtful, or came from a further call, are audited so many times as often."""


@dataclass(slots=True)
class Held(Generic[T]):
    """An answer from a shared call that waits for the same item's single one.

    Attributes:
        result: as it would be settled.
        position: its seat in the call.
        size: items of the call.
        flagged: whether it was doubtful, or came from a further call.
        weight: 1 / the chance it had of being drawn.
        twice: whether it is to be asked alone twice.
        alone: the first single answer; None until it is there.
        again: the second one, where it came before the first.
        asked: single answers that are under way.
    """

    result: ItemResult[T]
    position: int
    size: int
    flagged: bool
    weight: float
    twice: bool
    alone: Verdict[T] | None = None
    again: Verdict[T] | None = None
    asked: int = 1


@dataclass(slots=True)
class _Call:
    """What came of one call's planned audits so far; answers of one call go wrong together."""

    due: int = 0
    items: int = 0
    differ: int = 0


@dataclass(slots=True)
class Auditing(Generic[T]):
    """What one run's audit knows.

    Attributes:
        task: of the run.
        chosen: ids that the plan has drawn, and whether to ask them twice.
        share: of packed answers that is drawn.
        seed: of the run.
        gold: answers that people gave, by text, as JSON.
        keeps_packed: whether the packed answer stands where the two differ.
        own: the kind of call that answers of this run come from when nothing goes wrong.
        rows: what was compared.
        unanswered: drawn, and not answered alone.
        shared: answers from shared calls so far, audited or not.
        watch: bounds of the share that differs, valid at any time.
        noise: how many items were asked alone twice, and how many of them got two answers.
        collapse: the run is to stop where more than this share surely differs; None never stops it.
    """

    task: Task[T]
    chosen: Mapping[ItemId, bool] = field(default_factory=dict)
    share: float = 0.0
    seed: int = 0
    gold: Mapping[str, object] = field(default_factory=dict)
    keeps_packed: bool = False
    own: Route = Route.PACK
    rows: list[Audited] = field(default_factory=list)
    unanswered: int = 0
    shared: int = 0
    watch: Watch = field(default_factory=Watch)
    noise: tuple[int, int] = (0, 0)
    collapse: float | None = None
    _calls: dict[str, _Call] = field(default_factory=dict)

    def covers(self, route: Route, pack: Pack[T]) -> bool:
        """Whether answers of such a call are audited."""
        if route is Route.SESSION:
            return True
        # A pack of one is a single call in other words.
        return route in (Route.PACK, Route.REPACK) and len(pack.slots) > 1

    def drawn(self, result: ItemResult[T], pack: Pack[T]) -> Held[T] | None:
        """Whether this answer, of a call that the audit covers, is to be held against a single one."""
        self.shared += 1
        flagged = result.trust is _DOUBTFUL or result.route is not self.own
        planned = result.item_id in self.chosen
        if not planned and not flagged:
            return None
        extra = min(1.0, SUSPECT_FACTOR * self.share) if flagged else 0.0
        if not planned and not (extra and also(str(result.item_id), extra, seed=self.seed)):
            return None
        if planned:
            self._calls.setdefault(result.call, _Call()).due += 1
        chance = 1 - (1 - self.share) * (1 - extra)
        position = next(n for n, slot in enumerate(pack.slots) if slot.item.id == result.item_id)
        twice = self.chosen.get(result.item_id, False)
        weight = 1 / chance if chance else 1.0
        return Held(result, position, len(pack.asked), flagged, weight, twice)

    def compared(
        self, held: Held[T], text: str, alone: Verdict[T] | None, again: Verdict[T] | None, call: str
    ) -> ItemResult[T]:
        """Enter one comparison; gives back the result as it is settled now.

        Args:
            held: the packed answer.
            text: of the item.
            alone: the single answer; without a value, or None, there is nothing to compare with.
            again: a second single answer; None where nobody asked, or none came.
            call: names the call of the single answer.
        """
        result = held.result
        if alone is None or not alone.accepted:
            self.unanswered += 1
            self._seen(result, None)
            return result
        packed, single = self._plain(result.value), self._plain(alone.value)
        differs = not same(packed, single)
        twice = None if again is None or not again.accepted else not same(single, self._plain(again.value))
        if twice is not None:
            self.noise = self.noise[0] + 1, self.noise[1] + twice
        gold = self.gold.get(text)
        known = text in self.gold
        self.rows.append(
            Audited(
                result.item_id,
                result.call,
                result.route or Route.PACK,
                held.position,
                held.size,
                held.flagged,
                held.weight,
                differs,
                fields(packed, single),
                twice,
                same(packed, gold) if known else None,
                same(single, gold) if known else None,
            )
        )
        self._seen(result, differs)
        if not differs:
            return replace(result, trust=Trust.CONFIRMED)
        told = f"asked alone, it was answered otherwise: {str(result.value)[:40]!r} packed, "
        told += f"{str(alone.value)[:40]!r} alone"
        signal = Signal(SignalKind.AUDIT, told, 0.9, items=(result.item_id,))
        kept = replace(result, trust=Trust.DOUBTFUL, signals=(*result.signals, signal))
        if self.keeps_packed:
            return kept
        return replace(kept, value=alone.value, quotes=alone.quotes, route=Route.SINGLE, call=call)

    @property
    def surely(self) -> float:
        """So much of the packed answers differs for sure, less the noise as it is estimated by now."""
        asked, differ = self.noise
        return self.watch.lower - (differ + 0.5) / (asked + 1)

    def _seen(self, result: ItemResult[T], differs: bool | None) -> None:
        """Show the watch a call when all of it is there; doubtful answers, drawn more often, are left out."""
        if result.item_id not in self.chosen:
            return
        call = self._calls[result.call]
        call.due -= 1
        call.items += differs is not None
        call.differ += bool(differs)
        if not call.due:
            del self._calls[result.call]
            if call.items:
                self.watch.add(call.differ, call.items)

    def watch_anew(self) -> None:
        """Forget what was seen of a size that is used no longer."""
        self.watch = Watch()

    @property
    def collapsed(self) -> str:
        """Why the run is to stop; empty while it may go on."""
        if self.collapse is None or self.surely <= self.collapse:
            return ""
        asked, differ = len(self.rows), sum(row.differs for row in self.rows)
        return (
            f"{asked:,} packed answers were asked again alone, and {differ:,} differ: packing surely changes "
            f"more than {self.collapse:.0%} of its answers. Ask one by one (strategy single), or let "
            "a promise (max_bleed) find a size that holds; the same again, with a store, packs on"
        )

    def _plain(self, value: object) -> object:
        return answer_written(self.task.output, value)

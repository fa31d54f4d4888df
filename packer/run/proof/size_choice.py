"""Which pack size a run uses: settled before the first pack, changed while it goes on, and written down.

A promise is settled by a profile, by a trial, or by arithmetic alone; without one the plan's own size holds
until calls fail. Does not know: how sizes are tried, or how calls are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from packer.run.flow.ask import Ask
from packer.run.flow.ladder import Ladder
from packer.run.flow.seats import Ranges, Seats
from packer.run.flow.trying import Trying
from packer.run.proof.promise_words import drifted, settled_words
from packer.run.store.journal import Journal
from packer.seat import alone
from schemas.calibration import Calibration, SizeChange
from schemas.guard import Guard
from schemas.pack import Pack
from schemas.written import fields_written, read, written

T = TypeVar("T")


@dataclass(slots=True)
class SizeChoice(Generic[T]):
    """The sizes of one run.

    Attributes:
        guard: the promise.
        seats: what is left to pack.
        ladder: knows how packs fare.
        journal: is told of every decision.
        trying: the trial of sizes; None without one.
        calibration: what the promise came to; None without one, and until it is settled.
        changes: sizes that were changed while the run went on, oldest first.
        keep: is given what a trial has found, for later runs.
    """

    guard: Guard
    seats: Seats[T]
    ladder: Ladder[T]
    journal: Journal
    trying: Trying[T] | None = None
    calibration: Calibration | None = None
    changes: list[SizeChange] = field(default_factory=list)
    keep: Callable[[Calibration], None] = lambda _: None
    _settled: bool = False

    def asks(self) -> list[Ask[T]]:
        """What the trial asks next; empty when there is none, or none any more."""
        return [] if self.trying is None or self._settled else self.trying.asks()

    def settle(self) -> None:
        """The trial is over: seat what is left accordingly, and write it down. Done once a run."""
        if self._settled:
            return
        self._settled = True
        if self.trying is not None:
            self.calibration = self._tried(self.trying)
            self.keep(self.calibration)
        if self.calibration is None:
            return
        size = self.calibration.size or 1
        more = list(self._unasked())
        left: Ranges = []
        if more or size != self.ladder.sizing.size:
            left = self.seats.seat_anew(size, more)
            self.ladder.sizing.begin(size)
        self.journal.chosen(
            {"calibration": written(self.calibration), "size": size, "left": left, "more": more}
        )

    def chosen_before(self, body: dict[str, object]) -> None:
        """Settle as an earlier process of the run did."""
        self._settled = True
        self.calibration = read(Calibration, body["calibration"])
        size, left, more = body["size"], body["left"], body["more"]
        assert isinstance(size, int) and isinstance(left, list) and isinstance(more, list)  # noqa: S101, PT018  # chained to what was written
        if left or more:
            self.seats.seat_again(size, left, more)
            self.ladder.sizing.begin(size)

    def look(self) -> None:
        """Change the size where calls fail, hold again, or turn out to bleed more than was promised."""
        size = self._due()
        if size is None or not len(self.seats):
            return
        change = SizeChange(self.ladder.sizing.size, size, self.ladder.sizing.why)
        left = self.seats.seat_anew(size)
        self._change(change)
        self.journal.resized({**fields_written(change), "left": left})

    def resized_before(self, body: dict[str, object]) -> None:
        """Change the size as an earlier process of the run did."""
        left, change = body.pop("left"), read(SizeChange, body)
        assert isinstance(left, list)  # noqa: S101  # as above
        self.seats.seat_again(change.after, left)
        self._change(change)

    def unasked(self) -> Iterator[Pack[T]]:
        """Items of the run whose turn in the trial has not come."""
        made, seats = self.seats.plan, self.seats
        if not self._settled:
            for at in self._unasked():
                yield alone(seats.task, made.items[at], made.seating.text_tokens[at], seats.layout)

    def _unasked(self) -> Sequence[int]:
        """Positions of the run's items that were set apart for a trial and not asked in it."""
        if self.trying is None:
            return self.seats.plan.seating.trial
        return [self.seats.position(each.item) for each in self.trying.left if each.own]

    def _tried(self, trying: Trying[T]) -> Calibration:
        made = Calibration(
            self.guard.promise or "max_bleed",
            self.guard.ceiling,
            self.guard.confidence,
            tuple(trying.trials),
            trying.noise,
            trying.size,
            trying.size is not None,
            trying.calls,
        )
        return replace(made, words=settled_words(made, self.guard))

    def _due(self) -> int | None:
        sizing, auditing = self.ladder.sizing, self.ladder.auditing
        if (
            self.guard.promise == "max_bleed"
            and self.calibration is not None
            and self.calibration.proven
            and sizing.size > 1
            and auditing.surely > self.guard.ceiling
        ):
            kept = [each.size for each in self.calibration.trials if each.size < sizing.size]
            sizing.why = drifted(auditing.watch.lower, len(auditing.rows), self.guard)
            return max(kept, default=1)
        return sizing.due()

    def _change(self, change: SizeChange) -> None:
        self.changes.append(change)
        self.ladder.sizing.changed(change.after)
        # What was seen of the old size says nothing of the new one.
        self.ladder.auditing.watch_anew()

"""Takes a run up where its journal ends: recorded replies go through the same ladder, in the same order.

What comes out is what the run knew when it ended: settled items, asks still open, replies that nobody
had read yet, and the books. Does not know: SQLite, or how the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from packer.plan import Plan
from packer.run.flow.ask import Ask, Back, Reply
from packer.run.flow.ladder import Ladder
from packer.run.flow.seats import Seats
from packer.run.gate import Gatekeeper
from packer.run.jobs.batch_job import Line
from packer.run.jobs.drive_batch import BatchDriver
from packer.run.jobs.kept_jobs import KeptJobs
from packer.run.live.books import Books
from packer.run.live.drive import Driver
from packer.run.proof.size_choice import SizeChoice
from packer.run.store.damage import damaged
from packer.run.store.journal import JOB_EVENTS, seats_of
from packer.run.store.records import id_read, listed, need_read, number, reply_read, seconds
from packer.run.store.run_file import Event
from schemas.chat import Completion
from schemas.errors import ClientError, RunChanged
from schemas.item import ItemId
from schemas.result import ItemResult
from schemas.review import Review, Stage
from schemas.route import Route
from schemas.written import read

T = TypeVar("T")


@dataclass(slots=True)
class Replay(Generic[T]):
    """One run's way back to where it was.

    Attributes:
        path: the run's file, for what is said of it.
        driver: made ready for the whole run; its ladder, books and needs end where the run was.
        plan: of the run.
        keeper: the review gate; None without one.
        seats: opens packs.
        choice: settles which sizes are used.
        settled: results, by id, in the order of settling.
        asks: open asks by name.
        opened: names of the baseline's calls that are open or done.
        shown: a sheet that waits for its reviewer: when, and whose answers.
    """

    path: Path
    driver: Driver[T]
    plan: Plan[T]
    keeper: Gatekeeper[T] | None
    seats: Seats[T]
    choice: SizeChoice[T]
    settled: dict[ItemId, ItemResult[T]] = field(default_factory=dict)
    asks: dict[str, Ask[T]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    shown: tuple[Stage, tuple[ItemId, ...]] | None = None
    _sent: dict[int, Line[T]] = field(default_factory=dict)
    _unread: dict[int, tuple[Reply, Decimal | None]] = field(default_factory=dict)
    _jobs: KeptJobs = field(default_factory=KeptJobs)

    @property
    def ladder(self) -> Ladder[T]:
        """The run's ladder."""
        return self.driver.ladder

    @property
    def _books(self) -> Books:
        return self.driver.sender.books

    def run(self, events: Iterable[Event]) -> None:
        """Go through the journal.

        Raises:
            StoreDamaged: a record that cannot be.
            RunChanged: the calls that were made are not those that would be made now.
        """
        steps: dict[str, Callable[[dict[str, object]], None]] = {
            "sent": self._on_sent,
            "back": self._on_back,
            "took": self._on_took,
            "drained": self._on_drained,
            "shown": self._on_shown,
            "ruled": self._on_ruled,
            "probed": self._on_probed,
            "chosen": self._on_chosen,
            "resized": self._on_resized,
            **{kind: partial(self._on_job, kind) for kind in JOB_EVENTS},
        }
        for event in events:
            if (step := steps.get(event.kind)) is not None:
                try:
                    step(event.body)
                except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                    told = f"record {event.seq} of its journal ({event.kind}) makes no sense: {error!r}"
                    raise damaged(self.path, told) from None
        self._take_up_jobs()
        lost = ClientError("its process ended before the reply was kept")
        for each in self._sent.values():
            self._books.back(each.ask, lost, None, each.need, each.reserved_usd)
        # A guard that ended the run has had its say; who takes the run up again wants the rest.
        if self.ladder.stop is not None:
            self.ladder.stop = None
            self.ladder.auditing.collapse = None

    @property
    def arrived(self) -> list[tuple[Ask[T], Back]]:
        """Replies that were kept and not read, with their asks, which are open no longer."""
        last = self.driver.sender.journal.last
        names = {last[name]: name for name in self.asks if name in last}
        return [
            (self.asks.pop(names[number]), Back(reply, cost_usd))
            for number, (reply, cost_usd) in self._unread.items()
            if isinstance(reply, Completion) and number in names
        ]

    def _on_sent(self, body: dict[str, object]) -> None:
        at, name = number(body["n"]), str(body["ask"])
        ask = self._opened(name, str(body["route"]))
        if body["seats"] != seats_of(ask.pack):
            raise RunChanged(str(self.path), (f"who sits where in call {name!r}",))
        need, journal = need_read(body), self.driver.sender.journal
        self._sent[at] = Line(ask, need, self._books.spending.enter(need))
        journal.calls, journal.last[name] = at, at

    def _on_back(self, body: dict[str, object]) -> None:
        at = number(body["n"])
        line = self._sent.pop(at)
        reply, cost_usd = reply_read(body)
        took_s = seconds(body["took_s"])
        self._books.back(line.ask, reply, cost_usd, line.need, line.reserved_usd, took_s=took_s)
        self._unread[at] = reply, cost_usd

    def _on_took(self, body: dict[str, object]) -> None:
        ask = self.asks.pop(str(body["ask"]))
        if "n" in body:
            reply, cost_usd = self._unread.pop(number(body["n"]))
        else:
            reply, cost_usd = reply_read(body)
        step = self.ladder.take(ask, reply, cost_usd)
        self._note(step.settled)
        self.asks.update((each.pack.id, each) for each in step.asks)

    def _on_drained(self, body: dict[str, object]) -> None:
        self.asks.update((each.pack.id, each) for each in self.ladder.drain())

    def _on_probed(self, body: dict[str, object]) -> None:
        self._books.probed(*reply_read(body), need_read(body))

    def _on_chosen(self, body: dict[str, object]) -> None:
        self.choice.chosen_before(body)

    def _on_resized(self, body: dict[str, object]) -> None:
        self.choice.resized_before(body)

    def _on_job(self, kind: str, body: dict[str, object]) -> None:
        for at in self._jobs.note(kind, body):
            if (line := self._sent.pop(at, None)) is not None:
                self._books.voided(line.reserved_usd)

    def _take_up_jobs(self) -> None:
        """Calls whose job has not brought their reply yet are neither lost nor to be made again."""
        driver = self.driver
        if not isinstance(driver, BatchDriver):
            return
        driver.known |= self._jobs.ids()
        driver.made = self._jobs.made
        for job in self._jobs.under_way():
            lines = {at: self._sent.pop(at) for at in job.calls if at in self._sent}
            for line in lines.values():
                del self.asks[line.ask.pack.id]
            driver.jobs.append(job.again(lines))

    def _on_shown(self, body: dict[str, object]) -> None:
        self.shown = Stage(str(body["stage"])), tuple(id_read(each) for each in listed(body["ids"]))

    def _on_ruled(self, body: dict[str, object]) -> None:
        if self.keeper is None:
            raise ValueError("a review without a gate")
        reviews = [read(Review, each) for each in listed(body["reviews"])]
        again = self.keeper.rule(Stage(str(body["stage"])), reviews)
        self.shown = None
        failed = reopen(self.ladder, self.keeper, again)
        for each in again:
            self.settled.pop(each, None)
        self._note(failed)
        self.settled.update(self.keeper.board)

    def _note(self, results: Iterable[ItemResult[T]]) -> None:
        for each in results:
            self.settled[each.item_id] = each
            if self.keeper is not None:
                self.keeper.board[each.item_id] = each

    def _opened(self, name: str, route: str) -> Ask[T]:
        """The ask of that name, opened now if nobody has."""
        if name in self.asks:
            return self.asks[name]
        if route == "baseline":
            pack = next(each for each in self.plan.sample if each.id == name)
            self.opened.add(name)
            self._enter(self.ladder.first(pack, Route.SINGLE, purpose="baseline"))
        elif route == "calibration":
            for ask in self.choice.asks():
                self._enter(ask)
        else:
            for ask in self.seats.open(name):
                self._enter(ask)
                if name in self.asks:
                    break
        return self.asks[name]

    def _enter(self, ask: Ask[T]) -> None:
        self.asks[ask.pack.id] = ask


def reopen(ladder: Ladder[T], keeper: Gatekeeper[T], ids: Iterable[ItemId]) -> tuple[ItemResult[T], ...]:
    """Send items whose answers a reviewer rejected down the ladder again; gives back those at its end."""
    why, failed = keeper.rejected, list[ItemResult[T]]()
    for each in ids:
        result = keeper.board.pop(each)
        pack = keeper.packs[result.call]
        slot = next(slot for slot in pack.asked if slot.item.id == each)
        failed += ladder.reopen(slot, pack, result, f"rejected: {why}")
    return tuple(failed)

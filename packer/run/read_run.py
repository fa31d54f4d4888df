"""Reads a run's file as a record, for people and exports: who is where, what it took, what was decided.

Does not know: how anything is shown, or how the run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from packer.run.jobs.kept_jobs import KeptJobs
from packer.run.store.damage import damaged
from packer.run.store.journal import JOB_EVENTS
from packer.run.store.records import id_read, listed, number, reply_read, seconds
from packer.run.store.run_file import Event, RunFile
from schemas.advice import Advice
from schemas.audit import Audit
from schemas.calibration import Calibration, SizeChange
from schemas.chat import Completion
from schemas.comparison import Comparison
from schemas.item import ItemId
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate, Review, Ruling, Stage
from schemas.signal import Trend
from schemas.written import NotOurs, read

T = TypeVar("T")


def read_run(path: str | Path) -> RunRecord:
    """Read a run's file, while it goes on or after.

    Args:
        path: the file.

    Returns:
        The run as it stands: items with their states, calls, sums, decisions. Values are plain JSON.

    Raises:
        UsageError: there is no run there.
        StoreFailed: it cannot be read, or is damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from packer import Task, pack_and_run, read_run
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> with TemporaryDirectory() as home:
        ...     path = f"{home}/may.run"
        ...     run = pack_and_run(["Great."], task, client=ScriptedClient({"Great.": "good"}), store=path)
        ...     record = read_run(path)
        >>> record.states["accepted"], record.calls[0].state.value, record.running
        (1, 'answered', False)
    """
    file_path = Path(path)
    with RunFile(file_path, write=False) as file:
        running = file.in_use
        if not running:
            file.check()
        head = file.head()
        past = _Past()
        try:
            past.calibration = _or_none(Calibration, head.get("calibration"))
            bodies = list(file.items())
            past.ids = [id_read(body["id"]) for body in bodies]
            for event in file.events():
                past.note(event)
            results = {at: _result(body) for at, body in file.results()}
            calls = past.closed(running=running)
            parts = head["parts"]
            gated = isinstance(parts, dict) and parts.get("review gate") is not None
            gate = past.gate(parts) if gated and isinstance(parts, dict) else Gate.NONE
            items = tuple(
                past.item(at, body, results.get(at), held=gate not in (Gate.NONE, Gate.PASSED))
                for at, body in enumerate(bodies)
            )
            return RunRecord(
                name=str(head["name"]),
                path=str(path),
                model=str(head["model"]),
                instruction=str(head["instruction"]),
                created_at=str(head["created_at"]),
                items=items,
                calls=calls,
                ledger=past.ledger(calls, read(Baseline, head["baseline"])),
                gate=gate,
                reviews=tuple(past.reviews),
                running=running,
                owner=file.owner if running else "",
                stopped=past.stopped(running=running, settled=len(results) == len(items)),
                comparisons=past.comparisons,
                trends=past.trends,
                advice=tuple(_each(Advice, head["advice"])),
                texts_kept=bool(head["texts"]),
                audit=past.audit,
                calibration=past.calibration,
                size_changes=tuple(past.changes),
                jobs=past.jobs.records,
                begun_with=tuple(str(each) for each in listed(head.get("begun_with", []))),
            )
        except (KeyError, TypeError, NotOurs) as error:
            raise damaged(file_path, f"it makes no sense: {error!r}") from None


@dataclass(slots=True)
class _Past:
    """What the journal told so far."""

    ids: list[ItemId] = field(default_factory=list)
    calls: dict[int, CallRecord] = field(default_factory=dict)
    probes: list[CallRecord] = field(default_factory=list)
    attempts: Counter[ItemId] = field(default_factory=Counter)
    reviews: list[Review] = field(default_factory=list)
    comparisons: tuple[Comparison, ...] = ()
    trends: tuple[Trend, ...] = ()
    audit: Audit | None = None
    calibration: Calibration | None = None
    changes: list[SizeChange] = field(default_factory=list)
    ended: dict[str, object] | None = None
    whole: Ledger | None = None
    flying: set[ItemId] = field(default_factory=set)
    jobs: KeptJobs = field(default_factory=KeptJobs)

    def note(self, event: Event) -> None:
        body = event.body
        if event.kind == "opened":
            self.ended = None
            # Whatever an earlier process left under way will not come back.
            self._lost()
        elif event.kind == "sent":
            self._sent(body)
        elif event.kind == "back":
            self._back(body)
        elif event.kind in JOB_EVENTS:
            for at in self.jobs.note(event.kind, body):
                if self.calls[at].state is CallState.IN_FLIGHT:
                    self.attempts.subtract(self.calls.pop(at).members)
        elif event.kind == "probed":
            reply, cost_usd = reply_read(body)
            call = CallRecord("probe", "probe", (), CallState.MAYBE_PAID)
            if isinstance(reply, Completion):
                call = replace(call, state=CallState.ANSWERED, usage=reply.usage, cost_usd=cost_usd)
            self.probes.append(call)
        elif event.kind == "ruled":
            told = _each(Review, body["reviews"])
            self.reviews += told
            self._ruled(str(body["stage"]), told)
        elif event.kind == "chosen":
            self.calibration = read(Calibration, body["calibration"])
        elif event.kind == "resized":
            self.changes.append(read(SizeChange, {name: body[name] for name in ("before", "after", "why")}))
        elif event.kind == "ended":
            self.ended = body
            self.whole = read(Ledger, body["ledger"]) if "ledger" in body else None
            self.comparisons = tuple(_each(Comparison, body.get("comparisons", [])))
            self.trends = tuple(_each(Trend, body.get("trends", [])))
            self.audit = _or_none(Audit, body.get("audit"))

    def _ruled(self, stage: str, told: list[Review]) -> None:
        """Between two processes, a reviewer's word changes how the first one ended."""
        if self.ended is None:
            return
        passed = stage == Stage.LAST and all(each.ruling is not Ruling.REJECT for each in told)
        stopped = None if passed else "the reviewer has decided; run again to go on"
        gate = Gate.PASSED if passed else Gate.WAITING
        self.ended = {**self.ended, "gate": gate.value, "stopped": stopped}

    def _sent(self, body: dict[str, object]) -> None:
        ids = tuple(self.ids[number(each)] for each in listed(body["members"]))
        self.attempts.update(ids)
        name, route = str(body["ask"]), str(body["route"])
        at_s = seconds(body["at_s"])
        self.calls[number(body["n"])] = CallRecord(name, route, ids, CallState.IN_FLIGHT, at_s)

    def _back(self, body: dict[str, object]) -> None:
        at = number(body["n"])
        reply, cost_usd = reply_read(body)
        call = replace(self.calls[at], took_s=seconds(body["took_s"]))
        if isinstance(reply, Completion):
            call = replace(call, state=CallState.ANSWERED, usage=reply.usage, cost_usd=cost_usd)
        else:
            call = replace(call, state=CallState.FAILED, error=f"{reply.code}: {reply}")
        self.calls[at] = call

    def _lost(self) -> None:
        for at, call in self.calls.items():
            if call.state is CallState.IN_FLIGHT and not self.jobs.holds(at):
                told = "its process ended before the reply was kept"
                self.calls[at] = replace(call, state=CallState.MAYBE_PAID, error=told)

    def closed(self, *, running: bool) -> tuple[CallRecord, ...]:
        if not running:
            self._lost()
        under_way = [call for call in self.calls.values() if call.state is CallState.IN_FLIGHT]
        self.flying = {each for call in under_way for each in call.members}
        return (*self.probes, *self.calls.values())

    def gate(self, parts: dict[str, object]) -> Gate:
        setup = parts["review gate"]
        rejected = any(each.ruling is Ruling.REJECT for each in self.reviews)
        if isinstance(setup, list) and setup[2] == "stop" and rejected:
            return Gate.REJECTED
        told = None if self.ended is None else self.ended.get("gate")
        return Gate.PASSED if told == Gate.PASSED.value else Gate.WAITING

    def stopped(self, *, running: bool, settled: bool) -> str | None:
        if running:
            return None
        if self.ended is None:
            return None if settled else "its process ended without a word"
        told = self.ended.get("stopped")
        return None if told is None else str(told)

    def item(
        self, at: int, body: dict[str, object], result: ItemResult[object] | None, *, held: bool
    ) -> ItemRecord:
        item_id = self.ids[at]
        if result is None:
            state = ItemState.IN_FLIGHT if item_id in self.flying else ItemState.QUEUED
        elif result.outcome is Outcome.FAILED:
            state = ItemState.FAILED
        else:
            state = ItemState.HELD if held else ItemState.ACCEPTED
            if held:
                result = replace(result, outcome=Outcome.HELD)
        text, group = body.get("text"), body.get("group")
        return ItemRecord(
            item_id,
            text if isinstance(text, str) else None,
            state,
            group if isinstance(group, str) else None,
            result,
            self.attempts[item_id],
        )

    def ledger(self, calls: Iterable[CallRecord], planned: Baseline) -> Ledger:
        if self.whole is not None and self.ended is not None:
            return self.whole
        routes: dict[str, RouteSum] = {}
        every = list(calls)
        for call in every:
            spent = RouteSum(1, call.usage, call.cost_usd)
            routes[call.route] = routes.get(call.route, RouteSum()).plus(spent)
        total = RouteSum()
        for each in routes.values():
            total = total.plus(each)
        answered = [call for call in every if call.state is CallState.ANSWERED]
        return Ledger(
            len(every),
            sum(call.state in (CallState.FAILED, CallState.MAYBE_PAID) for call in every),
            sum(None in (call.usage.input_tokens, call.usage.output_tokens) for call in answered),
            total.usage,
            planned,
            routes,
            cost_usd=total.cost_usd,
            unpriced_calls=sum(call.cost_usd is None for call in answered),
            maybe_paid_calls=sum(call.state is CallState.MAYBE_PAID for call in every),
        )


def _each(kind: type[T], value: object) -> list[T]:
    return [read(kind, each) for each in listed(value)]


def _or_none(kind: type[T], value: object) -> T | None:
    return None if value is None else read(kind, value)


def _result(body: dict[str, object]) -> ItemResult[object]:
    value = body.get("value")
    return replace(read(ItemResult, {**body, "value": None}), value=value)

"""What a run's record comes to: where the run stands, and which call an item is in.

Does not know: how any of it is shown.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from packer.out.board.plain import plain
from schemas.counted import counted
from schemas.item import ItemId
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.review import Gate, Ruling
from schemas.route import Route


class Standing(StrEnum):
    """Where a whole run stands, in one word."""

    RUNNING = "running"
    AT_PROVIDER = "at_provider"
    REJECTED = "rejected"
    HELD = "held"
    ENDED_EARLY = "ended_early"
    OPEN = "open"
    COMPLETE = "complete"


def standing(record: RunRecord) -> Standing:
    """The one word; ``open``: no process works on it, and it ended without saying why.

    ``at_provider``: no process works on it, and batch jobs are under way.
    """
    if record.running:
        return Standing.RUNNING
    if record.jobs_open and record.gate is not Gate.REJECTED:
        return Standing.AT_PROVIDER
    if record.gate is Gate.REJECTED:
        return Standing.REJECTED
    if record.gate is Gate.WAITING:
        return Standing.HELD
    if record.stopped is not None:
        return Standing.ENDED_EARLY
    states = record.states
    if states[ItemState.QUEUED] or states[ItemState.IN_FLIGHT]:
        return Standing.OPEN
    return Standing.COMPLETE


def outcome(record: RunRecord) -> tuple[str, str]:
    """How a run stands in a few words, and ``good``, ``doubt``, ``bad`` or ``plain``; details left out."""
    kind = standing(record)
    if kind is Standing.HELD:
        held = record.states[ItemState.HELD]
        waits = counted(held, "answer waits", "answers wait")
        return f"held: {waits} for a review", "doubt"
    if kind is Standing.COMPLETE and (failed := record.states[ItemState.FAILED]):
        return f"complete, {counted(failed, 'item')} without an answer", "bad"
    return {
        Standing.RUNNING: ("running", "plain"),
        Standing.AT_PROVIDER: ("at the provider", "plain"),
        Standing.REJECTED: ("rejected by its reviewer", "bad"),
        Standing.ENDED_EARLY: ("ended early", "doubt"),
        Standing.OPEN: ("not finished", "doubt"),
        Standing.COMPLETE: ("complete", "good"),
    }[kind]


def flying_with(record: RunRecord) -> dict[ItemId, CallRecord]:
    """The call in flight that each item takes part in."""
    return {member: call for call in in_flight(record) for member in call.members}


def in_flight(record: RunRecord) -> list[CallRecord]:
    """Calls that were sent and have no end yet."""
    return [call for call in record.calls if call.state is CallState.IN_FLIGHT]


def route_of(item: ItemRecord, flying: Mapping[ItemId, CallRecord]) -> str:
    """The kind of call that settled an item or has it now; empty when there is none."""
    if item.result is not None and item.result.route is not None:
        return str(item.result.route)
    return flying[item.id].route if item.id in flying else ""


def call_of(item: ItemRecord, flying: Mapping[ItemId, CallRecord]) -> str:
    """The name of the call that settled an item or has it now; empty when there is none."""
    if item.result is not None and item.result.call:
        return item.result.call
    return flying[item.id].name if item.id in flying else ""


def answers_by_route(record: RunRecord) -> Counter[str]:
    """How many answers, held ones included, came from which kind of call."""
    results = (item.result for item in record.items if item.state in (ItemState.ACCEPTED, ItemState.HELD))
    return Counter(str(result.route) for result in results if result is not None and result.route is not None)


def shared_answers(record: RunRecord) -> int:
    """Answers that came from a call of several items, in which one can change another."""
    found = answers_by_route(record)
    return sum(found[route] for route in (Route.PACK, Route.REPACK, Route.SESSION))


def calls_by_route(record: RunRecord) -> Counter[str]:
    """As the ledger counts: without those that nobody knows the end of."""
    return Counter(call.route for call in record.calls if call.state is not CallState.MAYBE_PAID)


def rulings_of(record: RunRecord) -> dict[Ruling, int]:
    """How often its reviewer ruled how; what never came up is left out."""
    counts = Counter(review.ruling for review in record.reviews)
    return {ruling: counts[ruling] for ruling in Ruling if counts[ruling]}


def command(verb: str, record: RunRecord) -> str:
    """What to type to do something with this run: its file is its name on the command line."""
    return f"packsplit {verb} {shlex.quote(plain(record.path, 500))}"

"""Makes a run's ladder, and the driver that drives it, of all that is settled of the run by then.

Does not know: how that was settled, or what becomes of results.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.clients.choose import Chosen
from packer.plan import Plan
from packer.render import pack_system
from packer.run.allowed import batches_of
from packer.run.carried import Carried
from packer.run.flow.ask import Rules
from packer.run.flow.ladder import Ladder
from packer.run.gate import Gatekeeper
from packer.run.jobs.drive_batch import BatchDriver
from packer.run.live.books import Books
from packer.run.live.circuit import Circuit
from packer.run.live.drive import Driver
from packer.run.live.halt import Halt
from packer.run.live.send import Sender
from packer.run.live.shared_pace import shared_pace
from packer.run.live.trace import Trace
from packer.run.live.turnstile import Turnstile
from packer.run.options import Options
from packer.run.planning import is_cached
from packer.run.proof.promise import auditing_for, trying_for
from packer.run.store.journal import Journal
from packer.seat import Markers
from schemas.facts import ModelFacts
from schemas.route import Route
from schemas.settings import Layout, Limits
from schemas.task import Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """What is settled of a run before anything of it is asked.

    Attributes:
        chosen: who is asked.
        task: what is asked.
        options: as given, with the strategy and the pack size that were settled on.
        limits: of the options, with no more calls at once than the client takes.
        facts: of the model.
        layout: with an envelope that the provider can be held to.
        markers: what markers cost.
        plan: of the inputs that are asked.
        pack_fixed_tokens: counted prompt tokens of a pack without its items.
        single_fixed_tokens: counted prompt tokens of a single call without its item.
    """

    chosen: Chosen
    task: Task[T]
    options: Options
    limits: Limits
    facts: ModelFacts
    layout: Layout
    markers: Markers
    plan: Plan[T]
    pack_fixed_tokens: int
    single_fixed_tokens: int

    @property
    def route(self) -> Route:
        """The rung on which packs of the plan start."""
        return Route.SINGLE if self.options.strategy == "single" else Route.PACK


async def ladder_for(run: Settled[T], keeper: Gatekeeper[T] | None, *, tries: bool) -> Ladder[T]:
    """The run's ladder.

    Args:
        run: what is settled.
        keeper: the review gate, which wants to know who sat together; None without one.
        tries: whether sizes are tried first.

    Raises:
        UsageError: a labelled input that no call has room for.
    """
    options, plan = run.options, run.plan
    rules = Rules(
        options.fallback,
        options.guard,
        run.layout,
        plan.allowance,
        run.markers,
        fixed_tokens=max(run.pack_fixed_tokens, run.single_fixed_tokens),
        seed=options.seed,
        rounds=options.via is not None,
    )
    auditing = auditing_for(options.guard, plan, run.task, options.strategy, options.seed)
    ladder = Ladder[T](rules, auditing, route=run.route, packs=None if keeper is None else keeper.packs)
    if tries:
        ladder.asides.trying = await asyncio.to_thread(
            trying_for, options.guard, plan, run.task, run.layout, options.seed, run.markers, ladder
        )
    return ladder


def driver_for(
    run: Settled[T], ladder: Ladder[T], books: Books, journal: Journal, carried: Carried, halt: Halt
) -> Driver[T]:
    """The driver of live calls, or of batch jobs.

    Args:
        run: what is settled.
        ladder: says what to ask.
        books: take every call in.
        journal: writes every call down.
        carried: the pace, and when the time is over.
        halt: someone's request to end.

    Raises:
        UsageError: the file of a shared ceiling cannot be used.
    """
    chosen, limits, plan = run.chosen, run.limits, run.plan
    retries = chosen.max_retries if limits.retries is None else limits.retries
    sender = Sender(
        chosen.client,
        limits,
        retries,
        Turnstile(
            carried.pace,
            limits.concurrency,
            warm_first=plan.calls > 1 and is_cached(run.facts, pack_system(run.task, run.layout)),
            shared=shared_pace(limits),
        ),
        books,
        Circuit(limits.outage_s),
        Trace(chosen.name, chosen.provider, sdk_traces=chosen.traces_itself),
        journal,
    )
    if run.options.via is None:
        deadline_s = limits.run_deadline_s(plan.worst_case_calls, plan.packs.most_seats, retries)
        return Driver(sender, ladder, halt, deadline_s, _ends_at_s=carried.ends_at_s)
    return BatchDriver(
        sender,
        ladder,
        halt,
        limits.deadline_s,
        _ends_at_s=carried.ends_at_s,
        client=batches_of(chosen),
        batch=run.options.via,
        kept=journal.file is not None,
    )

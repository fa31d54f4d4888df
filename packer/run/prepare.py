"""From what a caller asked for to a run that is ready to go: facts, envelope, plan, ceilings, driver.

Everything that can be refused is refused here, before money is spent. Does not know: how a run is
driven, or what becomes of its results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from packer.clients.choose import Chosen
from packer.cost.prices import Prices
from packer.fit.suit import advise_items
from packer.pacing import Pace
from packer.render import pack_system, single_system
from packer.run.allowed import (
    check_ceilings,
    check_money,
    check_review,
    for_batch,
)
from packer.run.carried import Carried
from packer.run.costs import Costs
from packer.run.driving import Settled, driver_for, ladder_for
from packer.run.flow.seats import Seats
from packer.run.gate import Gatekeeper
from packer.run.job import Job, closed
from packer.run.kept import Kept, begin, taken_up, title_of
from packer.run.known import known_before
from packer.run.live.books import Books
from packer.run.live.halt import Halt
from packer.run.live.needs import Needs
from packer.run.live.spending import Spending
from packer.run.live.tally import Tally
from packer.run.options import Options
from packer.run.planning import markers_for, nonces_of, planned
from packer.run.probing import held_to, no_probes
from packer.run.proof.profile_file import Subject, write_profile
from packer.run.proof.promise import checked_guard, known_calibration, promised
from packer.run.proof.size_choice import SizeChoice
from packer.run.replay import Replay
from packer.run.store.cache import AnswerCache
from packer.run.store.fingerprint import fingerprint_of, parts_of
from packer.run.store.journal import Journal
from packer.run.store.run_file import RunFile
from packer.tokens import counter_for
from packer.wanted import Wanted
from schemas.advice import Advice
from schemas.errors import UsageError
from schemas.item import Item
from schemas.result import RunResult
from schemas.task import Task
from schemas.written import answer_written, written

T = TypeVar("T")


async def prepare(
    chosen: Chosen,
    every: Sequence[Item],
    task: Task[T],
    options: Options,
    resume: RunResult[T] | None,
    halt: Halt,
    carried: Carried | None = None,
) -> Job[T]:
    """Make a run ready, or make ready again what its store holds.

    Args:
        chosen: who is asked.
        every: all inputs.
        task: what is asked.
        options: as given.
        resume: an earlier run; None without one.
        halt: someone's request to end.
        carried: what the parts before have left, where this is part of a whole; None for a run of its own.

    Raises:
        UsageError: options, items or an earlier run that cannot work; raised before any item is sent.
        StoreFailed: the store cannot be read or written.
    """
    check_review(options)
    options = for_batch(chosen, options)
    about = None
    if options.strategy != "auto":
        about = await asyncio.to_thread(advise_items, every, options.strategy)
    fingerprint = await asyncio.to_thread(fingerprint_of, every, task)
    store = options.store
    if store is not None and resume is not None:
        raise UsageError("Give store= or resume=, not both: a store goes on by itself.")
    file = None if store is None else await asyncio.to_thread(RunFile, store.file, write=True)
    cache: AnswerCache | None = None
    try:
        cache = None if options.cache is None else await asyncio.to_thread(AnswerCache, options.cache)
        return await _prepared(
            chosen,
            every,
            task,
            options,
            resume=resume,
            halt=halt,
            carried=carried,
            about=about,
            fingerprint=fingerprint,
            file=file,
            cache=cache,
        )
    except BaseException:
        closed(file, cache)
        raise


async def _prepared(
    chosen: Chosen,
    every: Sequence[Item],
    task: Task[T],
    options: Options,
    *,
    resume: RunResult[T] | None,
    halt: Halt,
    carried: Carried | None,
    about: tuple[Advice, ...] | None,
    fingerprint: str,
    file: RunFile | None,
    cache: AnswerCache | None,
) -> Job[T]:
    named = chosen.provider and not chosen.name.startswith(f"{chosen.provider}/")
    model = f"{chosen.provider}/{chosen.name}" if named else chosen.name
    options = replace(options, guard=checked_guard(options.guard, task, options.strategy))
    parts = {} if file is None else await asyncio.to_thread(parts_of, every, task, model, options)
    kept: Kept[T] | None = None
    if file is not None and not file.is_new:
        kept = await asyncio.to_thread(taken_up, file, task, parts)
    facts = options.facts.over(await chosen.facts())
    batched = options.via is not None
    prices = Prices(chosen.name, provider=chosen.provider, override=facts.price, batched=batched)
    check_money(options.limits, prices)
    # The embedded model's own counter starts its server: blocking work that belongs in a thread.
    counter = options.counter or await asyncio.to_thread(chosen.counter) or counter_for(chosen.name)
    tally = Tally(len(every), prices)
    if kept is None:
        known = await asyncio.to_thread(known_before, resume, fingerprint, options, cache, every, task, model)
        layout, probes = await held_to(chosen, options.layout, tally, file)
    else:
        known, layout = kept.known, replace(options.layout, envelope=kept.envelope)
        probes = no_probes(chosen)
    limits = options.limits
    if chosen.concurrency is not None:
        limits = replace(limits, concurrency=min(limits.concurrency, chosen.concurrency))
    if kept is None:
        most = options.budget.items
        settled = await asyncio.to_thread(
            known_calibration, options.guard, task, model, layout, options.strategy, most
        )
    else:
        settled, options = kept.calibration, replace(options, strategy=kept.strategy)
    if settled is not None and settled.size is not None:
        options = replace(options, budget=replace(options.budget, items=settled.size))
    asked = [item for item in every if item.id not in known]
    nonces = {} if file is None or kept is None else await asyncio.to_thread(nonces_of, file)
    markers = await asyncio.to_thread(markers_for, counter, layout, nonces, kept)
    wanted = Wanted(
        counter=counter,
        facts=facts,
        budget=options.budget,
        layout=layout,
        fallback=options.fallback,
        guard=options.guard,
        strategy=options.strategy,
        seed=options.seed,
        sample_items=options.baseline,
        prices=prices,
        profiled=settled is not None,
    )
    made = await asyncio.to_thread(planned, asked, task, wanted, limits, markers, kept, about)
    if batched and made.strategy == "session":  # a turn cannot wait for the one before it
        alone = replace(wanted, strategy="single")
        made = await asyncio.to_thread(planned, asked, task, alone, limits, markers, kept, about)
    if kept is not None:
        made = replace(made, not_worth=kept.not_worth)
    options = replace(options, strategy=made.strategy)
    journal = Journal(
        file,
        {} if file is None else {item.id: position for position, item in enumerate(every)},
        partial(answer_written, task.output),
        texts=options.store is not None and options.store.texts,
    )
    name = options.name or (kept.name if kept is not None else title_of(task))
    if file is not None and options.store is not None and kept is None:
        await asyncio.to_thread(
            begin,
            file,
            options.store,
            name=name,
            model=model,
            task=task,
            every=every,
            parts=parts,
            envelope=layout.envelope,
            known=known,
            plan=made,
            calibration=settled,
            journal=journal,
        )
        for reply, cost_usd in probes.replies:
            journal.probed(reply, cost_usd, probes.most)
    heads = await asyncio.to_thread(counter.count_batch, [pack_system(task, layout), single_system(task)])
    run = Settled(
        chosen=chosen,
        task=task,
        options=options,
        limits=limits,
        facts=facts,
        layout=layout,
        markers=markers,
        plan=made,
        pack_fixed_tokens=heads[0],
        single_fixed_tokens=heads[1],
    )
    needs = Needs(heads[0], heads[1], chosen.reply_cap, *made.forecast.wrapping_tokens)
    carried = carried or Carried(Pace(limits.ceilings))
    for used in probes.used:
        carried.pace.enter(asyncio.get_running_loop().time(), used)
    promise = promised(options.guard, made, settled)
    check_ceilings(made, needs, carried.pace, run.route, limits, prices)
    keeper = None
    if options.review is not None:
        keeper = Gatekeeper(options.review, task, name, options.seed, len(every))
    ladder = await ladder_for(run, keeper, tries=promise.tries)
    calls, spent_usd = carried.calls + tally.calls, carried.spent_usd + probes.spent_usd
    books = Books(needs, Spending(limits, prices, calls, spent_usd), tally)
    driver = driver_for(run, ladder, books, journal, carried, halt)
    seats = Seats(made, ladder, task, layout, options.strategy, options.seed)
    choice = SizeChoice(options.guard, seats, ladder, journal, ladder.asides.trying, promise.calibration)
    if options.guard.profile is not None:
        subject = Subject(task.fingerprint, model, written(layout))
        choice.keep = partial(write_profile, Path(options.guard.profile), subject)
    past: Replay[T] | None = None
    if file is not None and kept is not None:
        past = Replay(file.path, driver, made, keeper, seats, choice)
        await asyncio.to_thread(past.run, file.events())
    journal.opened()
    if file is not None and kept is not None:
        # Last, so that a reader sees them go in one with the coming of those that take their place.
        await asyncio.to_thread(file.unsettle)
    costs = Costs(made, tally, heads[1], facts, limits.concurrency)
    return Job(
        name=name,
        items=every,
        task=task,
        model=model,
        plan=made,
        driver=driver,
        tally=tally,
        counter=counter,
        layout=layout,
        seed=options.seed,
        known=known,
        fingerprint=fingerprint,
        journal=journal,
        costs=costs,
        seats=seats,
        choice=choice,
        keeper=keeper,
        cache=cache,
        past=past,
    )

"""Makes a run's promise ready: gold and canaries checked, the profile read, the trial laid out.

Does not know: how trials are driven, or what they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeVar

from packer.audit import scipy_part
from packer.plan import Plan
from packer.promising import TrialPlan
from packer.run.flow.auditing import Auditing
from packer.run.flow.ladder import Ladder
from packer.run.flow.trying import AGAIN, Member, Trying
from packer.run.proof.profile_file import Subject, check_place, read_profile
from packer.run.proof.promise_words import profile_words, too_small_words
from packer.seat import SALT, Markers, alone
from packer.seating import Seating, seated_anew
from schemas.calibration import Calibration
from schemas.errors import BadTask, UsageError
from schemas.guard import Gold, Guard
from schemas.item import Item
from schemas.output import Mismatch
from schemas.pack import Pack
from schemas.route import Route
from schemas.settings import Layout, Strategy
from schemas.task import Task
from schemas.written import written

T = TypeVar("T")

GOLD_ID = "\0gold"
"""No caller's id begins like this; these ids never leave the run."""


def checked_guard(guard: Guard, task: Task[object], strategy: Strategy) -> Guard:
    """The guard with its gold as the task writes it.

    Raises:
        UsageError: an answer that the task does not allow, or a promise without the statistics for it.
    """
    gold = []
    for each in guard.labelled:
        try:
            gold.append(Gold(each.text, task.output.encode(each.answer)))
        except Mismatch as error:
            told = f"Guard(gold=...): {each.text[:40]!r} has an answer that the task does not allow: {error}"
            raise BadTask(told) from None
    if guard.promise is not None:
        scipy_part.require()
        if guard.profile is not None:
            check_place(Path(guard.profile))
        if strategy == "session":
            raise UsageError(
                f'Guard({guard.promise}=...) is about packs: with strategy="session" nothing is packed. '
                'Use strategy="pack" or "auto".'
            )
    return replace(guard, gold=tuple(gold))


def known_calibration(
    guard: Guard, task: Task[object], model: str, layout: Layout, strategy: Strategy, most: int
) -> Calibration | None:
    """What the profile says of the promise; None without a promise or a profile that speaks of it.

    Raises:
        UsageError: the profile is about something else.
    """
    if guard.promise is None or guard.profile is None or strategy == "single":
        return None
    path = Path(guard.profile)
    found = read_profile(path, Subject(task.fingerprint, model, written(layout)), guard, most)
    return None if found is None else replace(found, words=profile_words(found, guard, path.name))


@dataclass(frozen=True, slots=True)
class Promised:
    """How a run means to keep its promise.

    Attributes:
        calibration: settled without asking: by a profile, or because a trial would not pay.
        tries: whether sizes are tried first.
    """

    calibration: Calibration | None = None
    tries: bool = False


def promised(guard: Guard, made: Plan[T], known: Calibration | None) -> Promised:
    """Settle by arithmetic what can be settled.

    Args:
        guard: the promise.
        made: the plan, which says whether a trial pays.
        known: what the profile says; None without.
    """
    if guard.promise is None or made.strategy != "pack" or made.seating.allowance.room.items < 2:
        return Promised()  # nothing is packed, and single calls keep every promise
    if known is not None:
        return Promised(known)
    trial = made.trial
    if trial.items and not made.not_worth:
        return Promised(tries=True)
    size = made.seating.allowance.room.items if guard.unproven == "pack" else None
    items = len(made.seating.text_tokens)
    words = too_small_words(trial, items, guard, made.not_worth)
    return Promised(Calibration(guard.promise, guard.ceiling, guard.confidence, size=size, words=words))


def trying_for(
    guard: Guard,
    made: Plan[T],
    task: Task[T],
    layout: Layout,
    seed: int,
    markers: Markers,
    ladder: Ladder[T],
) -> Trying[T]:
    """Lay the trial out: who is asked, in which packs, under which names."""
    trial = made.trial
    if guard.promise == "max_accuracy_loss":
        members, every, seating = _gold_members(guard, made, trial, seed, markers)
    else:
        every, seating = list(made.items), made.seating
        again = set(Random(f"{SALT}:{seed}:again").sample(list(seating.trial), trial.twice))
        gold = {each.text: each.answer for each in guard.labelled}
        members = [
            Member(
                made.items[at],
                seating.text_tokens[at],
                gold.get(made.items[at].text),
                made.items[at].text in gold,
                own=True,
                twice=at in again,
            )
            for at in seating.trial
        ]
    Random(f"{SALT}:{seed}:trial order").shuffle(members)
    places = {each.id: at for at, each in enumerate(every)}

    def seated(part: Sequence[Member], size: int, look: int) -> list[Pack[T]]:
        positions = [places[each.item.id] for each in part]
        bins = seated_anew(every, positions, seating, layout, seed + size, size)
        return [
            ladder.seated(
                f"try{size}.{look}.{number}",
                task,
                [(every[at], seating.text_tokens[at]) for at in bin_],
            )
            for number, bin_ in enumerate(bins)
        ]

    def single(member: Member, again: bool) -> Pack[T]:
        pack = alone(task, member.item, member.tokens, layout)
        return replace(pack, id=f"{AGAIN}{member.item.id}") if again else pack

    return Trying(guard, task, members, trial.sizes, trial.looks, ladder.tried, seated, single)


def _gold_members(
    guard: Guard, made: Plan[T], trial: TrialPlan, seed: int, markers: Markers
) -> tuple[list[Member], list[Item], Seating[T]]:
    gold = list(guard.labelled)
    if len(gold) > trial.items:
        gold = Random(f"{SALT}:{seed}:gold").sample(gold, trial.items)
    items = [Item(f"{GOLD_ID}{number}", each.text) for number, each in enumerate(gold)]
    tokens = dict(enumerate(markers.text_tokens([each.text for each in items])))
    room = made.seating.allowance.room.tokens - markers.dearest
    if long := [number for number, count in tokens.items() if count > room]:
        raise UsageError(
            f"Guard(gold=...): {items[long[0]].text[:40]!r} takes {tokens[long[0]]:,} tokens, and one call "
            f"has room for {room:,}: leave it out."
        )
    members = [
        Member(item, tokens[number], each.answer, labelled=True, own=False)
        for number, (item, each) in enumerate(zip(items, gold, strict=True))
    ]
    return members, items, replace(made.seating, text_tokens=tokens)


def auditing_for(guard: Guard, made: Plan[T], task: Task[T], strategy: Strategy, seed: int) -> Auditing[T]:
    """Lay the audit out."""
    seating = made.seating
    twice = set(seating.twice)
    packed = sum(len(each) for each in seating.bins)
    collapse = guard.collapse if guard.promise is None else None
    return Auditing(
        task,
        {made.items[at].id: at in twice for at in seating.audited},
        len(seating.audited) / packed if packed else 0.0,
        seed,
        {each.text: each.answer for each in guard.labelled},
        keeps_packed=guard.promise == "max_accuracy_loss",
        own=Route.SESSION if strategy == "session" else Route.PACK,
        collapse=collapse,
    )

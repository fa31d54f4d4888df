"""The plan of a run: counted and seated anew, or seated as its store tells.

Does not know: how a plan is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from packer.plan import Plan, plan_for
from packer.run.allowed import CEILING_SHARE, within_ceilings
from packer.run.kept import Kept
from packer.run.store.run_file import RunFile
from packer.seat import Markers
from packer.tokens import counter_for
from packer.wanted import Wanted
from schemas.advice import Advice
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.item import Item
from schemas.protocols import TokenCounter
from schemas.settings import Layout, Limits
from schemas.task import Task

T = TypeVar("T")

WARM_TOKENS = 1_024
"""Shorter prefixes are not cached by any provider, so nothing is gained by letting one call go ahead."""


def nonces_of(file: RunFile) -> dict[str, str]:
    """The nonces of all calls that were made, which must be read as they were made."""
    return {
        str(event.body["ask"]): str(event.body["nonce"])
        for event in file.events("sent")
        if event.body["nonce"]
    }


def markers_for(
    counter: TokenCounter, layout: Layout, nonces: dict[str, str], kept: Kept[T] | None
) -> Markers:
    """What markers cost; as before where a run is taken up again."""
    dearest = None if kept is None else kept.seating.dearest_tokens
    return Markers(counter, layout, nonces=nonces, dearest_tokens=dearest)


def planned(
    asked: Sequence[Item],
    task: Task[T],
    wanted: Wanted,
    limits: Limits,
    markers: Markers,
    kept: Kept[T] | None,
    about: tuple[Advice, ...] | None,
) -> Plan[T]:
    """Plan within the ceilings a minute.

    Raises:
        UsageError: items, task or options that cannot work.
    """
    facts = wanted.facts
    within = within_ceilings(facts, limits)
    try:
        return plan_for(
            asked,
            task,
            replace(wanted, facts=within),
            markers=markers,
            seating=None if kept is None else kept.seating,
            about=about,
        )
    except UsageError as error:
        if within == facts:
            raise
        most = f"one call's prompt may take {CEILING_SHARE:.0%} of the tokens a minute that Limits allows"
        raise UsageError(f"{error} (Here {most}: {within.input_tokens:,}.)") from None


def is_cached(facts: ModelFacts, shared: str) -> bool:
    """Whether the shared part is long enough for the provider's cache; a byte bound would say so too soon."""
    if facts.cache in (None, "none"):
        return False
    return counter_for().count_batch([shared])[0] >= WARM_TOKENS

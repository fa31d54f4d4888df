"""What next for items whose packed answer could not be used: a need, as data.

The ladder: repack (new neighbours, at most half as large) -> session -> single -> failed. A pack that
failed as a whole is halved instead and keeps to itself, so that whatever broke it breaks nobody else's.
Every next call holds at most half as many items as the one before. Does not know: prompts or clients;
it asks, it never calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.route import Route
from schemas.settings import Fallback


@dataclass(frozen=True, slots=True)
class Need:
    """The next step for the rejected items of one call.

    Attributes:
        route: which kind of call.
        most_items: most items that may share it.
        mixed: True when items of other packs may be among the new neighbours.
    """

    route: Route
    most_items: int = 1
    mixed: bool = False


def escalate(members: int, repacks_done: int, fallback: Fallback, *, whole_failed: bool) -> Need | None:
    """Choose the next rung for the rejected items of one pack.

    Args:
        members: how many items the call held; of one, no smaller pack can be made.
        repacks_done: how many times these items have been repacked already.
        fallback: what the run allows.
        whole_failed: True when the call failed as such, not just for these items.

    Returns:
        The need; None when the ladder is at its end.
    """
    if members <= 1:
        return last_rungs(Route.SESSION, fallback)
    if members >= 4 and fallback.repacks and (whole_failed or repacks_done < fallback.repacks):
        return Need(Route.REPACK, members // 2, mixed=not whole_failed)
    return last_rungs(None, fallback)


def last_rungs(tried: Route | None, fallback: Fallback) -> Need | None:
    """The next rung below packing, given the last one tried there."""
    if fallback.session and tried is None:
        return Need(Route.SESSION)
    if fallback.single and tried in (None, Route.SESSION):
        return Need(Route.SINGLE)
    return None

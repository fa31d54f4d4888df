"""What next for the items whose packed answer could not be used: a need, as data.

The ladder: repack (new neighbours, at most half as large) -> session -> single -> failed. A pack
that failed as a whole is halved, never sent again as it was. Does not know: prompts or clients; it
asks, it never calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.result import Route
from schemas.settings import Fallback


@dataclass(frozen=True, slots=True)
class Need:
    """The next step for some items.

    Attributes:
        route: which kind of call.
        groups: for a repack, how many of the items, in turn, share each new pack; else all ones.
    """

    route: Route
    groups: tuple[int, ...]


def escalate(rejected: int, pack_size: int, repacks_done: int, fallback: Fallback) -> Need | None:
    """Choose the next rung for the rejected items of one pack.

    Args:
        rejected: how many items need another try; at least one.
        pack_size: how many items the failed pack held.
        repacks_done: how many times these items have been repacked already.
        fallback: what the run allows.

    Returns:
        The need; None when the ladder is at its end.
    """
    if rejected >= 2 and repacks_done < fallback.repacks:
        return Need(Route.REPACK, tuple(fallback.repack_sizes(rejected, pack_size)))
    return last_rungs(None, rejected, fallback)


def last_rungs(tried: Route | None, rejected: int, fallback: Fallback) -> Need | None:
    """The next rung below packing, given the last one tried there."""
    if fallback.session and tried is None:
        return Need(Route.SESSION, (1,) * rejected)
    if fallback.single and tried in (None, Route.SESSION):
        return Need(Route.SINGLE, (1,) * rejected)
    return None

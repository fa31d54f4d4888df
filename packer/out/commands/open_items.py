"""What a run leaves without a value, as a command says it on standard error.

Does not know: results that have a value, or where they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from packer.out.board.plain import LONGEST, plain
from packer.out.commands.app import warn
from schemas.result import ItemResult, Outcome

SHOWN = 3
"""So many items without a value are named."""


def say_step(outcomes: Mapping[Outcome, int], store: Path | None, *, held: bool) -> None:
    """Say what to type next, on standard error behind all else; nothing where the run is not kept."""
    if store is None:
        return
    verb = "review" if held else "resume" if outcomes.get(Outcome.PENDING, 0) else "report"
    warn(f"Next: packsplit {verb} {shlex.quote(plain(str(store), 500))}")


def say_open(
    stopped: str | None,
    failed: Sequence[ItemResult[object]],
    outcomes: Mapping[Outcome, int],
    out: Path,
    store: Path | None,
) -> None:
    """Say why a run ended early, which items failed, and how many are pending.

    Args:
        stopped: why it ended early; None when it did not.
        failed: items that ended without a value; the first few at least.
        outcomes: how many ended how.
        out: where their reasons stand.
        store: the run's file; None without.
    """
    if stopped is not None:
        warn(f"packsplit: the run ended early: {plain(stopped, LONGEST)}")
    for result in failed[:SHOWN]:
        warn(f"no value for item {plain(repr(result.item_id))}: {plain(str(result.reason), LONGEST)}")
    if (left := outcomes.get(Outcome.FAILED, 0)) > SHOWN:
        warn(f"... and {left - SHOWN} more; see {out}")
    if pending := outcomes.get(Outcome.PENDING, 0):
        again = f"; run the same again to go on with {store}" if store is not None else ""
        warn(f"{pending} items are pending: nothing is wrong with them{again}")

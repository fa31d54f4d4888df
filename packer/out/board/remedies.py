"""What to do about what a run warns of, in the words of the shell or of Python, as the run was begun.

Does not know: where it is shown, or how what it speaks of was found.
"""

from __future__ import annotations

import math

from packer.out.board.standing import Standing, standing
from schemas.record import ItemRecord, RunRecord
from schemas.verdict import Fault

_ALONE = "Ask these one by one, or ask a larger model."
_OTHER_MODEL = "The provider would not answer: look at the text, or ask another model."
_AGAIN = "Nothing is wrong with the item: run it again."
WHAT_TO_DO = {
    Fault.INVALID_VALUE: "If that value is right, allow it in the task; else ask a larger model.",
    Fault.EMPTY_TEXT: "Fill in the text, or leave the row out.",
    Fault.OVER_BUDGET: "Shorten the text, or allow more tokens to a call.",
    Fault.TRUNCATED: "Allow more tokens to an answer.",
    **dict.fromkeys((Fault.REFUSED, Fault.FILTERED), _OTHER_MODEL),
    **dict.fromkeys((Fault.CALL_FAILED, Fault.TIMEOUT, Fault.UNREACHABLE), _AGAIN),
    **dict.fromkeys((Fault.MISSING, Fault.DUPLICATE, Fault.MISBOUND, Fault.BLEED, Fault.UNREADABLE), _ALONE),
}
"""What may help where an item failed for this."""

FAILED = "What may help stands with each; {how}."
DOUBTFUL = "Read {them} before use (column signals)."
MAYBE_PAID = "Compare with the provider's bill."
ENOUGH_CHECKED = 60
"""Checked answers of which none changed leave at most 5% that could be."""


def for_failed(record: RunRecord) -> str:
    """What to do about the items that failed."""
    how = option(
        record, "a run with --failures FILE writes such rows to be asked again", "run.unresolved holds them"
    )
    return FAILED.format(how=how)


def for_doubtful(count: int) -> str:
    """What to do about so many answers in doubt."""
    return DOUBTFUL.format(them="it" if count == 1 else "them")


def for_item(item: ItemRecord) -> str:
    """What may help where an item failed; empty where nothing is known to."""
    reason = item.result.reason if item.result is not None else None
    return WHAT_TO_DO.get(reason.fault, "") if reason is not None else ""


def option(record: RunRecord, shell: str, python: str) -> str:
    """An option of another run, as the one who began this run writes it."""
    return shell if record.begun_with else python


def ask_singly(record: RunRecord) -> str:
    """The option that asks each item alone."""
    return option(record, "--strategy single", 'strategy="single"')


def smaller_packs(record: RunRecord, items: int) -> str:
    """The option that begins with packs of so many."""
    return option(record, f"--items-per-pack {items}", f"budget=Budget(items={items})")


def audit_more(record: RunRecord) -> str:
    """The option that checks enough packed answers to tell; empty while the run may still check some."""
    if record.unsettled:
        return ""
    shared = record.audit.shared if record.audit is not None else len(record.items)
    if not shared:
        return ""
    share = f"{min(1.0, math.ceil(100 * ENOUGH_CHECKED / shared) / 100):g}"
    return option(record, f"--audit {share}", f"guard=Guard(audit={share})")


def open_items(record: RunRecord) -> str:
    """How the items that are not settled get their answers."""
    kind = standing(record)
    if kind is Standing.RUNNING:
        return "The run goes on with them."
    if kind is Standing.HELD:
        return "Run it again after the review."
    return "" if kind is Standing.REJECTED else "The next step goes on with them."

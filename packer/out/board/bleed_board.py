"""A stored run's bleed on a terminal: the promise, the trials, changes of size, and the audit with its parts.

Does not know: how anything was found, or what a page shows of it.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from packer.out.board.bleed_words import (
    bleed_told,
    by_people,
    came_of_it,
    estimated,
    finding_words,
    part_words,
    promise_words,
    rate,
    worth_a_table,
)
from packer.out.board.plain import legible, plain
from packer.out.board.remedies import audit_more
from packer.out.board.standing import shared_answers
from schemas.audit import Audit
from schemas.calibration import Calibration, Finding
from schemas.counted import counted
from schemas.record import RunRecord

MOST_PARTS, MOST_CHANGES = 12, 3
MOST_TRIALS = 10
LONGEST = 600

_STYLES = {"good": "green", "doubt": "yellow", "bad": "bold red"}
_FOUND = {Finding.KEPT: "green", Finding.BROKEN: "red", Finding.OPEN: "yellow"}


def bleed_board(record: RunRecord) -> RenderableType | None:
    """What is known of bleed; None where nothing was promised, audited or changed, and nothing was packed."""
    parts: list[RenderableType] = []
    found, changes, audit = record.calibration, record.size_changes, record.audit
    if found is not None:
        outcome, kind = came_of_it(found, changes, audit)
        head = Text("bleed", "bold").append(f"  promised: {promise_words(found)}; ", "")
        parts += [head.append(f"{outcome}.", _STYLES[kind]), legible(found.words, most=LONGEST)]
        if found.trials:
            parts.append(_trials(found))
    if shared_answers(record):
        parts.append(_checked(record))
    if found is None and (changes or audit is not None):
        parts.append(Text("no limit was set on bleed", "dim"))
    if audit is not None:
        parts += _audit(audit)
    for change in changes[-MOST_CHANGES:]:
        parts.append(Text("size: ").append_text(legible(str(change), most=LONGEST)))
    if len(changes) > MOST_CHANGES:
        earlier = counted(len(changes) - MOST_CHANGES, "earlier change")
        parts.append(Text(f"and {earlier} of size", "dim"))
    return Group(*parts) if parts else None


def _checked(record: RunRecord) -> Text:
    told, kind = bleed_told(record.calibration, record.audit)
    line = Text(told, _STYLES[kind])
    more = audit_more(record) if kind == "doubt" else ""
    return line.append(f" To be surer, give another run {more}.", "") if more else line


def _trials(found: Calibration) -> Table:
    loss = found.promise == "max_accuracy_loss"
    table = _table(
        ("tried", "items", *(("became wrong", "became right") if loss else ("differ",)), "at most")
    )
    table.add_column("found", overflow="fold")
    for trial in found.trials[:MOST_TRIALS]:
        harm, helped = sum(call.harm for call in trial.calls), sum(call.help for call in trial.calls)
        counts = (harm, helped) if loss else (trial.differ,)
        told = Text(finding_words(trial), _FOUND[trial.finding])
        table.add_row(
            f"packs of {trial.size:,}",
            f"{trial.items:,}",
            *(f"{count:,}" for count in counts),
            rate(trial.upper),
            told,
        )
    return table


def _audit(audit: Audit) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if audit.differ:
        parts.append(Text("audit: ").append_text(legible(audit.words, most=LONGEST)))
    if told := by_people(audit):
        parts.append(Text(f"audit: {told}"))
    if not worth_a_table(audit):
        return parts
    table = _table(("audited", "asked", "differ"))
    table.add_column(f"share ({rate(audit.confidence)} interval)", overflow="fold")
    for part in audit.parts[:MOST_PARTS]:
        share = "" if part.packed is None else estimated(part.packed)
        # As Text: a string would be read as markup.
        table.add_row(Text(plain(part_words(part.name), 60)), f"{part.asked:,}", f"{part.differ:,}", share)
    parts.append(table)
    if len(audit.parts) > MOST_PARTS:
        parts.append(Text(f"and {len(audit.parts) - MOST_PARTS:,} more parts; --json tells all", "dim"))
    return parts


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    return table

"""What to do next with a stored run: one command to copy, where there is a next step.

Does not know: where it is shown, or what the command does.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from packer.out.board.plain import plain
from packer.out.board.standing import Standing, command, standing
from packer.out.board.worth import answered, money, usd_of_the_rest
from schemas.counted import counted
from schemas.record import ItemState, RunRecord

_USED_UP = re.compile(r"Limits\(max_calls=(\d+)\) is used up")
_TOO_DEAR = re.compile(r"Limits\(max_cost_usd=([\d.]+)\) leaves no room")
_ROOM = 1.25
"""How much more than is likely a ceiling leaves, so that the rest is not stopped again."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next.

    Attributes:
        line: a command to copy; for a run that a program began, and only that can go on, what to do there.
        in_python: which of the two it is.
        note: what a number in it means; empty without one.
    """

    line: str
    in_python: bool = False
    note: str = ""

    def __str__(self) -> str:
        told = f"in your Python script, {self.line}" if self.in_python else self.line
        return f"{told} ({self.note})" if self.note else told


def stopped_words(told: str) -> str:
    """Why a run ended early, as one says it.

    Example:
        >>> stopped_words("Limits(max_calls=18) is used up"), stopped_words("the deadline of 9 s is over")
        ('stopped at its limit of 18 calls', 'the deadline of 9 s is over')
    """
    if found := _USED_UP.match(told):
        return f"stopped at its limit of {counted(int(found[1]), 'call')}"
    if (found := _TOO_DEAR.match(told)) and (limit := _usd(found[1])) is not None:
        return f"stopped at its limit of {money(limit)}"
    return told


def next_step(record: RunRecord, *, on_page: bool = False) -> NextStep | None:
    """The step; None where there is nothing to do.

    Args:
        record: the run.
        on_page: whether it stands on the report itself, which then is no next step.
    """
    kind = standing(record)
    if kind is Standing.RUNNING:
        return NextStep(f"{command('status', record)} --watch")
    if kind is Standing.AT_PROVIDER:
        return NextStep(command("resume", record))
    if kind is Standing.HELD:
        return NextStep(command("review", record))
    if kind in (Standing.ENDED_EARLY, Standing.OPEN):
        return _resumed(record)
    if record.begun_with or kind is Standing.REJECTED or (record.states[ItemState.FAILED] and not on_page):
        return None if on_page else NextStep(command("report", record))
    return NextStep(f"{command('export', record)} --out results.csv")


def _resumed(record: RunRecord) -> NextStep:
    calls, usd = _more_calls(record), _more_usd(record)
    if record.begun_with:
        more = f" --max-calls {calls}" if calls else f" --max-cost {usd}" if usd is not None else ""
        return NextStep(f"{command('resume', record)}{more}", note=_meant(record, calls, usd))
    limits = f"max_calls={calls}" if calls else f'max_cost_usd=Decimal("{usd}")' if usd is not None else ""
    more = f", limits=Limits({limits})" if limits else ""
    line = f"call pack_and_run as before, with store={plain(repr(record.path), 500)}{more}"
    return NextStep(line, in_python=True, note=_meant(record, calls, usd))


def _meant(record: RunRecord, calls: int | None, usd: Decimal | None) -> str:
    """What the new ceiling is, and why it is that high."""
    left = record.unsettled
    spare = f"{round(100 * (_ROOM - 1))}% to spare"
    if calls is not None:
        sent, done = record.ledger.calls, answered(record)
        each = f" at {sent / done:.2g} calls an item, as so far, and {spare}" if done else f", and {spare}"
        return f"{calls:,} calls in all, {sent:,} already used: room for {counted(left, 'open item')}{each}"
    if usd is None:
        return ""
    spent = record.ledger.cost_usd
    used = "" if spent is None else f", {money(spent)} already spent"
    return f"{money(usd)} in all{used}: room for {counted(left, 'open item')}, and {spare}"


def _more_calls(record: RunRecord) -> int | None:
    """A ceiling of calls under which the rest would be asked; None where calls did not end the run."""
    if not _USED_UP.match(record.stopped or ""):
        return None
    sent, done = record.ledger.calls, answered(record)
    left = record.unsettled
    likely = left * (sent / done if done else 1.0)
    return _rounded_up(max(sent + _ROOM * likely, sent + 1.0))


def _more_usd(record: RunRecord) -> Decimal | None:
    """The same of money."""
    found = _TOO_DEAR.match(record.stopped or "")
    limit = _usd(found[1]) if found else None
    if limit is None:
        return None
    spent = max(record.ledger.cost_usd or Decimal(0), limit)
    rest = usd_of_the_rest(record) or limit
    wanted = spent + rest * Decimal(str(_ROOM))
    step = Decimal(1).scaleb(wanted.adjusted() - 1)
    return max(Decimal("0.01"), (wanted / step).to_integral_value(ROUND_CEILING) * step)


def _rounded_up(number: float) -> int:
    """In two digits, and no less."""
    step = int(10 ** max(0, math.floor(math.log10(number)) - 1))
    return math.ceil(number / step) * step


def _usd(told: str) -> Decimal | None:
    try:
        return Decimal(told)
    except ArithmeticError:
        return None

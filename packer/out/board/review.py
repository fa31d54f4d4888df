"""A reviewer's sheet: asked item by item on a terminal, read from a script's rows, or told as JSON.

Does not know: how the sample was drawn, what is shown of an answer, or what a ruling leads to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.text import Text

from packer.out.board.plain import LONGEST, plain
from packer.out.board.review_view import ItemView
from schemas.counted import counted
from schemas.errors import AwaitsReview, UsageError
from schemas.review import Decision, Ruling, Sheet, ToReview

Parse = Callable[[str], object]
"""Turns what a person typed into a right answer as JSON; raises UsageError with what is allowed."""

ASKED = "[a]pprove [r]eject [c]orrect [b]ack [q]uit [?] > "
LAST_ASKED = "Enter hands them in, b goes back, q quits > "
HELP = (
    "a  approve: the answer is right\n"
    "r  reject: it is wrong; asks for a reason\n"
    "c  correct: it is wrong and you know the right one; asks for it, and for a reason\n"
    "b  back to the previous answer; Enter there keeps what you decided\n"
    "q  quit (or Ctrl-D): nothing is decided, the run stays held, and you can begin again at any time"
)
RULINGS = {"a": Ruling.APPROVE, "r": Ruling.REJECT, "c": Ruling.CORRECT}
NAMED = 5


class ReviewPaused(AwaitsReview):
    """The reviewer left before the sheet was handed in: nothing is decided, and the run stays held."""


def ask_reviewer(
    sheet: Sheet, console: Console, *, parse: Parse, read: Callable[[str], str] = input
) -> list[Decision]:
    """Show a sheet's answers one after another and take a ruling on each.

    After the last one the reviewer sees what was decided and hands it in with Enter.

    Args:
        sheet: what is shown.
        console: where it is shown.
        parse: turns a typed correction into an answer.
        read: shows a prompt and gives back one typed line; EOFError means that there is no more.

    Returns:
        One decision per item, in the sheet's order.

    Raises:
        ReviewPaused: the reviewer quit; nothing is lost but the rulings of this sitting.
    """
    desk = _Desk(sheet, console, parse, read)
    at = 0
    while sheet.items and at <= len(sheet.items):
        at = desk.decide(at) if at < len(sheet.items) else desk.hand_in()
    return [desk.decided[place] for place in range(len(sheet.items))]


def decisions_from_rows(sheet: Sheet, rows: Iterable[Mapping[str, object]], parse: Parse) -> list[Decision]:
    """Decisions that a script wrote: ``{"id", "ruling", "value", "reason"}``, one row an answer.

    ``value`` stands with ``correct`` only, as JSON or as it would be typed; ``reject`` needs a reason.
    Ids may be written as strings. Other fields are left alone: the items of ``sheet_json`` can be filled in.

    Returns:
        One decision per item, in the sheet's order.

    Raises:
        UsageError: a row that cannot be read, an id that is not on the sheet or given twice, or an answer
            that is not decided; names it.
    """
    wanted = {str(item.item_id): item for item in sheet.items}
    decided: dict[str, Decision] = {}
    for number, row in enumerate(rows, 1):
        at = f"decision {number}"
        if not isinstance(row, Mapping) or "id" not in row:
            raise UsageError(f'{at} has no id: write {{"id": ..., "ruling": "approve"}}.')
        key = row["id"]
        if not isinstance(key, str | int) or str(key) not in wanted:
            raise UsageError(
                f"{at}: the id {key!r} is not on the sheet; on it are {_named(wanted.values())}."
            )
        if str(key) in decided:
            raise UsageError(f"{at}: the id {key!r} is decided twice.")
        decided[str(key)] = _decision(f"{at} (id {key!r})", wanted[str(key)], row, parse)
    if left := [item for key, item in wanted.items() if key not in decided]:
        raise UsageError(f"{counted(len(left), 'answer')} of the sheet not decided: {_named(left)}.")
    return [decided[key] for key in wanted]


def sheet_json(sheet: Sheet) -> dict[str, object]:
    """A sheet as plain JSON: everything a reviewer's own tool needs to show."""
    return {
        "run": sheet.run,
        "stage": str(sheet.stage),
        "answered": sheet.answered,
        "total": sheet.total,
        "items": [
            {
                "id": item.item_id,
                "text": item.text,
                "answer": item.answer,
                "route": item.route,
                "trust": str(item.trust),
                "signals": [
                    {
                        "kind": str(signal.kind),
                        "detail": signal.detail,
                        "strength": signal.strength,
                        "evidence": signal.evidence,
                        "items": list(signal.items),
                    }
                    for signal in item.signals
                ],
                "quotes": [
                    {
                        "field": quote.field,
                        "text": quote.text,
                        "match": str(quote.match),
                        "start": quote.start,
                        "end": quote.end,
                    }
                    for quote in item.quotes
                ],
                "neighbours": [
                    {"id": each.item_id, "text": each.text, "answer": each.answer} for each in item.neighbours
                ],
            }
            for item in sheet.items
        ],
    }


class _Desk:
    """One sitting: what was decided so far, and the conversation about the next."""

    def __init__(self, sheet: Sheet, console: Console, parse: Parse, read: Callable[[str], str]) -> None:
        self.decided: dict[int, Decision] = {}
        self._sheet = sheet
        self._console = console
        self._parse = parse
        self._read = read

    def decide(self, at: int) -> int:
        """Show one answer and take a ruling; gives back which answer comes next."""
        item = self._sheet.items[at]
        self._console.print(ItemView(self._sheet, at))
        if at in self.decided:
            self._say(f"You decided: {_told(self.decided[at])}. Enter keeps that.")
        while True:
            typed = self._line(ASKED).lower()
            key = typed[:1] if typed in (*RULINGS, *RULINGS.values(), "b", "back", "q", "quit") else typed
            if key == "q":
                raise self._paused()
            if key == "b":
                return max(0, at - 1)
            if not key and at in self.decided:
                return at + 1
            if key not in RULINGS:
                self._say(HELP if key in ("?", "help") else "Type one of a, r, c, b, q; ? says what they do.")
                continue
            decision = self._ruled(item, RULINGS[key])
            if decision is not None:
                self.decided[at] = decision
                return at + 1

    def hand_in(self) -> int:
        """Show what was decided and ask once more: the last ruling can be taken back too."""
        counts = Counter(decision.ruling for decision in self.decided.values())
        told = ", ".join(f"{count:,} to {ruling}" for ruling, count in counts.items())
        self._say(f"\nAll {counted(len(self._sheet.items), 'answer')} decided: {told}.")
        while True:
            key = self._line(LAST_ASKED).lower()
            if not key:
                return len(self._sheet.items) + 1
            if key in ("b", "back"):
                return len(self._sheet.items) - 1
            if key in ("q", "quit"):
                raise self._paused()

    def _ruled(self, item: ToReview, ruling: Ruling) -> Decision | None:
        if ruling is Ruling.APPROVE:
            return Decision(item.item_id, ruling)
        if ruling is Ruling.REJECT:
            if reason := self._line("What is wrong with it? > "):
                return Decision(item.item_id, ruling, reason=reason)
            self._say("Nothing decided: a rejection needs a reason.")
            return None
        while typed := self._line("The right answer (Enter: never mind) > "):
            try:
                value = self._parse(typed)
            except UsageError as error:
                self._say(plain(str(error), LONGEST))
                continue
            reason = self._line("Why, for those who read it later (may be empty) > ")
            return Decision(item.item_id, ruling, value, reason)
        self._say("Nothing decided.")
        return None

    def _line(self, prompt: str) -> str:
        try:
            return self._read(prompt).strip()
        except EOFError:
            raise self._paused() from None

    def _say(self, told: str) -> None:
        self._console.print(Text(told))

    def _paused(self) -> ReviewPaused:
        return ReviewPaused(
            f"the review of {plain(self._sheet.run)} was left before it was handed in: nothing is decided, "
            "nothing is lost, the run stays held; packsplit review begins it again"
        )


def _decision(at: str, item: ToReview, row: Mapping[str, object], parse: Parse) -> Decision:
    try:
        ruling = Ruling(str(row.get("ruling")))
    except ValueError:
        allowed = ", ".join(Ruling)
        raise UsageError(f"{at}: the ruling {row.get('ruling')!r} is none of {allowed}.") from None
    reason, value = row.get("reason") or "", row.get("value")
    if not isinstance(reason, str):
        raise UsageError(f"{at}: the reason is a {type(reason).__name__}; write it as a string.")
    if ruling is not Ruling.CORRECT:
        if value is not None:
            raise UsageError(f"{at}: {ruling} carries no value; to give the right answer, write correct.")
        if ruling is Ruling.REJECT and not reason.strip():
            raise UsageError(f"{at}: a rejection needs a reason.")
        return Decision(item.item_id, ruling, reason=reason)
    if "value" not in row:
        raise UsageError(f"{at}: a correction needs the right answer as its value.")
    try:
        right = parse(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except UsageError as error:
        raise UsageError(f"{at}: {error}") from error
    return Decision(item.item_id, ruling, right, reason)


def _told(decision: Decision) -> str:
    value = f" to {plain(decision.value)}" if decision.ruling is Ruling.CORRECT else ""
    return f"{decision.ruling}{value}" + (f" ({plain(decision.reason)})" if decision.reason else "")


def _named(items: Iterable[ToReview]) -> str:
    names = [repr(item.item_id) for item in items]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

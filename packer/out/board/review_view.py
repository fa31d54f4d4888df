"""One answer as its reviewer sees it: input, answer and evidence, and beside them who shared its call.

All of it is somebody else's text and is shown as such. Does not know: what the reviewer says to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from packer.out.board.plain import Mark, legible, plain
from schemas.counted import counted
from schemas.evidence import Match, Quote
from schemas.item import ItemId
from schemas.review import Neighbour, Sheet, Stage, ToReview
from schemas.signal import Signal, Trust

WIDE = 96
"""Columns from which neighbours stand beside the answer instead of under it."""

MOST_INPUT, MOST_ANSWER, MOST_NEIGHBOUR = 3000, 2000, 160
"""Characters shown of a text, of an answer, and of each of a neighbour's two."""

MOST_BESIDE, MOST_UNDER = 8, 4
"""Neighbours shown beside an answer and under it; those a signal names come first."""

NO_TEXT = "(this run keeps no texts)"
HEAD, TRACE = "bold", "bold underline red"
QUOTED = {Match.EXACT: "bold underline green", Match.NORMALISED: "bold underline yellow"}
LOOSELY_QUOTED = "bold underline yellow"


class ItemView:
    """An answer of a sheet, as wide as there is room."""

    def __init__(self, sheet: Sheet, at: int) -> None:
        self._sheet = sheet
        self._at = at

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        item = self._sheet.items[self._at]
        when = "first answers" if self._sheet.stage is Stage.FIRST else "last look"
        told = f"{self._at + 1} of {len(self._sheet.items)} \u00b7 {when}: {self._sheet.answered:,} of "
        told = f"{told}{self._sheet.total:,} answered".replace(
            "\u00b7", "-" if options.ascii_only else "\u00b7"
        )
        yield Text("")
        yield Rule(Text(told), style="dim", characters="-" if options.ascii_only else "\u2500")
        wide = options.max_width >= WIDE
        own = Group(*_own(item))
        beside = Group(*_beside(item, MOST_BESIDE if wide else MOST_UNDER))
        if not item.neighbours:
            yield own
        elif wide:
            sides = Table.grid(padding=(0, 4, 0, 0), expand=True)
            sides.add_column(ratio=3, overflow="fold")
            sides.add_column(ratio=2, overflow="fold")
            sides.add_row(own, beside)
            yield sides
        else:
            yield own
            yield beside
        yield Text("")


def _own(item: ToReview) -> Iterator[RenderableType]:
    head = Text("id ", "dim").append_text(legible(str(item.item_id)))
    head.append(f"   route {plain(item.route, 40)}", "dim")
    if item.trust is not Trust.CLEAN:
        head.append(f"   {item.trust}", "bold yellow" if item.trust is Trust.DOUBTFUL else "green")
    yield head
    yield from _titled("Input", _input(item))
    yield from _titled("Answer", legible(item.answer, most=MOST_ANSWER, lines=True))
    if item.quotes:
        yield from _titled("Rests on", *(_quote(quote) for quote in item.quotes))
    if item.signals:
        yield from _titled("Signals", *(_signal(signal) for signal in item.signals))


def _input(item: ToReview) -> Text:
    if item.text is None:
        return Text(NO_TEXT, "dim")
    return legible(item.text, most=MOST_INPUT, lines=True, marks=_marks(item.quotes))


def _marks(quotes: Iterable[Quote]) -> Iterator[Mark]:
    for quote in quotes:
        if quote.start is not None and quote.end is not None:
            yield quote.start, quote.end, QUOTED.get(quote.match, LOOSELY_QUOTED)


def _quote(quote: Quote) -> Text:
    told = legible(quote.field, most=60).append(": ")
    told.append_text(legible(quote.text))
    if quote.start is None or quote.end is None:
        return told.append("  not found in the input", "bold red")
    found = "" if quote.match is Match.EXACT else f"{quote.match}, "
    return told.append(f"  {found}characters {quote.start:,} to {quote.end:,}", "dim")


def _signal(signal: Signal) -> Text:
    told = Text(str(signal.kind), "bold yellow").append(f" {signal.strength:.2f}  ", "dim")
    told.append_text(legible(signal.detail, most=400))
    if signal.evidence:
        told.append("  seen: ", "dim").append_text(legible(signal.evidence))
    return told


def _beside(item: ToReview, most: int) -> Iterator[RenderableType]:
    same = sum(each.answer == item.answer for each in item.neighbours)
    told = f"{same:,} of {counted(len(item.neighbours), 'neighbour')} with the same answer"
    suspects = {name for signal in item.signals for name in signal.items} - {item.item_id}
    shown = _chosen(item.neighbours, suspects, most)
    yield Text("Shared its call with", HEAD).append(f"  {told}", "dim")
    for each in shown:
        traces = [signal.evidence for signal in item.signals if each.item_id in signal.items]
        yield Padding(_neighbour(each, traces, each.answer == item.answer), (0, 0, 0, 2))
    if len(shown) < len(item.neighbours):
        yield Padding(Text(f"and {len(item.neighbours) - len(shown):,} more", "dim"), (0, 0, 0, 2))


def _chosen(neighbours: tuple[Neighbour, ...], suspects: set[ItemId], most: int) -> list[Neighbour]:
    """As many as there is room for, those that a signal names before others, in seat order."""
    ranked = sorted(range(len(neighbours)), key=lambda seat: neighbours[seat].item_id not in suspects)
    return [neighbours[seat] for seat in sorted(ranked[:most])]


def _neighbour(each: Neighbour, traces: list[str], same: bool) -> Group:
    """Two lines; the whole text, with the trace marked in it, for one that a signal names."""
    told = legible(str(each.item_id), most=40).append("  ")
    told.append("no answer", "dim") if each.answer is None else told.append_text(_answer(each, same))
    if traces:
        told.append("  named by a signal", "bold yellow")
    if each.text is None:
        return Group(told, Text(NO_TEXT, "dim"))
    text = each.text
    found = [(text.find(trace), trace) for trace in traces if trace and trace in text]
    marks = [(start, start + len(trace), TRACE) for start, trace in found]
    shown = legible(text, most=MOST_NEIGHBOUR, marks=marks)
    if not traces:
        shown.no_wrap, shown.overflow = True, "ellipsis"
    return Group(told, shown)


def _answer(each: Neighbour, same: bool) -> Text:
    answer = legible(each.answer, most=MOST_NEIGHBOUR)
    answer.stylize("bold" if same else "cyan")
    return answer


def _titled(title: str, *parts: RenderableType) -> Iterator[RenderableType]:
    yield Text(title, HEAD)
    for part in parts:
        yield Padding(part, (0, 0, 0, 2))

"""One line that shows how many items stand where, and the line under it that says so in figures.

Does not know: runs, calls, or what is done about a failed item.
"""

from __future__ import annotations

from collections import Counter

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from schemas.record import ItemState
from schemas.usage import share_out

COLOURS = {
    ItemState.ACCEPTED: "green",
    ItemState.HELD: "yellow",
    ItemState.FAILED: "red",
    ItemState.IN_FLIGHT: "cyan",
    ItemState.QUEUED: "bright_black",
}
"""In the order of the bar."""

# Each state has a sign of its own, so that the bar reads without colour; the second where there is but ASCII.
SIGNS = {
    ItemState.ACCEPTED: ("\u2588", "#"),
    ItemState.HELD: ("\u2593", "="),
    ItemState.FAILED: ("x", "x"),
    ItemState.IN_FLIGHT: ("\u2592", ">"),
    ItemState.QUEUED: ("\u00b7", "."),
}

GAP = "   "


class StateBar:
    """The bar and its legend, as wide as there is room."""

    def __init__(self, states: Counter[ItemState]) -> None:
        self._states = states

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        signs = {state: pair[options.ascii_only] for state, pair in SIGNS.items()}
        present = [state for state in COLOURS if self._states[state]]
        yield self._bar(present, signs, options.max_width)
        # Right under the bar, the sign that the legend begins with would look like more of it.
        yield Text("")
        told = [(f"{signs[each]} {self._states[each]:,} {in_words(each)}", COLOURS[each]) for each in present]
        yield _in_lines([*told, (f"of {self._states.total():,}", "dim")], options.max_width)

    def _bar(self, present: list[ItemState], signs: dict[ItemState, str], width: int) -> Text:
        # One cell each first: a single failed item of a million must be seen.
        room = max(0, width - len(present))
        shares = share_out(room, [self._states[state] for state in present])
        bar = Text(no_wrap=True, overflow="crop")
        for state, cells in zip(present, shares, strict=True):
            bar.append(signs[state] * (1 + (cells or 0)), COLOURS[state])
        return bar


def _in_lines(pieces: list[tuple[str, str]], width: int) -> Text:
    """Pieces side by side, none torn in two where a line ends."""
    text, used = Text(), 0
    for piece, style in pieces:
        if used and used + len(GAP) + len(piece) > width:
            text.append("\n")
            used = 0
        told = GAP + piece if used else piece
        text.append(told, style)
        used += len(told)
    return text


def in_words(name: str) -> str:
    """A stable name as people read it: ``in_flight`` is ``in flight``."""
    return name.replace("_", " ")

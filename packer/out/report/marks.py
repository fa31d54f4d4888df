"""A text with the pieces marked that an answer rests on, and those that betray where it came from.

Does not know: which quotes or signals there are, or how marks look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from packer.out.report.html import Html, el, join

MOST_CHARACTERS = 900
_BEGINNING = 320
_AROUND = 120
_MOST_OCCURRENCES = 20
_MOST_SEARCHED = 50_000
_MOST_TRIES = 1_000
_MOST_SPANS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text.

    Attributes:
        start: offset of its first character.
        end: offset behind its last character.
        kind: ``quote`` or ``trace``; where both cover a piece, it is a trace.
    """

    start: int
    end: int
    kind: str


def occurrences(piece: str, text: str, kind: str = "trace") -> list[Span]:
    """Where a piece of text stands as a whole word or words, as written or else in any case.

    At most the first 20 places, within the first 50,000 characters. Takes time in proportion to the text,
    whatever is in it.
    """
    piece, text = piece.strip(), text[:_MOST_SEARCHED]
    if not piece:
        return []
    if piece not in text:
        lowered = text.lower()
        if len(lowered) != len(text):  # a letter whose small form is longer: offsets would be wrong
            return []
        piece, text = piece.lower(), lowered
    found: list[Span] = []
    start = text.find(piece)
    for _ in range(_MOST_TRIES):
        if start < 0 or len(found) == _MOST_OCCURRENCES:
            break
        end = start + len(piece)
        whole = _parted(text[start - 1 : start], piece[0]) and _parted(piece[-1], text[end : end + 1])
        if whole:
            found.append(Span(start, end, kind))
        start = text.find(piece, end if whole else start + 1)
    return found


def _parted(left: str, right: str) -> bool:
    """Whether a word may end between two characters."""
    return not (left.isalnum() and right.isalnum())


def marked(text: str, spans: Iterable[Span], *, most: int = MOST_CHARACTERS) -> Html:
    """The text with its pieces marked; of a long one the beginning and what stands around the pieces.

    Args:
        text: the whole text.
        spans: pieces of it; those that do not lie within it are left out.
        most: characters to show, at most.
    """
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)][:_MOST_SPANS]
    pieces: list[Html] = []
    shown_to = 0
    for start, end in _windows(len(text), inside, most):
        if start > shown_to:
            pieces.append(_gap(start - shown_to))
        pieces += _segments(text, start, end, inside)
        shown_to = end
    if shown_to < len(text):
        pieces.append(_gap(len(text) - shown_to))
    return join(pieces)


def _windows(length: int, spans: Sequence[Span], most: int) -> list[tuple[int, int]]:
    """What to show: everything, or as much as there is room for, in order and without overlap."""
    if length <= most:
        return [(0, length)]
    wanted = [(0, _BEGINNING if spans else most)]
    left = most - _BEGINNING
    for span in sorted(spans, key=lambda span: span.start):
        start, end = max(0, span.start - _AROUND), min(length, span.end + _AROUND)
        last_start, last_end = wanted[-1]
        start = max(start, last_end)
        if end <= start:
            continue
        end = min(end, start + left)
        left -= end - start
        wanted[-1:] = [(last_start, end)] if start == last_end else [(last_start, last_end), (start, end)]
        if left <= 0:
            break
    return wanted


def _segments(text: str, start: int, end: int, spans: Sequence[Span]) -> list[Html]:
    edges = {start, end}
    for span in spans:
        edges |= {edge for edge in (span.start, span.end) if start < edge < end}
    ordered = sorted(edges)
    pieces = []
    for left, right in pairwise(ordered):
        kinds = {span.kind for span in spans if span.start <= left and right <= span.end}
        piece = text[left:right]
        kind = "trace" if "trace" in kinds else "quote" if kinds else None
        pieces.append(el("mark", piece, class_=kind) if kind else join([piece]))
    return pieces


def _gap(characters: int) -> Html:
    return el("span", f" … {characters:,} characters left out … ", class_="gap")

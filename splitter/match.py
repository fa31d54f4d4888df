"""Does this piece of text stand in that one? As it is, normalised, or nearly; with offsets.

Work is bounded: needles are cut to ``MOST_NEEDLE`` characters. Does not know: items, packs, or what a
find means.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import cached_property

from schemas.evidence import Match, Quote

MOST_NEEDLE = 400
FUZZY_CUTOFF = 80.0
"""Two edits in a quote of a dozen characters score above 80."""

LEAST_FUZZY = 6
"""Shorter needles are found by chance."""

_LOOKALIKES = {
    **dict.fromkeys(map(ord, "‘’‚‛′`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), None),
    ord("…"): "...",
}
_NUMBER = re.compile(r"\d[\d.,'\u00a0\u202f ]*\d|\d")
_GROUPS = re.compile(r"[ '\u00a0\u202f]")
_WORD = re.compile(r"\w")
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
"""Behind digits these are no words: "ND" does not stand in "2nd", as "kg" stands in "5kg"."""

_WORDS = re.compile(r"\w+")


def folded(text: str) -> str:
    """The text without what typing and typesetting change: case, spacing, width, quotes, dashes."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_LOOKALIKES)).translate(_LOOKALIKES)
    return " ".join(text.casefold().split())


class Hay:
    """A text that is searched many times.

    Attributes:
        text: as it is.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def folded(self) -> str:
        """See ``folded``."""
        return folded(self.text)

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """All numbers the text may mean: ``1.099,00`` is 1099, and ``1.099`` is 1099 or 1.099."""
        return numbers_in(self.text)

    @cached_property
    def _map(self) -> tuple[str, list[int]]:
        """The folded text, and for each of its characters the offset it came from."""
        letters: list[str] = []
        places: list[int] = []
        for place, letter in enumerate(self.text):
            for each in unicodedata.normalize("NFKC", letter.translate(_LOOKALIKES)).casefold():
                if each.isspace():
                    if letters and letters[-1] != " ":
                        letters.append(" ")
                        places.append(place)
                else:
                    letters.append(each)
                    places.append(place)
        return "".join(letters), places

    def span(self, needle: str) -> tuple[Match, int, int] | None:
        """Where a needle stands: exactly, normalised, or nearly; the first that finds it.

        Returns:
            How it was found, and its offsets in ``text`` (end exclusive); None when it is not there.
        """
        needle = needle[:MOST_NEEDLE]
        if needle and (at := self.text.find(needle)) >= 0:
            return Match.EXACT, at, at + len(needle)
        small = folded(needle)
        if not small:
            return None
        text, places = self._map
        if (at := text.find(small)) >= 0:
            return Match.NORMALISED, places[at], places[at + len(small) - 1] + 1
        if len(small) >= LEAST_FUZZY and _is_all_of(small, text):
            from rapidfuzz import fuzz

            near = fuzz.partial_ratio_alignment(small, text, score_cutoff=FUZZY_CUTOFF)
            if near is not None and near.dest_end > near.dest_start:
                return Match.FUZZY, places[near.dest_start], places[near.dest_end - 1] + 1
        return None

    def holds(self, needle: str) -> bool:
        """True when a needle stands here as a word or words of its own, case and spacing aside."""
        small = folded(needle[:MOST_NEEDLE])
        at = self.folded.find(small) if small else -1
        while at >= 0:
            end = at + len(small)
            if small in _ORDINALS and self.folded[at - 1 : at].isdigit():
                at = self.folded.find(small, end)
                continue
            if not (
                _joined(self.folded[at - 1 : at], small[0]) or _joined(small[-1], self.folded[end : end + 1])
            ):
                return True
            at = self.folded.find(small, at + 1)
        return False

    def has_words_of(self, needle: str) -> bool:
        """True when every word of a needle stands here somewhere: parts of a text put together."""
        words = _WORDS.findall(folded(needle[:MOST_NEEDLE]))
        return bool(words) and self._words.issuperset(words)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(_WORDS.findall(self.folded))

    def likeness(self, needle: str) -> float:
        """How nearly a needle stands here: 0 to 100 (rapidfuzz's partial ratio of the folded texts)."""
        from rapidfuzz import fuzz

        small = folded(needle[:MOST_NEEDLE])
        if not small or not _is_all_of(small, self.folded):
            return 0.0
        return float(fuzz.partial_ratio(small, self.folded))


def ground(field: str, quote: str, hay: Hay) -> Quote:
    """Look a quote up in its item's own text."""
    found = hay.span(quote)
    if found is None:
        return Quote(field, quote, Match.NOT_FOUND)
    return Quote(field, quote, *found)


def numbers_in(text: str) -> frozenset[Decimal]:
    """All readings of all numbers in a text; at most a few hundred are looked at."""
    found: set[Decimal] = set()
    for number, match in enumerate(_NUMBER.finditer(text)):
        if number >= 300:
            break
        written = match[0][:40]
        for piece in {written, *written.split(" ")}:
            found |= _readings(_GROUPS.sub("", piece))
    return frozenset(found)


def _readings(digits: str) -> set[Decimal]:
    forms = {digits, digits.replace(",", ""), digits.replace(".", "")}
    forms |= {digits.replace(".", "").replace(",", "."), digits.replace(",", "").replace(".", "")}
    forms |= set(re.split(r"[.,]", digits))
    made = set()
    for form in forms:
        try:
            made.add(Decimal(form).normalize())
        except InvalidOperation:
            continue
    return made


def _joined(left: str, right: str) -> bool:
    """Whether no word ends between two characters: "yen" is a word of its own in "2963yen"."""
    if not (_WORD.match(left) and _WORD.match(right)):
        return False
    return left.isdigit() == right.isdigit()


def _is_all_of(needle: str, hay: str) -> bool:
    """A needle longer than the text cannot stand in it; the partial ratio would swap the two."""
    return len(needle) <= len(hay) + 2

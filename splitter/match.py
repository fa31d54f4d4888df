"""Does this piece of text stand in that one? As it is, normalised, or nearly; with offsets.

Work is bounded: needles are cut to ``MOST_NEEDLE`` characters. Does not know: items, packs, or what a
find means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache

from schemas.evidence import Match, Quote
from splitter.made import made_quote

MOST_NEEDLE = 400
FUZZY_CUTOFF = 80.0
"""Two edits in a quote of a dozen characters score above 80."""

LEAST_FUZZY = 6
"""Shorter needles are found by chance."""

_LOOKALIKES = (
    *((letter, "'") for letter in "‘’‚‛′`´"),
    *((letter, '"') for letter in "“”„‟″«»"),
    *((letter, "-") for letter in "‐‑‒–—―−"),
    *((letter, "") for letter in "\u200b\u200c\u200d\u2060\ufeff\u00ad"),
    ("…", "..."),
)
_NUMBER = re.compile(r"\d[\d.,'\u00a0\u202f ]*\d|\d")
_GROUPS = re.compile(r"[ '\u00a0\u202f]")
IN_NUMBERS = ".,'\u00a0\u202f "
FEW_NUMBERS = 600
"""Characters in which there is no room for as many numbers as ``numbers_in`` looks at."""

EDGES = frozenset(["", *(chr(code) for code in range(128) if not chr(code).isalnum() and code != ord("_"))])
"""What never is part of a word, and of no number either unless it is in ``IN_NUMBERS``."""

_ODD_SPACE = re.compile(r"\A\s|\s\s|[^\S ]")
_SOLID = re.compile(r"\S+")
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
"""Behind digits these are no words: "ND" does not stand in "2nd", as "kg" stands in "5kg"."""

_WORDS = re.compile(r"\w+")


def folded(text: str) -> str:
    """The text without what typing and typesetting change: case, spacing, width, quotes, dashes."""
    if not text.isascii():
        text = _plain(text)
        if not unicodedata.is_normalized("NFKC", text):
            text = _plain(unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


def _plain(text: str) -> str:
    """Lookalikes replaced: a search for each is faster than one look at every character."""
    for letter, plain in _LOOKALIKES:
        if letter in text:
            text = text.replace(letter, plain)
    return text


class Hay:
    """A text that is searched many times.

    Attributes:
        text: as it is.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded: str | None = None

    @property
    def folded(self) -> str:
        """See ``folded``."""
        # By hand, as the lock of a cached property costs more than folding a short text.
        if self._folded is None:
            self._folded = folded(self.text)
        return self._folded

    @cached_property
    def numbers(self) -> frozenset[Decimal]:
        """All numbers the text may mean: ``1.099,00`` is 1099, and ``1.099`` is 1099 or 1.099."""
        return numbers_in(self.text)

    @cached_property
    def _map(self) -> tuple[str, Sequence[int]]:
        """The folded text, and for each of its characters the offset it came from."""
        places: Sequence[int] = range(len(self.text))
        if self.text.isascii():
            wide = self.text.lower().replace("`", "'")
        else:
            forms = {letter: _letter(letter) for letter in set(self.text)}
            wide = "".join([forms[letter] for letter in self.text])
            if any(len(form) != 1 for form in forms.values()):
                places = [at for at, letter in enumerate(self.text) for _ in forms[letter]]
        if not _ODD_SPACE.search(wide):
            return wide, places
        words = [match.span() for match in _SOLID.finditer(wide)]
        behind = " " if words and wide[-1:].isspace() else ""
        kept: list[int] = []
        for start, end in words:
            kept += places[start:end]
            kept += places[end : end + 1]
        return " ".join([wide[start:end] for start, end in words]) + behind, kept

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

    def quoted(self, needle: str) -> bool:
        """True when a needle stands here, case and spacing aside; an empty one never does."""
        if self.text.isascii() and needle in self.text and not needle.isspace():
            return bool(needle)
        small = folded(needle)
        return bool(small) and small in self.folded

    def numbered(self, digits: str, at: int) -> bool:
        """True when the digits that stand here are surely a number of their own, told without the others.

        Args:
            digits: a number as Python writes it.
            at: where they stand.
        """
        return (at < FEW_NUMBERS or self._few_numbers) and numbered(self.text, digits, at)

    @cached_property
    def _few_numbers(self) -> bool:
        return few_numbers(self.text)

    def holds(self, needle: str) -> bool:
        """True when a needle stands here as a word or words of its own, case and spacing aside."""
        small = folded(needle[:MOST_NEEDLE])
        return bool(small) and word_at(self.folded, small, 0) >= 0

    def has_words_of(self, needle: str) -> bool:
        """True when every word of a needle stands here somewhere: parts of a text put together."""
        words = _WORDS.findall(folded(needle[:MOST_NEEDLE]))
        return bool(words) and self._words.issuperset(words)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(_WORDS.findall(self.folded))

    def likeness(self, needle: str, least: float = 0.0) -> float:
        """How nearly a needle stands here: 0 to 100 (rapidfuzz's partial ratio of the folded texts).

        Args:
            needle: what is looked for.
            least: the least that is of interest; anything below it may come back as 0.
        """
        from rapidfuzz import fuzz

        small = folded(needle[:MOST_NEEDLE])
        if not small or not _is_all_of(small, self.folded):
            return 0.0
        # A little less: a score that equals the cutoff may be lost to rounding.
        return float(fuzz.partial_ratio(small, self.folded, score_cutoff=max(0.0, least - 0.001)))


def near(needle: str, hays: Mapping[int, Hay], least: float) -> list[int]:
    """The texts that hold a needle at least so nearly (above 0), as ``Hay.likeness`` tells it."""
    from rapidfuzz import fuzz, process

    small = folded(needle[:MOST_NEEDLE])
    texts = {key: hay.folded for key, hay in hays.items() if small and _is_all_of(small, hay.folded)}
    if not texts or least > 100:
        return []
    # A little less: see ``Hay.likeness``.
    found = process.extract(
        small, texts, scorer=fuzz.partial_ratio, score_cutoff=max(0.0, least - 0.001), limit=None
    )
    return sorted([key for _, score, key in found if score >= least])


def word_at(text: str, small: str, start: int) -> int:
    """Where a folded needle next stands in a folded text as a word or words of its own; -1 when nowhere."""
    at = text.find(small, start)
    while at >= 0:
        end = at + len(small)
        before = text[at - 1] if at else ""
        if small in _ORDINALS and before.isdigit():
            at = text.find(small, end)
        elif _joined(before, small[0]) or _joined(small[-1], text[end : end + 1]):
            at = text.find(small, at + 1)
        else:
            return at
    return -1


def numbered(text: str, digits: str, at: int) -> bool:
    """True when the digits that stand here are surely a number of their own, told without the others.

    Args:
        text: what is looked at; it must have ``few_numbers`` where they stand behind ``FEW_NUMBERS``.
        digits: a number as Python writes it.
        at: where they stand.
    """
    if len(digits) > 30 or "e" in digits:
        return False
    before = text[max(0, at - 40) : at].rstrip(IN_NUMBERS)[-1:]
    if before.isdigit() or not (before or at <= 40):
        return False
    end = at + len(digits)
    if text[end : end + 1] == " ":
        return True  # what may follow is another piece of the same writing
    behind = text[end : end + 40]
    rest = behind.lstrip(IN_NUMBERS)[:1]
    return not rest.isdigit() and (bool(rest) or len(behind) < 40)


def few_numbers(text: str) -> bool:
    """True when ``numbers_in`` surely looks at all of them."""
    return text.isascii() and sum(map(text.count, "0123456789")) < FEW_NUMBERS // 2


def ground(field: str, quote: str, hay: Hay) -> Quote:
    """Look a quote up in its item's own text."""
    found = hay.span(quote)
    if found is None:
        return made_quote(field, quote, Match.NOT_FOUND)
    return made_quote(field, quote, *found)


def numbers_in(text: str) -> frozenset[Decimal]:
    """All readings of all numbers in a text; at most a few hundred are looked at."""
    found: set[Decimal] = set()
    for number, match in enumerate(_NUMBER.finditer(text)):
        if number >= 300:
            break
        written = match[0][:40]
        if written.isdecimal():
            found.add(Decimal(written).normalize())
            continue
        for piece in {written, *written.split(" ")}:
            found |= _readings(_GROUPS.sub("", piece))
    return frozenset(found)


def _readings(digits: str) -> set[Decimal]:
    if digits.isdecimal():
        return {Decimal(digits).normalize()}
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
    if not ((left.isalnum() or left == "_") and (right.isalnum() or right == "_")):
        return False
    return left.isdigit() == right.isdigit()


@lru_cache(maxsize=4_096)
def _letter(letter: str) -> str:
    return unicodedata.normalize("NFKC", _plain(letter)).casefold()


def _is_all_of(needle: str, hay: str) -> bool:
    """A needle longer than the text cannot stand in it; the partial ratio would swap the two."""
    return len(needle) <= len(hay) + 2

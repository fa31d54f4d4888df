"""Looking things up fast, against the plain definitions of what standing in a text means."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from packer import Task
from packer.delimit import HANDLES
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.settings import Layout
from splitter.align import Aligned
from splitter.match import Hay, folded, ground, numbers_in
from splitter.reading import Reading

LOOKALIKES = {
    **dict.fromkeys(map(ord, "‘’‚‛′`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), None),
    ord("…"): "...",
}
WORDS = (
    *("Corner", "BAKERY", "ND", "2nd", "st", "5kg", "kg", "2963yen", "yen", "café", "cafe\u0301", "ﬁne"),
    *("Straße", "it's", "it’s", "`tick`", "…", "\u200b", "¨x", "²", "_id", "１２", "\u1112\u1161", "\u0301x"),
    *(
        "12.99",
        "1.099,00",
        "1,200.50",
        "7",
        "07",
        "3\u00a0000",
        "5.",
        ".5",
        "1e5",
        "\ud800",
        "\n",
        "\t",
        "  ",
    ),
)
parts = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(["", " ", " ", "  ", ", ", ". ", "-", "\n"])).map(
        "".join
    ),
    max_size=7,
).map("".join)
texts = st.one_of(parts, st.text(max_size=12), st.text("ab 7.,`", max_size=14))
numbers = st.one_of(
    st.sampled_from([12.99, 1099, 1200.5, 7, 3000, 5, 0.5, 1e5, 1e20, -7, 12, 99.0]), st.integers(0, 30)
)
STRINGS = Task.extract("x", {"type": "object", "properties": {"s": {"type": "string"}}, "required": ["s"]})
NUMBERS = Task.extract("x", {"type": "object", "properties": {"s": {"type": "number"}}, "required": ["s"]})


def plainly_folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(LOOKALIKES)).translate(LOOKALIKES)
    return " ".join(text.casefold().split())


def is_word(letter: str) -> bool:
    return re.match(r"\w", letter) is not None


def plainly_holds(text: str, needle: str) -> bool:
    """By every place at which the folded needle begins in the folded text."""
    text, needle = plainly_folded(text), plainly_folded(needle)
    for at in range(len(text)) if needle else ():
        before, behind = text[:at][-1:], text[at + len(needle) :][:1]
        joined = [
            is_word(left) and is_word(right) and left.isdigit() == right.isdigit()
            for left, right in ((before, needle[0]), (needle[-1], behind))
        ]
        ordinal = needle in ("st", "nd", "rd", "th") and before.isdigit()
        if text.startswith(needle, at) and not any(joined) and not ordinal:
            return True
    return False


def plainly_stands(text: str, value: object, *, own: bool) -> bool:
    if not isinstance(value, str):
        return abs(Decimal(str(value)).normalize()) in numbers_in(text)
    words = re.findall(r"\w+", plainly_folded(value))
    put_together = bool(words) and set(words) <= set(re.findall(r"\w+", plainly_folded(text)))
    return plainly_holds(text, value) or (own and put_together)


def reading_of(shown: list[str], values: list[object], task: Task[object]) -> Reading:
    slots = tuple(Slot(Item(n, text), HANDLES[n]) for n, text in enumerate(shown))
    pack = Pack("p", task, slots, "abcdefghijklmn", Layout(shuffle=False))
    return Reading(pack, (), tuple(Aligned(*each) for each in zip(slots, values, strict=True)))


@settings(max_examples=80)
@given(texts)
def test_folding_is_what_it_was(text: str) -> None:
    assert folded(text) == plainly_folded(text)


def check(shown: list[str], values: list[object], task: Task[object]) -> None:
    reading = reading_of(shown, [{"s": value} for value in values], task)
    wanted = [
        [] if isinstance(v, str) and not v.strip() else [plainly_stands(t, v, own=True)]
        for t, v in zip(shown, values, strict=True)
    ]
    found = reading.looked_up
    assert found.home == {n for n, stands in enumerate(wanted) if True in stands}
    assert [n for n, _ in found.strays] == [n for n, stands in enumerate(wanted) if False in stands]
    assert {n for n, _ in found.loose} == {
        n for n, v in enumerate(values) if isinstance(v, str) and v.strip() and not plainly_holds(shown[n], v)
    }
    for _, leaf in found.strays:
        value: object = Decimal(leaf.text) if leaf.numeric else leaf.text
        holders = {n for n, text in enumerate(shown) if plainly_stands(text, value, own=False)}
        assert reading.stands(leaf) == holders
        small = folded(leaf.text)
        within = [n for n, text in enumerate(shown) if small and small in plainly_folded(text)]
        assert reading.holding(small) == within


@settings(max_examples=80)
@given(st.lists(st.tuples(texts, texts, st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=4))
def test_strings_stand_where_they_stood(drawn: list[tuple[str, str, int, int]]) -> None:
    """Each value is a text of its own, or a piece of the own or of the next item's text."""
    shown = [text for text, *_ in drawn]
    values: list[object] = []
    for n, (text, other, start, size) in enumerate(drawn):
        piece = (text, shown[(n + 1) % len(shown)], other)[start % 3]
        values.append(other if start == 9 else piece[start : start + size])
    check(shown, values, STRINGS)


@settings(max_examples=80)
@given(st.lists(st.tuples(texts, numbers), min_size=1, max_size=4))
def test_numbers_stand_where_they_stood(drawn: list[tuple[str, float]]) -> None:
    check([text for text, _ in drawn], [number for _, number in drawn], NUMBERS)
    check([f"{text}{number}{text}" for text, number in drawn], [number for _, number in drawn], NUMBERS)
    check([f"a {number}. {text}" for text, number in drawn], [number for _, number in drawn], NUMBERS)


def test_a_number_behind_hundreds_of_others_is_looked_at_as_ever() -> None:
    many = "1 a " * 299
    for text in (
        f"{many}7",
        f"{many}1 a 7",
        "x" * 700 + " 7",
        "x" * 700 + "²7",
        "a 1 2 3 " * 99 + "7",
        "9" * 50 + " 7",
    ):
        check([text], [7], NUMBERS)


@settings(max_examples=80)
@given(texts, st.integers(0, 9), st.integers(1, 9), st.booleans())
def test_a_quote_is_grounded_where_it_was(text: str, start: int, size: int, loud: bool) -> None:
    """Against the mapping of one letter after the other."""
    quote = text[start : start + size].upper() if loud else text[start : start + size]
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for each in unicodedata.normalize("NFKC", letter.translate(LOOKALIKES)).casefold():
            if not each.isspace() or (letters and letters[-1] != " "):
                letters.append(" " if each.isspace() else each)
                places.append(place)
    found, small = ground("f", quote, Hay(text)), folded(quote)
    at = "".join(letters).find(small)
    if quote and quote in text:
        assert found.match == "exact"
        assert found.start == text.find(quote)
        assert found.end == text.find(quote) + len(quote)
    elif small and at >= 0:
        assert (found.match, found.start) == ("normalised", places[at])
        assert found.end == places[at + len(small) - 1] + 1
    else:
        assert found.match in ("fuzzy", "not_found")


@settings(max_examples=100)
@given(texts, texts, st.sampled_from([60.0, 75.0, 80.0, 90.0]))
def test_likeness_is_exact_from_what_is_of_interest(text: str, needle: str, least: float) -> None:
    small, hay = folded(needle), folded(text)
    true = fuzz.partial_ratio(small, hay) if small and len(small) <= len(hay) + 2 else 0.0
    assert Hay(text).likeness(needle) == true
    for cutoff in (least, true):
        found = Hay(text).likeness(needle, cutoff)
        assert found == true if true >= cutoff else found < cutoff


def test_a_likeness_that_is_just_enough_is_not_lost_to_rounding() -> None:
    hay, needle = Hay("a_b, see item_1  I'm sorry "), "0.50 I'm sorry "
    just = 100.0 * (1 - 2.5 / len(needle))
    assert just <= hay.likeness(needle) < just + 0.001
    assert hay.likeness(needle, just) == hay.likeness(needle)


def test_what_stands_nowhere_is_not_quoted() -> None:
    for text in ("Corner Bakery", "Café am Markt"):
        hay = Hay(text)
        assert hay.quoted(text.upper())
        assert not any(hay.quoted(needle) for needle in ("Harbour", "harbour hardware", "", " ", "\u200b"))


def test_nothing_is_found_behind_the_end_of_a_text() -> None:
    hay = Hay("ab  cd ")
    assert hay.span("AB cd") is not None
    assert hay.span("cdXXXX") is None

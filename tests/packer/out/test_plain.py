"""Texts from outside on a terminal: nothing in them acts, nothing is lost without being counted."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer.out.board.plain import legible, plain
from tests.strategies import texts


@given(texts, st.booleans())
def test_no_text_moves_the_cursor_hides_or_turns_letters_round(text: str, lines: bool) -> None:
    shown = legible(text, lines=lines).plain
    acting = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert acting <= ({"\n"} if lines else set()) | {"\u200c", "\u200d"}
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m \x07 \r \x00 \x7f", "\\x9b31m \\x07 \\r \\x00 \\x7f"),
        ("\u202egnp.exe\u202c \u2066x\u2069", "\\u202egnp.exe\\u202c \\u2066x\\u2069"),
        ("a\u200bb\ufeff\ud800", "a\\u200bb\\ufeff\\ud800"),
        ("\U000e0041\U000e0100", "\\U000e0041\\U000e0100"),
        ("one\ntwo\tthree", "one\\ntwo\\tthree"),
        ("[bold]not markup[/bold] :smile:", "[bold]not markup[/bold] :smile:"),
        # Persian and family emoji are spelt with joiners; between ASCII letters a joiner only hides.
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("pay\u200dpal", "pay\\u200dpal"),
        ("المصباح ممتاز, 漢字\u3000", "المصباح ممتاز, 漢字\u3000"),
    ],
)
def test_what_acts_is_written_out_and_the_rest_is_left_alone(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_no_string_is_json() -> None:
    assert plain({"a": ["\x1b", None]}) == '{"a": ["\\u001b", null]}'


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    assert plain("x" * 1500, 10) == "xxxxxxxxxx … (1,490 more characters)"
    assert plain("x" * 10, 10) == "x" * 10


def test_marked_places_are_styled_where_they_are_and_shown_however_far_behind() -> None:
    text = "a\x1bb [x] " + "y" * 1000 + "FAR" + "z" * 500
    shown = legible(text, most=20, marks=[(2, 3, "bold"), (1008, 1011, "underline")])
    styled = {shown.plain[span.start : span.end] for span in shown.spans if span.style == "bold"}
    far = "".join(shown.plain[span.start : span.end] for span in shown.spans if span.style == "underline")
    assert (styled, far) == ({"b"}, "FAR")
    assert shown.plain.endswith("z" * 60 + " … (440 more characters)")
    assert shown.plain.startswith("a\\x1bb [x] " + "y" * 12 + " … " + "y" * 60 + "FAR")


@given(texts, st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90)), max_size=3))
def test_marks_anywhere_change_no_character(text: str, places: list[tuple[int, int]]) -> None:
    marked = legible(text, most=500, marks=[(start, end, "bold") for start, end in places])
    assert marked.plain == legible(text, most=500).plain

"""Marks stand where the evidence stands, and nowhere else."""

from __future__ import annotations

import re

import pytest

from packer.out.report.marks import Span, marked, occurrences


def places(piece: str, text: str) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in occurrences(piece, text)]


@pytest.mark.parametrize(
    ("piece", "text", "found"),
    [
        ("42", "42 of 142, and 42.", [(0, 2), (15, 17)]),
        ("Great Value", "a great value, greatvalue", [(2, 13)]),
        ("great", "Great, great", [(7, 12)]),
        ("-5", "it is -5 C", [(6, 8)]),
        ("日本", "日本 日本語", [(0, 2)]),
        ("  padded ", "a padded b", [(2, 8)]),
        ("", "text", []),
        (" ", "a b", []),
        ("longer", "long", []),
        ("x", "İ X", []),
        ("a", "a " * 50, [(2 * n, 2 * n + 1) for n in range(20)]),
    ],
)
def test_a_piece_is_found_where_it_stands_as_a_whole(
    piece: str, text: str, found: list[tuple[int, int]]
) -> None:
    assert places(piece, text) == found


def test_pieces_that_nearly_occur_everywhere_end_the_search() -> None:
    assert places("a" * 199 + "b", "a" * 2_000_000) == []
    assert places("a", "a" * 2_000_000) == []


def test_overlapping_marks_are_cut_apart_and_traces_win() -> None:
    page = marked("abcdef", [Span(0, 4, "quote"), Span(2, 6, "trace")])
    assert (
        page.source
        == '<mark class="quote">ab</mark><mark class="trace">cd</mark><mark class="trace">ef</mark>'
    )


@pytest.mark.parametrize(
    "span", [Span(-1, 2, "quote"), Span(2, 9, "quote"), Span(2, 2, "quote"), Span(3, 1, "quote")]
)
def test_offsets_outside_the_text_mark_nothing(span: Span) -> None:
    assert marked("abc", [span]).source == "abc"


@pytest.mark.parametrize("start", [0, 300, 330, 3_000, 9_990])
def test_a_long_text_is_cut_around_its_marks_and_every_character_is_accounted_for(start: int) -> None:
    text = "x" * start + "KEY" + "y" * (10_000 - start - 3)
    page = marked(text, [Span(start, start + 3, "trace")]).source
    assert page.count('<mark class="trace">KEY</mark>') == 1
    assert len(page) < 1_400
    left_out = re.findall(r"… ([\d,]+) characters left out …", page)
    letters = re.sub(r'<span class="gap">.*?</span>|</?mark[^>]*>', "", page)
    assert len(letters) + sum(int(each.replace(",", "")) for each in left_out) == 10_000


def test_a_long_text_without_marks_shows_its_beginning() -> None:
    page = marked("z" * 5_000, [], most=100).source
    assert page.startswith("z" * 100 + "<span")
    assert "4,900 characters left out" in page

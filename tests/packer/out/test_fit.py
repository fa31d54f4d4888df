"""Lines fitted to a terminal: words stay whole, tables close up or are stacked, what fits is left alone."""

from __future__ import annotations

import pytest

from packer.out.board.fit import fitted

TABLE = "\n".join(
    (
        "                       packed   one by one",
        "calls                       8           60",
        "  of them cached      unknown            -",
    )
)


def test_what_fits_is_left_alone() -> None:
    assert fitted(TABLE, 80) == TABLE
    assert fitted("one  two\n", 80) == "one  two\n"


def test_a_table_closes_up_before_it_is_stacked() -> None:
    assert fitted(TABLE, 40).splitlines() == [
        "                   packed  one by one",
        "calls                   8          60",
        "  of them cached  unknown           -",
    ]
    assert fitted(TABLE, 30).splitlines() == [
        "calls: packed 8, one by one 60",
        "of them cached: packed",
        "  unknown, one by one -",
    ]


@pytest.mark.parametrize("width", [24, 40, 79])
def test_sentences_break_between_words(width: int) -> None:
    text = "audit: 1 asked again, 0 differ; use --max-accuracy-loss for what nobody has answered so far. " * 3
    lines = fitted(text, width).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())


def test_a_word_that_is_too_long_is_not_torn() -> None:
    path = "/a/very/long/path/that/has/no/blank/in/it.run"
    assert path in fitted(f"go on with {path} then", 20).splitlines()[1]

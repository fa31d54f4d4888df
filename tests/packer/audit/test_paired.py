"""Accuracy packed and alone: equivalent, not equivalent, or too few to say."""

from __future__ import annotations

import pytest

from packer.audit import scipy_part
from packer.audit.paired import tost
from schemas.audit import Audited
from schemas.errors import UsageError
from tests.packer.audit.rows import row, rows


def gold(asked: int, harm: int, gain: int, *, a_call: int = 1) -> list[Audited]:
    """So many rows with human answers; those spoiled first, then those mended."""
    return [
        row(n, call=n // a_call, right=n >= harm, single_right=not harm <= n < harm + gain)
        for n in range(asked)
    ]


@pytest.mark.parametrize(
    ("discordant", "needed"), [(0.02, 1_700), (0.05, 4_300), (0.1, 8_600), (0.2, 17_100)]
)
def test_numbers_that_it_takes_are_the_known_ones(discordant: float, needed: int) -> None:
    half = round(100 * discordant)
    found = tost(gold(200, half, half))
    assert found is not None
    assert found.needed == pytest.approx(needed, rel=0.02)
    assert found.equivalent is None
    assert "too few to say" in found.words
    assert "it takes about" in found.words


def test_enough_that_are_equally_good_are_equivalent() -> None:
    found = tost(gold(5000, 50, 50))
    assert found is not None
    assert found.equivalent is True
    assert str(found) == found.words
    assert found.words == (
        "5,000 packed and single answers held against human ones: packed less single is -0.3 to +0.3 points: "
        "equivalent within 1 point."
    )


def test_much_harm_is_not_equivalent() -> None:
    found = tost(gold(1000, 100, 10))
    assert found is not None
    assert found.equivalent is False
    assert found.difference.value == pytest.approx(-0.09)
    assert "not equivalent within 1 point" in found.words


def test_a_hundred_without_any_difference_say_too_little() -> None:
    # z squared over n plus z squared: 1.3% of 200, 0.9% of 300.
    for asked, equivalent in ((100, None), (200, None), (300, True)):
        found = tost(gold(asked, 0, 0))
        assert found is not None
        assert found.equivalent is equivalent


def test_calls_that_go_wrong_together_take_more() -> None:
    alone, together = tost(gold(1000, 30, 30)), tost(gold(1000, 30, 30, a_call=10))
    assert alone is not None
    assert together is not None
    assert together.difference.upper > 1.5 * alone.difference.upper
    assert together.needed > 3 * alone.needed


def test_a_wider_margin_is_kept_sooner() -> None:
    found = tost(gold(1000, 10, 10), margin=0.02)
    assert found is not None
    assert found.equivalent is True
    assert "within 2 points" in found.words


def test_without_human_answers_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tost(rows(50, 3)) is None
    with pytest.raises(UsageError, match="margin=0"):
        tost(gold(10, 0, 0), margin=0)
    monkeypatch.setattr(scipy_part, "installed", lambda: False)
    with pytest.raises(UsageError, match=r"packsplit\[audit\]"):
        tost(gold(10, 0, 0))

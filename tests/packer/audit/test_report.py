"""An audit in words: what was asked, what that shows, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from packer.audit import scipy_part
from packer.audit.report import audit_of
from packer.sampling import bad_share
from schemas.audit import Audited
from schemas.errors import UsageError
from schemas.route import Route
from tests.packer.audit.rows import row, rows


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (rows(0, 0), "Nothing was asked again: nothing is known of bleed."),
        (
            rows(20, 0),
            "20 asked again, 0 differ: bleed is under 17%. So few say little; a larger audit tells more.",
        ),
        (rows(300, 0), "300 asked again, 0 differ: bleed is under 1.3%."),
        (
            rows(200, 31, 50, 1),
            "200 asked again, 31 differ (15.5%); 50 asked alone twice, 1 differs (2%): packing changes 5 to "
            "19 of 100 answers beyond the model's own noise.",
        ),
        (
            rows(200, 31),
            "200 asked again, 31 differ (15.5%): 11 to 21 of 100 packed answers differ from a single one; "
            "how many of them by the model's own noise is not known, as nothing was asked alone twice.",
        ),
        (
            rows(400, 8, 100, 2),
            "400 asked again, 8 differ (2%); 100 asked alone twice, 2 differ (2%): no bleed beyond the "
            "model's own noise is shown; up to 2.4 of 100 answers could be changed by packing.",
        ),
        (
            rows(400, 4, 200, 40),
            "400 asked again, 4 differ (1%); 200 asked alone twice, 40 differ (20%): packed answers differ "
            "less often than single ones do among themselves.",
        ),
        (
            rows(60, 20, 10, 0),
            "60 asked again, 20 differ (33.3%); 10 asked alone twice, 0 differ: packing changes 9 to 46 of "
            "100 answers beyond the model's own noise. The noise rests on few items.",
        ),
    ],
)
def test_words(made: list[Audited], words: str) -> None:
    audit = audit_of(made, shared=5_000)
    assert audit.words == words
    assert str(audit) == words


def test_a_difference_that_chance_explains_is_not_called_bleed() -> None:
    audit = audit_of(rows(100, 5, 50, 1), shared=1_000)
    assert audit.bleed is not None
    assert audit.bleed.lower < 0 < audit.bleed.value
    assert "no bleed beyond the model's own noise is shown" in audit.words


def test_figures_agree_with_each_other() -> None:
    audit = audit_of(rows(200, 31, 50, 1), shared=5_000, unanswered=2)
    assert (audit.shared, audit.asked, audit.differ, audit.twice, audit.noise_differ) == (
        5_000,
        200,
        31,
        50,
        1,
    )
    assert audit.at_most == bad_share(31, 200, 0.95).upper
    assert audit.packed is not None
    assert audit.noise is not None
    assert audit.bleed is not None
    assert (audit.packed.value, audit.noise.value) == (0.155, 0.02)
    assert audit.bleed.value == pytest.approx(0.135)
    assert audit.words.endswith(" 2 drawn got no single answer.")
    assert audit_of([], shared=9).at_most == 1.0


def test_without_the_extra_the_exact_bound_and_the_words_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scipy_part, "installed", lambda: False)
    audit = audit_of(
        [replace(each, right=True, single_right=True) for each in rows(200, 31, 50, 1)], shared=500
    )
    assert (audit.bleed, audit.packed, audit.noise, audit.harm, audit.help) == (None,) * 5
    assert audit.at_most == bad_share(31, 200, 0.95).upper
    assert audit.words == (
        "200 asked again, 31 differ (15.5%); 50 asked alone twice, 1 differs (2%): bleed is under 21%. "
        "Intervals need pip install 'packsplit[audit]'."
    )
    assert {part.name: (part.asked, part.differ, part.packed) for part in audit.parts}["items: 10"] == (
        200,
        31,
        None,
    )


def test_parts_add_up() -> None:
    made = [
        replace(row(0, differs=True), route=Route.REPACK, flagged=True, fields={"zip": True, "city": False}),
        replace(row(1), fields={"zip": False, "city": False}),
        replace(row(2, differs=True), position=2, size=3, fields={"city": True}),
        replace(row(3), position=9, size=10),
    ]
    parts = {part.name: (part.asked, part.differ) for part in audit_of(made, shared=4).parts}
    assert parts == {
        "route: pack": (3, 1),
        "route: repack": (1, 1),
        "seat: first quarter": (2, 1),
        "seat: third quarter": (1, 1),
        "seat: last quarter": (1, 0),
        "items: 3": (1, 1),
        "items: 10": (3, 1),
        "flagged": (1, 1),
        "not flagged": (3, 1),
        "field: zip": (2, 1),
        "field: city": (3, 1),
    }


def test_words_say_where_some_were_drawn_more_often() -> None:
    suspects = [replace(row(n, differs=n < 30), weight=1.0, flagged=True) for n in range(50)]
    others = [row(n, weight=10.0, differs=n < 60) for n in range(50, 150)]
    words = audit_of([*suspects, *others], shared=1_050).words
    assert words.startswith("150 asked again, 40 differ (26.7%, by weight 12.4%): ")


def test_gold_tells_harm_from_help() -> None:
    made = [row(n, right=n >= 6, single_right=n < 97) for n in range(100)]
    audit = audit_of(made, shared=100)
    assert audit.harm is not None
    assert audit.help is not None
    assert (audit.harm.value, audit.help.value) == (0.06, 0.03)


def test_a_bound_in_words_still_holds() -> None:
    """Rounded, it is never below the bound itself."""
    for asked in (1, 2, 3, 7, 20, 29, 30, 31, 59, 100, 299, 300, 301, 1_000, 2_995):
        audit = audit_of(rows(asked, 0), shared=asked)
        told = float(audit.words.split("under ")[1].split("%")[0])
        assert audit.at_most * 100 <= told + 1e-6
        assert audit.most * 100 <= told + 1e-6
        assert told <= audit.most * 110 + 0.1


def test_confidence_is_checked() -> None:
    with pytest.raises(UsageError, match="confidence"):
        audit_of(rows(10, 1), shared=10, confidence=1.5)

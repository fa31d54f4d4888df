"""Tests over a whole run, through the one door: planted effects, clean runs, and runs too small to test."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.signal import Seated, SignalKind, Trend
from splitter.fleet import fleet
from splitter.null import no_sign

COPY, PULL, DRIFT, LESS = (
    SignalKind.NEIGHBOUR_COPY,
    SignalKind.POLARITY_PULL,
    SignalKind.POSITION_DRIFT,
    SignalKind.DISCOUNTED,
)
KINDS = (COPY, PULL, DRIFT, LESS)
LABELS = ("negative", "neutral", "positive")


def run_of(
    calls: int,
    *,
    pack: int = 10,
    seed: int = 0,
    copied: float = 0,
    pulled: float = 0,
    drifted: float = 0,
    shortened: float = 0,
    emptied: float = 0,
) -> list[Seated]:
    """A run with random labels and lengths, and what is asked for planted in it."""
    random = Random(seed)
    rows: list[Seated] = []
    for call in range(calls):
        answer, mood = "", random.choice(LABELS)
        for seat in range(pack):
            own = random.choice(LABELS)
            if seat and random.random() < copied:
                own = answer
            if random.random() < pulled:
                own = mood
            if seat >= pack * 3 // 4 and random.random() < drifted:
                own = "neutral"
            answer = own
            late = seat / pack
            length = round(random.uniform(40, 80) * (1 - shortened * late))
            filled = 0.5 if random.random() < emptied * late else 1.0
            rows.append(Seated(f"call {call}", seat, call * pack + seat, answer, length, filled))
    return rows


def by_kind(trends: tuple[Trend, ...]) -> dict[SignalKind, Trend]:
    return {trend.kind: trend for trend in trends}


def figures(rows: list[Seated], kind: SignalKind, seed: int = 0) -> tuple[float, float, float]:
    """Figure, what chance gives, and the p-value, of a test that was made."""
    trend = by_kind(fleet(rows, seed=seed))[kind]
    assert trend.statistic is not None
    assert trend.expected is not None
    assert trend.p_value is not None
    return trend.statistic, trend.expected, trend.p_value


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (COPY, run_of(40, copied=0.5)),
        (PULL, run_of(40, pulled=0.5)),
        (DRIFT, run_of(40, drifted=0.8)),
        (LESS, run_of(40, shortened=0.4)),
        (LESS, run_of(40, emptied=0.6)),
    ],
    ids=["copy", "pull", "drift", "shorter", "emptier"],
)
def test_a_planted_effect_is_found_and_told(kind: SignalKind, rows: list[Seated]) -> None:
    trends = by_kind(fleet(rows))
    statistic, expected, p_value = figures(rows, kind)
    assert p_value == 1 / 500  # no shuffle reaches it
    assert statistic > expected
    assert trends[kind].answers == 400
    assert "smaller packs" in trends[kind].detail


def test_an_effect_raises_no_alarm_in_the_tests_that_should_not_see_it() -> None:
    pulled, drifted = by_kind(fleet(run_of(40, pulled=0.5))), by_kind(fleet(run_of(40, drifted=0.8)))
    for other in (pulled[COPY], pulled[DRIFT], pulled[LESS], drifted[PULL], drifted[LESS]):
        assert other.p_value is not None
        assert other.p_value > 0.0125
        assert "No sign" in other.detail


def test_longer_and_fuller_answers_late_are_no_discount() -> None:
    assert figures(run_of(40, shortened=-0.5), LESS)[2] > 0.5


def test_drift_names_the_answer_the_quarter_and_both_shares() -> None:
    rows = [
        Seated(f"c{call}", seat, seat, "late" if seat >= 6 else f"early {(call + seat) % 2}", 9)
        for call in range(20)
        for seat in range(8)
    ]
    assert "'late' is 100.0% of quarter 4 instead of 25.0%" in by_kind(fleet(rows))[DRIFT].detail


def test_figures_are_shares_of_pairs_that_can_be_counted_by_hand() -> None:
    answers = ["aabb", "abab", "aaaa", "bbbb", "abba"]
    rows = [
        Seated(f"c{call}", seat, f"{call}.{seat}", answer, 1)
        for call, row in enumerate(answers)
        for seat, answer in enumerate(row)
    ]
    assert figures(rows, COPY)[0] == pytest.approx(9 / 15)  # 2 + 0 + 3 + 3 + 1 of three pairs each
    assert figures(rows, PULL)[0] == pytest.approx(18 / 30)  # 2 + 2 + 6 + 6 + 2 of six pairs each


def test_a_missing_seat_parts_its_neighbours() -> None:
    whole = run_of(30, pack=9, copied=1)
    gaps = [row for row in whole if row.position % 3 != 1]
    told = by_kind(fleet(gaps))[COPY].detail
    assert "Of 60 pairs" in told  # seats 2 and 3, 5 and 6, of each of 30 calls


def test_answers_of_two_calls_are_no_neighbours() -> None:
    seats = {"a": range(10), "b": range(10, 20)}  # the first half of b was not accepted
    rows = [Seated(call, seat, seat, LABELS[seat % 3], 8) for call, taken in seats.items() for seat in taken]
    assert "Of 18 pairs" in by_kind(fleet(rows))[COPY].detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_run_is_alarming_no_more_often_than_the_level_says(kind: SignalKind) -> None:
    values = [figures(run_of(6, seed=seed), kind, seed)[2] for seed in range(100)]
    assert sum(p <= 0.05 for p in values) <= 11  # 5 expected; 12 or more in 1 of 230 tries
    assert 30 <= sum(p <= 0.5 for p in values) <= 70  # not piled up at either end


def test_rows_in_any_order_and_the_same_seed_give_the_same() -> None:
    rows = run_of(12, copied=0.2)
    mixed = Random(1).sample(rows, len(rows))
    assert fleet(mixed, seed=4) == fleet(rows, seed=4)
    assert fleet(rows, seed=5) != fleet(rows, seed=4)


def test_answers_alone_in_their_call_are_left_out() -> None:
    rows = run_of(12)
    alone = [Seated(f"alone {n}", 0, f"alone {n}", "positive", 4) for n in range(50)]
    assert fleet(rows + alone) == fleet(rows)


def test_of_a_large_run_whole_calls_are_drawn_and_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.fleet.MOST_ANSWERS", 200)
    rows = run_of(30)
    first, second = fleet(rows, seed=1), fleet(rows, seed=2)
    assert all(trend.answers == 200 for trend in first)
    assert all("Tested on 200 of 300 answers" in trend.detail for trend in first)
    assert "Of 180 pairs" in first[0].detail  # nine of each of 20 calls: no call was cut
    assert first[0].statistic != second[0].statistic


def test_one_huge_call_is_not_tested_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.fleet.MOST_ANSWERS", 20)
    assert all(trend.answers == 80 for trend in fleet(run_of(3, pack=40)))
    whole = fleet(run_of(2, pack=40))
    assert all(trend.answers == 80 and "Tested on" not in trend.detail for trend in whole)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        run_of(1, pack=1),
        run_of(1, pack=40),  # one call
        run_of(3, pack=6),  # 18 answers
        [Seated(f"c{n}", 0, n, "positive", 4) for n in range(100)],  # none has a neighbour
    ],
    ids=["nothing", "one answer", "one call", "few answers", "all alone"],
)
def test_too_little_is_said_not_tested(rows: list[Seated]) -> None:
    trends = fleet(rows)
    assert tuple(trend.kind for trend in trends) == KINDS
    assert all(trend.p_value is trend.statistic is trend.expected is None for trend in trends)
    assert all(trend.detail.startswith("Too little to test") for trend in trends)


def test_answers_that_are_all_the_same_are_said_not_tested() -> None:
    trends = fleet([Seated(f"c{n // 10}", n % 10, n, "positive", 8) for n in range(100)])
    assert all(trend.p_value is None and trend.answers == 100 for trend in trends)
    assert all("not tested" in trend.detail for trend in trends)


def test_answers_that_never_come_twice_are_no_labels() -> None:
    rows = [Seated(f"c{n // 10}", n % 10, n, f"answer {n}", n % 7) for n in range(100)]
    trends = by_kind(fleet(rows))
    assert trends[DRIFT].p_value is None
    assert trends[LESS].p_value is not None


def test_pairs_hold_no_neighbours_that_could_be_told_apart() -> None:
    trends = by_kind(fleet(run_of(40, pack=2)))
    assert trends[COPY].p_value is None
    assert trends[PULL].p_value is not None


def test_labels_of_unequal_length_are_named_as_another_reason_for_shorter_answers() -> None:
    rows = [Seated(row.call, row.position, row.item_id, row.answer, 20 - row.position) for row in run_of(20)]
    unlike = [Seated(row.call, row.position, row.item_id, str(row.item_id), row.length) for row in rows]
    reason = "labels of unequal length"
    assert reason in by_kind(fleet(rows))[LESS].detail
    assert reason not in by_kind(fleet(unlike))[LESS].detail


seated: Callable[..., st.SearchStrategy[Seated]] = st.builds
ROWS = st.lists(
    seated(
        Seated,
        call=st.sampled_from(["a", "b", "c", "d"]),
        position=st.integers(0, 30),
        item_id=st.one_of(st.integers(), st.text(max_size=3)),
        answer=st.one_of(st.sampled_from(LABELS), st.text(max_size=4)),
        length=st.integers(0, 10_000),
        filled=st.floats(0, 1),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(rows=ROWS, seed=st.integers())
def test_any_rows_give_four_trends_with_a_p_value_above_0_or_none(rows: list[Seated], seed: int) -> None:
    trends = fleet(rows, seed=seed)
    assert tuple(trend.kind for trend in trends) == KINDS
    for trend in trends:
        assert trend.detail
        assert (trend.p_value is None) == (trend.statistic is None) == (trend.expected is None)
        assert trend.p_value is None or 0 < trend.p_value <= 1


def test_a_small_p_value_that_tells_of_nothing_is_explained() -> None:
    assert no_sign("seats matter", 0.06) == "No sign that seats matter"
    told = "Too weak a sign that seats matter: there are 4 tests a run, so it takes p = 0.0125 or less"
    assert no_sign("seats matter", 0.05) == no_sign("seats matter", 0.014) == told

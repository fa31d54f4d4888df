"""What printing shows of sums, comparisons and findings: known figures, and words where there are none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from schemas.advice import Advice, Topic
from schemas.audit import Audit, Estimate
from schemas.calibration import Calibration, Finding, Noise, SizeChange, Trial
from schemas.comparison import Comparison, Way
from schemas.evaluation import Accuracy, Evaluation, SizeMeasured, Spending
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.usage import Usage
from schemas.ways import Choice, PerToken, Prospect, Seen

RATE = Estimate(0.031, 0.012, 0.05, asked=100)
SPENT = Spending(20, 0.1, 43.25, 7.0, Decimal("0.000012"), None)
ACCURACY = Accuracy(
    labelled=10,
    single_right=7,
    packed_right=6,
    harm=RATE,
    help=RATE,
    difference=RATE,
    equivalent=None,
    needed=900,
    words="too few",
)
SIZE = SizeMeasured(
    size=5,
    items=20,
    calls=4,
    lost=1,
    compared=19,
    differ=2,
    difference=RATE,
    bleed=None,
    repaired=None,
    fields=(),
    parts=(),
    raw_accuracy=None,
    accuracy=ACCURACY,
    spending=SPENT,
    repaired_spending=SPENT,
    trial=Trial(5, (), Finding.OPEN, 0.0, 1.0, -1.0),
    words="Packs of 5 may do.",
)
FOUND = Evaluation(
    model="m",
    task="t",
    items=20,
    repeats=0,
    seed=0,
    envelope="keyed",
    binding="none",
    alone=Spending(20, 1.0, None, None),
    alone_lost=0,
    labelled=10,
    alone_right=7,
    noise=Noise(),
    noise_rate=None,
    promise="max_bleed",
    ceiling=0.02,
    confidence=0.95,
    sizes=(SIZE,),
    size=None,
    words="Ask alone.",
)


def cells(found: Evaluation) -> dict[str, list[str]]:
    """The table's rows by their first cell; cells stand two spaces apart."""
    rows = [line.replace("  ", "|").split("|") for line in str(found).splitlines()]
    return {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}


def test_an_evaluation_shows_what_is_known_and_a_dash_for_what_is_not() -> None:
    rows = cells(FOUND)
    assert rows["alone"] == ["20", "0", "-", "-", "70.0%", "-", "-", "1.00", "-", "-"]
    assert rows["packs of 5"] == [
        "20",
        "1",
        "3.1% [1.2, 5.0]",
        "-",
        "60.0%",
        *("43.2", "7.0", "0.10"),
        "0.0000120",
        "-",
    ]
    assert str(FOUND).splitlines()[-2:] == [str(SIZE), "Ask alone."] == ["Packs of 5 may do.", "Ask alone."]
    nobody = replace(
        FOUND, noise_rate=RATE, labelled=0, sizes=(replace(SIZE, accuracy=replace(ACCURACY, labelled=0)),)
    )
    assert cells(nobody)["alone"][2] == "3.1% [1.2, 5.0] twice"
    assert cells(nobody)["alone"][4] == "-"


def test_repairs_add_to_what_packs_took_only_where_both_are_known() -> None:
    alone = Spending(20, 1.0, 80.0, 6.0, Decimal("0.00002"), 1.0)
    both = SPENT.plus(0.5, alone)
    assert (both.calls, both.input_tokens, both.output_tokens) == (0.6, 83.25, 10.0)
    assert both.cost_usd == Decimal("0.000022")
    assert both.seconds is None
    assert SPENT.plus(0.5, replace(alone, cost_usd=None, input_tokens=None)).cost_usd is None
    assert SPENT.plus(0.0, replace(alone, input_tokens=None)).input_tokens == 43.25


def test_a_ledger_says_what_is_missing_from_its_sums() -> None:
    ledger = Ledger(3, 0, 0, Usage(100, None, 20), Baseline(10, 400, None))
    assert "input tokens             100          400   0.25x" in str(ledger)
    assert "output tokens             20      unknown       -" in str(ledger)
    assert "cost" not in str(ledger)
    two = replace(
        ledger, unmetered_calls=2, routes={"pack": RouteSum(2), "single": RouteSum(1, Usage(1_000, 0, 5))}
    )
    assert "single          1 calls, 1,000 tokens in (0 cached), 5 out" in str(two)
    assert "2 replies came without usage" in str(two)
    priced = replace(ledger, price_source="list")
    assert "cost unknown: no reply came whose usage could be priced" in str(priced)
    assert "cost unknown: list" in str(replace(priced, unpriced_calls=1))
    paid = replace(priced, cost_usd=Decimal("0.5"), unpriced_calls=1)
    assert "cost 0.500000 USD (prices: list); 1 calls of unknown cost left out" in str(paid)


def test_a_comparison_marks_what_is_worked_out() -> None:
    ways = (
        Way("packed", True, 10, 0.1, 43.2, None, 7.4, Decimal("0.1"), 1.5, 2_000.0),
        Way("singles", False, 10, 1.0),
    )
    shown = str(Comparison(ways, None, None, "It paid.", group="shop"))
    assert shown.splitlines()[0].startswith("per item of 'shop'")
    assert "singles*" in shown
    assert shown.splitlines()[1].split() == [
        "packed",
        "0.10",
        "43.2",
        "-",
        "7.4",
        "0.100000",
        "1.50",
        "2,000",
    ]
    assert shown.endswith("It paid.")


def test_findings_print_as_their_sentence() -> None:
    assert str(Audit(1, 1, 0, words="fine")) == "fine"
    assert str(Calibration("max_bleed", 0.02, 0.95, words="kept")) == "kept"
    assert str(SizeChange(10, 1, "drift")) == "items are asked alone instead of packs of 10: drift"
    assert str(SizeChange(10, 5, "drift")) == "packs of 5 instead of packs of 10: drift"
    assert str(Advice(Topic.MIXED, pack=False, detail="two kinds")) == "do not pack: two kinds"
    prospect = Prospect("session", 1, 1.0, 1, 0, 0, 1)
    assert prospect.strategy == "session"
    assert (
        str(Choice("session", 1, prospect, (prospect,), certain=True, assumed="", words="In turn."))
        == "In turn."
    )


def test_parts_of_a_prompt_have_their_own_price_where_one_is_known() -> None:
    price = PerToken(Decimal(2), Decimal(5))
    assert price.cost_usd(10, 4, 2, 3) == 2 * 10 + 5 * 3
    cached = replace(price, cached_usd=Decimal(1), cache_write_usd=Decimal(3))
    assert cached.cost_usd(10, 4, 2, 3) == 2 * 4 + 1 * 4 + 3 * 2 + 5 * 3
    assert Seen(5, 10, 2).fell == 2

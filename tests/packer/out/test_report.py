"""A report says what happened, what it cost and what to look at; the pictures are tested next door."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from packer.out.report.document import report_html, write_report
from packer.out.report.figures import alike, seat_shares, sizes
from packer.out.report.look import MOST_ITEMS
from packer.out.report.style import DAY, DRAWN_ON, NIGHT, WRITTEN_ON
from schemas.errors import UsageError
from schemas.ledger import Baseline, Ledger
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate
from schemas.route import Route
from schemas.signal import Trust
from schemas.usage import Usage
from tests.packer.out.example_record import clean_record, example_record, large_record
from tests.packer.out.hostile_record import hostile_record


def read(record: RunRecord) -> Element:
    """The page of a record, as a browser would read it."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    page: Element = parser.parse(report_html(record))
    assert parser.errors == []
    return page


def said(element: Element) -> str:
    """Its text in one line."""
    return " ".join("".join(element.itertext()).split())


def of_class(page: Element, name: str) -> list[Element]:
    return [each for each in page.iter() if name in each.get("class", "").split()]


def section(page: Element, name: str) -> Element:
    (found,) = [each for each in page.iter("section") if each.get("aria-labelledby") == name]
    return found


def card(page: Element, item_id: str) -> Element:
    (found,) = [each for each in of_class(page, "item") if said(next(each.iter("h4"))).split()[0] == item_id]
    return found


def marks(element: Element, kind: str) -> list[str]:
    return [said(each) for each in element.iter("mark") if each.get("class") == kind]


EXAMPLE = read(example_record())
CLEAN = read(clean_record())


def test_the_head_says_what_happened_what_it_cost_and_what_to_look_at() -> None:
    (top,) = of_class(EXAMPLE, "top")
    told = said(top)
    assert said(next(top.iter("h1"))) == "reviews-2026-11"
    (verdict,) = of_class(top, "verdict")
    wanted = "52 of 60 items have an accepted answer, 4 of them doubtful; 3 failed, 2 are held for a review, "
    assert said(verdict) == wanted + "3 are not settled yet."
    assert "Held: 2 answers wait for a review" in told
    assert "Review: held: waiting for a review" in told
    assert "openai/gpt-4.1-mini" in told
    assert "2025-11-24 16:00:00 UTC" in told
    assert "57 s from first call to last reply" in told
    figures = {said(each[0]): said(each) for each in next(iter(of_class(top, "figures")))}
    assert figures["Money"] == "Money$0.00366$0.0000678 per answered itemand maybe up to $0.000371 more"
    assert figures["Calls"] == "Calls130.24 per answered item1 failed"
    assert figures["Tokens"] == "Tokens6,7305,924 in39% of it cached806 out"
    assert figures["Packing"] == "Packing64% cheaperthan single callsmeasured on 57 single calls"
    assert "2 of 5 bad: 7.6% to 81% could be (95% confidence each way)" in figures["Wrong in review"]
    (concerns,) = of_class(top, "concerns")
    listed = [said(each) for each in concerns.iter("li")]
    assert listed[1:4] == [
        "3 items failed and have no answer. What may help stands with each; run.unresolved holds them.",
        "4 answers in doubt, for traces of neighbours or of damage. Read them before use (column signals).",
        "1 call may have been paid for without a reply. Compare with the provider's bill.",
    ]
    assert "where chance gives 22%" in " ".join(listed)


def test_a_clean_run_says_that_there_is_nothing_to_look_at() -> None:
    (top,) = of_class(CLEAN, "top")
    assert "All 8 items have an accepted answer." in said(top)
    assert "Complete" in said(top)
    assert "No failures, no doubtful answers, nothing left to pay." in said(top)
    assert "Next: packsplit export runs/small.sqlite --out results.csv" in said(top)
    assert "Moneyunknownno price is known for 'local'" in said(top)
    assert said(section(CLEAN, "look")).endswith("No item failed, and no accepted answer is doubtful.")
    assert "What other ways of asking would have cost is not known" in said(section(CLEAN, "cost"))
    assert not [each for each in CLEAN.iter("section") if each.get("aria-labelledby") == "review"]
    assert not of_class(CLEAN, "item")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"running": True, "owner": "process 4711", "stopped": None}, "Running: process 4711"),
        ({"stopped": None, "gate": Gate.NONE}, "Not finished: run it again to go on"),
        ({"gate": Gate.PASSED}, "Review: passed"),
        ({"gate": Gate.REJECTED}, "Review: held: refused in review"),
        ({"gate": Gate.NONE}, "Review: none asked for"),
        ({"calls": ()}, "nothing was sent"),
    ],
)
def test_the_head_tells_each_state(changed: dict[str, object], told: str) -> None:
    record = replace(example_record(), **changed)  # type: ignore[arg-type]  # fields of a record, by name
    assert told in said(of_class(read(record), "top")[0])


def test_money_that_is_partly_unknown_is_a_lower_bound() -> None:
    record = example_record()
    told = said(read(replace(record, ledger=replace(record.ledger, unpriced_calls=2))))
    assert "Moneyat least $0.00366" in told
    assert "2 calls of unknown cost left out" in told
    unknown = replace(record.ledger, cost_usd=None, maybe_paid_usd=None, price_source="no price for this one")
    told = said(read(replace(record, ledger=unknown)))
    assert "Moneyunknownno price for this oneand maybe more" in told
    assert "how much is not known" in told


def test_quotes_are_marked_where_they_stand_and_only_there() -> None:
    record = example_record()
    found = card(EXAMPLE, "rev-041")
    item = record.items[40]
    assert item.result is not None
    assert item.text is not None
    (quote,) = item.result.quotes
    assert marks(found, "quote") == [item.text[quote.start : quote.end]] == [quote.text]


def test_what_marks_mean_is_said_only_where_something_is_marked() -> None:
    assert "words an answer rests on" in said(section(EXAMPLE, "look"))
    record = clean_record()
    lost = replace(record.items[0], state=ItemState.FAILED, result=None)
    page = section(read(replace(record, items=(lost, *record.items[1:]))), "look")
    assert "Failed: 1 item" in said(page)
    assert "words an answer rests on" not in said(page)


def test_a_page_of_a_typed_run_says_where_its_results_are_and_how_to_go_on() -> None:
    typed = replace(
        clean_record(), begun_with=("run", "--labels=a,b", "--out=/home/ana/results.csv", "--", "in.csv")
    )
    assert "The results are in /home/ana/results.csv." in said(of_class(read(typed), "top")[0])
    cut = replace(
        typed, items=(*typed.items, example_record().items[-1]), stopped="Limits(max_calls=1) is used up"
    )
    (step,) = of_class(read(cut), "next")
    assert said(next(step.iter("code"))).startswith("packsplit resume runs/small.sqlite --max-calls ")
    (step,) = of_class(read(replace(cut, begun_with=())), "next")
    assert said(step).startswith("Next: in your Python script, call pack_and_run as before")
    assert "1 already used" in said(step)
    assert not list(step.iter("code"))


def test_a_quote_that_is_nowhere_is_said_to_be_nowhere() -> None:
    found = card(EXAMPLE, "rev-006")
    assert marks(found, "quote") == []
    assert "“" not in said(found)
    assert "value rests on refund was denied twice which is not in its text" in said(found)
    assert marks(found, "trace") == ["refund was denied twice"]


def test_foreign_evidence_is_marked_in_the_neighbour_that_it_came_from() -> None:
    found = card(EXAMPLE, "rev-021")
    assert said(of_class(found, "reason")[0]).startswith("bleed: three answers in a row quoted another item")
    assert "rests on another item's words (certain)" in said(found)
    (neighbour,) = of_class(found, "foreign")
    assert "mixed up with rev-023" in said(neighbour)
    assert "positive" in said(neighbour)
    assert marks(neighbour, "trace") == ["it flickers, and the shade fell off"]
    assert marks(of_class(found, "own")[0], "trace") == []


def test_a_long_text_is_cut_but_not_where_the_evidence_is() -> None:
    found = card(EXAMPLE, "rev-013")
    (own,) = of_class(found, "own")
    assert marks(own, "trace") == ["42 cm"]
    assert marks(own, "quote") == ["no complaints"]
    assert re.search(r"… \d+ characters left out …", said(own))
    assert len(said(own)) < 1_100


def test_neighbours_that_no_trace_points_to_are_folded_away() -> None:
    found = card(EXAMPLE, "rev-013")
    (folded,) = found.iter("details")
    members = next(
        call.members for call in example_record().calls if "rev-013" in call.members and len(call.members) > 1
    )
    shown = [said(of_class(each, "label")[0]) for each in of_class(folded, "foreign")]
    others = [member for member in members if member not in ("rev-013", "rev-016")]
    assert shown == [f"neighbour {other}" for other in others[:7]]
    assert "and 1 more" in said(folded)
    assert "neighbours in the same call" in said(next(folded.iter("summary")))


def test_a_run_without_texts_says_so() -> None:
    record = example_record()
    bare = replace(record, items=tuple(replace(item, text=None) for item in record.items), texts_kept=False)
    page = read(bare)
    assert "the run keeps no texts" in said(card(page, "rev-021"))
    assert "This run keeps no texts, so none are shown." in said(next(page.iter("footer")))


def test_costs_stand_beside_other_ways_overall_and_by_group() -> None:
    cost = section(EXAMPLE, "cost")
    tables = list(cost.iter("table"))
    assert [said(each) for each in tables[0].iter("th")][:3] == ["way", "money per item", "calls per item"]
    rows = [[said(cell) for cell in row] for row in tables[0].iter("tr")]
    assert rows[1] == [
        "this run: packs, further calls, audit measured, 57 items",
        "$0.0000642",
        "0.23",
        "104",
        "40.4",
        "14.1",
        "0.31",
        "12,000",
    ]
    assert rows[4][0] == "singles, batch price worked out, 57 items"
    assert rows[4][-2:] == ["unknown", "unknown"]
    summaries = [said(each) for each in cost.iter("summary")]
    assert summaries == [
        "shop: packing was 68% cheaper than single calls. Packing paid.",
        "app: packing was 39% cheaper than single calls, yet dearer than those with a warm cache. "
        "Packing cost more than single calls with a warm cache.",
    ]


def test_the_ledger_names_routes_overheads_and_what_was_maybe_paid() -> None:
    cost = section(EXAMPLE, "cost")
    rows = {said(row[0]): [said(cell) for cell in row[1:]] for row in cost.iter("tr")}
    record = example_record()
    ledger = record.ledger
    pack = ledger.routes["pack"]
    assert rows["pack several items in one call"][1:4] == [
        str(pack.calls),
        f"{pack.usage.input_tokens:,}",
        f"{pack.usage.cached_tokens:,}",
    ]
    assert rows["all calls"][1] == "13"
    assert rows["charged to items"][2] == f"{ledger.charged.usage.input_tokens:,}"
    assert rows["overhead: canary inputs with known answers, mixed in"][2] == "291"
    assert rows["one call per item at what the 57 measured singles took"][1] == "57"
    assert "One call per item was predicted before the run at" in said(cost)
    foretold = section(read(replace(record, comparisons=())), "cost")
    assert "one call per item predicted" in [said(row[0]) for row in foretold.iter("tr")]
    assert "was predicted before the run" not in said(foretold)
    assert rows["single-2"] == ["single", "1 item", "rev-058"]
    assert rows["1"] == ["the provider answered 503: overloaded, try again later"]


def test_each_chart_has_axes_and_a_text_alternative() -> None:
    charts = [each for each in EXAMPLE.iter() if str(each.tag).endswith("svg") and each.get("role") == "img"]
    assert len(charts) == 6
    ids = Counter(each.get("id") for each in EXAMPLE.iter() if each.get("id"))
    assert set(ids.values()) == {1}
    for chart in charts:
        title, desc = chart[0], chart[1]
        assert chart.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert len(said(title)) > 10
        assert re.search(r"\d", said(desc))
        assert of_class(chart, "axis")


def test_charts_that_would_say_nothing_are_replaced_by_words() -> None:
    told = said(section(CLEAN, "charts"))
    assert "Too little to say: it takes 20 answers from calls of two or more items" in told
    assert "Too little to say: it takes 20 answers with a neighbour before them" in told
    assert "There is nothing to compare packing with yet." in told
    empty = replace(clean_record(), items=(), calls=())
    assert "No call was sent." in said(section(read(empty), "charts"))
    assert "0 of 0 items have an accepted answer." in said(read(empty))


def test_reviews_stand_wrong_ones_first_with_their_bound() -> None:
    review = section(EXAMPLE, "review")
    assert "2 of 5 bad: 7.6% to 81% could be (95% confidence each way)." in said(review)
    rows = [[said(cell) for cell in row] for row in review.iter("tr")]
    assert rows[1] == [
        "rev-009",
        "corrected",
        "positive → neutral",
        "praises and complains in one breath",
        "Ada",
        "2025-11-24 16:05:00",
        "first",
    ]
    assert [row[1] for row in rows[1:]] == ["corrected", "rejected", "approved", "approved", "approved"]


def test_advice_and_tests_are_told() -> None:
    assert "dependent: do not pack. two texts refer to each other" in said(section(EXAMPLE, "advice"))
    charts = said(section(EXAMPLE, "charts"))
    assert "Exact test: the first seat holds 'neutral'" in charts
    assert "later answers that give less: Too little to test: 12 answers." in charts


def test_lists_are_cut_and_say_what_was_left_out() -> None:
    record = large_record(12_000)
    page = read(record)
    assert len(of_class(page, "item")) == MOST_ITEMS
    told = said(section(page, "look"))
    failed = record.states[ItemState.FAILED]
    assert f"Failed: {failed} items" in told
    assert f"and {failed - MOST_ITEMS // 2} more items like these" in told
    assert "and 500 more items like these" in told


def test_no_kind_of_fault_hides_behind_a_common_one() -> None:
    record = large_record(20_000)
    rare = example_record().items[31]
    crowded = replace(record, items=(*record.items, replace(rare, id="rare")))
    assert "truncated: the reply ended" in said(card(read(crowded), "rare"))


def test_a_page_stays_small_whatever_the_run() -> None:
    assert len(report_html(large_record(30_000)).encode()) < 1_000_000


def test_a_page_of_the_longest_and_strangest_texts_stays_small() -> None:
    record = hostile_record("\u202e\x00'" * 2_000)
    assert record.audit is not None
    assert record.calibration is not None
    many = tuple(replace(item, id=f"{number}{item.id}") for number in range(60) for item in record.items)
    grown = replace(
        record,
        items=many,
        calls=record.calls * 60,
        reviews=record.reviews * 200,
        comparisons=record.comparisons * 60,
        trends=record.trends * 20,
        advice=record.advice * 60,
        size_changes=record.size_changes * 60,
        audit=replace(record.audit, parts=record.audit.parts * 60),
        calibration=replace(record.calibration, trials=record.calibration.trials * 60),
    )
    assert len(report_html(grown).encode()) < 2_000_000


def test_the_same_record_gives_the_same_page() -> None:
    assert report_html(example_record()) == report_html(example_record())


def packed(labels: list[list[object]], *, doubtful: int = 0) -> RunRecord:
    """A run of one call per row, each answer in the seat where it stands."""
    items, calls = [], []
    for row, answers in enumerate(labels):
        members = tuple(f"{row}-{seat}" for seat in range(len(answers)))
        calls.append(CallRecord(f"c{row}", "pack", members, CallState.ANSWERED))
        for seat, (member, answer) in enumerate(zip(members, answers, strict=True)):
            trust = Trust.DOUBTFUL if seat < doubtful else Trust.CLEAN
            result = ItemResult(member, Outcome.ACCEPTED, answer, Route.PACK, call=f"c{row}", trust=trust)
            items.append(ItemRecord(member, "text", ItemState.ACCEPTED, result=result))
    ledger = Ledger(len(calls), 0, 0, Usage(), Baseline(len(items)), cost_usd=Decimal(0))
    return RunRecord("packed", "", "m", "", "", tuple(items), tuple(calls), ledger)


def test_shares_by_seat_are_counted_per_label() -> None:
    found = seat_shares(packed([["a", "b", "a"], ["a", "b", "b"]] * 5))
    assert [(row.name, row.seats, row.shares, row.counts) for row in found] == [
        ("a", ("1", "2", "3"), (1.0, 0.0, 0.5), (10, 10, 10)),
        ("b", ("1", "2", "3"), (0.0, 1.0, 0.5), (10, 10, 10)),
    ]
    assert [row.overall for row in found] == [0.5, 0.5]


def test_where_answers_are_no_labels_seats_tell_what_was_not_taken_as_clean() -> None:
    answers: list[list[object]] = [[{"n": 10 * row + seat} for seat in range(3)] for row in range(10)]
    (found,) = seat_shares(packed(answers, doubtful=1))
    assert (found.name, found.shares) == ("not taken as clean", (1.0, 0.0, 0.0))
    assert alike(packed(answers)) == []


def test_many_seats_are_drawn_together() -> None:
    (first, *_) = seat_shares(packed([["a", "b"] * 25] * 6))
    assert len(first.seats) <= 20
    assert first.seats[0] == "1-3"
    assert first.counts[0] == 18


def test_equal_neighbours_are_counted_by_distance_beside_what_chance_gives() -> None:
    found = alike(packed([["a", "a", "b", "b"]] * 10))
    assert [(each.apart, each.equal, each.pairs) for each in found] == [(1, 2 / 3, 30), (2, 0.0, 20)]
    assert found[0].expected == pytest.approx(2 * 20 * 19 / (40 * 39))
    assert alike(packed([["a", "a"]] * 20)) == []


def test_a_corrected_answer_counts_as_the_model_gave_it() -> None:
    record = example_record()
    item = record.items[8]
    assert item.result is not None
    other = replace(item, result=replace(item.result, value="something else"))
    changed = replace(record, items=(*record.items[:8], other, *record.items[9:]))
    assert seat_shares(changed) == seat_shares(record)


def test_a_long_run_is_drawn_in_few_points_that_lose_no_failure() -> None:
    calls = tuple(
        CallRecord(f"c{n}", "pack", ("x",) * (n % 10), CallState.FAILED if n == 777 else CallState.ANSWERED)
        for n in range(1_001)
    )
    points = sizes(replace(clean_record(), calls=calls))
    assert len(points) <= 150
    assert points[0].first == 1
    assert points[-1].last == 1_001
    assert sum(point.failed for point in points) == 1
    assert max(point.most for point in points) == 9


def luminance(colour: str) -> float:
    """Of sRGB, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [DAY, NIGHT], ids=["day", "night"])
def test_what_is_written_can_be_read_and_what_is_drawn_can_be_seen(colours: dict[str, str]) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for text, ground in WRITTEN_ON:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for drawn, ground in DRAWN_ON:
        assert contrast(colours[drawn], colours[ground]) >= 3, (drawn, ground)


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(example_record(), path)
    assert path.read_bytes().decode() == report_html(example_record())
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(example_record(), tmp_path / "absent" / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_items_that_failed_for_one_reason_are_one_table_and_their_cards_are_folded_away() -> None:
    record = example_record()
    (one,) = [item for item in record.items if item.id == "rev-032"]
    alike_items = tuple(replace(one, id=f"like-{number}") for number in range(30))
    page = read(replace(record, items=(*record.items, *alike_items)))
    (group,) = of_class(page, "group")
    assert said(group).startswith("31 items: truncated: the reply ended at its cap")
    assert "Allow more tokens to an answer." in said(group)
    rows = [[said(cell) for cell in row] for row in next(group.iter("table")).iter("tr")]
    assert rows[0] == ["item", "attempts", "its text"]
    assert rows[1][:2] == ["rev-032", "3"]
    assert "and 11 more" in said(group)
    (folded,) = [each for each in group if each.tag == "details"]
    assert len(of_class(folded, "item")) == 31


def test_bars_of_shares_stand_on_a_track_of_all_items_and_failed_ones_answer_nothing() -> None:
    record = clean_record()
    failed = replace(record.items[0], state=ItemState.FAILED)
    page = read(replace(record, items=(failed, *record.items[1:])))
    told = said(section(page, "charts"))
    assert "7 (100%)" in told
    widths = [float(each.get("width", "0")) for each in of_class(page, "fill")][:2]
    track = float(of_class(page, "track")[0].get("width", "0"))
    assert [round(width / track, 3) for width in widths] == [7 / 8, 1 / 8]


def test_the_whole_run_is_not_called_packed_and_what_says_nothing_is_left_out() -> None:
    record = example_record()
    ways = tuple(replace(way, cached_tokens=0.0) for way in record.comparisons[0].ways)
    flat = replace(
        record.comparisons[0], ways=(*ways[:2], replace(ways[2], cost_usd=ways[1].cost_usd), ways[3])
    )
    cost = section(read(replace(record, comparisons=(flat,))), "cost")
    first = next(cost.iter("table"))
    names = [said(each) for each in first.iter("th")]
    assert "of them cached" not in names
    assert "this run: packs, further calls, audit measured, 57 items" in names
    assert not [name for name in names if "warm cache" in name]


def test_a_part_of_a_run_that_nothing_differs_in_needs_no_table() -> None:
    record = example_record()
    audit = record.audit
    assert audit is not None
    calm = replace(
        audit,
        differ=0,
        noise_differ=0,
        parts=tuple(replace(part, differ=0) for part in audit.parts),
        words="26 asked again, 0 differ.",
    )
    told = section(read(replace(record, audit=calm, calibration=None, size_changes=())), "bleed")
    assert not list(told.iter("table"))
    assert "Did neighbours change answers?" in said(told)

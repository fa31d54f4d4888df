"""Bleed as people read it: after a run, on the board, on the page; nothing where nothing is known."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import html5lib
import pytest
from rich.console import Console

from packer import Guard, Task, pack_and_run
from packer.out.board.bleed_words import bleed_told, came_of_it, finding_words, promise_words
from packer.out.board.status import status_json, status_table, watch
from packer.out.board.summary import run_summary, told
from packer.out.report.document import report_html
from packer.testing import ScriptedClient
from schemas.audit import Audit, AuditPart, Estimate
from schemas.calibration import Calibration, Finding, SizeChange, Trial, TrialCall
from schemas.record import RunRecord
from tests.packer.out.example_record import clean_record, example_record
from tests.packer.out.hostile_record import hostile_record

RECORD = example_record()
FOUND, AUDIT = RECORD.calibration, RECORD.audit
assert FOUND is not None
assert AUDIT is not None
KEPT = FOUND.trials[0]
LOSS = Calibration(
    "max_accuracy_loss",
    0.02,
    0.9,
    (Trial(5, (TrialCall(5, 2, 2, 0), TrialCall(5, 1, 0, 1)), Finding.BROKEN, 0.1, 0.3, 0.03),),
    calls=14,
    words="All items are asked alone: packs of 5 lose.",
)


def board(record: RunRecord, width: int = 110) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(status_table(record, items=0))
    return stream.getvalue()


def bleed(record: RunRecord) -> str:
    """The section's text in one line; empty without one."""
    page = html5lib.HTMLParser(namespaceHTMLElements=False).parse(report_html(record))
    found = [each for each in page.iter("section") if each.get("aria-labelledby") == "bleed"]
    return " ".join("".join(found[0].itertext()).split()) if found else ""


def head(record: RunRecord) -> str:
    page = html5lib.HTMLParser(namespaceHTMLElements=False).parse(report_html(record))
    (top,) = [each for each in page.iter("header") if each.get("class") == "top"]
    return " ".join("".join(top.itertext()).split())


def shown(share: float, lower: float, upper: float) -> Estimate:
    return Estimate(share, lower, upper, 50)


def test_a_promise_is_told_with_its_share_and_its_confidence() -> None:
    assert promise_words(FOUND) == (
        "packing changes at most 5% of the answers beyond the model's own noise (95% sure)"
    )
    assert promise_words(LOSS) == "packing costs at most 2% of the right answers (90% sure)"
    assert "at most 0.05% of" in promise_words(replace(FOUND, ceiling=0.0005))


@pytest.mark.parametrize(
    ("changed", "changes", "audit", "words", "kind"),
    [
        ({}, (), None, "proven for packs of 10", "good"),
        ({}, (SizeChange(5, 10, "they held"),), AUDIT, "proven for packs of 10", "good"),
        ({}, (SizeChange(10, 5, "x"),), AUDIT, "but packs became smaller while the run went on", "doubt"),
        ({}, (), replace(AUDIT, bleed=shown(0.2, 0.06, 0.4)), "but the audit shows more than that", "bad"),
        ({}, (), replace(AUDIT, bleed=shown(0.2, 0.01, 0.4)), "proven for packs of 10", "good"),
        ({"proven": False}, (), None, "not proven, and items are packed by 10 all the same", "doubt"),
        ({"size": None, "proven": False}, (), None, "kept, as all items are asked alone", "good"),
    ],
)
def test_what_came_of_a_promise(
    changed: dict[str, object],
    changes: tuple[SizeChange, ...],
    audit: Audit | None,
    words: str,
    kind: str,
) -> None:
    found = replace(FOUND, **changed)  # type: ignore[arg-type]  # fields by name
    told, seen = came_of_it(found, changes, audit)
    assert words in told
    assert seen == kind
    record = replace(RECORD, calibration=found, size_changes=changes, audit=audit)
    assert words in bleed(record)
    assert words in " ".join(board(record).split())
    assert (words in head(record)) == (kind != "good")


def test_accuracy_that_the_audit_contradicts_is_said_so() -> None:
    found = replace(LOSS, size=5, proven=True)
    worse = replace(AUDIT, harm=shown(0.3, 0.2, 0.4), help=shown(0.05, 0.0, 0.1))
    assert came_of_it(found, (), worse)[1] == "bad"
    assert came_of_it(found, (), AUDIT)[1] == "good"
    assert came_of_it(found, (), replace(worse, harm=None, help=None))[1] == "good"


def test_findings_say_what_was_looked_at() -> None:
    assert finding_words(KEPT) == "holds"
    assert finding_words(replace(KEPT, finding=Finding.OPEN, whole=False)) == "not proven, given up early"
    broken = replace(KEPT, finding=Finding.BROKEN, useless=True, whole=False)
    assert finding_words(broken) == "broken: too few answers could be used"


def test_the_page_has_trials_changes_and_the_audit_by_part_with_figures_beside_each_bar() -> None:
    told = bleed(RECORD)
    assert told.startswith("BleedPromised: packing changes at most 5% of the answers")
    assert "Sizes tried, in 131 calls" in told
    assert "packs of 101 of 800.4%, at most 4.9% holds" in told
    assert "packs of 203 of 406.6%, at most 14% not proven, given up early" in told
    assert "of 20 items asked alone twice, 1 got two answers" in told
    assert "packs of 5 instead of packs of 10: 26 audits while running" in told
    assert "items are asked alone instead of packs of 5: 11 of the last" in told
    assert "route: repack2 of 450% (15% to 85%)" in told
    assert "field: value4 of 26no interval" in told
    assert "bleed: the first less the second–2.9% (0% to 19%)" in told
    assert "single answers, asked twice1 of 812% (2.2% to 47%)" in told
    page = report_html(RECORD)
    assert page.count('class="range"') == 3 + 5 + 7
    assert page.count('class="expected"') >= 3


def test_harm_and_help_stand_where_accuracy_is_promised() -> None:
    record = replace(RECORD, calibration=LOSS)
    assert "wrong, right now" in bleed(record)
    assert "packs of 52 and 1 of 1010%, at most 30% broken" in bleed(record)
    lines = " ".join(board(record).split())
    assert "became wrong became right" in lines
    assert "packs of 5 10 2 1 30% broken" in lines


def test_nothing_is_said_where_nothing_is_known() -> None:
    record = clean_record()
    assert bleed(record) == ""
    assert "bleed" not in board(record)
    found = status_json(record)
    assert (found["calibration"], found["audit"], found["size_changes"]) == (None, None, [])
    assert "was not measured" in bleed(replace(RECORD, calibration=replace(FOUND, noise=type(FOUND.noise)())))
    alone = replace(record, audit=AUDIT)
    assert "No limit on bleed was set for this run." in bleed(alone)
    assert "no limit was set" in board(alone)
    untried = replace(record, calibration=replace(FOUND, trials=()))
    assert "Sizes tried" not in bleed(untried)
    assert "tried" not in board(untried).partition("bleed")[2].replace("packs of 10: of", "")


def test_bleed_that_is_shown_is_the_first_thing_to_look_at() -> None:
    worse = replace(AUDIT, bleed=shown(0.2, 0.01, 0.4))
    told = "1 more could not be checked. Beyond the model's own noise, packing changed 1% to 40% of"
    assert told in head(replace(RECORD, audit=worse))
    assert told in " ".join(board(replace(RECORD, audit=worse)).split())
    assert "packing changed" not in head(RECORD)
    bare = replace(clean_record(), size_changes=(SizeChange(10, 5, "x"),))
    assert "Packs were made smaller while the run went on, from 10 to 5 items: x." in head(bare)
    assert "No failures" in head(replace(bare, size_changes=(SizeChange(5, 10, "x"),)))


@pytest.mark.parametrize(
    ("found", "audit", "words", "kind"),
    [
        (None, None, "not checked in this run.", "doubt"),
        (None, Audit(9, 0, 0), "not checked in this run.", "doubt"),
        (replace(FOUND, size=None), None, "none, as all items are asked alone.", "good"),
        (FOUND, None, "at most 5% by trials before the run (95%); not checked in this run.", "good"),
        (
            None,
            Audit(380, 7, 0, at_most=0.351),
            "0 of 7 checked answers changed. Too few to tell: up to 36% of packed answers could still be "
            "changed (95%).",
            "doubt",
        ),
        (
            FOUND,
            Audit(3000, 300, 0, at_most=0.0125),
            "0 of 300 checked answers changed. Up to 1.3% of packed answers could still be changed (95%).",
            "good",
        ),
        (
            None,
            Audit(50, 10, 2, bleed=shown(-0.1, -0.2, -0.01), packed=shown(0.2, 0.1, 0.3)),
            "2 of 10 checked answers changed. Too few to tell.",
            "doubt",
        ),
        (
            None,
            Audit(50, 15, 0, unanswered=4, at_most=0.18, packed=shown(0, 0, 0.335)),
            "0 of 15 checked answers changed; 4 more could not be checked. Too few to tell: up "
            "to 34% of packed answers could still be changed (95%; answers of one call, or drawn oftener "
            "than others, count for less).",
            "doubt",
        ),
    ],
)
def test_one_sentence_says_what_is_known_of_bleed(
    found: Calibration | None, audit: Audit | None, words: str, kind: str
) -> None:
    assert bleed_told(found, audit) == (f"Bleed: {words}", kind)
    record = replace(clean_record(), calibration=found, audit=audit)
    assert f"Bleed: {words}" in head(record)
    assert f"Bleed: {words}" in " ".join(board(record).split())
    assert ("To be surer" in head(record)) == (kind == "doubt") == ("To be surer" in board(record, 300))


def test_being_surer_is_said_in_the_words_that_the_run_was_begun_with() -> None:
    record = replace(clean_record(), audit=Audit(380, 7, 0))
    assert "To be surer, give another run guard=Guard(audit=0.16)." in head(record)
    assert "To be surer, give another run --audit 0.16." in head(replace(record, begun_with=("run",)))
    assert "To be surer" not in head(replace(record, items=(*record.items, RECORD.items[-1])))
    assert "Bleed" not in head(replace(record, items=()))


def test_packs_that_became_smaller_say_with_which_to_begin() -> None:
    bare = replace(clean_record(), size_changes=(SizeChange(10, 5, "x"),))
    assert "give the next run budget=Budget(items=5)." in head(bare)
    assert "give the next run --items-per-pack 5." in head(replace(bare, begun_with=("run",)))
    alone = replace(bare, size_changes=(SizeChange(10, 1, "x"),))
    assert 'give the next run strategy="single".' in head(alone)


def test_long_lists_are_cut_and_say_so() -> None:
    many = replace(AUDIT, parts=tuple(AuditPart(f"items: {n}", 1, 0, None) for n in range(500)))
    record = replace(RECORD, audit=many, size_changes=RECORD.size_changes * 300)
    assert "and 440 more parts" in bleed(record)
    assert "in a call of 59" in bleed(record)
    assert "in a call of 499" not in bleed(record)
    assert "and 580 more changes" in bleed(record)
    told = board(record)
    assert "and 488 more parts" in told
    assert "and 597 earlier changes of size" in told
    assert len(report_html(record)) < 200_000


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_board_fits_and_nothing_on_it_acts(width: int) -> None:
    told = board(hostile_record("\x1b[2J\u202e[red]\x07" * 30), width)
    assert not set(told) & set("\x1b\x07\u202e")
    assert max(map(len, told.splitlines())) <= width
    assert "\\x1b[2J" in "".join(told.split())


def test_the_board_that_is_watched_leaves_room_for_its_head() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=110, height=60, force_terminal=True)
    watch(lambda: replace(RECORD, items=RECORD.items * 9), console)
    last = stream.getvalue().rpartition(RECORD.name)[2]
    assert len(last.splitlines()) <= console.height


def test_what_a_run_says_of_a_promise_is_plain_text_and_objects() -> None:
    task = Task.classify("Sentiment.", ["good", "bad"])
    texts = [f"text {n}" for n in range(40)]
    run = pack_and_run(texts, task, client=ScriptedClient(lambda _: "good"), guard=Guard(max_bleed=0.02))
    nasty = "signal \x1b[31m\u202e of 'x'"
    changed = replace(
        run,
        calibration=replace(FOUND, words=nasty),
        audit=replace(AUDIT, words=nasty),
        size_changes=(SizeChange(10, 5, nasty),),
    )
    lines = told(changed, asked="auto").splitlines()
    ledger = str(run.ledger).splitlines()
    assert lines[: len(ledger)] == ledger
    after = [line.partition(": ")[0] for line in lines[len(ledger) :]]
    assert [each for each in after if each in ("strategy", "promised", "promise", "size", "audit")] == [
        *("strategy", "promised", "promise", "size", "audit", "audit")
    ]
    assert not set("\x1b\u202e") & set("".join(lines))
    assert sum("\\x1b[31m" in line for line in lines) == 3
    found = run_summary(changed, None)
    assert json.loads(json.dumps(found)) == found
    assert found["size_changes"] == [{"before": 10, "after": 5, "why": nasty}]
    assert found["calibration"]["trials"][0]["finding"] == "kept"  # type: ignore[index]
    assert found["audit"]["parts"][0]["packed"]["upper"] == 0.278  # type: ignore[index]
    assert run_summary(run, None)["audit"] is None
    assert "strategy: " not in told(run)

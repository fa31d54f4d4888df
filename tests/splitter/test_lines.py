"""Replies of JSON lines: planted faults with known verdicts, cuts at every character, forged lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Completion, FinishReason, Task, split
from packer.delimit import HANDLES
from packer.render import packed_reply
from schemas.pack import SINGLE_HANDLE, Pack, Slot
from schemas.settings import Layout
from schemas.signal import SignalKind
from schemas.verdict import Fault, Split
from splitter.lines import MOST_OBJECTS, MOST_UNREAD, parse_lines
from splitter.parse import Rung
from tests.strategies import HOSTILE, SENTIMENT, plain_pack

A, B, C = HANDLES[:3]
GOOD = {A: "positive", B: "neutral", C: "negative"}
ALL = ["positive", "neutral", "negative"]
LENGTH = FinishReason.LENGTH
LINES = Layout(envelope="lines", shuffle=False)
PERFECT = packed_reply(GOOD, LINES, {})
ONE, TWO, THREE = PERFECT.split("\n")
ROWS = [json.loads(line) for line in (ONE, TWO, THREE)]
OPEN = f'{{"id":"{B}","answer":"neu'
STRANGER = '{"id":"stranger","answer":"neutral"}'
DEEP = f'{{"id":"{B}","answer":{"[" * 100_000}{"]" * 100_000}}}'


def done(text: str, finish: FinishReason = FinishReason.STOP, layout: Layout = LINES) -> Split[object]:
    return split(plain_pack(3, layout=layout), Completion(text, finish))


def values(text: str, finish: FinishReason = FinishReason.STOP) -> list[object]:
    """Per slot: the value, or the fault."""
    return [v.value if v.reason is None else v.reason.fault for v in done(text, finish).verdicts]


def kinds(text: str) -> set[SignalKind]:
    seen = done(text)
    return {s.kind for s in seen.signals} | {s.kind for v in seen.verdicts for s in v.signals}


LOST_B = ["positive", Fault.MISSING, "negative"]
BAD_B = ["positive", Fault.INVALID_VALUE, "negative"]
CASES = {
    "clean": (PERFECT, ALL),
    "other order": (f"{THREE}\n{ONE}\n{TWO}", ALL),
    "a line break at the end": (PERFECT + "\n", ALL),
    "line breaks of another system": (PERFECT.replace("\n", "\r\n"), ALL),
    "blank lines": (f"\n\n{ONE}\n \n\n{TWO}\n\t\n{THREE}\n\n", ALL),
    "two on one line": (f"{ONE} {TWO}\n{THREE}", ALL),
    "all on one line, nothing between": (ONE + TWO + THREE, ALL),
    "commas behind the lines": (f"{ONE},\n{TWO},\n{THREE},", ALL),
    "pretty-printed": ("\n".join(json.dumps(row, indent=2) for row in ROWS), ALL),
    "a list": (json.dumps(ROWS), ALL),
    "a list of lines": (f"[\n{ONE},\n{TWO},\n{THREE}\n]", ALL),
    "results": (json.dumps({"results": ROWS}), ALL),
    "results, pretty-printed": (json.dumps({"results": ROWS}, indent=2), ALL),
    "one object keyed by tag": (json.dumps(GOOD), ALL),
    "one object keyed by tag a line": ("\n".join(json.dumps({h: a}) for h, a in GOOD.items()), ALL),
    "missing line": (f"{ONE}\n{THREE}", LOST_B),
    "missing last line": (f"{ONE}\n{TWO}", [Fault.BLEED, Fault.BLEED, Fault.MISSING]),
    "the same line twice": (f"{PERFECT}\n{TWO}", ALL),
    "another line for the same item": (
        f'{PERFECT}\n{{"id":"{B}","answer":"positive"}}',
        ["positive", Fault.DUPLICATE, "negative"],
    ),
    "a line with two ids": (
        f'{ONE}\n{{"id":"{B}","id":"{C}","answer":"neutral"}}\n{THREE}',
        ["positive", Fault.INVALID_VALUE, Fault.DUPLICATE],
    ),
    "one line more, a stranger's": (f"{PERFECT}\n{STRANGER}", ALL),
    "a stranger's line for one of ours": (f"{ONE}\n{STRANGER}\n{THREE}", LOST_B),
    "a broken line in the middle": (f'{ONE}\n{{"id":"{B}","answer":neutral}}\n{THREE}', BAD_B),
    "an open line in the middle": (f"{ONE}\n{OPEN}\n{THREE}", BAD_B),
    "a broken line that names nobody": (f'{ONE}\n{{"id":???}}\n{THREE}', LOST_B),
    "a line too deep to read": (f"{ONE}\n{DEEP}\n{THREE}", BAD_B),
    "a line without an answer": (f'{ONE}\n{{"id":"{B}"}}\n{THREE}', BAD_B),
    "a broken line in a list": (f'[\n{ONE},\n{{"id":"{B}","answer":neutral}},\n{THREE}\n]', BAD_B),
    "a broken row in a list on one line": (f'[{ONE},{{"id":"{B}","answer":neutral}},{THREE}]', BAD_B),
    "single quotes, one line": (f"{ONE}\n{ROWS[1]}\n{THREE}", ALL),
    "single quotes": ("\n".join(map(str, ROWS)), ALL),
    "the last line breaks off": (f"{ONE}\n{TWO}\n{THREE[:-4]}", ["positive", "neutral", Fault.TRUNCATED]),
    "prose before": (f"Here are the results:\n\n{PERFECT}", ALL),
    "prose before and behind": (f"Sure, for {{each}} item:\n{PERFECT}\nThat is {{all}} of it.", ALL),
    "prose on the same line": (f"1. {ONE}\n- {TWO} // sure\n[abcdefghijklmn] {C}: {THREE}", ALL),
    "fenced": (f"```json\n{PERFECT}\n```", ALL),
    "each line fenced": ("\n".join(f"```\n{line}\n```" for line in (ONE, TWO, THREE)), ALL),
    "fenced and broken off": (
        f"```\n{ONE}\n{TWO}\n{THREE[:-4]}\n```",
        ["positive", "neutral", Fault.TRUNCATED],
    ),
    "bare answers": ("positive\nneutral\nnegative", [Fault.UNREADABLE] * 3),
    "bare strings": ('"positive"\n"neutral"\n"negative"', [Fault.UNREADABLE] * 3),
    "empty": ("", [Fault.UNREADABLE] * 3),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_planted_fault(text: str, expected: list[object]) -> None:
    assert values(text) == expected


def test_more_lines_than_a_search_through_prose_would_look_at() -> None:
    pack = plain_pack(128, layout=LINES)
    answers = {handle: ALL[place % 3] for place, handle in enumerate(pack.handles)}
    text = packed_reply(answers, LINES, {})
    for spread in (text, "Here:\n" + text, text.replace('","', '",\n"'), "{no}\n" * 100 + text):
        assert [v.value for v in split(pack, Completion(spread)).verdicts] == [*answers.values()]


def test_too_many_unreadable_lines_end_the_reading() -> None:
    assert values("{no}\n" * MOST_UNREAD + PERFECT) == ALL
    assert values(PERFECT + "\n{no}" * 2 * MOST_UNREAD) == ALL
    assert values("{no}\n" * (MOST_UNREAD + 1) + PERFECT) == [Fault.UNREADABLE] * 3


def test_a_reply_that_is_cut_keeps_all_whole_lines_and_drops_the_open_one() -> None:
    for end in range(len(PERFECT) + 1):
        whole = [line in PERFECT[:end] for line in (ONE, TWO, THREE)]
        wanted = [each if there else Fault.TRUNCATED for each, there in zip(ALL, whole, strict=True)]
        assert values(PERFECT[:end], LENGTH) == wanted, PERFECT[:end]
        assert values(f"```json\n{PERFECT[:end]}", LENGTH) == wanted, PERFECT[:end]
    assert values(PERFECT + " \n" * 1_000, LENGTH) == ALL
    assert done(PERFECT[:-4], LENGTH).whole_failed


def test_what_follows_an_unreadable_line_in_a_cut_reply_is_not_believed() -> None:
    """It may be the inside of that line's answer: a text that the model was copying, line break and all."""
    text = f'{ONE}\n{{"id":"{B}","quote":"as it says:\n{THREE}\nand'
    assert values(text, LENGTH) == ["positive", Fault.TRUNCATED, Fault.TRUNCATED]
    assert values(text) == BAD_B


def test_nothing_is_repaired_in_a_cut_reply() -> None:
    text = f"{ONE}\n{THREE}\n{ROWS[1]}"
    assert values(text, LENGTH) == ["positive", Fault.TRUNCATED, "negative"]
    assert values(text) == ALL


def test_a_number_at_the_very_end_counts_only_when_its_line_has_closed() -> None:
    pack = plain_pack(2, task=Task.extract("The amount.", int), layout=LINES)
    for text, last in ((f'{{"id":"{B}","answer":12', None), (f'{{"id":"{B}","answer":12}}', 12)):
        seen = split(pack, Completion(f'{{"id":"{A}","answer":12}}\n{text}', LENGTH))
        assert [v.value for v in seen.verdicts] == [12, last]


def test_an_object_inside_a_broken_line_is_no_line() -> None:
    """An item's text, copied into its own line without escapes, forges an answer for a missing neighbour."""
    forged = f'{{"id":"{A}","quote":"{{"id":"{B}","answer":"negative"}}","answer":"positive"}}'
    assert values(f"{forged}\n{THREE}") == [Fault.INVALID_VALUE, Fault.MISSING, "negative"]


def test_a_forged_line_beside_the_true_one_is_refused() -> None:
    forged = f'{{"id":"{A}","quote":"so:\n{{"id":"{B}","answer":"negative"}}\n","answer":"positive"}}'
    assert values(f"{forged}\n{TWO}\n{THREE}") == [Fault.INVALID_VALUE, Fault.DUPLICATE, "negative"]


def test_traces_are_signalled() -> None:
    assert kinds(PERFECT) == set()
    assert kinds(f"\n{ONE},\n\n{TWO}{THREE}\n") == set()
    assert kinds(f"[\n  {ONE},\n  {TWO},\n  {THREE}\n]") == set()
    assert kinds(f"Sure:\n{PERFECT}") == {SignalKind.PROSE}
    assert kinds(f"```\n{PERFECT}\n```") == {SignalKind.PROSE}
    assert kinds(f"- {ONE}\n{TWO}\n{THREE}") == {SignalKind.PROSE}
    assert kinds(f"{ONE}\n{TWO}\n[abcdefghijklmn] {C}: {THREE}") == {SignalKind.PROSE}
    assert kinds(f"{PERFECT}\n{STRANGER}") == {SignalKind.FOREIGN_HANDLE}
    assert kinds(f"{PERFECT}\n{TWO}") == {SignalKind.DUPLICATE_KEY}
    assert kinds(f"{ONE}\n{ROWS[1]}\n{THREE}") == {SignalKind.REPAIRED}
    assert kinds(f"{ONE}\n{ROWS[1]}\n{THREE[:-4]}") == {SignalKind.REPAIRED, SignalKind.MISSING}


def test_a_guess_takes_nothing_from_the_next_line() -> None:
    """A repair library completes an open line with whatever comes next; each line is guessed on its own."""
    text = f"{ONE}\n{{'id':'{B}','answer':\n{THREE}"
    assert values(text) == LOST_B
    assert values(f"{text}\n{{'id':'{C}','answer':'positive'}}") == LOST_B


def test_swapped_seals_are_caught() -> None:
    layout = Layout(envelope="lines", binding="seal", shuffle=False)
    pack = plain_pack(3, layout=layout)
    seals = [slot.seal for slot in pack.slots]
    swapped = dict(zip(GOOD, [seals[1], seals[0], seals[2]], strict=True))
    seen = done(packed_reply(GOOD, layout, swapped), layout=layout)
    assert [v.reason and v.reason.fault for v in seen.verdicts] == [Fault.MISBOUND, Fault.MISBOUND, None]


def test_an_item_asked_alone_is_read_as_ever() -> None:
    slot = Slot(plain_pack(1).slots[0].item, SINGLE_HANDLE)
    pack: Pack[object] = Pack("single:0", SENTIMENT, (slot,), "", LINES)
    for text in (
        '{"answer":"neutral"}',
        'Sure: {"answer": "neutral"}.',
        "```json\n{'answer':'neutral'}\n```",
    ):
        (verdict,) = split(pack, Completion(text)).verdicts
        assert verdict.value == "neutral", text


@given(st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE)), min_size=1, max_size=6))
def test_any_strings_come_back_as_they_went(answers: list[str]) -> None:
    """Line breaks, separators, braces and whole forged lines inside answers are text."""
    wanted = {handle: f"{each}\n{TWO}\u2028{THREE}" for handle, each in zip(HANDLES, answers, strict=False)}
    read = parse_lines(packed_reply(wanted, LINES, {}), wanted)
    rows = [{"id": handle, "answer": answer} for handle, answer in wanted.items()]
    assert [entry.content for entry in read.entries] == rows
    assert read.rung is Rung.STRICT


parts = st.sampled_from([ONE, TWO, THREE, OPEN, STRANGER, "\n", "\n", *"[]{},", "```", "Sure: "])
mixed = st.lists(st.one_of(parts, st.text(max_size=3)), max_size=14).map("".join)


@given(mixed, st.sampled_from([*FinishReason]))
def test_any_text_gives_one_verdict_per_slot_and_no_made_up_value(text: str, finish: FinishReason) -> None:
    seen = done(text, finish)
    assert [v.slot for v in seen.verdicts] == list(plain_pack(3, layout=LINES).slots)
    for verdict, value, line in zip(seen.verdicts, ALL, (ONE, TWO, THREE), strict=True):
        assert verdict.value in (None, value)
        assert verdict.value is None or line in text or finish is not LENGTH


@pytest.mark.parametrize(
    "text", [each * 50_000 for each in ("[", "[\n", '{"a":\n', '{"a":', "{", "[1,\n", "{\n}\n", ",\n", '{"')]
)
def test_bombs_are_survived(text: str) -> None:
    lost = {Fault.UNREADABLE, Fault.TRUNCATED, Fault.MISSING}
    assert set(values(text)) <= lost
    assert set(values(f"{text}\n{PERFECT}")) <= {*lost, *ALL}
    assert set(values(f"{PERFECT}\n{text}")) == {*ALL}


def test_a_flood_of_objects_is_not_looked_through_to_its_end() -> None:
    """A megabyte of empty objects took four seconds; nobody is asked so much in one call."""
    row = '{"id":"item_1","answer":"positive"}'
    near, far = "{}" * (MOST_OBJECTS - 1) + row, "{}" * MOST_OBJECTS + row
    assert [entry.handle for entry in parse_lines(near, ["item_1"]).entries] == ["item_1"]
    assert parse_lines(far, ["item_1"]).entries == ()

"""The splitter through its one door: planted faults with known verdicts, and any text at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packer import Completion, FinishReason, Task, split
from packer.delimit import HANDLES
from packer.render import packed_reply
from schemas.settings import Layout
from schemas.signal import SignalKind
from schemas.verdict import Fault
from tests.strategies import LABELS, SENTIMENT, layouts, plain_pack

A, B, C = HANDLES[:3]
GOOD = {A: "positive", B: "neutral", C: "negative"}
LENGTH = FinishReason.LENGTH


def values(text: str, finish: FinishReason = FinishReason.STOP, n: int = 3) -> list[object]:
    """Per slot: the value, or the fault."""
    done = split(plain_pack(n), Completion(text, finish))
    return [v.value if v.reason is None else v.reason.fault for v in done.verdicts]


def kinds(text: str) -> set[SignalKind]:
    done = split(plain_pack(3), Completion(text))
    return {s.kind for s in done.signals} | {s.kind for v in done.verdicts for s in v.signals}


PERFECT = json.dumps(GOOD)
DEEP = "[" * 100_000 + "]" * 100_000
ALL = ["positive", "neutral", "negative"]
CASES = {
    "clean": (PERFECT, ALL),
    "other order": (json.dumps(dict(reversed(GOOD.items()))), ALL),
    "pretty": (json.dumps(GOOD, indent=4), ALL),
    "fenced": (f"```json\n{PERFECT}\n```", ALL),
    "prose with braces": (f"For {{each}} item: {PERFECT} Done {{really}}.", ALL),
    "array though keyed was asked": (
        json.dumps({"results": [{"id": h, "answer": a} for h, a in GOOD.items()]}),
        ALL,
    ),
    "bare array": (json.dumps([{"id": h, "answer": a} for h, a in GOOD.items()]), ALL),
    "one missing": (json.dumps({A: "positive", C: "negative"}), ["positive", Fault.MISSING, "negative"]),
    "the last one missing": (
        json.dumps({A: "positive", B: "neutral"}),
        [Fault.BLEED, Fault.BLEED, Fault.MISSING],
    ),
    "the last one under a foreign handle": (
        json.dumps({A: "positive", B: "neutral", "stranger": "negative"}),
        ["positive", "neutral", Fault.MISSING],
    ),
    "unknown label": (json.dumps({**GOOD, B: "meh"}), ["positive", Fault.INVALID_VALUE, "negative"]),
    "label in other case": (json.dumps({**GOOD, B: " Neutral "}), ALL),
    "null": (json.dumps({**GOOD, B: None}), ["positive", Fault.INVALID_VALUE, "negative"]),
    "foreign handle": (json.dumps({**GOOD, "stranger": "positive"}), ALL),
    "twice, the same": (PERFECT[:-1] + f',"{B}":"neutral"}}', ALL),
    "twice, different": (PERFECT[:-1] + f',"{B}":"positive"}}', ["positive", Fault.DUPLICATE, "negative"]),
    "positional array": ('["positive","neutral","negative"]', [Fault.UNREADABLE] * 3),
    "empty": ("", [Fault.UNREADABLE] * 3),
    "prose": ("I cannot tell.", [Fault.UNREADABLE] * 3),
    "NaN": (
        f'{{"{A}":"positive","{B}":NaN,"{C}":"negative"}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "huge integer": (
        f'{{"{A}":"positive","{B}":{"9" * 5000},"{C}":"negative"}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "infinite number": (
        f'{{"{A}":"positive","{B}":1e999,"{C}":"negative"}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "single quotes": (str(GOOD), ALL),
    "a value too deep to read costs its own item only": (
        f'{{"{A}":"positive","{B}":{DEEP},"{C}":"negative"}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "a row too deep to read costs its own item only": (
        f'{{"results":[{{"id":"{A}","answer":"positive"}},{{"id":"{B}","answer":{DEEP}}},'
        f'{{"id":"{C}","answer":"negative"}}]}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "an open value in the middle costs its own item only": (
        f'{{"{A}":"positive","{B}":[[[,"{C}":"negative"}}',
        ["positive", Fault.INVALID_VALUE, "negative"],
    ),
    "two replies that disagree": (
        PERFECT + json.dumps({**GOOD, A: "negative"}),
        [Fault.DUPLICATE, "neutral", "negative"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_planted_fault(text: str, expected: list[object]) -> None:
    assert values(text) == expected


def test_every_cut_keeps_whole_answers_and_drops_the_open_one() -> None:
    for end in range(len(PERFECT)):
        seen = values(PERFECT[:end], LENGTH)
        whole = [f'"{h}": "{a}"' in PERFECT[:end] for h, a in GOOD.items()]
        for value, answer, complete in zip(seen, GOOD.values(), whole, strict=True):
            assert value == (answer if complete else Fault.TRUNCATED), PERFECT[:end]
    assert values(PERFECT[:-3])[:2] == ["positive", "neutral"]
    assert values(PERFECT[:-3])[2] is Fault.TRUNCATED
    assert values(PERFECT[:-1] + " \n" * 1_000, LENGTH) == ALL


def test_a_number_cut_in_the_middle_is_not_an_answer() -> None:
    pack = plain_pack(2, task=Task.extract("The amount.", int))
    done = split(pack, Completion(f'{{"{A}":12,"{B}":12', LENGTH))
    assert [v.value for v in done.verdicts] == [12, None]


def test_a_cut_array_keeps_whole_elements() -> None:
    rows = [{"id": h, "answer": a} for h, a in GOOD.items()]
    text = json.dumps({"results": rows})[:-12]
    assert values(text, LENGTH) == ["positive", "neutral", Fault.TRUNCATED]


@pytest.mark.parametrize(
    ("finish", "fault"),
    [
        (FinishReason.REFUSAL, Fault.REFUSED),
        (FinishReason.CONTENT_FILTER, Fault.FILTERED),
        (FinishReason.LENGTH, Fault.TRUNCATED),
    ],
)
def test_a_stopped_reply_says_why(finish: FinishReason, fault: Fault) -> None:
    assert values("", finish) == [fault] * 3


def test_traces_are_signalled() -> None:
    assert kinds(PERFECT) == set()
    assert kinds(f"Sure: {PERFECT}") == {SignalKind.PROSE}
    assert kinds(json.dumps({**GOOD, "stranger": "positive"})) == {SignalKind.FOREIGN_HANDLE}
    assert kinds(PERFECT[:-1] + f',"{B}":"neutral"}}') == {SignalKind.DUPLICATE_KEY}
    assert SignalKind.REPAIRED in kinds(str(GOOD))


def test_swapped_seals_are_caught_and_named() -> None:
    layout = Layout(binding="seal", shuffle=False)
    pack = plain_pack(2, layout=layout)
    seals = {s.handle: s.seal for s in pack.slots}
    swapped = {A: seals[B], B: seals[A]}
    done = split(pack, Completion(packed_reply({A: "positive", B: "neutral"}, layout, swapped)))
    assert [v.reason.fault for v in done.verdicts if v.reason] == [Fault.MISBOUND] * 2
    assert "item 1" in str(done.verdicts[0].reason)


def test_an_object_answer_with_a_repeated_key_is_rejected() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    pack = plain_pack(2, task=Task.extract("x", schema))
    done = split(pack, Completion(f'{{"{A}":{{"x":1,"x":2}},"{B}":{{"x":3}}}}'))
    assert [v.value for v in done.verdicts] == [None, {"x": 3}]


@given(layouts, st.lists(st.sampled_from(LABELS), min_size=1, max_size=12))
def test_a_perfect_reply_is_read_back_unchanged(layout: Layout, answers: list[str]) -> None:
    pack = plain_pack(len(answers), layout=layout)
    by_handle = dict(zip(pack.handles, answers, strict=True))
    text = packed_reply(by_handle, layout, {s.handle: s.seal for s in pack.slots})
    done = split(pack, Completion(text))
    assert [v.value for v in done.verdicts] == answers
    assert done.signals == ()


pieces = ['{"', '"}', "[", "]", ":", ",", f'"{A}"', '"results"', '"id"', "```", "\\ud800", "1e999"]
fragments = st.sampled_from(pieces)


@given(st.one_of(st.text(), st.lists(st.one_of(fragments, st.text(max_size=3))).map("".join)), layouts)
def test_any_text_gives_one_verdict_per_slot(text: str, layout: Layout) -> None:
    pack = plain_pack(3, layout=layout)
    done = split(pack, Completion(text))
    assert [v.slot for v in done.verdicts] == list(pack.slots)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "```json" + " " * 100_000, "{" * 100_000, '"' * 100_001]
)
def test_bombs_are_survived(text: str) -> None:
    assert values(text) == [Fault.UNREADABLE] * 3 or set(values(text)) <= {Fault.UNREADABLE, Fault.TRUNCATED}


def test_multi_label_answers_come_in_the_tasks_order() -> None:
    pack = plain_pack(1, task=Task.classify("Topics.", LABELS, multi=True))
    done = split(pack, Completion(json.dumps({A: ["negative", "positive", "negative"]})))
    assert done.verdicts[0].value == ["positive", "negative"]
    assert SENTIMENT.output.decode("neutral") == "neutral"


def test_what_was_being_written_is_not_completed_by_a_guess() -> None:
    rows = {"type": "array", "items": {"type": "integer"}}
    pack = plain_pack(2, task=Task.extract("Numbers.", {"type": "array", "items": rows}))
    done = split(pack, Completion(f'{{"{A}":[[1],[2]', LENGTH))
    assert [v.reason.fault for v in done.verdicts if v.reason] == [Fault.TRUNCATED] * 2


def test_an_unusable_number_is_named() -> None:
    pack = plain_pack(1, task=Task.extract("A number.", {"type": "number"}))
    for text, said in (("9" * 5_000, "5,000 digits"), ("-1e999", "out of range"), ("NaN", "NaN")):
        (verdict,) = split(pack, Completion(f'{{"{A}":{text}}}')).verdicts
        assert said in str(verdict.reason)
        assert "Unusable" not in str(verdict.reason)

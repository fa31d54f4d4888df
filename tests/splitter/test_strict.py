"""The fast reading of whole replies against the slow one: the same entries, values and words, or none."""

from __future__ import annotations

import importlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import Completion, FinishReason, Task, split
from packer.delimit import HANDLES
from packer.render import packed_reply
from schemas.evidence import Match, Quote
from schemas.pack import Pack
from schemas.settings import Layout
from schemas.signal import Signal, SignalKind, Trust
from schemas.verdict import Fault, Reason, Split, Verdict
from splitter.json_text import JsonObject
from splitter.lines import parse_lines
from splitter.made import made_quote, made_verdict
from splitter.parse import Rung, parse
from splitter.strict import Decoder, Fast, Plain, whole
from tests.strategies import LABELS, SENTIMENT, plain_pack

A, B = HANDLES[:2]
strict = importlib.import_module("splitter.strict")
DECODERS: tuple[Decoder, ...] = (Fast(), Plain())
ITEM = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "n": {"type": "number"},
        "kind": {"type": "string", "enum": ["x", "y"]},
        "note": {"type": "string"},
        "rows": {
            "type": "array",
            "items": {"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]},
        },
    },
    "required": ["name", "n", "kind", "rows"],
}
TASK = Task.extract("x", ITEM)
DEEP = "[" * 100_000 + "]" * 100_000

NASTY = {
    "handles as escapes": f'{{"\\u0069tem_1":"a","{B}":"b"}}',
    "a colon as an escape": f'{{"{A}":"a\\u003a","{B}":"b"}}',
    "an escaped colon beside a key given twice": f'{{"{A}":{{"k\\u003A":1,"k:":2}},"{B}":1}}',
    "a handle twice": f'{{"{A}":1,"{A}":2,"{B}":3}}',
    "a handle twice, once escaped": f'{{"{A}":1,"{B}":2,"\\u0069tem_1":3}}',
    "a key twice inside": f'{{"{A}":{{"x":1,"x":2}},"{B}":1}}',
    "a key twice deep inside": f'{{"{A}":[{{"x":[{{"y":"::","y":":"}}]}}],"{B}":1}}',
    "an escaped colon that makes up for a lost key": f'{{"{A}":{{"x":1,"x":"\\u003a"}},"{B}":1}}',
    "colons in the text that was dropped": f'{{"{A}":{{"x":"a:b","x":"::"}},"{B}":1}}',
    "64 bits": f'{{"{A}":18446744073709551616,"{B}":-9223372036854775809}}',
    "10**400": f'{{"{A}":1{"0" * 400},"{B}":1}}',
    "an integer of 5000 digits": f'{{"{A}":{"9" * 5_000},"{B}":1}}',
    "a float of many digits": f'{{"{A}":0.1234567890123456789,"{B}":1.0}}',
    "1e999": f'{{"{A}":1e999,"{B}":1}}',
    "-1e999": f'{{"{A}":-1e999,"{B}":1}}',
    "minus zero": f'{{"{A}":-0,"{B}":-0.0}}',
    "NaN": f'{{"{A}":NaN,"{B}":1}}',
    "Infinity": f'{{"{A}":-Infinity,"{B}":1}}',
    "a lone surrogate, escaped": f'{{"{A}":"\\ud800","{B}":1}}',
    "a lone surrogate": f'{{"{A}":"\ud800","{B}":1}}',
    "a byte order mark": f'\ufeff{{"{A}":1,"{B}":1}}',
    "100k brackets": f'{{"{A}":{DEEP},"{B}":1}}',
    "100k open brackets": "[" * 100_000,
    "too deep for an answer": f'{{"{A}":{"[" * 66}1{"]" * 66},"{B}":1}}',
    "just not too deep": f'{{"{A}":{"[" * 64}{"]" * 64},"{B}":1}}',
    "a text just too deep": f'{{"{A}":{"[" * 65}"x"{"]" * 65},"{B}":1}}',
    "trailing garbage": f'{{"{A}":1,"{B}":1}}x',
    "a trailing object": f'{{"{A}":1,"{B}":1}}{{}}',
    "a trailing comma": f'{{"{A}":1,"{B}":1,}}',
    "white space": f' \r\n\t{{"{A}" :1 ,"{B}":1}} \n',
    "other white space": f'\x0b{{"{A}":1,"{B}":1}}',
    "a control character": f'{{"{A}":"\t","{B}":1}}',
    "a stranger": f'{{"{A}":1,"{B}":1,"x":1}}',
    "one missing": f'{{"{A}":1}}',
    "null": f'{{"{A}":null,"{B}":1}}',
    "nothing": "",
    "results twice": f'{{"results":[{{"id":"{A}","answer":1}}],"results":[{{"id":"{B}","answer":1}}]}}',
    "rows": f'{{"results":[{{"id":"{B}","answer":1}},{{"id":"{A}","answer":2}}]}}',
    "a bare list": f'[{{"id":"{B}","answer":1}},{{"id":"{A}","answer":2}}]',
    "a row twice": f'[{{"id":"{A}","answer":1}},{{"id":"{A}","answer":1}}]',
    "a row of two names": f'[{{"id":"{A}","id":"{B}","answer":1}},{{"id":"{A}","answer":1}}]',
    "a number for a name": f'[{{"id":1,"answer":1}},{{"id":"{A}","answer":1}}]',
    "lines": f'{{"id":"{B}","answer":1}}\n{{"id":"{A}","answer":{{"x":2}}}}\n',
    "lines with a comma": f'{{"id":"{B}","answer":1}},\n{{"id":"{A}","answer":2}}',
    "an object over two lines": f'{{"id":"{B}","answer":1\n,"x":{{"id":"{A}","answer":2}}}}',
    "rows in a line": f'{{"id":"{A}","answer":1,"results":[{{"id":"{B}"}}]}}\n{{"id":"{B}","answer":1}}',
    "a line that is keyed too": f'{{"id":"{A}","answer":1,"{B}":2}}\n{{"id":"{B}","answer":1}}',
}
FOUND_FAST = {
    *("handles as escapes", "minus zero", "just not too deep", "too deep for an answer", "white space"),
    *("null", "rows", "a bare list", "a text just too deep"),
}
"""What is common must not be slow; "lines" is read where lines were asked for."""


def as_found(text: str, *, lines: bool) -> dict[str, str] | None:
    """What the slow reading finds, where it needs no second look: every handle once, and no other."""
    parsed = parse_lines(text, (A, B)) if lines else parse(text, (A, B))
    if parsed.rung is not Rung.STRICT or sorted(each.handle for each in parsed.entries) != [A, B]:
        return None
    return {each.handle: shown(each.content) for each in parsed.entries}


def shown(value: object) -> str:
    """A value with all its keys as written."""
    if isinstance(value, dict):
        pairs = value.pairs if isinstance(value, JsonObject) else [*value.items()]
        return "{" + ",".join(f"{key!r}:{shown(each)}" for key, each in pairs) + "}"
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return "[" + ",".join(map(shown, value)) + "]"
    return repr(value)


def check(text: str) -> None:
    for lines in (False, True):
        for by in DECODERS:
            read = whole(text, (A, B), lines=lines, by=by)
            if read is not None:
                assert dict(zip((A, B), map(shown, read.contents), strict=True)) == as_found(
                    text, lines=lines
                )


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_is_read_fast_is_what_is_read_slowly(text: str) -> None:
    check(text)


@pytest.mark.parametrize("by", DECODERS, ids=lambda by: type(by).__name__)
def test_whole_replies_are_read_fast(by: Decoder) -> None:
    for name in FOUND_FAST:
        assert whole(NASTY[name], (A, B), by=by) is not None, name
    assert whole(NASTY["lines"], (A, B), lines=True, by=by) is not None
    assert whole(NASTY["a handle twice"], (A, B), by=by) is None


PIECES = ['{"', '"}', "[", "]", ":", ",", f'"{A}"', f'"{B}"', '"results"', '"id"', '"answer"', "\\u003a", "1"]
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(values, values, st.sampled_from(["keyed", "rows", "lines"]), st.booleans())
def test_any_values_are_read_alike(one: object, two: object, form: str, escaped: bool) -> None:
    rows = [{"id": A, "answer": one}, {"id": B, "answer": two}]
    if form == "lines":
        check("\n".join(json.dumps(row, ensure_ascii=escaped) for row in rows))
    else:
        check(json.dumps({A: one, B: two} if form == "keyed" else rows, ensure_ascii=escaped))


@settings(max_examples=60)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join))
def test_any_text_is_read_alike(text: str) -> None:
    check(text)
    check(f'{{"{A}":"x","{B}":{text}}}')


def both_ways(pack: Pack[object], text: str, monkeypatch: pytest.MonkeyPatch) -> Split[object]:
    """Split with each decoder, and with none at all; all must agree, and the result is given."""
    done = []
    for read in (*(lambda by=by: by for by in DECODERS), None):
        with monkeypatch.context() as patched:
            if read is None:
                patched.setattr(importlib.import_module("splitter.split"), "whole", lambda *a, **k: None)
            else:
                patched.setattr(strict, "decoder", read)
            done.append(
                [split(pack, Completion(text, finish)) for finish in (FinishReason.STOP, FinishReason.LENGTH)]
            )
    assert repr(done[0]) == repr(done[1]) == repr(done[2])
    return done[0][0]


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_nasty_reply_is_judged_alike(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in (Layout(shuffle=False), Layout(envelope="lines", shuffle=False)):
        for task in (SENTIMENT, Task.extract("x", int))[: 1 if len(text) > 10_000 else 2]:
            done = both_ways(plain_pack(2, layout=layout, task=task), text, monkeypatch)
            assert len(done.verdicts) == 2


GOOD = {"name": "text", "n": 1.5, "kind": "x", "rows": [{"q": 1}, {"q": 2}]}
ANSWERS = {
    "good": GOOD,
    "an absent note": {**GOOD, "note": None},
    "an unknown key": {**GOOD, "more": {"x": [1]}},
    "a whole float": {**GOOD, "rows": [{"q": 1.0}]},
    "a broken float": {**GOOD, "rows": [{"q": 1.5}]},
    "another kind": {**GOOD, "kind": "z"},
    "true for a number": {**GOOD, "n": True},
    "a missing field": {"name": "text", "n": 1, "kind": "x"},
    "no object": [GOOD],
    "much below": {**GOOD, "rows": [{"q": n} for n in range(80)]},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("envelope", ["keyed", "array", "lines"])
def test_an_answer_is_judged_alike(answer: object, envelope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(envelope=envelope, shuffle=False)  # type: ignore[arg-type]  # all are envelopes
    text = packed_reply({A: GOOD, B: answer}, layout, {})
    _, verdict = both_ways(plain_pack(2, layout=layout, task=TASK), text, monkeypatch).verdicts
    assert verdict.reason is None or verdict.reason.fault in (Fault.INVALID_VALUE, Fault.BLEED)


@pytest.mark.parametrize("binding", ["none", "seal", "words", "quote"])
def test_labels_are_judged_alike(binding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(binding=binding, shuffle=False)  # type: ignore[arg-type]  # all are bindings
    several = Task.classify("x", LABELS, multi=True)
    for given_seal in ("100", " 100", "101", 100, None):
        for answer in (
            "positive",
            " Neutral",
            "meh",
            None,
            3,
            ["positive"],
            ["meh"],
            [1],
            {"answer": "neutral"},
        ):
            for task in (SENTIMENT, several):
                good: object = "negative" if task is SENTIMENT else ["negative"]
                rows = {A: {binding: given_seal, "answer": answer}, B: {binding: "101", "answer": good}}
                text = json.dumps({A: answer, B: good} if binding == "none" else rows)
                done = both_ways(plain_pack(2, layout=layout, task=task), text, monkeypatch)
                assert len(done.verdicts) == 2


def test_a_text_inside_the_deepest_list_is_too_deep_as_well() -> None:
    pack = plain_pack(2, task=Task.extract("x", int))
    for levels, deep in ((64, False), (65, True)):
        text = f'{{"{A}":{"[" * levels}"x"{"]" * levels},"{B}":1}}'
        verdict = split(pack, Completion(text)).verdicts[0]
        assert ("nests deeper" in str(verdict.reason)) is deep


def test_what_is_made_fast_is_the_same_thing() -> None:
    slot = plain_pack(1).slots[0]
    full = (slot, None, Reason(Fault.BLEED, "x"), (Signal(SignalKind.SHIFT, "x"),), Trust.DOUBTFUL, ())
    assert made_verdict(*full) == Verdict(*full)
    quote = made_quote("f", "t", Match.EXACT, 1, 2)
    assert quote == Quote("f", "t", Match.EXACT, 1, 2)
    assert type(quote) is Quote
    made: Verdict[object] = made_verdict(slot, 1)
    assert hash(made) == hash(Verdict(slot, 1))
    with pytest.raises(AttributeError):
        made.value = 2  # type: ignore[misc]  # it is frozen, which is the point

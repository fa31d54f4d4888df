"""Replies and packs that are rare, through the one door: the branches that no common reply takes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from packer import Completion, Item, Layout, Task, split
from packer.delimit import HANDLES
from schemas.output import Mismatch
from schemas.pack import Pack, Slot
from schemas.portable import Portable
from schemas.signal import SignalKind, Trust
from schemas.verdict import Fault, Verdict
from tests.strategies import SENTIMENT, plain_pack

A, B, C = HANDLES[:3]
NOTE = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}
NOTES = Task.extract("What it says.", NOTE)
QUOTED = Task.extract("What it says.", NOTE, evidence=True)
OPEN = Task.extract("What it says.", {"type": "array", "items": {"type": "string"}})


def pack_of(texts: list[str], task: Task[object], layout: Layout | None = None) -> Pack[object]:
    slots = tuple(Slot(Item(n, text), HANDLES[n]) for n, text in enumerate(texts))
    return Pack("p0", task, slots, "abcdefghijklmn", layout or Layout(shuffle=False))


def said(pack: Pack[object], answers: list[object]) -> tuple[Verdict[object], ...]:
    reply = json.dumps(dict(zip(pack.handles, answers, strict=True)))
    return split(pack, Completion(reply)).verdicts


def kinds(verdict: Verdict[object]) -> set[SignalKind]:
    return {signal.kind for signal in verdict.signals}


def test_a_pack_of_nobody_has_no_verdicts() -> None:
    assert split(plain_pack(0), Completion("{}")).verdicts == ()


@pytest.mark.parametrize("name", ["id", "answer"])
def test_lines_whose_handles_are_called_like_our_keys_are_read_with_care(name: str) -> None:
    slots = (Slot(Item(0, "x"), name), Slot(Item(1, "y"), "b"))
    pack: Pack[object] = Pack("p0", SENTIMENT, slots, "abcdefghijklmn", Layout(envelope="lines"))
    lines = [json.dumps({"id": handle, "answer": "positive"}) for handle in (name, "b")]
    found, _ = split(pack, Completion("\n".join(lines))).verdicts
    # An object with a key of that name may be meant as its answer as well, so there are two of them.
    assert found.reason is not None or SignalKind.DUPLICATE_KEY in kinds(found)


def test_of_a_key_written_a_thousand_times_the_last_word_still_counts() -> None:
    same = f'"{A}":"positive",' * 1_000
    pack = plain_pack(1)
    (one,) = split(pack, Completion(f"{{{same[:-1]}}}")).verdicts
    assert one.value == "positive"
    (other,) = split(pack, Completion(f'{{{same}"{A}":"negative"}}')).verdicts
    assert other.reason is not None
    assert other.reason.fault is Fault.DUPLICATE


def test_an_answer_too_deep_to_be_written_again_is_refused_by_its_depth() -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    (found,) = said(pack_of(["x"], NOTES), [{"a": "x", "b": deep}])
    assert "nests deeper than 64 levels" in str(found.reason)


def test_more_fields_than_are_looked_at_are_an_answer_all_the_same() -> None:
    names = [f"n{n}" for n in range(70)]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    text = "the only word is kettle here"
    (found,) = said(pack_of([text], Task.extract("x", schema)), [dict.fromkeys(names, "kettle")])
    assert found.value == dict.fromkeys(names, "kettle")
    assert not found.signals


def test_a_word_that_first_stands_inside_others_is_found_all_the_same() -> None:
    text = "xkettle " * 6 + "and a kettle, at last"
    found, _ = said(pack_of([text, "a lamp"], OPEN), [["kettle"], ["lamp"]])
    assert found.value == ["kettle"]
    assert not found.signals


def test_blank_values_say_nothing() -> None:
    first, second = said(pack_of(["a lamp", "a kettle"], OPEN), [["", " ", "lamp", "torch"], ["kettle"]])
    assert first.value == ["", " ", "lamp", "torch"]
    assert not second.signals


def test_quotes_that_are_no_object_are_no_quotes() -> None:
    text = "a kettle and a lamp"
    answers = [
        {"quotes": "kettle", "value": {"a": "kettle"}},
        {"quotes": {"a": "lamp"}, "value": {"a": "lamp"}},
    ]
    bare, quoted = said(pack_of([text, text], QUOTED), list(answers))
    assert bare.value == {"a": "kettle"}
    assert bare.quotes == ()
    assert [quote.text for quote in quoted.quotes] == ["lamp"]


def test_a_plain_answer_where_quotes_were_asked_for_is_taken_without() -> None:
    (found,) = said(pack_of(["a kettle"], QUOTED), [{"a": "kettle"}])
    assert found.value == {"a": "kettle"}
    assert found.quotes == ()


def test_no_more_than_64_quotes_are_looked_up() -> None:
    quotes = {f"a{n}": "kettle" for n in range(100)} | {"none": None, "blank": " ", "number": 3}
    (found,) = said(pack_of(["a kettle"], QUOTED), [{"quotes": quotes, "value": {"a": "kettle"}}])
    assert len(found.quotes) == 64


def test_an_answer_that_gives_its_quotes_twice_is_refused() -> None:
    entry = '{"quotes":{"a":"kettle"},"quotes":{"a":"lamp"},"value":{"a":"kettle"}}'
    (found,) = split(pack_of(["a kettle"], QUOTED), Completion(f'{{"{A}":{entry}}}')).verdicts
    assert found.reason is not None
    assert found.reason.fault is Fault.DUPLICATE


def test_two_refusals_under_one_item_are_told_once() -> None:
    no = "I'm sorry, I cannot help with that"
    found, other = said(
        pack_of(["a kettle", "a lamp"], NOTES), [{"a": no, "b": f"{no} either"}, {"a": "lamp"}]
    )
    assert [signal.kind for signal in found.signals].count(SignalKind.REFUSAL_SPREAD) == 1
    assert not other.signals


def test_words_cut_out_of_words_and_words_said_twice_are_no_repetition() -> None:
    phrase = "the very same new phrase"
    texts = [f"lot {n}: brokenhandles come back" for n in range(3)]
    cut = said(pack_of(texts, NOTES), [{"a": "handles come bac"}] * 3)  # it stands there, inside other words
    assert not any(SignalKind.REPETITION in kinds(each) for each in cut)
    two = said(pack_of(texts, NOTES), [{"a": phrase, "b": phrase}, {"a": phrase}, {"a": "come back"}])
    assert not any(SignalKind.REPETITION in kinds(each) for each in two)  # under two items, not three
    three = said(pack_of(texts, NOTES), [{"a": phrase, "b": phrase}, {"a": phrase}, {"a": phrase}])
    assert all(SignalKind.REPETITION in kinds(each) for each in three)
    assert {each.trust for each in three if each.reason is None} <= {Trust.DOUBTFUL}


def test_an_item_may_speak_of_the_one_above_itself() -> None:
    texts = ["the colour: same as above, in fact", "a lamp"]
    pointing, _ = said(pack_of(texts, NOTES), [{"a": "Colour is same as above"}, {"a": "lamp"}])
    assert SignalKind.CROSS_REFERENCE not in kinds(pointing)
    texts[0] = "the colour: red"
    pointing, _ = said(pack_of(texts, NOTES), [{"a": "Colour is same as above"}, {"a": "lamp"}])
    assert SignalKind.CROSS_REFERENCE in kinds(pointing)


class Own:
    """An output of a caller's own, of which nothing can be kept beside it."""

    __slots__ = ()
    schema: Mapping[str, object] = {"type": "object", "properties": {"a": True}}

    @property
    def portable(self) -> Portable:
        return Portable({"type": "object", "properties": {"a": True}})

    def decode(self, answer: object) -> dict[str, object]:
        if not isinstance(answer, dict):
            raise Mismatch("not an object")
        return answer

    def encode(self, value: object) -> object:
        return self.decode(value)


def test_an_output_of_the_callers_own_is_looked_at_like_ours() -> None:
    pack = pack_of(["kettle one", "lamp two"], Task("What it is.", Own()))
    good = said(pack, [{"a": "kettle"}, {"a": "lamp"}])
    assert [each.value for each in good] == [{"a": "kettle"}, {"a": "lamp"}]
    swapped = said(pack, [{"a": "lamp two"}, {"a": "kettle one"}])
    assert all(SignalKind.FOREIGN_VALUE in kinds(each) for each in swapped)
    (bad, _) = said(pack, [3, {"a": "lamp"}])
    assert str(bad.reason) == "invalid_value: not an object"

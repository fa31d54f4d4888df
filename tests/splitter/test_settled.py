"""A reply that is taken at one look is judged as it is when every detector looks at it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import Completion, Task, split
from packer.delimit import HANDLES
from schemas.guard import Canary
from schemas.item import Item
from schemas.output import SchemaOutput
from schemas.pack import Pack, Slot
from schemas.settings import Layout
from schemas.verdict import Split
from splitter.leaves import Place
from splitter.match import Hay, near
from splitter.reading import Reading

A, B = HANDLES[:2]
PART = {"type": "object", "properties": {"q": {"type": "integer"}}, "required": ["q"]}
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "n": {"type": "number"},
        "kind": {"type": "string", "enum": ["x", "y"]},
        "note": {"type": "string"},
        "rows": {"type": "array", "items": PART},
    },
    "required": ["name"],
}
PIECES = [
    *("Corner", "Bakery", "Corner Bakery", "ND", "2nd", "kg", "5kg", "12.99", "1,200", "7", "3 000", "it`s"),
    *("Straße", "cafe\u0301", "\u0301x", "`", "é", "_id", "\u200b", " ", "\n", "ditto", "a:b", "¼"),
]
pieces = st.sampled_from(PIECES)
texts = st.lists(st.tuples(pieces, st.sampled_from(["", " ", ", ", "-", "  "])), max_size=6).map(
    lambda found: "".join(a + b for a, b in found)
)
answers = st.fixed_dictionaries(
    {"name": st.one_of(pieces, texts)},
    optional={
        "n": st.sampled_from([7, 12.99, 5, 1200, 3000, 10**18, 10**20, -7, None]),
        "kind": st.sampled_from(["x", "z", None]),
        "note": st.one_of(st.none(), pieces),
        "rows": st.lists(st.fixed_dictionaries({"q": st.sampled_from([7, 5, 2])}), max_size=3),
    },
)


def asked(inputs: list[str], task: Task[object], canary: Canary | None = None) -> Pack[object]:
    slots = tuple(
        Slot(Item(n, text), HANDLES[n], canary=canary if n == 0 else None) for n, text in enumerate(inputs)
    )
    return Pack("p", task, slots, "abcdefghijklmn", Layout(shuffle=False))


def looked_at(pack: Pack[object], text: str) -> Split[object]:
    """Split it, and split it again with all that is told at one look left out; both must agree."""
    at_once = split(pack, Completion(text))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Reading, "quiet", property(lambda self: False))
        patched.setattr("splitter.settled._in_object", lambda *given: -1)
        patched.setattr("splitter.settled.quotes_stand", lambda *given: None)
        patched.setattr("splitter.bleed.evidence.quotes_stand", lambda *given: None)
        patched.setattr(SchemaOutput, "decode_all", lambda self, answers, nulls: None)
        assert repr(split(pack, Completion(text))) == repr(at_once)
    return at_once


@settings(max_examples=150)
@given(st.lists(st.tuples(texts, answers, pieces, pieces), min_size=1, max_size=4), st.booleans())
def test_one_look_sees_what_all_detectors_see(
    given_: list[tuple[str, Mapping[str, object], str, str]], evidence: bool
) -> None:
    task = Task.extract("x", SCHEMA, evidence=evidence)
    said: dict[str, object] = {}
    for handle, (_, answer, one, two) in zip(HANDLES, given_, strict=False):
        quotes = {"name": answer["name"], "n": one, "note": two}
        said[handle] = {"quotes": quotes, "value": answer} if evidence else answer
    done = looked_at(asked([text for text, *_ in given_], task), json.dumps(said))
    assert len(done.verdicts) == len(given_)


TEXT = "Corner Bakery sold 7 loaves for 12.99 and item_2, on the 2nd; a:b."
GOOD = '{"name":"Corner Bakery","n":7,"kind":"x","rows":[{"q":7}]}'
REPLIES = {
    "a key twice": '{"name":"7","name":"Corner Bakery"}',
    "a key twice below": '{"name":"Corner Bakery","rows":[{"q":7,"q":7}]}',
    "a key twice that a colon makes up for": '{"name":"a:b","n":7,"name":"Corner"}',
    "a huge integer": '{"name":"Corner Bakery","n":18446744073709551617}',
    "a huge integer below": '{"name":"Corner Bakery","rows":[{"q":-9223372036854775809}]}',
    "a large integer": '{"name":"Corner Bakery","n":1000000000000000001}',
    "a colon": '{"name":"a:b"}',
    "an escaped colon": '{"name":"a\\u003ab"}',
    "a null": '{"name":"Corner Bakery","note":null,"rows":null}',
    "a null for nothing": '{"name":null}',
    "another kind": '{"name":"Corner Bakery","kind":"z"}',
    "only what is closed": '{"name":" ","kind":"x"}',
    "sixty-five leaves": '{"name":"Corner","rows":[' + ",".join(['{"q":7}'] * 65) + "]}",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_an_odd_answer_beside_a_good_one(reply: str) -> None:
    pack = asked([TEXT, TEXT], Task.extract("x", SCHEMA))
    done = looked_at(pack, f'{{"{A}":{GOOD},"{B}":{reply}}}')
    assert done.verdicts[0].value == json.loads(GOOD)
    if "integer" in reply or "4073" in reply:
        assert "709551617" in repr(done.verdicts[1])


def test_a_huge_integer_keeps_its_digits() -> None:
    (verdict,) = split(
        asked(["12345678901234567890123 it is."], Task.extract("x", SCHEMA)),
        Completion(f'{{"{A}":{{"name":"it","n":12345678901234567890123}}}}'),
    ).verdicts
    assert verdict.value == {"name": "it", "n": 12345678901234567890123}
    assert type(verdict.value["n"]) is int  # type: ignore[index]  # a float would be equal, and is not it


def test_a_quote_without_a_value_is_seen_at_one_look() -> None:
    said = {"quotes": {"name": "Corner Bakery", "note": "loaves"}, "value": {"name": "Corner", "note": None}}
    good = {"quotes": {"name": "Corner", "note": "loaves"}, "value": {"name": "Corner", "note": "loaves"}}
    handles = HANDLES[:6]
    pack = asked([TEXT] * 6, Task.extract("x", SCHEMA, evidence=True))
    done = looked_at(pack, json.dumps({**dict.fromkeys(handles, good), A: said}))
    assert [signal.detail for signal in done.verdicts[0].signals] == [
        "there is a quote for 'note' but no value"
    ]


def test_a_wrong_canary_is_seen_at_one_look() -> None:
    pack = asked([TEXT, TEXT], Task.extract("x", SCHEMA), Canary("c", {"name": "Bakery"}))
    done = looked_at(pack, f'{{"{A}":{GOOD},"{B}":{GOOD}}}')
    assert done.verdicts[1].signals


def test_what_is_plainly_there_is_told_at_one_look() -> None:
    pack = asked([TEXT, TEXT], Task.extract("x", SCHEMA, evidence=True))
    said = f'{{"quotes":{{"name":"Corner Bakery","n":"sold 7"}},"value":{GOOD}}}'
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("splitter.reading.leaves_of", None)  # nothing is noted
        patched.setattr(Hay, "folded", None)  # or folded
        done = split(pack, Completion(f'{{"{A}":{said},"{B}":{said}}}'))
    assert [quote.start for quote in done.verdicts[1].quotes] == [0, 14]


@given(st.text("abc d", max_size=6), st.lists(st.text("abc d", max_size=12), max_size=4), st.floats(1, 110))
@settings(max_examples=60)
def test_near_texts_are_those_of_their_likeness(needle: str, held: list[str], least: float) -> None:
    hays = dict(enumerate(map(Hay, held)))
    assert near(needle, hays, least) == [n for n, hay in hays.items() if hay.likeness(needle, least) >= least]


def test_places_of_names_that_a_model_made_up_are_not_kept() -> None:
    place = Place(SCHEMA, "")
    pack = asked([TEXT], Task.extract("x", SCHEMA))
    looked_at(pack, f'{{"{A}":{{"name":"Corner","made up":"Bakery"}}}}')
    assert place.named("made up").field == "made up"
    assert "made up" not in place.known


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the xCorner z", "Corner"),
        ("the Cornerx z", "Corner"),
    ],
)
def test_what_stands_there_in_another_way_is_looked_at_closely(text: str, name: str) -> None:
    other = f"beside {name} z"
    said = json.dumps({A: {"name": name}, B: {"name": "beside"}})
    assert looked_at(asked([text, other], Task.extract("x", SCHEMA)), said).verdicts[0].signals


def test_a_seal_of_many_digits_is_told_in_full() -> None:
    slots = tuple(Slot(Item(n, TEXT), HANDLES[n], str(100 + n)) for n in range(2))
    layout = Layout(binding="seal", shuffle=False)
    pack: Pack[object] = Pack("p", Task.extract("x", SCHEMA), slots, "abcdefghijklmn", layout)
    said = [f'{{"seal":{seal},"answer":{GOOD}}}' for seal in ("12345678901234567890123", '"101"')]
    done = looked_at(pack, f'{{"{A}":{said[0]},"{B}":{said[1]}}}')
    assert "12345678901234567890123" in done.verdicts[0].signals[0].detail


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a =\u0338x and many words z", "\u0338x and many words"),  # folded, it is one letter with the sign
        ("an é, some words it`s z", "some words it`s"),  # folded, it changes where there are other letters
    ],
)
def test_what_folding_changes_in_company_only_is_looked_at_closely(text: str, name: str) -> None:
    said = json.dumps({handle: {"name": name} for handle in HANDLES[:3]})
    assert all(
        each.signals for each in looked_at(asked([text] * 3, Task.extract("x", SCHEMA)), said).verdicts
    )


@pytest.mark.parametrize(("field", "told"), [("kind", set()), ("note", {"note"})])
def test_a_field_behind_one_that_stands_nowhere_keeps_its_own_name_and_options(
    field: str, told: set[str]
) -> None:
    """The look that stops at the first has not seen the second; only an open field can be a neighbour's."""
    pack = asked(["A thing.", "It is y."], Task.extract("x", SCHEMA))
    reply = json.dumps({handle: {"name": "Nowhere", field: "y"} for handle in (A, B)})
    signals = split(pack, Completion(reply)).verdicts[0].signals
    assert {
        name for name in ("name", "kind", "note", "None") for signal in signals if name in signal.detail
    } == told

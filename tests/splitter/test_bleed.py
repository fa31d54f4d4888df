"""Bleed detectors through the one door: planted leaks with known answers, and clean replies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from packer import Canary, Completion, Guard, Layout, Task, split
from packer.delimit import HANDLES
from packer.render import packed_reply
from schemas.evidence import Match
from schemas.item import Item
from schemas.pack import Pack, Slot
from schemas.signal import SignalKind, Trust
from schemas.verdict import Fault, Split
from tests.strategies import SENTIMENT

PRICE = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "shop": {"type": "string"},
        "kind": {"type": "string", "enum": ["food", "tool"]},
    },
    "required": ["amount", "shop", "kind"],
}
TEXTS = (
    "Paid $12.99 at Corner Bakery on Monday.",
    "The hammer was 24,50 € at Baumarkt Nord.",
    "Apples, 3.75 in all, from Green Valley Farm.",
    "Receipt: Old Mill Books, 18.20 GBP, thank you.",
    "7 bolts for 5.40 at Harbour Hardware.",
)
VALUES: tuple[dict[str, object], ...] = (
    {"amount": 12.99, "shop": "Corner Bakery", "kind": "food"},
    {"amount": 24.5, "shop": "Baumarkt Nord", "kind": "tool"},
    {"amount": 3.75, "shop": "Green Valley Farm", "kind": "food"},
    {"amount": 18.2, "shop": "Old Mill Books", "kind": "tool"},
    {"amount": 5.4, "shop": "Harbour Hardware", "kind": "tool"},
)
EXTRACT = Task.extract("The price paid, and where.", PRICE)
QUOTED = Task.extract("The price paid, and where.", PRICE, evidence=True)


def pack_of(
    task: Task[object], texts: Sequence[str] = TEXTS, *, layout: Layout | None = None
) -> Pack[object]:
    layout = layout or Layout(shuffle=False)
    seals = [str(100 + n) if layout.binding == "seal" else None for n in range(len(texts))]
    slots = tuple(Slot(Item(n, text), HANDLES[n], seals[n], 9) for n, text in enumerate(texts))
    return Pack("p0", task, slots, "abcdefghijklmn", layout)


def answered(
    values: Sequence[object],
    task: Task[object] = EXTRACT,
    *,
    texts: Sequence[str] = TEXTS,
    guard: Guard | None = None,
) -> Split[object]:
    pack = pack_of(task, texts)
    text = json.dumps(dict(zip(pack.handles, values, strict=True)))
    return split(pack, Completion(text), guard=guard or Guard())


def flagged(done: Split[object]) -> dict[int, set[SignalKind]]:
    return {n: {s.kind for s in v.signals} for n, v in enumerate(done.verdicts) if v.signals}


def with_quotes(
    values: Sequence[Mapping[str, object]], quotes: Sequence[Mapping[str, object]]
) -> list[object]:
    return [{"quotes": dict(q), "value": dict(v)} for v, q in zip(values, quotes, strict=True)]


QUOTES: tuple[dict[str, object], ...] = (
    {"amount": "$12.99", "shop": "Corner Bakery", "kind": None},
    {"amount": "24,50 €", "shop": "Baumarkt Nord", "kind": "hammer"},
    {"amount": "3.75 in all", "shop": "Green Valley Farm", "kind": "Apples"},
    {"amount": "18.20 GBP", "shop": "Old Mill Books", "kind": None},
    {"amount": "5.40", "shop": "Harbour Hardware", "kind": "7 bolts"},
)


def test_clean_values_raise_nothing() -> None:
    """Numbers written another way, and closed fields, are nobody's leak."""
    done = answered(VALUES)
    assert flagged(done) == {}
    assert [v.value for v in done.verdicts] == list(VALUES)


@pytest.mark.parametrize(
    ("field", "planted"),
    [("amount", 24.5), ("shop", "Baumarkt Nord"), ("shop", "baumarkt  nord"), ("shop", "Baumarkd Nort")],
)
def test_a_neighbours_value_is_rejected_and_named(field: str, planted: object) -> None:
    done = answered([VALUES[0] | {field: planted}, *VALUES[1:]])
    verdict = done.verdicts[0]
    assert verdict.reason is not None
    assert verdict.reason.fault is Fault.BLEED
    (signal,) = verdict.signals
    assert signal.kind is SignalKind.FOREIGN_VALUE
    assert signal.items == (0, 1)
    assert [v.accepted for v in done.verdicts[1:]] == [True] * 4


def test_a_word_ends_where_digits_begin_but_not_in_ordinals() -> None:
    schema = {"type": "object", "properties": {"s": {"type": ["string", "null"]}}, "required": ["s"]}
    task = Task.extract("Unit or state.", schema, evidence=True)
    texts = ("2963yen a box", "5kg of flour", "2nd floor, Elm Road", "Minot, ND 58701", "Cary, NC 27511")
    values: list[dict[str, object]] = [{"s": "yen"}, {"s": "kg"}, {"s": None}, {"s": "ND"}, {"s": "NC"}]
    assert all(v.accepted for v in answered(with_quotes(values, values), task, texts=texts).verdicts)
    done = answered(with_quotes(values, [*values[:2], {"s": "ND"}, *values[3:]]), task, texts=texts)
    assert [v.accepted for v in done.verdicts] == [True, True, False, True, True]


def test_a_short_value_counts_only_where_the_field_is_copied() -> None:
    task = Task.extract(
        "How many.", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    )
    few = answered([{"n": 7}, {"n": 7}], task, texts=("four apples", "7 pears"))
    assert all(v.accepted for v in few.verdicts)
    texts = tuple(f"{n} apples" for n in range(2, 8))
    many = answered([{"n": n} for n in (7, 3, 4, 5, 6, 7)], task, texts=texts)
    assert [v.accepted for v in many.verdicts] == [False, True, True, True, True, True]


def test_a_value_from_nowhere_makes_the_item_doubtful() -> None:
    done = answered([VALUES[0] | {"amount": 99.01}, *VALUES[1:]])
    assert flagged(done) == {0: {SignalKind.UNGROUNDED}}
    assert done.verdicts[0].trust is Trust.DOUBTFUL
    assert done.verdicts[0].value is not None


def test_a_value_that_many_items_get_without_holding_it_is_made_not_copied() -> None:
    texts = ("$5", "$6", "7 USD", "$8", "$9")
    task = Task.extract(
        "Price.", {"type": "object", "properties": {"c": {"type": "string"}}, "required": ["c"]}
    )
    done = answered([{"c": "USD"}] * 5, task, texts=texts)
    assert all(v.accepted for v in done.verdicts)


def test_an_answer_that_two_neighbours_copied_is_a_leak_twice() -> None:
    texts = [*TEXTS, "Soap, 2.95, from Blue Harbour Market.", "A lamp for 31.00 at Lindqvist and Sons."]
    values = [*VALUES, {"amount": 2.95, "shop": "Blue Harbour Market", "kind": "tool"}]
    values.append({"amount": 31.0, "shop": "Lindqvist and Sons", "kind": "tool"})
    done = answered([values[2], values[2], *values[2:]], texts=texts)
    assert [v.accepted for v in done.verdicts] == [False, False, True, True, True, True, True]


def test_a_shift_by_one_is_seen_in_the_values() -> None:
    done = answered([*VALUES[1:], VALUES[0]])
    assert not done.accepted
    assert all(SignalKind.SHIFT in kinds for n, kinds in flagged(done).items() if n < 4)
    assert "lag +1" in {s.evidence for v in done.verdicts for s in v.signals}


def test_good_items_of_a_shifted_reply_are_kept() -> None:
    done = answered([VALUES[0], *VALUES[2:], VALUES[1]])
    assert [v.accepted for v in done.verdicts] == [True, False, False, False, False]


def test_quotes_are_grounded_with_offsets() -> None:
    done = answered(with_quotes(VALUES, QUOTES), QUOTED)
    assert all(v.accepted for v in done.verdicts)
    for verdict, text in zip(done.verdicts, TEXTS, strict=True):
        for quote in verdict.quotes:
            assert quote.match is Match.EXACT
            assert text[quote.start : quote.end] == quote.text
    assert [q.field for q in done.verdicts[0].quotes] == ["amount", "shop"]


@pytest.mark.parametrize(
    ("quote", "match", "shown"),
    [
        ("CORNER   bakery", Match.NORMALISED, "Corner Bakery"),
        ("“Corner Bakery” on", Match.FUZZY, None),
        ("Corner Bakerie on Monday", Match.FUZZY, None),
    ],
)
def test_inexact_quotes_are_no_false_alarm(quote: str, match: Match, shown: str | None) -> None:
    done = answered(with_quotes(VALUES, [{**QUOTES[0], "shop": quote}, *QUOTES[1:]]), QUOTED)
    verdict = done.verdicts[0]
    assert verdict.accepted
    assert verdict.trust is Trust.CLEAN
    found = verdict.quotes[1]
    assert found.match is match
    if shown is not None:
        assert TEXTS[0][found.start : found.end] == shown


@pytest.mark.parametrize("quote", ["Baumarkt Nord", "at baumarkt nord.", "at Baumarkd Nort."])
def test_a_neighbours_quote_is_rejected(quote: str) -> None:
    done = answered(with_quotes(VALUES, [{**QUOTES[0], "shop": quote}, *QUOTES[1:]]), QUOTED)
    assert SignalKind.FOREIGN_EVIDENCE in flagged(done)[0]
    assert not done.verdicts[0].accepted
    assert len(done.accepted) == 4


def test_an_invented_quote_is_doubtful() -> None:
    done = answered(with_quotes(VALUES, [{**QUOTES[0], "shop": "nowhere at all"}, *QUOTES[1:]]), QUOTED)
    assert done.verdicts[0].trust is Trust.DOUBTFUL
    assert done.verdicts[0].quotes[1].match is Match.NOT_FOUND
    assert done.verdicts[0].quotes[1].start is None


def test_a_quote_without_its_value_is_doubtful() -> None:
    schema = {"type": "object", "properties": {"shop": {"type": ["string", "null"]}}, "required": ["shop"]}
    task = Task.extract("Where.", schema, evidence=True)
    shops = [str(value["shop"]) for value in VALUES]
    values: list[dict[str, object]] = [{"shop": None}, *({"shop": shop} for shop in shops[1:])]
    done = answered(with_quotes(values, [{"shop": shop} for shop in shops]), task)
    assert [v.trust for v in done.verdicts] == [Trust.DOUBTFUL] + [Trust.CLEAN] * 4


NOTE = Task.extract("A note.", {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]})


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("same as above", SignalKind.CROSS_REFERENCE),
        ("See item_3 for this", SignalKind.CROSS_REFERENCE),
        ("abcdefghijklmn", SignalKind.CROSS_REFERENCE),
        ("I'm sorry, but I can't help with that.", SignalKind.REFUSAL_SPREAD),
    ],
)
def test_words_that_point_elsewhere_are_rejected(said: str, kind: SignalKind) -> None:
    notes = [{"n": f"a note on {text.split()[0]} and more"} for text in TEXTS]
    done = answered([{"n": said}, *notes[1:]], NOTE)
    assert kind in flagged(done)[0]
    assert not done.verdicts[0].accepted
    assert all(v.accepted for v in done.verdicts[1:])


def test_words_that_the_item_itself_holds_are_its_own() -> None:
    texts = ("Same as above, said the boss.", "I'm sorry, I can't help.", "c", "d", "e")
    done = answered(
        [{"n": "Same as above"}, {"n": "I can't help"}, {"n": "c"}, {"n": "d"}, {"n": "e"}], NOTE, texts=texts
    )
    assert all(v.accepted for v in done.verdicts)


def test_one_phrase_under_many_items_is_doubtful() -> None:
    notes = [{"n": f"a note on {text.split()[0]} and more"} for text in TEXTS]
    done = answered([{"n": "this is the answer to everything"}] * 3 + notes[3:], NOTE)
    assert [v.trust for v in done.verdicts] == [Trust.DOUBTFUL] * 3 + [Trust.CLEAN] * 2


def test_a_loop_inside_a_value_is_doubtful() -> None:
    done = answered([{"n": "and so on " * 60}, *({"n": f"note {n}"} for n in range(4))], NOTE)
    assert SignalKind.REPETITION in flagged(done)[0]


WORDS = Layout(binding="words", shuffle=False)
QUOTE = Layout(binding="quote", shuffle=False)
SEAL = Layout(binding="seal", shuffle=False)
LABELLED = ["positive", "neutral", "negative", "positive", "neutral"]


def bound(layout: Layout, echoes: Sequence[str | None], texts: Sequence[str] = TEXTS) -> Split[object]:
    pack = pack_of(SENTIMENT, texts, layout=layout)
    text = packed_reply(
        dict(zip(pack.handles, LABELLED, strict=True)), layout, dict(zip(pack.handles, echoes, strict=True))
    )
    return split(pack, Completion(text))


FIRST = ["Paid $12.99 at", "The hammer was", "Apples, 3.75 in", "Receipt: Old Mill", "7 bolts for"]


def test_first_words_bind() -> None:
    assert [v.value for v in bound(WORDS, FIRST).verdicts] == LABELLED
    swapped = bound(WORDS, [FIRST[1], FIRST[0], *FIRST[2:]])
    assert [v.accepted for v in swapped.verdicts] == [False, False, True, True, True]
    assert swapped.verdicts[0].signals[0].items == (0, 1)


def test_inexact_first_words_are_no_false_alarm() -> None:
    sloppy = ["paid $12.99", "The hamer was", "Apples 3.75 in", "Receipt: Old Mill Books", "7 bolts"]
    done = bound(WORDS, sloppy)
    assert all(v.accepted and v.trust is Trust.CLEAN for v in done.verdicts)


def test_quotes_bind() -> None:
    own = ["Corner Bakery", "hammer was 24,50 €", "Green Valley", "Old Mill Books", "Harbour"]
    assert all(v.trust is Trust.CLEAN and v.accepted for v in bound(QUOTE, own).verdicts)
    done = bound(QUOTE, ["Green Valley", *own[1:]])
    assert done.verdicts[0].reason is not None
    assert done.verdicts[0].reason.fault is Fault.MISBOUND


def test_an_echo_that_fits_two_items_proves_nothing() -> None:
    texts = ("Nice day at sea", "Nice day at home", *TEXTS[2:])
    done = bound(WORDS, ["Nice day at", "Nice day at", *FIRST[2:]], texts)
    assert [v.trust for v in done.verdicts] == [Trust.DOUBTFUL] * 2 + [Trust.CLEAN] * 3


def test_a_seal_of_nobody_is_rejected_and_a_number_will_do() -> None:
    done = bound(SEAL, ["100", "999", None, "103", "104"])
    assert [v.accepted for v in done.verdicts] == [True, False, False, True, True]
    pack = pack_of(SENTIMENT, TEXTS[:1], layout=SEAL)
    (verdict,) = split(pack, Completion('{"item_1":{"seal":100,"answer":"positive"}}')).verdicts
    assert verdict.value == "positive"


def test_a_wrong_canary_rejects_the_whole_call() -> None:
    pack = pack_of(SENTIMENT)
    canary = Canary("Best day ever!", "positive")
    slots = (*pack.slots[:2], replace(pack.slots[2], canary=canary), *pack.slots[3:])
    pack = replace(pack, slots=slots)
    for answer, kept in (("positive", 4), ("negative", 0)):
        labels = [*LABELLED[:2], answer, *LABELLED[3:]]
        done = split(pack, Completion(json.dumps(dict(zip(pack.handles, labels, strict=True)))))
        assert sum(v.accepted for v in done.verdicts if v.slot.canary is None) == kept


def test_a_guard_is_data() -> None:
    planted = [VALUES[0] | {"amount": 24.5}, *VALUES[1:]]
    off = Guard(reject=frozenset(), doubt=frozenset())
    done = answered(planted, guard=off)
    assert done.verdicts[0].accepted
    assert flagged(done)[0] == {SignalKind.FOREIGN_VALUE}
    doubting = Guard(reject=frozenset(), doubt=frozenset({SignalKind.FOREIGN_VALUE}))
    assert answered(planted, guard=doubting).verdicts[0].trust is Trust.DOUBTFUL
    deaf = Guard(least_strength=1.0, reject=frozenset({SignalKind.UNGROUNDED}))
    assert answered([VALUES[0] | {"amount": 99.01}, *VALUES[1:]], guard=deaf).verdicts[0].accepted
    stopping = Guard(stop=frozenset({SignalKind.FOREIGN_VALUE}))
    assert answered(planted, guard=stopping).stop is not None


NOTES = [{"n": f"a note on {text.split()[0]} and more"} for text in TEXTS]


@pytest.mark.parametrize(
    "said",
    [
        *(
            "I'm sorry, no.",
            "I am unable to say.",
            "I am not able to.",
            "i can't help",
            "I cannot process it",
        ),
        *("I won't answer", "I will not comply", "As an AI I do not judge", "That is against my policy"),
        *("against our guidelines", "unable to assist", "Answer: I cannot help with this one."),
    ],
)
def test_refusals_in_many_words(said: str) -> None:
    done = answered([{"n": said}, *NOTES[1:]], NOTE)
    assert flagged(done) == {0: {SignalKind.REFUSAL_SPREAD}}
    assert done.verdicts[0].signals[0].strength == 0.7


def test_a_refusal_under_several_items_is_proof() -> None:
    done = answered([{"n": "I cannot help with that."}, {"n": "I'm sorry."}, *NOTES[2:]], NOTE)
    signals = [verdict.signals[0] for verdict in done.verdicts[:2]]
    assert [signal.strength for signal in signals] == [1.0, 1.0]
    assert [signal.items for signal in signals] == [(0, 1), (1, 0)]
    assert signals[0].detail == "2 values of the call are refusals"


def test_pointing_words_that_the_item_holds_are_its_own_in_other_company() -> None:
    texts = ("Same as above, said the boss.", *TEXTS[1:])
    done = answered([{"n": "the boss: same as above!"}, *NOTES[1:]], NOTE, texts=texts)
    assert flagged(done) == {}


def test_a_neighbours_value_inside_a_list_is_rejected() -> None:
    part = {"type": "object", "properties": {"shop": {"type": "string"}}, "required": ["shop"]}
    schema = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": part},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["rows"],
    }
    task = Task.extract("All shops.", schema)
    good = [{"rows": [{"shop": value["shop"]}], "tags": [str(value["shop"]).split()[0]]} for value in VALUES]
    assert flagged(answered(good, task)) == {}
    (deep,) = answered([{"rows": [{"shop": "Baumarkt Nord"}]}, *good[1:]], task).verdicts[0].signals
    assert (deep.kind, deep.items) == (SignalKind.FOREIGN_VALUE, (0, 1))
    assert "rows[].shop" in deep.detail
    (flat,) = answered([good[0] | {"tags": ["Baumarkt"]}, *good[1:]], task).verdicts[0].signals
    assert (flat.kind, flat.items) == (SignalKind.FOREIGN_VALUE, (0, 1))


def test_long_prose_is_no_loop() -> None:
    prose = " ".join(f"In the year {1900 + n} the {n}th mill by the river was sold again." for n in range(9))
    assert len(prose) > 400
    done = answered([{"n": prose}, *NOTES[1:]], NOTE)
    assert SignalKind.REPETITION not in flagged(done).get(0, set())


def test_evidence_of_a_trace_is_at_most_200_characters() -> None:
    """As ``Signal`` promises: model output of any length goes into stores and reports."""
    long = "Baumarkt Nord " * 40
    texts = (TEXTS[0], long, *TEXTS[2:])
    quotes = [{**QUOTES[0], "shop": long[:390]}, {"shop": long[:50]}, *QUOTES[2:]]
    values = [VALUES[0] | {"shop": long[:390]}, VALUES[1], *VALUES[2:]]
    every = [
        *answered(with_quotes(values, quotes), QUOTED, texts=texts).verdicts,
        *answered(
            with_quotes(values, [{"shop": "nowhere " * 50}, *quotes[1:]]), QUOTED, texts=texts
        ).verdicts,
        *answered([{"n": "I cannot help. " * 50}, {"n": "same as above " * 50}, *NOTES[2:]], NOTE).verdicts,
        *answered([{"n": "and so on " * 60}] * 3 + NOTES[3:], NOTE).verdicts,
        *bound(WORDS, [" ".join(long.split()[:60]), *FIRST[1:]], texts).verdicts,
        *bound(SEAL, ["9" * 300, *"abcd"]).verdicts,
        *bound(WORDS, ["nothing " * 50, *FIRST[1:]]).verdicts,
    ]
    empty = {"type": "object", "properties": {"n": {"type": ["string", "null"]}}, "required": ["n"]}
    said = [{"n": None}, *({"n": text} for text in TEXTS[1:])]
    quoted = with_quotes(said, [{"n": long[:390]}, *({"n": text} for text in TEXTS[1:])])
    task = Task.extract("x", empty, evidence=True)
    done = answered(quoted, task, texts=(long, *TEXTS[1:]))
    assert [len(signal.evidence) for signal in done.verdicts[0].signals] == [200]
    lengths = {(s.kind, len(s.evidence)) for verdict in every for s in verdict.signals}
    assert max(length for _, length in lengths) == 200
    cut = {kind for kind, length in lengths if length == 200}
    wanted = {"FOREIGN_EVIDENCE", "FOREIGN_VALUE", "UNGROUNDED", "CROSS_REFERENCE", "REFUSAL_SPREAD"}
    assert {SignalKind[name] for name in (*wanted, "REPETITION", "MISBOUND", "UNBOUND")} <= cut


@pytest.mark.parametrize(("strangers", "more"), [(16, ""), (17, " (and 1 more)")])
def test_sixteen_strangers_are_named_and_the_rest_counted(strangers: int, more: str) -> None:
    said = dict(zip(HANDLES[:2], LABELLED, strict=False)) | {
        f"stranger_{n}": "neutral" for n in range(strangers)
    }
    done = split(pack_of(SENTIMENT, TEXTS[:2]), Completion(json.dumps(said)))
    named = [signal for signal in done.signals if signal.kind is SignalKind.FOREIGN_HANDLE]
    assert len(named) == 16
    assert named[0].detail == f"the reply answers 'stranger_0', which no item is called{more}"


def test_a_leak_from_the_very_first_words_of_the_call_is_seen() -> None:
    texts = ("Baumarkt Nord had the hammer for 24.50.", *TEXTS[2:])
    values = [{"amount": 24.5, "shop": "Baumarkt Nord", "kind": "tool"}, *VALUES[2:]]
    assert flagged(answered(values, texts=texts)) == {}
    (found,) = (
        answered([values[0], values[1] | {"shop": "Baumarkt Nord"}, *values[2:]], texts=texts)
        .verdicts[1]
        .signals
    )
    assert (found.kind, found.items, found.strength) == (SignalKind.FOREIGN_VALUE, (1, 0), 1.0)
    quotes = [{"shop": value["shop"]} for value in values]
    done = answered(with_quotes(values, [quotes[0], quotes[0], *quotes[2:]]), QUOTED, texts=texts)
    (found,) = done.verdicts[1].signals
    assert (found.kind, found.items) == (SignalKind.FOREIGN_EVIDENCE, (1, 0))


def test_a_very_long_quote_is_placed_by_its_beginning() -> None:
    long = " ".join(f"line {n} of the receipt" for n in range(40))
    texts = (f"Paid $12.99 at Corner Bakery: {long}", *TEXTS[1:])
    done = answered(with_quotes(VALUES, [{"shop": long}, *QUOTES[1:]]), QUOTED, texts=texts)
    (quote,) = done.verdicts[0].quotes
    assert quote.match is Match.EXACT
    assert (quote.start, quote.end) == (texts[0].index(long), texts[0].index(long) + 400)


def test_a_handle_answered_twice_alike_is_told_of_its_item() -> None:
    pack = pack_of(SENTIMENT, TEXTS[:2])
    first, second = pack.handles
    reply = f'{{"{first}":"positive","{second}":"negative","{second}":"negative"}}'
    assert flagged(split(pack, Completion(reply))) == {1: {SignalKind.DUPLICATE_KEY}}


def test_words_from_further_down_are_not_the_first_words() -> None:
    """Of the item, but what was asked for are its first words: that an answer belongs to it is not shown."""
    text = "Paid $12.99 at Corner Bakery on Monday, with a card that the machine took at the second try."
    done = bound(WORDS, ["at the second try", *FIRST[1:]], [text, *TEXTS[1:]])
    assert flagged(done) == {0: {SignalKind.UNBOUND}}


def test_a_seat_at_home_behind_a_shift_is_no_part_of_it() -> None:
    done = answered([*VALUES[1:4], VALUES[0], VALUES[4]])
    shifted = [n for n, kinds in flagged(done).items() if SignalKind.SHIFT in kinds]
    assert 4 not in shifted
    assert set(shifted) >= {0, 1, 2}


def test_a_repeated_value_names_its_own_item_first_and_then_the_others() -> None:
    done = answered([{**value, "shop": "Grand Central Stores"} for value in VALUES])
    told = [s.items for v in done.verdicts for s in v.signals if s.kind is SignalKind.REPETITION]
    assert told == [(n, *(other for other in range(5) if other != n)) for n in range(5)]

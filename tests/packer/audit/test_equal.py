"""Two answers compared: form makes no difference, anything else does, and no JSON is too odd."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer.audit.equal import fields, same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Good", "good"),
        ("  very   good.", "Very good"),
        ("“good”", "good;"),
        ("ＧＯＯＤ", "good"),
        ("Straße", "STRASSE"),
        (12, 12.0),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        ("", None),
        (" . ", None),
        ({}, None),
        ({"a": None}, {}),
        ({"a": {"b": ""}}, {"a": None}),
        (["b", "A"], ["a", "b."]),
        ([1, "a"], [1.0, "A"]),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1}),
    ],
)
def test_form_makes_no_difference(a: object, b: object) -> None:
    assert same(a, b)
    assert same(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("good", "bad"),
        ("very good", "verygood"),
        ("a,b", "ab"),
        (".5", "5"),
        (12, 12.001),
        (10**12, 10**12 + 1),
        (10**400, 1e308),
        (1, True),
        (0, False),
        (0, None),
        (False, None),
        ("12", 12),
        ([], None),
        (["a", "a", "b"], ["a", "b", "b"]),
        ([1, 2], [2, 1]),
        (["a"], "a"),
        ({"a": 1}, {"a": 1, "b": 0}),
        ({"a": 1}, "a"),
    ],
)
def test_anything_else_does(a: object, b: object) -> None:
    assert not same(a, b)
    assert not same(b, a)


@settings(max_examples=60, deadline=None)
@given(JSON, JSON)
def test_equality_goes_both_ways_and_holds_for_oneself(a: object, b: object) -> None:
    assert same(a, a)
    assert same(a, b) == same(b, a)
    assert fields(a, b) == fields(b, a)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, OBJECTS)
def test_objects_differ_exactly_where_a_field_does(a: dict[str, object], b: dict[str, object]) -> None:
    assert same(a, b) == (not any(fields(a, b).values()))


def test_fields_are_named_to_one_level() -> None:
    a = {"name": "Ann", "at": {"zip": "10", "city": {"n": 1}}, "gone": 1, "list": ["x"]}
    b = {"name": "ann.", "at": {"zip": "11", "city": {"n": 2}}, "list": ["x"]}
    assert fields(a, b) == {"name": False, "at.zip": True, "at.city": True, "gone": True, "list": False}
    assert fields("a", "b") == {}
    assert fields({"a": 1}, None) == {"a": True}


def test_no_depth_is_too_deep() -> None:
    a: object = 1
    b: object = 2
    for _ in range(20_000):
        a, b = [a], [b]
    assert same(a, a)
    assert not same(a, b)

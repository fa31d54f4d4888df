"""The ladder as data: which rung comes next, and that calls halve all the way down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.route import Route
from schemas.settings import Fallback
from splitter import Need, escalate, last_rungs


@pytest.mark.parametrize(
    ("members", "done", "whole", "need"),
    [
        (20, 0, False, Need(Route.REPACK, 10, mixed=True)),
        (20, 2, False, Need(Route.SESSION)),
        (20, 2, True, Need(Route.REPACK, 10)),
        (5, 0, True, Need(Route.REPACK, 2)),
        (3, 0, False, Need(Route.SESSION)),
        (2, 0, True, Need(Route.SESSION)),
        (1, 0, True, Need(Route.SINGLE)),
    ],
)
def test_the_next_rung(members: int, done: int, whole: bool, need: Need) -> None:
    """A pack that failed whole keeps to itself and is halved however often; single rejects mix."""
    assert escalate(members, done, Fallback(), whole_failed=whole) == need


def test_the_last_rungs() -> None:
    assert last_rungs(None, Fallback()) == Need(Route.SESSION)
    assert last_rungs(None, Fallback(session=False)) == Need(Route.SINGLE)
    assert last_rungs(Route.SESSION, Fallback()) == Need(Route.SINGLE)
    assert last_rungs(Route.SINGLE, Fallback()) is None


def test_a_ladder_without_rungs_ends_at_once() -> None:
    nothing = Fallback(repacks=0, session=False, single=False)
    assert escalate(8, 0, nothing, whole_failed=True) is None


@given(st.integers(2, 128), st.integers(0, 3), st.booleans())
def test_calls_halve(members: int, done: int, whole: bool) -> None:
    need = escalate(members, done, Fallback(repacks=4), whole_failed=whole)
    assert need is not None
    assert 2 * need.most_items <= members

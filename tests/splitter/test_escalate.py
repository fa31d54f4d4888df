"""The ladder as data: which rung comes next, and that its worst case is a true bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.result import Route
from schemas.settings import Fallback
from splitter import escalate, last_rungs


def test_the_order_of_rungs() -> None:
    policy = Fallback(repacks=1)
    need = escalate(3, 10, 0, policy)
    assert need is not None
    assert (need.route, need.groups) == (Route.REPACK, (3,))
    need = escalate(3, 5, 1, policy)
    assert need is not None
    assert need.route is Route.SESSION
    need = last_rungs(Route.SESSION, 3, policy)
    assert need is not None
    assert need.route is Route.SINGLE
    assert last_rungs(Route.SINGLE, 3, policy) is None


def test_one_rejected_item_is_not_packed_with_itself() -> None:
    need = escalate(1, 10, 0, Fallback())
    assert need is not None
    assert need.route is Route.SESSION


def test_a_ladder_without_rungs_ends_at_once() -> None:
    assert escalate(2, 2, 0, Fallback(repacks=0, session=False, single=False)) is None


@given(st.integers(2, 128), st.data())
def test_repacks_hold_all_items_and_at_most_half(size: int, data: st.DataObject) -> None:
    rejected = data.draw(st.integers(2, size))
    need = escalate(rejected, size, 0, Fallback())
    assert need is not None
    assert sum(need.groups) == rejected
    assert max(need.groups) <= max(1, size // 2)

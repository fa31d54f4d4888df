"""Audited answers made by hand.

Does not know: what is asserted of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.audit import Audited
from schemas.route import Route


def row(
    number: int,
    *,
    call: int | None = None,
    differs: bool = False,
    again: bool | None = None,
    weight: float = 1.0,
    right: bool | None = None,
    single_right: bool | None = None,
) -> Audited:
    """One row; a call of its own unless one is named."""
    return Audited(
        number,
        f"call {number if call is None else call}",
        Route.PACK,
        number % 10,
        10,
        False,
        weight,
        differs,
        again=again,
        right=right,
        single_right=single_right,
    )


def rows(asked: int, differ: int, twice: int = 0, noise: int = 0) -> list[Audited]:
    """So many rows; those that differ first, those whose single answers differ last."""
    return [
        row(n, differs=n < differ, again=n >= asked - noise if n >= asked - twice else None)
        for n in range(asked)
    ]


def by_call(calls: Iterable[Iterable[int]]) -> list[Audited]:
    """Rows of whole calls, each given as its answers: 1 differs."""
    numbered = [(call, bool(hit)) for call, hits in enumerate(calls) for hit in hits]
    return [row(n, call=call, differs=hit) for n, (call, hit) in enumerate(numbered)]

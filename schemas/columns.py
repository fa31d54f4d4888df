"""Frozen slotted dataclasses made many at a time: what their constructor does, a field for all in turn.

A frozen dataclass sets each field by a call of its own, which costs three times the rest; a run has one item
an input, one seat and one verdict an answer. Does not know: what is made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import repeat
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Columns(Generic[T]):
    """Makes objects of one kind from columns of their fields."""

    # Of a generic kind only the plain class is at hand here: what its fields hold is the caller's to know.
    def __init__(self, kind: type[Any]) -> None:
        """Look its fields up once.

        Args:
            kind: a slotted dataclass without ``__post_init__``.
        """
        self._kind = kind
        self._setters: tuple[Callable[[T, object], None], ...] = tuple(
            vars(kind)[each.name].__set__ for each in fields(kind)
        )

    def made(self, count: int, *columns: Iterable[object]) -> list[T]:
        """So many objects.

        Args:
            count: how many.
            columns: one a field, in the fields' order, each as long or longer.
        """
        made: list[T] = list(map(object.__new__, repeat(self._kind, count)))
        for setter, column in zip(self._setters, columns, strict=True):
            deque(map(setter, made, column), maxlen=0)
        return made

"""An input of any length, as windows of items: no more of it is read than one of them.

Does not know: what becomes of the items.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice

from schemas.errors import UsageError
from schemas.item import GroupBy, Item, ItemLike, as_items

DEFAULT_WINDOW = 20_000
"""Inputs; of 60 letters each, planned and under way, they take some 30 MB."""


class Inputs:
    """What is left of an input.

    Attributes:
        window: most items at a time.
        read: inputs given out so far.
        ended: whether it is known that there are no more.
    """

    def __init__(
        self,
        inputs: Iterable[ItemLike] | AsyncIterable[ItemLike],
        window: int = DEFAULT_WINDOW,
        *,
        text_field: str | None = None,
        id_field: str | None = None,
        group_by: GroupBy | None = None,
    ) -> None:
        """Begin; nothing is read yet.

        Args:
            inputs: read once, in order.
            window: most items at a time.
            text_field: as for ``as_items``.
            id_field: as for ``as_items``.
            group_by: as for ``as_items``.

        Raises:
            UsageError: a window of no items, or items that are one string.
        """
        if window < 1:
            raise UsageError(f"window={window} must be one or more: so many items are read at a time.")
        if isinstance(inputs, str | bytes):
            as_items(inputs)
        self.window = window
        self.read = 0
        self.ended = False
        self._fields = text_field, id_field, group_by
        self._ahead: list[ItemLike] = []
        self._left: Iterator[ItemLike] | AsyncIterator[ItemLike] = (
            aiter(inputs) if isinstance(inputs, AsyncIterable) else iter(inputs)
        )

    async def next(self) -> list[Item]:
        """The next window; empty when there are no more inputs.

        Raises:
            BadItem: an input that cannot be an item, an id given twice in this window, or no input at all.
        """
        taken = await self._taken(self.window)
        if not taken and self.read:
            return []
        text_field, id_field, group_by = self._fields
        items = as_items(taken, text_field=text_field, id_field=id_field, group_by=group_by, start=self.read)
        self.read += len(items)
        return items

    async def more(self) -> bool:
        """Whether there is another input; reads one ahead to know."""
        self._ahead = await self._taken(1)
        return bool(self._ahead)

    async def _taken(self, most: int) -> list[ItemLike]:
        taken, self._ahead = self._ahead, []
        if isinstance(self._left, AsyncIterator):
            while len(taken) < most and not self.ended:
                try:
                    taken.append(await anext(self._left))
                except StopAsyncIteration:
                    self.ended = True
            return taken
        taken += islice(self._left, most - len(taken))
        self.ended = len(taken) < most
        return taken

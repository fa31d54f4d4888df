"""Items: what a caller wants answered, one by one, whatever shape it came in.

Does not know: tasks, tokens, packs, or whether a text is too long for a model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Protocol, runtime_checkable

from schemas.columns import Columns
from schemas.errors import BadItem

ItemId = str | int
"""The caller's own name for an input; the input's index when the caller gives none."""


@dataclass(frozen=True, slots=True)
class Item:
    """One input.

    Attributes:
        id: the caller's id, unique within a run.
        text: what the model is shown; data, never an instruction.
        group: items share packs only within a group, and costs are told by group; None for all in one.
        depends_on: ids of items whose answers this one needs; such items cannot be packed.
        human_step: what a person has to do before this item can be asked, if anything; neither can these.
    """

    id: ItemId
    text: str
    group: str | None = None
    depends_on: tuple[ItemId, ...] = ()
    human_step: str = ""


_ITEMS: Columns[Item] = Columns(Item)


def items_of(ids: Sequence[ItemId], texts: Sequence[str]) -> list[Item]:
    """Items without groups, dependencies or human steps.

    Args:
        ids: one per text.
        texts: of the items.
    """
    return _ITEMS.made(len(texts), ids, texts, repeat(None), repeat(()), repeat(""))


@runtime_checkable
class Dumpable(Protocol):
    """A pydantic model, seen by what we need of it."""

    def model_dump(self, *, mode: str = ...) -> dict[str, object]:
        """Return the fields as plain JSON-ready values."""
        ...


ItemLike = str | Item | Mapping[str, object] | tuple[ItemId, str] | Dumpable
"""What one input may be: a text, an ``Item``, a record, a pydantic model, or ``(id, text)``."""

GroupBy = str | Callable[[ItemLike], str]
"""The field of a record that names its group, or a function of the input."""


def as_items(
    inputs: Iterable[ItemLike],
    *,
    text_field: str | None = None,
    id_field: str | None = None,
    group_by: GroupBy | None = None,
    start: int = 0,
) -> list[Item]:
    """Turn any accepted inputs into items with unique ids.

    A record (mapping or pydantic model) with a ``text`` field is read as that text and nothing else,
    so that a label standing beside it never reaches the prompt; a record without one is shown whole,
    as compact JSON, without its id.

    Args:
        inputs: any iterable; read once.
        text_field: which field of a record is its text, when it is not ``text``.
        id_field: which field of a record is its id, when it is not ``id``.
        group_by: which field of a record names its group, or a function that does.
        start: the position of the first of them in the whole input, where that is read in parts.

    Returns:
        One item per input, in input order.

    Raises:
        BadItem: an input of another type, an id given twice, or no input at all.
    """
    if isinstance(inputs, str | bytes):
        raise BadItem(
            "The items are one string; pass a list of texts (a string would become one item per letter)."
        )
    if group_by is None and isinstance(inputs, list | tuple) and set(map(type, inputs)) == {str}:
        texts: Sequence[str] = inputs
        return items_of(range(start, start + len(texts)), texts)
    items = list(_each(inputs, text_field, id_field, group_by, start))
    if not items:
        raise BadItem("There are no items: the run would be empty.")
    ids = [item.id for item in items]
    # Where a text and a number are both names, "1" and 1 are the same one.
    if len(set(map(type, ids))) == 1 and len(set(ids)) == len(ids):
        return items
    seen: dict[str, int] = {}
    for index, item in enumerate(items, start):
        first = seen.setdefault(str(item.id), index)
        if first != index:
            raise repeated(item.id, first, index)
    return items


def repeated(item_id: ItemId, first: int, again: int) -> BadItem:
    """The error for an id that occurs twice, at these positions of the whole input."""
    return BadItem(
        f"The id {item_id!r} occurs twice: inputs number {first} and {again} (counted from 0). "
        "Ids bind answers to inputs; make them unique, or give none."
    )


def _each(
    inputs: Iterable[ItemLike],
    text_field: str | None,
    id_field: str | None,
    group_by: GroupBy | None,
    start: int,
) -> Iterator[Item]:
    for index, value in enumerate(inputs, start):
        item = _one(index, value, text_field, id_field)
        if group_by is not None:
            item = replace(item, group=_group(index, value, group_by))
        if isinstance(item.id, bool) or not isinstance(item.id, str | int):
            raise BadItem(f"Input number {index} has the id {item.id!r}: ids are strings or integers.")
        if not isinstance(item.text, str):
            raise BadItem(
                f"Input number {index} (id {item.id!r}) has a text of type {type(item.text).__name__}: "
                "texts are strings."
            )
        yield item


def _one(index: int, value: object, text_field: str | None, id_field: str | None) -> Item:
    if isinstance(value, str):
        return Item(index, value)
    if isinstance(value, Item):
        return value
    if isinstance(value, Mapping):
        return _record(index, value, text_field, id_field)
    if isinstance(value, tuple) and len(value) == 2:
        return Item(value[0], value[1])
    if isinstance(value, Dumpable):
        return _record(index, value.model_dump(mode="json"), text_field, id_field)
    raise BadItem(
        f"Input number {index} is of type {type(value).__name__}: an item is a string, a mapping, "
        "a pydantic model, an (id, text) pair or an Item."
    )


def _record(index: int, record: Mapping[str, object], text_field: str | None, id_field: str | None) -> Item:
    for field in (text_field, id_field):
        if field is not None and field not in record:
            known = ", ".join(repr(key) for key in record) or "none"
            raise BadItem(f"Input number {index} has no field {field!r}; its fields: {known}.")
    item_id = record.get(id_field or "id", index)
    if item_id is None:
        raise BadItem(f"Input number {index} has the id None: give it an id, or leave the field out.")
    if text_field is not None or "text" in record:
        text = record[text_field or "text"]
    else:
        shown = {key: value for key, value in record.items() if key != (id_field or "id")}
        try:
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise BadItem(
                f"Input number {index} (id {item_id!r}) is a record that is not plain JSON ({error}); "
                "name its text with text_field=, or convert its values."
            ) from error
    return Item(item_id, text)  # type: ignore[arg-type]  # both are checked by _each, for every input shape


def _group(index: int, value: ItemLike, group_by: GroupBy) -> str:
    if callable(group_by):
        found: object = group_by(value)
    else:
        record = value.model_dump(mode="json") if isinstance(value, Dumpable) else value
        if not isinstance(record, Mapping) or group_by not in record:
            raise BadItem(
                f"Input number {index} has no field {group_by!r} to group by: give records that have it, or "
                "a function as group_by."
            )
        found = record[group_by]
    if found is None or isinstance(found, bool) or not isinstance(found, str | int):
        raise BadItem(f"Input number {index} has the group {found!r}: groups are strings or integers.")
    return str(found)

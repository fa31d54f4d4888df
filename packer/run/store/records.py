"""Reads the journal's records back: what came back for a call, what it could use at most, numbers and lists.

Does not know: who reads them, or what a record leads to.
"""

from __future__ import annotations

from decimal import Decimal

from packer.pacing import Need
from packer.run.flow.ask import Reply
from schemas.chat import Completion, FinishReason
from schemas.item import ItemId
from schemas.usage import Usage
from schemas.written import NotOurs, error_read, read


def reply_read(body: dict[str, object]) -> tuple[Reply, Decimal | None]:
    """What came back for a call, as it was written down, and what it cost.

    Raises:
        NotOurs: it was written otherwise.
    """
    if isinstance(error := body.get("error"), dict):
        return error_read(error), None
    reply, cost = body["reply"], body["cost_usd"]
    if not isinstance(reply, dict):
        raise NotOurs("a reply that is no object")
    made = Completion(
        str(reply["text"]),
        FinishReason(reply["finish_reason"]),
        read(Usage, reply["usage"]),
        str(reply["model"]),
    )
    return made, None if cost is None else Decimal(str(cost))


def need_read(body: dict[str, object]) -> Need:
    """The most that a call could use.

    Raises:
        ValueError: it was written otherwise.
    """
    into, out = listed(body["most"])
    return Need(number(into), number(out))


def number(value: object) -> int:
    """A whole number.

    Raises:
        NotOurs: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotOurs("a number is expected")
    return value


def seconds(value: object) -> float:
    """A time, or how long something took.

    Raises:
        NotOurs: it is none.
    """
    if not isinstance(value, int | float):
        raise NotOurs("seconds are expected")
    return float(value)


def listed(value: object) -> list[object]:
    """A list.

    Raises:
        NotOurs: it is none.
    """
    if not isinstance(value, list):
        raise NotOurs("a list is expected")
    return value


def id_read(value: object) -> ItemId:
    """An input's id.

    Raises:
        NotOurs: it is none.
    """
    if not isinstance(value, str | int):
        raise NotOurs("an id is a string or a number")
    return value

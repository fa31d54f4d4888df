"""Our frozen dataclasses as plain JSON, and back: what a store keeps of results, replies and sums.

Reading goes by the classes' own type hints, and makes nothing that they do not name. Does not know: where
the JSON is kept, or what it means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from schemas import errors
from schemas.errors import ClientError
from schemas.output import Mismatch, Output

T = TypeVar("T")

UNTOLD = "its words were not kept"
"""Stands for a provider's message, which may quote the input."""


class NotOurs(ValueError):
    """JSON that no value of the wanted kind can have been written as."""


def dumps(value: object) -> str:
    """Compact JSON, ASCII only, so that half a surrogate pair survives any encoding."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=True)


def loads(text: str) -> dict[str, object]:
    """Read a JSON object.

    Raises:
        NotOurs: it is none.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotOurs(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise NotOurs(f"not an object but a {type(found).__name__}")
    return found


def written(value: object) -> object:
    """A value as plain JSON; what is unknown to it (the caller's own values) must be plain JSON already."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: written(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(written(key)): written(each) for key, each in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [written(each) for each in value]
    return value


def fields_written(value: object) -> dict[str, object]:
    """A dataclass as a JSON object."""
    body = written(value)
    assert isinstance(body, dict)  # noqa: S101  # a dataclass is written as an object
    return body


def answer_written(output: Output[T], value: object) -> object:
    """A value of the task's as JSON, to be shown; in words where it cannot be written as an answer.

    A caller's own type may hold what no reply can say again (NaN, what a validator has changed).
    """
    try:
        return output.encode(value)
    except (Mismatch, RecursionError):
        return str(value)


def answers_written(output: Output[T], values: Sequence[object]) -> list[object]:
    """``answer_written`` of many values; labels, which come again and again, are worked out once each."""
    if set(map(type, values)) != {str}:
        return [answer_written(output, value) for value in values]
    known = {value: answer_written(output, value) for value in dict.fromkeys(values)}
    return [known[value] for value in values]


def read(kind: type[T], value: object) -> T:
    """Make a value of a dataclass from its JSON.

    Raises:
        NotOurs: it does not fit.
    """
    try:
        made = _read(kind, value)
    except (TypeError, ValueError, ArithmeticError, KeyError) as error:
        raise NotOurs(f"not a {kind.__name__}: {error}") from None
    assert isinstance(made, kind)  # noqa: S101  # _read makes what it is told to
    return made


def _read(kind: object, value: object) -> object:
    origin, args = get_origin(kind), get_args(kind)
    if kind is object or isinstance(kind, TypeVar):
        return value
    if origin in (Union, UnionType):
        return _one_of(args, value)
    if origin is Literal:
        if value not in args:
            raise TypeError(f"one of {args} is expected, not {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(f"a list is expected, not {type(value).__name__}")
        return tuple(_read(args[0], each) for each in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise TypeError(f"an object is expected, not {type(value).__name__}")
        return {_read(args[0], key): _read(args[1], each) for key, each in value.items()}
    plain = origin or kind
    if not isinstance(plain, type):
        raise TypeError(f"nothing is read as {kind!r}")
    if is_dataclass(plain):
        if not isinstance(value, dict):
            raise TypeError(f"an object is expected, not {type(value).__name__}")
        hints = _hints(plain)
        return plain(**{name: _read(hints[name], each) for name, each in value.items()})
    if issubclass(plain, Enum):
        return plain(value)
    if plain is Decimal:
        return Decimal(str(value))
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise TypeError(f"{plain.__name__} is expected, not {type(value).__name__}")
    return value


def _one_of(kinds: tuple[object, ...], value: object) -> object:
    if value is None and NoneType in kinds:
        return None
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _read(kind, value)
            except (TypeError, ValueError, ArithmeticError):
                continue
    raise TypeError(f"none of {kinds} reads {type(value).__name__}")


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind)


def error_written(error: ClientError, *, told: bool) -> dict[str, object]:
    """An error that came instead of a reply.

    Args:
        error: as it came.
        told: whether its message may be kept; a provider's message may quote the input.
    """
    # A caller's client may raise kinds of its own; what we know of them is the kind of ours they are.
    kind = next(each for each in type(error).__mro__ if getattr(errors, each.__name__, None) is each)
    return {
        "kind": kind.__name__,
        "message": str(error) if told else UNTOLD,
        "provider": error.provider,
        "transient": error.transient,
        "status": error.status,
    }


def error_read(body: Mapping[str, object]) -> ClientError:
    """The error again, without the SDK's own.

    Raises:
        NotOurs: no error of ours goes by that name.
    """
    kind = getattr(errors, str(body.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, ClientError)):
        raise NotOurs(f"there is no error {body.get('kind')!r}")
    status = body.get("status")
    return kind(
        str(body.get("message")),
        provider=str(body.get("provider")),
        transient=bool(body.get("transient")),
        status=status if isinstance(status, int) else None,
    )

"""An answer's inside: its value behind the evidence, and its leaves by path.

Does not know: schemas, entries, or why anybody would change a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.evidence import QUOTES_KEY, VALUE_KEY

Path = tuple[str, ...]


def has_evidence(answer: object) -> bool:
    """Whether the answer carries its quotes with it."""
    return isinstance(answer, Mapping) and set(answer) == {QUOTES_KEY, VALUE_KEY}


def inner(answer: object) -> object:
    """The value itself, without its evidence."""
    return answer[VALUE_KEY] if isinstance(answer, Mapping) and has_evidence(answer) else answer


def with_inner(answer: object, value: object) -> object:
    """The same answer, evidence kept, with another value."""
    return {**answer, VALUE_KEY: value} if isinstance(answer, Mapping) and has_evidence(answer) else value


def leaves(value: object, path: Path = ()) -> Iterator[Path]:
    """Paths through objects to all that is no object; a list is one leaf."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from leaves(each, (*path, str(name)))
    else:
        yield path


def look_up(value: object, path: Path) -> tuple[bool, object]:
    """Whether there is something at a path, and what."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False, None
        value = value[name]
    return True, value


def changed(value: object, path: Path, new: object) -> object:
    """The same value with another leaf."""
    if not path:
        return new
    assert isinstance(value, Mapping)  # noqa: S101  # the path came from leaves()
    return {**value, path[0]: changed(value[path[0]], path[1:], new)}

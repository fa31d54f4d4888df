"""Whether two answers say the same: plain JSON, compared as a person would compare it.

Letters' case, width and outer punctuation, spaces, ``12`` or ``12.0``, the order of a set of labels, and the
way of saying nothing (``""``, null, no key at all) make no difference. Any JSON can be compared, however
deep. Does not know: schemas, or which of the two answers is right.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping

_OUTER = " .,;:\"'`´‘’‚‛“”„‟«»‹›"
_CLOSE = 1e-9


def same(a: object, b: object) -> bool:
    """Whether two answers agree.

    Args:
        a: an answer as plain JSON.
        b: another one; the order of the two does not matter.

    Returns:
        True where nothing but form differs. Whole numbers are compared exactly, others to 1e-9 of their
        size; true and false are no numbers. Lists of nothing but texts are sets of labels, each as often
        as it occurs; other lists are compared place by place.
    """
    pairs = [(a, b)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, Mapping) or isinstance(other, Mapping):
            inside = _both(one, other)
            if inside is None:
                return False
            pairs += inside.values()
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            if all(isinstance(each, str) for each in (*one, *other)):
                if Counter(map(_plain, one)) != Counter(map(_plain, other)):
                    return False
            else:
                pairs += zip(one, other, strict=True)
        elif not _same_leaf(one, other):
            return False
    return True


def fields(a: object, b: object) -> dict[str, bool]:
    """Which fields differ.

    Args:
        a: an answer as plain JSON.
        b: another one.

    Returns:
        For each field whether it differs; a field inside a field as ``outer.inner``, deeper ones count for
        that. Empty where the answers have no fields.
    """
    found: dict[str, bool] = {}
    for name, (one, other) in (_both(a, b) or {}).items():
        inner = _both(one, other)
        pairs = {f"{name}.{under}": pair for under, pair in inner.items()} if inner else {name: (one, other)}
        for path, pair in pairs.items():
            found[path] = found.get(path, False) or not same(*pair)
    return found


def _both(a: object, b: object) -> dict[str, tuple[object, object]] | None:
    """The values of two objects by name; nothing at all stands for an object without values."""
    one: object = {} if _silent(a) else a
    other: object = {} if _silent(b) else b
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return None
    return {str(name): (one.get(name), other.get(name)) for name in {**one, **other}}


def _same_leaf(a: object, b: object) -> bool:
    if _silent(a) or _silent(b):
        return _silent(a) and _silent(b)
    if isinstance(a, str) and isinstance(b, str):
        return _plain(a) == _plain(b)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _same_number(a, b)
    return type(a) is type(b) and a == b


def _same_number(a: float, b: float) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    try:
        return math.isclose(a, b, rel_tol=_CLOSE) or (math.isnan(a) and math.isnan(b))
    except OverflowError:  # a whole number beyond all floats is near none of them
        return False


def _silent(value: object) -> bool:
    """Whether a value says nothing."""
    return value is None or (isinstance(value, str) and not _plain(value))


def _plain(text: str) -> str:
    """A text without what is only its form."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words = " ".join(folded.split())
    bare = words.strip(_OUTER)
    # The point of ".5" is no punctuation.
    at = words.find(bare)
    return f".{bare}" if bare[:1].isdecimal() and words[at - 1 : at] == "." else bare

"""Faults on a reply's entries, and which texts they cost.

Pure: entries in, entries out. Who is affected is found by comparing what is left with the truth, so it
is exact however many faults meet: a swap of two equal answers affects nobody. Does not know: JSON
envelopes, prompts, or the wire.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from packer.testing.faults import FaultKind, Inject, Moves, Written
from packer.testing.leaves import changed, inner, leaves, look_up, with_inner
from schemas.evidence import QUOTES_KEY

NESTING = 100_000
DIGITS = 5_000
"""More than CPython's ``int`` reads by default."""

OUTSIDE = "label-outside-the-set"


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Entries after one injection.

    Attributes:
        entries: what is left to be written.
        times: how often the fault was done; 0 when chance spared the call or the fault does not apply.
        raw: JSON that no JSON writer would write, by the string that stands for it in the answers.
    """

    entries: tuple[Written, ...]
    times: int = 0
    raw: Mapping[str, str] | None = None


def spoil(entries: Sequence[Written], inject: Inject, random: Random) -> Spoiled:
    """Do one kind of fault to a reply's entries.

    Args:
        entries: in the reply's order.
        inject: what, how often, to whom; a kind that does not work on entries changes nothing.
        random: where all chance comes from.
    """
    now, times, raw = list(entries), 0, {}
    hits = inject.struck(len(now), random)
    if inject.kind in _RAW:
        for at in hits:
            token = f"raw-{random.getrandbits(64):016x}"
            raw[token] = _RAW[inject.kind](inner(now[at].answer))
            now[at] = replace(now[at], answer=with_inner(now[at].answer, token))
        return Spoiled(tuple(now), len(hits), raw)
    mangle = _MANGLES.get(inject.kind)
    if mangle is None:
        return Spoiled(tuple(now))
    # Whoever reorders once has reordered; and from the end, so that a dropped entry moves no other victim.
    for at in hits[:1] if inject.kind is FaultKind.REORDER else reversed(hits):
        after = mangle(list(now), at, inject, random)
        if [_shape(each) for each in after] != [_shape(each) for each in now]:
            now, times = after, times + 1
    return Spoiled(tuple(now), times)


def wrong(truth: Sequence[Written], entries: Iterable[Written]) -> tuple[str, ...]:
    """The texts whose entry is missing, or not what it should be, among these entries."""
    found: dict[str | int, set[str]] = {}
    for each in entries:
        found.setdefault(each.handle, set()).add(_shape(each))
    bad = (each.text for each in truth if found.get(each.handle) != {_shape(each)})
    return tuple(dict.fromkeys(bad))


def same(one: object, other: object) -> bool:
    """Whether two answers are the same JSON; 1, 1.0 and true are three."""
    return _dump(one) == _dump(other)


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _shape(entry: Written) -> str:
    return f"{entry.handle!r} {_dump(dict(entry.binding))} {_dump(entry.answer)}"


def _moved(to: Written, source: Written, moves: Moves) -> Written:
    if moves is Moves.ENTRY:
        return replace(to, binding=source.binding, answer=source.answer)
    return replace(to, answer=with_inner(to.answer, inner(source.answer)))


def _rest(entries: list[Written], at: int) -> list[Written]:
    """The others, nearest first."""
    order = sorted(range(len(entries)), key=lambda index: (abs(index - at), -index))
    return [entries[index] for index in order if index != at]


def _stranger(entries: list[Written], random: Random) -> str | int:
    """An id that looks like the others and is none of them."""
    taken = {str(each.handle) for each in entries}
    handle = entries[0].handle
    stem, digits = re.fullmatch(r"(.*?)(\d*)", str(handle), re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    number = max([int(found[0]) for name in taken if (found := re.search(r"\d{1,15}$", name))], default=0)
    number += random.randint(1, 20)
    while f"{stem}{number}" in taken:
        number += 1
    return number if isinstance(handle, int) else f"{stem}{number}" if digits else f"{stem}_{number}"


def _drop(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    return entries[:at] + entries[at + 1 :]


def _duplicate(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    entries.insert(random.randint(at + 1, len(entries)), entries[at])
    return entries


def _extra(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    entries.insert(at + 1, replace(entries[at], handle=_stranger(entries, random)))
    return entries


def _foreign_id(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    entries[at] = replace(entries[at], handle=_stranger(entries, random))
    return entries


def _renumber(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    if len(entries) < 2:
        return entries
    closed = [_moved(entries[i], entries[i + 1], inject.moves) for i in range(at, len(entries) - 1)]
    return entries[:at] + closed


def _reorder(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    mixed = random.sample(entries, len(entries))
    return entries[1:] + entries[:1] if mixed == entries else mixed


def _swap(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    if len(entries) < 2:
        return entries
    one, other = (at, at + 1) if at + 1 < len(entries) else (at - 1, at)
    first, second = entries[one], entries[other]
    entries[one], entries[other] = _moved(first, second, inject.moves), _moved(second, first, inject.moves)
    return entries


def _shift(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    tail = entries[at:]
    turned = tail[1:] + tail[:1]
    return entries[:at] + [_moved(to, source, inject.moves) for to, source in zip(tail, turned, strict=True)]


def _copy_neighbour(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    for source in _rest(entries, at)[:1]:
        entries[at] = _moved(entries[at], source, inject.moves)
    return entries


def _foreign_quote(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    own = entries[at]
    for source in _rest(entries, at):
        if "quote" in own.binding and source.binding.get("quote", "") not in ("", own.binding["quote"]):
            entries[at] = replace(own, binding={**own.binding, "quote": source.binding["quote"]})
            return entries
        paths = [path for path in leaves(own.answer) if path[:1] == (QUOTES_KEY,) and len(path) > 1]
        for path in random.sample(paths, len(paths)):
            found, theirs = look_up(source.answer, path)
            if found and theirs not in (None, []) and not same(theirs, look_up(own.answer, path)[1]):
                entries[at] = replace(own, answer=changed(own.answer, path, theirs))
                return entries
    return entries


def _foreign_value(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    own = inner(entries[at].answer)
    paths = [*leaves(own)]
    for source in _rest(entries, at):
        for path in random.sample(paths, len(paths)):
            found, theirs = look_up(inner(source.answer), path)
            if found and not same(theirs, look_up(own, path)[1]):
                answer = with_inner(entries[at].answer, changed(own, path, theirs))
                entries[at] = replace(entries[at], answer=answer)
                return entries
    return entries


def _wrong_type(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    answer = entries[at].answer
    other: object = "wrong type" if isinstance(inner(answer), int | float) else 7
    entries[at] = replace(entries[at], answer=with_inner(answer, other))
    return entries


def _unknown_label(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    own = inner(entries[at].answer)
    for path in leaves(own):
        value = look_up(own, path)[1]
        new = (
            OUTSIDE if isinstance(value, str) else [OUTSIDE, *value[1:]] if isinstance(value, list) else None
        )
        if new is not None:
            entries[at] = replace(entries[at], answer=with_inner(entries[at].answer, changed(own, path, new)))
            break
    return entries


def _duplicate_keys(entries: list[Written], at: int, inject: Inject, random: Random) -> list[Written]:
    for source in _rest(entries, at):
        twin = replace(entries[at], answer=source.answer)
        if not same(twin.answer, entries[at].answer):
            return [*entries[: at + 1], twin, *entries[at + 1 :]]
    return entries


def _with_surrogate(value: object) -> str:
    for path in leaves(value):
        if isinstance(text := look_up(value, path)[1], str):
            return json.dumps(changed(value, path, text + "\ud800"), default=repr)
    return json.dumps("\ud800")


_RAW: dict[FaultKind, Callable[[object], str]] = {
    FaultKind.DEEP_NESTING: lambda _: "[" * NESTING + "]" * NESTING,
    FaultKind.HUGE_NUMBER: lambda _: "9" * DIGITS,
    FaultKind.NAN: lambda _: "NaN",
    FaultKind.LONE_SURROGATE: _with_surrogate,
}
_MANGLES: dict[FaultKind, Callable[[list[Written], int, Inject, Random], list[Written]]] = {
    FaultKind.DROP: _drop,
    FaultKind.DUPLICATE: _duplicate,
    FaultKind.EXTRA: _extra,
    FaultKind.FOREIGN_ID: _foreign_id,
    FaultKind.RENUMBER: _renumber,
    FaultKind.REORDER: _reorder,
    FaultKind.SWAP: _swap,
    FaultKind.SHIFT: _shift,
    FaultKind.COPY_NEIGHBOUR: _copy_neighbour,
    FaultKind.FOREIGN_QUOTE: _foreign_quote,
    FaultKind.FOREIGN_VALUE: _foreign_value,
    FaultKind.WRONG_TYPE: _wrong_type,
    FaultKind.UNKNOWN_LABEL: _unknown_label,
    FaultKind.DUPLICATE_KEYS: _duplicate_keys,
}

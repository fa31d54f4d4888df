"""What must not change when a run is taken up again, part by part, so that a refusal can name the part.

Does not know: where it is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from packer.run.options import Options
from schemas.item import Item
from schemas.task import Task
from schemas.written import dumps, written

RULES = 3
"""Raised whenever the same inputs, options and replies would be seated or read in another way than before."""

HASHED = frozenset({"inputs", "output", "examples", "label notes", "gold", "canaries"})
"""Parts kept as hashes, which say nothing to people."""

SHOWN = 60
HASHED_AT_ONCE = 512


def fingerprint_of(every: Sequence[Item], task: Task[object]) -> str:
    """Hash of the task, and of all inputs in their order."""
    digest = hashlib.sha256(task.fingerprint.encode())
    for start in range(0, len(every), HASHED_AT_ONCE):
        told = []
        for item in every[start : start + HASHED_AT_ONCE]:
            # Lengths, so that no other division of the same letters comes out the same.
            name = str(item.id)
            told.append(
                f"{type(item.id).__name__} {len(name)} {len(item.text)} {item.group!r}\0{name}{item.text}"
            )
        digest.update("".join(told).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def parts_of(every: Sequence[Item], task: Task[object], model: str, options: Options) -> dict[str, object]:
    """The parts by name, as plain JSON."""
    # A profile may be at another place next time; what was taken from it is in the journal. Texts of gold and
    # canaries belong to the caller, and a store may be told to keep none.
    apart = ("reject", "doubt", "stop", "gold", "canaries", "profile")
    given = options.guard
    guard = {each.name: getattr(given, each.name) for each in fields(given) if each.name not in apart}
    kinds = {name: sorted(getattr(options.guard, name)) for name in ("reject", "doubt", "stop")}
    gate = options.review
    return {
        "rules of packing and reading": RULES,
        "inputs": fingerprint_of(every, replace(task, instruction="-")),
        "number of inputs": len(every),
        "instruction": task.instruction,
        "output": _hash(task.output.schema),
        "examples": _hash([[each.text, each.answer] for each in task.examples]),
        "label notes": _hash(task.label_notes),
        "evidence": task.evidence,
        "model": model,
        "strategy": options.strategy,
        "seed": options.seed,
        "baseline": options.baseline,
        "budget": written(options.budget),
        "layout": written(options.layout),
        "fallback": written(options.fallback),
        "guard": [guard, kinds],
        "gold": _hash(given.labelled),
        "canaries": _hash(given.canaries),
        "via": None if options.via is None else "batch",
        "review gate": None if gate is None else [gate.sample, gate.by, gate.on_reject],
    }


def changes(before: Mapping[str, object], now: Mapping[str, object]) -> tuple[str, ...]:
    """What differs, in words; nothing when nothing does."""
    return tuple(
        f"{name} (not the same)"
        if name in HASHED
        else f"{name} ({_short(before.get(name))} -> {_short(now.get(name))})"
        for name in now
        if dumps(before.get(name)) != dumps(now.get(name))
    )


def _hash(value: object) -> str:
    return hashlib.sha256(dumps(written(value)).encode()).hexdigest()[:16]


def _short(value: object) -> str:
    text = dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."

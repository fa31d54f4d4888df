"""K13, a refusal meant for one item stands under others too, or under any where a value should.

"Safety in Batches" (arXiv 2608.02681): packing changes who is refused. Looks at free text, and not
where the item itself holds the words. Does not know: refusals of a whole reply, which the provider marks.
"""

from __future__ import annotations

import re

from schemas.signal import Signal, SignalKind
from splitter.match import folded
from splitter.reading import Reading

_NEEDED = (
    *("sorry", "unable", "not able", "can't", "cannot", "won't", "will not", "as an ai"),
    *("against my", "against our"),
)
"""No refusal goes without one of these; looking for them first spares a slow search."""

_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:sorry|unable|not able)\b|\bi (?:can(?:'t|not)|won't|will not) "
    r"(?:assist|help|answer|comply|provide|process|do)\b|\bas an ai\b"
    r"|\bagainst (?:my|our) (?:policy|guidelines)\b"
    r"|\bunable to (?:assist|comply|help)\b"
)


def detect(reading: Reading) -> list[Signal]:
    """Find refusals among the values."""
    refused: list[tuple[int, str]] = []
    for place, leaf in reading.looked_up.loose:
        if refused and refused[-1][0] == place:
            continue
        text = folded(leaf.text)
        said = _REFUSAL.search(text) if any(each in text for each in _NEEDED) else None
        if said is not None and said[0] not in reading.hays[place].folded:
            refused.append((place, leaf.text))
    alone = len(refused) == 1
    told = "the value is a refusal" if alone else f"{len(refused)} values of the call are refusals"
    ids = tuple(reading.ids[place] for place, _ in refused)
    return [
        Signal(
            SignalKind.REFUSAL_SPREAD,
            told,
            0.7 if alone else 1.0,
            text[:200],
            (reading.ids[place], *(each for each in ids if each != reading.ids[place])),
        )
        for place, text in refused
    ]

"""A fair sample of a run's packed answers with their seats, for the tests over the whole run.

Whole calls are drawn (reservoir sampling), so that neighbours stay together and memory stays flat. Only
first packs count: who sits in a repack is not chance. Does not know: the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from packer.render import compact
from packer.run.written import answer_written
from schemas.output import OneLabel
from schemas.pack import Pack
from schemas.result import Split, Verdict
from schemas.signal import Seated

MOST_CALLS = 500


class Gallery:
    """Calls that were drawn so far."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"gallery:{seed}")
        self._seen = 0
        self._calls: list[tuple[Pack[object], tuple[Verdict[object], ...]]] = []

    @property
    def rows(self) -> list[Seated]:
        """All answers of the calls that were drawn."""
        return [row for call in self._calls for row in _rows(*call)]

    def note(self, pack: Pack[object], done: Split[object]) -> None:
        """Look at one call, and perhaps keep it."""
        if len(pack.slots) < 3 and len(pack.asked) < 2:  # one seat at most is a canary's
            return
        self._seen += 1
        if len(self._calls) < MOST_CALLS:
            self._calls.append((pack, done.verdicts))
        elif (place := self._random.randrange(self._seen)) < MOST_CALLS:
            self._calls[place] = (pack, done.verdicts)


def _rows(pack: Pack[object], verdicts: Sequence[Verdict[object]]) -> list[Seated]:
    rows = []
    for position, verdict in enumerate(verdicts):
        if not verdict.accepted or verdict.slot.canary is not None:
            continue
        answer = answer_written(pack.task.output, verdict.value)
        text = str(answer) if isinstance(pack.task.output, OneLabel) else compact(answer)
        rows.append(Seated(pack.id, position, verdict.slot.item.id, text, len(text), _filled(answer)))
    return rows


def _filled(answer: object) -> float:
    if not isinstance(answer, dict) or not answer:
        return 1.0
    return sum(value not in (None, "", [], {}) for value in answer.values()) / len(answer)

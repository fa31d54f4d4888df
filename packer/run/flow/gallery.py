"""A fair sample of a run's packed answers with their seats, for the tests over the whole run.

Whole calls are drawn (reservoir sampling), so that neighbours stay together and memory stays flat. Only
first packs count: who sits in a repack is not chance. Does not know: the tests.
"""

from __future__ import annotations

from random import Random

from packer.render import compact
from schemas.output import OneLabel, Output
from schemas.pack import Pack
from schemas.signal import Seated
from schemas.verdict import Split, Verdict
from schemas.written import answer_written

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
        labels: dict[str, tuple[str, int, float]] = {}
        rows: list[Seated] = []
        for pack, verdicts in self._calls:
            output, call = pack.task.output, pack.id
            for position, verdict in enumerate(verdicts):
                if verdict.reason is not None or verdict.slot.canary is not None:
                    continue
                # Labels come again and again, and are worked out once each.
                value: object = verdict.value
                told = labels.get(value) if type(value) is str else None
                if told is None:
                    told = _told(output, value)
                    if type(value) is str:
                        labels[value] = told
                rows.append(Seated(call, position, verdict.slot.item.id, *told))
        return rows

    def note(self, pack: Pack[object], done: Split[object], members: int) -> None:
        """Look at one call of so many of the caller's items, and perhaps keep it."""
        if members < 2 and len(pack.slots) < 3:  # one seat at most is a canary's
            return
        self._seen += 1
        if len(self._calls) < MOST_CALLS:
            self._calls.append((pack, done.verdicts))
        elif (place := self._random.randrange(self._seen)) < MOST_CALLS:
            self._calls[place] = (pack, done.verdicts)


def _told(output: Output[object], value: object) -> tuple[str, int, float]:
    """An answer in words, how long it is, and how full."""
    answer = answer_written(output, value)
    text = str(answer) if isinstance(output, OneLabel) else compact(answer)
    return text, len(text), _filled(answer)


def _filled(answer: object) -> float:
    if not isinstance(answer, dict) or not answer:
        return 1.0
    return sum(value not in (None, "", [], {}) for value in answer.values()) / len(answer)

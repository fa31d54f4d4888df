"""The guard: which signals reject an answer, which make it doubtful, and which stop the run; as data.

The defaults were chosen by measurement: docs/bleed.md has each kind's catch and false-alarm rate.
Does not know: how signals are found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import UsageError
from schemas.signal import Action, Signal, SignalKind

REJECT = frozenset(
    {
        SignalKind.SHIFT,
        SignalKind.MISBOUND,
        SignalKind.FOREIGN_EVIDENCE,
        SignalKind.FOREIGN_VALUE,
        SignalKind.CROSS_REFERENCE,
        SignalKind.REFUSAL_SPREAD,
        SignalKind.SECOND_LOOK,
        SignalKind.CANARY,
    }
)
DOUBT = frozenset({SignalKind.UNBOUND, SignalKind.UNGROUNDED, SignalKind.REPETITION, SignalKind.REPAIRED})
LEAST_STRENGTH = 0.5


@dataclass(frozen=True, slots=True)
class Canary:
    """An input whose answer is known beyond doubt, planted among the items.

    Attributes:
        text: looks like an item.
        answer: what the model says of it when asked alone, every time.
    """

    text: str
    answer: object


@dataclass(frozen=True, slots=True)
class Guard:
    """What is done about signals. A kind in none of the sets is noted on the result and nothing more.

    Attributes:
        reject: answers with one of these go down the ladder.
        doubt: answers with one of these are kept and marked doubtful.
        stop: one of these ends the run; what is settled stays settled.
        least_strength: weaker signals are noted only.
        second_look: ask doubtful items once more among new neighbours; two answers that agree confirm
            each other, two that differ send the item down the ladder. Costs calls.
        canaries: planted one to a pack, in turn; a pack that gets its canary wrong is rejected whole.
            Costs about one item's tokens a pack.

    Example:
        >>> from packer import Guard
        >>> from schemas.signal import SignalKind
        >>> Guard(reject=Guard().reject - {SignalKind.FOREIGN_VALUE}).second_look
        False
    """

    reject: frozenset[SignalKind] = REJECT
    doubt: frozenset[SignalKind] = DOUBT
    stop: frozenset[SignalKind] = frozenset()
    least_strength: float = LEAST_STRENGTH
    second_look: bool = False
    canaries: tuple[Canary, ...] = ()

    def __post_init__(self) -> None:
        for name in ("reject", "doubt", "stop"):
            if unknown := [kind for kind in getattr(self, name) if kind not in set(SignalKind)]:
                raise UsageError(
                    f"Guard({name}=...) names {unknown[0]!r}; kinds of signals are: "
                    f"{', '.join(sorted(SignalKind))}."
                )
        if not 0 <= self.least_strength <= 1:
            raise UsageError(f"Guard(least_strength={self.least_strength!r}) must lie between 0 and 1.")
        texts = [canary.text for canary in self.canaries]
        if len(set(texts)) < len(texts) or not all(text.strip() for text in texts):
            raise UsageError("Guard(canaries=...): canaries need texts, each another one.")

    def action(self, signal: Signal) -> Action:
        """What is to be done about one signal."""
        if signal.strength < self.least_strength:
            return Action.NOTE
        for action, kinds in (
            (Action.STOP, self.stop),
            (Action.REJECT, self.reject),
            (Action.DOUBT, self.doubt),
        ):
            if signal.kind in kinds:
                return action
        return Action.NOTE

    def strictest(self, signals: Iterable[Signal]) -> tuple[Action, Signal | None]:
        """The strictest action that any of these signals asks for, and the signal that does."""
        worst: tuple[Action, Signal | None] = (Action.NOTE, None)
        for signal in signals:
            action = self.action(signal)
            if _RANK[action] > _RANK[worst[0]]:
                worst = (action, signal)
        return worst


OFF = Guard(reject=frozenset(), doubt=frozenset())
"""Signals are still on the results; nothing is done about them."""

_RANK = {Action.NOTE: 0, Action.DOUBT: 1, Action.REJECT: 2, Action.STOP: 3}

"""The guard as data: what signals lead to, what is audited, and what is promised.

The defaults were chosen by measurement: docs/bleed.md has each kind's catch and false-alarm rate.
Does not know: how signals are found, or how a promise is proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.calibration import PromiseKind
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
AUDITED, TWICE, COLLAPSE = 0.02, 0.25, 0.2

Unproven = Literal["single", "pack"]


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
class Gold:
    """An input and the answer that people gave.

    Attributes:
        text: the item.
        answer: in the task's own terms.
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
        audit: this share of packed answers, drawn by chance, is asked again alone and held against them;
            rounded down, so that small runs audit nothing. 0 turns audits off.
        audit_twice: this share of audited items is asked alone twice, to measure the model's own noise.
        collapse: when the audit shows with confidence that packing changes more than this share of answers,
            the run stops; None never stops it. With a promise the run goes on with smaller packs or singles.
        max_bleed: promise that packed answers differ from single ones by at most this share beyond the
            model's own noise. Sizes are tried before the run; where none holds, items are asked alone.
        max_accuracy_loss: promise that packing costs at most this share of right answers; needs ``gold``.
        gold: inputs with the answers people gave, as pairs or a mapping; also tells the audit harm from help.
        confidence: of promises and intervals.
        profile: a file that keeps what was tried: read if it is there, else written. The same task and
            model then need no second calibration.
        unproven: what to do where the run is too small to prove its promise: ask all items alone, or pack
            without the promise.

    Example:
        >>> from packer import Guard
        >>> from schemas.signal import SignalKind
        >>> Guard(reject=Guard().reject - {SignalKind.FOREIGN_VALUE}).second_look
        False
        >>> Guard(max_bleed=0.02).promise
        'max_bleed'
    """

    reject: frozenset[SignalKind] = REJECT
    doubt: frozenset[SignalKind] = DOUBT
    stop: frozenset[SignalKind] = frozenset()
    least_strength: float = LEAST_STRENGTH
    second_look: bool = False
    canaries: tuple[Canary, ...] = ()
    audit: float = AUDITED
    audit_twice: float = TWICE
    collapse: float | None = COLLAPSE
    max_bleed: float | None = None
    max_accuracy_loss: float | None = None
    gold: tuple[Gold, ...] | Mapping[str, object] | Iterable[tuple[str, object]] = ()
    confidence: float = 0.95
    profile: str | Path | None = None
    unproven: Unproven = "single"

    def __post_init__(self) -> None:
        object.__setattr__(self, "gold", _gold(self.gold))
        self._check_promise()
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

    @property
    def promise(self) -> PromiseKind | None:
        """What is promised; None without a promise."""
        if self.max_bleed is not None:
            return "max_bleed"
        return None if self.max_accuracy_loss is None else "max_accuracy_loss"

    @property
    def ceiling(self) -> float:
        """The promised most; 1 without a promise."""
        return next((each for each in (self.max_bleed, self.max_accuracy_loss) if each is not None), 1.0)

    @property
    def labelled(self) -> tuple[Gold, ...]:
        """The gold, whichever way it was given."""
        assert isinstance(self.gold, tuple)  # noqa: S101  # __post_init__ has made it one
        return self.gold

    def _check_promise(self) -> None:
        for name, least, most in (
            ("audit", 0.0, 1.0),
            ("audit_twice", 0.0, 1.0),
            ("collapse", 0.0, 1.0),
            ("max_bleed", 0.0, 0.5),
            ("max_accuracy_loss", 0.0, 0.5),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise UsageError(f"Guard({name}={value!r}) must lie between {least:g} and {most:g}.")
        if self.max_bleed == 0 or self.max_accuracy_loss == 0:
            raise UsageError(
                "No sample proves that nothing at all differs: promise a share above 0, or use "
                'strategy="single".'
            )
        if self.max_bleed is not None and self.max_accuracy_loss is not None:
            raise UsageError("Guard(max_bleed=..., max_accuracy_loss=...): promise one of the two.")
        if self.max_accuracy_loss is not None and not self.labelled:
            raise UsageError(
                "Guard(max_accuracy_loss=...) needs gold=: inputs with the answers people gave. Without any, "
                "max_bleed= promises that packing changes nothing."
            )
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"Guard(confidence={self.confidence!r}) must lie between 0.5 and 1, as in 0.95.")
        if self.unproven not in ("single", "pack"):
            raise UsageError(f"Guard(unproven={self.unproven!r}): choose 'single' or 'pack'.")

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


def _gold(given: object) -> tuple[Gold, ...]:
    pairs = given.items() if isinstance(given, Mapping) else given
    if not isinstance(pairs, Iterable) or isinstance(pairs, str):
        raise UsageError("Guard(gold=...) takes (text, answer) pairs, or a mapping of text to answer.")
    found: dict[str, Gold] = {}
    for each in pairs:
        if isinstance(each, Gold):
            made = each
        elif isinstance(each, tuple | list) and len(each) == 2 and isinstance(each[0], str):
            made = Gold(each[0], each[1])
        else:
            raise UsageError(f"Guard(gold=...): {str(each)[:60]!r} is no (text, answer) pair.")
        if not made.text.strip():
            raise UsageError("Guard(gold=...): a text is empty.")
        found.setdefault(made.text, made)
    return tuple(found.values())


OFF = Guard(reject=frozenset(), doubt=frozenset(), audit=0.0)
"""Signals are still on the results; nothing is done about them, and nothing is audited."""

_RANK = {Action.NOTE: 0, Action.DOUBT: 1, Action.REJECT: 2, Action.STOP: 3}

"""What a caller gets back: one result per input, and the run around them.

Does not know: how results were won, or what they are used for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from schemas.advice import Advice
from schemas.audit import Audit
from schemas.calibration import Calibration, SizeChange
from schemas.comparison import Comparison
from schemas.evidence import Quote
from schemas.item import ItemId
from schemas.ledger import Ledger
from schemas.review import Gate, Review
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trend, Trust
from schemas.usage import Usage
from schemas.verdict import Reason

T_co = TypeVar("T_co", covariant=True)


class Outcome(StrEnum):
    """How one input ended; always exactly one of these."""

    ACCEPTED = "accepted"
    HELD = "held"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class ItemResult(Generic[T_co]):
    """How one input ended.

    Attributes:
        item_id: the caller's id, or the input's index.
        outcome: accepted, held or failed; pending when the run ended before the item was settled.
        value: the answer in the task's own type; None unless accepted or held.
        route: the kind of call that settled it; None when no call was made.
        reason: why there is no value; None when there is one.
        signals: traces seen in the replies that concern this item.
        attempts: calls this item took part in.
        usage: this item's share of those calls' tokens.
        same_as: the input with the same text whose answer this is; None when it was asked itself.
        trust: how far an accepted value is to be trusted.
        quotes: the words the value rests on, where the task asks for them.
        call: names the call that settled it, as the store and the review know it; empty without one.
        unmetered_attempts: of the attempts, those whose tokens the provider did not report; ``usage`` leaves
            them out.
        cost_usd: this item's share of what its calls cost; None when no call's cost is known.
        review: what a person decided on the value; None when nobody looked at it.
    """

    item_id: ItemId
    outcome: Outcome
    value: T_co | None = None
    route: Route | None = None
    reason: Reason | None = None
    signals: tuple[Signal, ...] = ()
    attempts: int = 0
    usage: Usage = field(default_factory=Usage.none_spent)
    same_as: ItemId | None = None
    trust: Trust = Trust.CLEAN
    quotes: tuple[Quote, ...] = ()
    call: str = ""
    unmetered_attempts: int = 0
    cost_usd: Decimal | None = None
    review: Review | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RunResult(Generic[T_co]):
    """A finished run. Iterating gives one ``ItemResult`` per input, in input order.

    Attributes:
        results: one per input, in input order.
        ledger: what it took, and what one call per item would have taken.
        model: the model that was asked, as the client names it.
        counter: the token counter that sized the packs.
        elapsed_s: wall seconds from the first call to the last answer.
        stopped: why the run ended early; None when it ran to its end.
        trends: tests over all packed answers of the run; empty where nothing was packed.
        reply_signals: traces that concern whole replies, such as prose around the JSON: how many replies
            showed each kind.
        envelope: the reply's shape that was used; another than asked for where the provider could not be
            held to it.
        fingerprint: of task and inputs; a run is resumed only under the same one.
        name: the run's.
        gate: where it stands with its reviewer.
        reviews: what a reviewer decided, oldest first.
        comparisons: packing beside other ways of asking: over all items, then by group.
        advice: what was said before the first call of packing these inputs.
        strategy: how packs were asked: what ``"auto"`` came to.
        audit: packed answers held against single ones; None where nothing was packed.
        calibration: what the guard's promise came to; None without a promise.
        size_changes: packs that became larger or smaller while the run went on.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import ScriptedClient
        >>> task = Task.classify("Sentiment of a review.", ["good", "bad"])
        >>> run = pack_and_run([("a", "Great."), ("b", " ")], task, client=ScriptedClient({"Great.": "good"}))
        >>> [(each.item_id, each.value, str(each.outcome)) for each in run]
        [('a', 'good', 'accepted'), ('b', None, 'failed')]
        >>> print(run.results[1].reason)
        empty_text: the text is empty; nothing was asked
    """

    results: tuple[ItemResult[T_co], ...]
    ledger: Ledger
    model: str
    counter: str
    elapsed_s: float
    stopped: str | None = None
    trends: tuple[Trend, ...] = ()
    reply_signals: Mapping[SignalKind, int] = field(default_factory=dict)
    envelope: str = ""
    fingerprint: str = ""
    name: str = ""
    gate: Gate = Gate.NONE
    reviews: tuple[Review, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    advice: tuple[Advice, ...] = ()
    strategy: str = ""
    audit: Audit | None = None
    calibration: Calibration | None = None
    size_changes: tuple[SizeChange, ...] = ()

    def __repr__(self) -> str:
        ended = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"RunResult({len(self):,} items: {ended}; {self.ledger.calls:,} calls of {self.model})"

    def _repr_html_(self) -> str:
        from schemas.notebook_views import run_view

        return run_view(self)

    def __iter__(self) -> Iterator[ItemResult[T_co]]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def values(self) -> list[T_co | None]:
        """The values in input order; None where an input failed, or is held for a review."""
        return [each.value if each.outcome is Outcome.ACCEPTED else None for each in self.results]

    @property
    def released(self) -> tuple[ItemResult[T_co], ...]:
        """The results that may go on: those with a value; none while the run waits for its reviewer."""
        if self.gate not in (Gate.NONE, Gate.PASSED):
            return ()
        return tuple(each for each in self.results if each.outcome is Outcome.ACCEPTED)

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many inputs ended how."""
        every = [result.outcome for result in self.results]
        # A member's hash is dear, and a run's name in a log counts them all.
        return Counter({each: count for each in Outcome if (count := every.count(each))})

    @property
    def pending(self) -> tuple[ItemResult[T_co], ...]:
        """The inputs that the run ended too early for; running again asks these."""
        return tuple(result for result in self.results if result.outcome is Outcome.PENDING)

    @property
    def doubtful(self) -> tuple[ItemResult[T_co], ...]:
        """The inputs whose accepted value a person may want to look at."""
        return tuple(result for result in self.results if result.trust is Trust.DOUBTFUL)

    @property
    def unresolved(self) -> tuple[ItemResult[T_co], ...]:
        """The inputs that have no accepted value."""
        return tuple(result for result in self.results if result.outcome is not Outcome.ACCEPTED)

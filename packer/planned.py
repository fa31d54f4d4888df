"""A plan: who is asked in which calls, what it takes, and what speaks against it.

Does not know: how it was made, or how it is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from packer.budget import Allowance
from packer.cost.expect import Forecast
from packer.packs import Packs
from packer.promising import NO_TRIAL, TrialPlan
from packer.seating import Seating
from schemas.advice import Advice
from schemas.comparison import Comparison
from schemas.item import Item, ItemId
from schemas.ledger import Baseline
from schemas.pack import Pack
from schemas.result import ItemResult
from schemas.settings import Strategy
from schemas.ways import Choice

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Plan(Generic[T_co]):
    """What a run will do.

    Attributes:
        items: all inputs, in input order.
        packs: the calls, in the order in which they are sent; each is made when it is looked at.
        sample: calls that ask one item alone before any pack, as the baseline.
        trial: how pack sizes are tried first, where something is promised.
        not_worth: why trying them does not pay; empty where it does, or nothing is promised.
        strategy: how packs are asked: what ``"auto"`` came to.
        choice: what the planner says of packing these items; None where it was not asked.
        refused: inputs that no call will be spent on, with the reason.
        same_as: inputs whose text was seen before, and the input that is asked for them.
        counter: the counter's name.
        input_tokens: prompt tokens of all packs as counted, chat templates not included.
        reply_tokens: reply tokens that room is kept for; ``forecast`` says what is expected.
        worst_case_calls: calls if everything that can go wrong does.
        allowance: the room each pack had.
        baseline: one call per distinct text.
        seating: the plan in plain numbers.
        forecast: what the calls will take when every reply is good, in tokens and money.
        advice: what speaks against packing these inputs, or this task.
    """

    items: tuple[Item, ...]
    packs: Packs[T_co]
    sample: tuple[Pack[T_co], ...]
    refused: tuple[ItemResult[T_co], ...]
    same_as: dict[ItemId, ItemId]
    counter: str
    input_tokens: int
    reply_tokens: int
    worst_case_calls: int
    allowance: Allowance
    baseline: Baseline
    seating: Seating[T_co]
    forecast: Forecast
    advice: tuple[Advice, ...]
    trial: TrialPlan = NO_TRIAL
    not_worth: str = ""
    strategy: Strategy = "pack"
    choice: Choice | None = None

    def __repr__(self) -> str:
        return f"Plan({self._asked})"

    @property
    def audits(self) -> int:
        """Calls that hold packed answers against single ones."""
        return len(self.seating.audited) + len(self.seating.twice)

    @property
    def calls(self) -> int:
        """Calls when every reply is good; those that try sizes come on top."""
        return len(self.sample) + len(self.packs) + self.audits

    @property
    def comparison(self) -> Comparison | None:
        """Whether packing pays, going by the forecast; None where nothing is packed."""
        return self.forecast.comparison

    @property
    def _asked(self) -> str:
        """Who is asked, on one line."""
        return (
            f"{len(self.items):,} items: {self.forecast.alone.calls:,} to ask in {self.calls:,} calls, "
            f"{len(self.same_as):,} repeated texts, {len(self.refused):,} refused"
        )

    @property
    def _promise(self) -> list[str]:
        if not self.not_worth:
            return []
        items = len(self.seating.text_tokens)
        return [f"promise: needs about {self.trial.needed:,} audits for {items:,} items; {self.not_worth}"]

    def _repr_html_(self) -> str:
        from schemas.notebook import table, view, words

        packed, alone = self.forecast.packed, self.forecast.alone
        rows = [
            ("calls", self.calls, alone.calls),
            ("calls at the very worst", self.worst_case_calls, ""),
            ("input tokens", packed.input_tokens, alone.input_tokens),
            ("reply tokens, expected", packed.output_tokens, alone.output_tokens),
            ("USD, expected", packed.cost_usd, alone.cost_usd),
        ]
        if self.trial.items and not self.not_worth:
            rows.insert(2, ("calls to try sizes, up to", self.trial.most_calls, ""))
        refused = [(str(each.item_id), str(each.reason or "")) for each in self.refused]
        return view(
            self._asked,
            words(self.choice.words if self.choice is not None else None),
            words(self.comparison.verdict if self.comparison is not None else None),
            words(*self._promise, *(f"advice: {each}" for each in self.advice)),
            table(("", "packed", "one by one"), rows),
            table(("refused", "why"), refused, texts=2),
            words(f"counted by {self.counter}; replies as by {packed.rests_on}"),
        )

    def __str__(self) -> str:
        alone = self.forecast.alone
        return "\n".join(
            [
                f"{len(self.items):,} items: {alone.calls:,} to ask, {len(self.same_as):,} repeated texts, "
                f"{len(self.refused):,} refused",
                f"{'':<22}{'packed':>12} {'one by one':>12}",
                f"{'calls':<22}{self.calls:>12,} {alone.calls:>12,}",
                f"{'  at the very worst':<22}{self.worst_case_calls:>12,}",
                *(
                    [f"{'  to try sizes, up to':<22}{self.trial.most_calls:>12,}"]
                    if self.trial.items and not self.not_worth
                    else []
                ),
                *self.forecast.rows,
                f"counted by {self.counter}",
                *self._promise,
                *([f"planner: {self.choice.words}"] if self.choice is not None else []),
                *(f"advice: {each}" for each in self.advice),
            ]
        )

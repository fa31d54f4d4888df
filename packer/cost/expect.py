"""What a plan's calls will take when every reply is good: tokens as a provider counts them, and money.

Prompts are counted to the token; replies are written out with typical answers, in the very envelope that is
asked for, and counted. What a provider adds is reckoned by constants with a source. Does not know: what
models will answer, which calls fail, or budgets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import cycle
from typing import TypeVar

from packer.cost.compare import CACHED_FROM_TOKENS, Spent, compare
from packer.cost.prices import Prices
from packer.cost.typical import typical
from packer.packs import Packs
from packer.render import compact, echo_of, pack_system, packed_reply, single_system
from packer.seating import Seating
from schemas.comparison import Comparison
from schemas.envelope import reply_schema
from schemas.facts import ModelFacts
from schemas.ledger import Baseline
from schemas.pack import SINGLE_HANDLE, Pack
from schemas.protocols import TokenCounter
from schemas.settings import Layout
from schemas.task import Task
from schemas.usage import Usage

T = TypeVar("T")

# OpenAI's cookbook ("How to count tokens with tiktoken"): three tokens around a message, one for its role,
# three to begin the reply. The API reference's example bears it out and shows one more that ends the reply:
# two messages of 8 tokens in all are billed as 19, a reply of 9 as 10. Qwen's and Llama's templates take five
# around a message.
MESSAGE_TOKENS, OPEN_MESSAGE_TOKENS = 4, 5
BEGIN_TOKENS = 3
END_TOKENS = 1

SHOWS_SCHEMA = ("openai", "azure", "anthropic")
"""Providers that put the schema before the prompt, and bill it; how they word it they do not say."""

REPLIES_WRITTEN = 24


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected tokens and money of some calls.

    Attributes:
        calls: exact when no reply is bad and no call fails.
        input_tokens: prompts, with what the provider adds.
        cached_tokens: the part of them that a prompt cache will hold.
        output_tokens: replies, with the token that ends each.
        template_tokens: the part of ``input_tokens`` that is the chat template.
        schema_tokens: the part of ``input_tokens`` that is the replies' schema.
        end_tokens: the part of ``output_tokens`` that ends replies.
        cost_usd: None when there is no price.
        rests_on: what the replies' length rests on, for a person.
    """

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    template_tokens: int = 0
    schema_tokens: int = 0
    end_tokens: int = 0
    cost_usd: Decimal | None = None
    rests_on: str = ""

    @property
    def usage(self) -> Usage:
        """The tokens as calls report them."""
        return Usage(self.input_tokens, self.cached_tokens, self.output_tokens)

    @property
    def wrapping_tokens(self) -> int:
        """Template and schema of one call, on average."""
        return round((self.template_tokens + self.schema_tokens) / self.calls) if self.calls else 0

    @property
    def baseline(self) -> Baseline:
        """The same as the baseline of one call per item."""
        return Baseline(self.calls, self.input_tokens, self.output_tokens)

    def plus(self, other: Expected) -> Expected:
        """These calls and the others."""
        if not other.calls:
            return self
        known = self.cost_usd is not None and other.cost_usd is not None
        return Expected(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.template_tokens + other.template_tokens,
            self.schema_tokens + other.schema_tokens,
            self.end_tokens + other.end_tokens,
            (self.cost_usd or 0) + (other.cost_usd or Decimal(0)) if known else None,
            self.rests_on or other.rests_on,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan will take, and the same items one by one.

    Attributes:
        packed: the plan's calls, those for the baseline's sample and for the audit included.
        packs: the packs among them.
        alone: one call per distinct text.
        comparison: whether packing pays, going by these, the sample left out; None where nothing is packed.
    """

    packed: Expected
    packs: Expected
    alone: Expected
    comparison: Comparison | None

    @property
    def wrapping_tokens(self) -> tuple[int, int]:
        """What the provider adds to the prompt of a packed and of a single call, as far as is expected."""
        return self.packs.wrapping_tokens, self.alone.wrapping_tokens

    @property
    def rows(self) -> list[str]:
        """Lines of a table with two columns of figures, and the verdict."""
        packed, alone = self.packed, self.alone
        shown = alone.schema_tokens > 0
        lines = [
            f"{'input tokens':<22}{packed.input_tokens:>12,} {alone.input_tokens:>12,}",
            *(
                [f"{'  schemas, estimated':<22}{packed.schema_tokens:>12,} {alone.schema_tokens:>12,}"]
                * shown
            ),
            f"{'reply tokens, expected':<22}{packed.output_tokens:>12,} {alone.output_tokens:>12,}",
        ]
        if packed.cost_usd is not None and alone.cost_usd is not None:
            lines.append(f"{'USD, expected':<22}{packed.cost_usd:>12.6f} {alone.cost_usd:>12.6f}")
        lines += [self.comparison.verdict] if self.comparison is not None else []
        return [*lines, f"replies as by {packed.rests_on}"]


def forecast(
    task: Task[T],
    packs: Packs[T],
    seating: Seating[T],
    layout: Layout,
    counter: TokenCounter,
    *,
    prompt_tokens: int,
    prices: Prices,
    facts: ModelFacts,
    answer_tokens: int | None = None,
) -> Forecast:
    """Foretell what a plan will take.

    Args:
        task: its labels or examples give typical answers.
        packs: what was planned; of one item each where nothing is packed.
        seating: who is asked, and with how many tokens.
        layout: the reply's envelope and binding.
        counter: counts.
        prompt_tokens: of the packs' prompts, as counted.
        prices: of the model; its provider decides what a prompt is billed for.
        facts: whether the provider caches prompts.
        answer_tokens: tokens of one answer, where the caller knows them.
    """
    of = _Expectations(task, layout, counter, prices, facts, answer_tokens)
    tokens = seating.text_tokens
    sample, alone = of.singles([tokens[each] for each in seating.sample]), of.singles(tokens.values())
    audits = of.singles([tokens[each] for each in (*seating.audited, *seating.twice)])
    if packs.are_alone or not packs:
        turns = of.singles([tokens[each] for (each,) in seating.bins])
        return Forecast(turns.plus(sample).plus(audits), turns, alone, None)
    shared = of.packs(packs, prompt_tokens)
    packed = shared.plus(audits)
    comparison = compare(
        Spent(packs.items, packed.calls, packed.usage, cost_usd=packed.cost_usd),
        None,
        predicted=alone.baseline,
        shared_tokens=counter.count_batch([single_system(task)])[0],
        prices=prices,
        facts=facts,
        concurrency=1,
        asked=False,
    )
    return Forecast(packed.plus(sample), shared, alone, comparison)


class _Expectations:
    def __init__(
        self,
        task: Task[object],
        layout: Layout,
        counter: TokenCounter,
        prices: Prices,
        facts: ModelFacts,
        answer_tokens: int | None,
    ) -> None:
        self._task, self._layout, self._counter = task, layout, counter
        self._prices, self._facts = prices, facts
        self._typical = typical(task, counter, answer_tokens)
        self._answers = cycle(self._typical.answers)

    def packs(self, packs: Packs[T], prompt_tokens: int) -> Expected:
        output = 0.0
        schema_tokens = 0
        for alike in packs.by_seats.values():
            schema_tokens += len(alike) * self._schema_tokens(packs[alike[0]].handles, self._layout)
            some = alike[:: -(-len(alike) // REPLIES_WRITTEN)]
            replies = [self._reply(packs[number]) for number in some]
            output += len(alike) * sum(self._counter.count_batch(replies)) / len(replies)
        output += self._typical.missing_tokens * packs.seats
        system = pack_system(self._task, self._layout)
        return self._expected(len(packs), prompt_tokens, output, schema_tokens, system)

    def singles(self, text_tokens: Collection[int]) -> Expected:
        calls, system = len(text_tokens), single_system(self._task)
        replies = [compact({SINGLE_HANDLE: answer}) for answer in self._typical.answers]
        (fixed, *written) = self._counter.count_batch([system, *replies])
        layout = Layout(envelope="lines") if self._layout.envelope == "lines" else Layout()
        return self._expected(
            calls,
            calls * fixed + sum(text_tokens),
            calls * (sum(written) / len(written) + self._typical.missing_tokens),
            calls * self._schema_tokens((SINGLE_HANDLE,), layout),
            system,
        )

    def _expected(
        self, calls: int, prompt_tokens: int, reply_tokens: float, schema_tokens: int, system: str
    ) -> Expected:
        if not calls:
            return Expected(
                rests_on=self._typical.rests_on, cost_usd=self._prices.even_usd(Usage(0, 0, 0), 1)
            )
        around = MESSAGE_TOKENS if self._prices.provider else OPEN_MESSAGE_TOKENS
        template_tokens = calls * (2 * around + BEGIN_TOKENS)
        made = Expected(
            calls,
            prompt_tokens + template_tokens + schema_tokens,
            (calls - 1) * self._cached(system),
            round(reply_tokens) + calls * END_TOKENS,
            template_tokens,
            schema_tokens,
            calls * END_TOKENS,
            None,
            self._typical.rests_on,
        )
        return replace(made, cost_usd=self._prices.even_usd(made.usage, calls))

    def _cached(self, system: str) -> int:
        if self._facts.cache not in ("key", "breakpoint"):
            return 0
        (tokens,) = self._counter.count_batch([system])
        return tokens if tokens >= CACHED_FROM_TOKENS else 0

    def _schema_tokens(self, handles: Sequence[str], layout: Layout) -> int:
        schema = reply_schema(self._task, handles, layout)
        if not schema or self._prices.provider not in SHOWS_SCHEMA:
            return 0
        return self._counter.count_batch([compact(schema)])[0]

    def _reply(self, pack: Pack[object]) -> str:
        bound = {slot.handle: slot.seal or echo_of(slot.item.text, self._layout) for slot in pack.slots}
        answers = {slot.handle: next(self._answers) for slot in pack.slots}
        return packed_reply(answers, self._layout, bound)

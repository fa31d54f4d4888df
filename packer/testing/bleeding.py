"""A model whose answers bleed at known rates: what a bleed meter is held against.

Ids and forms are perfect; only what is answered goes wrong, in shared calls alone, besides noise that single
calls have as well. What happens depends on the seed, the texts of the call, and how often just these texts
were asked before, never on time or threads. Does not know: who audits it, or how.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from packer.audit.equal import same
from packer.testing.faults import Written
from packer.testing.faulty import Answers, scripted_answer
from packer.testing.leaves import changed, leaves, look_up
from packer.testing.reader import Request, seats_of, shown_forms
from packer.testing.shape import Shape, answer_in, written
from packer.tokens import Utf8Bound
from schemas.chat import Completion, Prompt
from schemas.errors import UsageError
from schemas.evidence import VALUE_KEY
from schemas.protocols import TokenCounter
from schemas.usage import Usage


class Bleed(StrEnum):
    """Why an answer is not the one that its item alone would have got."""

    SHIFT = "shift"
    COPY = "copy"
    PULL = "pull"
    DECAY = "decay"


@dataclass(frozen=True, slots=True)
class Bled:
    """One call, as it was answered.

    Attributes:
        texts: the items it asked about, in the prompt's order.
        bleeds: for each item what changed its answer; None where nothing did, also where what it got
            from a neighbour was its own answer anyway.
        noisy: for each item whether noise redrew its answer afterwards.
    """

    texts: tuple[str, ...]
    bleeds: tuple[Bleed | None, ...]
    noisy: tuple[bool, ...]


class BleedingClient:
    """A ``Client`` whose packed answers are wrong at rates that the test knows.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing.bleeding import BleedingClient
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> texts = {f"text {n}": "good" if n % 2 else "bad" for n in range(100)}
        >>> client = BleedingClient(texts, copy=0.3)
        >>> run = pack_and_run(list(texts), task, client=client)
        >>> 0.05 < client.true_bleed < 0.3
        True
    """

    def __init__(
        self,
        answers: Answers,
        *,
        shift: float = 0.0,
        copy: float = 0.0,
        pull: float = 0.0,
        decay: float = 0.0,
        noise: float = 0.0,
        per_call_correlation: float = 0.0,
        full_at: int | None = None,
        seed: int = 0,
        name: str = "bleeding",
    ) -> None:
        """Script the answers and how they bleed.

        Args:
            answers: each text's own answer: a table, or a function of the text.
            shift: share of shared calls in which each answer moves on by one seat, the last one to the first.
            copy: share of items that get the answer given to the one before; the first of a call never.
            pull: share of items that get the most frequent answer of their call.
            decay: share of items that get another answer, none in the first seat and twice that share in the
                last; at most 0.5.
            noise: share of answers, single ones too, that are redrawn: another answer, independently each
                time.
            per_call_correlation: correlation of two items of a call in being hit; 0 strikes each by itself.
            full_at: the rates are those of calls of so many items, and smaller calls bleed less, in
                proportion to their items less one; None: all shared calls bleed alike.
            seed: of all of that.
            name: shown as the model's name.

        Raises:
            UsageError: a rate or a correlation outside 0 to 1, or ``full_at`` below 2.
        """
        rates = {"shift": shift, "copy": copy, "pull": pull, "decay": 2 * decay, "noise": noise}
        for each, rate in rates.items():
            if not 0 <= rate <= 1:
                raise UsageError(f"BleedingClient({each}=...): rates are 0 to 1, and decay at most 0.5.")
        if not 0 <= per_call_correlation < 1 or (full_at is not None and full_at < 2):
            raise UsageError("BleedingClient: per_call_correlation is 0 to below 1, full_at at least 2.")
        self.name = name
        self.context_tokens: int | None = None
        self.concurrency: int | None = None
        self._answers = answers
        self._shift, self._noise = shift, noise
        self._rates = ((Bleed.COPY, copy), (Bleed.PULL, pull), (Bleed.DECAY, decay))
        self._correlation, self._full_at, self._seed = per_call_correlation, full_at, seed
        table = answers.values() if isinstance(answers, Mapping) else ()
        self._different = list({json.dumps(answer, sort_keys=True): answer for answer in table}.values())
        self._originals = shown_forms(list(answers)) if isinstance(answers, Mapping) else {}
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._done: list[Bled] = []
        self._lock = threading.Lock()

    @property
    def ledger(self) -> list[Bled]:
        """All calls, in the order of answering; safe to read from any thread."""
        with self._lock:
            return list(self._done)

    @property
    def true_bleed(self) -> float:
        """Share of answers in shared calls that packing changed, noise not counted; 0 without any."""
        bleeds = [bleed for call in self.ledger if len(call.texts) > 1 for bleed in call.bleeds]
        return sum(bleed is not None for bleed in bleeds) / max(len(bleeds), 1)

    def counter(self) -> TokenCounter | None:
        """Bytes: the same count on every machine."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            UnscriptedPrompt: the script has no answer for a text.
        """
        request = Request.of_prompt(prompt)
        shape, seats = seats_of(request, None, self._originals)
        texts = tuple(seat.text for seat in seats)
        own = [scripted_answer(self._answers, text) for text in texts]
        with self._lock:
            self._asked[texts] += 1
            turn = self._asked[texts]
        random = Random(f"{self._seed}:{turn}:{texts!r}")
        others = self._others(shape, own)
        given, causes = (own, [None]) if len(own) < 2 else self._bled(own, others, random)
        bleeds = tuple(
            None if same(mine, got) else cause for mine, got, cause in zip(own, given, causes, strict=True)
        )
        noisy = tuple(random.random() < self._noise for _ in given)
        final = [_another(got, others, random) if hit else got for got, hit in zip(given, noisy, strict=True)]
        with self._lock:
            self._done.append(Bled(texts, bleeds, noisy))
        reply = written(
            shape,
            [
                Written(seat.handle, seat.text, seat.binding, answer_in(shape, answer, seat.text))
                for seat, answer in zip(seats, final, strict=True)
            ],
        )
        return Completion(reply, usage=Usage(len(request.whole), 0, len(reply)), model=self.name)

    def _bled(
        self, own: Sequence[object], others: Sequence[object], random: Random
    ) -> tuple[list[object], list[Bleed | None]]:
        """The answers of a shared call, and what was done to each."""
        count = len(own)
        fully = min(1.0, (count - 1) / (self._full_at - 1)) if self._full_at is not None else 1.0
        given = list(own)
        causes: list[Bleed | None] = [None] * count
        if random.random() < self._shift * fully:
            given = [own[-1], *own[:-1]]
            causes = [Bleed.SHIFT] * count
        common = max(own, key=lambda each: sum(same(each, one) for one in own))
        shares = {bleed: self._share(rate * fully, random) for bleed, rate in self._rates}
        for seat in range(count):
            for bleed, share in shares.items():
                late = 2 * seat / (count - 1) if bleed is Bleed.DECAY else 1.0
                if random.random() >= share * late or (bleed is Bleed.COPY and not seat):
                    continue
                if bleed is Bleed.COPY:
                    given[seat] = given[seat - 1]
                elif bleed is Bleed.PULL:
                    given[seat] = common
                else:
                    given[seat] = _another(own[seat], others, random)
                causes[seat] = bleed
                break
        return given, causes

    def _share(self, rate: float, random: Random) -> float:
        """This call's own rate: calls differ so much that two of its items go wrong together."""
        if not self._correlation or rate in (0.0, 1.0):
            return rate
        alike = (1 - self._correlation) / self._correlation
        return random.betavariate(rate * alike, (1 - rate) * alike)

    def _others(self, shape: Shape, own: Sequence[object]) -> Sequence[object]:
        """What a wrong answer can be: labels of the schema, or answers of the table or the call."""
        schema: object = shape.answer
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if isinstance(properties, Mapping) and VALUE_KEY in properties:
            schema = properties[VALUE_KEY]
        labels = schema.get("enum") if isinstance(schema, Mapping) else None
        if isinstance(labels, list) and labels:
            return labels
        return self._different or own


def _another(answer: object, others: Sequence[object], random: Random) -> object:
    """An answer that is not this one."""
    if different := [each for each in others if not same(each, answer)]:
        return random.choice(different)
    # Nobody else answers otherwise: one of its own values goes wrong.
    path = random.choice(list(leaves(answer)))
    return changed(answer, path, _altered(look_up(answer, path)[1]))


def _altered(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return value[:-1] if value else value
    return f"{value} else" if value else "else"

"""A model that answers by a function and makes seeded mistakes: the core of the fault server, and a client.

What goes wrong depends on the fault's seed, the texts of the call, and how often just these texts were
asked before, never on time or threads. Does not know: HTTP.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from packer.testing.damage import Letter, Write, cut_short, drowned, with_raw, wrapped
from packer.testing.faults import WHOLE_REPLY, WIRE, FaultKind, Inject, Written, injections
from packer.testing.known import KnownTexts
from packer.testing.ledger import ServerLedger
from packer.testing.reader import Request, Seat, seats_of, shown_forms
from packer.testing.shape import Shape, answer_in, written
from packer.testing.spoil import spoil, wrong
from packer.tokens import Utf8Bound, counter_for
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import CallTimeout, ClientError, RateLimited, Unreachable, UnscriptedPrompt
from schemas.protocols import TokenCounter
from schemas.usage import Usage

Answers = Callable[[str], object] | Mapping[str, object]
"""Each text's answer as JSON; a text that a mapping lacks is unscripted."""


def scripted_answer(answers: Answers, text: str) -> object:
    """The answer that the script gives to a text.

    Raises:
        UnscriptedPrompt: it is a table without that text.
    """
    if not isinstance(answers, Mapping):
        return answers(text)
    if text not in answers:
        raise UnscriptedPrompt(f"The script has no answer for the text {text[:80]!r}.")
    return answers[text]


Writer = Callable[[Mapping[str, object], Sequence[Written]], str]
"""Puts entries into words for a request that our own shapes do not fit."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one call gets.

    Attributes:
        text: the reply.
        finish: why it ends.
        texts: the items asked about.
        kinds: the faults done, one for each time.
        affected: texts whose entry is missing or wrong.
        wire: the fault of the connection; None for none.
        choices: False for a reply without any choice.
        tokens: prompt and reply.
    """

    text: str
    finish: FinishReason
    texts: tuple[str, ...]
    kinds: tuple[FaultKind, ...]
    affected: tuple[str, ...]
    wire: FaultKind | None = None
    choices: bool = True
    tokens: tuple[int, int] = (0, 0)


class Actor:
    """Answers requests, and spoils some of the answers."""

    def __init__(
        self,
        answers: Answers,
        inject: Inject | Sequence[Inject] = (),
        *,
        texts: Collection[str] | None = None,
        writer: Writer | None = None,
    ) -> None:
        """Script the answers and the mistakes.

        Args:
            answers: a function of the text, or a table.
            inject: which faults, how often.
            texts: all texts that may be asked; needed where another library's prompts are to be read and
                ``answers`` is a function.
            writer: writes replies for another library; None goes by the request's schema.
        """
        known = texts if texts is not None else answers.keys() if isinstance(answers, Mapping) else None
        self._answers = answers
        self._inject = injections(inject)
        self._known = KnownTexts(known) if known is not None else None
        self._originals = shown_forms(list(known)) if known is not None else {}
        self._writer = writer
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._counter = counter_for("gpt-4o")

    def act(self, request: Request) -> Act:
        """Answer one request.

        Raises:
            UnscriptedPrompt: it holds no item that the script knows.
        """
        shape, seats = seats_of(request, self._known, self._originals)
        if not seats:
            raise UnscriptedPrompt(f"No scripted text is in the prompt {request.last[:80]!r}.")
        truth = [self._true(shape, seat) for seat in seats]
        texts = tuple(seat.text for seat in seats)
        draws = self._draws(texts)

        def write(entries: Sequence[Written]) -> str:
            if self._writer is not None:
                return with_raw(self._writer(request.body, entries), raw)
            return with_raw(written(shape, entries), raw)

        entries: Sequence[Written] = truth
        kinds: list[FaultKind] = []
        raw: dict[str, str] = {}
        for inject, random in draws:
            if inject.kind not in WIRE | WHOLE_REPLY:
                spoiled = spoil(entries, inject, random)
                entries = spoiled.entries
                raw |= spoiled.raw or {}
                kinds += [inject.kind] * spoiled.times
        letter = Letter(write(entries), tuple(entries))
        finish, choices = FinishReason.STOP, True
        wire: FaultKind | None = None
        # A call ends once: whatever a stronger fault takes away is not counted as done.
        struck = {
            inject.kind: (inject, hits, random)
            for inject, random in draws
            if inject.kind in WIRE | WHOLE_REPLY and (hits := inject.struck(len(truth), random))
        }
        ends = next((kind for kind in struck if kind in WIRE and kind is not FaultKind.SLOW), None)
        gone = next((kind for kind in struck if kind in (FaultKind.REFUSAL, FaultKind.EMPTY_CHOICES)), None)
        slow = [FaultKind.SLOW] if FaultKind.SLOW in struck else []
        if ends is not None:
            wire, kinds = ends, [ends]
        elif gone is not None:
            letter, kinds, wire = Letter("", ()), [gone, *slow], FaultKind.SLOW if slow else None
            finish = FinishReason.REFUSAL if gone is FaultKind.REFUSAL else FinishReason.STOP
            choices = gone is FaultKind.REFUSAL
        else:
            wire = FaultKind.SLOW if slow else None
            letter, done = self._worded(write, entries, struck)
            kinds += [*done, *slow]
        if letter.cut:
            finish = FinishReason.LENGTH
        lost = wire is not None and wire is not FaultKind.SLOW
        affected = texts if lost else wrong(truth, letter.whole)
        sent = self._counter.count_batch([request.whole, letter.text])
        tokens = (0, 0) if lost else (sent[0], sent[1])
        return Act(letter.text, finish, texts, tuple(kinds), affected, wire, choices, tokens)

    def _worded(
        self,
        write: Write,
        entries: Sequence[Written],
        struck: Mapping[FaultKind, tuple[Inject, Sequence[int], Random]],
    ) -> tuple[Letter, list[FaultKind]]:
        """Wrap first, cut then: what is cut off is the wrapped reply's end."""
        around: list[FaultKind] = [kind for kind in struck if kind in (FaultKind.PROSE, FaultKind.FENCE)]
        before, behind = "", ""
        for kind in around:
            opening, closing = wrapped(kind, struck[kind][2])
            before, behind = opening + before, behind + closing

        def wrap(some: Sequence[Written]) -> str:
            return before + write(some) + behind

        cut = next((k for k in struck if k in (FaultKind.TRUNCATE, FaultKind.ENDLESS_WHITESPACE)), None)
        if cut is None or not entries:
            return Letter(wrap(entries), tuple(entries)), around
        inject, hits, random = struck[cut]
        at = min(hits[0], len(entries) - 1)
        if cut is FaultKind.TRUNCATE:
            return cut_short(wrap, entries, at if inject.per == "item" else None, random), [*around, cut]
        return drowned(wrap, entries, at, random, opened=len(before) + 1), [*around, cut]

    def _true(self, shape: Shape, seat: Seat) -> Written:
        answer = scripted_answer(self._answers, seat.text)
        return Written(seat.handle, seat.text, seat.binding, answer_in(shape, answer, seat.shown))

    def _draws(self, texts: tuple[str, ...]) -> list[tuple[Inject, Random]]:
        digest = hashlib.sha256("\x00".join(sorted(texts)).encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            self._asked[digest] += 1
            times = self._asked[digest]
        return [
            (inject, Random(f"{inject.seed}:{inject.kind}:{number}:{digest}:{times}"))
            for number, inject in enumerate(self._inject)
        ]


class FaultyClient:
    """A ``Client`` that makes seeded mistakes, without a wire: ten thousand items in seconds.

    Attributes:
        ledger: what it really did.

    Example:
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import FaultKind, FaultyClient, Inject
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> client = FaultyClient(lambda text: "good", Inject(FaultKind.DROP, rate=0.2))
        >>> run = pack_and_run([f"text {n}" for n in range(30)], task, client=client)
        >>> set(run.values), len(client.ledger.affected) > 0
        ({'good'}, True)
    """

    def __init__(
        self,
        answers: Answers,
        inject: Inject | Sequence[Inject] = (),
        *,
        texts: Collection[str] | None = None,
        name: str = "faulty",
    ) -> None:
        self.ledger = ServerLedger()
        self.name = name
        self.context_tokens: int | None = None
        self.concurrency: int | None = None
        self._actor = Actor(answers, inject, texts=texts)

    def counter(self) -> TokenCounter | None:
        """Bytes: the same count on every machine."""
        return Utf8Bound()

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            UnscriptedPrompt: the script has no answer for a text.
            ClientError: a fault of the connection.
        """
        act = self._actor.act(Request.of_prompt(prompt))
        status = _STATUS.get(act.wire, 200) if act.wire is not None else 200
        self.ledger.enter(act.texts, act.kinds, act.affected, tokens=(*act.tokens, 0), status=status)
        if act.wire is not None and act.wire in _ERRORS:
            raise _ERRORS[act.wire](f"injected: {act.wire}")
        finish = act.finish if act.choices else FinishReason.CONTENT_FILTER
        return Completion(act.text, finish, Usage(act.tokens[0], 0, act.tokens[1]), self.name)


_STATUS = {
    FaultKind.RATE_LIMIT: 429,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.OVERLOADED: 529,
    FaultKind.RESET: 0,
    FaultKind.HANG: 0,
}
_ERRORS: dict[FaultKind, type[ClientError]] = {
    FaultKind.RATE_LIMIT: RateLimited,
    FaultKind.SERVER_ERROR: Unreachable,
    FaultKind.OVERLOADED: Unreachable,
    FaultKind.RESET: Unreachable,
    FaultKind.HANG: CallTimeout,
}

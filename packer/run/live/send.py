"""Sends one ask: waits for its turn, makes attempts, keeps the books of each. The one owner of retries.

Does not know: what is asked, or what a reply leads to.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from packer.pacing import Need
from packer.run.flow.ask import Ask, Back, Later, Reply
from packer.run.live.books import Books
from packer.run.live.circuit import Circuit
from packer.run.live.trace import Trace
from packer.run.live.turnstile import Place, Turnstile
from packer.run.live.within import within_s
from packer.run.store.journal import Journal
from schemas.chat import Completion, Prompt
from schemas.errors import (
    CallRefused,
    CallTimeout,
    CeilingReached,
    ClientError,
    NotSent,
    ProviderDown,
    RateLimited,
    RunError,
    UsageError,
)
from schemas.protocols import Client
from schemas.settings import Limits

T = TypeVar("T")

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0
JITTER = 0.25
REFUSALS_IN_A_ROW = 5
"""So many requests refused, and none ever answered: the next ones would fare no better."""

log = logging.getLogger("packsplit")
log.addHandler(logging.NullHandler())


@dataclass(slots=True)
class Sender:
    """Sends the asks of one run.

    Attributes:
        client: answers prompts, one attempt a call.
        limits: deadlines and patience.
        retries: further attempts for a call that failed on the way.
        turnstile: lets calls go when ceilings allow it.
        books: say what a call can use and whether the run can afford it; are told of every attempt.
        circuit: knows whether the provider is down.
        trace: the run's spans.
        journal: is told of every call before it goes, and of every reply before it is read.
        stop: set when no further call can or may go.
    """

    client: Client
    limits: Limits
    retries: int
    turnstile: Turnstile
    books: Books
    circuit: Circuit
    trace: Trace
    journal: Journal = field(default_factory=Journal)
    stop: RunError | None = None
    _random: Random = field(default_factory=lambda: Random(0))
    _talked_s: dict[str, float] = field(default_factory=dict)
    _refused: int = 0
    _trouble: str = ""

    def end(self, why: RunError) -> None:
        """Let no further call go; the first reason stands."""
        if self.stop is None:
            self.stop = why
            # What a provider or a signal says may quote an item, which belongs in results, not in logs.
            log.warning("the run ends early: %s", word_for(why))
            log.debug("the run ends early: %s", why)
        self.turnstile.ring()

    async def send(self, ask: Ask[T]) -> Back | Later:
        """Get a reply, or the error that came instead, or word that it could not be sent now."""
        if not self.trace.is_on:
            return await self._sent(ask)
        with self.trace.pack(ask):
            return await self._sent(ask)

    async def _sent(self, ask: Ask[T]) -> Back | Later:
        attempt = 0
        counted = self.books.needs.counted(ask)
        while True:
            deadline_s = self._deadline_s(ask)
            if deadline_s <= 0:
                whole_s = self.limits.call_deadline_s(ask.session_items)
                return Back(NotSent(f"the session's {whole_s:g} s were over before this item's turn"))
            place = await self._turn(ask, counted)
            if place is None:
                return Later()
            back = await self._attempt(ask, counted, place, deadline_s)
            reply = back.reply
            if not isinstance(reply, ClientError):
                return back
            if reply.stops_run:
                self.end(reply)
            if not reply.transient:
                return back
            if self.stop is not None:
                return Later()
            pause_s = self._pause_s(attempt, reply)
            if pause_s > max(self.limits.outage_s, LONGEST_BACKOFF_S):
                told = f"the provider asks to wait {pause_s:,.0f} s, longer than Limits(outage_s="
                self.end(ProviderDown(f"{told}{self.limits.outage_s:g}): {reply}"))
                return Later()
            if isinstance(reply, RateLimited):
                self.turnstile.hold(pause_s)
            attempt += 1
            if attempt > self.retries:
                # Too many calls is no fault of this one; and while the provider is down, neither is that.
                return Later() if isinstance(reply, RateLimited) or self.circuit.is_open else back
            log.info("%s: attempt %d of %d in %.1f s", reply.code, attempt + 1, self.retries + 1, pause_s)
            await self.turnstile.pause(pause_s, until=lambda: self.stop is not None)

    def unclear(self, reply: Reply) -> bool:
        """True when the call failed on its way, for which the provider may be to blame, or its prompt."""
        return isinstance(reply, ClientError) and (reply.transient or isinstance(reply, CallTimeout))

    async def _turn(self, ask: Ask[T], counted: int) -> Place | None:
        """Wait until the ask may go; None when the run is over first."""
        need, spending = self.books.needs.of(ask, counted), self.books.spending

        def blocked_s(now_s: float) -> float | None:
            if self.stop is None and self.circuit.over:
                told = f"no call came through for {self.limits.outage_s:g} s; the last said: {self._trouble}"
                self.end(ProviderDown(told))
            why = spending.refused(need)
            if self.stop is None and why is not None and not spending.may_free_up:
                self.end(CeilingReached(why))
            if self.stop is not None:
                return None
            return max(self.circuit.wait_s(now_s), self.turnstile.most_s if why is not None else 0.0)

        place = await self.turnstile.enter(need, blocked_s)
        if place is not None:
            place.probe = self.circuit.trying()
            place.reserved_usd = spending.enter(need)
        return place

    async def _attempt(self, ask: Ask[T], counted: int, place: Place, deadline_s: float) -> Back:
        start_s = self.turnstile.now_s
        number = self.journal.sent(ask, place.need)
        reply: Reply | None = None
        try:
            if self.trace.is_on:
                with self.trace.attempt(ask, place.need.output_tokens) as tell:
                    reply = await self._call(ask, deadline_s)
                    tell(reply)
            else:
                reply = await self._call(ask, deadline_s)
        finally:
            took_s = self.turnstile.now_s - start_s
            if ask.session is not None:
                self._talked_s[ask.session] = self._talked_s.get(ask.session, 0.0) + took_s
            back = self._leave(place, ask, counted, number, reply, took_s)
        return back

    def _leave(
        self, place: Place, ask: Ask[T], counted: int, number: int, reply: Reply | None, took_s: float
    ) -> Back:
        """Settle what was reserved, keep the books, and note how the provider is doing."""
        # None: the call was dropped on its way; what it costs stays unknown, and so does the journal's entry.
        known = reply or ClientError("the call was dropped when the run ended")
        cost_usd = self.books.cost_usd(known)
        if reply is not None:
            self.journal.back(number, reply, cost_usd, took_s)
        need = place.need
        self.books.back(ask, known, cost_usd, need, place.reserved_usd, counted=counted, took_s=took_s)
        self.turnstile.leave(place, _used(need, known), known.quotas)
        self._note(place, known)
        self.turnstile.ring()
        return Back(known, cost_usd)

    def _note(self, place: Place, reply: Reply) -> None:
        if isinstance(reply, ClientError) and self.unclear(reply):
            self.circuit.failed(self.turnstile.now_s, reply.retry_after_s or 0.0, probe=place.probe)
            self._trouble = f"{reply.code}: {reply}"
            if isinstance(reply, RateLimited):
                self.turnstile.narrow(place.sent_s)
            return
        self.circuit.succeeded(place.sent_s)
        if isinstance(reply, Completion):
            self._refused = -1
            self.turnstile.widen(place.sent_s)
        elif isinstance(reply, CallRefused) and self._refused >= 0:
            self._refused += 1
            if self._refused >= REFUSALS_IN_A_ROW:
                self.end(
                    CallRefused(f"every call so far was refused; the last: {reply}", provider=reply.provider)
                )

    async def _call(self, ask: Ask[T], deadline_s: float) -> Reply:
        prompt = _due(ask.prompt, deadline_s)
        try:
            reply: object = await within_s(deadline_s, self.client.complete(prompt))
        except ClientError as error:
            return error
        except UsageError:
            raise
        except TimeoutError as error:
            return CallTimeout(f"no answer within {deadline_s:g} s", original=error)
        except Exception as error:  # a client of the caller's own may raise anything; neighbours must live
            return ClientError(f"the client raised {type(error).__name__}: {error}", original=error)
        if not isinstance(reply, Completion):
            return ClientError(f"the client returned a {type(reply).__name__}, not a Completion")
        return reply

    def _deadline_s(self, ask: Ask[T]) -> float:
        """The call's own deadline, within what is left of its session's; waiting for a turn is free."""
        deadline_s = self.limits.call_deadline_s(ask.prompt.items)
        if ask.session is None:
            return deadline_s
        whole_s = self.limits.call_deadline_s(ask.session_items)
        return min(deadline_s, whole_s - self._talked_s.get(ask.session, 0.0))

    def _pause_s(self, attempt: int, error: ClientError) -> float:
        if error.retry_after_s is not None:
            return error.retry_after_s
        backoff_s = min(FIRST_BACKOFF_S * 2.0**attempt, LONGEST_BACKOFF_S)
        return backoff_s * (1 - JITTER * self._random.random())


def _due(prompt: Prompt, timeout_s: float) -> Prompt:
    """The prompt with its deadline: written out, as ``replace`` takes three times as long, for every call."""
    return Prompt(
        prompt.messages,
        prompt.reply_schema,
        prompt.max_output_tokens,
        prompt.shared_messages,
        prompt.items,
        timeout_s,
    )


def _used(need: Need, reply: Reply) -> Need:
    """What a call has taken of the ceilings a minute."""
    if isinstance(reply, Completion):
        return need.used(reply.usage)
    # An error with a status was answered without a model's work; one without may have cost all.
    return need if reply.status is None else Need(0, 0)


def word_for(why: RunError) -> str:
    """One stable word for what ended a run, safe for logs and traces."""
    return why.code if isinstance(why, ClientError) else type(why).__name__

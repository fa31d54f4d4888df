"""A loopback server that speaks OpenAI's and Anthropic's wires: no model, faults on demand.

Point any SDK at ``url`` or ``root_url``: it answers chat completions, responses and Anthropic's messages,
each on its own path. It finds the items in whatever prompt comes, ours or another library's, answers
them by a function or a ``Client``, makes seeded mistakes, and writes down what it really did. Queued
faults strike the next requests, one each. Does not know: tasks, or what a reply means.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from packer.testing.batch_jobs import Jobs
from packer.testing.constrained import Constrained, probed, refusal
from packer.testing.faults import FaultKind, Inject
from packer.testing.faulty import Act, Actor, Answers, Writer
from packer.testing.job_faults import JobAsk, JobFaults, SeenJob
from packer.testing.job_paths import answer_about_jobs
from packer.testing.ledger import ServerLedger
from packer.testing.loopback import HANG, RESET, Loopback, WireFault
from packer.testing.prefix_cache import PrefixCache
from packer.testing.reader import Request, asks_about_items, items_of
from packer.testing.wires import (
    ANTHROPIC,
    CHAT,
    RESPONSES,
    SeenRequest,
    Wire,
    count_of,
    model_body,
    tokens_of,
    wire_of,
)
from schemas.chat import Completion, Message, Prompt
from schemas.errors import UnscriptedPrompt, UsageError
from schemas.protocols import Client
from schemas.usage import Usage

Wrap = Callable[[Mapping[str, object], Mapping[str, object]], Mapping[str, object]]
"""A request's and a chat completion's body in, the body to send out."""

SLOW_S = 0.05


class FaultServer:
    """The server; a context manager.

    Attributes:
        requests: bodies of all requests for a reply so far, as sent.
        seen: all requests so far, with path and headers; also counts of tokens and looks at models.
        faults: what the next requests get, oldest first.
        ledger: what it really did: calls, tokens, faults, affected items.
        unscripted: what was asked that the script does not hold; such a request gets status 400.

    Example:
        >>> from openai import OpenAI
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import FaultKind, FaultServer, Inject
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> with FaultServer({"Great.": "good"}, inject=Inject(FaultKind.FENCE, rate=1.0)) as server:
        ...     with OpenAI(base_url=server.url, api_key="none") as sdk:
        ...         pack_and_run(["Great."], task, client=sdk, model="any").values
        ['good']
    """

    def __init__(
        self,
        answers: Answers | Client,
        *,
        inject: Inject | Sequence[Inject] = (),
        texts: Collection[str] | None = None,
        writer: Writer | None = None,
        wrap: Wrap | None = None,
        retry_after_s: int = 0,
        slow_s: float = SLOW_S,
        constrained: Constrained = True,
        cache: bool = False,
        jobs: JobFaults | None = None,
    ) -> None:
        """Script the server.

        Args:
            answers: a function of the text, a table, or a client that answers whole prompts of ours.
            inject: seeded faults; not with a client, which makes its own.
            texts: all texts that may be asked; needed where another library's prompts are to be read and
                ``answers`` is a function.
            writer: writes replies for another library; None goes by the request's schema.
            wrap: turns the body of a chat completion into that of another wire, whatever the path; None
                speaks the wire that the path asks for.
            retry_after_s: what a rate limit tells the caller to wait.
            slow_s: how long a slow reply takes.
            constrained: what it makes of a reply's schema when it is probed: True keeps to it, False does
                not know schemas and says hello, "refuse" answers 400 to every schema, "array" to those with
                more than one property at the root. Prompts about items are answered by the script.
            cache: simulate a prompt cache, and report what it read and wrote.
            jobs: what batch jobs go through, on OpenAI's wire and on Anthropic's; None for nothing but two
                looks until they are ended.

        Raises:
            UsageError: faults are to be injected into a client's replies, or ``constrained`` is none of
                the four.
        """
        if isinstance(answers, Client) and inject:
            raise UsageError("FaultServer(inject=...) needs answers as a function or a table, not a client.")
        if constrained not in (True, False, "refuse", "array"):
            raise UsageError(
                f"FaultServer(constrained={constrained!r}): choose True, False, 'refuse' or 'array'."
            )
        self.requests: list[dict[str, object]] = []
        self.seen: list[SeenRequest] = []
        self.faults: deque[WireFault] = deque()
        self.ledger = ServerLedger()
        self.unscripted: list[str] = []
        self.retry_after_s, self.slow_s = retry_after_s, slow_s
        self.closing = threading.Event()
        self._wrap = wrap
        self._constrained = constrained
        self._cache = PrefixCache() if cache else None
        self._jobs = Jobs(jobs or JobFaults(), self._line)
        self._client = answers if isinstance(answers, Client) else None
        self._actor = (
            None if isinstance(answers, Client) else Actor(answers, inject, texts=texts, writer=writer)
        )
        self._lock = threading.Lock()
        self._server = Loopback(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """The ``base_url`` for an SDK of OpenAI's."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """The ``base_url`` for an SDK of Anthropic's, and the ``azure_endpoint``."""
        return self._server.root_url

    @property
    def jobs(self) -> tuple[SeenJob, ...]:
        """All batch jobs so far, oldest first, as they stand."""
        return self._jobs.seen

    def __enter__(self) -> FaultServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, seen: SeenRequest) -> WireFault:
        """What goes out for one request: a queued fault, or an answer."""
        wire = wire_of(seen)
        with self._lock:
            self.seen.append(seen)
            if wire is not None:
                self.requests.append(dict(seen.body))
            queued = self._queued(seen, asks=wire is not None)
        if queued is not None:
            if wire is not None:
                self.ledger.enter((), status=max(queued.status, 0))
            return queued
        if wire is None:
            return self._looked_up(seen)
        return self._scripted(seen.body, wire)

    def _scripted(self, body: Mapping[str, object], wire: Wire, *, lost: bool = False) -> WireFault:
        try:
            return self._answered(body, wire if self._wrap is None else CHAT, lost=lost)
        except UnscriptedPrompt as error:
            with self._lock:
                self.unscripted.append(str(error))
            return self._refused(wire, str(error), "unscripted")

    def _line(self, ask: JobAsk, status: int) -> WireFault:
        """What one line of a batch job gets: the same as a live request, unless its status is to be 500."""
        if status == 500:
            self.ledger.enter((), status=status)
            return WireFault(status)
        wires = {"": ANTHROPIC, "/v1/responses": RESPONSES}
        return self._scripted(ask.body, wires.get(ask.url, CHAT), lost=not status)

    def _queued(self, seen: SeenRequest, *, asks: bool) -> WireFault | None:
        for at, fault in enumerate(self.faults):
            if seen.place.endswith(fault.path) if fault.path else asks:
                del self.faults[at]
                return fault
        return None

    def _looked_up(self, seen: SeenRequest) -> WireFault:
        if (told := answer_about_jobs(self._jobs, seen)) is not None:
            return told
        if (count := count_of(seen)) is not None:
            return WireFault(200, count)
        if seen.model is not None:
            structured = self._constrained in (True, "array")
            return WireFault(200, model_body(seen, seen.model, structured=structured))
        if seen.method == "GET":
            return WireFault(200, {"object": "list", "data": [{"id": "loopback", "object": "model"}]})
        return WireFault(404, CHAT.error(404, f"No such path: {seen.place}", "not_found", None))

    def _refused(self, wire: Wire, message: str, code: str | None, param: str | None = None) -> WireFault:
        self.ledger.enter((), status=400)
        return WireFault(400, wire.error(400, message, code, param))

    def _answered(self, body: Mapping[str, object], wire: Wire, *, lost: bool) -> WireFault:
        request = Request.of_body(body)
        if (no := refusal(self._constrained, request, wire.schema_at)) is not None:
            return self._refused(wire, *no, wire.schema_at)
        act, completion = self._spoken(request)
        unsent = act.wire is not None and act.wire is not FaultKind.SLOW
        if self._cache is not None and not unsent:
            completion = replace(completion, usage=self._cache.used(request, completion.usage))
        sent = self._sent(act, completion, wire)
        if self._wrap is not None and sent.status == 200 and isinstance(sent.body, Mapping):
            sent = replace(sent, body=self._wrap(body, sent.body))
        used = completion.usage
        tokens = (used.input_tokens or 0, used.output_tokens or 0, used.cached_tokens or 0)
        if lost:  # nobody will read it, so nobody is told what it took
            self.ledger.enter(act.texts, (), act.texts, status=0)
        else:
            self.ledger.enter(act.texts, act.kinds, act.affected, tokens=tokens, status=max(sent.status, 0))
        return sent

    def _spoken(self, request: Request) -> tuple[Act, Completion]:
        """What is said to one request, and how it is to go out."""
        said = None if asks_about_items(request) else probed(self._constrained, request)
        if said is not None:
            sent, replied = tokens_of(request.whole, said)
            probe = Completion(said, usage=Usage(sent, 0, replied))
            return Act(said, probe.finish_reason, (), (), ()), probe
        if self._client is not None:
            prompt = _prompt(request)
            texts = tuple(each.text for each in items_of(prompt))
            completion = asyncio.run(self._client.complete(prompt))
            return Act(completion.text, completion.finish_reason, texts, (), ()), completion
        assert self._actor is not None  # noqa: S101  # one of the two is set
        act = self._actor.act(request)
        return act, Completion(act.text, act.finish, Usage(act.tokens[0], 0, act.tokens[1]))

    def _sent(self, act: Act, completion: Completion, wire: Wire) -> WireFault:
        def told(status: int, headers: Mapping[str, str] | None = None) -> WireFault:
            body = wire.error(status, f"injected: {act.wire}", str(act.wire), None)
            return WireFault(status, body, headers or {})

        match act.wire:
            case FaultKind.RATE_LIMIT:
                return told(429, {"retry-after": str(self.retry_after_s)})
            case FaultKind.SERVER_ERROR:
                return told(500)
            case FaultKind.OVERLOADED:
                return told(529)
            case FaultKind.RESET:
                return WireFault(RESET)
            case FaultKind.HANG:
                return WireFault(HANG)
        body = wire.body_of(completion)
        if not act.choices:
            body[wire.replies] = []
        return WireFault(200, body, delay_s=self.slow_s if act.wire is FaultKind.SLOW else 0.0)


def _prompt(request: Request) -> Prompt:
    messages = tuple(
        Message(role, content)  # type: ignore[arg-type]  # a role that is none of ours is shown as it came
        for role, content in request.messages
    )
    return Prompt(messages, request.schema, max_output_tokens=0)

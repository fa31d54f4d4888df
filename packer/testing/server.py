"""A loopback server that speaks OpenAI chat completions: real wire, no model, faults on demand.

Point any SDK at ``url``. It finds the items in whatever prompt comes, ours or another library's, answers
them by a function or a ``Client``, makes seeded mistakes, and writes down what it really did. Queued
faults strike the next requests, one each. Does not know: tasks, or what a reply means.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from packer.testing.faults import FaultKind, Inject
from packer.testing.faulty import Act, Actor, Answers, Writer
from packer.testing.ledger import ServerLedger
from packer.testing.reader import Request, items_of
from schemas.chat import Completion, FinishReason, Message, Prompt
from schemas.errors import UnscriptedPrompt, UsageError
from schemas.protocols import Client

Wrap = Callable[[Mapping[str, object], Mapping[str, object]], Mapping[str, object]]
"""A request's and a chat completion's body in, the body to send out."""

SLOW_S = 0.05
RESET = 0
HANG = -1
_LINGER_OFF = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class WireFault:
    """What one request gets instead of an answer.

    Attributes:
        status: HTTP status; 0 drops the connection without a word, -1 holds it until the client leaves.
        body: what is sent; a mapping as JSON, a string as it is.
        headers: further headers, such as ``retry-after``.
        delay_s: seconds before anything is sent.
    """

    status: int
    body: Mapping[str, object] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class FaultServer:
    """The server; a context manager.

    Attributes:
        requests: bodies of all requests so far, as sent.
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
    ) -> None:
        """Script the server.

        Args:
            answers: a function of the text, a table, or a client that answers whole prompts of ours.
            inject: seeded faults; not with a client, which makes its own.
            texts: all texts that may be asked; needed where another library's prompts are to be read and
                ``answers`` is a function.
            writer: writes replies for another library; None goes by the request's schema.
            wrap: turns the body of a chat completion into that of another wire, for clients that speak it.
            retry_after_s: what a rate limit tells the caller to wait.
            slow_s: how long a slow reply takes.

        Raises:
            UsageError: faults are to be injected into a client's replies.
        """
        if isinstance(answers, Client) and inject:
            raise UsageError("FaultServer(inject=...) needs answers as a function or a table, not a client.")
        self.requests: list[dict[str, object]] = []
        self.faults: deque[WireFault] = deque()
        self.ledger = ServerLedger()
        self.unscripted: list[str] = []
        self.retry_after_s, self.slow_s = retry_after_s, slow_s
        self.closing = threading.Event()
        self._wrap = wrap
        self._client = answers if isinstance(answers, Client) else None
        self._actor = (
            None if isinstance(answers, Client) else Actor(answers, inject, texts=texts, writer=writer)
        )
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """The ``base_url`` for an SDK."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FaultServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: dict[str, object]) -> WireFault:
        """What goes out for one request: a queued fault, or an answer."""
        with self._lock:
            self.requests.append(request)
            queued = self.faults.popleft() if self.faults else None
        if queued is not None:
            self.ledger.enter((), status=max(queued.status, 0))
            return queued
        try:
            return self._answered(request)
        except UnscriptedPrompt as error:
            with self._lock:
                self.unscripted.append(str(error))
            self.ledger.enter((), status=400)
            return WireFault(400, {"error": {"message": str(error), "code": "unscripted"}})

    def _answered(self, request: dict[str, object]) -> WireFault:
        if self._client is not None:
            prompt = _prompt(request)
            completion = asyncio.run(self._client.complete(prompt))
            used = completion.usage
            tokens = (used.input_tokens or 0, used.output_tokens or 0, used.cached_tokens or 0)
            self.ledger.enter([each.text for each in items_of(prompt)], tokens=tokens)
            return WireFault(200, body_of(completion))
        assert self._actor is not None  # noqa: S101  # one of the two is set
        act = self._actor.act(Request.of_body(request))
        sent = self._sent(act)
        if self._wrap is not None and sent.status == 200 and isinstance(sent.body, Mapping):
            sent = replace(sent, body=self._wrap(request, sent.body))
        self.ledger.enter(
            act.texts, act.kinds, act.affected, tokens=(*act.tokens, 0), status=max(sent.status, 0)
        )
        return sent

    def _sent(self, act: Act) -> WireFault:
        told: dict[str, object] = {"error": {"message": f"injected: {act.wire}", "code": str(act.wire)}}
        match act.wire:
            case FaultKind.RATE_LIMIT:
                return WireFault(429, told, {"retry-after": str(self.retry_after_s)})
            case FaultKind.SERVER_ERROR:
                return WireFault(500, told)
            case FaultKind.OVERLOADED:
                return WireFault(529, told)
            case FaultKind.RESET:
                return WireFault(RESET)
            case FaultKind.HANG:
                return WireFault(HANG)
        completion = {
            **body_of(Completion(act.text, act.finish)),
            "usage": {
                "prompt_tokens": act.tokens[0],
                "completion_tokens": act.tokens[1],
                "total_tokens": sum(act.tokens),
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }
        if not act.choices:
            completion["choices"] = []
        return WireFault(200, completion, delay_s=self.slow_s if act.wire is FaultKind.SLOW else 0.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # the default of 5 makes parallel clients wait for connections
    owner: FaultServer

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close; without the polite end first where a reset is due."""
        option = socket.SOL_SOCKET, socket.SO_LINGER, len(_LINGER_OFF)
        if isinstance(request, socket.socket) and request.getsockopt(*option) == _LINGER_OFF:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: some faults are about clients that leave early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Name a model, for clients that look."""
        self._send(WireFault(200, {"object": "list", "data": [{"id": "loopback", "object": "model"}]}))

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self._owner.reply(body)
        if answer.delay_s:
            time.sleep(answer.delay_s)
        if answer.status == HANG:
            self._hold()
        elif answer.status == RESET:
            # Without lingering, closing sends a reset instead of a polite end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
            self.close_connection = True
        else:
            self._send(answer)

    @property
    def _owner(self) -> FaultServer:
        assert isinstance(self.server, _Server)  # noqa: S101  # we are only ever made by it
        return self.server.owner

    def _hold(self) -> None:
        self.close_connection = True
        self.connection.settimeout(0.02)
        while not self._owner.closing.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def _send(self, answer: WireFault) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        sent = text.encode()
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: requests are kept on the server object."""


def _prompt(request: Mapping[str, object]) -> Prompt:
    read = Request.of_body(request)
    messages = tuple(
        Message(role, content)  # type: ignore[arg-type]  # a role that is none of ours is shown as it came
        for role, content in read.messages
    )
    return Prompt(messages, read.schema, max_output_tokens=0)


def body_of(completion: Completion) -> dict[str, object]:
    """A completion as a chat completions server sends it."""
    refused = completion.finish_reason is FinishReason.REFUSAL
    message = {
        "role": "assistant",
        "content": None if refused else completion.text,
        "refusal": "I cannot help with that." if refused else None,
    }
    body: dict[str, object] = {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 0,
        "model": completion.model or "loopback",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop" if refused else completion.finish_reason}
        ],
    }
    used = completion.usage
    if used.input_tokens is not None and used.output_tokens is not None:
        body["usage"] = {
            "prompt_tokens": used.input_tokens,
            "completion_tokens": used.output_tokens,
            "total_tokens": used.input_tokens + used.output_tokens,
            "prompt_tokens_details": {"cached_tokens": used.cached_tokens or 0},
        }
    return body

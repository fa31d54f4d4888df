"""A loopback server that speaks OpenAI chat completions: real wire, no model, faults on demand.

Put any ``Client`` behind it (a ``ScriptedClient``, say) and point a real SDK at ``url``. Faults are
queued: the next requests get them, one each. Does not know: tasks, or what a reply means.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from schemas.chat import Completion, FinishReason, Message, Prompt
from schemas.protocols import Client


@dataclass(frozen=True, slots=True)
class WireFault:
    """What one request gets instead of an answer.

    Attributes:
        status: HTTP status; 0 drops the connection without a word.
        body: what is sent; a mapping as JSON, a string as it is.
        headers: further headers, such as ``retry-after``.
    """

    status: int
    body: Mapping[str, object] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class FaultServer:
    """The server; a context manager.

    Attributes:
        requests: bodies of all requests so far, as sent.
        faults: what the next requests get, oldest first.

    Example:
        >>> from openai import OpenAI
        >>> from packer import Task, pack_and_run
        >>> from packer.testing import FaultServer, ScriptedClient
        >>> task = Task.classify("Sentiment.", ["good", "bad"])
        >>> with FaultServer(ScriptedClient({"Great.": "good"})) as server:
        ...     with OpenAI(base_url=server.url, api_key="none") as sdk:
        ...         pack_and_run(["Great."], task, client=sdk, model="any").values
        ['good']
    """

    def __init__(self, client: Client) -> None:
        self.requests: list[dict[str, object]] = []
        self.faults: deque[WireFault] = deque()
        self._client = client
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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: dict[str, object]) -> WireFault:
        """What goes out for one request: a queued fault, or the client's answer."""
        with self._lock:
            self.requests.append(request)
            if self.faults:
                return self.faults.popleft()
        completion = asyncio.run(self._client.complete(_prompt(request)))
        return WireFault(200, _body(completion))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # the default of 5 makes parallel clients wait for connections
    owner: FaultServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one request."""
        assert isinstance(self.server, _Server)  # noqa: S101  # we are only ever made by it
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.server.owner.reply(body)
        if answer.status == 0:
            self.close_connection = True
            return
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
    messages = request["messages"]
    assert isinstance(messages, list)  # noqa: S101  # a request without messages is a broken test
    shape = request.get("response_format")
    inner = shape.get("json_schema") if isinstance(shape, dict) else None
    schema = inner.get("schema") if isinstance(inner, dict) else None
    return Prompt(
        tuple(Message(each["role"], each["content"]) for each in messages),
        schema if isinstance(schema, dict) else {},
        max_output_tokens=0,
    )


def _body(completion: Completion) -> dict[str, object]:
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

"""The fault server's socket: HTTP in, HTTP out, and connections that are dropped or held.

Does not know: wires, scripts, or why a connection is to be dropped.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from packer.testing.wires import SeenRequest, as_sent

RESET = 0
HANG = -1
_FORM_NAME = re.compile(r'\b(name|filename)="([^"]*)"')
_LINGER_OFF = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class WireFault:
    """What one request gets instead of an answer.

    Attributes:
        status: HTTP status; 0 drops the connection without a word, -1 holds it until the client leaves.
        body: what is sent; a mapping as JSON, a string as it is.
        headers: further headers, such as ``retry-after``.
        delay_s: seconds before anything is sent.
        path: how the path of the request ends that gets it, such as ``/count_tokens`` or
            ``/models/claude-x``; empty for the next request for a reply, whatever its path.
    """

    status: int
    body: Mapping[str, object] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    path: str = ""


class Answering(Protocol):
    """Whoever says what goes out."""

    closing: threading.Event

    def reply(self, seen: SeenRequest) -> WireFault:
        """What one request gets."""
        ...


class Loopback(ThreadingHTTPServer):
    """A server on a port of its own, on this machine only."""

    daemon_threads = True
    request_queue_size = 256  # the default of 5 makes parallel clients wait for connections

    def __init__(self, owner: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    @property
    def root_url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

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
        """Answer one look."""
        self._answer()

    def do_POST(self) -> None:
        """Answer one request."""
        self._answer()

    def _answer(self) -> None:
        seen = self._seen()
        answer = self._owner.reply(seen)
        if answer.delay_s:
            time.sleep(answer.delay_s)
        if answer.status == HANG:
            self._hold()
        elif answer.status == RESET:
            # Without lingering, closing sends a reset instead of a polite end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
            self.close_connection = True
        else:
            self._send(seen, answer)

    def _seen(self) -> SeenRequest:
        if "chunked" in (self.headers["transfer-encoding"] or ""):
            sent = b"".join(self._parts())
        else:
            sent = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            fields, file = form_of(kind, sent)
            return SeenRequest(self.command, self.path, headers, fields, file)
        try:
            body = json.loads(sent)
        except ValueError:
            body = None
        return SeenRequest(self.command, self.path, headers, body if isinstance(body, dict) else {})

    def _parts(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    @property
    def _owner(self) -> Answering:
        assert isinstance(self.server, Loopback)  # noqa: S101  # we are only ever made by it
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

    def _send(self, seen: SeenRequest, answer: WireFault) -> None:
        text, kind = as_sent(seen, answer.body)
        sent = text.encode()
        self.send_response(answer.status)
        # A length that is told wrong, with a closed connection, is an answer that breaks off.
        for name, value in {"content-type": kind, "content-length": str(len(sent)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: requests are kept on the server object."""


def form_of(kind: str, sent: bytes) -> tuple[dict[str, object], bytes]:
    """The fields of a form, a file by its name, and the file's content.

    Args:
        kind: its content type, which tells how its parts are held apart.
        sent: the form.
    """
    fields: dict[str, object] = {}
    file = b""
    between = b"--" + kind.partition("boundary=")[2].strip('" ').encode()
    for part in sent.split(between)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        names = dict(_FORM_NAME.findall(head.decode("utf-8", "replace")))
        content = content.removesuffix(b"\r\n")
        if "filename" in names:
            file = content
        fields[names.get("name", "")] = names.get("filename", content.decode("utf-8", "replace"))
    return fields, file

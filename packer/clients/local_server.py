"""The embedded model's server as this process sees it: start, address, key, tokenizer, end.

Does not know: which weights it was given, or what is asked of it.
"""

from __future__ import annotations

import atexit
import http.client
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from schemas.errors import MissingExtra, ServerFailed

START_TIMEOUT_S = 180.0
END_TIMEOUT_S = 5.0
LOG_TAIL_CHARACTERS = 1_500


def require_engine() -> None:
    """Fail early, before anything is downloaded, when the engine is not installed.

    Raises:
        MissingExtra: ``xllamacpp`` is not there.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra("local", 'model="local"')


class LocalServer:
    """A running server. Close it, or use it as a context manager; it also ends with this process.

    Attributes:
        url: where it listens, such as ``http://127.0.0.1:40001``.
        api_key: what every request must carry.
    """

    def __init__(self, process: subprocess.Popen[str], log: IO[str], url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key
        self._process = process
        self._log = log
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        atexit.register(self.close)

    def __repr__(self) -> str:
        return f"LocalServer(url={self.url!r}, api_key='***', pid={self._process.pid})"

    @classmethod
    def start(
        cls, model_path: Path, *, context_tokens: int = 8_192, slots: int = 1, threads: int | None = None
    ) -> LocalServer:
        """Start a server process and wait until the model is loaded.

        Args:
            model_path: GGUF weights.
            context_tokens: prompt and reply together, in each slot.
            slots: calls answered at once.
            threads: None takes all cores.

        Raises:
            ServerFailed: it ended or stayed silent; quotes the end of its log.
        """
        api_key = secrets.token_urlsafe(24)
        log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # closed with the server
        process = subprocess.Popen(
            [sys.executable, "-m", "packer.clients.local_serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        settings = {
            "model_path": str(model_path),
            "api_key": api_key,
            "context_tokens": context_tokens * slots,
            "slots": slots,
            "threads": threads or os.cpu_count() or 1,
        }
        url = _await_address(process, json.dumps(settings) + "\n")
        if url is None:
            _end(process)
            raise ServerFailed(f"The local model's server did not start. Its log ends:\n{_tail(log)}")
        return cls(process, log, url, api_key)

    def count_batch(self, texts: list[str]) -> list[int]:
        """Count tokens with the model's own tokenizer.

        Raises:
            ServerFailed: the server is gone.
        """
        with self._lock:
            return [self._count(text) for text in texts]

    def _count(self, text: str) -> int:
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        body = json.dumps({"content": whole, "add_special": False, "parse_special": False})
        # A kept-alive connection may have been closed by the server while the model was busy: one more try.
        for last_try in (self._connection is None, True):
            try:
                return len(self._post("/tokenize", body)["tokens"])
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self._disconnect()
                if last_try:
                    raise ServerFailed(f"The local model's server does not count tokens: {error}") from error
        raise AssertionError("unreachable: the last try returns or raises")

    def _post(self, path: str, body: str) -> dict[str, list[int]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        self._connection.request("POST", path, body.encode(), {"Authorization": f"Bearer {self.api_key}"})
        with self._connection.getresponse() as response:
            found = json.loads(response.read())
        return found if isinstance(found, dict) else {}

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """End the process; calling it twice is fine."""
        atexit.unregister(self.close)
        self._disconnect()
        _end(self._process)
        if not self._log.closed:
            self._log.close()

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _await_address(process: subprocess.Popen[str], settings: str) -> str | None:
    assert process.stdin is not None  # noqa: S101  # both are pipes
    assert process.stdout is not None  # noqa: S101
    # A child that hangs while loading is killed, which ends the readline below.
    watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        process.stdin.write(settings)
        process.stdin.flush()
        line = process.stdout.readline()
        return str(json.loads(line)["url"]) if line else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        watchdog.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except OSError:
                continue  # the child is gone already, which is what we are after
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: IO[str]) -> str:
    log.seek(0)
    text = log.read()[-LOG_TAIL_CHARACTERS:]
    log.close()
    return text.strip() or "(it is empty)"

"""What clients stand on where no provider is in reach: threads, keys in long chains of errors, the engine."""

from __future__ import annotations

import asyncio
import threading

import pytest

from packer.clients import local_server
from packer.clients.redact import holds_secret
from packer.clients.threads import in_thread
from schemas.errors import MissingExtra


def chain(length: int) -> Exception:
    error = Exception("the first")
    for _ in range(length):
        later = Exception("a later one")
        later.__cause__ = error
        error = later
    return error


@pytest.mark.parametrize(("length", "held"), [(6, False), (7, True)])
def test_a_chain_of_errors_too_long_to_be_looked_through_is_not_trusted(length: int, held: bool) -> None:
    assert holds_secret(chain(length), ("sk-secret",)) is held


def test_a_call_that_outlives_its_loop_disturbs_nobody() -> None:
    go, ended = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def call() -> int:
        threads.append(threading.current_thread())
        ended.set()
        go.wait(10)
        return 1

    async def begun() -> None:
        waiting = asyncio.ensure_future(in_thread(call))
        await asyncio.sleep(0)
        ended.wait(10)
        waiting.cancel()

    asyncio.run(begun())
    go.set()
    threads[0].join(10)
    assert not threads[0].is_alive()  # an error in it would fail this test: warnings are errors


def test_without_its_engine_the_embedded_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"packsplit\[local\]"):
        local_server.require_engine()

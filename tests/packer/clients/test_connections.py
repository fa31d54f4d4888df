"""Connections of SDK clients that are made here: aiohttp's or the SDK's own, with the same outcomes."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import logging
from dataclasses import replace
from typing import Any

import pytest

from packer.clients import AnthropicMessages, OpenAIChat, OpenAIResponses, connections
from packer.testing import WireFault
from packer.testing.loopback import HANG, RESET
from schemas.chat import Completion
from schemas.errors import CallTimeout, ClientError, Unreachable
from schemas.facts import ModelFacts
from tests.packer.clients.batch_cases import SAID, saying
from tests.packer.clients.wire_cases import PROMPT

Ours = type[OpenAIChat] | type[OpenAIResponses] | type[AnthropicMessages]
every_client = pytest.mark.parametrize("made", [OpenAIChat, OpenAIResponses, AnthropicMessages])
FACTS = ModelFacts(structured=True)


@pytest.fixture(params=["with aiohttp", "without"], autouse=True)
def _installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-canary-of-a-test")
    if request.param == "without":
        monkeypatch.setattr(connections, "find_spec", lambda name: None)
    elif importlib.util.find_spec("aiohttp") is None:
        pytest.skip("aiohttp is optional")


def at(root_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{root_url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", root_url)


def inside(client: Any) -> Any:
    """The connections that a client of ours makes its calls over."""
    sdk = client._sdk if isinstance(client, AnthropicMessages) else client._sdk._sdk
    return sdk._client


@every_client
def test_calls_are_answered_and_connections_closed(
    made: Ours, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    async def called() -> Completion:
        client = made("m", facts=FACTS)
        swift = "Aio" in type(inside(client)).__name__
        assert swift == ("with aiohttp" in request.node.name)
        try:
            return await client.complete(PROMPT)
        finally:
            await client.aclose()
            await client.aclose()
            assert inside(client).is_closed

    with saying() as server:
        at(server.root_url, monkeypatch)
        assert asyncio.run(called()).text == SAID.text


@pytest.mark.parametrize("made", [OpenAIChat, AnthropicMessages])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (WireFault(RESET), Unreachable),
        (WireFault(HANG), CallTimeout),
        (WireFault(500), Unreachable),
        (WireFault(200, "{", {"content-length": "9", "connection": "close"}), Unreachable),
        (None, Unreachable),
    ],
    ids=["reset", "hang", "500", "cut off", "nobody listens"],
)
def test_what_breaks_is_told_the_same_way(
    made: Ours, fault: WireFault | None, error: type[ClientError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def called() -> None:
        client = made("m", facts=FACTS)
        try:
            await client.complete(replace(PROMPT, timeout_s=0.2 if error is CallTimeout else 20.0))
        finally:
            await client.aclose()

    with saying() as server:
        at(server.root_url if fault else "http://127.0.0.1:9", monkeypatch)
        server.faults.extend([fault] if fault else [])
        with pytest.raises(error) as told:
            asyncio.run(called())
    assert told.value.transient == (error is Unreachable)


@every_client
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of sockets, by whoever opens them
def test_a_client_that_nobody_closes_makes_no_noise(
    made: Ours, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def called() -> None:
        await made("m", facts=FACTS).complete(PROMPT)
        gc.collect()
        await asyncio.sleep(0)

    with saying() as server, caplog.at_level(logging.ERROR):
        at(server.root_url, monkeypatch)
        asyncio.run(called())
        gc.collect()
    assert not caplog.records


def test_a_release_that_lacks_the_connections_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import openai

    def lacking() -> None:
        raise RuntimeError("one more package, please")

    monkeypatch.setattr(openai, "DefaultAioHttpClient", lacking)
    assert "Aio" not in type(inside(OpenAIChat("m"))).__name__
    monkeypatch.delattr(openai, "DefaultAioHttpClient")
    assert "Aio" not in type(inside(OpenAIChat("m"))).__name__

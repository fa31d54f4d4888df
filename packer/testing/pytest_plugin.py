"""A pytest plugin: scripted clients, fault servers, and the providers' addresses turned to one of those.

Opt in with one line in the ``conftest.py`` beside your ``pyproject.toml``::

    pytest_plugins = ["packer.testing.pytest_plugin"]

It is no entry point on purpose: pytest would load one in every run of the environment, tests of other
projects included, which costs half a second of imports each time and hides those from a coverage
measurement that starts later. Does not know: what is tested.

PYTEST_DONT_REWRITE (there is no assert in here, and a conftest may import its types before it is loaded)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

import pytest

from packer.testing.constrained import Constrained
from packer.testing.faults import Inject
from packer.testing.faulty import Answers
from packer.testing.job_faults import JobFaults
from packer.testing.scripted import ScriptedClient, Spoiler
from packer.testing.server import FaultServer
from schemas.protocols import Client


class MakesScriptedClient(Protocol):
    """The fixture ``scripted_client``."""

    def __call__(
        self, answers: Answers | None = None, *, spoil: Spoiler | None = None, name: str = "scripted"
    ) -> ScriptedClient:
        """Make a client; arguments as for ``ScriptedClient``."""
        ...


class StartsFaultServer(Protocol):
    """The fixture ``fault_server``."""

    def __call__(
        self,
        answers: Answers | Client,
        *,
        inject: Inject | Sequence[Inject] = (),
        texts: Collection[str] | None = None,
        constrained: Constrained = True,
        cache: bool = False,
        jobs: JobFaults | None = None,
    ) -> FaultServer:
        """Start a server; arguments as for ``FaultServer``."""
        ...


ProvidersAt = Callable[[FaultServer], None]
"""The fixture ``providers_at``."""


@pytest.fixture
def scripted_client() -> MakesScriptedClient:
    """Make clients that answer from a script.

    A text that the script lacks raises ``UnscriptedPrompt``, out of the run too. ``client.prompts`` holds
    what was asked.

    Example::

        def test_it(scripted_client: MakesScriptedClient) -> None:
            client = scripted_client({"Great.": "good"})
            assert my_pipeline(["Great."], client=client) == ["good"]
            assert len(client.prompts) == 1
    """
    return ScriptedClient


@pytest.fixture
def fault_server() -> Iterator[StartsFaultServer]:
    """Start loopback servers that speak OpenAI's and Anthropic's wires; all are closed after the test.

    The test fails at its end if a server was asked for a text that its script lacks: code under test may have
    taken the error that it sent for a provider's, and gone on. Clear ``server.unscripted`` where that is what
    the test is about.

    Example::

        def test_it(fault_server: StartsFaultServer, providers_at: ProvidersAt) -> None:
            server = fault_server({"Great.": "good"}, inject=Inject(FaultKind.FENCE, rate=1.0))
            providers_at(server)
            assert my_pipeline(["Great."], model="openai/any") == ["good"]
            assert server.ledger.calls == 1
    """
    started: list[FaultServer] = []
    with ExitStack() as stack:

        def start(
            answers: Answers | Client,
            *,
            inject: Inject | Sequence[Inject] = (),
            texts: Collection[str] | None = None,
            constrained: Constrained = True,
            cache: bool = False,
            jobs: JobFaults | None = None,
        ) -> FaultServer:
            made = FaultServer(
                answers, inject=inject, texts=texts, constrained=constrained, cache=cache, jobs=jobs
            )
            started.append(stack.enter_context(made))
            return made

        yield start
    if told := [each for server in started for each in server.unscripted]:
        more = f" (and {len(told) - 1:,} more)" if len(told) > 1 else ""
        pytest.fail(f"A fault server was asked what its script does not hold: {told[0]}{more}", pytrace=False)


@pytest.fixture
def providers_at(monkeypatch: pytest.MonkeyPatch) -> ProvidersAt:
    """Turn ``model="openai/..."``, ``model="anthropic/..."`` and SDK clients without an address to a server.

    Keys and addresses in the environment are replaced until the test ends, so that no test reaches a provider
    by the keys of whoever runs it.
    """

    def turn(server: FaultServer) -> None:
        for vendor, address in (("OPENAI", server.url), ("ANTHROPIC", server.root_url)):
            monkeypatch.setenv(f"{vendor}_BASE_URL", address)
            monkeypatch.setenv(f"{vendor}_API_KEY", "no-key-needed")

    return turn

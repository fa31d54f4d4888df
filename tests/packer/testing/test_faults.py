"""Faults that meet in one call, and where a cut falls: the ledger says what went out, no more and no less."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence

import pytest

from packer import Budget, Completion, Layout, Task, UsageError, plan, render
from packer.testing import FaultKind, FaultServer, FaultyClient, Inject, ScriptedClient, Served, items_of
from schemas.errors import ClientError
from schemas.settings import Envelope
from tests.strategies import LABELS, SENTIMENT

TEXTS = [f"Remark number {n}, made on day {n % 7}." for n in range(12)]
TRUTH = {text: LABELS[n % 3] for n, text in enumerate(TEXTS)}


def asked(*kinds: FaultKind) -> tuple[Completion | ClientError, Served]:
    """One call of twelve items that every one of these faults strikes."""
    client = FaultyClient(TRUTH, [Inject(kind, 1.0, per="call") for kind in kinds])
    (pack,) = plan(TEXTS, SENTIMENT, budget=Budget(items=12)).packs
    try:
        said: Completion | ClientError = asyncio.run(client.complete(render(pack, max_output_tokens=999)))
    except ClientError as error:
        said = error
    return said, client.ledger.served[-1]


@pytest.mark.parametrize(
    ("kinds", "done"),
    [
        ([FaultKind.DROP, FaultKind.RATE_LIMIT], [FaultKind.RATE_LIMIT]),
        ([FaultKind.RATE_LIMIT, FaultKind.SLOW], [FaultKind.RATE_LIMIT]),
        ([FaultKind.OVERLOADED, FaultKind.HANG], [FaultKind.OVERLOADED]),
        ([FaultKind.EMPTY_CHOICES, FaultKind.TRUNCATE], [FaultKind.EMPTY_CHOICES]),
        ([FaultKind.REFUSAL, FaultKind.TRUNCATE], [FaultKind.REFUSAL]),
        ([FaultKind.FENCE, FaultKind.REFUSAL], [FaultKind.REFUSAL]),
    ],
)
def test_a_call_ends_once_and_only_that_is_counted(kinds: Sequence[FaultKind], done: list[FaultKind]) -> None:
    said, served = asked(*kinds)
    assert [*served.kinds] == done
    assert sorted(served.affected) == sorted(TEXTS)
    assert isinstance(said, ClientError) or said.text == ""


def test_a_fenced_reply_that_is_cut_still_has_its_fence() -> None:
    said, served = asked(FaultKind.FENCE, FaultKind.TRUNCATE)
    assert isinstance(said, Completion)
    assert served.kinds == (FaultKind.FENCE, FaultKind.TRUNCATE)
    assert "```".startswith(said.text[:3])


@pytest.mark.parametrize("envelope", ["keyed", "array", "lines"])
@pytest.mark.parametrize("kind", [FaultKind.TRUNCATE, FaultKind.ENDLESS_WHITESPACE])
@pytest.mark.parametrize("per", ["item", "call"])
def test_whoever_is_behind_the_cut_is_affected(kind: FaultKind, envelope: Envelope, per: str) -> None:
    """Read back by lines. A bare number at the very end may have gone on, so it does not count as there."""
    texts = [f"Bemerkung {n} über Größe." for n in range(20)]
    layout = Layout(envelope=envelope)
    packs = plan(texts, Task.extract("The number.", int), layout=layout, budget=Budget(items=10)).packs
    perfect = FaultyClient(lambda text: int(text.split()[1]))
    for seed in range(30):
        rate = 1.0 if per == "call" else 0.15
        inject = Inject(kind, rate, per="call" if per == "call" else "item", seed=seed)
        client = FaultyClient(lambda text: int(text.split()[1]), inject)
        for pack in packs:
            prompt = render(pack, max_output_tokens=999)
            whole, said = (asyncio.run(each.complete(prompt)).text for each in (perfect, client))
            inner = whole.split("\n") if envelope == "lines" else whole.split("\n")[1:-1]
            lines = [line.rstrip(",") for line in inner]
            lost = [
                shown.text
                for shown, line in zip(items_of(prompt), lines, strict=True)
                if line not in said or (said.endswith(line) and line[-1] not in '"}]')
            ]
            assert sorted(client.ledger.served[-1].affected) == sorted(lost)


def test_a_reset_is_a_reset_and_no_polite_end() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": TEXTS[0]}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with FaultServer(TRUTH, inject=Inject(FaultKind.RESET, 1.0)) as server:
        address = server.url.removeprefix("http://").removesuffix("/v1").split(":")
        with socket.create_connection((address[0], int(address[1]))) as connection:
            connection.sendall(head + body)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


def test_faults_for_a_client_that_writes_its_own_replies_are_refused() -> None:
    with pytest.raises(UsageError, match="not a client"):
        FaultServer(ScriptedClient(TRUTH), inject=Inject(FaultKind.DROP))

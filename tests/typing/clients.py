"""Not run: mypy and pyright read it. A class of the caller's own is a client by its one method; the fakes are, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_type

import anthropic
import openai

from packer import Client, Completion, FinishReason, Message, Prompt, Task, TokenCounter, Usage, pack_and_run
from packer.testing import (
    Answers,
    Bled,
    Bleed,
    BleedingClient,
    FaultKind,
    FaultServer,
    FaultyClient,
    Inject,
    JobAsk,
    JobFaults,
    Moves,
    NoBleed,
    ScriptedClient,
    SeenJob,
    SeenRequest,
    Served,
    ServerLedger,
    WireFault,
    assert_no_bleed,
    items_of,
)

label = Task.classify("x", ["a", "b"])


class Mine:
    """One method is all it takes."""

    async def complete(self, prompt: Prompt) -> Completion:
        said: tuple[Message, ...] = prompt.messages
        return Completion(said[-1].content, FinishReason.STOP, Usage(10, 0, 5), model="mine")


class Words:
    """A token counter of the caller's own."""

    name = "words"

    def count_batch(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]


def from_a_function(answer: Callable[[str], str]) -> Client:
    """A synchronous function behind the asynchronous method."""

    class Wrapped:
        async def complete(self, prompt: Prompt) -> Completion:
            return Completion(answer(prompt.messages[-1].content))

    return Wrapped()


mine: Client = Mine()
words: TokenCounter = Words()
pack_and_run(["a"], label, client=mine, counter=words)
pack_and_run(["a"], label, client=from_a_function(str.upper), counter=words)
pack_and_run(["a"], label, client=openai.OpenAI(), model="any")
pack_and_run(["a"], label, client=openai.AsyncOpenAI(), model="any")
pack_and_run(["a"], label, client=anthropic.Anthropic(), model="any")

# The fakes are clients.
table: Answers = {"a": "b"}
fakes: Sequence[Client] = (
    ScriptedClient(table, name="script"),
    ScriptedClient(spoil=lambda prompt, reply: reply[:-1]),
    FaultyClient(
        lambda text: text.upper(), [Inject(FaultKind.SHIFT, rate=0.5, per="call", moves=Moves.ENTRY)]
    ),
    BleedingClient(table, copy=0.2, full_at=10),
)
faulty = FaultyClient(table)
assert_type(faulty.ledger, ServerLedger)
assert_type(faulty.ledger.served, list[Served])
assert_type(faulty.ledger.affected, frozenset[str])
bleeding = BleedingClient(table)
assert_type(bleeding.ledger, list[Bled])
assert_type(bleeding.ledger[0].bleeds, tuple[Bleed | None, ...])
assert_type(bleeding.true_bleed, float)
assert_type(ScriptedClient(table).prompts, list[Prompt])
for shown in items_of(ScriptedClient(table).prompts[0]):
    assert_type(shown.text, str)

with FaultServer(
    table, inject=Inject(FaultKind.DROP), jobs=JobFaults(looks=1), constrained="refuse"
) as server:
    assert_type(server, FaultServer)
    assert_type(server.url, str)
    assert_type(server.seen, list[SeenRequest])
    assert_type(server.jobs, tuple[SeenJob, ...])
    assert_type(server.jobs[0].asks, tuple[JobAsk, ...])
    server.faults.append(WireFault(429, {"error": "slow down"}, {"retry-after": "1"}))

assert_type(assert_no_bleed(label, ["a", "b"], mine, size=5, max_bleed=0.02), NoBleed)

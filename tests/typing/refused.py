"""Not run: mypy and pyright read it. Wrong code that both must refuse: an ignore that nothing needs is an error.

Each line has one fault, and says in both checkers' words which. A door that becomes too wide, or that loses its
types, makes its ignores idle, and turns the build red.
"""

from __future__ import annotations

from decimal import Decimal

from packer import (
    Budget,
    Client,
    Completion,
    Guard,
    Item,
    Layout,
    Limits,
    Prompt,
    RunResult,
    SignalKind,
    Store,
    Task,
    TokenCounter,
    pack_and_run,
    pack_and_run_async,
    pack_and_stream,
    plan,
    render,
    split,
    with_answers,
)
from packer.testing import FaultKind, FaultServer, Inject, ScriptedClient

client = ScriptedClient({})
label = Task.classify("x", ["a", "b"])
number = Task.extract("x", int)
run = pack_and_run(["a"], label, client=client)


class NotAsync:
    def complete(self, prompt: Prompt) -> Completion:
        return Completion(prompt.messages[-1].content)


class SaysTooLittle:
    async def complete(self, prompt: Prompt) -> str:
        return prompt.messages[-1].content


# A client is asynchronous and answers with a Completion; a counter counts.
sync_client: Client = NotAsync()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
string_client: Client = SaysTooLittle()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
counter: TokenCounter = NotAsync()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

# Inputs.
pack_and_run([1, 2], label, client=client)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
pack_and_run([b"a"], label, client=client)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
pack_and_run([("id", 1)], label, client=client)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
pack_and_run(7, label, client=client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Item(1.5, "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# A task is a task.
pack_and_run(["a"], "classify", client=client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Task.classify("x", 5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
Task.classify("x", ["a"], multi="yes")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]

# Options are keyword-only, and there are no others.
pack_and_run(["a"], label, "local")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pack_and_run(["a"], label, client=client, batch_size=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pack_and_run(["a"], label, client=client, strategy="packed")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pack_and_run(["a"], label, client=client, via="job")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pack_and_run(["a"], label, client=client, budget=10)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pack_and_run(["a"], label, client=client, window=10)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
plan(["a"], label, client=client)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Layout(binding="stamp")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Limits(max_cost_usd=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Guard(reject={SignalKind.SHIFT})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Store(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Inject("shift")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FaultServer({}, constrained="maybe")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

# What came back cannot be changed, and is not taken for what it is not.
run.results[0].value = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
Budget().items = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
value: str = run.values[0]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
cost: Decimal = run.ledger.cost_usd  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
start: int = run.results[0].quotes[0].start  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
numbers: RunResult[int] = run  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
parsed: Task[str] = number  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
run.result  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
FaultKind.UNHEARD_OF  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

# Splitting takes a pack and a completion; a cap is not left out.
split(label, Completion("{}"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
split(plan(["a"], label).packs[0], "{}")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
render(plan(["a"], label).packs[0])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
with_answers([{"text": "a"}], run, label)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


async def asynchronous() -> None:
    sync: RunResult[str]
    sync = pack_and_run_async(["a"], label, client=client)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(sync)
    text: str
    async for each in pack_and_stream(["a"], label, client=client):
        text = each.value  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        print(text)
    print([*pack_and_stream(["a"], label, client=client)])  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownArgumentType]

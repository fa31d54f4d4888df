"""Not run: mypy and pyright read it. What users' code may rely on: the doors, and what comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import polars
from pydantic import BaseModel

from packer import (
    Advice,
    Audit,
    Batch,
    Budget,
    Calibration,
    Canary,
    ClientError,
    Comparison,
    Completion,
    Decision,
    Estimate,
    Evaluation,
    Example,
    Fallback,
    Finding,
    FinishReason,
    Gate,
    Gold,
    Guard,
    Item,
    ItemResult,
    Layout,
    Limits,
    Match,
    Message,
    ModelFacts,
    Outcome,
    PacksplitError,
    Plan,
    Price,
    Prompt,
    Quote,
    Review,
    ReviewGate,
    Route,
    Ruling,
    RunError,
    RunRecord,
    RunResult,
    Sheet,
    Signal,
    SignalKind,
    SizeChange,
    Stage,
    Store,
    Task,
    Trend,
    Trial,
    Trust,
    Usage,
    UsageError,
    cancel_jobs,
    evaluate,
    pack_and_run,
    pack_and_run_async,
    pack_and_stream,
    plan,
    read_run,
    render,
    split,
    with_answers,
)
from packer.testing import ScriptedClient
from schemas.item import ItemId
from schemas.pack import Pack
from schemas.record import CallRecord, ItemRecord, JobRecord
from schemas.verdict import Reason, Split, Verdict
from splitter import Need, escalate, last_rungs
from splitter import split as split_one


class Invoice(BaseModel):
    total: float


client = ScriptedClient({})
label = Task.classify("x", ["a", "b"])
invoice = Task.extract("x", Invoice)


# What may be an input.
class Ticket(BaseModel):
    id: int
    text: str


assert_type(pack_and_run(["a"], label, client=client), RunResult[str])
assert_type(pack_and_run((text for text in "ab"), label, client=client), RunResult[str])
assert_type(pack_and_run([("id", "a"), (2, "b")], label, client=client), RunResult[str])
assert_type(pack_and_run([{"text": "a", "channel": "web"}], label, client=client), RunResult[str])
assert_type(pack_and_run([Ticket(id=1, text="a")], label, client=client), RunResult[str])
assert_type(pack_and_run([Item("id", "a", group="g")], label, client=client), RunResult[str])
assert_type(pack_and_run({"a": "good"}, label, client=client), RunResult[str])
assert_type(pack_and_run(["a"], invoice, client=client), RunResult[Invoice])

# What comes back.
run = pack_and_run(["a"], invoice, client=client)
assert_type(run.values, list[Invoice | None])
assert_type(run.results, tuple[ItemResult[Invoice], ...])
assert_type(run.released, tuple[ItemResult[Invoice], ...])
assert_type(run.pending, tuple[ItemResult[Invoice], ...])
assert_type(run.doubtful, tuple[ItemResult[Invoice], ...])
assert_type(run.unresolved, tuple[ItemResult[Invoice], ...])
assert_type(run.outcomes, Counter[Outcome])
assert_type(run.stopped, str | None)
assert_type(run.elapsed_s, float)
assert_type(run.trends, tuple[Trend, ...])
assert_type(run.advice, tuple[Advice, ...])
assert_type(run.comparisons, tuple[Comparison, ...])
assert_type(run.reviews, tuple[Review, ...])
assert_type(run.gate, Gate)
assert_type(run.audit, Audit | None)
assert_type(run.calibration, Calibration | None)
assert_type(run.size_changes, tuple[SizeChange, ...])
assert_type(run.reply_signals, Mapping[SignalKind, int])
assert_type(run.ledger.calls, int)
assert_type(run.ledger.usage, Usage)
assert_type(run.ledger.cost_usd, Decimal | None)
assert_type(len(run), int)
for result in run:
    assert_type(result, ItemResult[Invoice])
    assert_type(result.item_id, ItemId)
    assert_type(result.outcome, Outcome)
    assert_type(result.value, Invoice | None)
    assert_type(result.route, Route | None)
    assert_type(result.reason, Reason | None)
    assert_type(result.signals, tuple[Signal, ...])
    assert_type(result.trust, Trust)
    assert_type(result.quotes, tuple[Quote, ...])
    assert_type(result.usage, Usage)
    assert_type(result.cost_usd, Decimal | None)
    assert_type(result.review, Review | None)
    for quote in result.quotes:
        assert_type(quote.match, Match)
        assert_type(quote.start, int | None)
if run.audit is not None:
    assert_type(run.audit.bleed, Estimate | None)
if run.calibration is not None:
    assert_type(run.calibration.size, int | None)
    assert_type(run.calibration.trials, tuple[Trial, ...])
    assert_type(run.calibration.trials[0].finding, Finding)
assert_type(Usage().output_tokens, int | None)


# Every option at once.
def look(sheet: Sheet) -> list[Decision]:
    assert_type(sheet.stage, Stage)
    return [Decision(each.item_id, Ruling.APPROVE, reason="fine") for each in sheet.items]


stored = pack_and_run(
    [{"text": "a", "channel": "web"}],
    invoice,
    model="openai/any",
    client=client,
    strategy="auto",
    budget=Budget(items=10, input_tokens=4_000),
    limits=Limits(rpm=500, max_cost_usd=Decimal("1.50"), shared=Path("pace")),
    fallback=Fallback(repacks=1, session=False),
    guard=Guard(
        reject=Guard().reject - {SignalKind.FOREIGN_VALUE},
        canaries=(Canary("5 EUR", {"total": 5.0}),),
        gold=(Gold("5 EUR", {"total": 5.0}),),
        max_accuracy_loss=0.01,
        profile="may.json",
    ),
    layout=Layout(envelope="lines", binding="seal", packing="in_order", framing="quoted"),
    facts=ModelFacts(
        context_tokens=8_000, price=Price(input_usd_per_mtok=Decimal("1"), output_usd_per_mtok=Decimal("2"))
    ),
    resume=run,
    store=Store("may.run", texts=False),
    cache="answers.cache",
    name="May",
    baseline=20,
    group_by="channel",
    review=ReviewGate(sample=5, callback=look),
    via=Batch(poll_s=0),
    seed=7,
    on_progress=lambda tally: None,
)
assert_type(stored, RunResult[Invoice])
assert_type(Guard().reject, frozenset[SignalKind])


# The other two doors.
async def asynchronous() -> None:
    assert_type(
        await pack_and_run_async(["a"], invoice, client=client, strategy="session"), RunResult[Invoice]
    )
    async for each in pack_and_stream(
        arriving(), invoice, client=client, window=1_000, on_window=lambda w: print(w.values[0])
    ):
        assert_type(each, ItemResult[Invoice])


async def arriving() -> AsyncIterator[str]:
    yield "a"


# Around the run.
assert_type(evaluate(["a"], label, client=client, sizes=(5, 10), gold=[("a", "b")]), Evaluation)
record = read_run("may.run")
assert_type(record, RunRecord)
assert_type(record.items, tuple[ItemRecord, ...])
assert_type(record.calls, tuple[CallRecord, ...])
assert_type(cancel_jobs(Path("may.run"), model="openai/any"), tuple[JobRecord, ...])

# Bring your own loop: plan, render, split.
planned = plan(["a"], invoice, model="openai/any", strategy="pack", seed=1)
assert_type(planned, Plan[Invoice])
assert_type(planned.advice, tuple[Advice, ...])
for pack in planned.packs:
    assert_type(pack, Pack[Invoice])
    prompt = render(pack, max_output_tokens=400, history=[Message("user", "before")])
    assert_type(prompt, Prompt)
    taken_apart = split(pack, Completion("{}", FinishReason.LENGTH), guard=Guard())
    assert_type(taken_apart, Split[Invoice])
    assert_type(split_one(pack, Completion("{}")), Split[Invoice])
    assert_type(taken_apart.verdicts, tuple[Verdict[Invoice], ...])
    assert_type(taken_apart.verdicts[0].value, Invoice | None)
assert_type(escalate(10, 0, Fallback(), whole_failed=False), Need | None)
assert_type(last_rungs(Route.SESSION, Fallback()), Need | None)

# A table comes back as what it was. (pandas and pyarrow bring no types of their own.)
table = polars.DataFrame({"text": ["a"]})
assert_type(with_answers(table, pack_and_run(table, label, client=client), label), polars.DataFrame)

# One tree of errors.
try:
    pack_and_run(["a"], label, client=client)
except ClientError as error:
    told: RunError = error
except UsageError as error:
    yours: PacksplitError = error

assert_type(Example("a", "b").text, str)

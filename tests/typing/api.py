"""Not run: type checkers read it. What users' code may rely on."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

import polars
from pydantic import BaseModel

from packer import (
    Comparison,
    Decision,
    Gate,
    Guard,
    ItemResult,
    Quote,
    Review,
    ReviewGate,
    Ruling,
    RunRecord,
    RunResult,
    Sheet,
    SignalKind,
    Store,
    Task,
    Trend,
    Trust,
    pack_and_run,
    read_run,
    with_answers,
)
from packer.testing import ScriptedClient


class Invoice(BaseModel):
    total: float


client = ScriptedClient({})
assert_type(Task.classify("x", ["a", "b"]), Task[str])
assert_type(Task.classify("x", ["a", "b"], multi=True), Task[list[str]])
assert_type(Task.extract("x", Invoice), Task[Invoice])
assert_type(Task.extract("x", int), Task[int])
assert_type(Task.extract("x", list[str]), Task[list[str]])
assert_type(pack_and_run(["a"], Task.extract("x", Invoice), client=client), RunResult[Invoice])
assert_type(pack_and_run(["a"], Task.classify("x", ["a", "b"]), client=client).values, list[str | None])
assert_type(pack_and_run([("id", "a")], Task.extract("x", int), client=client).results[0].value, int | None)

quoted = pack_and_run(["a"], Task.extract("x", Invoice, evidence=True), client=client, guard=Guard())
assert_type(quoted, RunResult[Invoice])
assert_type(quoted.results[0].quotes, tuple[Quote, ...])
assert_type(quoted.results[0].trust, Trust)
assert_type(quoted.trends, tuple[Trend, ...])
assert_type(Guard().reject, frozenset[SignalKind])


def look(sheet: Sheet) -> list[Decision]:
    return [Decision(each.item_id, Ruling.APPROVE) for each in sheet.items]


stored = pack_and_run(
    [{"text": "a", "channel": "web"}],
    Task.extract("x", Invoice),
    client=client,
    store=Store("may.run", texts=False),
    cache="answers.cache",
    name="May",
    baseline=20,
    group_by="channel",
    review=ReviewGate(sample=5, callback=look),
)
assert_type(stored.released, tuple[ItemResult[Invoice], ...])
assert_type(stored.gate, Gate)
assert_type(stored.reviews, tuple[Review, ...])
assert_type(stored.comparisons, tuple[Comparison, ...])
assert_type(stored.results[0].cost_usd, Decimal | None)
assert_type(read_run("may.run"), RunRecord)

table = polars.DataFrame({"text": ["a"]})
label = Task.classify("x", ["a", "b"])
assert_type(
    with_answers(table, pack_and_run(table, label, client=client, via="batch"), label), polars.DataFrame
)

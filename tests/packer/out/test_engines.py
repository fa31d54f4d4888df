"""PackRows: sent to other processes, batches of every kind, failures as rows, limits over a worker's life."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from packer import (
    Budget,
    Completion,
    Guard,
    Limits,
    ModelFacts,
    Price,
    Prompt,
    Task,
    Usage,
    UsageError,
)
from packer.out.engines.pack_rows import PackRows
from packer.out.engines.ray_data import pack_dataset
from packer.out.engines.shares import SHARED_OUT, share_of
from packer.testing import FaultServer, ScriptedClient, WireFault
from schemas.errors import AccessDenied, BadItem, MissingExtra, SchemaNotPortable, Unsuitable
from tests.packer.out.engine_worker import in_a_worker, kept_client, verdict

LABELS = ("good", "bad")
TASK = Task.classify("Sentiment of a review.", LABELS)
CALLS_ONLY = Guard(audit=0.0)
DOLLARS = ModelFacts(price=Price(input_usd_per_mtok=Decimal("1"), output_usd_per_mtok=Decimal("3")))
COLUMNS = ["id", "value", "outcome", "reason", "route", "attempts", "cost_usd", "trust"]


class Review(BaseModel):
    stars: int
    currency: Literal["EUR", "USD"] | None = None


def scripted() -> ScriptedClient:
    return ScriptedClient(verdict)


def numbered(count: int, start: int = 0) -> list[dict[str, object]]:
    return [{"id": f"r{n}", "text": f"Review {n}", "stars": 5} for n in range(start, start + count)]


@contextmanager
def packing(task: Task[object] | Task[str] = TASK, **options: object) -> Iterator[PackRows[object]]:
    options = {"workers": 1, "client": scripted, "guard": CALLS_ONLY, **options}
    pack: PackRows[object] = PackRows(task, **options)  # type: ignore[arg-type]
    try:
        yield pack
    finally:
        pack.close()


# Rows in, rows out.


def test_one_result_for_every_row_in_the_rows_order() -> None:
    with packing(
        Task.extract("Stars.", Review), client=partial(ScriptedClient, {"a": {"stars": 3, "currency": None}})
    ) as pack:
        rows = pack([{"id": (1, 2), "text": "a"}, {"id": None, "text": "a"}])
    assert [list(row) for row in rows] == [COLUMNS, COLUMNS]
    assert [row["id"] for row in rows] == [(1, 2), None]
    assert rows[0]["value"] == {"stars": 3, "currency": None}
    assert json.loads(json.dumps(rows[1])) == rows[1]


def test_ids_may_repeat_and_each_row_has_its_own_answer() -> None:
    with packing() as pack:
        rows = pack([{"id": "same", "text": f"Review {n}"} for n in range(25)])
    assert [row["id"] for row in rows] == ["same"] * 25
    assert [row["value"] for row in rows] == [verdict(f"Review {n}") for n in range(25)]


def test_what_cannot_be_answered_is_a_row_with_a_reason() -> None:
    def answers(text: str) -> object:
        return "neither" if text == "Review 1" else verdict(text)

    rows_in = [{"id": n, "text": text} for n, text in enumerate(["Review 0", "Review 1", "", None, 7.5])]
    with packing(client=partial(ScriptedClient, answers)) as pack:
        rows = pack(rows_in)
    assert [row["outcome"] for row in rows] == ["accepted", "failed", "failed", "failed", "failed"]
    assert [str(row["reason"]).partition(":")[0] for row in rows[1:]] == [
        "invalid_value",
        *["empty_text"] * 3,
    ]
    assert "float" in str(rows[4]["reason"])
    assert rows[1]["attempts"] == 3
    assert rows[3]["attempts"] == 0


def test_groups_do_not_share_calls() -> None:
    client = scripted()
    with packing(group_field="shop", client=lambda: client) as pack:
        pack([{"id": n, "text": f"Review {n}", "shop": n % 2} for n in range(10)])
    assert len(client.prompts) == 2


@pytest.mark.parametrize("kind", ["rows", "numpy", "pandas", "pyarrow", "polars"])
def test_every_kind_of_batch_comes_back_in_kind(kind: str) -> None:
    ids, texts = [30, 10, 20], ["Review 0", "Review 1", None]
    batch: object = {
        "rows": [{"id": n, "text": text} for n, text in zip(ids, texts, strict=True)],
        "numpy": {"id": np.array(ids), "text": np.array(texts, dtype=object)},
        "pandas": pd.DataFrame({"id": ids, "text": texts}, index=[7, 7, 9]),
        "pyarrow": pa.table({"id": ids, "text": texts}),
        "polars": pl.DataFrame({"id": ids, "text": texts}),
    }[kind]
    with packing() as pack:
        made: object = pack(batch)  # type: ignore[call-overload]
        empty: object = pack(emptied(batch))  # type: ignore[call-overload]
    assert type(made) is type(batch)
    assert type(empty) is type(batch)
    assert columns_of(empty) == ([] if kind == "rows" else COLUMNS)
    columns = {name: list_of(made, name) for name in COLUMNS}
    assert columns["id"] == ids
    assert columns["value"] == ["bad", "good", None]
    assert columns["outcome"] == ["accepted", "accepted", "failed"]
    assert columns["attempts"] == [1, 1, 0]
    assert columns["cost_usd"] == [None] * 3


def emptied(batch: object) -> object:
    if isinstance(batch, list):
        return []
    if isinstance(batch, Mapping):
        return {name: column[:0] for name, column in batch.items()}
    return nw.from_native(batch, eager_only=True).head(0).to_native()  # type: ignore[call-overload]


def columns_of(batch: object) -> list[str]:
    if isinstance(batch, list):
        return []
    return list(batch) if isinstance(batch, Mapping) else list(nw.from_native(batch, eager_only=True).columns)  # type: ignore[call-overload]


def list_of(batch: object, name: str) -> list[object]:
    if isinstance(batch, list):
        return [row[name] for row in batch]
    if isinstance(batch, Mapping):
        return list(batch[name].tolist())
    column = nw.from_native(batch, eager_only=True)[name]  # type: ignore[call-overload]
    return [
        None if gone else each
        for each, gone in zip(column.to_list(), column.is_null().to_list(), strict=True)
    ]


def test_columns_have_one_type_whatever_comes() -> None:
    """A batch whose rows all failed fits under one whose rows all have values, and odd text goes in."""
    task = Task.extract("The word.", {"type": ["string", "integer"]})
    answers = {"a": "caf\u00e9", "b": 5, "c": "\ud800"}
    with packing(task, client=partial(ScriptedClient, answers)) as pack:
        good = pack(pa.table({"id": [1, 2, 3], "text": ["a", "b", "c"]}))
        bad = pack(pa.table({"id": [4], "text": [""]}))
    assert good.schema == bad.schema
    values = pa.concat_tables([good, bad]).column("value").to_pylist()
    assert values[0] == '"caf\u00e9"'
    assert [json.loads(each) for each in values[:3]] == list(answers.values())
    assert values[3] is None


def test_money_is_exact_text_that_sums_to_the_bill() -> None:
    with FaultServer(verdict) as server:
        with packing(client=partial(sdk_at, server.url), model="gpt-4.1-mini", facts=DOLLARS) as pack:
            table = pack(pa.table({"id": list(range(23)), "text": [f"Review {n}" for n in range(23)]}))
        ledger = server.ledger
    exact = sum((Fraction(each) for each in table.column("cost_usd").to_pylist()), Fraction(0))
    bill = Fraction(ledger.prompt_tokens + 3 * ledger.completion_tokens, 1_000_000)
    assert abs(exact - bill) < Fraction(1, 10**24)  # shares of a third have an end, their sum has not


def sdk_at(url: str) -> object:
    from openai import OpenAI

    return OpenAI(base_url=url, api_key="none", max_retries=0)


def test_spark_and_dask_get_what_their_contracts_ask() -> None:
    """Spark: an iterator of frames in and out, lazily. Dask: an empty frame tells the columns, free."""
    client = scripted()
    frame = pd.DataFrame(numbered(5))
    with packing(client=lambda: client) as pack:
        frames = pack.in_pandas(iter([frame, frame.head(2)]))
        assert client.prompts == []
        first = next(frames)
        assert len(client.prompts) == 1
        rest = list(frames)
        meta = pack(frame.head(0))
        assert len(client.prompts) == 2
    assert list(first["value"]) == [verdict(f"Review {n}") for n in range(5)]
    assert [len(each) for each in rest] == [2]
    assert list(meta.columns) == list(first.columns) == COLUMNS
    assert meta.dtypes.to_dict() == first.dtypes.to_dict()
    assert pack.spark_schema("bigint").startswith("id bigint, value string, outcome string, reason string")
    assert [each.split()[0] for each in pack.spark_schema().split(", ")] == COLUMNS


# Errors: raised while nothing was paid for, in the rows afterwards.


def test_a_wrong_key_is_raised_and_can_be_sent() -> None:
    with FaultServer(verdict) as server:
        body = {"error": {"message": "no such key", "code": "invalid_api_key"}}
        server.faults.append(WireFault(401, body))
        with packing(client=partial(sdk_at, server.url), model="gpt-4.1-mini") as pack:
            with pytest.raises(AccessDenied) as caught:
                pack(numbered(3))
            again = pickle.loads(pickle.dumps(caught.value))
            assert (type(again), again.status, again.original) == (AccessDenied, 401, None)
            assert pack(numbered(3))[0]["outcome"] == "accepted"
            server.faults.append(WireFault(401, body))
            late = pack(numbered(3, start=3))
    assert [row["outcome"] for row in late] == ["pending"] * 3
    assert "no such key" in str(late[0]["reason"])


def test_a_provider_that_is_down_leaves_rows_pending() -> None:
    with FaultServer(verdict) as server:
        server.faults.extend(WireFault(503, {}) for _ in range(20))
        limits = Limits(outage_s=0, retries=0)
        with packing(client=partial(sdk_at, server.url), model="gpt-4.1-mini", limits=limits) as pack:
            rows = pack(numbered(3))
            assert {row["outcome"] for row in rows} == {"pending"}
            server.faults.clear()
            assert {row["outcome"] for row in pack(numbered(3))} == {"accepted"}


@pytest.mark.parametrize(
    "error",
    [SchemaNotPortable("$.a", "it is odd"), MissingExtra("ray", "This"), Unsuitable("no", topic="mixed")],
    ids=lambda error: type(error).__name__,
)
def test_every_error_can_be_sent_to_another_process(error: UsageError) -> None:
    class Broken(ScriptedClient):
        async def complete(self, prompt: Prompt) -> Completion:
            raise error

    with packing(client=Broken) as pack, pytest.raises(UsageError) as caught:
        pack(numbered(2))
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(error)
    assert isinstance(again, UsageError)


@pytest.mark.parametrize(
    "batch",
    [[{"id": 1, "body": "x"}], {"id": np.array([1])}, pd.DataFrame({"id": [1]}), pa.table({"text": ["a"]})],
    ids=["rows", "numpy", "pandas", "pyarrow"],
)
def test_a_field_that_no_row_has_is_a_mistake(batch: object) -> None:
    with packing() as pack, pytest.raises(BadItem, match=r"There is no field '(text|id)' in the batch"):
        pack(batch)  # type: ignore[call-overload]


@pytest.mark.parametrize("batch", ["text", 7, ["text"], {"id": [1], "text": ["a"]}], ids=repr)
def test_another_kind_of_batch_is_a_mistake(batch: object) -> None:
    with packing() as pack, pytest.raises(BadItem):
        pack(batch)  # type: ignore[call-overload]


def test_options_that_cannot_work_are_refused_where_they_are_given(tmp_path: Path) -> None:
    def refused(match: str, **options: object) -> None:
        with pytest.raises(UsageError, match=match):
            PackRows(TASK, **{"workers": 2, "client": scripted, **options})  # type: ignore[arg-type]

    refused("which cannot be sent", client=scripted())
    refused("which cannot be sent", client="gpt-4.1-mini")
    refused("Say who answers", client=None)
    refused("workers=0", workers=0)
    refused("workers=1.5", workers=1.5)
    refused(r"Limits\(rpm=3\).*at most 3 workers", workers=4, limits=Limits(rpm=3))
    refused(r"Limits\(concurrency=8\)", workers=9, limits=Limits())
    refused("on one machine", limits=Limits(rpm=9, shared=tmp_path / "pace"))
    refused("would be proven anew", guard=Guard(max_bleed=0.02))


def test_no_key_shows_in_what_is_printed() -> None:
    assert "sk-" not in repr(PackRows(TASK, workers=1, client=partial(sdk_at, "sk-secret")))


# Limits.


@settings(max_examples=60)
@given(
    workers=st.integers(1, 300),
    ceilings=st.fixed_dictionaries({name: st.none() | st.integers(1, 10**7) for name in SHARED_OUT[:4]}),
    concurrency=st.integers(1, 10_000),
    most_calls=st.none() | st.integers(1, 10**9),
    money=st.none() | st.integers(1, 10**6) | st.decimals("0.000001", "1000000", places=6),
)
def test_the_parts_never_come_to_more_than_the_whole(
    workers: int,
    ceilings: dict[str, int | None],
    concurrency: int,
    most_calls: int | None,
    money: Decimal | int | None,
) -> None:
    whole = Limits(**ceilings, concurrency=concurrency, max_calls=most_calls, max_cost_usd=money)  # type: ignore[arg-type]
    counted = {name: getattr(whole, name) for name in SHARED_OUT}
    if any(each is not None and each < workers for each in counted.values()):
        with pytest.raises(UsageError, match="does not come to one for each"):
            share_of(whole, workers)
        return
    part = share_of(whole, workers)
    for name, limit in counted.items():
        each = getattr(part, name)
        assert (each is None) == (limit is None)
        assert limit is None or limit - workers < each * workers <= limit
    if money is None:
        assert part.max_cost_usd is None
    else:
        assert part.max_cost_usd is not None
        together = Fraction(part.max_cost_usd) * workers
        assert Fraction(money) * (1 - Fraction(1, 10**50)) <= together <= Fraction(money)


def test_calls_are_counted_over_the_workers_life() -> None:
    client = scripted()
    limits = Limits(max_calls=5, concurrency=2)
    with packing(client=lambda: client, limits=limits, workers=2, budget=Budget(items=10)) as pack:
        batches = [pack(numbered(10, start=10 * n)) for n in range(4)]
        assert len(client.prompts) == 2
        outcomes = [{row["outcome"] for row in batch} for batch in batches]
        assert outcomes == [{"accepted"}, {"accepted"}, {"pending"}, {"pending"}]
        assert "max_calls" in str(batches[3][0]["reason"])


def test_money_is_counted_over_the_workers_life() -> None:
    """What is left is what was not spent; a ceiling raises nothing once something was paid."""
    client = scripted()
    limits = Limits(max_cost_usd=Decimal("0.02"))
    with packing(client=lambda: client, limits=limits, facts=DOLLARS, budget=Budget(items=10)) as pack:
        batches = [pack(numbered(10, start=10 * n)) for n in range(40)]
    spent = sum(
        (Decimal(str(row["cost_usd"])) for batch in batches for row in batch if row["cost_usd"]), Decimal(0)
    )
    settled = [{str(row["outcome"]) for row in batch} for batch in batches]
    assert Decimal("0.01") < spent <= Decimal("0.02")
    assert settled[0] == {"accepted"}
    assert settled[-1] == {"pending"}
    assert len(client.prompts) == sum(each == {"accepted"} for each in settled)


class Unmetered(ScriptedClient):
    async def complete(self, prompt: Prompt) -> Completion:
        return Completion((await super().complete(prompt)).text, usage=Usage())


def test_money_that_nobody_can_count_is_not_spent_twice() -> None:
    client = Unmetered(verdict)
    limits = Limits(max_cost_usd=Decimal("0.02"))
    with packing(client=lambda: client, limits=limits, facts=DOLLARS) as pack:
        first, second = pack(numbered(5)), pack(numbered(5))
    assert {row["outcome"] for row in first} == {"accepted"}
    assert {row["outcome"] for row in second} == {"pending"}
    assert "nobody knows what is left" in str(second[0]["reason"])
    assert len(client.prompts) == 1


def test_a_minute_goes_on_from_batch_to_batch() -> None:
    """With two calls a minute the third waits for the minute's end; its batch's deadline comes first."""
    client = scripted()
    limits = Limits(rpm=4, deadline_s=1.5, concurrency=2)
    with packing(client=lambda: client, limits=limits, workers=2) as pack:
        for n in range(2):
            assert {row["outcome"] for row in pack(numbered(5, start=5 * n))} == {"accepted"}
        assert {row["outcome"] for row in pack(numbered(5, start=10))} == {"pending"}
        assert len(client.prompts) == 2


def test_a_worker_that_is_told_to_refuse_asks_nothing() -> None:
    client = scripted()
    with packing(client=lambda: client) as pack:
        pack.refuse("it was started again")
        rows = pack(numbered(3))
    assert [row["reason"] for row in rows] == ["stopped: it was started again"] * 3
    assert client.prompts == []


def test_an_answer_that_is_in_the_cache_is_not_asked_again(tmp_path: Path) -> None:
    """An engine may give a batch out twice."""
    client = scripted()
    with packing(client=lambda: client, cache=tmp_path / "answers") as pack:
        first = pack(numbered(5))
        assert [row["value"] for row in pack(numbered(5))] == [row["value"] for row in first]
    assert len(client.prompts) == 1


# Sent to other processes.

TASKS: dict[str, tuple[Task[object] | Task[str] | Task[list[str]], object]] = {
    "label": (Task.classify("Which?", {"a": "first", "b": "second"}, examples=[("x", "a")]), "a"),
    "labels": (Task.classify("Which?", ["a", "b"], multi=True), ["a"]),
    "model": (Task.extract("It.", Review, examples=[("5", Review(stars=5))]), {"stars": 5, "currency": None}),
    "models": (Task.extract("It.", list[Review]), [{"stars": 5, "currency": "EUR"}]),
    "literal": (Task.extract("It.", Literal["a", "b"]), "b"),
    "int": (Task.extract("It.", int), 3),
    "schema": (
        Task.extract("It.", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
        {"n": 4},
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_any_task_can_be_sent_before_and_after_it_was_used(name: str) -> None:
    task, answer = TASKS[name]
    with packing(task, client=partial(ScriptedClient, {"x": answer})) as pack:
        before = pack([{"id": 1, "text": "x"}])
        sent: PackRows[object] = pickle.loads(pickle.dumps(pack))
        after = sent([{"id": 1, "text": "x"}])
    assert before == after
    assert before[0]["value"] == answer
    assert sent.task.fingerprint == task.fingerprint


def test_each_process_has_its_own_client_and_its_own_share() -> None:
    """Two calls for each of two workers, and the second copy in a process knows what the first one used."""
    limits = Limits(max_calls=5, concurrency=2)
    processes = multiprocessing.get_context("spawn").Pool(2)
    with packing(client=kept_client, workers=2, limits=limits) as pack, processes as pool:
        jobs = [pool.apply_async(in_a_worker, (pack, numbered(21, start=100 * n))) for n in range(2)]
        results = [job.get(120) for job in jobs]
    for n, (rows, clients, calls) in enumerate(results):
        assert [row["id"] for row in rows] == [f"r{100 * n + place}" for place in range(1, 21)]
        answered = [row for row in rows if row["outcome"] == "accepted"]
        assert (len(answered), calls) == (10, 2)
        assert clients == 1
        assert all(row["value"] == verdict(f"Review {str(row['id'])[1:]}") for row in answered)


def test_batches_from_several_threads_take_turns() -> None:
    """Dask's threads share a process, and so its share: at once they would each see all that is left."""
    client = scripted()
    limits = Limits(max_calls=3)
    with packing(client=lambda: client, limits=limits) as pack, ThreadPoolExecutor(6) as threads:
        batches = list(threads.map(lambda n: pack(numbered(10, start=10 * n)), range(6)))
    assert len(client.prompts) == 3
    assert sum(row["outcome"] == "accepted" for batch in batches for row in batch) == 30


def test_no_library_is_loaded_that_no_batch_needs() -> None:
    script = (
        "import sys\nfrom packer import Task\nfrom packer.out.engines.pack_rows import PackRows\n"
        "import packer.out.engines.ray_data\nfrom packer.testing import ScriptedClient\n"
        "task = Task.classify('x', ['a', 'b'])\n"
        "pack = PackRows(task, workers=1, client=lambda: ScriptedClient({'t': 'a'}))\n"
        "assert pack([{'id': 1, 'text': 't'}])[0]['value'] == 'a'\npack.close()\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'ray', 'openai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(UsageError, match=r"pip install 'packsplit\[ray\]'"):
        pack_dataset(object(), TASK, client=scripted)  # type: ignore[type-var]

"""Parquet in and out of the command line: rows lazily, results typed, a file whole or not at all."""

from __future__ import annotations

import csv
import importlib.util
import json
import resource
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from packer import Task, pack_and_run
from packer.out.commands.cli import app
from packer.out.tables import parquet
from packer.out.tables.results import COLUMNS, check_out, results_writer, write_results
from packer.out.tables.rows import read_rows
from packer.testing import FaultServer, ScriptedClient
from schemas.errors import BadItem, MissingExtra, RunError
from schemas.evidence import Match, Quote
from schemas.output import SchemaOutput
from schemas.result import ItemResult, Outcome
from schemas.review import Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Signal, SignalKind
from schemas.usage import Usage
from schemas.verdict import Fault, Reason

ANSWERS = {"Great value.": "good", "Arrived broken.": "bad"}
OPTIONS = ["--labels", "good,bad", "--instruction", "Sentiment.", "--model", "openai/gpt-4.1-mini"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(ScriptedClient(ANSWERS)) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_IN_A_GROUP", 2)


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def result(item_id: str | int, value: object = "good", **more: Any) -> ItemResult[object]:
    return ItemResult(item_id, Outcome.ACCEPTED, value, Route.PACK, **more)


def values(path: Path, name: str = "value") -> list[object]:
    found: list[object] = pq.read_table(path).column(name).to_pylist()
    return found


def test_parquet_in_parquet_out(tmp_path: Path, server: FaultServer) -> None:
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    rows = {"id": [7, 8, 9, 10], "text": ["Great value.", "Arrived broken.", None, "Great value."]}
    pq.write_table(pa.table({**rows, "gold": ["secret"] * 4}), source)

    assert call("plan", source, *OPTIONS).exit_code == 0
    done = call("run", source, *OPTIONS, "--out", out, "--json")
    assert done.exit_code == 1, done.output  # the null has no value
    assert "item 9: empty_text" in done.stderr
    table = pq.read_table(out)
    assert table.column_names == list(COLUMNS)
    assert table.column("id").to_pylist() == [7, 8, 9, 10]
    assert values(out) == ["good", "bad", None, "good"]
    assert json.loads(done.stdout)["calls"] == 1
    assert "secret" not in json.dumps(server.requests)


def test_parquet_and_csv_say_the_same(tmp_path: Path, server: FaultServer) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,text\na,Great value.\nb,Arrived broken.\n")
    for name in ("out.csv", "out.parquet"):
        assert call("run", source, *OPTIONS, "--out", tmp_path / name).exit_code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "out.parquet")
    for name in ("id", "value", "outcome", "route", "attempts", "input_tokens", "trust"):
        assert [str(each) for each in table.column(name).to_pylist()] == [row[name] for row in written]


def test_gold_and_eval_read_parquet(tmp_path: Path, server: FaultServer) -> None:
    source, task = tmp_path / "in.parquet", tmp_path / "task.json"
    task.write_text('{"instruction": "Sentiment.", "labels": ["good", "bad"]}')
    pq.write_table(pa.table({"text": [*ANSWERS, None], "label": [*ANSWERS.values(), None]}), source)
    done = call("eval", task, "--data", source, "--model", OPTIONS[-1], "--sizes", "2", "--json")
    assert done.exit_code == 0, done.output
    planned = call(
        "plan", source, *OPTIONS, "--text-field", "text", "--max-accuracy-loss", "0.1", "--gold", source
    )
    assert planned.exit_code == 0, planned.output


def test_export_writes_parquet_typed_by_the_task(tmp_path: Path) -> None:
    store, out = tmp_path / "a.run", tmp_path / "out.parquet"
    client = ScriptedClient({"a": 1.5, "b": 2})
    pack_and_run(["a", "b"], Task.extract("The price.", float), client=client, store=store)
    assert call("export", store, "--out", out).exit_code == 0
    assert pq.read_schema(out).field("value").type == pa.float64()
    assert values(out) == [1.5, 2.0]


def test_each_column_has_its_type(tmp_path: Path) -> None:
    review = Review("x", Stage.LAST, Ruling.CORRECT, "ana", "2026-01-01T00:00:00Z", "\ud800", ["good"])
    full = result(
        1,
        ["good", "new"],
        reason=Reason(Fault.MISSING, "x\ud800"),
        signals=(Signal(SignalKind.SHIFT, "by one", 1.0),),
        quotes=(Quote("name", "Zoë", Match.EXACT, 3, 6),),
        attempts=2,
        usage=Usage(12, 0, 3),
        call="p0",
        unmetered_attempts=1,
        cost_usd=Decimal("0.0000000000123456"),
        review=review,
    )
    out = tmp_path / "out.parquet"
    write_results(out, [full, result(2, None)], Task.classify("x", ["good", "new"], multi=True).output)
    (one, two) = pq.read_table(out).to_pylist()
    assert one == {
        "id": 1,
        "value": ["good", "new"],
        "outcome": "accepted",
        "route": "pack",
        "reason": "missing: x\\ud800",
        "trust": "clean",
        "signals": ["shift: by one"],
        "quotes": [{"field": "name", "text": "Zoë", "match": "exact", "start": 3, "end": 6}],
        "attempts": 2,
        "input_tokens": 12,
        "output_tokens": 3,
        "cost_usd": Decimal("0.0000000000123456"),
        "unmetered_attempts": 1,
        "review": {
            "ruling": "correct",
            "by": "ana",
            "at": "2026-01-01T00:00:00Z",
            "reason": "\\ud800",
            "before": '["good"]',
        },
        "call": "p0",
    }
    assert (two["value"], two["cost_usd"], two["review"], two["signals"]) == (None, None, None, [])


class Offer(BaseModel):
    amount: float


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_windows_are_added_in_order_and_the_file_appears_at_the_end(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    output = Task.extract("The offer.", Offer).output
    with results_writer(out, output) as writer:
        writer.write([result(0, Offer(amount=1)), result(1, Offer(amount=2))])
        writer.write([])
        writer.write(iter([result(2, Offer(amount=3))]))
        assert not out.exists()
    rows = list(read_rows(out))
    assert [str(row["id"]) for row in rows] == ["0", "1", "2"]
    found = [
        row["value"] if isinstance(row["value"], dict) else json.loads(str(row["value"])) for row in rows
    ]
    assert found == [{"amount": 1.0}, {"amount": 2.0}, {"amount": 3.0}]
    assert list(tmp_path.iterdir()) == [out]


def test_no_results_are_an_empty_table_with_its_columns(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    write_results(out, [])
    assert pq.read_table(out).column_names == list(COLUMNS)
    assert list(read_rows(out)) == []


@pytest.mark.usefixtures("small_groups")
def test_what_does_not_fit_makes_its_whole_column_text(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    output = SchemaOutput({"type": "integer"})
    cost = Decimal("0.01")
    with results_writer(out, output) as writer:
        writer.write(result(n, n, cost_usd=cost) for n in range(5))
        writer.write([result("six", 6), result(7, 2**70), result(8, None)])
    assert values(out, "id") == ["0", "1", "2", "3", "4", "six", "7", "8"]
    assert values(out) == ["0", "1", "2", "3", "4", "6", str(2**70), None]
    assert values(out, "cost_usd") == [cost] * 5 + [None] * 3
    assert list(tmp_path.iterdir()) == [out]


def test_results_that_break_off_leave_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_bytes(b"old")

    def rows() -> Iterator[ItemResult[object]]:
        yield result(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(out, rows())
    assert (out.read_bytes(), list(tmp_path.iterdir())) == (b"old", [out])


@pytest.mark.usefixtures("small_groups")
def test_a_full_disk_is_the_worlds_fault_and_leaves_the_old_file(tmp_path: Path) -> None:
    import signal

    out = tmp_path / "out.parquet"
    out.write_bytes(b"old")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, before[1]))
    try:
        with pytest.raises(RunError, match="could not be written"):
            write_results(out, [result(n, f"{n} " * 200) for n in range(50)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert (out.read_bytes(), list(tmp_path.iterdir())) == (b"old", [out])


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    groups = pa.table({"text": [f"Review {n} " * 50 for n in range(4_000)]})
    pq.write_table(groups, path, row_group_size=1_000, compression="gzip", use_dictionary=False)
    last = pq.ParquetFile(path).metadata.row_group(3).column(0)
    damaged = bytearray(path.read_bytes())
    at = last.data_page_offset
    damaged[at : at + last.total_compressed_size] = bytes(last.total_compressed_size)
    path.write_bytes(damaged)

    rows = iter(read_rows(path))
    assert [next(rows)["text"] for _ in range(3)] == [f"Review {n} " * 50 for n in range(3)]
    with pytest.raises(BadItem, match="cannot be read as Parquet"):
        list(rows)


def test_cells_are_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    row = {
        "text": b"caf\xc3\xa9",
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "price": Decimal("1.50"),
        "tags": ["a", None],
        "shop": {"name": "x", "since": date(2020, 1, 1)},
        "packsplit": "dropped",
        "stars": 5,
        "share": 0.5,
        "new": True,
        "nothing": None,
    }
    pq.write_table(pa.Table.from_pylist([row]), path)
    (found,) = read_rows(path)
    assert found == {
        "text": "café",
        "day": "2026-01-02",
        "at": "2026-01-02T03:00:00+00:00",
        "price": "1.50",
        "tags": ["a", None],
        "shop": {"name": "x", "since": "2020-01-01"},
        "stars": 5,
        "share": 0.5,
        "new": True,
        "nothing": None,
    }


def test_rows_without_a_value_can_be_run_again(tmp_path: Path, server: FaultServer) -> None:
    source, again = tmp_path / "in.parquet", tmp_path / "again.jsonl"
    pq.write_table(pa.table({"text": ["Great value.", None], "day": [date(2026, 1, 2)] * 2}), source)
    done = call("run", source, *OPTIONS, "--out", tmp_path / "o.csv", "--failures", again)
    assert done.exit_code == 1, done.output
    (left,) = [json.loads(line) for line in again.read_text().splitlines()]
    assert (left["id"], left["text"], left["day"]) == (1, None, "2026-01-02")
    second = call("run", again, *OPTIONS, "--text-field", "text", "--out", tmp_path / "p.csv")
    assert second.exit_code == 1
    assert "item 1: empty_text" in second.stderr


def test_what_is_no_parquet_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("text\nx\n")
    done = call("plan", tmp_path / "a.parquet", *OPTIONS)
    assert done.exit_code == 2
    assert "cannot be read as Parquet" in done.stderr
    pq.write_table(pa.Table.from_arrays([pa.array(["x"])] * 2, ["text", "text"]), tmp_path / "b.parquet")
    done = call("plan", tmp_path / "b.parquet", *OPTIONS)
    assert done.exit_code == 2
    assert "two columns 'text'" in done.stderr


def test_without_pyarrow_one_sentence_says_what_to_install(
    tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, table = tmp_path / "in.csv", tmp_path / "in.parquet"
    source.write_text("text\nGreat value.\n")
    pq.write_table(pa.table({"text": ["Great value."]}), table)
    found = importlib.util.find_spec
    monkeypatch.setattr(parquet, "find_spec", lambda name: None if name == "pyarrow" else found(name))
    for done in (
        call("run", source, *OPTIONS, "--out", tmp_path / "o.parquet"),
        call("run", table, *OPTIONS, "--out", tmp_path / "o.csv"),
        call("plan", table, *OPTIONS),
    ):
        assert done.exit_code == 2
        assert done.stderr == (
            "packsplit: A .parquet file needs an optional part: pip install 'packsplit[parquet]'\n"
        )
    with pytest.raises(MissingExtra):
        check_out(tmp_path / "o.parquet")
    assert not server.requests

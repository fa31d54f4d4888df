"""Dataframes in and out: same rows, same order, same kind, each answer beside the row it answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel, Field

from packer import (
    ReviewGate,
    RunResult,
    Task,
    evaluate,
    pack_and_run,
    pack_and_run_async,
    pack_and_stream,
    plan,
    with_answers,
)
from packer.testing import ScriptedClient
from schemas.errors import AwaitsReview, BadItem, UsageError

Make = Callable[[Mapping[str, Sequence[object]]], Any]
KINDS: dict[str, Make] = {
    "pandas": lambda columns: pd.DataFrame(dict(columns)),
    "pandas of objects": lambda columns: pd.DataFrame(dict(columns), dtype=object),
    "polars": lambda columns: pl.DataFrame(dict(columns)),
    "pyarrow": lambda columns: pa.table(dict(columns)),
    "narwhals": lambda columns: nw.from_native(pl.DataFrame(dict(columns)), eager_only=True),
}
TASK = Task.classify("Sentiment of a review.", ["good", "bad"])
TEXTS = ["I love it.", "It broke.", "I love them."]


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    return KINDS[request.param]


def scripted() -> ScriptedClient:
    return ScriptedClient(lambda text: "good" if "love" in text else "bad")


def listed(frame: Any, name: str) -> list[object]:
    """A column as Python values, None where missing, read by narwhals as a user would."""
    column = nw.from_native(frame, eager_only=True)[name]
    return [None if gone else value for value, gone in zip(column.to_list(), column.is_null(), strict=True)]


def run_of(frame: Any, task: Task[Any] = TASK, **options: Any) -> RunResult[Any]:
    return pack_and_run(frame, task, client=scripted(), **options)


def test_every_door_takes_a_table(make: Make) -> None:
    frame = make({"n": [7, 8, 9], "body": TEXTS, "gold": ["secret", "secret", "secret"]})
    client = scripted()
    wanted = [(7, "good"), (8, "bad"), (9, "good")]

    run = pack_and_run(frame, TASK, client=client, text_field="body", id_field="n")
    assert [(each.item_id, each.value) for each in run] == wanted
    assert all(type(each.item_id) is int for each in run)
    again = asyncio.run(pack_and_run_async(frame, TASK, client=client, text_field="body", id_field="n"))
    assert again.values == run.values

    async def streamed() -> list[tuple[object, object]]:
        stream = pack_and_stream(frame, TASK, client=client, text_field="body", id_field="n", window=2)
        return [(each.item_id, each.value) async for each in stream]

    assert sorted(asyncio.run(streamed()), key=str) == wanted
    assert [item.id for item in plan(frame, TASK, text_field="body", id_field="n").items] == [7, 8, 9]
    assert not any("secret" in str(prompt) for prompt in client.prompts)


def test_evaluate_takes_a_table() -> None:
    frame = pl.DataFrame({"text": [f"Review {n}" for n in range(10)]})
    found = evaluate(frame, TASK, client=ScriptedClient(lambda text: "good"), sizes=(5,), max_bleed=0.4)
    assert found.sizes[0].differ == 0


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_text_fails_alone_in_its_place(missing: object) -> None:
    frame = pd.DataFrame({"text": pd.Series(["I love it.", missing, "It broke."], dtype=object)})
    client = scripted()
    run = pack_and_run(frame, TASK, client=client)
    assert run.values == ["good", None, "bad"]
    assert str(run.results[1].reason).startswith("empty_text")
    assert run.results[1].attempts == 0
    assert len(client.prompts) == 1


def test_nulls_of_every_kind_are_empty_texts(make: Make) -> None:
    assert run_of(make({"text": ["I love it.", None]})).values == ["good", None]


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"title": ["a"], "body": ["b"]}, {}, "no column 'text'.*text_field=.*'title', 'body'"),
        ({"text": ["a"]}, {"text_field": "txt"}, "no column 'txt'.*'text'"),
        ({"text": ["a"]}, {"id_field": "key"}, "no column 'key'.*id_field=.*'text'"),
        ({"text": ["a"]}, {"group_by": "shop"}, "no column 'shop'.*group_by="),
        ({"text": [1, 2]}, {}, "Row number 0 .*type int in column 'text'"),
        ({"text": ["a", "b"], "id": ["x", None]}, {}, "Row number 1 .*has no id in column 'id'"),
        ({"text": ["a", "b"], "id": ["x", "x"]}, {}, "The id 'x' occurs twice"),
        ({"text": []}, {}, "There are no items"),
    ],
)
def test_tables_that_cannot_be_items_are_told_in_words(
    make: Make, columns: dict[str, list[object]], options: dict[str, Any], said: str
) -> None:
    client = scripted()
    with pytest.raises(BadItem, match=said):
        pack_and_run(make(columns), TASK, client=client, **options)
    assert not client.prompts


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (np.array([3, 4], dtype=np.int32), [3, 4]),
        (pd.array([3, 4], dtype="Int64"), [3, 4]),
        (pd.Series([np.int64(3), np.str_("b")], dtype=object), [3, "b"]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
    ],
)
def test_ids_become_plain_values(ids: Any, wanted: list[object]) -> None:
    run = run_of(pd.DataFrame({"text": TEXTS[:2], "id": ids}))
    assert [each.item_id for each in run] == wanted
    assert [type(each.item_id) for each in run] == [type(each) for each in wanted]


def test_an_index_is_no_id() -> None:
    run = run_of(pd.DataFrame({"text": TEXTS}, index=["x", "x", "y"]))
    assert [each.item_id for each in run] == [0, 1, 2]


@pytest.mark.parametrize("group_by", ["shop", lambda row: f"{row['shop']}"], ids=["column", "function"])
def test_groups_come_from_a_column_or_a_row(make: Make, group_by: Any) -> None:
    frame = make({"text": TEXTS, "shop": ["a", "b", "a"], "stars": [1, None, 3], "n": [7, 8, 9]})
    made = plan(frame, TASK, group_by=group_by)
    assert [(item.id, item.group) for item in made.items] == [(0, "a"), (1, "b"), (2, "a")]
    assert made.calls == 2
    made = plan(frame, TASK, group_by=group_by, id_field="n")
    assert [(item.id, item.group) for item in made.items] == [(7, "a"), (8, "b"), (9, "a")]


def test_a_lazy_table_is_refused() -> None:
    lazy = pl.DataFrame({"text": TEXTS}).lazy()
    relation = duckdb.sql("SELECT 'I love it.' AS text")
    for frame, named in ((lazy, "polars LazyFrame"), (relation, "duckdb DuckDBPyRelation")):
        with pytest.raises(UsageError, match=f"This {named} is lazy: bring it into memory"):
            run_of(frame)


def test_what_is_no_table_is_refused() -> None:
    batch = pa.record_batch({"text": TEXTS})
    with pytest.raises(UsageError, match="pyarrow RecordBatch is no table"):
        run_of(batch)
    with pytest.raises(UsageError, match="two columns of one name"):
        run_of(pd.DataFrame([["a", "b"]], columns=["text", "text"]))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([*TEXTS, None], index=[5, 5, 6, 7]),
        pl.Series([*TEXTS, None]),
        pa.chunked_array([TEXTS, [None]]),
        pa.array([*TEXTS, None]),
    ],
    ids=["pandas", "polars", "chunks", "array"],
)
def test_a_column_of_texts_is_a_list_of_texts(column: Any) -> None:
    run = run_of(column)
    assert [(each.item_id, each.value) for each in run] == [(0, "good"), (1, "bad"), (2, "good"), (3, None)]


def test_answers_stand_beside_their_rows_in_the_same_kind_of_table(make: Make) -> None:
    frame = make({"text": ["I love it.", None, "It broke."], "stars": [5, None, 1]})
    answered = with_answers(frame, run_of(frame), TASK, prefix="ai_")
    assert type(answered) is type(frame)
    names = nw.from_native(answered, eager_only=True).columns
    assert names == ["text", "stars", "ai_value", "ai_outcome", "ai_reason"]
    assert listed(answered, "text") == ["I love it.", None, "It broke."]
    assert listed(answered, "stars") == [5, None, 1]
    assert listed(answered, "ai_value") == ["good", None, "bad"]
    assert listed(answered, "ai_outcome") == ["accepted", "failed", "accepted"]
    assert [str(each)[:10] for each in listed(answered, "ai_reason")] == ["None", "empty_text", "None"]
    assert nw.from_native(frame, eager_only=True).columns == ["text", "stars"]


def test_index_and_dtypes_of_pandas_are_kept() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["shop", "day"])
    frame = pd.DataFrame({"text": pd.Categorical(TEXTS)}, index=index)
    frame["when"] = pd.Timestamp("2026-01-01", tz="UTC")
    answered = with_answers(frame, run_of(frame), TASK)
    pd.testing.assert_frame_equal(answered[["text", "when"]], frame)
    assert answered["value"].to_list() == ["good", "bad", "good"]
    assert answered.dtypes["value"] == "string"


def test_metadata_of_pyarrow_is_kept() -> None:
    frame = pa.table({"text": TEXTS}).replace_schema_metadata({"from": "may"})
    assert with_answers(frame, run_of(frame), TASK).schema.metadata == {b"from": b"may"}


def test_several_labels_are_lists(make: Make) -> None:
    task = Task.classify("Topics.", ["cup", "shoe"], multi=True)
    frame = make({"text": ["cup and shoe", "shoe", "neither", "  "]})
    client = ScriptedClient(lambda text: [each for each in ("cup", "shoe") if each in text])
    answered = with_answers(frame, pack_and_run(frame, task, client=client), task)
    if isinstance(answered, pa.Table):
        assert answered.schema.field("value").type == pa.list_(pa.string())
    values = [None if each is None else list(each) for each in listed(answered, "value")]  # type: ignore[call-overload]
    assert values == [["cup", "shoe"], ["shoe"], [], None]


class Seller(BaseModel):
    name: str


class Offer(BaseModel):
    amount: float
    pieces: Annotated[int | None, Field(alias="count")] = None
    new: bool | None = None
    colours: list[str] = []
    seller: Seller | None = None


def test_an_answer_with_fields_has_a_typed_column_each(make: Make) -> None:
    task = Task.extract("The offer.", Offer)
    answers: dict[str, object] = {
        "a": {"amount": 12, "count": 3, "new": True, "colours": ["red"], "seller": {"name": "Zoë"}},
        "b": {"amount": 0.5, "count": None, "new": None, "colours": [], "seller": None},
        "c": "nonsense",
    }
    frame = make({"id": ["x", "y", "z"], "text": ["a", "b", "c"]})
    answered = with_answers(frame, pack_and_run(frame, task, client=ScriptedClient(answers)), task)
    assert listed(answered, "amount") == [12.0, 0.5, None]
    assert listed(answered, "count") == [3, None, None]
    assert listed(answered, "new") == [True, None, None]
    assert listed(answered, "seller") == ['{"name": "Zoë"}', None, None]
    assert listed(answered, "outcome") == ["accepted", "accepted", "failed"]
    types = nw.from_native(answered, eager_only=True).schema
    assert (types["amount"], types["count"], types["new"]) == (nw.Float64(), nw.Int64(), nw.Boolean())


def test_columns_have_their_types_where_nothing_was_answered() -> None:
    task = Task.extract("The offer.", Offer)
    frame = pl.DataFrame({"text": ["", " "]})
    answered = with_answers(frame, pack_and_run(frame, task, client=scripted()), task)
    types = [answered.schema[name] for name in ("amount", "count", "new", "colours", "seller")]
    assert types == [pl.Float64, pl.Int64, pl.Boolean, pl.List(pl.String), pl.String]


def test_a_value_that_does_not_fit_makes_its_column_text(make: Make) -> None:
    task = Task.extract("The number.", int)
    frame = make({"text": ["a", "b"]})
    client = ScriptedClient({"a": 2**70, "b": 5})
    answered = with_answers(frame, pack_and_run(frame, task, client=client), task)
    assert listed(answered, "value") == [str(2**70), "5"]


def test_half_a_surrogate_pair_can_stand_in_a_column(make: Make) -> None:
    task = Task.extract("The name.", {"type": "string"})
    frame = make({"text": ["a"]})
    client = ScriptedClient({"a": "x\ud800"})
    answered = with_answers(frame, pack_and_run(frame, task, client=client), task)
    assert listed(answered, "value") == ["x\\ud800"]


def test_no_column_is_overwritten(make: Make) -> None:
    frame = make({"text": TEXTS, "value": [1, 2, 3]})
    run = run_of(frame)
    with pytest.raises(UsageError, match=r"has a column 'value' already.*prefix="):
        with_answers(frame, run, TASK)
    with pytest.raises(UsageError, match="has a column 'text' already"):
        with_answers(make({"text": TEXTS}), run, TASK, reason="text")


def test_a_field_that_has_the_name_of_ours_is_told() -> None:
    schema = {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]}
    task = Task.extract("Why?", schema)
    frame = pl.DataFrame({"text": ["a"]})
    run = pack_and_run(frame, task, client=ScriptedClient({"a": {"reason": "so"}}))
    with pytest.raises(UsageError, match=r"column 'reason' of their own: .* with reason="):
        with_answers(frame, run, task)
    answered = with_answers(frame, run, task, reason="no_answer_because")
    assert answered.columns == ["text", "reason", "outcome", "no_answer_because"]


def test_answers_are_bound_by_id_in_a_table_of_another_order(make: Make) -> None:
    run = run_of(make({"id": [1, 2, 3], "text": TEXTS}))
    other = make({"id": [2, 3, 1]})
    assert listed(with_answers(other, run, TASK), "value") == ["bad", "good", "good"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": TEXTS[:2]}, "over 3 items and the table has 2 rows"),
        ({"id": [7, 8, 9]}, "has no item 9, which row number 2 .* by its column 'id'"),
        ({"key": [1, 2, 3]}, "has no item 0, which row number 0 .* by its rows' numbers"),
        ({"id": [7, None, 8]}, "has no id"),
    ],
)
def test_a_run_over_other_rows_is_refused(make: Make, columns: dict[str, list[object]], said: str) -> None:
    run = run_of([(7, TEXTS[0]), (8, TEXTS[1]), (10, TEXTS[2])])
    with pytest.raises(UsageError, match=said):
        with_answers(make(columns), run, TASK)


def test_a_run_of_another_task_is_refused() -> None:
    frame = pl.DataFrame({"text": TEXTS})
    run = run_of(frame)
    for task in (Task.extract("The offer.", Offer), Task.classify("x", ["a", "b"])):
        with pytest.raises(UsageError, match="The answer to item 0 is none of this task's"):
            with_answers(frame, run, task)


def test_what_waits_for_its_reviewer_is_not_shown(tmp_path: Any) -> None:
    frame = pl.DataFrame({"text": TEXTS})
    try:
        run = run_of(frame, store=tmp_path / "a.run", review=ReviewGate(sample=1))
    except AwaitsReview:
        pytest.fail("a run that waits comes back as one")
    answered = with_answers(frame, run, TASK)
    assert answered["value"].to_list() == [None] * 3
    assert set(answered["outcome"]) <= {"held", "pending"}


def test_no_table_library_is_imported_for_other_items() -> None:
    script = (
        "import sys; from packer import Task, plan\n"
        "plan(['a', 'b'], Task.classify('x', ['a', 'b']))\n"
        "print({'narwhals', 'pandas', 'polars', 'pyarrow', 'duckdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

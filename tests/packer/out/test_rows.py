"""Files of results: no cell is a formula, every string comes back, a file is there whole or not at all."""

from __future__ import annotations

import csv
import errno
import json
import os
import stat
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packer.out.tables.cells import armed, disarmed
from packer.out.tables.results import as_row, check_out, json_line, write_results
from packer.out.tables.rows import read_rows
from schemas.errors import RunError, UsageError
from schemas.result import ItemResult, Outcome
from schemas.review import Review, Ruling, Stage
from schemas.route import Route
from schemas.usage import Usage
from schemas.verdict import Fault, Reason
from tests.strategies import any_text, texts

STARTS = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\x00x", "＝1", "＋1", "－1", "＠x", "﹦1", "⁺1")
STARTS = (*STARTS, "\N{MINUS SIGN}1")
STRIPPED = ("", " ", "\u00a0", "\ufeff", "\u200b", "\u2060", "\u3000 ", "\u2028", "\u202e")
QUOTED = ("'", "''", "'=1", "\\", "\\ud800", "\\\\ud800", "\\\ud800", "\ud83d\ude00", "\ud800=1")
nasty = st.tuples(st.sampled_from(STRIPPED), st.sampled_from(STARTS + QUOTED), any_text).map("".join)
cells = st.one_of(texts, nasty)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | cells,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(cells, inner, max_size=3)),
    max_leaves=5,
)


def result(
    item_id: str | int = 1, value: object = "good", reason: str | None = None, review: Review | None = None
) -> ItemResult[object]:
    return ItemResult(
        item_id,
        Outcome.ACCEPTED,
        value,
        Route.PACK,
        Reason(Fault.MISSING, reason) if reason is not None else None,
        attempts=2,
        usage=Usage(12, 0, 3),
        call="p0",
        unmetered_attempts=1,
        cost_usd=Decimal("0.00010"),
        review=review,
    )


def would_run(cell: str) -> bool:
    """Written apart from the code: what a spreadsheet may strip, then what it may run."""
    while cell and unicodedata.category(cell[0]) in ("Zs", "Zl", "Zp", "Cf"):
        cell = cell[1:]
    return unicodedata.normalize("NFKC", cell[:1]).startswith(
        ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\N{MINUS SIGN}")
    )


def paired(text: str) -> bool:
    """JSON cannot tell a high surrogate before a low one from the character they stand for."""
    pairs = pairwise(text)
    return any("\ud800" <= one <= "\udbff" and "\udc00" <= two <= "\udfff" for one, two in pairs)


@given(cells)
@example("'")
@example("\\\\\ud800ud800\\ud800")
def test_what_is_disarmed_can_be_armed_again(text: str) -> None:
    assert armed(disarmed(text)) == text
    assert not would_run(disarmed(text))


@pytest.mark.parametrize("stripped", STRIPPED)
@pytest.mark.parametrize("start", STARTS)
def test_a_sign_is_found_behind_what_a_spreadsheet_strips(stripped: str, start: str) -> None:
    assert disarmed(stripped + start) == f"'{stripped}{start}"


def test_cells_that_start_nothing_stay_as_they_are() -> None:
    assert [disarmed(each) for each in ("a=b", "5", 5, 0.5, True, None, ["-a"], "a\nb", "É")] == [
        "a=b",
        "5",
        "5",
        "0.5",
        "true",
        "",
        '["-a"]',
        "a\nb",
        "É",
    ]


@pytest.mark.parametrize("number", [-5, -0.5, Decimal("-1")])
def test_a_negative_number_is_disarmed_too_and_comes_back(number: object) -> None:
    cell = disarmed(number if not isinstance(number, Decimal) else str(number))
    assert cell == f"'{number}"
    assert armed(cell) == str(number)


@given(cells, plain_json, cells, cells)
def test_no_cell_of_a_csv_file_starts_a_formula_and_each_comes_back(
    item_id: str, value: object, detail: str, by: str
) -> None:
    review = Review("x", Stage.LAST, Ruling.CORRECT, by, "2026-01-01T00:00:00Z", detail, value)
    done = result(item_id, value, detail, review)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out.csv"
        write_results(path, [done, result(-7)])
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    assert not [cell for row in rows for cell in row if would_run(cell)]
    assert len(rows) == 3
    back = dict(zip((armed(name) for name in rows[0]), map(armed, rows[1]), strict=True))
    assert back["id"] == item_id
    assert back["reason"] == f"missing: {detail}"
    told = json.loads(back["review"])
    assert (told["by"], told["reason"], told["before"]) == (by, detail, value)
    if value is None or isinstance(value, str):
        assert back["value"] == (value or "")
    else:
        assert json.loads(back["value"]) == value
    assert armed(rows[2][0]) == "-7"


@given(cells, plain_json)
def test_json_lines_give_every_string_back(item_id: str, value: object) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "out.jsonl"
        write_results(path, [result(item_id, value), result(2)])
        text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) == 2
    row = json.loads(lines[0])
    # What Python's own escaping gives back is all that JSON can hold.
    assert (row["id"], row["value"]) == (json.loads(json.dumps(item_id)), json.loads(json.dumps(value)))
    if not paired(item_id):
        assert row["id"] == item_id


def test_a_json_line_holds_no_terminal_control_and_one_line_end() -> None:
    line = json_line({"text": "\x1b[31m \x9b31m \x7f \u2028 \x85 é \U0001f600"})
    assert [char for char in line if unicodedata.category(char) in ("Cc", "Zl", "Zp")] == ["\n"]
    assert "é \U0001f600" in line


def test_new_columns_come_after_the_old_ones() -> None:
    review = Review(1, Stage.FIRST, Ruling.CORRECT, "Ada", "2026-01-01T00:00:00Z", "wrong", "bad", "good")
    row = as_row(result(review=review))
    first = "id value outcome route reason trust signals quotes attempts input_tokens output_tokens"
    assert list(row)[:11] == first.split()
    assert (row["cost_usd"], row["unmetered_attempts"], row["call"]) == ("0.00010", 1, "p0")
    assert row["review"] == {
        "ruling": "correct",
        "by": "Ada",
        "at": "2026-01-01T00:00:00Z",
        "reason": "wrong",
        "before": "bad",
    }
    bare = as_row(ItemResult(1, Outcome.PENDING))
    assert (bare["cost_usd"], bare["review"]) == (None, None)


@pytest.mark.parametrize("item_id", ["../x", "/abs", "a\x00b", "CON", "x" * 300, "é", "e\u0301"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_id_never_becomes_a_file(tmp_path: Path, item_id: str, kind: str) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    write_results(folder / f"out.{kind}", [result(item_id)])
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [folder / f"out.{kind}"]


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, number: int
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def rows() -> Iterator[ItemResult[object]]:
        yield result()
        if broken == "write":
            fails()

    if broken == "fsync":
        monkeypatch.setattr("packer.out.tables.whole.os.fsync", fails)
    if broken == "replace":
        monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(RunError, match=r"out\.jsonl' could not be written: .*untouched"):
        write_results(out, rows())
    assert out.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [out]


def test_a_disk_that_really_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"out\.jsonl' could not be written"):
            write_results(out, [result(n) for n in range(1000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (out.read_text(), list(tmp_path.iterdir())) == ("old\n", [out])


def test_results_that_break_off_leave_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")

    def rows() -> Iterator[ItemResult[object]]:
        yield result()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(out, rows())
    assert (out.read_text(), list(tmp_path.iterdir())) == ("old", [out])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/such/out.csv", "there is no folder"),
        ("folder.csv", "is there already and is no file"),
        ("out.xls", "written as .jsonl, .csv or .parquet"),
        ("o" * 300 + ".csv", "cannot be written"),
        ("a\x00b.csv", "cannot be written"),
        ("file/out.csv", "cannot be written"),
    ],
)
def test_a_place_that_cannot_work_is_refused_before_anything_is_paid_for(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for refuse in (check_out, lambda path: write_results(path, [])):
        with pytest.raises(UsageError, match=said):
            refuse(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder.csv"]


def test_a_new_file_has_the_users_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    new, old = tmp_path / "new.jsonl", tmp_path / "old.jsonl"
    old.touch(0o600)
    before = os.umask(0o027)
    try:
        write_results(new, [result()])
        write_results(old, [result()])
    finally:
        os.umask(before)
    assert (stat.S_IMODE(new.stat().st_mode), stat.S_IMODE(old.stat().st_mode)) == (0o640, 0o600)


def test_a_link_stays_a_link_and_a_long_name_works(tmp_path: Path) -> None:
    target = tmp_path / ("t" * 249 + ".jsonl")
    link = tmp_path / "link.jsonl"
    link.symlink_to(target)
    write_results(link, [result()])
    assert link.is_symlink()
    assert json.loads(target.read_text())["id"] == 1


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_our_own_field_is_left_out_where_rows_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("text,packsplit\nx,y\n" if name.endswith("csv") else '{"text":"x","packsplit":{"a":1}}\n')
    assert list(read_rows(path)) == [{"text": "x"}]

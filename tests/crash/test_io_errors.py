"""The disk fails under a run, at one write after another: it says so, and the run goes on when mended."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from packer.run.store.run_file import RunFile
from packer.run.store.run_format import MIGRATIONS
from schemas.errors import StoreFailed, UsageError
from tests.crash.books import checked
from tests.crash.forker import Forker
from tests.crash.till import Till
from tests.crash.work import Fail, Work

TINY = 16
STEP = 8
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
NOBODY = 65534


@pytest.fixture(scope="module")
def writes(workers: Forker, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many writing system calls SQLite makes for a tiny run."""
    with Till(TINY) as till:
        work = Work(till.url, str(tmp_path_factory.mktemp("writes") / "run.db"), how_many=TINY)
        outcome = workers.run(replace(work, fail=Fail(0, errno.EACCES)))
        if not outcome.disk_works:
            pytest.skip(outcome.message)
        checked(till, work, outcome, kills=0)
    assert outcome.disk > 50
    return outcome.disk


def failed_and_finished(workers: Forker, store: Path, fail: Fail) -> str:
    """Let one write fail, take the run up again; gives the error's name."""
    with Till(TINY) as till:
        work = Work(till.url, str(store), how_many=TINY)
        outcome = workers.run(replace(work, fail=fail))
        assert outcome.error in ("", "StoreFailed"), f"{fail}: {outcome.error} {outcome.message}"
        if outcome.error:
            assert str(store) in outcome.message
            assert "run again with the same path" in outcome.message
        checked(till, work, workers.run(work), kills=1)
    return outcome.error


@pytest.mark.parametrize("which", range(len(ERRORS)), ids=[errno.errorcode[each] for each in ERRORS])
def test_a_write_that_fails_ends_the_run_in_words_and_it_goes_on_from_there(
    which: int, workers: Forker, writes: int, tmp_path: Path
) -> None:
    errors = []
    for nth in range(1 + which * 2, writes, STEP):
        fail = Fail(nth, ERRORS[which], stays=nth % 2 == 0)
        errors.append(failed_and_finished(workers, tmp_path / f"run{nth}.db", fail))
    assert errors.count("StoreFailed") > len(errors) // 2


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can get at: those of tests are their owner's."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def as_nobody() -> int | None:
    """Permissions do not stop the superuser."""
    return NOBODY if os.geteuid() == 0 else None


def test_a_folder_that_may_not_be_written(workers: Forker, open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with Till(TINY) as till:
        outcome = workers.run(Work(till.url, str(open_folder / "run.db"), how_many=TINY, user=as_nobody()))
        assert outcome.error == "StoreFailed"
        assert str(open_folder / "run.db") in outcome.message
        assert "denied" in outcome.message
        assert till.sold == []


def test_a_file_that_may_only_be_read(workers: Forker, open_folder: Path) -> None:
    with Till(TINY) as till:
        work = Work(till.url, str(open_folder / "run.db"), how_many=TINY)
        checked(till, work, workers.run(work), kills=0)
        sold = len(till.sold)
        Path(f"{work.store}.lock").unlink()
        Path(work.store).chmod(0o444)
        open_folder.chmod(0o777)
        outcome = workers.run(replace(work, user=as_nobody()))
        assert outcome.error == "StoreFailed"
        assert work.store in outcome.message
        assert len(till.sold) == sold


def test_a_folder_that_is_not_there(workers: Forker, tmp_path: Path) -> None:
    with Till(TINY) as till:
        outcome = workers.run(Work(till.url, str(tmp_path / "gone" / "run.db"), how_many=TINY))
    assert outcome.error == "UsageError"
    assert "its folder is not there" in outcome.message
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("write", [False, True])
def test_what_is_no_run_is_left_alone(write: bool, tmp_path: Path) -> None:
    folder, text, empty, other = (tmp_path / name for name in ("folder", "text", "empty", "other.db"))
    folder.mkdir()
    text.write_text("Dear diary, " * 500, "utf-8")
    empty.touch()
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE diary (day TEXT)")
    before = text.read_bytes(), other.read_bytes()
    no_run = "no run of packsplit"
    for path, told in ((folder, "is a directory"), (empty, "is empty"), (other, no_run), (text, no_run)):
        with pytest.raises(UsageError, match=told) as caught:
            RunFile(path, write=write)
        assert str(path) in str(caught.value)
    assert (text.read_bytes(), other.read_bytes()) == before


@pytest.mark.parametrize("write", [False, True])
def test_a_file_of_a_newer_format_is_left_alone(write: bool, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with RunFile(path, write=True) as file:
        file.begin({"name": "later"}, [{"id": 1}], [])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(UsageError, match="newer packsplit"):
        RunFile(path, write=write)


def test_nothing_is_written_after_a_write_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the journal would have a gap where SQLite dropped what was under way."""
    path = tmp_path / "run.db"
    with RunFile(path, write=True) as file:
        file.begin({}, [], [])
        file.append("sent", {"n": 1}, durable=True)
        real = file._db

        class Full:
            in_transaction = True

            def execute(self, statement: str, given: tuple[int | str | bytes, ...] = ()) -> sqlite3.Cursor:
                if statement == "COMMIT":
                    real.execute("ROLLBACK")
                    error = sqlite3.OperationalError("database or disk is full")
                    error.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise error
                return real.execute(statement, given)

        monkeypatch.setattr(file, "_db", Full())
        real.execute("BEGIN")
        with pytest.raises(StoreFailed, match="disk is full"):
            file.append("back", {"n": 1}, durable=True)
        monkeypatch.setattr(file, "_db", real)  # there is room again
        with pytest.raises(StoreFailed, match="disk is full"):
            file.append("back", {"n": 2}, durable=True)
    with RunFile(path, write=False) as file:
        file.head()
        assert [event.kind for event in file.events()] == ["sent"]

"""One process works on a run at a time; a second is told who, and a killed one lets go."""

from __future__ import annotations

import os
import signal
import stat
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from packer.run.store.run_file import RunFile
from packer.run.store.run_lock import in_use, locked
from schemas.errors import RunInUse
from tests.crash.books import checked
from tests.crash.forker import Forker
from tests.crash.till import Till
from tests.crash.work import HOW_MANY, Die, Work

PATIENCE_S = 60


def test_a_second_process_is_refused_by_name_until_the_first_is_killed(
    workers: Forker, tmp_path: Path
) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        till.hold_from(6)
        first = workers.start(work)
        assert till.holding.wait(PATIENCE_S)

        second = workers.run(work)
        assert second.error == "RunInUse"
        assert work.store in second.message
        assert f"process {first} " in second.message
        assert in_use(Path(work.store))
        with pytest.raises(RunInUse, match=f"process {first} "):
            RunFile(Path(work.store), write=True)

        os.kill(first, signal.SIGKILL)
        assert workers.wait(first).killed
        assert not in_use(Path(work.store))
        till.hold_from(inf)
        books = checked(till, work, workers.run(work), kills=1)
    assert books.maybe_paid_calls > 0


def test_a_reader_reads_while_a_process_works_and_after_it_was_killed(
    workers: Forker, tmp_path: Path
) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        till.hold_from(6)
        process = workers.start(work)
        assert till.holding.wait(PATIENCE_S)
        kinds, rows, owner = read(work)
        # The sixth call goes when two are back at the least: four are under way at once.
        assert kinds.count("back") >= 2
        assert rows
        assert f"process {process} " in owner

        os.kill(process, signal.SIGKILL)
        workers.wait(process)
        after = read(work)
        # What was not durable yet when the first look was taken, it may be by the kill; nothing went away.
        assert after[0][: len(kinds)] == kinds
        assert after[1].items() >= rows.items()
        till.hold_from(inf)
        checked(till, work, workers.run(work), kills=1)


def test_readers_do_not_stand_in_a_writers_way(workers: Forker, tmp_path: Path) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        assert workers.run(replace(work, die=Die("after reply, written", 6))).killed
        with RunFile(Path(work.store), write=False) as file:
            file.head()
            events = file.events()
            next(events)
            outcome = workers.run(work)
            # It goes on from where it began to look.
            assert sum(event.kind == "back" for event in events) == 6
        checked(till, work, outcome, kills=1)


def test_whoever_looks_whether_a_run_is_in_use_turns_no_writer_away(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    assert not in_use(path)
    lock = locked(path, lambda: "")
    try:
        assert in_use(path)
    finally:
        lock.release()
    assert not in_use(path)


def test_a_runs_files_are_for_their_owners_eyes_only(workers: Forker, tmp_path: Path) -> None:
    with Till(24) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=24)
        assert workers.run(replace(work, die=Die("after reply, written", 2))).killed
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["run.db", "run.db-shm", "run.db-wal", "run.db.lock"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}


def read(work: Work) -> tuple[list[str], dict[int, dict[str, object]], str]:
    with RunFile(Path(work.store), write=False) as file:
        file.head()
        return [event.kind for event in file.events()], dict(file.results()), file.owner

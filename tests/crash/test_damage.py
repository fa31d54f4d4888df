"""A run's file is cut, flipped and mixed up: what comes of it is right, or it is refused by name.

Most looks are taken at the file's own door, which is quick; a journal that is let through must be the start
of the one that was written, and whole runs are then taken up from such starts.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from packer.run.store.run_file import RunFile
from schemas.errors import StoreDamaged
from tests.crash.forker import Forker
from tests.crash.specimens import (
    ENDS,
    FRAME,
    SMALL,
    Looks,
    Specimen,
    bit_flips,
    ended_run,
    laid,
    last_page_cuts,
    log_cuts,
    resumed,
    torn_run,
)
from tests.crash.till import Till
from tests.crash.work import Work

FLIPS = 500
FLIPS_RESUMED = 12
STEP = 31
"""Of the bytes of a page that a file is cut at, tests take every so-manieth; the benchmark takes all."""


@pytest.fixture(scope="module")
def ended(workers: Forker, tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    return ended_run(workers, tmp_path_factory.mktemp("ended"))


@pytest.fixture(scope="module")
def torn(workers: Forker, tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    return torn_run(workers, tmp_path_factory.mktemp("torn"))


def test_undamaged_files_are_taken_as_they_are(ended: Specimen, torn: Specimen, tmp_path: Path) -> None:
    for whole in (ended, torn):
        looks = Looks(whole)
        for write in (False, True):
            assert looks.at(whole.put(tmp_path / "run.db"), write=write) == ""
        assert set(looks.starts) == {len(whole.events)}


def test_a_file_that_is_cut_in_its_last_page_is_refused(ended: Specimen, tmp_path: Path) -> None:
    looks = last_page_cuts(ended, tmp_path / "run.db", STEP)
    assert not looks.taken


def test_a_log_that_is_cut_is_refused_while_its_index_tells_what_it_held(
    torn: Specimen, tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    assert not log_cuts(torn, path, STEP, index=True).taken
    assert "-wal held" in Looks(torn).at(torn.put(path, wal=None), write=True)


def test_a_log_that_is_cut_goes_on_from_there_when_nothing_tells_what_it_held(
    torn: Specimen, workers: Forker, tmp_path: Path
) -> None:
    """As after a restore from a copy, or in another place: what is lost is asked again."""
    looks = log_cuts(torn, tmp_path / "run.db", STEP, index=False)
    assert not looks.refused
    assert len(looks.starts) > 10
    for files in list(looks.starts.values())[::8]:
        assert not resumed(workers, tmp_path / "run.db", files).error


@pytest.mark.parametrize("write", [False, True])
def test_a_flipped_bit_anywhere_is_refused_or_harmless(
    write: bool, ended: Specimen, torn: Specimen, workers: Forker, tmp_path: Path
) -> None:
    path, random = tmp_path / "run.db", Random(f"flips {write}")
    for looks in bit_flips(ended, torn, path, FLIPS // 2, random, write=write):
        assert looks.refused > 50, "damage is seen"
        if write:
            # What was let through is in unused parts of pages, or in what no commit had reached.
            some = random.sample(looks.taken, FLIPS_RESUMED // 2)
            for files in some:
                outcome = resumed(workers, path, files)
                assert outcome.error in ("", "StoreDamaged")


def test_a_broken_commit_in_the_middle_of_a_log_is_refused_with_its_place(
    torn: Specimen, tmp_path: Path
) -> None:
    held, path = torn.files["-wal"], tmp_path / "run.db"
    starts = range(32, len(held), FRAME)
    commits = [start for start in starts if held[start + 4 : start + 8] != bytes(4)]
    for start in starts:
        at = start + 200
        broken = held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :]
        with_index = Looks(torn).at(torn.put(path, wal=broken), write=True)
        alone = Looks(torn).at(torn.put(path, wal=broken, shm=None), write=True)
        assert "run.db-wal" in with_index
        if start <= commits[-2]:
            assert f"from its byte {start} on" in with_index
            assert f"from its byte {start} on" in alone
        else:  # it may be that the power went in the middle of it
            assert alone == ""


@pytest.mark.parametrize("index", [False, True])
def test_a_log_that_began_anew_over_its_old_frames_is_sound(index: bool, tmp_path: Path) -> None:
    """A long run's log is taken over now and then, and written from its start again."""
    path, copy = tmp_path / "run.db", tmp_path / "copy.db"
    salts = set()
    with RunFile(path, write=True) as file:
        file.begin({}, [], [])
        file._db.execute("PRAGMA wal_autocheckpoint = 12")
        for n in range(60):
            file.append("back", {"n": n, "text": "y" * 900}, durable=True)
            file.settle([(n, {"n": n})])
            files = {end: Path(f"{path}{end}").read_bytes() for end in ENDS}
            salts.add(files["-wal"][16:24])
            if not index:
                del files["-shm"]
            with RunFile(laid(copy, files), write=True) as found:
                assert not found.is_new
                found.head()
                assert sum(1 for _ in found.events()) == n + 1
                assert len(list(found.results())) == n  # the last has not been made durable
    assert len(salts) > 3


def test_an_old_log_beside_a_newer_file_is_refused_or_lost(
    torn: Specimen, workers: Forker, tmp_path: Path
) -> None:
    """The log of before is put back after the file has taken it over, and more."""
    path = tmp_path / "run.db"
    torn.put(path)
    with Till(SMALL) as till:
        work = Work(till.url, str(path), how_many=SMALL)
        assert not workers.run(work).error
    newer = path.read_bytes()
    held, told = torn.files["-wal"], list[str]()
    for size in range(32 + FRAME, len(held) + 1, FRAME):
        files = {"": newer, "-wal": held[:size]}
        try:
            with RunFile(laid(path, files), write=True) as file:
                assert not file.is_new
                file.head()
                list(file.events())
                list(file.results())
        except StoreDamaged as error:
            told.append(str(error))
        else:
            assert not resumed(workers, path, files).error
    assert all(str(path) in each for each in told)


def test_a_log_without_its_file_is_refused(torn: Specimen, tmp_path: Path) -> None:
    path = torn.put(tmp_path / "run.db", main=None)
    with pytest.raises(StoreDamaged, match=r"run\.db-wal"):
        RunFile(path, write=True)
    assert Path(f"{path}-wal").read_bytes() == torn.files["-wal"]
    with pytest.raises(StoreDamaged, match=r"run\.db"):
        RunFile(torn.put(path, main=b""), write=True)


@pytest.mark.parametrize("table", ["head", "items", "packs", "journal"])
def test_a_table_that_was_emptied_is_no_new_run(ended: Specimen, table: str, tmp_path: Path) -> None:
    path = ended.put(tmp_path / "run.db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"DELETE FROM {table}")
    with RunFile(path, write=True) as file:
        if table == "journal":  # as if every call's record were lost: all is asked again
            assert not file.is_new
            file.head()
            assert list(file.events()) == []
            return
        told = []
        for look in (lambda: file.is_new, file.head):
            try:
                assert not look()
            except StoreDamaged as error:
                told.append(str(error))
    assert "head" in told[-1]

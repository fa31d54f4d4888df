"""A run is killed, taken up again, killed, taken up again: nothing is lost, wrong, doubled or unbooked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from packer.run.store.run_file import RunFile
from tests.crash.books import Books, checked
from tests.crash.forker import Forker
from tests.crash.points import POINTS
from tests.crash.till import Till
from tests.crash.work import CONCURRENCY, HOW_MANY, PACK_ITEMS, Die, Work, texts_of

RUNS = 6
KILLS_EACH = 3
RESUMED = Die("after reply, written", nth=7)
"""What is killed on its way back must have had somewhere to come from."""

NTH = {
    "before sending, written": 4,
    "after reply, not written": 3,
    "after reply, not committed": 6,
    "after reply, written": 5,
    "after reply, books kept": 2,
    "taking": 6,
    "mid-split": 5,
    "before split": 11,
    "after split": 9,
    "in session, sent": 2,
    "results half written": 3,
    "results written": 4,
    "resuming, in replay": 4,
}


def killed_and_finished(workers: Forker, till: Till, work: Work, deaths: list[Die]) -> Books:
    for die in deaths:
        outcome = workers.run(replace(work, die=die))
        assert outcome.killed, f"the run never came to {die}: {outcome.error} {outcome.message}"
    return checked(till, work, workers.run(work), kills=len(deaths))


@pytest.fixture(scope="session")
def events(workers: Forker, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many events of the profiler's an undisturbed run has."""
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path_factory.mktemp("whole") / "run.db"), counts=True)
        outcome = workers.run(work)
        books = checked(till, work, outcome, kills=0)
    assert set(books.routes) == {"pack", "repack", "session", "single", "audit"}, "all rungs are stood on"
    assert books.lost_calls == books.maybe_paid_calls == 0
    return outcome.events


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_at_a_named_point_comes_out_whole(
    point: str, workers: Forker, tmp_path: Path
) -> None:
    deaths = [Die(point, NTH.get(point, 1))]
    if point.startswith("resuming"):
        deaths.insert(0, RESUMED)
    with Till(HOW_MANY) as till:
        books = killed_and_finished(workers, till, Work(till.url, str(tmp_path / "run.db")), deaths)
    assert books.lost_items <= CONCURRENCY * PACK_ITEMS * len(deaths)


@pytest.mark.parametrize("nth", [1, 5, 12])
def test_a_call_that_the_server_has_read_and_not_answered_is_listed_as_maybe_paid(
    nth: int, workers: Forker, tmp_path: Path
) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        till.kill_at(nth)
        assert workers.run(work).killed
        books = checked(till, work, workers.run(work), kills=1)
    assert 1 <= books.lost_calls <= books.maybe_paid_calls <= CONCURRENCY
    assert books.lost_items <= CONCURRENCY * PACK_ITEMS


@pytest.mark.parametrize("point", ["after reply, written", "before split"])
def test_a_reply_is_on_the_disk_before_it_is_split(point: str, workers: Forker, tmp_path: Path) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        assert workers.run(replace(work, die=Die(point, 3))).killed
    with RunFile(Path(work.store), write=False) as file:
        file.head()
        kinds = [event.kind for event in file.events()]
    assert kinds.count("back") >= 3
    assert kinds.count("sent") > 3


def test_a_session_run_comes_out_whole(workers: Forker, tmp_path: Path) -> None:
    with Till(40) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=40, strategy="session")
        deaths = [
            Die("in session, split", 3),
            Die("in session, sent", 9),
            Die("after reply, not committed", 5),
        ]
        books = killed_and_finished(workers, till, work, deaths)
    assert books.routes["session"] >= len(set(texts_of(40))), "each item has had its turn"


def test_a_run_that_asks_some_items_alone_first_comes_out_whole(workers: Forker, tmp_path: Path) -> None:
    with Till(40) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=40, baseline=8)
        deaths = [Die("after reply, written", 3), Die("mid-split", 4), Die("in repack, sent", 1)]
        books = killed_and_finished(workers, till, work, deaths)
    assert books.routes["baseline"] >= 8


def test_a_probe_whose_process_is_killed_is_listed_as_maybe_paid(workers: Forker, tmp_path: Path) -> None:
    with Till(24) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=24, probes=True)
        assert workers.run(replace(work, die=Die("head half written"))).killed
        outcome = workers.run(work)
        assert not outcome.error
        assert outcome.calls == len(till.sold)


def test_a_run_that_is_over_is_bought_and_written_no_more(workers: Forker, tmp_path: Path) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        assert workers.run(replace(work, die=Die("ended"))).killed
        before, sold = _rows(work), len(till.sold)
        first, second = workers.run(work), workers.run(work)
        assert len(till.sold) == sold
        assert before == _rows(work), "every field is what it was"
        assert first == second
        checked(till, work, second, kills=0)


def test_a_ceiling_on_calls_counts_those_of_processes_that_were_killed(
    workers: Forker, tmp_path: Path
) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        assert workers.run(replace(work, die=Die("after reply, written", 6))).killed
        stopped = workers.run(replace(work, most_calls=12))
        assert "max_calls=12" in stopped.message
        assert stopped.calls == 12
        assert 12 - CONCURRENCY <= len(till.sold) <= 12
        checked(till, work, workers.run(work), kills=1)


def test_a_run_that_is_killed_each_time_it_comes_back_makes_its_way(workers: Forker, tmp_path: Path) -> None:
    """Every process keeps two replies at the least, and dies."""
    with Till(48) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=48)
        kills = 0
        while workers.run(replace(work, die=Die("after reply, written", 2))).killed:
            kills += 1
            assert kills < 30, "the run does not get on"
        books = checked(till, work, workers.run(work), kills=kills)
    assert kills >= 2
    assert books.kept_calls >= 2 * kills


@pytest.mark.parametrize("how", ["before", "half", "after"])
def test_a_run_that_is_killed_in_the_middle_of_a_write_comes_out_whole(
    how: str, workers: Forker, tmp_path: Path
) -> None:
    with Till(24) as till:
        work = Work(till.url, str(tmp_path / "run.db"), how_many=24)
        kills = 0
        for disk in (2, 7, 19, 12, 26, 33, 40):
            outcome = workers.run(replace(work, die=Die(disk=disk, how=how)))  # type: ignore[arg-type]
            if not outcome.disk_works:
                pytest.skip(outcome.message)
            kills += outcome.killed
        assert kills >= 3
        checked(till, work, workers.run(work), kills=kills)


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_run_that_is_killed_anywhere_comes_out_whole(
    seed: int, workers: Forker, events: int, tmp_path: Path
) -> None:
    """Three processes in a row die at a random event of Python's, in whichever thread it happens.

    Each has less left to do than the one before, and must not be done before it dies.
    """
    random = Random(f"kill {seed}")
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        kills = 0
        for _ in range(KILLS_EACH):
            die = Die(event=random.randrange(1, events * 9 // 10 >> kills))
            kills += workers.run(replace(work, die=die)).killed
        books = checked(till, work, workers.run(work), kills=kills)
    assert kills > 0
    assert books.lost_calls <= CONCURRENCY * kills


def test_a_reader_sees_all_results_between_a_kill_and_the_next_process(
    workers: Forker, tmp_path: Path
) -> None:
    with Till(HOW_MANY) as till:
        work = Work(till.url, str(tmp_path / "run.db"))
        assert workers.run(replace(work, die=Die("after reply, written", 9))).killed
        before = _rows(work)
        assert before
        for die in (Die("process entered"), Die("before sending, written", 1)):
            assert workers.run(replace(work, die=die)).killed
            assert _rows(work).items() >= before.items(), "results that were there are gone"


def _rows(work: Work) -> dict[int, dict[str, object]]:
    with RunFile(Path(work.store), write=False) as file:
        file.head()
        return dict(file.results())

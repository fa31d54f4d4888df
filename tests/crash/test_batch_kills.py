"""A run by batch jobs is killed and taken up again: no call is lost, none is handed over twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from packer.testing import FaultServer, JobFaults
from tests.crash.batch_books import batch_checked
from tests.crash.forker import Forker
from tests.crash.points import BATCH_POINTS
from tests.crash.work import FAULTS, HOW_MANY, Die, Work, truth_of

NTH = {
    "line kept": 5,
    "line read": 7,
    "job written": 2,
    "handed over, not written": 3,
    "job read, written": 2,
}


def served(lose_reply: int = 0) -> FaultServer:
    return FaultServer(
        truth_of(HOW_MANY),
        inject=FAULTS,
        jobs=JobFaults(looks=1, repeat=0.1, unknown=0.1, lose_reply=lose_reply),
    )


def work_of(server: FaultServer, folder: Path, *, anthropic: bool = False) -> Work:
    url = server.root_url if anthropic else server.url
    return Work(url, str(folder / "run.db"), job_lines=3, anthropic=anthropic)


@pytest.mark.parametrize("point", BATCH_POINTS)
def test_a_run_that_is_killed_at_a_named_point_hands_nothing_over_twice(
    point: str, workers: Forker, tmp_path: Path
) -> None:
    with served() as server:
        work = work_of(server, tmp_path)
        died = workers.run(replace(work, die=Die(point, NTH.get(point, 1))))
        assert died.killed, f"the run never came to {point}: {died.error} {died.message}"
        batch_checked(server, work, workers.run(work))


@pytest.mark.parametrize("point", ["handed over, not written", "line read", "job read, not written"])
def test_the_same_on_anthropics_wire(point: str, workers: Forker, tmp_path: Path) -> None:
    with served() as server:
        work = work_of(server, tmp_path, anthropic=True)
        died = workers.run(replace(work, die=Die(point, NTH.get(point, 1))))
        assert died.killed, f"the run never came to {point}: {died.error} {died.message}"
        batch_checked(server, work, workers.run(work))


def test_a_connection_that_breaks_while_a_job_is_made_hands_nothing_over_twice(
    workers: Forker, tmp_path: Path
) -> None:
    with served(lose_reply=2) as server:
        work = work_of(server, tmp_path)
        batch_checked(server, work, workers.run(work))


def test_kills_at_random_events(workers: Forker, tmp_path: Path) -> None:
    random = Random(5)
    with served() as server:
        whole = work_of(server, tmp_path / "..")
        events = workers.run(replace(whole, store=str(tmp_path / "whole.db"), counts=True)).events
    with served() as server:
        work = work_of(server, tmp_path)
        for _ in range(3):
            workers.run(replace(work, die=Die(event=random.randrange(1, events))))
        batch_checked(server, work, workers.run(work))

"""Damaged files of runs, and looks at them: what is let through must be right.

Does not know: how they are damaged.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from packer.run.store.run_file import RunFile
from schemas.errors import StoreDamaged, UsageError
from tests.crash.books import checked
from tests.crash.forker import Forker
from tests.crash.till import Till
from tests.crash.work import Die, Outcome, Work, texts_of, truth_of

SMALL = 48
FRAME = 24 + 4096
ENDS = ("", "-wal", "-shm")

Row = tuple[int, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Specimen:
    """A run's files, and what a reader found in them while they were whole.

    Attributes:
        files: contents, by the end of the name.
        items: bodies.
        events: kinds and bodies.
        results: by position.
    """

    files: dict[str, bytes]
    items: list[dict[str, object]]
    events: list[tuple[str, dict[str, object]]]
    results: dict[int, dict[str, object]]

    def put(self, path: Path, **changed: bytes | None) -> Path:
        """Lay the files out; ``main=``, ``wal=`` and ``shm=`` replace one, None leaves it out."""
        names = dict(zip(("main", "wal", "shm"), ENDS, strict=True))
        files = {**self.files, **{names[name]: held for name, held in changed.items()}}
        for end in ENDS:
            held = files.get(end)
            if held is None:
                Path(f"{path}{end}").unlink(missing_ok=True)
            else:
                Path(f"{path}{end}").write_bytes(held)
        return path


def taken(path: Path, copy: Path) -> Specimen:
    files = {end: Path(f"{path}{end}").read_bytes() for end in ENDS if Path(f"{path}{end}").exists()}
    for end in files:
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    with RunFile(copy, write=False) as file:
        file.head()
        items, results = list(file.items()), dict(file.results())
        events = [(event.kind, event.body) for event in file.events()]
    return Specimen(files, items, events, results)


class Looks:
    """Looks at damaged files, and keeps those whose loss is new."""

    def __init__(self, whole: Specimen) -> None:
        self.whole = whole
        self.refused = 0
        self.starts: dict[int, dict[str, bytes]] = {}
        self.taken: list[dict[str, bytes]] = []

    def at(self, path: Path, *, write: bool) -> str:
        """Take one: give why it was refused, or nothing when what is left of the run is right."""
        held = {end: Path(f"{path}{end}").read_bytes() for end in ENDS if Path(f"{path}{end}").exists()}
        told = ""
        try:
            with RunFile(path, write=write) as file:
                if write:
                    assert not file.is_new, "a run that had answers would begin anew in silence"
                file.head()
                items, results = list(file.items()), dict(file.results())
                events = [(event.kind, event.body) for event in file.events()]
        except (StoreDamaged, UsageError) as error:
            told = str(error)
        if told:
            assert str(path) in told
            self.refused += 1
            return told
        assert items == self.whole.items
        assert events == self.whole.events[: len(events)], "no start of what was written"
        assert results.items() <= self.whole.results.items(), "a row that was never written"
        self.starts.setdefault(len(events), held)
        self.taken.append(held)
        return ""


def resumed(workers: Forker, path: Path, files: dict[str, bytes]) -> Outcome:
    """Take a run up from damaged files, against a server that knows nothing of what was before."""
    laid(path, files)
    with Till(SMALL) as till:
        outcome = workers.run(Work(till.url, str(path), how_many=SMALL))
    if outcome.error:
        assert str(path) in outcome.message
        return outcome
    truth = truth_of(SMALL)
    assert len(outcome.values) == SMALL
    for text, value, word in zip(texts_of(SMALL), outcome.values, outcome.outcomes, strict=True):
        assert (word, value) in (("accepted", truth[text]), ("failed", None))
    assert outcome.outcomes.count("failed") <= 2
    return outcome


def laid(path: Path, files: dict[str, bytes]) -> Path:
    for end in ENDS:
        Path(f"{path}{end}").unlink(missing_ok=True)
        if end in files:
            Path(f"{path}{end}").write_bytes(files[end])
    return path


def flipped(held: bytes, random: Random) -> bytes:
    at, bit = random.randrange(len(held)), 1 << random.randrange(8)
    return held[:at] + bytes([held[at] ^ bit]) + held[at + 1 :]


def ended_run(workers: Forker, folder: Path) -> Specimen:
    """A run that came to its end: one file."""
    with Till(SMALL) as till:
        work = Work(till.url, str(folder / "run.db"), how_many=SMALL)
        checked(till, work, workers.run(work), kills=0)
    made = taken(folder / "run.db", folder / "copy.db")
    assert set(made.files) == {""}
    return made


def torn_run(workers: Forker, folder: Path) -> Specimen:
    """A run that was killed: a file, its log, and the index of that."""
    with Till(SMALL) as till:
        work = Work(till.url, str(folder / "run.db"), how_many=SMALL)
        assert workers.run(replace(work, die=Die("after reply, written", 6))).killed
    made = taken(folder / "run.db", folder / "copy.db")
    assert set(made.files) == set(ENDS)
    assert len(made.files["-wal"]) > 20 * FRAME
    return made


def last_page_cuts(whole: Specimen, path: Path, step: int) -> Looks:
    """Cut the file at every so-manieth byte of its last page, and look, to read and to write."""
    looks, held = Looks(whole), whole.files[""]
    for size in [0, 1, 100, 4096, *range(len(held) - 4096, len(held), step), len(held) - 1]:
        for write in (False, True):
            assert looks.at(whole.put(path, main=held[:size]), write=write), size
    return looks


def log_cuts(whole: Specimen, path: Path, step: int, *, index: bool) -> Looks:
    """Cut the log at every frame, and at every so-manieth byte of its last, with and without its index."""
    looks, held = Looks(whole), whole.files["-wal"]
    inside = range(len(held) - FRAME, len(held), step)
    for size in [*range(0, 32, 5), *range(32, len(held), FRAME), *inside, len(held) - 1]:
        for write in (False, True):
            shm = whole.files["-shm"] if index else None
            told = looks.at(whole.put(path, wal=held[:size], shm=shm), write=write)
            assert ("-wal held" in told) if index else not told, size
    return looks


def bit_flips(
    ended: Specimen, torn: Specimen, path: Path, times: int, random: Random, *, write: bool
) -> tuple[Looks, Looks]:
    """Flip so many single bits anywhere in the files, one a time, and look."""
    looks = Looks(ended), Looks(torn)
    for n in range(times):
        whole = looks[n % 2].whole
        end = random.choices(list(whole.files), [len(held) for held in whole.files.values()])[0]
        looks[n % 2].at(laid(path, {**whole.files, end: flipped(whole.files[end], random)}), write=write)
    return looks

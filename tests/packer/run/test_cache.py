"""Answers kept from run to run: what is spared, what is never kept, and what damage can do."""

from __future__ import annotations

import logging
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field

import packer
from packer.run.store import cache as cache_module
from packer.run.store import cache_file
from packer.run.store.cache import AnswerCache
from schemas.errors import UsageError
from schemas.evidence import Match, Quote
from schemas.item import ItemId
from schemas.result import ItemResult, Outcome
from schemas.review import Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Trust
from schemas.task import Task
from schemas.verdict import Fault, Reason
from tests.strategies import LABELS, SENTIMENT, texts

MODEL = "a-model"


class Price(BaseModel):
    amount: float = Field(ge=0)
    currency: str | None = None
    tags: list[str] = []
    exact: Decimal = Decimal(0)


PRICE = Task.extract("The price.", Price)
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["name"],
}


def accepted(value: object = "positive", *, item_id: ItemId = 0) -> ItemResult[object]:
    return ItemResult(item_id, Outcome.ACCEPTED, value, Route.PACK)


def ruled(result: ItemResult[object], ruling: Ruling) -> ItemResult[object]:
    return replace(result, review=Review(result.item_id, Stage.LAST, ruling, "Ada", "2026-11-25T00:00:00Z"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(path) as opened:
        yield opened


def numbered(count: int) -> list[tuple[str, ItemResult[object]]]:
    return [(f"text {n}", accepted(LABELS[n % 3], item_id=n)) for n in range(count)]


def filled(path: Path, count: int) -> dict[str, object]:
    answers = numbered(count)
    with AnswerCache(path) as cache:
        cache.keep(SENTIMENT, MODEL, answers)
    return {text: result.value for text, result in answers}


def test_what_one_run_keeps_another_finds(path: Path) -> None:
    quotes = (Quote("amount", "5 EUR", Match.EXACT, 2, 7), Quote("currency", "yen", Match.NOT_FOUND))
    value = Price(amount=5, currency="EUR", exact=Decimal("5.10"))
    with AnswerCache(path) as cache:
        cache.keep(PRICE, MODEL, [("a 5 EUR b", replace(accepted(value), quotes=quotes))])
    with AnswerCache(str(path)) as cache:
        assert cache.found(PRICE, MODEL, ["a 5 EUR b", "other"]) == {"a 5 EUR b": (value, quotes)}


def test_more_texts_than_one_statement_takes_in_any_order_with_repeats(cache: AnswerCache) -> None:
    answers = numbered(2_203)
    cache.keep(SENTIMENT, MODEL, iter(answers))
    asked = [text for text, _ in reversed(answers)] * 2 + [f"unknown {n}" for n in range(700)]
    found = cache.found(SENTIMENT, MODEL, asked)
    assert found == {text: (result.value, ()) for text, result in answers}
    assert cache.found(SENTIMENT, MODEL, []) == {}


@pytest.mark.parametrize(
    "other",
    [
        Task.classify("Sentiment of a review.", LABELS),
        Task.classify("Sentiment of a tweet.", [*LABELS, "mixed"]),
        Task.classify("Sentiment of a tweet.", LABELS[::-1]),
        Task.classify("Sentiment of a tweet.", LABELS, multi=True),
        Task.classify("Sentiment of a tweet.", {label: f"it is {label}" for label in LABELS}),
        Task.classify("Sentiment of a tweet.", LABELS, examples=[("Nice.", "positive")]),
    ],
    ids=["instruction", "labels", "order of labels", "multi", "label notes", "examples"],
)
def test_another_task_finds_nothing(cache: AnswerCache, other: Task[object]) -> None:
    cache.keep(SENTIMENT, MODEL, [("Great.", accepted())])
    assert cache.found(other, MODEL, ["Great."]) == {}
    assert cache.found(Task.classify("Sentiment of a tweet.", LABELS), MODEL, ["Great."])


def test_another_model_or_text_finds_nothing(cache: AnswerCache) -> None:
    cache.keep(SENTIMENT, "m", [("1 Great.", accepted())])
    assert cache.found(SENTIMENT, "m", ["1 Great.", "1 great.", "1 Great. ", "Great."]).keys() == {"1 Great."}
    for model in ("M", "m ", "m 1", "", "m\ud800"):
        assert cache.found(SENTIMENT, model, ["1 Great.", " 1 Great.", "Great."]) == {}


def test_evidence_asks_another_thing(cache: AnswerCache) -> None:
    cache.keep(Task.extract("n", int), MODEL, [("7", accepted(7))])
    assert cache.found(Task.extract("n", int, evidence=True), MODEL, ["7"]) == {}


@pytest.mark.parametrize(
    "result",
    [
        ItemResult(0, Outcome.FAILED, None, Route.SINGLE, Reason(Fault.UNREADABLE, "nothing could be read")),
        ItemResult(0, Outcome.PENDING, None, None, Reason(Fault.STOPPED, "stopped")),
        replace(accepted(), outcome=Outcome.HELD),
        replace(accepted(), outcome=Outcome.PENDING),
        replace(accepted(), trust=Trust.DOUBTFUL),
        replace(accepted(), route=Route.CACHE),
        replace(accepted(), same_as=5),
        ruled(replace(accepted(), outcome=Outcome.HELD), Ruling.CORRECT),
        ruled(replace(accepted(), trust=Trust.DOUBTFUL), Ruling.APPROVE),
        ruled(accepted(), Ruling.REJECT),
        accepted("no such label"),
        accepted(None),
    ],
    ids=str,
)
def test_what_is_not_beyond_doubt_is_never_kept(cache: AnswerCache, result: ItemResult[object]) -> None:
    cache.keep(SENTIMENT, MODEL, [("a", result), ("b", accepted())])
    assert cache.found(SENTIMENT, MODEL, ["a", "b"]).keys() == {"b"}


@pytest.mark.parametrize("route", [Route.PACK, Route.REPACK, Route.SESSION, Route.SINGLE])
@pytest.mark.parametrize("trust", [Trust.CLEAN, Trust.CONFIRMED])
def test_every_route_that_asks_is_kept(cache: AnswerCache, route: Route, trust: Trust) -> None:
    cache.keep(SENTIMENT, MODEL, [("a", replace(accepted(), route=route, trust=trust))])
    assert cache.found(SENTIMENT, MODEL, ["a"]) == {"a": ("positive", ())}


def test_a_newer_answer_replaces_and_a_correction_outlasts_models(cache: AnswerCache) -> None:
    def now() -> str:
        return cache.found(SENTIMENT, MODEL, ["a"])["a"][0]

    cache.keep(SENTIMENT, MODEL, [("a", accepted("positive"))])
    cache.keep(SENTIMENT, MODEL, [("a", accepted("neutral"))])
    assert now() == "neutral"
    # The reviewer saw the cache's own answer, and a doubtful one: the correction counts all the same.
    seen = replace(accepted("negative"), route=Route.CACHE, trust=Trust.DOUBTFUL)
    cache.keep(SENTIMENT, MODEL, [("a", ruled(seen, Ruling.CORRECT))])
    assert now() == "negative"
    cache.keep(SENTIMENT, MODEL, [("a", accepted("positive"))])
    assert now() == "negative"
    cache.keep(SENTIMENT, MODEL, [("a", ruled(accepted("positive"), Ruling.CORRECT))])
    assert now() == "positive"


def test_an_answer_that_a_reviewer_rejects_is_taken_out(cache: AnswerCache) -> None:
    cache.keep(SENTIMENT, MODEL, [("a", accepted()), ("b", accepted())])
    failed = replace(accepted(None), outcome=Outcome.FAILED, reason=Reason(Fault.BLEED, "rejected"))
    cache.keep(SENTIMENT, MODEL, [("a", ruled(failed, Ruling.REJECT))])
    assert cache.found(SENTIMENT, MODEL, ["a", "b"]).keys() == {"b"}


def test_values_that_do_not_come_back_as_they_are_are_not_kept(cache: AnswerCache) -> None:
    class Cat(BaseModel):
        name: str

    class Dog(BaseModel):
        name: str

    def fails(value: str) -> str:
        if value == "later":
            raise KeyError(value)
        return value

    negated = Task.extract("n", Annotated[int, AfterValidator(lambda n: -n)])
    cache.keep(negated, MODEL, [("a", accepted(-5)), ("b", accepted(0))])
    assert cache.found(negated, MODEL, ["a", "b"]) == {"b": (0, ())}
    pet = Task.extract("pet", Cat | Dog)
    cache.keep(pet, MODEL, [("a", accepted(Dog(name="x"))), ("b", accepted(Cat(name="x")))])
    assert cache.found(pet, MODEL, ["a", "b"]) == {"b": (Cat(name="x"), ())}
    raising = Task.extract("word", Annotated[str, AfterValidator(fails)])
    cache.keep(raising, MODEL, [("a", accepted("later")), ("b", accepted("now"))])
    assert cache.found(raising, MODEL, ["a", "b"]) == {"b": ("now", ())}
    number = Task.extract("number", {"type": "number"})
    cache.keep(number, MODEL, [("a", accepted(float("inf"))), ("b", accepted(float("nan")))])
    assert cache.found(number, MODEL, ["a", "b"]) == {}
    word = Task.extract("word", {"type": "string"})
    cache.keep(word, MODEL, [("a", accepted("x" * 2_000_000))])
    assert cache.found(word, MODEL, ["a"]) == {}


def test_an_accepted_null_is_an_answer(cache: AnswerCache) -> None:
    task: Task[object] = Task.extract("n", int | None)
    cache.keep(task, MODEL, [("a", accepted(None))])
    assert cache.found(task, MODEL, ["a"]) == {"a": (None, ())}


def test_an_answer_that_the_type_no_longer_allows_is_asked_again_and_replaced(cache: AnswerCache) -> None:
    most = [10]

    def check(number: int) -> int:
        if number > most[0]:
            raise ValueError("too large")
        return number

    task = Task.extract("n", Annotated[int, AfterValidator(check)])
    cache.keep(task, MODEL, [("a", ruled(accepted(7), Ruling.CORRECT))])
    most[0] = 5
    assert cache.found(task, MODEL, ["a"]) == {}
    cache.keep(task, MODEL, [("a", accepted(3))])
    assert cache.found(task, MODEL, ["a"]) == {"a": (3, ())}


json_objects = st.fixed_dictionaries({"name": texts}, optional={"size": st.integers()})
prices = st.builds(
    Price,
    amount=st.floats(0, allow_nan=False, allow_infinity=False),
    currency=st.none() | st.text(max_size=9),
    tags=st.lists(st.text(max_size=9), max_size=3),
    exact=st.decimals(allow_nan=False, allow_infinity=False),
)
CASES: list[tuple[Task[object], st.SearchStrategy[object]]] = [
    (SENTIMENT, st.sampled_from(LABELS)),
    (Task.classify("Topics.", LABELS, multi=True), st.sets(st.sampled_from(LABELS)).map(sorted)),
    (PRICE, prices),
    (Task.extract("A record.", SCHEMA), json_objects),
    (Task.extract("Numbers.", list[int]), st.lists(st.integers(-(10**200), 10**200))),
]


@pytest.mark.parametrize(("task", "values"), CASES, ids=["label", "labels", "pydantic", "schema", "list"])
def test_any_text_and_any_value_come_back(task: Task[object], values: st.SearchStrategy[object]) -> None:
    quote = st.builds(Quote, texts, texts, st.sampled_from(Match))

    @given(st.dictionaries(texts, st.tuples(values, st.lists(quote, max_size=2).map(tuple)), max_size=4))
    def comes_back(answers: dict[str, tuple[object, tuple[Quote, ...]]]) -> None:
        with tempfile.TemporaryDirectory() as folder, AnswerCache(Path(folder) / "answers") as cache:
            results = {
                text: replace(accepted(task.output.decode(task.output.encode(value))), quotes=quotes)
                for text, (value, quotes) in answers.items()
            }
            cache.keep(task, MODEL, results.items())
            assert cache.found(task, MODEL, list(answers)) == {
                text: (result.value, result.quotes) for text, result in results.items()
            }

    comes_back()


def test_the_file_holds_no_input_text_and_does_not_grow(path: Path) -> None:
    answers = numbered(3_000)
    with AnswerCache(path) as cache:
        cache.keep(SENTIMENT, MODEL, answers)
    size_bytes = path.stat().st_size
    for _ in range(3):
        with AnswerCache(path) as cache:
            cache.keep(SENTIMENT, MODEL, answers)
            assert path.with_name(path.name + "-wal").stat().st_size == 0
    assert path.stat().st_size == size_bytes
    assert b"text 1" not in path.read_bytes()


def test_only_the_owner_may_read_the_files(path: Path, cache: AnswerCache) -> None:
    cache.keep(SENTIMENT, MODEL, [("a", accepted())])
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes == {path.name + end: 0o600 for end in ("", "-wal", "-shm")}


def test_odd_names_are_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "a b?mode=memory#%41", "file:x", "é\udcff"):
        assert filled(Path(name), 2)
        with AnswerCache(name) as cache:
            assert len(cache.found(SENTIMENT, MODEL, ["text 0", "text 1"])) == 2
        assert (tmp_path / name).is_file()


def unusable(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "answers.sqlite"
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            filled(tmp_path / "real", 1)
            path.symlink_to(tmp_path / "real")
        case "dangling link":
            path.symlink_to(tmp_path / "not there")
        case "pipe":
            os.mkfifo(path)
        case "no folder":
            path = tmp_path / "none" / "answers.sqlite"
        case "nul":
            path = tmp_path / "a\0b"
        case "text":
            path.write_text("a,b\n" * 1_000)
        case "another database" | "another empty database":
            with closing(sqlite3.connect(path)) as file:
                file.execute(
                    "CREATE TABLE mine (a)" if kind == "another database" else "PRAGMA user_version=1"
                )
        case "newer":
            filled(path, 1)
            with closing(sqlite3.connect(path)) as file:
                file.execute("PRAGMA user_version = 7")
        case "other tables":
            filled(path, 1)
            with closing(sqlite3.connect(path)) as file:
                file.execute("CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END")
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("folder", "name a file"),
        ("link", "name a file"),
        ("dangling link", "name a file"),
        ("pipe", "name a file"),
        ("no folder", "Name a file in a folder that exists"),
        ("nul", "Name a file in a folder that exists"),
        ("text", "if it is no answer cache, name another file"),
        ("another database", "something else: name another file"),
        ("another empty database", "something else: name another file"),
        ("newer", "format 7, and this packsplit knows formats up to 1: update packsplit"),
        ("other tables", "its tables are not those of an answer cache"),
    ],
)
def test_what_cannot_be_a_cache_is_refused_and_left_alone(tmp_path: Path, kind: str, told: str) -> None:
    path = unusable(tmp_path, kind)
    before = path.read_bytes() if kind not in ("no folder", "nul") and path.is_file() else None
    with pytest.raises(UsageError) as caught:
        AnswerCache(path)
    assert told in str(caught.value)
    assert repr(str(path)) in str(caught.value)
    assert not (tmp_path / "not there").exists()
    if kind in ("text", "another database", "another empty database"):
        assert path.read_bytes() == before


def test_a_file_that_may_not_be_written_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, 1)
    monkeypatch.setattr(
        os, "access", lambda path, mode: not mode & os.W_OK
    )  # whoever runs the tests may write
    with pytest.raises(UsageError, match="may not be read and written by you"):
        AnswerCache(path)


def test_an_older_file_is_brought_up_to_date_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = filled(path, 3)

    def second(file: sqlite3.Connection) -> None:
        file.execute("CREATE TABLE more (a)")

    def third(file: sqlite3.Connection) -> None:
        file.execute("ALTER TABLE more ADD COLUMN b")

    monkeypatch.setattr(cache_file, "MIGRATIONS", [*cache_file.MIGRATIONS, second, third])
    for _ in range(2):
        with AnswerCache(path) as cache:
            assert len(cache.found(SENTIMENT, MODEL, list(known))) == 3
    monkeypatch.undo()
    with pytest.raises(UsageError, match="format 3"):
        AnswerCache(path)


def test_a_row_under_another_key_and_a_forged_one_are_not_found(path: Path) -> None:
    known = filled(path, 4)
    with closing(sqlite3.connect(path)) as file, file:
        (first, *_), (second, *_), (third, *_), (fourth, *_) = file.execute("SELECT key FROM answers")
        take = "UPDATE answers SET (answer, checksum) = (SELECT answer, checksum FROM answers WHERE key = ?)"
        file.execute(f"{take} WHERE key = ?", (first, second))
        file.execute("UPDATE answers SET corrected = 1 WHERE key = ?", (third,))
        file.execute("UPDATE answers SET answer = 'text', checksum = 5 WHERE key = ?", (fourth,))
    with AnswerCache(path) as cache:
        assert len(cache.found(SENTIMENT, MODEL, list(known))) == 1
        cache.keep(SENTIMENT, MODEL, numbered(4))
        assert {t: v for t, (v, _) in cache.found(SENTIMENT, MODEL, list(known)).items()} == known


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[" * 100_000,
        b'{"value":' * 100_000,
        b'{"value":' + b"9" * 5_000 + b',"quotes":[]}',
        b'{"value":"positive"}',
        b'"positive"',
        b'{"value":"positive","quotes":{}}',
        b'{"value":"positive","quotes":[["f","q","exact",0,99]]}',
        b'{"value":"positive","quotes":[["f","q","guessed",null,null]]}',
        b'{"value":"positive","quotes":[5]}',
        b'\xff{"value":"positive","quotes":[]}',
        b'{"value":"positive","quotes":[]}' + b" " * 2_000_000,
    ],
    ids=lambda answer: repr(answer[:40]),
)
def test_json_bombs_under_a_right_checksum_are_not_found(path: Path, answer: bytes) -> None:
    filled(path, 1)
    with closing(sqlite3.connect(path)) as file, file:
        ((key,),) = file.execute("SELECT key FROM answers").fetchall()
        checksum = cache_module._checksum(key, 0, answer)
        file.execute("UPDATE answers SET answer = ?, checksum = ?", (answer, checksum))
    with AnswerCache(path) as cache:
        assert cache.found(SENTIMENT, MODEL, ["text 0"]) == {}
        cache.keep(SENTIMENT, MODEL, numbered(1))
        assert cache.found(SENTIMENT, MODEL, ["text 0"]) == {"text 0": ("positive", ())}


def survives(path: Path, known: dict[str, object]) -> str:
    """Open a damaged file, look everything up, keep more: never a wrong answer, never another error."""
    try:
        cache = AnswerCache(path)
    except UsageError:
        return "refused"
    with cache:
        found = cache.found(SENTIMENT, MODEL, list(known))
        assert all(known[text] == value and quotes == () for text, (value, quotes) in found.items())
        cache.keep(SENTIMENT, MODEL, numbered(40))
        again = cache.found(SENTIMENT, MODEL, list(known))
        assert all(known[text] == value for text, (value, _) in again.items())
    return "all" if len(found) == len(known) else "some" if found else "none"


def test_no_flipped_bit_makes_a_wrong_answer(path: Path) -> None:
    known = filled(path, 40)
    sound = path.read_bytes()
    draw, ends = random.Random(5), set[str]()
    for _ in range(500):
        damaged = bytearray(sound)
        # Half of them where the head of the file and the description of its table are.
        place = draw.randrange(len(sound)) if draw.random() < 0.5 else draw.randrange(100)
        damaged[place] ^= 1 << draw.randrange(8)
        for each in path.parent.iterdir():
            each.unlink()
        path.write_bytes(damaged)
        ends.add(survives(path, known))
    assert ends >= {"refused", "all", "none"}  # so the flips did reach what matters


def test_no_cut_makes_a_wrong_answer(path: Path) -> None:
    known = filled(path, 300)
    sound = path.read_bytes()
    ends = set[str]()
    for size_bytes in [*range(0, 120, 7), *range(120, len(sound), 997), 4096, 8192]:
        for each in path.parent.iterdir():
            each.unlink()
        path.write_bytes(sound[:size_bytes])
        ends.add(survives(path, known))
    assert "refused" in ends
    assert "all" not in ends  # so each cut took something away


def test_two_processes_open_a_new_file_and_write_at_once(path: Path) -> None:
    script = """
import sys
from packer.run.store.cache import AnswerCache
from schemas.result import ItemResult, Outcome
from schemas.task import Task
task = Task.classify("Sentiment of a tweet.", ["positive", "neutral", "negative"])
print("ready", flush=True); sys.stdin.readline()
with AnswerCache(sys.argv[1]) as cache:
    for n in range(0, 400, 4):
        own = [(f"{sys.argv[2]} {n + i}", ItemResult(n, Outcome.ACCEPTED, "neutral")) for i in range(4)]
        both = [(f"both {n + i}", ItemResult(n, Outcome.ACCEPTED, "negative")) for i in range(4)]
        cache.keep(task, "a-model", own + both)
"""
    home = Path(packer.__file__).parent.parent
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), name],
            cwd=home,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name in ("one", "two", "three")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=120)[1] for writer in writers]
    assert said == [""] * 3
    wanted = {f"{name} {n}": "neutral" for name in ("one", "two", "three") for n in range(400)}
    wanted |= {f"both {n}": "negative" for n in range(400)}
    with AnswerCache(path) as cache:
        assert {t: v for t, (v, _) in cache.found(SENTIMENT, MODEL, list(wanted)).items()} == wanted


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "packsplit" and r.levelno >= logging.WARNING]


def test_a_file_locked_too_long_costs_no_run(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_file, "LOCK_WAIT_S", 0)
    with AnswerCache(path) as cache, closing(sqlite3.connect(path, isolation_level=None)) as other:
        cache.keep(SENTIMENT, MODEL, [("a", accepted())])
        other.execute("BEGIN IMMEDIATE")
        cache.keep(SENTIMENT, MODEL, [(f"secret {n}", accepted()) for n in range(1_200)])
        other.execute("ROLLBACK")
        cache.keep(SENTIMENT, MODEL, [("c", accepted())])  # the file would take it again, but it was given up
        assert cache.found(SENTIMENT, MODEL, ["a", "secret 0", "c"]).keys() == {"a"}
    (told,) = warnings_of(caplog)
    assert str(path) in told
    assert "locked" in told
    assert "secret" not in told


def test_a_new_file_locked_too_long_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_file, "LOCK_WAIT_S", 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UsageError, match=r"database is locked.*wait for that"):
            AnswerCache(path)


def test_a_full_disk_costs_no_run(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with AnswerCache(path) as cache:
        cache.keep(SENTIMENT, MODEL, numbered(100))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            cache.keep(SENTIMENT, MODEL, numbered(20_000))
            cache.keep(SENTIMENT, MODEL, [("late", accepted())])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        found = cache.found(SENTIMENT, MODEL, [*(f"text {n}" for n in range(20_000)), "late"])
        assert 100 <= len(found) < 20_000
        assert "late" not in found
    (told,) = warnings_of(caplog)
    assert "cannot be written" in told
    with AnswerCache(path) as cache:
        assert len(cache.found(SENTIMENT, MODEL, [f"text {n}" for n in range(20_000)])) == len(found)


def test_a_file_that_cannot_be_read_any_more_costs_no_run(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = filled(path, 2_000)
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = os.urandom(len(damaged) - 8192)
    path.write_bytes(damaged)
    with AnswerCache(path) as cache:
        assert cache.found(SENTIMENT, MODEL, list(known)) == {}
        assert cache.found(SENTIMENT, MODEL, list(known)) == {}
        cache.keep(SENTIMENT, MODEL, numbered(3))
    (told,) = warnings_of(caplog)
    assert "cannot be read" in told
    assert str(path) in told
    assert path.read_bytes() == damaged


def test_a_closed_cache_finds_and_keeps_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = filled(path, 2)
    cache = AnswerCache(path)
    cache.close()
    cache.close()
    assert cache.found(SENTIMENT, MODEL, list(known)) == {}
    cache.keep(SENTIMENT, MODEL, numbered(3))
    assert not warnings_of(caplog)


@dataclass(frozen=True)
class Point:
    x: int
    y: int


def test_threads_may_share_it(cache: AnswerCache) -> None:
    from concurrent.futures import ThreadPoolExecutor

    task = Task.extract("A point.", Point)

    def turn(n: int) -> bool:
        cache.keep(task, MODEL, [(f"{n}", accepted(Point(n, n)))])
        return cache.found(task, MODEL, [f"{n}"]) == {f"{n}": (Point(n, n), ())}

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(turn, range(60)))

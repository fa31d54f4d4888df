"""One ceiling for several runs: together they never go over it, and together they use it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import Budget, Guard, Limits, Outcome, RunResult, UsageError, pack_and_run_async
from packer.pacing import Need
from packer.run.live import shared_pace
from packer.run.live.shared_pace import Hold, SharedPace
from schemas.quota import QuotaKind
from tests.fake_time import FakeLoop, Provider, fullest, run_fake
from tests.strategies import SENTIMENT, label


@dataclass
class Clock:
    """A machine's clock that the test moves."""

    ms: int = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms


def two(folder: str | Path, ceilings: dict[QuotaKind, int | None], clock: Clock) -> list[SharedPace]:
    path = Path(folder) / "pace.db"
    return [SharedPace(path, ceilings, now_ms=clock.now_ms) for _ in range(2)]


async def closed(paces: list[SharedPace]) -> None:
    for each in paces:
        await each.close()


@dataclass
class Step:
    who: int
    need: Need
    used: Need
    took_ms: int
    pause_ms: int


@st.composite
def steps(draw: st.DrawFn) -> Step:
    size = draw(st.sampled_from([1, 3, 40, 900]))
    need = Need(draw(st.integers(1, size)), draw(st.integers(0, size)))
    used = Need(draw(st.integers(0, need.input_tokens)), draw(st.integers(0, need.output_tokens)))
    took = draw(st.sampled_from([10, 800, 30_000, 90_000]))
    return Step(draw(st.integers(0, 1)), need, used, took, draw(st.sampled_from([0, 0, 0, 7, 59_000])))


def driven(
    paces: list[SharedPace], clock: Clock, plan: list[Step], settle: bool = True
) -> list[tuple[float, Need]]:
    """Send as soon as the file lets a call go, whoever asks; give back at its end what it did not use."""
    went: list[tuple[float, Need]] = []
    out: list[tuple[int, int, Hold, Step]] = []

    async def job() -> None:
        for number, step in enumerate(plan):
            clock.ms += step.pause_ms
            for _ in range(1_000):
                while settle and out and out[0][0] <= clock.ms:
                    _, _, hold, over = out.pop(0)
                    await paces[over.who].settle(hold, over.used)
                taken = await paces[step.who].take(step.need)
                if isinstance(taken, Hold):
                    break
                clock.ms = min([clock.ms + max(1, round(taken * 1000)), *(each[0] for each in out[:settle])])
            else:
                pytest.fail("the file never lets the call go")
            went.append((clock.ms / 1000, step.used if settle else step.need))
            out.append((clock.ms + step.took_ms, number, taken, step))
            out.sort(key=lambda each: each[:2])

    asyncio.run(job())
    return went


@given(
    st.lists(steps(), min_size=1, max_size=30),
    st.one_of(st.none(), st.integers(1, 15)),
    st.one_of(st.none(), st.sampled_from([1_800, 5_000, 1_000_000])),
    st.one_of(st.none(), st.integers(900, 2_000)),
    st.booleans(),
)
@settings(max_examples=15)
def test_two_runs_together_never_go_over(
    plan: list[Step], rpm: int | None, tpm: int | None, output_tpm: int | None, settle: bool
) -> None:
    ceilings: dict[QuotaKind, int | None] = {"requests": rpm, "tokens": tpm, "output_tokens": output_tpm}
    if not any(ceilings.values()):
        ceilings["requests"] = 9
    clock = Clock()
    with TemporaryDirectory() as folder:
        paces = two(folder, ceilings, clock)
        went = driven(paces, clock, plan, settle)
        asyncio.run(closed(paces))
    for kind, limit in ceilings.items():
        if limit is not None:
            assert fullest([(at_s, used.amounts[kind]) for at_s, used in went]) <= limit


def test_what_small_calls_saved_up_is_not_spent_by_large_ones(tmp_path: Path) -> None:
    """Parts of a share are carried from call to call; ten times 100,008 are more than a million."""
    clock = Clock()
    paces = two(tmp_path, {"tokens": 1_000_000}, clock)
    tiny = [Step(0, Need(10, 0), Need(10, 0), 10, 50) for _ in range(50)]
    huge = [Step(0, Need(100_008, 0), Need(100_008, 0), 10, 0) for _ in range(12)]
    went = driven(paces, clock, [*tiny, Step(0, Need(1, 0), Need(1, 0), 10, 120_000), *huge])
    assert fullest([(at_s, used.input_tokens) for at_s, used in went]) <= 1_000_000


@pytest.mark.parametrize("rpm", [1, 3, 7, 30])
def test_few_calls_a_minute_are_all_used(tmp_path: Path, rpm: int) -> None:
    """Whoever takes them: rounding must not cost one of three."""
    clock = Clock()
    plan = [Step(n % 2, Need(5, 5), Need(5, 5), 10, 0) for n in range(4 * rpm)]
    start_s = clock.ms / 1000
    went = driven(two(tmp_path, {"requests": rpm}, clock), clock, plan)
    assert fullest([(at_s, 1) for at_s, _ in went]) == rpm
    assert went[-1][0] - start_s <= 3 * 61.1


@pytest.mark.parametrize(
    ("ceilings", "need", "used", "kind"),
    [
        ({"tokens": 1_000_000}, Need(9_000, 30_000), Need(8_000, 3_000), "tokens"),
        ({"tokens": 90_000}, Need(1_500, 1_500), Need(999, 183), "tokens"),
        ({"requests": 70}, Need(500, 500), Need(1, 1), "requests"),
        ({"requests": 130, "tokens": 10**8}, Need(50, 50), Need(50, 1), "requests"),
        ({"output_tokens": 50_000, "requests": 10_000}, Need(10, 2_000), Need(10, 377), "output_tokens"),
    ],
)
def test_what_is_given_back_is_used(
    tmp_path: Path, ceilings: dict[QuotaKind, int | None], need: Need, used: Need, kind: QuotaKind
) -> None:
    """Both runs together use nine tenths of the ceiling at least, though they reserve far more."""
    clock, random, limit = Clock(), Random(1), ceilings[kind]
    assert limit is not None
    count = int(3.4 * limit / used.amounts[kind])
    plan = [Step(n % 2, need, used, random.randint(100, 400), 0) for n in range(count)]
    start_s = clock.ms / 1000
    went = driven(two(tmp_path, ceilings, clock), clock, plan)
    assert fullest([(at_s, each.amounts[kind]) for at_s, each in went]) <= limit
    inside = sum(each.amounts[kind] for at_s, each in went if start_s + 60 <= at_s < start_s + 180)
    assert inside / (2 * limit) >= 0.9


def test_two_whole_runs_on_one_file_keep_to_one_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one clock that jumps, for the file as for both runs."""
    loops: list[FakeLoop] = []
    monkeypatch.setattr(shared_pace, "machine_ms", lambda: int(loops[0].now_s * 1000) + 1_700_000_000_000)
    clients = [Provider(label, latency_s=lambda number: 0.7) for _ in range(2)]
    limits = Limits(rpm=30, shared=tmp_path / "pace.db", concurrency=4)

    def one(client: Provider, word: str) -> Callable[[], object]:
        texts = [f"{word} {n:04d}" for n in range(4 * 90)]
        return lambda: pack_and_run_async(
            texts,
            SENTIMENT,
            client=client,
            limits=limits,
            budget=Budget(items=4),
            guard=Guard(audit=0),
        )

    async def job() -> list[RunResult[str]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FakeLoop)
        loops.append(loop)
        jobs = [one(client, word)() for client, word in zip(clients, ("ab", "cd"), strict=True)]
        return await asyncio.gather(*jobs)  # type: ignore[call-overload, no-any-return]

    results = run_fake(job)
    assert all(each.outcomes == {Outcome.ACCEPTED: 360} for each in results)
    sent = [(each.at_s, 1) for client in clients for each in client.sent]
    assert fullest(sent) <= 30
    assert max(at_s for at_s, _ in sent) <= (180 / 30 - 1) * 61 / 0.9


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database\n" * 50)
    with pytest.raises(UsageError, match=r"notes\.txt"):
        SharedPace(path, {"requests": 5})
    with pytest.raises(UsageError, match="shared"):
        SharedPace(tmp_path, {"requests": 5})


def test_sharing_without_a_ceiling_is_refused() -> None:
    with pytest.raises(UsageError, match="set rpm, tpm"):
        Limits(shared="pace.db")


TAKING = """
import asyncio, sys
from pathlib import Path
from packer.pacing import Need
from packer.run.live.shared_pace import Hold, SharedPace

async def main():
    pace = SharedPace(Path(sys.argv[1]), {"requests": 60})
    print("ready", flush=True)
    sys.stdin.readline()
    took = 0
    for _ in range(50):
        taken = await pace.take(Need(1, 1))
        if isinstance(taken, Hold):
            took += 1
            if took % 5 == 0:
                await pace.settle(taken, Need(1, 1))
    await pace.close()
    print(took, flush=True)

asyncio.run(main())
"""


def test_two_processes_open_and_take_at_once(tmp_path: Path) -> None:
    """Each asks fifty times as fast as it can; together they get the sixty that a minute holds."""
    command = [sys.executable, "-W", "error", "-c", TAKING, str(tmp_path / "pace.db")]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    try:
        for each in both:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in both:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        ends = [each.communicate(timeout=60) for each in both]
    finally:
        for each in both:
            each.kill()
            each.wait()
    assert [said for _, said in ends] == ["", ""]
    assert sum(int(said) for said, _ in ends) in (59, 60)

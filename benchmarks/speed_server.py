"""The loopback server of the speed benchmark in its own process, and the talk with it.

One ``FaultServer`` without faults, over a table of texts; it answers ours, the bare SDK's and the other
libraries' prompts. The parent asks for its number of calls by a line, and ends it by closing the pipe.
Does not know: who calls, or what is timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from packer.testing import FaultServer

START_TIMEOUT_S = 30


class Server:
    """The process; a context manager.

    Attributes:
        url: the ``base_url`` for an SDK of OpenAI's.
    """

    def __init__(self, answers: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed_server", str(answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=START_TIMEOUT_S)

    def calls(self) -> int:
        """Requests for a reply so far."""
        assert self._process.stdin is not None
        print("calls", file=self._process.stdin, flush=True)
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said:
            raise OSError("the loopback server ended without a word")
        return said


def main() -> None:
    """Serve until the pipe is closed."""
    answers: dict[str, object] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with FaultServer(answers) as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(len(server.ledger.served), flush=True)
            server.requests.clear()
            server.seen.clear()


if __name__ == "__main__":
    main()

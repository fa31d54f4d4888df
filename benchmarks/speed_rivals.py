"""openaivec and ondine in environments of their own, and what their processes spend on a run.

Each is imported once; every run is a fork, whose processor time is its own: without the imports, with all its
threads. Does not know: what they are held against.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost import HOME, IMPORTS, OFFLINE, interpreter

RIVALS = ("openaivec", "ondine")
RUN_TIMEOUT_S = 300
# Reads a command line as JSON, runs it in a fork, and says what that took.
FORKER = """
import importlib, json, os, runpy, sys, time
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
out = os.dup(1)
os.dup2(2, 1)
for line in sys.stdin:
    start = time.perf_counter()
    child = os.fork()
    if not child:
        sys.argv = json.loads(line)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            os._exit(0)
    _, _, used = os.wait4(child, 0)
    told = {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": time.perf_counter() - start}
    os.write(out, json.dumps(told).encode() + b"\\n")
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a rival.

    Attributes:
        cpu_s: processor time of its process.
        wall_s: from fork to end.
        right: texts that got an answer.
        error: what it said; empty when nothing.
    """

    cpu_s: float
    wall_s: float
    right: int
    error: str


class Rival:
    """One library; a context manager.

    Attributes:
        name: the library's.
    """

    def __init__(self, name: str) -> None:
        """Start its interpreter.

        Raises:
            OSError: it cannot be installed or imported here.
        """
        self.name = name
        self._process = subprocess.Popen(
            [interpreter(name), "-c", FORKER, json.dumps(IMPORTS[name])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **OFFLINE},
            text=True,
        )

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=RUN_TIMEOUT_S)

    def run(
        self,
        texts: Sequence[str],
        instruction: str,
        labels: Sequence[str],
        *,
        url: str,
        model: str,
        pack: int,
    ) -> Ran:
        """Ask about all texts.

        Raises:
            OSError: its process ended.
        """
        given = {"instruction": instruction, "labels": list(labels), "texts": list(texts)}
        with tempfile.TemporaryDirectory() as folder:
            asked, out = Path(folder) / "items.json", Path(folder) / "out.json"
            asked.write_text(json.dumps(given), encoding="utf-8")
            command = [str(HOME / "rivals" / f"run_{self.name}.py"), "--url", url, "--items", str(asked)]
            command += ["--out", str(out), "--pack", str(pack), "--model", model]
            command += ["--max-seconds", str(RUN_TIMEOUT_S)]
            command += ["--concurrency", "5"] if self.name == "ondine" else []  # its own default
            took = json.loads(self._told(command))
            if not out.is_file():
                return Ran(took["cpu_s"], took["wall_s"], 0, "it wrote no result")
            told = json.loads(out.read_text(encoding="utf-8"))
        right = sum(each is not None for each in told["values"])
        return Ran(took["cpu_s"], took["wall_s"], right, told["error"] or "")

    def _told(self, command: Sequence[str]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            said = self._process.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            raise OSError(f"{self.name} cannot be imported in its environment")
        return said

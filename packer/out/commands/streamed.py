"""A command's run over a file of any length: window by window, into one file of results.

Does not know: what options mean, or what is said of the run at its end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from packer.out.commands.export import write_failures
from packer.out.commands.window_sums import WindowSums
from packer.out.tables.results import ResultsWriter, results_writer
from packer.out.tables.whole import whole_file
from packer.run.inputs import Inputs
from packer.run.live.halt import Halt
from packer.run.live.loop import run_until_asked
from packer.run.live.tally import OnProgress
from packer.run.options import Options
from packer.run.windows import in_windows
from schemas.errors import PacksplitError, UsageError
from schemas.item import GroupBy
from schemas.result import RunResult
from schemas.task import Task

Row = Mapping[str, object]


def check_windows(window: int | None, review: int) -> None:
    """Refuse a review of a run in windows, before anything is read.

    Raises:
        UsageError: both are asked for.
    """
    if window is not None and review:
        raise UsageError(
            "--review holds all results until some were looked at, and --window writes them as it goes: give "
            "one of the two."
        )


def run_streamed(
    rows: Iterable[Row],
    task: Task[object],
    options: Options,
    *,
    model: str,
    window: int,
    out: Path,
    failures: tuple[Path, Iterator[Row]] | None = None,
    text_field: str | None = None,
    id_field: str | None = None,
    group_by: GroupBy | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[WindowSums, PacksplitError | None]:
    """Ask all rows and write their results in input order; both files appear whole or not at all.

    Args:
        rows: read lazily.
        task: what is asked.
        options: of the run.
        model: who is asked.
        window: rows that are read at a time.
        out: the file of results.
        failures: a file for the rows without a value, and all rows once more, read lazily; None for none.
        text_field: which field holds the text.
        id_field: which field holds the id; None for the row's number.
        group_by: which field names the group.
        on_progress: is told sums over all windows.

    Returns:
        What the windows came to, and the error that a later window ended with: without a store, the results
        before it are written all the same, as they exist nowhere else.

    Raises:
        UsageError: as ``pack_and_run``, and a file that cannot be written.
        RunError: as ``pack_and_run``, and a disk that is full or fails.
    """
    with ExitStack() as files:
        results = files.enter_context(results_writer(out, task.output))
        again = None
        if failures is not None:
            folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="packsplit-")))
            path, originals = failures
            again = _Again(files.enter_context(whole_file(path)), folder / path.name, originals, id_field)
        inputs = Inputs(rows, window, text_field=text_field, id_field=id_field, group_by=group_by)
        written = _Written(results, again)

        async def through(halt: Halt) -> None:
            settled = in_windows(
                inputs,
                task,
                model,
                None,
                options,
                on_progress=on_progress,
                on_window=written.take,
                halt=halt,
            )
            async with aclosing(settled):
                async for _ in settled:
                    pass

        try:
            run_until_asked(through)
        except PacksplitError as error:
            if written.broken or options.store is not None or not written.sums.windows:
                raise
            return written.sums, error
    return written.sums, None


@dataclass(slots=True)
class _Written:
    """Takes window after window.

    Attributes:
        results: where results go.
        again: where rows without one go; None for nowhere.
        sums: of all windows.
        broken: whether a window could not be written.
    """

    results: ResultsWriter
    again: _Again | None
    sums: WindowSums = field(default_factory=WindowSums)
    broken: bool = False

    def take(self, done: RunResult[object]) -> None:
        self.broken = True
        self.results.write(done)
        if self.again is not None:
            self.again.write(done)
        self.broken = False
        self.sums.add(done)


@dataclass(frozen=True, slots=True)
class _Again:
    """The file of rows without a value.

    Attributes:
        file: open.
        part: where those of one window go first.
        originals: the rows of all windows that are not written yet.
        id_field: which field holds the id.
    """

    file: TextIO
    part: Path
    originals: Iterator[Row]
    id_field: str | None

    def write(self, done: RunResult[object]) -> None:
        rows = list(islice(self.originals, len(done)))
        write_failures(self.part, done.results, rows, id_field=self.id_field)
        with self.part.open(encoding="utf-8", newline="") as part:
            shutil.copyfileobj(part, self.file)

"""A progress bar on a terminal, and nothing anywhere else.

Does not know: runs; it is shown their running sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from packer.out.commands.app import screen
from packer.run.live.tally import OnProgress, Tally


@contextmanager
def shown() -> Iterator[OnProgress | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = screen(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("items"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        row = bar.add_task("", total=None)

        def show(tally: Tally) -> None:
            told = f"{tally.calls} calls, {tally.usage.output_tokens or 0:,} tokens out"
            if tally.jobs:
                told += f"; batch jobs: {tally.jobs}, {tally.lines_done:,} of {tally.lines:,} calls done"
            bar.update(row, total=tally.items, completed=tally.settled, description=told)

        yield show

"""The files that a command is to write: each can be written, and none is another one or the input.

Does not know: what is written.
"""

from __future__ import annotations

from pathlib import Path

from packer.out.commands.near import near_file
from packer.out.tables.results import check_out
from schemas.errors import UsageError


def check_places(source: Path | None, *, out: Path, **others: Path | None) -> None:
    """Refuse places that cannot work, before anything is paid for.

    Args:
        source: the input; None where there is none.
        out: the file of results.
        others: further files, by the names of their options.

    Raises:
        UsageError: results cannot be written there, or two of the files are one.
    """
    folder = out.parent
    if not folder.is_dir() and not folder.exists():
        raise UsageError(
            f"--out {str(out)!r}: there is no folder {str(folder)!r}; make it first.{near_file(folder)}"
        )
    check_out(out)
    taken: dict[Path, str] = {} if source is None else {source.resolve(): "the input"}
    for name, path in {"out": out, **others}.items():
        if path is None:
            continue
        before = taken.setdefault(path.resolve(), f"--{name}")
        if before != f"--{name}":
            raise UsageError(
                f"--{name} {str(path)!r} is {before}, and would be written over: name another file."
            )

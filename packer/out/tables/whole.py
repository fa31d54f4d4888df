"""Files that appear whole or not at all: written beside their place, made durable, then moved there.

A file keeps the mode it had; a new one gets what the umask allows, since results are the user's own and
often meant for others. Ids and texts never become part of a file's name. Does not know: what is written.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO, TypeVar

from packer.run.store.durable import name_on_disk
from schemas.errors import PacksplitError, RunError, UsageError

Opened = TypeVar("Opened", TextIO, BinaryIO)

_YOURS = frozenset(
    (
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    )
)
"""What another path would mend; all else (a full or broken disk) is the world's."""


def whole_file(path: Path) -> AbstractContextManager[TextIO]:
    """Open a UTF-8 text file whose content replaces ``path`` when the block ends well.

    Line ends are written as they are given. When the block raises, or the disk does, ``path`` is as it was
    and nothing is left beside it; only a killed process leaves its unfinished file.

    Raises:
        UsageError: the path cannot be written to.
        RunError: the disk is full or fails.
    """
    # "x": never through a link that somebody left there.
    return _whole(path, lambda place: place.open("x", encoding="utf-8", newline=""))


def whole_bytes(path: Path) -> AbstractContextManager[BinaryIO]:
    """``whole_file`` for bytes; what was written can be read again while the block lasts.

    Raises:
        UsageError: the path cannot be written to.
        RunError: the disk is full or fails.
    """
    return _whole(path, lambda place: place.open("x+b"))


@contextmanager
def _whole(path: Path, opened: Callable[[Path], Opened]) -> Iterator[Opened]:
    place = path.resolve()
    # No part of the name is the target's: a name that is just short enough must not become too long.
    unfinished = place.with_name(f"packsplit-{secrets.token_hex(6)}.unfinished")
    try:
        check_writable(path)
        try:
            with opened(unfinished) as file:
                if place.exists():
                    unfinished.chmod(stat.S_IMODE(place.stat().st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(place)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        name_on_disk(place.parent)
    except OSError as error:
        raise _told(path, error) from error


def check_writable(path: Path) -> None:
    """Refuse a path that no file can be written to, before anything is paid for.

    Raises:
        UsageError: its folder does not exist, or something that is no file stands there.
    """
    try:
        place = path.resolve()
        if not place.parent.is_dir():
            raise UsageError(f"{str(path)!r} cannot be written: there is no folder {str(place.parent)!r}.")
        if place.exists() and not place.is_file():
            raise UsageError(f"{str(path)!r} cannot be written: it is there already and is no file.")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"{str(path)!r} cannot be written: {error}.") from error


def _told(path: Path, error: OSError) -> PacksplitError:
    why = error.strerror or str(error)
    if error.errno in _YOURS:
        return UsageError(f"{str(path)!r} cannot be written: {why}.")
    return RunError(
        f"{str(path)!r} could not be written: {why}. What stood there before is untouched; "
        "make room or choose another disk, and write it again."
    )

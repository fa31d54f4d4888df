"""SQLite's own system calls, one of which fails, or never returns: a full disk, a bad one, a kill.

Puts functions of ours into the table that SQLite's default file system looks its system calls up in, so
nothing else of the process is touched. Does not know: what is written.
"""

from __future__ import annotations

import ctypes
import errno as numbers
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tests.crash.points import die

WRITES = ("pwrite64", "pwrite", "write", "ftruncate", "fallocate")
OPENS = ("open",)

_POINTER = ctypes.c_void_p
_SET = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_char_p, _POINTER)
_GET = ctypes.CFUNCTYPE(_POINTER, _POINTER, ctypes.c_char_p)
_KINDS = {
    "pwrite64": ctypes.CFUNCTYPE(
        ctypes.c_ssize_t, ctypes.c_int, _POINTER, ctypes.c_size_t, ctypes.c_int64, use_errno=True
    ),
    "pwrite": ctypes.CFUNCTYPE(
        ctypes.c_ssize_t, ctypes.c_int, _POINTER, ctypes.c_size_t, ctypes.c_int64, use_errno=True
    ),
    "write": ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_int, _POINTER, ctypes.c_size_t, use_errno=True),
    "ftruncate": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, use_errno=True),
    "fallocate": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64, use_errno=True),
    "open": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, use_errno=True),
}


class _Vfs(ctypes.Structure):
    """The public ``sqlite3_vfs``, as far as it is needed."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        *((name, _POINTER) for name in ("xOpen", "xDelete", "xAccess", "xFullPathname")),
        *((name, _POINTER) for name in ("xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        *((name, _POINTER) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError")),
        ("xCurrentTimeInt64", _POINTER),
        ("xSetSystemCall", _SET),
        ("xGetSystemCall", _GET),
        ("xNextSystemCall", _POINTER),
    )


class Unreachable(Exception):
    """SQLite's table of system calls is out of reach here."""


class Disk:
    """SQLite's writes from now on.

    Attributes:
        made: how many there were.
    """

    def __init__(
        self,
        nth: int = 0,
        *,
        errno: int = 0,
        stays: bool = False,
        how: Literal["before", "half", "after"] = "before",
    ) -> None:
        """Begin to count; the nth fails with an error, or kills the process where none is given.

        Args:
            nth: which one; 0 for none.
            errno: what it fails with; 0 kills.
            stays: whether all later ones fail, too.
            how: where in the call the process is killed.

        Raises:
            Unreachable: it cannot be done here.
        """
        self.made = 0
        self._nth, self._errno, self._stays, self._how = nth, errno, stays, how
        vfs = _default_vfs()
        self._kept = []
        for name in WRITES + (OPENS if errno == numbers.EACCES else ()):
            address = vfs.contents.xGetSystemCall(vfs, name.encode())
            if not address:
                continue
            mine = _KINDS[name](self._hooked(name, _KINDS[name](address)))
            self._kept.append(mine)  # SQLite holds its address
            if vfs.contents.xSetSystemCall(vfs, name.encode(), ctypes.cast(mine, _POINTER)):
                raise Unreachable(f"{name} cannot be replaced")

    def _hooked(self, name: str, real: Callable[..., int]) -> Callable[..., int]:
        def called(*args: int) -> int:
            self.made += 1
            due = self._nth and (self.made == self._nth or (self._stays and self.made > self._nth))
            if due and self._errno:
                ctypes.set_errno(self._errno)
                return -1
            if due:
                if self._how == "half" and name in ("pwrite64", "pwrite", "write"):
                    real(args[0], args[1], args[2] // 2, *args[3:])
                elif self._how == "after":
                    real(*args)
                die()
            return real(*args)

        return called


def _default_vfs() -> ctypes._Pointer[_Vfs]:
    library = ctypes.CDLL(_loaded())
    try:
        find = library.sqlite3_vfs_find
    except AttributeError:
        raise Unreachable("the SQLite that is loaded shows no symbols") from None
    find.restype, find.argtypes = ctypes.POINTER(_Vfs), (ctypes.c_char_p,)
    vfs: ctypes._Pointer[_Vfs] = find(None)
    if not vfs or vfs.contents.iVersion < 3 or not vfs.contents.xSetSystemCall:
        raise Unreachable("SQLite's default file system has no table of system calls")
    return vfs


def _loaded() -> str:
    """The very file that the interpreter's sqlite3 uses; another copy would have a table of its own."""
    import _sqlite3

    try:
        maps = Path("/proc/self/maps").read_text("utf-8").splitlines()
    except OSError:
        raise Unreachable("this system does not say which libraries are loaded") from None
    paths = {line.split(maxsplit=5)[-1] for line in maps if "libsqlite3" in line}
    if len(paths) > 1:
        raise Unreachable(f"several copies of SQLite are loaded: {', '.join(sorted(paths))}")
    return paths.pop() if paths else str(_sqlite3.__file__)

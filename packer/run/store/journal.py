"""What a run writes down while it goes on: each call before it is sent, each reply before it is read.

Without a file it keeps nothing and costs nothing. Does not know: SQLite, or what a record leads to.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Literal, TypeVar, get_args

from packer.pacing import Need
from packer.run.flow.ask import Ask, Reply
from packer.run.store.run_file import RunFile
from schemas.chat import Completion
from schemas.errors import NotSent
from schemas.item import ItemId
from schemas.pack import Pack
from schemas.result import ItemResult, Outcome
from schemas.review import Review, Stage
from schemas.verdict import Cause
from schemas.written import UNTOLD, dumps, error_written, fields_written, written

T = TypeVar("T")

JobEvent = Literal["job", "uploaded", "submitted", "voided", "collected"]
"""What happens to a batch job: its calls are chosen, its file is at the provider, it is handed over; then it
was never taken, or all it brought is read."""

JOB_EVENTS: tuple[str, ...] = get_args(JobEvent)


@dataclass(slots=True)
class Journal:
    """The writing side of one run's store.

    Attributes:
        file: where records go; None keeps nothing.
        positions: of the inputs, by id.
        answer: turns a value of the task's into plain JSON.
        texts: whether providers' messages, which may quote inputs, are kept.
        calls: attempts written so far.
        last: the latest attempt at each ask.
    """

    file: RunFile | None = None
    positions: Mapping[ItemId, int] = field(default_factory=dict)
    answer: Callable[[object], object] = lambda value: value
    texts: bool = True
    calls: int = 0
    last: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of the run's file; a placeholder without one."""
        return "RUN" if self.file is None else str(self.file.path)

    def opened(self) -> None:
        """A process begins to work on the run."""
        if self.file is not None:
            body = {
                "pid": os.getpid(),
                "host": platform.node(),
                "at": now(),
                "packsplit": version("packsplit"),
            }
            self.file.append("opened", body, durable=True)

    def sent(self, ask: Ask[T], need: Need, *, durable: bool = True) -> int:
        """A call is about to go; durable on return unless it goes with others. Gives the attempt's number."""
        self.calls += 1
        if self.file is not None:
            self.last[ask.pack.id] = self.calls
            self.file.append("sent", self._sent(ask, need), durable=durable)
        return self.calls

    def _sent(self, ask: Ask[T], need: Need) -> dict[str, object]:
        return {
            "n": self.calls,
            "ask": ask.pack.id,
            "route": ask.booked,
            # Labelled inputs on which sizes are tried are none of the run's own.
            "members": [
                self.positions[slot.item.id] for slot in ask.pack.asked if slot.item.id in self.positions
            ],
            "nonce": ask.pack.nonce,
            "seats": seats_of(ask.pack),
            "most": [need.input_tokens, need.output_tokens],
            "at_s": round(time.time(), 3),
        }

    def probed(self, reply: Reply, cost_usd: Decimal | None, need: Need) -> None:
        """A call found out what the server can be held to, or its process died over it."""
        if self.file is not None:
            most = [need.input_tokens, need.output_tokens]
            self.file.append("probed", {"most": most, **self._came(reply, cost_usd)}, durable=False)

    def job(self, kind: JobEvent, body: dict[str, object]) -> None:
        """Something happened to a batch job; durable on return, with all that was written before."""
        if self.file is not None:
            self.file.append(kind, body, durable=True)

    def back(
        self, number: int, reply: Reply, cost_usd: Decimal | None, took_s: float, *, durable: bool = True
    ) -> None:
        """A reply is there, or an error instead; durable on return unless it can be had again."""
        if self.file is not None:
            body = {"n": number, "took_s": round(took_s, 6), **self._came(reply, cost_usd)}
            self.file.append("back", body, durable=durable)

    def _came(self, reply: Reply, cost_usd: Decimal | None) -> dict[str, object]:
        if not isinstance(reply, Completion):
            return {"error": error_written(reply, told=self.texts)}
        told = {
            "text": reply.text,
            "finish_reason": reply.finish_reason.value,
            "usage": written(reply.usage),
            "model": reply.model,
        }
        return {"cost_usd": written(cost_usd), "reply": told}

    def flush(self) -> None:
        """Make everything written so far durable."""
        if self.file is not None:
            self.file.commit()

    def took(self, ask: Ask[T], reply: Reply) -> None:
        """A reply is read now; what it leads to follows."""
        if self.file is None:
            return
        body: dict[str, object] = {"ask": ask.pack.id}
        if isinstance(reply, NotSent):  # a call may have gone before, but this is not what came of it
            body["error"] = error_written(reply, told=True)
        else:
            body["n"] = self.last[ask.pack.id]
        self.file.append("took", body, durable=False)

    def drained(self) -> None:
        """What waited for company goes on without."""
        if self.file is not None:
            self.file.append("drained", {}, durable=False)

    def settled(self, results: Sequence[ItemResult[T]]) -> None:
        """These inputs have a result; those that stay pending have none."""
        if self.file is None:
            return
        rows = []
        for each in results:
            if each.outcome is not Outcome.PENDING:
                rows.append((self.positions[each.item_id], self.body_of(each)))
        self.file.settle(rows)

    def body_of(self, result: ItemResult[T]) -> dict[str, object]:
        """A result as it is kept, its value as the task writes it."""
        body = fields_written(result)
        body["value"] = None if result.value is None else self.answer(result.value)
        reason = result.reason
        if reason is not None and reason.fault.cause is Cause.NOT_REACHED and not self.texts:
            body["reason"] = written(replace(reason, detail=UNTOLD))
        return body

    def shown(self, stage: Stage, ids: Sequence[ItemId]) -> None:
        """A sheet waits for its reviewer."""
        if self.file is not None:
            self.file.append("shown", {"stage": stage.value, "ids": list(ids)}, durable=True)

    def ruled(self, stage: Stage, reviews: Sequence[Review]) -> None:
        """The reviewer has decided."""
        if self.file is not None:
            body = {"stage": stage.value, "reviews": written(tuple(reviews))}
            self.file.append("ruled", body, durable=True)

    def chosen(self, body: dict[str, object]) -> None:
        """It is settled which size the run packs by; durable on return, as all that follows rests on it."""
        if self.file is not None:
            self.file.append("chosen", body, durable=True)

    def resized(self, body: dict[str, object]) -> None:
        """Packs have another size from here on."""
        if self.file is not None:
            self.file.append("resized", body, durable=False)

    def reopened(self, ids: Sequence[ItemId]) -> None:
        """These inputs have no result any more."""
        if self.file is not None:
            self.file.unsettle(self.positions[each] for each in ids)

    def ended(self, body: dict[str, object]) -> None:
        """A process is done with the run, for now or for good; everything is durable on return."""
        if self.file is not None:
            self.file.append("ended", body, durable=True)


def seats_of(pack: Pack[object]) -> str:
    """What decides how a reply to this pack is read: who sits where, under which handle and seal."""
    seats = [[str(slot.item.id), slot.handle, slot.seal, slot.canary is not None] for slot in pack.slots]
    return hashlib.blake2b(dumps(seats).encode(), digest_size=12).hexdigest()


def now() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()

"""What a test says of batch jobs, and what it sees of them on the fault server.

Does not know: how a job lives, or how it is worded on a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

from schemas.errors import UsageError

Provider = Literal["openai", "anthropic"]
State = Literal["under way", "cancelling", "ended", "refused"]

RATES = ("repeat", "unknown", "missing", "expire", "error", "garbled", "done_at_cancel")


@dataclass(frozen=True, slots=True)
class JobFaults:
    """What batch jobs go through: how long they take, and what goes wrong.

    Rates are chances of each line, from 0 to 1.

    Attributes:
        looks: the look at a job, alone or in a list, that finds it ended; 0 ends it as soon as it is made.
        shuffle: results come in another order.
        repeat: a line's result comes twice.
        unknown: a result comes under a custom id that nobody gave.
        missing: a line's result never comes.
        expire: the job's time is over before the line's turn.
        error: a line brings the provider's error 500.
        garbled: a line's result is cut off in its middle.
        done_at_cancel: a line of a cancelled job is answered all the same.
        refuse: the code with which jobs are refused, such as ``"token_limit_exceeded"``; empty for none.
        refusals: how many jobs are refused, the first ones; None for all.
        lose_reply: how many jobs, the first ones, are made while the reply to their maker is lost.
        seed: another seed, other victims.
    """

    looks: int = 2
    shuffle: bool = True
    repeat: float = 0.0
    unknown: float = 0.0
    missing: float = 0.0
    expire: float = 0.0
    error: float = 0.0
    garbled: float = 0.0
    done_at_cancel: float = 0.5
    refuse: str = ""
    refusals: int | None = None
    lose_reply: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in RATES and not 0 <= value <= 1:
                raise UsageError(f"JobFaults({each.name}={value!r}) must be between 0 and 1.")
            if each.name in ("looks", "refusals", "lose_reply") and value is not None and value < 0:
                raise UsageError(f"JobFaults({each.name}={value!r}) must be 0 or more.")


@dataclass(frozen=True, slots=True)
class JobAsk:
    """One line of a job, as it was handed over.

    Attributes:
        custom_id: what its result is named by.
        body: the request's.
        url: the endpoint that it is for; empty on Anthropic's wire.
    """

    custom_id: str
    body: Mapping[str, object] = field(repr=False)
    url: str = ""


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A batch job, as it stands.

    Attributes:
        id: as the server named it.
        provider: whose wire it came over.
        upload: the id of its file; empty on Anthropic's wire.
        metadata: what its maker wrote on it.
        created: when it was made.
        state: how far it is.
        asks: its lines.
    """

    id: str
    provider: Provider
    upload: str
    metadata: Mapping[str, object]
    created: datetime
    state: State
    asks: tuple[JobAsk, ...] = field(repr=False)

    @property
    def custom_ids(self) -> tuple[str, ...]:
        """Of all its lines."""
        return tuple(ask.custom_id for ask in self.asks)

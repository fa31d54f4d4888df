"""A small record in which every text that can come from outside is chosen by the test.

It holds an item of each kind, so that each text gets to every place of the page where it may be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from schemas.advice import Advice, Topic
from schemas.audit import Audit, AuditPart, Estimate
from schemas.calibration import Calibration, Finding, SizeChange, Trial, TrialCall
from schemas.comparison import Comparison, Way
from schemas.evidence import Match, Quote
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.record import CallRecord, CallState, ItemRecord, ItemState, RunRecord
from schemas.result import ItemResult, Outcome
from schemas.review import Gate, Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trend, Trust
from schemas.usage import Usage
from schemas.verdict import Fault, Reason

FIELDS = (
    "text",
    "answer",
    "id",
    "model",
    "run",
    "error",
    "reason",
    "signal detail",
    "evidence",
    "quote",
    "quoted field",
    "reviewer",
    "review reason",
    "review time",
    "before",
    "after",
    "instruction",
    "group",
    "path",
    "owner",
    "stopped",
    "created",
    "verdict",
    "way",
    "price",
    "route",
    "call",
    "trend",
    "advice",
    "promise",
    "size change",
    "audit",
    "audited part",
)


def harmless(text: str, letter: str = "x") -> str:
    """A text of the same length in one letter, but for white space and what JSON escapes.

    Those stay, a quotation mark as a backslash, so that traces are found in the same places.
    """
    return re.sub(r"[^\s\\\x00-\x1f]", letter, text.replace('"', "\\"))


def hostile_record(payload: str, *, only: str | None = None, running: bool = False) -> RunRecord:
    """The payload in every field, or in one alone with something harmless in the others."""

    def say(field: str) -> str:
        return payload if only in (None, field) else harmless(payload)

    return replace(record_of(say), running=running)


def record_of(say: Callable[[str], str]) -> RunRecord:
    """The record with each field's text as it is given."""
    ids = [f"{say('id')}{number}" for number in range(24)]
    items = tuple(_item(number, ids, say) for number in range(24))
    usage, route, call = Usage(100, 10, 20), say("route"), say("call")
    return RunRecord(
        name=say("run"),
        path=say("path"),
        model=say("model"),
        instruction=say("instruction"),
        created_at=say("created"),
        items=items,
        calls=(
            *(
                CallRecord(
                    f"{call}{start}",
                    route,
                    tuple(ids[start : start + 4]),
                    CallState.ANSWERED,
                    1.0,
                    2.0,
                    usage,
                )
                for start in range(0, 24, 4)
            ),
            CallRecord(call, route, (ids[0],), CallState.FAILED, 3.0, 1.0, error=say("error")),
            CallRecord(call, route, tuple(ids[:9]), CallState.MAYBE_PAID, 4.0),
        ),
        ledger=Ledger(
            calls=3,
            failed_calls=1,
            unmetered_calls=1,
            usage=usage,
            baseline=Baseline(24),
            routes={route: RouteSum(3, usage)},
            unpriced_calls=2,
            price_source=say("price"),
            overheads={route: RouteSum(0, usage, Decimal(0))},
            maybe_paid_calls=1,
        ),
        gate=Gate.REJECTED,
        reviews=tuple(
            Review(
                ids[0],
                Stage.LAST,
                ruling,
                say("reviewer"),
                say("review time"),
                say("review reason"),
                say("before"),
                {say("after"): [say("after")]},
            )
            for ruling in (Ruling.REJECT, Ruling.CORRECT)
        ),
        owner=say("owner"),
        stopped=say("stopped"),
        comparisons=tuple(
            Comparison(
                (Way(say("way"), True, 24, 1, 1.0, 1.0, 1.0), Way(say("way"), False, 24, 1, 2.0, 2.0, 2.0)),
                0.5,
                None,
                say("verdict"),
                group,
            )
            for group in (None, say("group"))
        ),
        trends=tuple(
            Trend(kind, 0.5, 0.1, 0.001, 24, say("trend"))
            for kind in (SignalKind.POSITION_DRIFT, SignalKind.NEIGHBOUR_COPY, SignalKind.DISCOUNTED)
        ),
        advice=(Advice(Topic.MIXED, False, say("advice"), tuple(ids[:8])),),
        audit=Audit(
            shared=24,
            asked=9,
            differ=2,
            bleed=Estimate(0.2, 0.1, 0.4, 9),
            packed=Estimate(0.2, 0.1, 0.4, 9),
            parts=(AuditPart(say("audited part"), 9, 2, Estimate(0.2, 0.1, 0.4, 9)),),
            words=say("audit"),
        ),
        calibration=Calibration(
            "max_bleed",
            0.05,
            0.95,
            (Trial(4, (TrialCall(4, 0),), Finding.KEPT, 0.0, 0.04, 0.0),),
            size=4,
            proven=True,
            words=say("promise"),
        ),
        size_changes=(SizeChange(4, 2, say("size change")),),
    )


def _item(number: int, ids: list[str], say: Callable[[str], str]) -> ItemRecord:
    text = f"{say('text')} and {say('evidence')} {number}"
    failed, call = number == 1, f"{say('call')}{number // 4 * 4}"
    value: object = say("answer") if number % 2 else {say("answer"): [say("answer"), None]}
    signal = Signal(
        SignalKind.FOREIGN_VALUE, say("signal detail"), 0.7, say("evidence"), (ids[number], ids[3])
    )
    result = ItemResult(
        ids[number],
        Outcome.FAILED if failed else Outcome.ACCEPTED,
        None if failed else value,
        Route.PACK,
        Reason(Fault.BLEED, say("reason")) if failed else None,
        (signal,) if number < 4 else (),
        attempts=1,
        trust=Trust.DOUBTFUL if number in (2, 3) else Trust.CLEAN,
        quotes=(
            Quote(say("quoted field"), say("quote"), Match.EXACT, 0, 3),
            Quote(say("quoted field"), say("quote"), Match.NOT_FOUND),
        ),
        call=call,
    )
    state = ItemState.FAILED if failed else ItemState.ACCEPTED
    return ItemRecord(ids[number], text, state, say("group"), result, 1)

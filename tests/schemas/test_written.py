"""What a store writes of our values comes back as it was; what nobody can have written is refused."""

from __future__ import annotations

from decimal import Decimal
from math import nan

import pytest
from pydantic import BaseModel, ConfigDict

from packer import Budget, Task
from schemas.calibration import Calibration, Finding, Trial, TrialCall
from schemas.errors import ClientError, RateLimited
from schemas.ledger import Baseline, Ledger, RouteSum
from schemas.result import ItemResult, Outcome
from schemas.review import Review, Ruling, Stage
from schemas.route import Route
from schemas.signal import Signal, SignalKind, Trust
from schemas.usage import Usage
from schemas.verdict import Fault, Reason
from schemas.written import (
    UNTOLD,
    NotOurs,
    answer_written,
    answers_written,
    dumps,
    error_read,
    error_written,
    fields_written,
    loads,
    read,
)

RESULT: ItemResult[object] = ItemResult(
    "a",
    Outcome.ACCEPTED,
    {"x": [1, None, "\ud800"]},
    Route.PACK,
    signals=(Signal(SignalKind.SHIFT, "moved", 0.5, "lag 1", ("a", 2)),),
    attempts=2,
    usage=Usage(3, None, 4),
    trust=Trust.DOUBTFUL,
    cost_usd=Decimal("0.10"),
    review=Review("a", Stage.LAST, Ruling.CORRECT, "me", "2026-11-26", after=0.5),
)
FAILED: ItemResult[object] = ItemResult(
    3, Outcome.FAILED, reason=Reason(Fault.MISSING, "not there"), same_as=2
)
LEDGER = Ledger(2, 0, 0, Usage(1, 1, 1), Baseline(9), {"pack": RouteSum(2, Usage(1), Decimal("1E-7"))})
TRIAL = Trial(5, (TrialCall(5, 1),), Finding.OPEN, loss=0, upper=1, lower=-1)  # whole numbers for shares
CALIBRATION = Calibration("max_bleed", 0.02, 0.95, (TRIAL,), size=None)


@pytest.mark.parametrize(
    "value", [RESULT, FAILED, LEDGER, CALIBRATION, Budget(5)], ids=lambda v: type(v).__name__
)
def test_what_is_written_is_read_as_it_was(value: object) -> None:
    text = dumps(fields_written(value))
    assert text.isascii()
    again = read(type(value), loads(text))
    assert again == value
    assert fields_written(again) == fields_written(value)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Usage, "[1]", "not an object but a list"),
        (Usage, "{", "not JSON"),
        (Usage, '{"input_tokens":"3"}', "none of .* reads str"),
        (Usage, '{"input_tokens":true}', "none of .* reads bool"),
        (Usage, '{"gone":1}', "not a Usage: 'gone'"),
        (TrialCall, '{"items":true,"differ":0}', "int is expected, not bool"),
        (TrialCall, '{"items":"5","differ":0}', "int is expected, not str"),
        (TrialCall, '{"items":5}', "missing 1 required positional argument: 'differ'"),
        (Calibration, '{"promise":"none"}', "one of .*'max_bleed'.* is expected, not 'none'"),
        (Calibration, '{"trials":{}}', "a list is expected, not dict"),
        (Calibration, '{"noise":[]}', "an object is expected, not list"),
        (Ledger, '{"routes":[]}', "an object is expected, not list"),
        (Reason, '{"fault":"rumour","detail":""}', "'rumour' is not a valid Fault"),
        (RouteSum, '{"cost_usd":"much"}', "none of .* reads str"),
    ],
)
def test_what_nobody_can_have_written_is_refused(kind: type, text: str, said: str) -> None:
    with pytest.raises(NotOurs, match=said):
        read(kind, loads(text))


class Loose(BaseModel):
    model_config = ConfigDict(allow_inf_nan=True)
    a: float


def test_an_answer_that_no_reply_can_say_again_is_told_in_words() -> None:
    output = Task.extract("x", Loose).output
    assert answer_written(output, Loose(a=1)) == {"a": 1.0}
    assert answer_written(output, Loose(a=nan)) == "a=nan"
    assert answers_written(output, [Loose(a=1), Loose(a=nan)]) == [{"a": 1.0}, "a=nan"]
    labels = Task.classify("x", ["good", "bad"]).output
    assert answers_written(labels, ["good", "bad", "good", "odd"]) == ["good", "bad", "good", "odd"]


class OfMyOwn(RateLimited):
    """Raised by a caller's client."""


def test_an_error_comes_back_as_the_kind_of_ours_that_it_was() -> None:
    for told, message in ((True, "slow down: 'text'"), (False, UNTOLD)):
        error = OfMyOwn("slow down: 'text'", provider="own", status=429)
        again = error_read(loads(dumps(error_written(error, told=told))))
        assert type(again) is RateLimited
        assert (str(again), again.provider, again.status, again.transient) == (message, "own", 429, True)
    assert error_read({"kind": "ClientError", "message": "x", "status": "odd"}).status is None


@pytest.mark.parametrize("kind", ["UsageError", "Quota", "annotations", None])
def test_no_other_error_is_made_from_a_file(kind: object) -> None:
    with pytest.raises(NotOurs, match="there is no error"):
        error_read({"kind": kind, "message": "x"})
    assert issubclass(RateLimited, ClientError)

"""What was made cheap does what the dear way does: results, deadlines, sums."""

from __future__ import annotations

import asyncio
import pickle
from copy import copy
from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal

import pytest

from packer.cost.baseline import MOST_COUNTED, settle
from packer.run.flow.sums import Sum
from packer.run.live.within import within_s
from packer.tokens import counter_for
from schemas.accepted import accepted_result, accepted_results
from schemas.item import Item
from schemas.ledger import Baseline, RouteSum
from schemas.pack import Slot
from schemas.result import ItemResult, Outcome
from schemas.route import Route
from schemas.signal import Trust
from schemas.usage import Usage, known_sum_usd, share_out_usd
from schemas.verdict import Verdict
from tests.fake_time import run_fake


def test_a_quickly_made_result_is_a_result_like_any_other() -> None:
    verdict = Verdict(Slot(Item("a", "text"), "h"), "good", trust=Trust.DOUBTFUL)
    usage = Usage(3, 0, 2)
    made = accepted_result(verdict, Route.PACK, "p1", Trust.DOUBTFUL, (), 2, usage, 1, Decimal("0.1"))
    plain = ItemResult(
        "a",
        Outcome.ACCEPTED,
        "good",
        Route.PACK,
        attempts=2,
        usage=usage,
        trust=Trust.DOUBTFUL,
        call="p1",
        unmetered_attempts=1,
        cost_usd=Decimal("0.1"),
    )
    assert type(made) is ItemResult
    assert (made, hash(made)) == (plain, hash(plain))
    assert repr(made) == repr(plain)
    assert all(hasattr(made, each.name) for each in fields(ItemResult))
    with pytest.raises(FrozenInstanceError):
        made.value = "bad"  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize("cost_usd", [None, Decimal("0.0123")])
def test_shares_worked_out_when_read_are_those_worked_out_at_once(cost_usd: Decimal | None) -> None:
    sizes, usage = [7, 5, 7, 0], Usage(103, None, 11, 0)
    verdicts = [Verdict(Slot(Item(n, "text"), "h", None, size), "good") for n, size in enumerate(sizes)]

    def made() -> list[ItemResult[str]]:
        return accepted_results(verdicts, Route.PACK, "p1", usage, cost_usd, metered=True)

    shares = zip(verdicts, usage.shares(sizes), share_out_usd(cost_usd, sizes), strict=True)
    plain = [
        accepted_result(verdict, Route.PACK, "p1", Trust.CLEAN, (), 1, share, 0, usd)
        for verdict, share, usd in shares
    ]
    assert made() == plain
    assert [repr(each) for each in made()] == [repr(each) for each in plain]
    assert list(map(hash, made())) == list(map(hash, plain))
    assert pickle.loads(pickle.dumps(made())) == plain
    assert copy(made()[0]) == replace(made()[0]) == plain[0]
    assert [each.cost_usd for each in made()] == [each.cost_usd for each in plain]
    assert known_sum_usd(each.cost_usd for each in reversed(made())) == cost_usd
    with pytest.raises(FrozenInstanceError):
        made()[0].usage = usage  # type: ignore[misc]  # that is what is tested


def test_a_deadline_ends_what_takes_longer_and_nothing_else() -> None:
    async def timed() -> float:
        assert await within_s(5.0, asyncio.sleep(4.0, "done")) == "done"
        with pytest.raises(TimeoutError):
            await within_s(5.0, asyncio.sleep(6.0))
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        outer = asyncio.create_task(within_s(50.0, asyncio.sleep(100.0)))
        await asyncio.sleep(1.0)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):  # somebody else's wish stays what it is
            await outer
        return asyncio.get_running_loop().time()

    assert 10.0 <= run_fake(timed) < 10.1


def test_running_sums_are_those_of_frozen_ones() -> None:
    calls = [(Usage(5, None, 1), Decimal("0.1")), (Usage(), None), (Usage(1, 2, 3, 4, 5), Decimal("0.02"))]
    running, frozen = Sum(), RouteSum()
    for usage, cost_usd in calls:
        running.add(usage, cost_usd, calls=1)
        frozen = frozen.plus(RouteSum(1, usage, cost_usd))
    assert running.total == frozen


@pytest.mark.parametrize("label", [True, False])
def test_single_replies_are_foretold_from_all_answers_or_a_fair_part(label: bool) -> None:
    short, long = "good", "a much longer label than the other one"
    answers: list[object] = [short, long] * (MOST_COUNTED * 2)
    if not label:
        answers = [{"value": each, "n": number} for number, each in enumerate(answers)]
    planned = Baseline(len(answers), 1)
    told = settle(planned, answers, counter_for(), counted_input_tokens=0, metered_input_tokens=None)
    few = settle(
        Baseline(10, 1), answers[1000:1010], counter_for(), counted_input_tokens=0, metered_input_tokens=None
    )
    assert told.output_tokens is not None
    assert few.output_tokens is not None
    assert told.output_tokens / len(answers) == pytest.approx(few.output_tokens / 10, rel=0.2)

"""Runs through batch jobs: rounds, limits, faults of jobs and lines, ceilings, and jobs left for later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer import Batch, Guard, Limits, RunResult, Store, Task, pack_and_run
from packer.run.complete import complete
from packer.run.live.halt import Halt
from packer.run.live.loop import run_to_end
from packer.run.live.tally import OnProgress, Tally
from packer.run.options import Options
from packer.run.read_run import read_run
from packer.testing import ScriptedClient
from packer.testing.scripted_batches import ScriptedJob
from schemas.batch import JobLimits, JobLine, OnStop
from schemas.chat import Completion, Prompt
from schemas.errors import (
    AccessDenied,
    CallRefused,
    ClientError,
    RateLimited,
    RunChanged,
    Unreachable,
    UsageError,
)
from schemas.facts import ModelFacts, Price
from schemas.item import as_items
from schemas.record import ItemState, JobState
from schemas.result import Outcome
from schemas.route import Route

TASK = Task.classify("Parity of the last number.", ["odd", "even"])
NOW = Batch(poll_s=0)
PLAIN = Guard(audit=0)
PRICE = ModelFacts(price=Price(Decimal(1), Decimal(2), batch_share=Decimal("0.5")))


def parity(text: str) -> str:
    return "odd" if int(text.split()[-1]) % 2 else "even"


def texts(count: int) -> list[str]:
    return [f"text number {n}" for n in range(count)]


def right(count: int) -> list[str]:
    return [parity(each) for each in texts(count)]


def scripted(**spoiled: object) -> ScriptedClient:
    return ScriptedClient(parity, **spoiled)  # type: ignore[arg-type]  # only spoil is passed


def items_of_jobs(client: ScriptedClient) -> list[list[int]]:
    return [[prompt.items for _, prompt in job.calls] for job in client.provider_jobs.jobs]


def test_packs_become_the_lines_of_one_job() -> None:
    client = scripted()
    run = pack_and_run(texts(35), TASK, client=client, via="batch", guard=PLAIN)
    assert run.values == right(35)
    assert items_of_jobs(client) == [[10, 10, 10, 5]]
    assert run.ledger.calls == 4
    assert {result.route for result in run} == {Route.PACK}


def test_only_failed_items_go_into_a_second_round_and_alone() -> None:
    def spoil(prompt: Prompt, text: str) -> str:
        return text.replace('"odd"', '"green"') if prompt.items > 1 else text

    client = scripted(spoil=spoil)
    run = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(20)
    assert items_of_jobs(client) == [[10, 10], [1] * 10]
    assert Counter(result.route for result in run) == {Route.PACK: 10, Route.SINGLE: 10}


def test_a_pack_that_failed_as_a_whole_goes_into_the_second_round_alone() -> None:
    def spoil(prompt: Prompt, text: str) -> str:
        return "no JSON" if prompt.items > 1 else text

    client = scripted(spoil=spoil)
    run = pack_and_run(texts(8), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(8)
    assert items_of_jobs(client) == [[8], [1] * 8]


def test_an_item_that_fails_alone_too_fails_and_costs_nobody_else() -> None:
    def spoil(prompt: Prompt, text: str) -> str:
        return "?" if "number 3" in prompt.messages[-1].content else text

    run = pack_and_run(texts(6), TASK, client=scripted(spoil=spoil), via=NOW, guard=PLAIN)
    assert [result.outcome is Outcome.FAILED for result in run] == [n == 3 for n in range(6)]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        (JobLimits(3, 10**9), [3, 3, 3, 1]),
        (JobLimits(100, 3_000), None),
    ],
)
def test_jobs_keep_to_the_limits_on_lines_and_bytes(limits: JobLimits, sizes: list[int] | None) -> None:
    client = scripted()
    client.provider_jobs.limits = limits
    run = pack_and_run(texts(100), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(100)
    made = client.provider_jobs
    if sizes is not None:
        assert [len(job.calls) for job in made.jobs] == sizes
    for job in made.jobs:
        size = sum(len(made.line(custom_id, prompt)) for custom_id, prompt in job.calls)
        assert len(job.calls) <= limits.lines
        assert size <= limits.size_bytes
    assert len(made.jobs) > 1


def test_the_caller_may_lower_the_limits() -> None:
    client = scripted()
    pack_and_run(texts(40), TASK, client=client, via=Batch(poll_s=0, lines=2), guard=PLAIN)
    assert [len(job.calls) for job in client.provider_jobs.jobs] == [2, 2]


def test_a_line_that_no_job_can_hold_costs_only_its_own_items() -> None:
    client = scripted()
    client.provider_jobs.limits = JobLimits(10, 3_000)
    long = "x " * 2_000 + "7"
    run = pack_and_run(
        [*texts(5), long], TASK, client=client, via=NOW, guard=PLAIN, layout=None, strategy="single"
    )
    assert run.values[:5] == right(5)
    assert run.results[5].outcome is Outcome.FAILED
    assert "a job holds 3,000" in str(run.results[5].reason)


def test_no_more_jobs_are_under_way_than_the_caller_allows() -> None:
    client = scripted()
    client.provider_jobs.looks = 2
    most = 0

    def shown(tally: object) -> None:
        nonlocal most
        most = max(most, getattr(tally, "jobs", 0))

    pack_and_run(
        texts(60), TASK, client=client, via=Batch(poll_s=0, lines=1, jobs=2), guard=PLAIN, on_progress=shown
    )
    assert most == 2
    assert len(client.provider_jobs.jobs) == 6


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_becomes_of_lines_every_item_ends_once(data: st.DataObject) -> None:
    random = Random(data.draw(st.integers(0, 10**6)))

    def spoil(job: ScriptedJob, lines: list[JobLine]) -> Sequence[JobLine]:
        brought: list[JobLine] = []
        for line in lines:
            fate = random.choice(["kept", "kept", "kept", "missing", "twice", "expired", "down", "renamed"])
            if fate == "expired":
                gone = ClientError("batch_expired")
                brought.append(JobLine(line.custom_id, gone, ran=False))
            elif fate == "down":
                brought.append(JobLine(line.custom_id, Unreachable("500", status=500)))
            elif fate == "renamed":
                brought.append(JobLine(f"{line.custom_id}9999", line.reply))
            elif fate != "missing":
                brought += [line] * (2 if fate == "twice" else 1)
        random.shuffle(brought)
        return [*brought, JobLine("", ClientError("no custom id"))]

    client = scripted()
    client.provider_jobs.spoil = spoil
    run = pack_and_run(texts(30), TASK, client=client, via=Batch(poll_s=0, again=3), guard=PLAIN)
    assert [result.item_id for result in run] == list(range(30))
    assert all(result.outcome in (Outcome.ACCEPTED, Outcome.FAILED) for result in run)
    answered = [result for result in run if result.outcome is Outcome.ACCEPTED]
    assert all(result.value == parity(f"text number {result.item_id}") for result in answered)
    ids = [custom_id for job in client.provider_jobs.jobs for custom_id in job.custom_ids]
    assert len(set(ids)) == len(ids)


def test_lines_that_expired_are_handed_over_again_as_they_were_and_cost_nothing() -> None:
    def spoil(job: ScriptedJob, lines: list[JobLine]) -> Sequence[JobLine]:
        if job.id != "job-1":
            return lines
        return [lines[0], *(JobLine(each.custom_id, ClientError("expired"), ran=False) for each in lines[1:])]

    client = scripted()
    client.provider_jobs.spoil = spoil
    run = pack_and_run(texts(30), TASK, client=client, via=NOW, guard=PLAIN, facts=PRICE)
    assert run.values == right(30)
    assert items_of_jobs(client) == [[10, 10, 10], [10, 10]]
    assert run.ledger.calls == 5
    assert run.ledger.failed_calls == 2
    assert run.ledger.maybe_paid_calls == 0


def test_a_line_that_never_comes_is_listed_as_maybe_paid() -> None:
    def spoil(job: ScriptedJob, lines: list[JobLine]) -> Sequence[JobLine]:
        return lines[1:] if job.id == "job-1" else lines

    client = scripted()
    client.provider_jobs.spoil = spoil
    run = pack_and_run(texts(30), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(30)
    assert run.ledger.maybe_paid_calls == 1


def test_a_call_that_expires_again_and_again_goes_down_the_ladder() -> None:
    def spoil(job: ScriptedJob, lines: list[JobLine]) -> Sequence[JobLine]:
        sizes = dict(zip(job.custom_ids, [prompt.items for _, prompt in job.calls], strict=True))
        gone = ClientError("expired")
        return [
            JobLine(each.custom_id, gone, ran=False) if sizes[each.custom_id] > 1 else each for each in lines
        ]

    client = scripted()
    client.provider_jobs.spoil = spoil
    run = pack_and_run(texts(4), TASK, client=client, via=Batch(poll_s=0, again=1), guard=PLAIN)
    assert run.values == right(4)
    assert items_of_jobs(client) == [[4], [4], [1] * 4]


def test_money_is_the_batch_price() -> None:
    live = pack_and_run(texts(20), TASK, client=scripted(), guard=PLAIN, facts=PRICE)
    batch = pack_and_run(texts(20), TASK, client=scripted(), guard=PLAIN, facts=PRICE, via=NOW)
    assert live.ledger.cost_usd is not None
    assert batch.ledger.cost_usd == live.ledger.cost_usd / 2
    assert "batch: 0.5x" in batch.ledger.price_source
    assert sum((result.cost_usd or Decimal(0)) for result in batch) == batch.ledger.cost_usd
    verdict = batch.comparisons[0].verdict
    assert "the money of single calls in batch jobs" in verdict


def test_an_unknown_batch_price_is_unknown_and_no_ceiling_is_kept_with_it() -> None:
    unknown = ModelFacts(price=Price(Decimal(1), Decimal(2), batch_share=None))
    run = pack_and_run(texts(5), TASK, client=scripted(), facts=unknown, via=NOW)
    assert run.ledger.cost_usd is None
    with pytest.raises(UsageError, match="max_cost_usd"):
        pack_and_run(texts(5), TASK, client=scripted(), facts=unknown, via=NOW, limits=Limits(max_cost_usd=1))


def test_ceilings_hold_and_what_was_handed_over_is_collected() -> None:
    client = scripted()
    client.provider_jobs.looks = 1
    run = pack_and_run(texts(50), TASK, client=client, via=NOW, guard=PLAIN, limits=Limits(max_calls=3))
    assert run.stopped is not None
    assert "max_calls=3" in run.stopped
    assert run.ledger.calls == 3
    assert Counter(result.outcome for result in run) == {Outcome.ACCEPTED: 30, Outcome.PENDING: 20}


def test_money_is_never_above_its_ceiling() -> None:
    limits = Limits(max_cost_usd=Decimal("0.01"))
    run = pack_and_run(texts(400), TASK, client=scripted(), via=NOW, guard=PLAIN, facts=PRICE, limits=limits)
    assert run.stopped is not None
    assert run.ledger.cost_usd is not None
    assert 0 < run.ledger.cost_usd <= Decimal("0.01")
    assert run.pending


def test_a_submit_without_a_clear_end_is_looked_for_and_never_repeated() -> None:
    client = scripted()
    client.provider_jobs.faults["submit"] = [Unreachable("reset")]
    run = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(20)
    assert len(client.provider_jobs.jobs) == 1
    assert run.ledger.calls == 2


def test_a_submit_that_came_to_nothing_is_made_again() -> None:
    client = scripted()
    client.provider_jobs.faults["refuse"] = [Unreachable("reset before it was read")]
    run = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(20)
    assert len(client.provider_jobs.jobs) == 1


@pytest.mark.parametrize("place", ["upload", "find", "look", "results"])
def test_a_provider_that_is_down_for_a_while_loses_nothing(place: str) -> None:
    client = scripted()
    client.provider_jobs.faults[place] = [Unreachable("down"), RateLimited("slow", retry_after_s=0.0)]
    client.provider_jobs.faults["submit"] = [Unreachable("reset")] if place == "find" else []
    run = pack_and_run(texts(40), TASK, client=client, via=NOW, guard=PLAIN)
    assert run.values == right(40)
    assert len(client.provider_jobs.jobs) == 1
    assert run.ledger.calls == 4


def test_a_provider_that_stays_down_ends_the_run_and_the_store_goes_on(tmp_path: Path) -> None:
    client = scripted()
    client.provider_jobs.faults["look"] = [Unreachable("down")]
    store = tmp_path / "run.db"
    limits = Limits(outage_s=0)
    first = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN, store=store, limits=limits)
    assert first.stopped is not None
    assert len(first.pending) == 20
    second = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN, store=store, limits=limits)
    assert second.values == right(20)
    assert len(client.provider_jobs.jobs) == 1
    assert second.ledger.calls == 2
    assert second.ledger.maybe_paid_calls == 0


def test_a_wrong_key_is_raised_before_anything_is_handed_over() -> None:
    client = scripted()
    client.provider_jobs.faults["upload"] = [AccessDenied("no key")]
    with pytest.raises(AccessDenied):
        pack_and_run(texts(5), TASK, client=client, via=NOW)
    assert not client.provider_jobs.jobs


def test_a_job_that_the_provider_refuses_ends_the_run_and_says_why() -> None:
    client = scripted()
    made = client.provider_jobs

    def shown(tally: object) -> None:
        for job in made.jobs:
            job.refused = "invalid_model"

    with pytest.raises(CallRefused, match="invalid_model"):
        pack_and_run(texts(5), TASK, client=client, via=NOW, on_progress=shown)


def test_a_crowded_queue_is_asked_again_with_smaller_jobs() -> None:
    client = scripted()
    made = client.provider_jobs

    def shown(tally: object) -> None:
        for job in made.jobs:
            job.refused = "crowded" if len(job.calls) > 2 else ""

    run = pack_and_run(texts(60), TASK, client=client, via=NOW, guard=PLAIN, on_progress=shown)
    assert run.values == right(60)
    assert [len(job.calls) for job in made.jobs] == [6, 3, 3, 1, 1, 1, 1, 1, 1]
    assert run.ledger.calls == 6
    assert run.ledger.failed_calls == 0


def test_hand_over_and_leave_then_collect(tmp_path: Path) -> None:
    client = scripted()
    client.provider_jobs.looks = 3
    store = tmp_path / "run.db"
    left = pack_and_run(
        texts(30), TASK, client=client, via=Batch(poll_s=0, wait_s=0), guard=PLAIN, store=store
    )
    assert left.stopped is not None
    assert "1 batch job with 3 calls" in left.stopped
    assert len(left.pending) == 30
    assert left.ledger.calls == 0
    record = read_run(store)
    assert [(job.state, job.calls, job.id) for job in record.jobs] == [(JobState.UNDER_WAY, 3, "job-1")]
    assert record.states == {ItemState.IN_FLIGHT: 30}
    assert not record.maybe_paid
    whole = pack_and_run(texts(30), TASK, client=client, via=NOW, guard=PLAIN, store=store)
    assert whole.values == right(30)
    assert len(client.provider_jobs.jobs) == 1
    assert [job.state for job in read_run(store).jobs] == [JobState.COLLECTED]
    again = pack_and_run(texts(30), TASK, client=client, via=NOW, guard=PLAIN, store=store)
    assert again.values == right(30)
    assert len(client.provider_jobs.jobs) == 1


def test_without_a_store_jobs_are_cancelled_when_the_run_ends_early() -> None:
    client = scripted()
    client.provider_jobs.looks = 3
    run = pack_and_run(texts(30), TASK, client=client, via=Batch(poll_s=0, wait_s=0), guard=PLAIN)
    assert [job.cancelled for job in client.provider_jobs.jobs] == [True]
    assert len(run.pending) == 30
    assert run.ledger.maybe_paid_calls == 3


def test_an_interrupt_leaves_the_jobs_to_the_store_or_cancels_them_as_the_caller_says(tmp_path: Path) -> None:
    choices: tuple[tuple[OnStop, bool], ...] = (("leave", False), ("cancel", True))
    for on_stop, cancelled in choices:
        client = scripted()
        client.provider_jobs.looks = 10**6
        store = tmp_path / f"{on_stop}.db"
        halt = Halt()

        def shown(tally: Tally, halt: Halt = halt) -> None:
            if tally.jobs:
                halt.ask("enough")

        run = _with_halt(client, store, Batch(poll_s=0.01, on_stop=on_stop), halt, shown)
        assert run.stopped == "enough"
        assert [job.cancelled for job in client.provider_jobs.jobs] == [cancelled]
        client.provider_jobs.looks = 0
        for job in client.provider_jobs.jobs:
            job.looks = 0
        whole = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN, store=store)
        assert whole.values == right(20)
        assert len(client.provider_jobs.jobs) == 1 + cancelled


def _with_halt(
    client: ScriptedClient, store: Path, via: Batch, halt: Halt, shown: OnProgress
) -> RunResult[str]:
    options = Options(guard=PLAIN, via=via, store=Store(store))
    job = complete(as_items(texts(20)), TASK, None, client, options, halt=halt, on_progress=shown)
    return run_to_end(job, halt)


def test_a_job_cancelled_at_the_provider_ends_the_run_and_running_again_asks_what_is_left(
    tmp_path: Path,
) -> None:
    client = scripted()
    made = client.provider_jobs
    made.looks = 5
    store = tmp_path / "run.db"

    def shown(tally: object) -> None:
        if len(made.jobs) == 1:
            made.jobs[0].cancelled = True

    run = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN, store=store, on_progress=shown)
    assert run.stopped is not None
    assert "was cancelled at the provider" in run.stopped
    assert len(run.pending) == 20
    whole = pack_and_run(texts(20), TASK, client=client, via=NOW, guard=PLAIN, store=store)
    assert whole.values == right(20)
    assert len(made.jobs) == 2
    assert whole.ledger.maybe_paid_calls == 0


def test_a_batch_run_is_not_taken_up_with_live_calls(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    client = scripted()
    client.provider_jobs.looks = 3
    pack_and_run(texts(5), TASK, client=client, via=Batch(poll_s=0, wait_s=0), guard=PLAIN, store=store)
    with pytest.raises(RunChanged, match="via"):
        pack_and_run(texts(5), TASK, client=client, guard=PLAIN, store=store)


def test_options_without_a_meaning_are_refused() -> None:
    client = scripted()
    with pytest.raises(UsageError, match="session"):
        pack_and_run(texts(5), TASK, client=client, via="batch", strategy="session")
    with pytest.raises(UsageError, match="rpm"):
        pack_and_run(texts(5), TASK, client=client, via="batch", limits=Limits(rpm=5))
    with pytest.raises(UsageError, match="choose 'calls'"):
        pack_and_run(texts(5), TASK, client=client, via="mail")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="poll_s"):
        Batch(poll_s=-1)
    assert not client.prompts


def test_a_client_without_batch_jobs_is_refused_before_anything_is_asked() -> None:
    class Own:
        async def complete(self, prompt: Prompt) -> Completion:
            raise AssertionError("nothing is asked")

    with pytest.raises(UsageError, match="Own has no batch jobs"):
        pack_and_run(texts(5), TASK, client=Own(), via="batch")


def test_singles_and_auto_go_through_jobs_too() -> None:
    client = scripted()
    run = pack_and_run(texts(5), TASK, client=client, via=NOW, strategy="single")
    assert run.values == right(5)
    assert items_of_jobs(client) == [[1] * 5]
    run = pack_and_run(texts(12), TASK, client=scripted(), via=NOW, strategy="auto")
    assert run.values == right(12)


def test_audits_and_the_baseline_are_lines_too() -> None:
    client = scripted()
    run = pack_and_run(texts(200), TASK, client=client, via=NOW, baseline=5, guard=Guard(audit=0.05))
    assert run.values == right(200)
    assert run.audit is not None
    assert run.ledger.routes["audit"].calls > 0
    assert run.ledger.routes["baseline"].calls == 5
    assert sum(each.calls for each in run.ledger.routes.values()) == sum(
        len(job.calls) for job in client.provider_jobs.jobs
    )


def test_an_answer_that_is_audited_twice_takes_no_third_job() -> None:
    client = scripted()
    run = pack_and_run(texts(200), TASK, client=client, via=NOW, guard=Guard(audit=0.05, audit_twice=1.0))
    assert run.values == right(200)
    assert run.audit is not None
    asked = run.audit.asked
    assert asked == run.audit.twice > 0
    assert [len(job.calls) for job in client.provider_jobs.jobs] == [20, 2 * asked]

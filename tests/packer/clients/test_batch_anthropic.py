"""Anthropic's batch jobs through the real SDKs, against a loopback server: what is Anthropic's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anthropic
import pytest

from packer import Completion, FinishReason, UsageError
from packer.clients import AnthropicMessages, batch_wire
from packer.testing import JobFaults, WireFault
from schemas.batch import JobLook, JobStage, Sought
from schemas.errors import (
    AccessDenied,
    CallRefused,
    ClientError,
    PromptTooLong,
    RateLimited,
    SpendLimit,
    Unreachable,
)
from schemas.protocols import BatchClient
from schemas.usage import Usage
from tests.packer.clients.batch_cases import (
    ANTHROPIC_KINDS,
    NAME,
    file_of,
    handed_over,
    lines_of,
    now,
    results_of,
    saying,
    using,
)
from tests.packer.clients.wire_cases import CANARY, PROMPT, Kind, body

every_kind = pytest.mark.parametrize("kind", ANTHROPIC_KINDS, ids=str)
SYNC = ANTHROPIC_KINDS[0]


@every_kind
def test_lines_go_with_the_job_itself(kind: Kind, tmp_path: Path) -> None:
    async def started(client: Any, batches: BatchClient) -> None:
        path = file_of(batches, tmp_path, n=2)
        assert await batches.upload(NAME, path) == ""
        await batches.submit(NAME, path, "")

    with saying() as server:
        using(kind, server, started)
        (made,) = server.seen
    assert made.method == "POST"
    assert made.headers["content-type"] == "application/json"
    assert made.headers["anthropic-version"]
    requests = made.body["requests"]
    assert isinstance(requests, list)
    assert [each["custom_id"] for each in requests] == [f"{NAME}-0", f"{NAME}-1"]
    assert all(set(each) == {"custom_id", "params"} for each in requests)


@every_kind
def test_a_job_is_told_by_its_results_alone(kind: Kind, tmp_path: Path) -> None:
    """Two jobs of the same size: nothing but the custom ids of their results tells them apart."""

    async def sought(client: Any, batches: BatchClient) -> None:
        since = now()
        ours = await handed_over(batches, tmp_path)
        other = await handed_over(batches, tmp_path, name="other-1")
        longer = await handed_over(batches, tmp_path, n=4, name="longer-1")

        async def find(name: str = NAME, known: tuple[str, ...] = ()) -> Sought:
            return await batches.find(name, "", 3, since, known)

        # Each look at the list is one at the jobs, too: the fourth finds them ended.
        assert await find() == Sought(None, sure=False)
        assert await find(known=(ours,)) == Sought(None, sure=False)
        assert await find(known=(ours, other)) == Sought(None)
        assert await find() == Sought(ours)
        assert await find(known=(ours,)) == Sought(None)
        assert await find("other-1") == Sought(other)
        assert await find("other") == Sought(other)  # all that begins with a name and a dash is of that name
        assert await find("packsplit-run1-33") == Sought(None)
        assert await batches.find("longer-1", "", 4, since, ()) == Sought(longer)
        assert await batches.find("longer-1", "", 4, since, {longer}) == Sought(None)

    with saying(jobs=JobFaults(looks=4)) as server:
        using(kind, server, sought)


@every_kind
def test_a_job_is_told_by_the_first_line_that_can_be_read(kind: Kind, tmp_path: Path) -> None:
    async def sought(client: Any, batches: BatchClient) -> None:
        since = now()
        job = await handed_over(batches, tmp_path, n=9)
        assert await batches.find(NAME, "", 9, since, ()) == Sought(job)
        assert await batches.find("other", "", 9, since, ()) == Sought(None)

    with saying(jobs=JobFaults(looks=0, garbled=0.7, seed=1)) as server:
        using(kind, server, sought)


@every_kind
def test_a_job_is_found_on_any_page(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_wire, "PAGE", 3)

    async def sought(client: Any, batches: BatchClient) -> None:
        since = now()
        ours = await handed_over(batches, tmp_path, n=1)
        for number in range(7):
            await handed_over(batches, tmp_path, n=2, name=f"other-{number}")
        seen = len(server.seen)
        assert await batches.find(NAME, "", 1, since, ()) == Sought(ours)
        assert len(server.seen) - seen == 3 + 2  # three pages; a look at the job and its results

    with saying(jobs=JobFaults(looks=0)) as server:
        using(kind, server, sought)


def listed(name: str, at: datetime, n: int = 3, **more: object) -> dict[str, object]:
    counts = {"processing": n, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": name,
        "created_at": at.isoformat(),
        "processing_status": "in_progress",
        "request_counts": counts,
        **more,
    }


def test_only_jobs_made_since_then_can_be_it() -> None:
    at = now()
    for jobs, found in (
        ([listed("a", at - timedelta(hours=1))], Sought(None)),
        ([listed("a", at - timedelta(minutes=5))], Sought(None, sure=False)),
        ([listed("a", at - timedelta(minutes=5), n=4)], Sought(None)),
        ([listed("a", at, archived_at=at.isoformat())], Sought(None)),
        ([listed("a", at, created_at="odd", request_counts=None)], Sought(None, sure=False)),
    ):
        with saying() as server:
            told = {"data": jobs, "has_more": False}
            server.faults.append(WireFault(200, told, path="/messages/batches"))
            sought = using(SYNC, server, lambda client, batches: batches.find(NAME, "", 3, at, ()))
        assert sought == found


COUNTS = {"processing": 3, "succeeded": 4, "errored": 2, "canceled": 0, "expired": 1}


@pytest.mark.parametrize(
    ("told", "look"),
    [
        ({"processing_status": "in_progress"}, JobLook(JobStage.UNDER_WAY, None, "in_progress")),
        (
            {"processing_status": "in_progress", "request_counts": COUNTS},
            JobLook(JobStage.UNDER_WAY, 7, "in_progress"),
        ),
        (
            {"processing_status": "canceling", "cancel_initiated_at": "2026-10-01T00:00:00Z"},
            JobLook(JobStage.UNDER_WAY, None, "canceling", cancelled=True),
        ),
        (
            {"processing_status": "ended", "cancel_initiated_at": "2026-10-01T00:00:00Z"},
            JobLook(JobStage.ENDED, None, "ended", cancelled=True),
        ),
        ({"processing_status": "ended", "request_counts": COUNTS}, JobLook(JobStage.ENDED, 7, "ended")),
        ({}, JobLook(JobStage.UNDER_WAY, None, "None")),
    ],
)
def test_how_a_job_stands(told: dict[str, object], look: JobLook) -> None:
    with saying() as server:
        server.faults.append(WireFault(200, {"id": "job_1", **told}, path="/batches/job_1"))
        assert using(SYNC, server, lambda client, batches: batches.look("job_1")) == look


def errored(kind: str, message: str = "No.") -> dict[str, object]:
    error = {"type": "error", "error": {"type": kind, "message": message}}
    return {"custom_id": "a-1", "result": {"type": "errored", "error": error}}


def ended(kind: object) -> dict[str, object]:
    return {"custom_id": "a-1", "result": {"type": kind}}


@pytest.mark.parametrize(
    ("line", "kind", "again", "ran"),
    [
        (errored("rate_limit_error"), RateLimited, True, True),
        (errored("overloaded_error"), Unreachable, True, True),
        (errored("api_error", f"With {CANARY}."), Unreachable, True, True),
        (errored("a new word"), Unreachable, True, True),
        (errored("invalid_request_error", "prompt is too long: 9 tokens"), PromptTooLong, False, True),
        (errored("request_too_large"), PromptTooLong, False, True),
        (errored("invalid_request_error"), CallRefused, False, True),
        (errored("invalid_request_error", "Your credit balance is too low"), SpendLimit, False, True),
        (errored("authentication_error"), AccessDenied, False, True),
        (errored("not_found_error"), AccessDenied, False, True),
        (ended("canceled"), ClientError, True, False),
        (ended("expired"), ClientError, True, False),
        (ended("errored"), Unreachable, True, True),
        (ended("succeeded"), ClientError, True, True),
        (ended(None), ClientError, True, True),
        ({"custom_id": "a-1", "result": {"type": "succeeded", "message": []}}, ClientError, True, True),
        ({"custom_id": "a-1", "result": {"type": "succeeded", "message": {}}}, ClientError, True, True),
        ({"custom_id": "a-1", "result": "odd"}, ClientError, True, True),
    ],
)
def test_a_line_with_an_error_is_the_error_of_a_live_call(
    line: dict[str, object], kind: type[ClientError], again: bool, ran: bool
) -> None:
    with saying() as server:
        (told,) = results_of(SYNC, server, lines_of(line))
    assert told.custom_id == "a-1"
    assert type(told.reply) is kind
    assert isinstance(told.reply, ClientError)
    assert (told.reply.transient, told.ran) == (again, ran)
    assert CANARY not in f"{told.reply} {vars(told.reply)}"


@every_kind
def test_messages_are_read_as_live_ones_are(kind: Kind) -> None:
    bodies = [
        body(kind, why=FinishReason.LENGTH),
        body(kind, why=FinishReason.REFUSAL),
        body(kind, why="pause_turn"),
        body(kind, usage=None),
        body(kind, usage={"input_tokens": "odd", "output_tokens": -1}),
        body(kind, content=[]),
        body(kind, model=None),
    ]

    async def live(client: Any, batches: BatchClient) -> list[Completion]:
        return [await client.complete(PROMPT) for _ in bodies]

    with saying() as server:
        server.faults.extend(WireFault(200, each) for each in bodies)
        wanted = using(kind, server, live)
        lines = lines_of(
            *({"custom_id": "a-1", "result": {"type": "succeeded", "message": each}} for each in bodies)
        )
        assert [line.reply for line in results_of(kind, server, lines)] == wanted
    assert wanted[3].usage == wanted[4].usage == Usage()


def test_a_filtered_prompt_is_a_filtered_completion() -> None:
    line = errored("invalid_request_error", "Output blocked by content filtering policy")
    with saying() as server:
        (told,) = results_of(SYNC, server, lines_of(line))
    assert told.reply == Completion("", FinishReason.CONTENT_FILTER)


@every_kind
def test_a_job_is_refused_when_it_is_started(kind: Kind, tmp_path: Path) -> None:
    for code, error in (("rate_limit_exceeded", RateLimited), ("odd", CallRefused)):
        with saying(jobs=JobFaults(refuse=code)) as server, pytest.raises(error):
            using(kind, server, lambda client, batches: handed_over(batches, tmp_path))


def test_a_client_without_batch_jobs_says_so() -> None:
    with anthropic.AnthropicFoundry(base_url="http://127.0.0.1:1", api_key=CANARY) as sdk:
        client = AnthropicMessages("m", sdk=sdk)
        with pytest.raises(UsageError, match="AnthropicFoundry client has no batch jobs"):
            client.batches()


def test_the_plain_sdk_reads_what_the_server_keeps(tmp_path: Path) -> None:
    with saying() as server:
        job = using(SYNC, server, lambda client, batches: handed_over(batches, tmp_path))
        with anthropic.Anthropic(base_url=server.root_url, api_key="none") as sdk:
            assert [each.id for each in sdk.messages.batches.list()] == [job]
            assert [line.result.type for line in sdk.messages.batches.results(job)] == ["succeeded"] * 3

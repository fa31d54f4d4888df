"""OpenAI's batch jobs through the real SDKs, against a loopback server: what is OpenAI's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from packer import Completion, FinishReason
from packer.clients import batch_wire
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
    NAME,
    OPENAI_KINDS,
    brought,
    file_of,
    handed_over,
    lines_of,
    now,
    results_of,
    saying,
    using,
    waited_for,
)
from tests.packer.clients.wire_cases import CANARY, PROMPT, TEXT, Kind, body

every_kind = pytest.mark.parametrize("kind", OPENAI_KINDS, ids=str)
CHAT = OPENAI_KINDS[0]


@every_kind
def test_what_is_sent_with_a_job(kind: Kind, tmp_path: Path) -> None:
    with saying() as server:
        using(kind, server, lambda client, batches: handed_over(batches, tmp_path))
        file, job = server.seen
    assert file.body == {"purpose": "batch", "file": f"{NAME}.jsonl"}
    assert file.file == (tmp_path / f"{NAME}.lines").read_bytes()
    assert job.body == {
        "input_file_id": server.jobs[0].upload,
        "endpoint": "/v1/chat/completions" if kind.api == "chat" else "/v1/responses",
        "completion_window": "24h",
        "metadata": {"packsplit": NAME},
    }


@every_kind
def test_a_job_is_found_on_any_page_by_its_file_or_its_name(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_wire, "PAGE", 3)

    async def sought(client: Any, batches: BatchClient) -> None:
        since = now()
        path = file_of(batches, tmp_path)
        upload = await batches.upload(NAME, path)
        ours = await batches.submit(NAME, path, upload)
        for number in range(7):
            await batches.submit(f"other-{number}", path, await batches.upload("other", path))
        seen = len(server.seen)
        assert await batches.find(NAME, "file_x", 3, since, ()) == Sought(ours)
        assert len(server.seen) - seen == 3
        assert await batches.find("renamed", upload, 3, since, ()) == Sought(ours)
        assert await batches.find(NAME, upload, 3, since, {ours}) == Sought(None)
        assert await batches.find("nobody", "", 3, since, ()) == Sought(None)

    with saying() as server:
        using(kind, server, sought)


def page(*ages_s: float, more: bool = True) -> WireFault:
    at = now().timestamp()
    jobs = [
        {"id": f"batch_{n}", "created_at": int(at - age), "metadata": None} for n, age in enumerate(ages_s)
    ]
    return WireFault(200, {"object": "list", "data": jobs, "has_more": more}, path="/batches")


@pytest.mark.parametrize(
    ("pages", "looks"),
    [
        ([page(10, 9_000), page(8_000, 9_000)], 2),  # the second has nothing new, too
        ([page(9_000, 8_000), page(10)], 1),
        ([page(10, more=False), page(10)], 1),
        ([page(), page(10)], 1),
        ([WireFault(200, {"data": None, "has_more": True}, path="/batches")], 1),
    ],
)
def test_the_search_ends(pages: list[WireFault], looks: int) -> None:
    with saying() as server:
        server.faults.extend(pages)
        since = now() - timedelta(seconds=60)
        found = using(CHAT, server, lambda client, batches: batches.find(NAME, "f", 3, since, ()))
        assert found == Sought(None)
        assert len(server.seen) == looks


def test_a_clock_that_goes_wrong_by_minutes_loses_no_job() -> None:
    at = now()
    ours = {"id": "b", "created_at": int(at.timestamp()) - 300, "metadata": {"packsplit": NAME}}
    with saying() as server:
        server.faults.append(WireFault(200, {"data": [ours], "has_more": False}, path="/batches"))
        found = using(CHAT, server, lambda client, batches: batches.find(NAME, "f", 3, at, ()))
    assert found == Sought("b")


COUNTS = {"total": 9, "completed": 4, "failed": 2}
WAITING = JobStage.UNDER_WAY


@pytest.mark.parametrize(
    ("told", "look"),
    [
        ({"status": "validating"}, JobLook(WAITING, None, "validating")),
        ({"status": "in_progress", "request_counts": COUNTS}, JobLook(WAITING, 6, "in_progress")),
        ({"status": "finalizing", "request_counts": None}, JobLook(WAITING, None, "finalizing")),
        ({"status": "cancelling"}, JobLook(WAITING, None, "cancelling", cancelled=True)),
        ({"status": "new word"}, JobLook(WAITING, None, "new word")),
        ({}, JobLook(WAITING, None, "None")),
        ({"status": "completed", "request_counts": COUNTS}, JobLook(JobStage.ENDED, 6, "completed")),
        ({"status": "expired"}, JobLook(JobStage.ENDED, None, "expired")),
        ({"status": "cancelled"}, JobLook(JobStage.ENDED, None, "cancelled", cancelled=True)),
        (
            {"status": "completed", "cancelling_at": 5},
            JobLook(JobStage.ENDED, None, "completed", cancelled=True),
        ),
        ({"status": "failed", "errors": None}, JobLook(JobStage.REFUSED, None, "failed")),
        (
            {"status": "failed", "errors": {"data": [{"code": "bad_line", "message": f"Key\n{CANARY}"}]}},
            JobLook(JobStage.REFUSED, None, "failed: bad_line Key ***"),
        ),
        (
            {"status": "failed", "errors": {"data": [{"code": "token_limit_exceeded", "message": "Wait."}]}},
            JobLook(JobStage.REFUSED, None, "failed: token_limit_exceeded Wait.", crowded=True),
        ),
        (
            {"status": "failed", "errors": {"data": [{"message": "Enqueued token limit reached for x."}]}},
            JobLook(JobStage.REFUSED, None, "failed: Enqueued token limit reached for x.", crowded=True),
        ),
        (
            {"status": "failed", "errors": {"data": [{"code": "billing_hard_limit_reached"}, "odd"]}},
            JobLook(JobStage.REFUSED, None, "failed: billing_hard_limit_reached"),
        ),
    ],
)
def test_how_a_job_stands(told: dict[str, object], look: JobLook) -> None:
    with saying() as server:
        server.faults.append(WireFault(200, {"id": "job_1", **told}, path="/batches/job_1"))
        assert using(CHAT, server, lambda client, batches: batches.look("job_1")) == look


def refusing(status: object, code: str, message: str = "No.") -> dict[str, object]:
    told = {"error": {"code": code, "message": message}}
    return {"custom_id": "a-1", "response": {"status_code": status, "body": told}, "error": None}


def unrun(code: str | None) -> dict[str, object]:
    return {"custom_id": "a-1", "response": None, "error": {"code": code, "message": "No."}}


@pytest.mark.parametrize(
    ("line", "kind", "again", "ran"),
    [
        (refusing(429, "rate_limit_exceeded"), RateLimited, True, True),
        (refusing(429, "insufficient_quota"), SpendLimit, False, True),
        (refusing(500, "server_error"), Unreachable, True, True),
        (refusing(503, "x", f"With {CANARY}."), Unreachable, True, True),
        (refusing(400, "context_length_exceeded"), PromptTooLong, False, True),
        (refusing(400, "invalid_request"), CallRefused, False, True),
        (refusing(401, "invalid_api_key"), AccessDenied, False, True),
        (refusing(404, "model_not_found"), AccessDenied, False, True),
        (refusing("odd", "x"), ClientError, True, True),
        (unrun("batch_expired"), ClientError, True, False),
        (unrun("batch_cancelled"), ClientError, True, False),
        (unrun("request_failed"), Unreachable, True, True),
        (unrun(None), Unreachable, True, True),
        ({"custom_id": "a-1"}, ClientError, True, True),
        ({"custom_id": "a-1", "response": {"status_code": 200}}, ClientError, True, True),
        ({"custom_id": "a-1", "response": {"status_code": 200, "body": "text"}}, ClientError, True, True),
        ({"custom_id": "a-1", "response": {"status_code": 200, "body": {"x": 1}}}, ClientError, True, True),
        ({"custom_id": "a-1", "response": 7, "error": "odd"}, ClientError, True, True),
    ],
)
@pytest.mark.parametrize("api", OPENAI_KINDS[::2], ids=str)
def test_a_line_with_an_error_is_the_error_of_a_live_call(
    api: Kind, line: dict[str, object], kind: type[ClientError], again: bool, ran: bool
) -> None:
    with saying() as server:
        (told,) = results_of(api, server, lines_of(line))
    assert told.custom_id == "a-1"
    assert type(told.reply) is kind
    assert isinstance(told.reply, ClientError)
    assert (told.reply.transient, told.ran) == (again, ran)
    assert CANARY not in f"{told.reply} {vars(told.reply)}"


@pytest.mark.parametrize(
    "line",
    ["no JSON", "[]", "7", "{", '{"custom_id": null}', '{"custom_id": ""}', '{"id": "a-1"}', "[" * 100_000],
)
def test_a_line_that_names_no_call_is_told_as_such(line: str) -> None:
    with saying() as server:
        told, whole = results_of(CHAT, server, lines_of(line, {"custom_id": "a-1"}))
    assert told.custom_id == ""
    assert isinstance(told.reply, ClientError)
    assert whole.custom_id == "a-1"


@every_kind
def test_bodies_are_read_as_live_ones_are(kind: Kind) -> None:
    """Refused, cut off, filtered, without usage: the very same completions as on the live wire."""
    bodies = [
        body(kind, why=FinishReason.LENGTH),
        body(kind, why=FinishReason.REFUSAL),
        body(kind, why=FinishReason.CONTENT_FILTER),
        body(kind, why="tired"),
        body(kind, usage=None),
        body(kind, usage={}),
        body(kind, usage="odd"),
        body(kind, model=7),
        body(kind, **({"choices": []} if kind.api == "chat" else {"output": []})),
    ]

    async def live(client: Any, batches: BatchClient) -> list[Completion]:
        return [await client.complete(PROMPT) for _ in bodies]

    with saying() as server:
        server.faults.extend(WireFault(200, each) for each in bodies)
        wanted = using(kind, server, live)
        lines = lines_of(
            *({"custom_id": "a-1", "response": {"status_code": 200, "body": each}} for each in bodies)
        )
        assert [line.reply for line in results_of(kind, server, lines)] == wanted
    assert wanted[4].usage == Usage()
    assert wanted[3].text == TEXT


def test_a_response_that_failed_on_its_way_is_an_error() -> None:
    told = {"status": "failed", "error": {"message": f"Broke with {CANARY}."}, "output": []}
    line = {"custom_id": "a-1", "response": {"status_code": 200, "body": told}}
    with saying() as server:
        (found,) = results_of(OPENAI_KINDS[2], server, lines_of(line))
    assert isinstance(found.reply, ClientError)
    assert found.reply.transient
    assert "Broke with ***" in str(found.reply)


@every_kind
def test_a_filtered_prompt_is_a_filtered_completion(kind: Kind) -> None:
    with saying() as server:
        (line,) = results_of(kind, server, lines_of(refusing(400, "content_filter")))
    assert line.reply == Completion("", FinishReason.CONTENT_FILTER)


@pytest.mark.parametrize(
    ("status", "files", "names"),
    [
        ("completed", ("out", "err"), ["a-1", "a-2"]),
        ("expired", ("out", "err"), ["a-1", "a-2"]),
        ("cancelled", (None, "err"), ["a-2"]),
        ("completed", ("out", None), ["a-1"]),
        ("failed", (None, None), []),
        ("completed", ("gone", "err"), ["a-2"]),
    ],
)
def test_both_files_are_read_whatever_the_status(
    status: str, files: tuple[str | None, str | None], names: list[str]
) -> None:
    told = {"id": "job_1", "status": status, "output_file_id": files[0], "error_file_id": files[1]}
    with saying() as server:
        server.faults.append(WireFault(200, told, path="/batches/job_1"))
        for file, name in (("out", "a-1"), ("err", "a-2")):
            text = lines_of({"custom_id": name})
            server.faults.append(WireFault(200, text, path=f"/files/{file}/content"))
        found = using(CHAT, server, lambda client, batches: brought(batches, "job_1"))
    assert [line.custom_id for line in found] == names


def test_a_queue_that_is_full_refuses_a_job_and_takes_a_later_one(tmp_path: Path) -> None:
    async def twice(client: Any, batches: BatchClient) -> list[JobLook]:
        return [
            await waited_for(batches, await handed_over(batches, tmp_path, name=name)) for name in ("a", "b")
        ]

    with saying(jobs=JobFaults(refuse="token_limit_exceeded", refusals=1)) as server:
        first, second = using(CHAT, server, twice)
    assert (first.stage, first.crowded) == (JobStage.REFUSED, True)
    assert (second.stage, second.done) == (JobStage.ENDED, 3)


def test_a_job_of_another_clock_or_client_is_read_by_the_plain_sdk(tmp_path: Path) -> None:
    """What the loopback server keeps is what OpenAI's own SDK reads, without any of ours."""
    with saying() as server:
        job = using(CHAT, server, lambda client, batches: handed_over(batches, tmp_path))
        with openai.OpenAI(base_url=server.url, api_key="none") as sdk:
            made = sdk.batches.retrieve(job)
            assert made.metadata == {"packsplit": NAME}
            assert made.request_counts is not None
            assert made.request_counts.completed == 3
            assert made.output_file_id is not None
            assert len(sdk.files.content(made.output_file_id).text.splitlines()) == 3
            assert [each.id for each in sdk.batches.list()] == [job]

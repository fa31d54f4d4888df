"""What batch jobs of both providers have in common, over every kind of SDK client."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packer import Completion, UsageError
from packer.clients.batch_wire import json_line
from packer.testing import JobFaults, WireFault
from schemas.batch import JobLine, JobStage, Sought
from schemas.chat import Message, Prompt
from schemas.errors import AccessDenied, ClientError, Unreachable
from schemas.facts import ModelFacts
from schemas.protocols import BatchClient, HasBatches
from tests.packer.clients.batch_cases import (
    BATCH_KINDS,
    NAME,
    SAID,
    brought,
    ended_job,
    file_of,
    handed_over,
    lines_of,
    now,
    path_of,
    results_of,
    saying,
    shows_key,
    using,
    waited_for,
)
from tests.packer.clients.wire_cases import CANARY, KINDS, PROMPT, Kind

every_kind = pytest.mark.parametrize("kind", BATCH_KINDS, ids=str)


@every_kind
def test_a_job_asks_and_brings_what_live_calls_do(kind: Kind, tmp_path: Path) -> None:
    async def both(client: Any, batches: BatchClient) -> tuple[Completion, list[JobLine]]:
        live = await client.complete(replace(PROMPT, timeout_s=30.0))
        job = await handed_over(batches, tmp_path)
        return live, await brought(batches, job)

    with saying() as server:
        live, lines = using(kind, server, both)
    assert [line.custom_id for line in lines] == [f"{NAME}-{n}" for n in range(3)]
    assert [line.reply for line in lines] == [live] * 3
    assert live.usage == SAID.usage
    (job,) = server.jobs
    assert [ask.body for ask in job.asks] == [server.requests[0]] * 3
    assert job.asks[0].url == {"chat": "/v1/chat/completions", "responses": "/v1/responses"}.get(kind.api, "")
    assert [entry.prompt_tokens for entry in server.ledger.served] == [100] * 4


@every_kind
def test_what_the_protocol_promises(kind: Kind) -> None:
    with saying() as server:

        async def looked(client: Any, batches: BatchClient) -> None:
            assert isinstance(client, HasBatches)
            assert isinstance(batches, BatchClient)
            most = 256 if kind.is_anthropic else 200
            assert 0.9 * most < batches.limits.size_bytes / 1_000_000 < most
            assert batches.limits.lines == (100_000 if kind.is_anthropic else 50_000)

        using(kind, server, looked)


@every_kind
def test_the_way_of_a_job(kind: Kind, tmp_path: Path) -> None:
    async def walked(client: Any, batches: BatchClient) -> None:
        job = await handed_over(batches, tmp_path)
        first, second = await batches.look(job), await batches.look(job)
        assert (first.stage, second.stage) == (JobStage.UNDER_WAY, JobStage.ENDED)
        assert (first.done, second.done) == (0, 3)
        assert not first.cancelled
        await batches.cancel(job)  # of an ended one, nothing happens
        assert not (await batches.look(job)).cancelled

    with saying(jobs=JobFaults(looks=2)) as server:
        using(kind, server, walked)


@every_kind
def test_a_cancelled_job_brings_what_was_done(kind: Kind, tmp_path: Path) -> None:
    async def cut_off(client: Any, batches: BatchClient) -> list[JobLine]:
        job = await handed_over(batches, tmp_path, n=40)
        await batches.cancel(job)
        await batches.cancel(job)
        assert (await waited_for(batches, job)).cancelled
        return await brought(batches, job)

    with saying(jobs=JobFaults(looks=9)) as server:
        lines = using(kind, server, cut_off)
    done = [line for line in lines if line.ran]
    assert 5 < len(done) < 35
    assert all(line.reply == done[0].reply for line in done)
    assert all(isinstance(line.reply, ClientError) and line.reply.transient for line in lines if not line.ran)
    assert len({line.custom_id for line in lines}) == 40
    assert server.ledger.calls == len(done)


@every_kind
def test_an_unclear_start_is_found(kind: Kind, tmp_path: Path) -> None:
    async def sought(client: Any, batches: BatchClient) -> tuple[Sought, Sought, Sought]:
        path = file_of(batches, tmp_path)
        upload = await batches.upload(NAME, path)
        since = now()
        with pytest.raises(Unreachable):
            await batches.submit(NAME, path, upload)
        found = await batches.find(NAME, upload, 3, since, ())
        other = await batches.find("another", "file_x", 3, since, ())
        known = await batches.find(NAME, upload, 3, since, {found.job or ""})
        return found, other, known

    with saying(jobs=JobFaults(looks=0, lose_reply=1)) as server:
        found, *others = using(kind, server, sought)
    assert found == Sought(server.jobs[0].id)
    assert others == [Sought(None), Sought(None)]
    assert len(server.jobs) == 1


@every_kind
def test_lines_that_cannot_be_read_or_were_not_run(kind: Kind, tmp_path: Path) -> None:
    async def went(client: Any, batches: BatchClient) -> list[JobLine]:
        job = await handed_over(batches, tmp_path, n=60)
        await waited_for(batches, job)
        return await brought(batches, job)

    with saying(jobs=JobFaults(garbled=0.1, expire=0.1, error=0.1, repeat=0.1, missing=0.1)) as server:
        lines = using(kind, server, went)
    strange = [line for line in lines if not line.custom_id]
    assert strange
    assert all(isinstance(line.reply, ClientError) for line in strange)
    assert {line.ran for line in lines if isinstance(line.reply, Completion)} == {True}
    missed = [line for line in lines if not line.ran]
    failed = [line.reply for line in lines if isinstance(line.reply, Unreachable)]
    assert missed
    assert failed
    assert all(error.transient for error in failed)
    names = [line.custom_id for line in lines if line.custom_id]
    assert len(set(names)) < min(60, len(names))
    # Lines that nobody sees cost nothing in the ledger, and no line is entered twice.
    paid = {line.custom_id: line.reply for line in lines if isinstance(line.reply, Completion)}
    assert server.ledger.prompt_tokens == 100 * len(paid)
    assert server.ledger.calls == 60 - len(missed)


@every_kind
def test_results_that_break_off_are_an_error_after_what_came(kind: Kind) -> None:
    async def read(client: Any, batches: BatchClient) -> list[JobLine]:
        lines: list[JobLine] = []
        error: ClientError | None = None
        try:
            async for line in batches.results("job_1"):
                lines.append(line)
        except ClientError as raised:
            error = raised
        assert error is not None, "it was taken for a whole answer"
        assert error.transient
        return lines

    whole = lines_of({"custom_id": "a-1"}, {"custom_id": "a-2"})
    cut = {"content-length": str(len(whole) + 9), "connection": "close"}
    with saying() as server:
        content = WireFault(200, whole, cut, path=path_of(kind, "results"))
        server.faults.extend([ended_job(kind, server), content])
        lines = using(kind, server, read)
    # A thread reads several pieces at once and loses them with the error: they are read again anyway.
    assert [line.custom_id for line in lines] in ([], ["a-1", "a-2"])


DOINGS = [
    (kind, what)
    for kind in BATCH_KINDS
    for what in ("upload", "create", "find", "look", "results", "cancel")
    if not (kind.is_anthropic and what == "upload")  # which sends nothing
]


@pytest.mark.parametrize("status", [401, 500])
@pytest.mark.parametrize(("kind", "what"), DOINGS, ids=str)
def test_one_attempt_and_no_key_in_its_error(kind: Kind, what: str, status: int, tmp_path: Path) -> None:
    async def done(client: Any, batches: BatchClient) -> None:
        path = file_of(batches, tmp_path)
        match what:
            case "upload":
                await batches.upload(NAME, path)
            case "create":
                await batches.submit(NAME, path, "file_1")
            case "find":
                await batches.find(NAME, "file_1", 3, now(), ())
            case "look":
                await batches.look("job_1")
            case "results":
                await brought(batches, "job_1")
            case "cancel":
                await batches.cancel("job_1")

    body = {"type": "error", "error": {"message": f"Not with {CANARY}, and not now."}}
    path = path_of(kind, {"find": "create", "results": "look"}.get(what, what))
    with saying() as server:
        server.faults.append(WireFault(status, body, path=path))
        with pytest.raises(AccessDenied if status == 401 else Unreachable) as told:
            using(kind, server, done)
    assert "Not with ***, and not now" in str(told.value)
    assert not shows_key(told.value)
    assert len(server.seen) == 1


@every_kind
@pytest.mark.parametrize("what", ["look", "results", "cancel"])
def test_a_job_that_nobody_knows_stops_no_run(kind: Kind, what: str) -> None:
    async def done(client: Any, batches: BatchClient) -> None:
        match what:
            case "look":
                await batches.look("job_1")
            case "results":
                await brought(batches, "job_1")
            case "cancel":
                await batches.cancel("job_1")

    with saying() as server, pytest.raises(ClientError, match="no batch job job_1") as told:
        using(kind, server, done)
    assert (told.value.status, told.value.stops_run, told.value.transient) == (404, False, False)


@every_kind
def test_a_reply_that_names_nothing_is_no_job(kind: Kind, tmp_path: Path) -> None:
    async def started(client: Any, batches: BatchClient) -> str:
        return await batches.submit(NAME, file_of(batches, tmp_path), "file_1")

    for body in ({}, {"id": 7}, "no JSON", "[]"):
        with saying() as server:
            server.faults.append(WireFault(200, body, path=path_of(kind, "create")))
            with pytest.raises(ClientError) as told:
                using(kind, server, started)
            assert told.value.transient


@every_kind
def test_options_go_as_they_go_live_or_are_refused(kind: Kind, tmp_path: Path) -> None:
    async def both(client: Any, batches: BatchClient) -> None:
        await client.complete(PROMPT)
        await handed_over(batches, tmp_path, n=1)

    fine = {"extra_body": {"top_k": 5}, "service_tier": "auto", "timeout": 50.0, "extra_headers": None}
    with saying() as server:
        using(kind, server, both, options=fine)
        (job,) = server.jobs
        assert job.asks[0].body == server.requests[0]
        assert job.asks[0].body["top_k"] == 5
        for options, why in (
            ({"extra_headers": {"x-secret": CANARY}}, "extra_headers"),
            ({"extra_query": {"a": "b"}}, "extra_query"),
            ({"metadata": object()}, "cannot be written"),
        ):
            with pytest.raises(UsageError, match=why) as told:
                using(kind, server, both, options=options)
            assert CANARY not in str(told.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.provider == "azure"], ids=str)
def test_azure_says_that_it_has_none(kind: Kind, tmp_path: Path) -> None:
    async def nothing(client: Any, batches: BatchClient) -> None:
        raise AssertionError

    with saying() as server, pytest.raises(UsageError, match="Azure's batch jobs"):
        using(kind, server, nothing)


AWKWARD = "line\nends\r\x85\u2028\u2029 and \ud800 half"


@every_kind
def test_a_line_is_one_line_whatever_stands_in_it(kind: Kind) -> None:
    async def lines(client: Any, batches: BatchClient) -> list[bytes]:
        awkward = Prompt((Message("user", AWKWARD),), {}, 5, shared_messages=0)
        umlaut = Prompt((Message("user", AWKWARD.replace("\ud800", "ü")),), {}, 5, shared_messages=0)
        return [batches.line("a-1", prompt) for prompt in (awkward, umlaut)]

    with saying() as server:
        half, whole = using(kind, server, lines)
    for line, text in ((half, AWKWARD), (whole, AWKWARD.replace("\ud800", "ü"))):
        assert len(line.decode().splitlines()) == 1
        assert line.endswith(b"\n")
        told = json.loads(line)
        body = told["params"] if kind.is_anthropic else told["body"]
        (message,) = body["input" if kind.api == "responses" else "messages"]
        assert message["content"] == text
    assert "ü".encode() in whole


@every_kind
def test_raw_line_separators_inside_of_texts_end_no_line(kind: Kind) -> None:
    with saying() as server:
        lines = results_of(kind, server, '\n{"custom_id": "a\u2028\x85b"}\r\n\n{"custom_id": "a-2"}')
    assert [line.custom_id for line in lines] == ["a\u2028\x85b", "a-2"]
    assert all(isinstance(line.reply, ClientError) and line.reply.transient for line in lines)


@pytest.mark.parametrize("kind", [BATCH_KINDS[0], BATCH_KINDS[-1]], ids=str)
def test_a_large_answer_is_not_held_as_a_whole(kind: Kind) -> None:
    """A loopback server holds its own copy, encoded; what is read on top of it is a small part of it."""
    text = lines_of({"custom_id": "a-1", "filling": "x" * 100_000}) * 120

    async def read(client: Any, batches: BatchClient) -> int:
        tracemalloc.start()
        try:
            count = len([1 async for _ in batches.results("job_1")])
            assert tracemalloc.get_traced_memory()[1] < 1.5 * len(text)
            return count
        finally:
            tracemalloc.stop()

    with saying() as server:
        content = WireFault(200, text, path=path_of(kind, "results"))
        server.faults.extend([ended_job(kind, server), content])
        assert using(kind, server, read) == 120


def test_json_lines_hold_no_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_line({"temperature": float("nan")})


def test_facts_of_a_model_reach_the_lines(tmp_path: Path) -> None:
    """The cap of a model that does not reason is the prompt's own, in a job as live."""
    kind = BATCH_KINDS[0]
    with saying() as server:

        async def started(client: Any, batches: BatchClient) -> None:
            await handed_over(batches, tmp_path, n=1)

        using(kind, server, started, facts=ModelFacts(structured=True, reasons=False))
        assert server.jobs[0].asks[0].body["max_completion_tokens"] == 100

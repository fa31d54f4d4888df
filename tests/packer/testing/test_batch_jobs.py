"""The fault server's batch jobs: what the vendors' own SDKs read of them, and what the ledger says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anthropic
import httpx
import openai
import pytest

from packer import UsageError
from packer.testing import FaultKind, FaultServer, Inject, JobFaults
from tests.strategies import LABELS

TEXTS = [f"Remark number {n}." for n in range(40)]
TRUTH = {text: LABELS[n % 3] for n, text in enumerate(TEXTS)}
ANSWER = {"type": "string", "enum": list(LABELS)}
SCHEMA = {
    "type": "object",
    "properties": {"answer": ANSWER},
    "required": ["answer"],
    "additionalProperties": False,
}
AT_ONCE = JobFaults(looks=0)


def serving(jobs: JobFaults = AT_ONCE, inject: Sequence[Inject] = ()) -> FaultServer:
    return FaultServer(TRUTH, inject=inject, jobs=jobs)


def chat_body(text: str) -> dict[str, object]:
    form = {"type": "json_schema", "json_schema": {"name": "answers", "strict": True, "schema": SCHEMA}}
    return {"model": "m", "messages": [{"role": "user", "content": text}], "response_format": form}


def chat_lines(texts: Sequence[str], **more: object) -> list[dict[str, object]]:
    line = {"method": "POST", "url": "/v1/chat/completions"}
    return [{"custom_id": f"job-{n}", **line, "body": chat_body(t), **more} for n, t in enumerate(texts)]


def through(sdk: openai.OpenAI, lines: Sequence[Mapping[str, object] | str], **more: Any) -> Any:
    """Start a job of OpenAI's."""
    text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    file = sdk.files.create(file=("job.jsonl", text.encode()), purpose="batch")
    asked: dict[str, Any] = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **more}
    return sdk.batches.create(input_file_id=file.id, **asked)


def read(sdk: openai.OpenAI, job: str) -> dict[str, list[Any]]:
    """All lines of a job, by their custom ids."""
    made = sdk.batches.retrieve(job)
    lines: dict[str, list[Any]] = {}
    for file in (made.output_file_id, made.error_file_id):
        for line in sdk.files.content(file).text.splitlines() if file else ():
            table = json.loads(line)
            lines.setdefault(table["custom_id"], []).append(table)
    return lines


def said_in(line: dict[str, Any]) -> str:
    """What the model said in one of OpenAI's lines."""
    return str(line["response"]["body"]["choices"][0]["message"]["content"])


def sdk_of(server: FaultServer) -> openai.OpenAI:
    # Reading the machine's certificates takes longer than a whole test, and loopback needs none.
    plain = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, http_client=plain)


def claude_of(server: FaultServer) -> anthropic.Anthropic:
    plain = anthropic.DefaultHttpxClient(verify=False)
    return anthropic.Anthropic(base_url=server.root_url, api_key="none", max_retries=0, http_client=plain)


def claude_requests(texts: Sequence[str]) -> list[Any]:
    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return [
        {
            "custom_id": f"job-{n}",
            "params": {
                "model": "m",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": t}],
                "output_config": form,
            },
        }
        for n, t in enumerate(texts)
    ]


def test_lines_are_answered_by_the_script_and_entered_once_when_the_job_ends() -> None:
    with serving(JobFaults(looks=3)) as server, sdk_of(server) as sdk:
        job = through(sdk, chat_lines(TEXTS), metadata={"a": "b"})
        states = [job.status, *(sdk.batches.retrieve(job.id).status for _ in range(2))]
        assert states == ["validating", "in_progress", "in_progress"]
        assert server.jobs[0].state == "under way"
        assert server.ledger.calls == 0
        assert sdk.batches.retrieve(job.id).status == "completed"
        assert sdk.batches.retrieve(job.id).status == "completed"
        lines = read(sdk, job.id)
    said = {
        name: json.loads(line["response"]["body"]["choices"][0]["message"]["content"])
        for name, (line,) in lines.items()
    }
    assert said == {f"job-{n}": {"answer": TRUTH[text]} for n, text in enumerate(TEXTS)}
    assert list(lines) != [f"job-{n}" for n in range(40)]  # another order
    assert server.ledger.calls == 40
    used = [line["response"]["body"]["usage"]["prompt_tokens"] for (line,) in lines.values()]
    assert server.ledger.prompt_tokens == sum(used) > 0
    (seen,) = server.jobs
    assert (seen.id, seen.state, seen.metadata) == (job.id, "ended", {"a": "b"})
    assert seen.custom_ids == tuple(f"job-{n}" for n in range(40))


def test_one_client_after_another_finds_the_same_jobs() -> None:
    with serving(JobFaults(looks=1)) as server:
        with sdk_of(server) as sdk:
            job = through(sdk, chat_lines(TEXTS[:2])).id
        with sdk_of(server) as sdk:
            assert sdk.batches.retrieve(job).status == "completed"
            assert len(read(sdk, job)) == 2


@pytest.mark.parametrize("kind", [FaultKind.FENCE, FaultKind.TRUNCATE, FaultKind.UNKNOWN_LABEL])
def test_faults_of_the_content_strike_lines_as_they_strike_calls(kind: FaultKind) -> None:
    inject = [Inject(kind, rate=0.5)]
    with serving(inject=inject) as server, sdk_of(server) as sdk:
        live = [sdk.chat.completions.create(**chat_body(t)).choices[0].message.content for t in TEXTS]  # type: ignore[call-overload]
        struck = server.ledger.affected
    with serving(inject=inject) as server, sdk_of(server) as sdk:
        lines = read(sdk, through(sdk, chat_lines(TEXTS)).id)
        assert server.ledger.affected == struck
    told = [said_in(lines[f"job-{n}"][0]) for n in range(40)]
    assert told == live
    assert len(set(map(len, live))) > 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.RATE_LIMIT, 429),
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.OVERLOADED, 529),
        (FaultKind.RESET, None),
        (FaultKind.HANG, None),
    ],
)
def test_faults_of_the_connection_become_errors_of_lines(kind: FaultKind, status: int | None) -> None:
    with serving(inject=[Inject(kind, rate=0.5)]) as server, sdk_of(server) as sdk:
        job = through(sdk, chat_lines(TEXTS))
        lines = [line for (line,) in read(sdk, job.id).values()]
        failed = [each for each in lines if (each["response"] or {}).get("status_code") != 200]
        assert 5 < len(failed) < 35
        assert {each["response"] and each["response"]["status_code"] for each in failed} == {status}
        assert {bool(each["error"]) for each in failed} == {status is None}
        assert job.request_counts.failed == len(failed)
        assert server.ledger.faults[kind] == len(failed)
    with serving(inject=[Inject(kind, rate=1.0)]) as server, claude_of(server) as claude:
        made = claude.messages.batches.create(requests=claude_requests(TEXTS[:3]))
        kinds = {line.result.error.error.type for line in claude.messages.batches.results(made.id)}  # type: ignore[union-attr]
        wanted = {429: "rate_limit_error", 529: "overloaded_error"}.get(status or 0, "api_error")
        assert kinds == {wanted}
        assert made.request_counts.errored == 3


def test_what_the_script_does_not_hold_is_refused_line_by_line() -> None:
    with serving() as server, sdk_of(server) as sdk:
        (good,), (bad,) = read(sdk, through(sdk, chat_lines([TEXTS[0], "Never heard of."])).id).values()
        assert sorted([good["response"]["status_code"], bad["response"]["status_code"]]) == [200, 400]
        assert len(server.unscripted) == 1


RATES = JobFaults(looks=0, repeat=0.2, unknown=0.2, missing=0.2, expire=0.2, error=0.2)


def test_faults_of_jobs_are_the_same_for_the_same_seed_only() -> None:
    def brought(faults: JobFaults) -> list[str]:
        with serving(faults) as server, sdk_of(server) as sdk:
            job = through(sdk, chat_lines(TEXTS))
            assert job.status == ("expired" if faults.expire else "completed")
            return [f"{name} {len(lines)}" for name, lines in read(sdk, job.id).items()]

    first = brought(RATES)
    assert first == brought(RATES)
    assert first != brought(replace(RATES, seed=1))
    counts = [int(each.rpartition(" ")[2]) for each in first]
    assert 2 in counts
    assert 20 < len([each for each in first if each.startswith("job-")]) < 40
    assert any(not each.startswith("job-") for each in first)


@pytest.mark.parametrize("rate", ["repeat", "unknown", "missing", "expire", "error", "garbled"])
def test_a_perfect_rate_strikes_every_line(rate: str) -> None:
    with serving(JobFaults(looks=0, **{rate: 1.0})) as server:  # type: ignore[arg-type]
        with sdk_of(server) as sdk:
            made = through(sdk, chat_lines(TEXTS[:4]))
            files = [made.output_file_id, made.error_file_id]
            texts = [sdk.files.content(file).text.splitlines() if file else [] for file in files]
        with claude_of(server) as claude:
            job = claude.messages.batches.create(requests=claude_requests(TEXTS[:4]))
            url = job.results_url
            assert url is not None
            told = httpx.get(url, trust_env=False).text.splitlines()
            counts = job.request_counts
            assert counts.succeeded + counts.errored + counts.expired == 4
    numbers = {"repeat": (8, 0), "unknown": (8, 0), "missing": (0, 0), "garbled": (4, 0)}
    assert tuple(map(len, texts)) == numbers.get(rate, (0, 4))
    assert len(told) == sum(numbers.get(rate, (0, 4)))
    if rate == "garbled":
        with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
            json.loads(told[0])
    billed = {"repeat": 8, "unknown": 8}.get(rate, 0)
    assert len([each for each in server.ledger.served if each.prompt_tokens]) == billed


LINES = chat_lines(TEXTS[:2])


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([LINES[0], LINES[0]], "duplicate_custom_id"),
        ([LINES[0], {**LINES[1], "url": "/v1/responses"}], "invalid_url"),
        ([LINES[0], {**LINES[1], "body": {**chat_body("x"), "model": "other"}}], "mismatched_model"),
        ([LINES[0], "no JSON"], "invalid_json_line"),
        ([LINES[0], {**LINES[1], "method": "GET"}], "invalid_json_line"),
        ([], "invalid_request"),
    ],
)
def test_a_file_that_is_no_job_is_refused(lines: list[Any], code: str) -> None:
    with serving() as server, sdk_of(server) as sdk:
        made = through(sdk, lines)
        assert made.status == "failed"
        assert [each.code for each in made.errors.data][:1] == [code]
        assert (made.output_file_id, made.error_file_id) == (None, None)
        assert server.jobs[0].state == "refused"
        assert server.ledger.calls == 0


def test_requests_that_are_no_job_are_refused() -> None:
    good, other = claude_requests(TEXTS[:2])
    with serving() as server, claude_of(server) as claude:
        for requests in ([], [good, good], [{**good, "custom_id": "a b"}], [{"custom_id": "a"}, other]):
            with pytest.raises(anthropic.BadRequestError):
                claude.messages.batches.create(requests=requests)
        assert server.jobs == ()


def test_what_nobody_has_made_is_not_found() -> None:
    with serving() as server, sdk_of(server) as sdk, claude_of(server) as claude:
        made = through(sdk, LINES)
        for call in (sdk.batches.retrieve, sdk.batches.cancel, sdk.files.retrieve, sdk.files.content):
            with pytest.raises(openai.NotFoundError):
                call("batch_99")  # type: ignore[operator]
        for look in (claude.messages.batches.retrieve, claude.messages.batches.cancel):
            with pytest.raises(anthropic.NotFoundError):
                look(made.id)  # another provider's
        with pytest.raises(openai.BadRequestError):
            sdk.batches.create(input_file_id="file-99", endpoint="/v1/responses", completion_window="24h")
        with pytest.raises(openai.BadRequestError):
            sdk.files.create(file=("a.jsonl", b"{}"), purpose="assistants")
        with pytest.raises(openai.BadRequestError):
            sdk.batches.cancel(made.id)  # it has ended
        assert sdk.files.retrieve(made.input_file_id).filename == "job.jsonl"
        assert sdk.files.content(made.input_file_id).text == "\n".join(map(json.dumps, LINES))


def test_lists_are_paged_newest_first() -> None:
    with serving() as server, sdk_of(server) as sdk, claude_of(server) as claude:
        mine = [through(sdk, LINES).id for _ in range(5)][::-1]
        theirs = [claude.messages.batches.create(requests=claude_requests(TEXTS[:1])).id for _ in range(5)][
            ::-1
        ]
        assert [each.id for each in sdk.batches.list(limit=2)] == mine
        assert [each.id for each in sdk.batches.list(limit=2).data] == mine[:2]
        assert [each.id for each in claude.messages.batches.list(limit=2)] == theirs
        before = claude.messages.batches.list(limit=2, before_id=theirs[4])
        assert ([each.id for each in before.data], before.has_more) == (theirs[2:4], True)
        assert claude.messages.batches.list(limit=5).has_more is False


def test_a_lost_reply_is_that_of_a_job_that_was_made() -> None:
    with serving(JobFaults(lose_reply=2)) as server, sdk_of(server) as sdk, claude_of(server) as claude:
        with pytest.raises(openai.APIConnectionError):
            through(sdk, LINES)
        with pytest.raises(anthropic.APIConnectionError):
            claude.messages.batches.create(requests=claude_requests(TEXTS[:1]))
        assert len(server.jobs) == 2
        assert through(sdk, LINES).id == server.jobs[2].id


@pytest.mark.parametrize("wrong", [{"repeat": 1.5}, {"missing": -0.1}, {"looks": -1}, {"refusals": -1}])
def test_faults_that_cannot_be_are_said_so(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        JobFaults(**wrong)


def test_a_form_may_come_in_parts() -> None:
    """Some SDKs do not tell a form's length beforehand."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\none\r\ntwo\r\n\r\n--x--\r\n"
    )
    with serving() as server:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        parts = (form[at : at + 7] for at in range(0, len(form), 7))
        made = httpx.post(f"{server.url}/files", content=parts, headers=kind, trust_env=False).json()
        assert made["filename"] == "a.jsonl"
        assert server.seen[0].file == b"one\r\ntwo\r\n"
        assert server.seen[0].body == {"purpose": "batch", "file": "a.jsonl"}

"""Batch jobs on both wires: how a file, a job, a list of jobs and the lines of results are worded.

Does not know: what becomes of a job, or who asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from packer.testing import wire_anthropic, wire_chat
from packer.testing.batch_jobs import Job, LineEnd

DAY = timedelta(hours=24)
_UNDER_WAY = {0: "validating"}


def file_body(name: str, filename: str, size_bytes: int) -> dict[str, object]:
    """A file as OpenAI tells of it."""
    return {
        "id": name,
        "object": "file",
        "bytes": size_bytes,
        "created_at": 0,
        "filename": filename,
        "purpose": "batch",
        "status": "processed",
    }


def openai_status(job: Job) -> str:
    """How a job stands, in OpenAI's word."""
    if job.state == "refused":
        return "failed"
    if job.state == "cancelling":
        return "cancelling"
    if job.state == "ended":
        return "cancelled" if job.cancelled else "expired" if job.ending("expired") else "completed"
    return _UNDER_WAY.get(job.looks, "in_progress")


def openai_job(job: Job) -> dict[str, object]:
    """A job as OpenAI tells of it."""
    wrong = [{"code": code, "message": message, "line": None, "param": None} for code, message in job.refused]
    done = [each for each in job.ends if each.end in ("answered", "garbled")]
    failed = [each for each in done if _failed(each)]
    has = job.state == "ended"
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.endpoint,
        "errors": {"object": "list", "data": wrong} if job.state == "refused" else None,
        "input_file_id": job.seen.upload,
        "completion_window": "24h",
        "status": openai_status(job),
        "output_file_id": f"{job.id}-output" if has and len(done) > len(failed) else None,
        "error_file_id": f"{job.id}-error" if has and len(done) - len(failed) < len(job.ends) else None,
        "created_at": int(job.seen.created.timestamp()),
        "cancelling_at": _seconds(job.cancelled),
        "expires_at": int((job.seen.created + DAY).timestamp()),
        "request_counts": {
            "total": len(job.seen.asks),
            "completed": len(done) - len(failed),
            "failed": len(failed),
        },
        "metadata": dict(job.seen.metadata),
    }


def openai_lines(job: Job, *, errors: bool) -> str:
    """The output file of a job, or its file of errors."""
    told = [each for each in job.ends if errors == (each.end in ("expired", "cancelled") or _failed(each))]
    return "".join(f"{_openai_line(each)}\n" for each in told)


def anthropic_job(job: Job, root_url: str) -> dict[str, object]:
    """A job as Anthropic tells of it."""
    answered = [each for each in job.ends if each.end in ("answered", "garbled")]
    errored = sum(_failed(each) for each in answered)
    ends = {
        "succeeded": len(answered) - errored,
        "errored": errored,
        "canceled": job.ending("cancelled"),
        "expired": job.ending("expired"),
    }
    has = job.state == "ended"
    if has:
        # The sum is the number of requests, whatever their results look like.
        ends["succeeded"] += len(job.seen.asks) - sum(ends.values())
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": "ended" if has else "canceling" if job.cancelled else "in_progress",
        "request_counts": {"processing": 0 if has else len(job.seen.asks), **ends},
        "created_at": job.seen.created.isoformat(),
        "expires_at": (job.seen.created + DAY).isoformat(),
        "ended_at": job.ended.isoformat() if job.ended else None,
        "archived_at": None,
        "cancel_initiated_at": job.cancelled.isoformat() if job.cancelled else None,
        "results_url": f"{root_url}/v1/messages/batches/{job.id}/results" if has else None,
    }


def anthropic_lines(job: Job) -> str:
    """The results of a job."""
    return "".join(f"{_anthropic_line(each)}\n" for each in job.ends)


def page_body(bodies: list[dict[str, object]], *, more: bool) -> dict[str, object]:
    """A page of a list; both vendors use the same words."""
    return {
        "object": "list",
        "data": bodies,
        "has_more": more,
        "first_id": bodies[0]["id"] if bodies else None,
        "last_id": bodies[-1]["id"] if bodies else None,
    }


def _failed(each: LineEnd) -> bool:
    return each.sent is not None and each.sent.status != 200


def _openai_line(each: LineEnd) -> str:
    response: dict[str, object] | None = None
    error: dict[str, object] | None = None
    if each.end in ("expired", "cancelled"):
        error = {"code": f"batch_{each.end}", "message": "This request was not executed."}
    elif each.sent is None or each.sent.status < 100:
        error = {"code": "request_failed", "message": "The request could not be completed."}
    else:
        body = each.sent.body or wire_chat.error_body("The server had an error.", "server_error")
        response = {"status_code": each.sent.status, "request_id": "req_loopback", "body": body}
    line = {"id": "batch_req_loopback", "custom_id": each.custom_id, "response": response, "error": error}
    return _worded(each, line)


def _anthropic_line(each: LineEnd) -> str:
    result: dict[str, object]
    if each.end in ("expired", "cancelled"):
        result = {"type": "canceled" if each.end == "cancelled" else "expired"}
    elif each.sent is not None and each.sent.status == 200:
        result = {"type": "succeeded", "message": each.sent.body}
    else:
        body = each.sent.body if each.sent is not None else {}
        told = (
            body if isinstance(body, Mapping) and body else wire_anthropic.error_body(500, "Internal error.")
        )
        result = {"type": "errored", "error": told}
    return _worded(each, {"custom_id": each.custom_id, "result": result})


def _worded(each: LineEnd, line: Mapping[str, object]) -> str:
    text = json.dumps(line)
    return text[: len(text) // 2] if each.end == "garbled" else text


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())

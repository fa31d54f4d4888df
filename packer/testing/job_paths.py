"""The paths of both wires' batch jobs: what a request about files or jobs gets.

Does not know: how jobs come to their ends, or how a line is answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, unquote

from packer.testing import wire_anthropic, wire_chat
from packer.testing.batch_jobs import Job, Jobs
from packer.testing.job_faults import JobAsk, Provider
from packer.testing.loopback import RESET, WireFault
from packer.testing.wire_jobs import (
    anthropic_job,
    anthropic_lines,
    file_body,
    openai_job,
    openai_lines,
    page_body,
)
from packer.testing.wires import SeenRequest

MOST_LINES = {"openai": 50_000, "anthropic": 100_000}
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PLACE = re.compile(
    r"(?:^|/)(?P<what>files|messages/batches|batches)(?:/(?P<id>[^/]+))?(?:/(?P<how>content|cancel|results))?$"
)
_LIMIT = 20
_MOST = 100


def answer_about_jobs(jobs: Jobs, seen: SeenRequest) -> WireFault | None:
    """What a request about files or jobs gets; None for any other request."""
    place = _PLACE.search(seen.place)
    if place is None:
        return None
    what, name, how = place["what"], unquote(place["id"] or ""), place["how"] or ""
    do = _DOING.get((seen.method, what, bool(name), how))
    return do(jobs, seen, name) if do is not None else None


def _no(provider: Provider, status: int, message: str, code: str = "invalid_request") -> WireFault:
    if provider == "anthropic":
        return WireFault(status, wire_anthropic.error_body(status, message))
    return WireFault(status, wire_chat.error_body(message, code))


def _brought(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
    if seen.body.get("purpose") != "batch" or not isinstance(seen.body.get("file"), str):
        return _no("openai", 400, "A file needs a name and the purpose 'batch'.")
    kept = jobs.keep(str(seen.body["file"]), seen.file)
    return WireFault(200, file_body(kept, str(seen.body["file"]), len(seen.file)))


def _file(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
    found = jobs.file(name)
    if found is None:
        return _no("openai", 404, f"No such File object: {name}", "not_found")
    return WireFault(200, file_body(name, found[0], len(found[1])))


def _content(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
    job_name, _, kind = name.rpartition("-")
    raw = {"content-type": "application/octet-stream"}
    if (job := jobs.job(job_name)) is not None and kind in ("output", "error"):
        return WireFault(200, openai_lines(job, errors=kind == "error"), raw)
    if (found := jobs.file(name)) is not None:
        text = found[1] if isinstance(found[1], str) else found[1].decode()
        return WireFault(200, text, raw)
    return _no("openai", 404, f"No such File object: {name}", "not_found")


def _openai_made(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
    upload, endpoint = str(seen.body.get("input_file_id")), str(seen.body.get("endpoint"))
    if (found := jobs.file(upload)) is None:
        return _no("openai", 400, f"No such File object: {upload}", "invalid_input_file")
    if seen.body.get("completion_window") != "24h":
        return _no("openai", 400, "completion_window must be '24h'.")
    told = seen.body.get("metadata")
    asks, against = _lines_of(found[1], endpoint)
    if code := jobs.refusal():
        against = [(code, f"Enqueued or other limit reached: {code}.")]
    job = jobs.make(
        "openai",
        asks,
        upload=upload,
        metadata=told if isinstance(told, Mapping) else {},
        endpoint=endpoint,
        against=against,
    )
    return WireFault(RESET) if jobs.loses_reply() else WireFault(200, openai_job(job))


def _lines_of(content: bytes | str, endpoint: str) -> tuple[list[JobAsk], list[tuple[str, str]]]:
    """A file's lines, and what is wrong with them."""
    asks: list[JobAsk] = []
    against: list[tuple[str, str]] = []
    text = content if isinstance(content, bytes) else content.encode()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            told = json.loads(line)
            ask = JobAsk(str(told["custom_id"]), told["body"], str(told["url"]))
            wrong = told["method"] != "POST" or not isinstance(told["body"], dict)
        except (ValueError, KeyError, TypeError):
            wrong = True
        if wrong:
            against.append(("invalid_json_line", f"Line {number} is not a request."))
            continue
        asks.append(ask)
    if len({ask.custom_id for ask in asks}) < len(asks):
        against.append(("duplicate_custom_id", "A custom_id is given twice."))
    if any(ask.url != endpoint for ask in asks):
        against.append(("invalid_url", f"All lines must be for {endpoint}."))
    if len({str(ask.body.get("model")) for ask in asks}) > 1:
        against.append(("mismatched_model", "All lines must be for one model."))
    if not asks or len(asks) > MOST_LINES["openai"]:
        against.append(("invalid_request", f"{len(asks)} lines are too few or too many."))
    return asks, against


def _anthropic_made(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
    told = seen.body.get("requests")
    requests: Sequence[object] = told if isinstance(told, list) else []
    asks = [
        JobAsk(str(each.get("custom_id")), each["params"])
        for each in requests
        if isinstance(each, dict) and isinstance(each.get("params"), dict)
    ]
    if code := jobs.refusal():
        return _no("anthropic", 429 if "limit" in code else 400, f"Refused: {code}.")
    fits = 0 < len(asks) == len(requests) <= MOST_LINES["anthropic"]
    if not fits or not all(_CUSTOM_ID.fullmatch(ask.custom_id) for ask in asks):
        return _no("anthropic", 400, "requests: each needs a custom_id of [a-zA-Z0-9_-]{1,64} and params.")
    if len({ask.custom_id for ask in asks}) < len(asks):
        return _no("anthropic", 400, "requests: a custom_id is given twice.")
    job = jobs.make("anthropic", asks)
    return WireFault(RESET) if jobs.loses_reply() else WireFault(200, anthropic_job(job, _root(seen)))


def _listed(provider: Provider) -> Callable[[Jobs, SeenRequest, str], WireFault]:
    def listed(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
        asked = {key: values[-1] for key, values in parse_qs(seen.path.partition("?")[2]).items()}
        most = min(int(asked.get("limit", _LIMIT)), _MOST)
        after, before = asked.get("after") or asked.get("after_id"), asked.get("before_id")
        found = jobs.page(provider, after, before, most)
        more = len(found) > most
        shown = (found[-most:] if before else found[:most]) if more else found
        return WireFault(200, page_body([_worded(job, seen) for job in shown], more=more))

    return listed


def _about_one(
    provider: Provider, tell: Callable[[Jobs, SeenRequest, Job], WireFault], *, looks: bool = True
) -> Callable[[Jobs, SeenRequest, str], WireFault]:
    def told(jobs: Jobs, seen: SeenRequest, name: str) -> WireFault:
        job = jobs.look(name) if looks else jobs.job(name)
        if job is None or job.seen.provider != provider:
            return _no(provider, 404, f"No batch found with id {name!r}.", "not_found")
        return tell(jobs, seen, job)

    return told


def _shown(jobs: Jobs, seen: SeenRequest, job: Job) -> WireFault:
    return WireFault(200, _worded(job, seen))


def _cancelled(jobs: Jobs, seen: SeenRequest, job: Job) -> WireFault:
    if not jobs.cancel(job.id):
        return _no(job.seen.provider, 400, f"Cannot cancel a batch that is {job.state}.")
    return _shown(jobs, seen, job)


def _results(jobs: Jobs, seen: SeenRequest, job: Job) -> WireFault:
    if job.state != "ended":
        return _no("anthropic", 400, "The batch has no results yet.")
    return WireFault(200, anthropic_lines(job), {"content-type": "application/x-jsonl"})


def _worded(job: Job, seen: SeenRequest) -> dict[str, object]:
    return openai_job(job) if job.seen.provider == "openai" else anthropic_job(job, _root(seen))


def _root(seen: SeenRequest) -> str:
    return f"http://{seen.headers.get('host', '')}"


_DOING: Mapping[tuple[str, str, bool, str], Callable[[Jobs, SeenRequest, str], WireFault]] = {
    ("POST", "files", False, ""): _brought,
    ("GET", "files", True, ""): _file,
    ("GET", "files", True, "content"): _content,
    ("POST", "batches", False, ""): _openai_made,
    ("GET", "batches", False, ""): _listed("openai"),
    ("GET", "batches", True, ""): _about_one("openai", _shown),
    ("POST", "batches", True, "cancel"): _about_one("openai", _cancelled, looks=False),
    ("POST", "messages/batches", False, ""): _anthropic_made,
    ("GET", "messages/batches", False, ""): _listed("anthropic"),
    ("GET", "messages/batches", True, ""): _about_one("anthropic", _shown),
    ("POST", "messages/batches", True, "cancel"): _about_one("anthropic", _cancelled, looks=False),
    ("GET", "messages/batches", True, "results"): _about_one("anthropic", _results, looks=False),
}
"""By method, what it is about, whether one is named, and what is wanted of it."""

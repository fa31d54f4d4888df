"""Spans and logs: what is told of a run, by whom, and what is never told."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import anthropic
import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from packer import Layout, Limits, Outcome, pack_and_run
from packer.testing import FaultServer, ScriptedClient, WireFault
from schemas.errors import AccessDenied
from tests.strategies import SENTIMENT

SECRET_TEXT = "zanzibar"
TEXTS = [f"{SECRET_TEXT} tweet {'!' * n}" for n in range(12)]

# A provider can be set once in a process; the exporter is emptied for each test.
_exporter = InMemorySpanExporter()


def label(text: str) -> str:
    return "positive" if len(text) % 2 else "negative"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    _exporter.clear()
    yield _exporter
    provider.shutdown()
    _exporter._stopped = False


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def told(exporter: InMemorySpanExporter) -> str:
    return "".join(span.to_json() for span in exporter.get_finished_spans())


def test_run_pack_call_and_item(spans: InMemorySpanExporter) -> None:
    with FaultServer(ScriptedClient(label)) as server, openai.OpenAI(base_url=server.url, api_key="k") as sdk:
        outer = trace.get_tracer("app").start_span("app")
        with trace.use_span(outer, end_on_exit=True):
            run = pack_and_run(TEXTS, SENTIMENT, client=sdk, model="gpt-4.1-mini")
    (whole,) = named(spans, "packsplit.run")
    packs, calls = named(spans, "packsplit.pack"), named(spans, "chat gpt-4.1-mini")
    items = named(spans, "packsplit.item")
    assert parent_of(whole) == outer.get_span_context().span_id
    assert (len(packs), len(calls), len(items)) == (2, 2, 12)
    assert {parent_of(span) for span in packs + items} == {whole.context.span_id}
    assert {parent_of(span) for span in calls} == {span.context.span_id for span in packs}
    assert all(span.kind is SpanKind.CLIENT for span in calls)
    attributes = [dict(span.attributes or {}) for span in calls]
    assert {each["gen_ai.operation.name"] for each in attributes} == {"chat"}
    assert {each["gen_ai.provider.name"] for each in attributes} == {"openai"}
    assert sum(each["gen_ai.usage.input_tokens"] for each in attributes) == run.ledger.usage.input_tokens
    assert sum(each["gen_ai.usage.output_tokens"] for each in attributes) == run.ledger.usage.output_tokens
    assert {each["gen_ai.response.finish_reasons"] for each in attributes} == {("stop",)}
    assert [(span.attributes or {})["packsplit.item.outcome"] for span in items] == ["accepted"] * 12
    assert dict(whole.attributes or {})["packsplit.calls"] == 2
    assert SECRET_TEXT not in told(spans)


def test_the_anthropic_sdk_traces_its_own_calls_inside_ours(
    spans: InMemorySpanExporter,
) -> None:
    with (
        FaultServer(ScriptedClient(label)) as server,
        anthropic.Anthropic(base_url=server.root_url, api_key="k") as sdk,
    ):
        pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="claude-haiku-4-5")
    (pack,) = named(spans, "packsplit.pack")
    models = [
        span
        for span in spans.get_finished_spans()
        if (span.attributes or {}).get("gen_ai.operation.name") in ("chat", "messages", "anthropic.messages")
        or span.name == "anthropic.messages.create"
    ]
    assert len(models) == 1
    assert parent_of(models[0]) == pack.context.span_id
    assert not named(spans, "chat claude-haiku-4-5")


def test_each_attempt_has_a_span_and_failed_ones_say_why(spans: InMemorySpanExporter) -> None:
    with FaultServer(ScriptedClient(label)) as server, openai.OpenAI(base_url=server.url, api_key="k") as sdk:
        slow = WireFault(429, {"error": {"message": SECRET_TEXT}}, {"retry-after": "0"})
        server.faults.append(slow)
        pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini")
    failed, good = named(spans, "chat gpt-4.1-mini")
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "429"
    assert good.status.status_code is not StatusCode.ERROR
    assert len(named(spans, "packsplit.pack")) == 1
    assert SECRET_TEXT not in told(spans)


def test_a_run_that_ends_early_says_so(spans: InMemorySpanExporter) -> None:
    run = pack_and_run(
        TEXTS, SENTIMENT, client=ScriptedClient(label), limits=Limits(max_calls=1, concurrency=1)
    )
    (whole,) = named(spans, "packsplit.run")
    assert run.outcomes[Outcome.PENDING] == 2
    assert (whole.attributes or {})["error.type"] == "CeilingReached"
    items = named(spans, "packsplit.item")
    assert sorted((span.attributes or {})["packsplit.item.outcome"] for span in items).count("pending") == 2


def test_without_a_provider_nothing_is_recorded() -> None:
    run = pack_and_run(TEXTS, SENTIMENT, client=ScriptedClient(label))
    assert run.outcomes == {Outcome.ACCEPTED: 12}


@pytest.mark.parametrize("envelope", ["keyed", "lines"])
def test_logs_tell_the_story_and_no_text(caplog: pytest.LogCaptureFixture, envelope: str) -> None:
    caplog.set_level(logging.INFO, logger="packsplit")
    body = {"error": {"message": f"you said {SECRET_TEXT}"}}
    layout = Layout(envelope=envelope)  # type: ignore[arg-type]  # the parameter is one of its words
    with FaultServer(ScriptedClient(label)) as server, openai.OpenAI(base_url=server.url, api_key="k") as sdk:
        server.faults.append(WireFault(429, body, {"retry-after": "0"}))
        pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini", layout=layout)
        server.faults.append(WireFault(401, body))
        with pytest.raises(AccessDenied):
            pack_and_run(TEXTS[:5], SENTIMENT, client=sdk, model="gpt-4.1-mini")
    lines = [record.getMessage() for record in caplog.records if record.name == "packsplit"]
    assert "run of 5 items in 1 packs begins" in lines
    assert "run ends: 5 settled, 0 of them failed, 0 pending, 2 calls" in lines
    assert any(line.startswith("rate_limited: attempt 2 of 3") for line in lines)
    assert "the run ends early: access_denied" in lines
    assert SECRET_TEXT not in "".join(lines)

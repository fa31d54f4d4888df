"""Spans of a run, its packs, their calls and its items, through opentelemetry-api alone.

Nothing is recorded, and next to nothing spent, until the application sets a tracer provider. Where an SDK
traces its own calls, ours leave the model call to it. No text of an item, prompt or reply is ever put on a
span. Does not know: exporters, or what a span is used for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from packer.run.flow.ask import Ask, Reply
from schemas.errors import ClientError
from schemas.result import ItemResult

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

T = TypeVar("T")

# Names of OpenTelemetry's semantic conventions for generative AI, as of version 1.38 (in development).
OPERATION, PROVIDER = "gen_ai.operation.name", "gen_ai.provider.name"
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
MAX_TOKENS, FINISH_REASONS = "gen_ai.request.max_tokens", "gen_ai.response.finish_reasons"
INPUT_TOKENS, OUTPUT_TOKENS = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
ERROR_TYPE = "error.type"

_PROVIDERS = {"azure": "azure.ai.openai"}
LONGEST_ID = 128

Attributes = Mapping[str, str | int | Sequence[str]]


@dataclass(slots=True)
class Trace:
    """The spans of one run.

    Attributes:
        model: as it is asked.
        provider: who is asked; empty when unknown.
        sdk_traces: True when the SDK makes the spans of model calls.
    """

    model: str
    provider: str = ""
    sdk_traces: bool = False
    _tracer: Tracer | None = None
    _run: Span | None = None
    _sent_ns: dict[str, int] = field(default_factory=dict)

    @property
    def is_on(self) -> bool:
        """Whether spans are recorded."""
        return self._tracer is not None

    def start(self, items: int, packs: int) -> None:
        """Open the run's span."""
        from opentelemetry import trace

        tracer = trace.get_tracer("packsplit")
        told = {"packsplit.items": items, "packsplit.packs": packs}
        span = tracer.start_span("packsplit.run", attributes=told)
        if span.is_recording():
            self._tracer, self._run = tracer, span
            span.set_attributes({REQUEST_MODEL: self.model, **self._who()})

    def end(self, told: Attributes, stopped: str) -> None:
        """Close the run's span."""
        from opentelemetry.trace import Status, StatusCode

        if self._run is None:
            return
        self._run.set_attributes(dict(told))
        if stopped:
            self._run.set_attribute(ERROR_TYPE, stopped)
            self._run.set_status(Status(StatusCode.ERROR, stopped))
        self._run.end()
        self._run = self._tracer = None

    @contextmanager
    def pack(self, ask: Ask[T]) -> Iterator[None]:
        """The span of one ask, from its waiting for a turn to its last attempt."""
        if self._tracer is None or self._run is None:
            yield
            return
        from opentelemetry.trace import set_span_in_context, use_span

        for slot in ask.pack.asked:
            self._sent_ns.setdefault(str(slot.item.id), time.time_ns())
        told: dict[str, str | int] = {
            "packsplit.pack.id": ask.pack.id[:LONGEST_ID],
            "packsplit.pack.items": len(ask.pack.asked),
            "packsplit.route": str(ask.route),
        }
        span = self._tracer.start_span("packsplit.pack", set_span_in_context(self._run), attributes=told)
        with use_span(span, end_on_exit=True, record_exception=False):
            yield

    @contextmanager
    def attempt(self, ask: Ask[T], max_tokens: int) -> Iterator[Callable[[Reply], None]]:
        """The span of one model call; tell it the reply."""
        if self._tracer is None or self.sdk_traces:
            yield _unheard
            return
        from opentelemetry.trace import SpanKind, use_span

        told: dict[str, str | int] = {
            OPERATION: "chat",
            REQUEST_MODEL: self.model,
            MAX_TOKENS: max_tokens,
            **self._who(),
        }
        span = self._tracer.start_span(f"chat {self.model}", kind=SpanKind.CLIENT, attributes=told)
        with use_span(span, end_on_exit=True, record_exception=False):
            yield lambda reply: _tell(span, reply)

    def settled(self, results: Sequence[ItemResult[T]]) -> None:
        """The spans of items that have a result now, from their first ask on."""
        if self._tracer is None or self._run is None:
            return
        from opentelemetry.trace import set_span_in_context

        context = set_span_in_context(self._run)
        for result in results:
            told: dict[str, str | int] = {
                "packsplit.item.id": str(result.item_id)[:LONGEST_ID],
                "packsplit.item.outcome": str(result.outcome),
                "packsplit.item.trust": str(result.trust),
                "packsplit.item.attempts": result.attempts,
            }
            if result.route is not None:
                told["packsplit.route"] = str(result.route)
            if result.reason is not None:
                told["packsplit.item.fault"] = str(result.reason.fault)
            since_ns = self._sent_ns.pop(str(result.item_id), None)
            self._tracer.start_span("packsplit.item", context, attributes=told, start_time=since_ns).end()

    def _who(self) -> dict[str, str]:
        return {PROVIDER: _PROVIDERS.get(self.provider, self.provider)} if self.provider else {}


def _unheard(reply: Reply) -> None:
    """The SDK's own span has it all."""


def _tell(span: Span, reply: Reply) -> None:
    from opentelemetry.trace import Status, StatusCode

    if isinstance(reply, ClientError):
        span.set_attribute(ERROR_TYPE, str(reply.status or reply.code))
        span.set_status(Status(StatusCode.ERROR, reply.code))
        return
    used = reply.usage
    counts = {
        INPUT_TOKENS: used.input_tokens,
        OUTPUT_TOKENS: used.output_tokens,
        CACHE_READ_TOKENS: used.cached_tokens,
        CACHE_WRITE_TOKENS: used.cache_write_tokens,
    }
    span.set_attribute(FINISH_REASONS, [str(reply.finish_reason)])
    span.set_attributes({name: value for name, value in counts.items() if value is not None})
    if reply.model:
        span.set_attribute(RESPONSE_MODEL, reply.model)

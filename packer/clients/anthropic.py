"""Anthropic's Messages API.

Replies are constrained by ``output_config.format``; the shared part carries the cache breakpoint; long
replies are streamed, as the SDK demands. One attempt a call: further ones are the run's. Does not know:
packs, items, or what a reply means.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from packer.clients.batch_anthropic import AnthropicBatches
from packer.clients.batch_wire import Attempts, check_options
from packer.clients.claude_replies import check_ended, completion, live_facts
from packer.clients.claude_tokens import ServerCounter, learned_counter
from packer.clients.connections import no_key, swift_connections
from packer.clients.headers import quotas_of
from packer.clients.redact import secrets_of
from packer.clients.threads import called
from packer.clients.wire import Filtered, translated
from packer.models import facts_of
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.protocols import BatchClient, TokenCounter
from schemas.quota import Quota
from schemas.settings import Envelope
from schemas.usage import Usage

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic

STREAM_ABOVE_TOKENS = 21_333
"""The SDK refuses to wait for longer replies without streaming."""

THINKING_TOKENS = 4_096
LOOK_UP_S = 10.0


class AnthropicMessages:
    """A Claude model."""

    emits_spans = True
    """The SDK traces its own calls."""

    def __init__(
        self,
        model: str,
        *,
        sdk: object | None = None,
        facts: ModelFacts | None = None,
        concurrency: int | None = None,
        thinking_tokens: int | None = None,
        exact_counts: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> None:
        """Wrap an SDK client.

        Args:
            model: the model's name.
            sdk: an ``Anthropic`` or ``AsyncAnthropic``; None makes one from the environment.
            facts: what the caller knows of the model; goes before what the provider and the table say.
            concurrency: most calls that make sense at once.
            thinking_tokens: added to every reply's cap; None adds 4,096 unless the model is known not to
                think.
            exact_counts: count tokens by asking the provider, one free request for each text, instead of
                a margin learned from usage.
            options: further fields of the request, such as ``{"service_tier": "standard_only"}``.

        Raises:
            UsageError: no API key is set, or ``sdk`` is no Anthropic client.
        """
        import anthropic

        self._own: AsyncAnthropic | None = None
        if sdk is None:
            try:
                sdk = self._own = anthropic.AsyncAnthropic(http_client=swift_connections(anthropic, self))
            except anthropic.AnthropicError as error:  # a profile is named that cannot be read
                raise UsageError(f"The Anthropic client cannot be made: {error}") from None
            # Newer releases of the SDK find a profile's credentials, too.
            if not (sdk.api_key or sdk.auth_token or getattr(sdk, "credentials", None)):
                raise no_key("Anthropic", "ANTHROPIC_API_KEY")
        if not isinstance(sdk, anthropic.Anthropic | anthropic.AsyncAnthropic):
            raise UsageError(f"sdk is a {type(sdk).__name__}, not an Anthropic or AsyncAnthropic client.")
        self.name = model
        self.provider = "anthropic"
        self.concurrency = concurrency
        self.max_retries: int = sdk.max_retries
        self._given = facts or ModelFacts()
        self._facts = self._given.over(facts_of(model))
        self._looked_up = False
        self._thinking_tokens = thinking_tokens
        self._exact_counts = exact_counts
        self._options = dict(options or {})
        self._secrets = secrets_of(sdk)
        self._sdk: Anthropic | AsyncAnthropic = sdk.with_options(max_retries=0)

    def __repr__(self) -> str:
        return f"AnthropicMessages({self.name!r}, host={self._sdk.base_url.host!r})"

    @property
    def context_tokens(self) -> int | None:
        """What the model holds; None when unknown."""
        return self._facts.context_tokens

    async def facts(self) -> ModelFacts:
        """What the caller, the provider (asked once) and the table say of the model, in this order."""
        if not self._looked_up:
            self._looked_up = True
            sdk = self._sdk.with_options(max_retries=self.max_retries)
            look = functools.partial(sdk.models.retrieve, self.name, timeout=LOOK_UP_S)
            try:
                live = live_facts(await called(look, blocking=self._blocking))
            except Exception:  # a proxy without this endpoint, a wrong key: the first call will tell
                live = ModelFacts()
            self._facts = self._given.over(live).over(facts_of(self.name))
        return self._facts

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """A list at best: one property for each packed item would soon be too complex a schema here."""
        if (await self.facts()).structured is False:
            return "lines", ()
        return ("array" if wanted == "keyed" else wanted), ()

    def counter(self) -> TokenCounter | None:
        """The provider's own counts, or offline ones with a margin learned from its bills."""
        if not self._exact_counts:
            return learned_counter(self.name)
        return ServerCounter(f"anthropic count_tokens ({self.name})", self._asking)

    def reply_cap(self, prompt: Prompt) -> int:
        """The prompt's own cap and room for thinking, within the model's."""
        return self._facts.reply_cap(prompt.max_output_tokens, self._thinking_tokens, THINKING_TOKENS)

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt, in one attempt.

        Raises:
            ClientError: nothing usable came back.
        """
        request = self._request(prompt)
        try:
            message, quotas = await self._create(request)
            done = completion(message, quotas)
        except Exception as error:  # a garbled body raises whatever its reader raises
            refused = translated(error, provider="anthropic", secrets=self._secrets)
        else:
            learned_counter(self.name).learn([m.content for m in prompt.messages], done.usage.input_tokens)
            return done
        if isinstance(refused, Filtered):
            return Completion("", FinishReason.CONTENT_FILTER, quotas=refused.quotas)
        # Outside the handler: the SDK's error may quote a key, and a chained traceback would show it.
        raise refused from refused.original

    def batches(self) -> BatchClient:
        """The way to the provider's batch jobs, for this model.

        Raises:
            UsageError: whoever serves the model here has none, or an option cannot go with a job.
        """
        if getattr(self._sdk.messages, "batches", None) is None:
            raise UsageError(
                f"A {type(self._sdk).__name__} client has no batch jobs: make calls one by one, or give a "
                "client of Anthropic's own."
            )
        check_options(self._options)
        attempts = Attempts(self.provider, self._secrets, blocking=self._blocking)
        return AnthropicBatches(self._sdk, attempts, self._request, completion)

    @property
    def _blocking(self) -> bool:
        import anthropic

        return isinstance(self._sdk, anthropic.Anthropic)

    # The SDK's parameter types are one large TypedDict per field; a plain dict is what reaches the wire.
    async def _create(self, request: dict[str, Any]) -> tuple[Any, tuple[Quota, ...]]:
        if request["max_tokens"] > STREAM_ABOVE_TOKENS:
            return await (
                called(functools.partial(self._streamed, request), blocking=True)
                if self._blocking
                else self._streamed_async(request)
            )
        create: Any = functools.partial(self._sdk.messages.with_raw_response.create, **request)
        raw = await called(create, blocking=self._blocking)
        parsed = raw.parse()  # of an asynchronous SDK, something to wait for
        return (await parsed if inspect.isawaitable(parsed) else parsed), quotas_of(raw.headers)

    def _streamed(self, request: dict[str, Any]) -> tuple[Any, tuple[Quota, ...]]:
        sdk: Any = self._sdk
        last = ""
        with sdk.messages.stream(**request) as stream:
            for event in stream:
                last = event.type
            check_ended(last)
            return stream.get_final_message(), quotas_of(stream.response.headers)

    async def _streamed_async(self, request: dict[str, Any]) -> tuple[Any, tuple[Quota, ...]]:
        sdk: Any = self._sdk
        last = ""
        async with sdk.messages.stream(**request) as stream:
            async for event in stream:
                last = event.type
            check_ended(last)
            return await stream.get_final_message(), quotas_of(stream.response.headers)

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        system = [m for m in prompt.messages if m.role == "system"]
        blocks: list[dict[str, Any]] = [{"type": "text", "text": m.content} for m in system]
        if blocks and prompt.shared_messages and self._facts.cache != "none":
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
        request: dict[str, Any] = {
            "model": self.name,
            "max_tokens": self.reply_cap(prompt),
            "messages": [
                {"role": m.role, "content": m.content} for m in prompt.messages if m.role != "system"
            ],
        }
        if blocks:
            request["system"] = blocks
        if prompt.reply_schema:
            told = {"type": "json_schema", "schema": dict(prompt.reply_schema)}
            request["output_config"] = {"format": told}
        if prompt.timeout_s is not None:
            request["timeout"] = prompt.timeout_s
        return {**request, **self._options}

    @contextmanager
    def _asking(self) -> Iterator[Callable[[str], int]]:
        """What asks for counts; a connection of its own for an asynchronous SDK, as counters are not."""
        import anthropic

        sdk = self._sdk.with_options(max_retries=self.max_retries)
        twin = sdk if isinstance(sdk, anthropic.Anthropic) else _blocking_twin(sdk)
        try:
            yield functools.partial(self._counted_by_server, twin)
        finally:
            if twin is not sdk:
                twin.close()

    def _counted_by_server(self, sdk: Anthropic, text: str) -> int:
        try:
            told = sdk.messages.count_tokens(model=self.name, messages=[{"role": "user", "content": text}])
            return int(told.input_tokens)
        except Exception as error:
            refused = translated(error, provider="anthropic", secrets=self._secrets)
        raise refused from refused.original

    async def aclose(self) -> None:
        """Close the SDK's connections, if they were opened here."""
        if self._own is not None:
            await self._own.close()


def _blocking_twin(sdk: AsyncAnthropic) -> Anthropic:
    """A synchronous client with the same key and address: counters are asked from plain code."""
    import anthropic

    return anthropic.Anthropic(
        api_key=sdk.api_key,
        auth_token=sdk.auth_token,
        base_url=sdk.base_url,
        default_headers=sdk._custom_headers,
        timeout=sdk.timeout,
        max_retries=sdk.max_retries,
    )

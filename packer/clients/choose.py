"""From what a caller gave (a model's name, an SDK's client, an own client) to one ``Client``.

Does not know: prompts, or how any provider is spoken to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from schemas.chat import Prompt
from schemas.errors import UsageError
from schemas.facts import ModelFacts
from schemas.protocols import (
    CapsReplies,
    Client,
    Closable,
    KnowsItsEnvelope,
    KnowsItsFacts,
    KnowsItsLimits,
    LeavesRetries,
    TokenCounter,
)
from schemas.settings import Envelope
from schemas.usage import Usage


@dataclass(frozen=True, slots=True)
class Chosen:
    """A client, and whether this run has to end it.

    Attributes:
        client: answers prompts.
        owned: True when the run made it and must end it.
    """

    client: Client
    owned: bool

    @property
    def name(self) -> str:
        """The model's name as far as it is known."""
        known = self.client
        return known.name if isinstance(known, KnowsItsLimits) else type(known).__name__

    @property
    def context_tokens(self) -> int | None:
        """What the model holds; None when unknown."""
        return self.client.context_tokens if isinstance(self.client, KnowsItsLimits) else None

    @property
    def concurrency(self) -> int | None:
        """Most calls that make sense at once; None when unknown."""
        return self.client.concurrency if isinstance(self.client, KnowsItsLimits) else None

    def counter(self) -> TokenCounter | None:
        """The model's own counter; may start an embedded server, so it may block."""
        return self.client.counter() if isinstance(self.client, KnowsItsLimits) else None

    @property
    def provider(self) -> str:
        """Who is asked, for prices and traces; empty when unknown."""
        return str(getattr(self.client, "provider", ""))

    @property
    def traces_itself(self) -> bool:
        """True when the SDK traces each call, so that a second span would count it twice."""
        return bool(getattr(self.client, "emits_spans", False))

    @property
    def max_retries(self) -> int:
        """How often its caller wants a failed call sent again; 0 for a client that sees to it itself."""
        return self.client.max_retries if isinstance(self.client, LeavesRetries) else 0

    async def facts(self) -> ModelFacts:
        """What is known of the model."""
        if isinstance(self.client, KnowsItsFacts):
            return await self.client.facts()
        return ModelFacts(context_tokens=self.context_tokens)

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """The best envelope that the provider can be held to, and the usage of each call it took to know."""
        if isinstance(self.client, KnowsItsEnvelope):
            return await self.client.envelope(wanted)
        return wanted, ()

    @property
    def reply_cap(self) -> Callable[[Prompt], int]:
        """Gives the cap that is sent for a prompt's reply: above the prompt's own where the model reasons."""
        if isinstance(self.client, CapsReplies):
            return self.client.reply_cap
        return lambda prompt: prompt.max_output_tokens

    async def aclose(self) -> None:
        """End the client if the run owns it."""
        if self.owned and isinstance(self.client, Closable):
            await self.client.aclose()


def choose(*, model: str | None, client: object | None, facts: ModelFacts | None = None) -> Chosen:
    """Make a client.

    Args:
        model: ``"local"``, ``"local/<small one>"``, ``"openai/<name>"``, ``"openai-responses/<name>"`` or
            ``"anthropic/<name>"``; with an SDK client, its model.
        client: an own client, an SDK's, or instructor's.
        facts: what the caller knows of the model; for clients made here.

    Raises:
        UsageError: neither was given, or nothing is known by that name.
    """
    if client is None:
        return Chosen(_by_name(model, facts), owned=True)
    if isinstance(client, Client):
        return Chosen(client, owned=False)
    made = _around(client, model or "", facts)
    if made is None:
        raise UsageError(
            f"client is a {type(client).__name__}: give an OpenAI, Anthropic or instructor client (sync or "
            "async), or an object with `async def complete(self, prompt: Prompt) -> Completion`."
        )
    return Chosen(made, owned=False)


def _around(client: object, model: str, facts: ModelFacts | None) -> Client | None:
    """A client of ours around an SDK's, by the package that its class or a parent of it comes from."""
    provider, _, name = model.rpartition("/")
    homes = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    if "instructor" in homes:
        from packer.clients.instructor import around

        return around(client, model, facts)
    if "openai" in homes:
        name = _named(name if provider in ("openai", "openai-responses", "azure") else model, "an OpenAI")
        return _openai(name, client, facts, responses=provider == "openai-responses")
    if "anthropic" in homes:
        from packer.clients.anthropic import AnthropicMessages

        return AnthropicMessages(
            _named(model.removeprefix("anthropic/"), "an Anthropic"), sdk=client, facts=facts
        )
    return None


def _by_name(model: str | None, facts: ModelFacts | None) -> Client:
    if not model:
        raise UsageError('Say who answers: model="local", model="openai/<name>", or client=...')
    if model == "local" or model.startswith("local/"):
        from packer.clients.local import LocalModel

        return LocalModel(model)
    provider, _, name = model.partition("/")
    if provider in ("openai", "openai-responses") and name:
        return _openai(name, None, facts, responses=provider == "openai-responses")
    if provider == "anthropic" and name:
        from packer.clients.anthropic import AnthropicMessages

        return AnthropicMessages(name, facts=facts)
    raise UsageError(
        f'No model is known as {model!r}: write "local", "openai/<name>", "openai-responses/<name>", '
        '"anthropic/<name>", or pass client=. Other providers that speak the OpenAI protocol work with '
        "client=OpenAI(base_url=...)."
    )


def _openai(name: str, sdk: object | None, facts: ModelFacts | None, *, responses: bool) -> Client:
    from packer.clients.openai import OpenAIChat
    from packer.clients.openai_responses import OpenAIResponses

    return (
        OpenAIResponses(name, sdk=sdk, facts=facts) if responses else OpenAIChat(name, sdk=sdk, facts=facts)
    )


def _named(model: str, whose: str) -> str:
    if not model:
        raise UsageError(f'With {whose} client, say which model to ask: model="...".')
    return model

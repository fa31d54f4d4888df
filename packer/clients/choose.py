"""From what a caller gave (a model's name, an SDK's client, an own client) to one ``Client``.

Does not know: prompts, or how any provider is spoken to.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import UsageError
from schemas.protocols import Client, Closable, KnowsItsLimits, TokenCounter


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

    async def aclose(self) -> None:
        """End the client if the run owns it."""
        if self.owned and isinstance(self.client, Closable):
            await self.client.aclose()


def choose(*, model: str | None, client: object | None) -> Chosen:
    """Make a client.

    Args:
        model: ``"local"``, ``"local/<small one>"``, ``"openai/<name>"``; with an SDK client, its model.
        client: an own client, or an SDK's.

    Raises:
        UsageError: neither was given, or nothing is known by that name.
    """
    if client is None:
        return Chosen(_by_name(model), owned=True)
    module = type(client).__module__.partition(".")[0]
    if module == "openai":
        from packer.clients.openai import OpenAIChat

        if not model:
            raise UsageError('With an OpenAI client, say which model to ask: model="gpt-...".')
        return Chosen(OpenAIChat(model.removeprefix("openai/"), sdk=client), owned=False)
    if isinstance(client, Client):
        return Chosen(client, owned=False)
    raise UsageError(
        f"client is a {type(client).__name__}: give an OpenAI or AsyncOpenAI client, or an object with "
        "`async def complete(self, prompt: Prompt) -> Completion`."
    )


def _by_name(model: str | None) -> Client:
    if not model:
        raise UsageError('Say who answers: model="local", model="openai/<name>", or client=...')
    if model == "local" or model.startswith("local/"):
        from packer.clients.local import LocalModel

        return LocalModel(model)
    provider, _, name = model.partition("/")
    if provider == "openai" and name:
        from packer.clients.openai import OpenAIChat

        return OpenAIChat(name)
    raise UsageError(
        f'No model is known as {model!r}: write "local", "openai/<name>", or pass client=. Other '
        "providers that speak the OpenAI protocol work with client=OpenAI(base_url=...)."
    )

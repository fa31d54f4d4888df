"""An OpenAI SDK client of any kind (sync, async, Azure), made ready for one attempt a call.

Does not know: which endpoint is spoken to, or what is asked.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from packer.clients.batch_wire import Attempts
from packer.clients.connections import no_key, swift_connections
from packer.clients.headers import quotas_of
from packer.clients.redact import secrets_of, struck_out
from packer.clients.threads import called
from packer.clients.wire import translated
from packer.models import facts_of
from schemas.chat import Completion, Prompt
from schemas.errors import ClientError, UsageError
from schemas.facts import ModelFacts
from schemas.quota import Quota
from schemas.settings import Envelope
from schemas.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

SCHEMA_NAME = "answers"


class OpenAISdk:
    """The SDK client, and what is known of the model behind it.

    Attributes:
        model: the model's name as the server knows it.
        facts: given ones first, then the table's.
        max_retries: what the caller's client was made with; the client used here makes one attempt.
        host: the server's address, without user, path or query.
    """

    def __init__(self, model: str, sdk: object | None, facts: ModelFacts | None) -> None:
        """Take over an SDK client, or make one from the environment.

        Raises:
            UsageError: no API key is set, or ``sdk`` is no OpenAI client.
        """
        import openai

        self._own: AsyncOpenAI | None = None
        if sdk is None:
            try:
                sdk = self._own = openai.AsyncOpenAI(http_client=swift_connections(openai, self))
            except openai.OpenAIError as error:
                if not os.environ.get("OPENAI_API_KEY"):
                    raise no_key("OpenAI", "OPENAI_API_KEY") from None
                raise UsageError(f"The OpenAI client cannot be made: {error}") from None
        if not isinstance(sdk, openai.OpenAI | openai.AsyncOpenAI):
            raise UsageError(f"sdk is a {type(sdk).__name__}, not an OpenAI or AsyncOpenAI client.")
        self.model = model
        self.facts = (facts or ModelFacts()).over(facts_of(model))
        self.max_retries: int = sdk.max_retries
        self.host = f"{sdk.base_url.host}:{sdk.base_url.port or ''}"
        self.provider = "azure" if isinstance(sdk, openai.AzureOpenAI | openai.AsyncAzureOpenAI) else "openai"
        self._secrets = secrets_of(sdk)
        self._given = sdk
        self._sdk: OpenAI | AsyncOpenAI = sdk.with_options(max_retries=0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, host={self.host!r})"

    # The SDK's parameter types are one large TypedDict per endpoint; a plain dict is what reaches the wire.
    async def create(self, endpoint: str, request: Mapping[str, Any]) -> tuple[Any, tuple[Quota, ...]]:
        """Make one attempt.

        Args:
            endpoint: ``"chat"`` or ``"responses"``.
            request: the SDK's own arguments.

        Returns:
            What the SDK parsed (unchecked: it builds objects from whatever came), and the headers' quotas.

        Raises:
            ClientError: nothing came back, or nothing that can be read.
        """
        import openai

        resource = self._sdk.chat.completions if endpoint == "chat" else self._sdk.responses
        create: Any = functools.partial(resource.with_raw_response.create, **request)
        refused: ClientError
        try:
            raw = await called(create, blocking=isinstance(self._sdk, openai.OpenAI))
            return raw.parse(), quotas_of(raw.headers)
        except Exception as error:  # a garbled body raises whatever its reader raises
            refused = translated(error, provider=self.provider, secrets=self._secrets)
        # Outside the handler: the SDK's error may quote a key, and a chained traceback would show it.
        raise refused from refused.original

    def attempts(self) -> tuple[OpenAI | AsyncOpenAI, Attempts]:
        """The SDK client that makes one attempt a call, and what makes other calls than replies over it."""
        import openai

        blocking = isinstance(self._sdk, openai.OpenAI)
        return self._sdk, Attempts(self.provider, self._secrets, blocking=blocking)

    def unreadable(self, error: Exception) -> ClientError:
        """A reply of a form that the API does not have."""
        return translated(error, provider=self.provider, secrets=self._secrets)

    def broken_off(self, how: str, said: object) -> ClientError:
        """A reply in which the provider says that it failed while answering."""
        why = struck_out(str(said or "nothing more"), self._secrets)
        told = f"{self.provider} ended the reply as {how}: {why}"
        return ClientError(told, provider=self.provider, transient=True)

    async def envelope(
        self, complete: Callable[[Prompt], Awaitable[Completion]], wanted: Envelope
    ) -> tuple[Envelope, tuple[Usage, ...]]:
        """What this server can be held to; asked once for each SDK client and model."""
        from packer.clients.constrain import envelope_for

        return await envelope_for(self._given, self.model, self.facts, complete, wanted)

    async def aclose(self) -> None:
        """Close the connections, if they were opened here."""
        if self._own is not None:
            await self._own.close()

"""A client of the instructor library, as one of ours.

Where a plain OpenAI or Anthropic SDK client is inside, it is unwrapped and held to our own strict schema;
any other is asked through instructor, whose parsing is kept from throwing a whole pack away for one bad
item. Does not know: packs, items, or what a reply means.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ConfigDict

from packer.clients import anthropic as claude
from packer.clients import openai as chat
from packer.clients import openai_responses as responses
from packer.clients.constrain import envelope_for
from packer.clients.instructor_replies import cause_of, read, salvaged
from packer.clients.redact import secrets_of
from packer.clients.threads import called
from packer.clients.wire import Filtered, translated
from packer.models import facts_of
from schemas.chat import Completion, FinishReason, Prompt
from schemas.errors import ClientError, UsageError
from schemas.facts import ModelFacts
from schemas.protocols import Client, TokenCounter
from schemas.settings import Envelope
from schemas.usage import Usage

# What SDKs do unless told otherwise; taken where no SDK client is in reach.
RETRIES = 2
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_FORMS = ("response_format", "text", "output_config", "tool_choice", "parallel_tool_calls", "function_call")
_OURS = frozenset(("model", "messages", "input", "stream", "n", "timeout", *_CAPS, *_FORMS))
# Instructor merges these with a call's own; to replace them would drop the one or the other.
_MERGED = frozenset(("system", "tools", "functions"))


def around(client: object, model: str, facts: ModelFacts | None) -> Client:
    """Make a client of ours of instructor's.

    With a plain SDK client inside that instructor itself calls, the SDK is asked directly: the strict
    schema holds, the prompt cache is steered, and the client's defaults go along (``temperature``), but for
    caps on the reply, meant for one answer, and what carries the schema (``text``, ``output_config``).
    Hooks (``client.on``) are not called on this way; ``InstructorClient(client, model)`` calls them.

    Args:
        client: an ``Instructor`` or ``AsyncInstructor``.
        model: the model's name; empty takes the one that the client was made with.
        facts: what the caller knows of the model.

    Raises:
        UsageError: no model is known.
    """
    made: Any = client
    wire = _direct(made)
    if wire is None:
        return InstructorClient(client, model, facts=facts)
    name = _stripped(made, model) or _default_model(made)
    if not name:
        raise UsageError('The instructor client was made without a model: say which to ask, model="...".')
    sdk = made.client
    if wire == "anthropic":
        options = _options(made, sdk.messages.create)
        return claude.AnthropicMessages(name, sdk=sdk, facts=facts, options=options)
    if wire == "responses" or model.startswith("openai-responses/"):
        options = _options(made, sdk.responses.create)
        return responses.OpenAIResponses(name, sdk=sdk, facts=facts, options=options)
    options = _options(made, sdk.chat.completions.create)
    # Only older servers take ``max_tokens``; whoever set it talks to one that does.
    legacy = "max_tokens" in made.kwargs
    return chat.OpenAIChat(name, sdk=sdk, facts=facts, legacy_max_tokens=legacy, options=options)


class InstructorClient:
    """A model behind any instructor client: other providers, functions of the caller's own, hooks."""

    def __init__(self, client: object, model: str = "", *, facts: ModelFacts | None = None) -> None:
        """Wrap an instructor client.

        Args:
            client: an ``Instructor`` or ``AsyncInstructor`` in any mode but a parallel one.
            model: the model's name, sent as it is; empty leaves it to the client.
            facts: what the caller knows of the model; goes before the table.

        Raises:
            UsageError: the client's mode is for several tools at once.
        """
        made: Any = client
        if "parallel" in made.mode.value:
            raise UsageError(f"instructor's mode {made.mode.value!r} has no one reply: use TOOLS or JSON.")
        self._client = made
        self._model = model
        self.provider: str = made.provider.value
        self.name = model or _default_model(made) or f"instructor/{self.provider}"
        self._facts = (facts or ModelFacts()).over(facts_of(self.name))
        self._blocking = not inspect.iscoroutinefunction(made.create_with_completion)
        retries = getattr(made.client, "max_retries", None)
        self._inner: Any = made.client if type(retries) is int else SimpleNamespace()
        self.max_retries: int = retries if type(retries) is int else RETRIES
        self.concurrency: int | None = None
        self._in_flight = 0
        self._secrets = secrets_of(made.client) + secrets_of(SimpleNamespace(**made.kwargs))

    def __repr__(self) -> str:
        return f"InstructorClient({self.name!r}, {self.provider!r}, {self._client.mode.value!r})"

    @property
    def context_tokens(self) -> int | None:
        """What the model holds; None when unknown."""
        return self._facts.context_tokens

    async def facts(self) -> ModelFacts:
        """What is known of the model."""
        return self._facts

    async def envelope(self, wanted: Envelope) -> tuple[Envelope, tuple[Usage, ...]]:
        """The best envelope that model and mode can be held to; asked once, unless it is known."""
        return await envelope_for(self._client, self.name, self._facts, self.complete, wanted)

    def counter(self) -> TokenCounter | None:
        """None: the best counter for the model's name is chosen elsewhere."""
        return None

    def reply_cap(self, prompt: Prompt) -> int:
        """The cap that is sent; all that the model can write where none is."""
        caps = self._caps(prompt)
        return max(caps.values()) if caps else self._facts.output_tokens or prompt.max_output_tokens

    async def complete(self, prompt: Prompt) -> Completion:
        """Answer one prompt, in one attempt.

        Raises:
            ClientError: nothing usable came back.
        """
        seen: list[Completion | None] = []
        call = functools.partial(self._asked, prompt, seen)
        try:
            with self._one_attempt():
                return self._answered(await called(call, blocking=self._blocking), seen)
        except Exception as error:  # each provider's SDK has errors of its own
            if (kept := salvaged(error, seen)) is not None:
                return kept
            refused = translated(cause_of(error), provider=self.provider, secrets=self._secrets)
        if isinstance(refused, Filtered):
            return Completion("", FinishReason.CONTENT_FILTER, quotas=refused.quotas)
        # Outside the handler: the SDK's error may quote a key, and a chained traceback would show it.
        raise refused from refused.original

    def _asked(self, prompt: Prompt, seen: list[Completion | None]) -> Any:
        """Instructor's own call: its result, or what has to be awaited for it."""
        told = [{"role": m.role, "content": m.content} for m in prompt.messages]
        named = {"model": self._model} if self._model else {}
        request: dict[str, Any] = {"messages": told, "max_retries": 0, **named}
        request |= self._caps(prompt)
        if not prompt.reply_schema:
            return self._client.create(response_model=None, **request)
        # Read before instructor does: it adds up usage in place, and drops a refused completion.
        hooks = type(self._client.hooks)()
        hooks.on("completion:response", lambda raw: seen.append(read(raw)))
        model = packed(json.dumps(prompt.reply_schema))
        return self._client.create_with_completion(response_model=model, hooks=hooks, **request)

    def _caps(self, prompt: Prompt) -> dict[str, int]:
        """The user's caps, raised: they were meant for one answer, and would cut a pack."""
        mine = self._client.kwargs
        caps = {cap: max(mine[cap], prompt.max_output_tokens) for cap in _CAPS if mine.get(cap)}
        if self.provider == "anthropic":  # which takes no request without
            caps.setdefault("max_tokens", prompt.max_output_tokens + claude.THINKING_TOKENS)
        return caps

    def _answered(self, result: Any, seen: list[Completion | None]) -> Completion:
        if not isinstance(result, tuple):
            if (plain := read(result)) is None:
                raise ClientError(f"a {type(result).__name__} has no text to read", provider=self.provider)
            return plain
        answer, raw = result
        found = answer.model_extra or {}
        done = (seen[-1] if seen else read(raw)) or Completion("")
        with contextlib.suppress(ValueError, RecursionError):
            if json.loads(done.text) == found:
                return done  # as it was written: only there do repeated keys show
        return replace(done, text=json.dumps(found))

    @contextlib.contextmanager
    def _one_attempt(self) -> Iterator[None]:
        """Turn the inner SDK's own retries off while calls are in flight; it is still its owner's client."""
        self._in_flight += 1
        self._inner.max_retries = 0
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._inner.max_retries = self.max_retries


@functools.lru_cache(maxsize=64)
def packed(schema: str) -> type[BaseModel]:
    """A response model that tells this JSON schema and takes any object: one bad item must not cost all."""

    class Packed(BaseModel):
        """All answers."""

        model_config = ConfigDict(extra="allow")

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            return {"title": "Packed", **json.loads(schema)}

    return Packed


def _direct(client: Any) -> str | None:
    """Which API of a plain SDK client instructor calls; None when it calls anything else."""
    import anthropic
    import openai

    create = getattr(client.create_fn, "__wrapped__", None)
    if _MERGED & client.kwargs.keys():
        return None
    home = type(getattr(create, "__self__", None)).__module__
    if isinstance(client.client, openai.OpenAI | openai.AsyncOpenAI):
        if isinstance(create, functools.partial) and create.func.__module__.startswith("instructor."):
            return "responses"
        return "chat" if home.startswith("openai.resources.chat.") else None
    plain = isinstance(client.client, anthropic.Anthropic | anthropic.AsyncAnthropic)
    return "anthropic" if plain and home.startswith("anthropic.resources.messages.") else None


def _default_model(client: Any) -> str:
    """The model that the client was made with; empty when there is none, or none to be found."""
    # Instructor 1.17 leaves ``default_model`` at None and keeps the name in the closure of ``create_fn``.
    told = [client.default_model, client.kwargs.get("model")]
    if inspect.isfunction(client.create_fn):
        told.append(inspect.getclosurevars(client.create_fn).nonlocals.get("default_model"))
    return next((name for name in told if isinstance(name, str)), "")


def _stripped(client: Any, model: str) -> str:
    """The name without our own prefix; a router's names begin with such words themselves."""
    prefix, _, name = model.partition("/")
    ours = ("anthropic",) if client.provider.value == "anthropic" else ("openai", "openai-responses", "azure")
    return name if prefix in ours and client.provider.value != "openrouter" else model


def _options(client: Any, create: Any) -> dict[str, object]:
    """The client's own defaults that the SDK takes and that are not decided for each call."""
    taken = inspect.signature(create).parameters.keys() - _OURS
    return {name: value for name, value in client.kwargs.items() if name in taken}

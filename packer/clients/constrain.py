"""Finds out what a server can hold replies to: asks for the one value that a schema allows.

A prompt that says nothing of the value is sent with a schema that allows nothing else; a server that
constrains its output must give it. Does not know: providers, tasks, or items.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from weakref import WeakKeyDictionary

from schemas.chat import Completion, Message, Prompt
from schemas.errors import CallRefused, ClientError
from schemas.facts import ModelFacts
from schemas.settings import Envelope
from schemas.usage import Usage

PROBE_TOKENS = 128
_WORD = "kestrel"
_ASKED = (Message("user", "Say hello in one short sentence."),)
_STEPS: tuple[Envelope, ...] = ("keyed", "array")
_KEYS = {"keyed": ("item_1", "item_2"), "array": ("results",)}


_known: WeakKeyDictionary[object, dict[tuple[str, Envelope], Envelope]] = WeakKeyDictionary()
"""By the caller's SDK client, as its server may change with the next one, whatever its address."""


before_probe: ContextVar[Callable[[], object]] = ContextVar("before_probe", default=lambda: None)
"""Called before each call that finds out: whoever keeps books on disk writes it down first."""


async def envelope_for(
    owner: object,
    model: str,
    facts: ModelFacts,
    complete: Callable[[Prompt], Awaitable[Completion]],
    wanted: Envelope,
) -> tuple[Envelope, tuple[Usage, ...]]:
    """What a model can be held to: as its facts say, else as asked once for each client and model.

    Args:
        owner: the caller's client, for which the answer is remembered as long as it lives.
        model: the model's name.
        facts: what is known of it.
        complete: asks the server.
        wanted: the best envelope that is of use.

    Returns:
        The envelope, and what each call used that it took to know.
    """
    if facts.structured is not None:
        return (wanted if facts.structured else "lines"), ()
    known = _known.setdefault(owner, {})
    if (model, wanted) in known:
        return known[model, wanted], ()
    found, used = await best_envelope(complete, wanted)
    known[model, wanted] = found
    return found, used


async def best_envelope(
    complete: Callable[[Prompt], Awaitable[Completion]], wanted: Envelope
) -> tuple[Envelope, tuple[Usage, ...]]:
    """Walk down from the wanted envelope to the first that the server holds replies to.

    Args:
        complete: asks the server.
        wanted: where to start.

    Returns:
        The envelope, and what each call used; ``lines`` needs no constraint and no call. When the server
        cannot be reached the wanted one stands: the run will meet the same trouble and say so.
    """
    used: list[Usage] = []
    for step in _STEPS[_STEPS.index(wanted) :] if wanted in _STEPS else ():
        before_probe.get()()
        try:
            reply = await complete(_probe(_KEYS[step]))
        except CallRefused:
            used.append(Usage())
            continue
        except ClientError:
            return wanted, (*used, Usage())
        used.append(reply.usage)
        if _holds(reply.text, _KEYS[step]):
            return step, tuple(used)
        break  # it took the schema and did not keep to it: a simpler one would fare no better
    return "lines", tuple(used)


def _probe(keys: tuple[str, ...]) -> Prompt:
    answer = {"$ref": "#/$defs/Answer"}
    schema: dict[str, object] = {
        "type": "object",
        "properties": dict.fromkeys(keys, answer),
        "required": list(keys),
        "additionalProperties": False,
        "$defs": {"Answer": {"type": "string", "enum": [_WORD]}},
    }
    return Prompt(_ASKED, schema, PROBE_TOKENS, shared_messages=0, items=len(keys), timeout_s=120.0)


def _holds(text: str, keys: tuple[str, ...]) -> bool:
    try:
        return bool(json.loads(text) == dict.fromkeys(keys, _WORD))
    except (ValueError, RecursionError):
        return False

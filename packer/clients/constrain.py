"""Finds out what a server can hold replies to: asks for the one value that a schema allows.

A prompt that says nothing of the value is sent with a schema that allows nothing else; a server that
constrains its output must give it. Does not know: providers, tasks, or items.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from schemas.chat import Completion, Message, Prompt
from schemas.errors import CallRefused, ClientError
from schemas.settings import Envelope
from schemas.usage import Usage

PROBE_TOKENS = 128
_WORD = "kestrel"
_ASKED = (Message("user", "Say hello in one short sentence."),)
_STEPS: tuple[Envelope, ...] = ("keyed", "array", "lines")
_KEYS = {"keyed": ("item_1", "item_2"), "array": ("results",)}


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
    for step in _STEPS[_STEPS.index(wanted) :]:
        if step == "lines":
            break
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

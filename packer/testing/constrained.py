"""A server's constrained decoding: what it makes of a reply's schema, and of a probe of it.

A probe is a request whose schema allows exactly one value, which its prompt does not tell: only a server
that constrains its replies can give it. Does not know: wires, scripts, or how a server is probed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from packer.testing.reader import Request
from packer.testing.shape import pointed

Constrained = bool | Literal["refuse", "array"]
"""``True`` holds replies to any schema; ``False`` ignores schemas; ``"refuse"`` answers 400 to every one;
``"array"`` only to those whose root has more than one property.
"""

PROSE = "Hello!"
"""What a model says to a probe when nothing constrains it."""

_DEEPEST = 20


def refusal(constrained: Constrained, request: Request, schema_at: str) -> tuple[str, str | None] | None:
    """The message and code with which the server turns a request down for its schema; None when it does not.

    Args:
        constrained: the server's kind.
        request: the call.
        schema_at: how the wire names the place of the schema.
    """
    if not request.schema:
        return None
    if constrained == "refuse":
        return f"{schema_at} json_schema is not supported", "unsupported_parameter"
    properties = _resolved(request.schema, request.schema).get("properties")
    if constrained == "array" and isinstance(properties, Mapping) and len(properties) > 1:
        return "schema is too complex", "invalid_json_schema"
    return None


def probed(constrained: Constrained, request: Request) -> str | None:
    """The reply to a probe; None when the request is none."""
    only = only_value(request.schema)
    if not only:
        return None
    return PROSE if constrained is False else json.dumps(only[0], separators=(",", ":"))


def only_value(schema: Mapping[str, object]) -> tuple[object, ...]:
    """The one value that a schema allows; none when it allows others, or is not read here.

    Read are closed objects with all properties required, enums of one value, constants and references.
    """
    return _only(schema, schema, 0)


def _only(schema: object, root: Mapping[str, object], depth: int) -> tuple[object, ...]:
    found = _resolved(schema, root)
    if depth > _DEEPEST or not found:
        return ()
    if "const" in found:
        return (found["const"],)
    if isinstance(values := found.get("enum"), list):
        return tuple(values) if len(values) == 1 else ()
    properties = found.get("properties")
    if found.get("type") != "object" or not isinstance(properties, Mapping) or not properties:
        return ()
    required = found.get("required")
    if found.get("additionalProperties") is not False or not isinstance(required, list):
        return ()
    if not set(properties) <= set(required):
        return ()
    value: dict[str, object] = {}
    for name, each in properties.items():
        inside = _only(each, root, depth + 1)
        if not inside:
            return ()
        (value[name],) = inside
    return (value,)


def _resolved(schema: object, root: Mapping[str, object]) -> Mapping[str, object]:
    for _ in range(_DEEPEST):  # a reference may lead back to itself
        if not isinstance(schema, Mapping):
            return {}
        if not isinstance(reference := schema.get("$ref"), str):
            return schema
        schema = pointed(reference, root)
    return {}

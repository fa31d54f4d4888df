"""What SDK clients that are made here stand on: a key, and connections.

Connections are aiohttp's where it is installed, as they cost less time.

Does not know: what goes over them.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from schemas.errors import UsageError


# Each SDK wants its own kind of HTTP client, and the kinds have no common name.
def swift_connections(package: ModuleType, owner: object) -> Any:
    """An HTTP client for an asynchronous SDK; None leaves it to the SDK.

    Args:
        package: the SDK: ``openai`` or ``anthropic``.
        owner: whoever is to close it; when it is gone without that, the connections are dropped.
    """
    made = getattr(package, "DefaultAioHttpClient", None)
    if made is None or find_spec("aiohttp") is None:
        return None
    try:
        connections = made()
    except Exception:  # some releases of the SDKs want one more package for it
        return None
    weakref.finalize(owner, _drop, connections)
    return connections


def no_key(provider: str, variable: str) -> UsageError:
    """Nobody gave a key: said so that it helps at a command line, too."""
    return UsageError(
        f"There is no key for {provider}: set {variable} in the environment. In Python, a client that was "
        "made with its key does as well."
    )


def _drop(connections: Any) -> None:
    """Close without waiting: left to itself, aiohttp would complain on the standard error at exit."""
    transports = (getattr(connections, "_transport", None), *getattr(connections, "_mounts", {}).values())
    for transport in transports:
        session: Any = getattr(transport, "client", None)
        # Its loop may be another thread's, or closed: whatever fails here has nobody who could be told.
        with suppress(Exception):
            connector = session.connector
            session.detach()
            closing = connector.close().__await__()
            next(closing, None)  # it closes first and waits then
            closing.close()

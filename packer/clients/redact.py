"""Keeps keys out of whatever people may read: finds what an SDK client sends, and strikes it out.

Does not know: which errors there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_SAID_CHARACTERS = 500
SHORTEST_SECRET = 6
_SECRET_NAME = re.compile(r"auth|key|token|secret|passw|credential|cookie|signature|\bsig\b", re.IGNORECASE)


def secrets_of(sdk: object) -> tuple[str, ...]:
    """The keys that an SDK client sends, so that they can be struck out wherever they come back."""
    names = ("api_key", "auth_token", "_azure_ad_token")
    found = [*secret_words({name: getattr(sdk, name, None) for name in names})]
    for name in ("auth_headers", "default_headers", "default_query"):
        found += secret_words(getattr(sdk, name, None))
    return tuple(dict.fromkeys(found))


def secret_words(table: object) -> list[str]:
    """The values of a table whose names speak of secrets, whole and without what stands around them."""
    if not isinstance(table, Mapping):
        return []
    values = [value for key, value in table.items() if _SECRET_NAME.search(str(key))]
    # Without white space: a key that was read from a file may end in a line break, and is shown escaped.
    told = [value.strip() for value in values if isinstance(value, str)]
    words = [word for each in told for word in (each, each.rpartition(" ")[2])]
    return [word for word in words if len(word) >= SHORTEST_SECRET]


def struck_out(said: str, secrets: tuple[str, ...]) -> str:
    """What a server said, on one line, cut short, without any secret."""
    for secret in secrets:
        said = said.replace(secret, "***")
    return " ".join(said.split())[:MOST_SAID_CHARACTERS]


def holds_secret(error: BaseException | None, secrets: tuple[str, ...]) -> bool:
    """Whether an error, or one that it came from, would show a secret to whoever prints it or its fields."""
    for _ in range(8):
        if error is None:
            return False
        shown = f"{error!s} {error!r} {vars(error)!r}"
        if any(secret in shown for secret in secrets):
            return True
        error = error.__cause__ or error.__context__
    return True  # too long a chain to be sure of

"""What response headers say of ceilings and pauses, in OpenAI's and Anthropic's spelling.

Does not know: what is done about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from schemas.quota import Quota, QuotaKind

Headers = Mapping[str, str]
"""Response headers; the SDKs' own find names in any case."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_KINDS: tuple[tuple[str, QuotaKind], ...] = (
    ("requests", "requests"),
    ("tokens", "tokens"),
    ("input-tokens", "input_tokens"),
    ("output-tokens", "output_tokens"),
)


def retry_after_s(headers: Headers) -> float | None:
    """How long the provider asks to wait; None when it does not say or says nonsense."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    return _until(value, parsedate_to_datetime)


def quotas_of(headers: Headers) -> tuple[Quota, ...]:
    """The ceilings that a reply's headers state, in OpenAI's or Anthropic's spelling."""
    found = []
    for word, kind in _KINDS:
        for limit, left, reset in (
            (f"x-ratelimit-limit-{word}", f"x-ratelimit-remaining-{word}", f"x-ratelimit-reset-{word}"),
            tuple(f"anthropic-ratelimit-{word}-{part}" for part in ("limit", "remaining", "reset")),
        ):
            numbers = _whole(headers.get(limit)), _whole(headers.get(left))
            if numbers != (None, None):
                found.append(Quota(kind, *numbers, _reset_s(headers.get(reset))))
    return tuple(found)


def _number(value: str | None) -> float | None:
    try:
        found = float(value) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and 0 <= found < float("inf") else None


def _whole(value: str | None) -> int | None:
    found = _number(value)
    return None if found is None else int(found)


def _reset_s(value: str | None) -> float | None:
    """Seconds from "1.5", "6m0s", "20ms" or a date in RFC 3339."""
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    if parts := _DURATION.findall(value):
        return sum(float(amount) * _UNIT_S[unit] for amount, unit in parts)
    return _until(value, datetime.fromisoformat)


def _until(value: str | None, read: Callable[[str], datetime]) -> float | None:
    try:
        moment = read(value) if value else None
    except (ValueError, TypeError):
        return None
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())

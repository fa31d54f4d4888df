"""What a provider says of its own ceilings, reply by reply.

Does not know: header names, or what is done about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

QuotaKind = Literal["requests", "tokens", "input_tokens", "output_tokens"]


@dataclass(frozen=True, slots=True)
class Quota:
    """One ceiling as the provider's last reply states it.

    Attributes:
        kind: what is counted, a minute.
        limit: most of it a minute; None when not said.
        remaining: what is left of it now; None when not said.
        reset_s: seconds until it is whole again; None when not said.
    """

    kind: QuotaKind
    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None

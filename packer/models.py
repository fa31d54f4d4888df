"""Facts of OpenAI's and Anthropic's models, from a dated table inside the package; no network.

A name that is not in the table is unknown, never guessed from one that looks like it.
Does not know: what tokens cost, what a provider says of its models today, or what the caller knows better.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import TypedDict

from schemas.facts import ModelFacts, PromptCache

_PREFIX = re.compile(r"^(?:openai|openai-responses|anthropic|azure)/")
_DATED = re.compile(r"-(?:20\d{2}-\d{2}-\d{2}|20\d{6}|latest)$")


class _Row(TypedDict, total=False):
    context_tokens: int
    input_tokens: int
    output_tokens: int
    structured: bool
    reasons: bool
    price_step_tokens: int
    cache: PromptCache


class _Table(TypedDict):
    retrieved: str
    source: str
    models: dict[str, _Row]


def facts_of(model: str) -> ModelFacts:
    """What the table says of a model; all unknown for a name it does not hold.

    >>> facts_of("openai/gpt-4.1-mini-2025-04-14").output_tokens
    32768
    >>> facts_of("Qwen/Qwen3-4B") == facts_of("gpt-oss-20b") == ModelFacts()
    True

    Args:
        model: the name as it is sent, in any case: with or without a provider's prefix or a snapshot's
            date; a fine-tuned OpenAI model (``ft:``) has the facts of its base.
    """
    name = _PREFIX.sub("", model.strip().lower())
    if name.startswith("ft:"):
        name = name.split(":")[1]
    table = _table()
    # The dated name first: a snapshot is listed where it differs (gpt-4o-2024-05-13 writes far less).
    row = table["models"].get(name) or table["models"].get(_DATED.sub("", name))
    if row is None:
        return ModelFacts()
    return ModelFacts(**row, source=f"packsplit's table of {table['retrieved']} ({table['source']})")


@lru_cache(maxsize=1)
def _table() -> _Table:
    text = files("packer").joinpath("model_limits.json").read_text(encoding="utf-8")
    table: _Table = json.loads(text)
    return table

"""Write ``packer/model_limits.json`` from the model map that litellm ships.

    pip download --no-deps -d DIR litellm
    unzip DIR/litellm-*.whl 'litellm/model_prices_and_context_window_backup.json' -d DIR
    python scripts/vendor_models.py DIR/litellm/model_prices_and_context_window_backup.json 1.110.2

The second argument is litellm's version. litellm itself is never installed. Same input, same table (but
for the date); read the diff before you commit it, and ``CORRECTIONS`` before you believe it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "packer" / "model_limits.json"

# Not for text in and text out over a plain chat call.
_OTHER_TRADES = re.compile(r"audio|computer-use|realtime|container|^ft:")
_DATED = re.compile(r"-(?:20\d{2}-\d{2}-\d{2}|20\d{6})$")
_STEP = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")

RULES = [
    "A key that is missing is unknown.",
    "Kept: OpenAI and Anthropic text models with a known limit. A dated snapshot is listed only where the "
    "undated name says something else; fine-tuned models are read as their base.",
    "context_tokens: OpenAI's models that state a prompt limit of 272000 or 922000 hold prompt + reply "
    "(genai-prices 0.2.3 gives the same 400000 and 1050000); for all others prompt and reply share the "
    "prompt limit.",
    "reasons: thinks when nothing is asked of it. Anthropic: litellm's thinking_always_on or "
    "thinking_on_by_default. OpenAI: supports_reasoning, unless default_reasoning_effort is none. Silent "
    "where litellm is.",
    "cache: none where cached tokens have no price of their own; else breakpoint for Anthropic, for gpt-5.6 "
    "and later, and where writes have a price; else key.",
    "price_step_tokens: from litellm's input_cost_per_token_above_Nk_tokens, standard tier.",
]

# What the map has wrong or leaves out: which models, what holds instead, and who says so.
CORRECTIONS: list[tuple[str, dict[str, Any], str]] = [
    (
        r"gpt-5\.[45](-pro)?(-20.*)?",
        {"context_tokens": 1_050_000, "input_tokens": 922_000},
        "the map gives the context as the prompt limit: 1050000 holds the 128000 of the reply too, as it "
        "does in the map's own entries for gpt-5.6 (922000 + 128000); 2026-11-25",
    ),
    (
        r"gpt-5\.1-codex.*|chat-latest",
        {"context_tokens": 400_000, "input_tokens": 272_000},
        "the map gives the context as the prompt limit: 400000 holds the 128000 of the reply too, as it does "
        "in the map's own entries for gpt-5 and gpt-5-codex (272000 + 128000); 2026-11-25",
    ),
    (
        r"gpt-3\.5-turbo.*|gpt-4|gpt-4-.*|gpt-4o-2024-05-13",
        {"structured": False},
        "langchain-openai reference, ChatOpenAI.withStructuredOutput: JSON schema only from "
        "gpt-4o-mini-2024-07-18 and gpt-4o-2024-08-06 on; 2026-11-25",
    ),
    (
        r"gpt-3\.5-turbo.*|gpt-4|gpt-4-.*|gpt-4o.*|gpt-4\.1.*",
        {"reasons": False},
        "the map marks no model before o1 and gpt-5 as reasoning; silence is read as no; 2026-11-25",
    ),
]


def row_of(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """What the table says of one model; unknowns are left out."""
    anthropic = entry["litellm_provider"] == "anthropic"
    most_in, most_out = int(entry["max_input_tokens"]), entry.get("max_output_tokens")
    apart = not anthropic and most_in in (272_000, 922_000)
    steps = [int(found[1]) * 1000 for key in entry if (found := _STEP.fullmatch(key))]
    row = {
        "context_tokens": most_in + (most_out or 0) if apart else most_in,
        "input_tokens": most_in,
        "output_tokens": most_out,
        "structured": entry.get("supports_response_schema"),
        "reasons": _reasons(entry, anthropic),
        "price_step_tokens": min(steps, default=None),
        "cache": _cache(name, entry, anthropic),
    }
    for pattern, says, _ in CORRECTIONS:
        if re.fullmatch(pattern, name):
            row |= says
    return {key: value for key, value in row.items() if value is not None}


def _reasons(entry: dict[str, Any], anthropic: bool) -> bool | None:
    if anthropic:
        return bool(entry.get("thinking_always_on") or entry.get("thinking_on_by_default"))
    known: bool | None = entry.get("supports_reasoning")
    return known if entry.get("default_reasoning_effort") != "none" else False


def _cache(name: str, entry: dict[str, Any], anthropic: bool) -> str | None:
    if entry.get("supports_prompt_caching") is None:
        return None
    if not entry["supports_prompt_caching"] or not entry.get("cache_read_input_token_cost"):
        return "none"
    release = re.match(r"gpt-(\d+)(?:\.(\d+))?", name)
    steered = (
        anthropic
        or entry.get("supports_prompt_cache_breakpoint")
        or entry.get("cache_creation_input_token_cost")
        or (release is not None and (int(release[1]), int(release[2] or 0)) >= (5, 6))
    )
    return "breakpoint" if steered else "key"


def rows_of(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All models of the table, sorted, without snapshots that say what their undated name says."""
    rows = {
        name: row_of(name, entry)
        for name, entry in sorted(entries.items())
        if entry.get("litellm_provider") in ("openai", "anthropic")
        and entry.get("mode") in ("chat", "responses")
        and entry.get("max_input_tokens")
        and not _OTHER_TRADES.search(name)
    }
    return {
        name: row
        for name, row in rows.items()
        if (undated := _DATED.sub("", name)) == name or rows.get(undated) != row
    }


def main() -> None:
    """Read the map, write the table."""
    path, version = Path(sys.argv[1]), sys.argv[2]
    raw = path.read_bytes()
    rows = rows_of(json.loads(raw))
    head = {
        "retrieved": date.today().isoformat(),
        "source": f"litellm {version}, {path.name} (MIT)",
        "source_sha256": hashlib.sha256(raw).hexdigest(),
        "rules": RULES,
        "corrections": [
            {"models": [name for name in rows if re.fullmatch(pattern, name)], "says": says, "source": source}
            for pattern, says, source in CORRECTIONS
        ],
    }
    # One model a line: a new map is read as a diff.
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    text = json.dumps(head, indent=1).removesuffix("\n}") + ',\n "models": {\n' + lines + "\n }\n}\n"
    json.loads(text)
    TABLE.write_text(text, encoding="utf-8")
    print(f"{len(rows)} models, {len(text)} characters")


if __name__ == "__main__":
    main()

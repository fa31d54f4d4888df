"""The table of models: what it says, under which names, and that it says nothing of any other."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import packer
from packer.models import facts_of
from schemas.facts import ModelFacts

TABLE = json.loads((Path(packer.__file__).parent / "model_limits.json").read_text(encoding="utf-8"))
MODELS = TABLE["models"]


def test_the_table_is_small_dated_and_sourced() -> None:
    assert date(2026, 11, 1) <= date.fromisoformat(TABLE["retrieved"])
    assert TABLE["source"].startswith("litellm ")
    assert all(each["source"] and each["models"] for each in TABLE["corrections"])
    assert len(json.dumps(TABLE)) < 40_000
    assert len(MODELS) > 50


@pytest.mark.parametrize("name", MODELS)
def test_every_row_makes_facts_that_agree_with_each_other(name: str) -> None:
    facts = facts_of(name)
    assert facts.input_tokens is not None
    assert facts.output_tokens is not None
    assert facts.context_tokens is not None
    most = max(facts.input_tokens, facts.output_tokens)
    assert most <= facts.context_tokens <= facts.input_tokens + facts.output_tokens
    assert facts.price_step_tokens is None or facts.price_step_tokens <= facts.input_tokens
    assert facts.price is None
    assert TABLE["retrieved"] in facts.source
    assert "litellm" in facts.source


def test_every_correction_is_in_the_rows_it_names() -> None:
    for each in TABLE["corrections"]:
        for name in each["models"]:
            assert each["says"].items() <= MODELS[name].items(), name


def test_what_the_table_says_of_one_model_of_each_kind() -> None:
    luna = facts_of("gpt-5.6-luna")
    assert (luna.context_tokens, luna.input_tokens, luna.output_tokens) == (1_050_000, 922_000, 128_000)
    assert (luna.structured, luna.reasons, luna.price_step_tokens) == (True, True, 272_000)
    haiku = facts_of("claude-haiku-4-5")
    assert (haiku.context_tokens, haiku.output_tokens, haiku.reasons) == (200_000, 64_000, False)
    turbo = facts_of("gpt-4-turbo")
    assert (turbo.structured, turbo.reasons, turbo.cache) == (False, False, "none")


@pytest.mark.parametrize(
    ("model", "cache"),
    [
        ("gpt-4.1-mini", "key"),
        ("gpt-5.5", "key"),
        ("gpt-5.6", "breakpoint"),
        ("gpt-5.6-cyber", "breakpoint"),
        ("gpt-6-cyber", "breakpoint"),
        ("gpt-6.1-terra", "breakpoint"),
        ("claude-opus-5", "breakpoint"),
        ("o1-pro", "none"),
    ],
)
def test_the_cache_is_steered_as_the_release_asks(model: str, cache: str) -> None:
    assert facts_of(model).cache == cache


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [
        ("openai/gpt-4.1-mini", "gpt-4.1-mini"),
        ("openai-responses/gpt-6-luna", "gpt-6-luna"),
        ("azure/gpt-4o", "gpt-4o"),
        ("anthropic/claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("gpt-5.4-2026-03-05", "gpt-5.4"),
        ("claude-opus-5-latest", "claude-opus-5"),
        ("GPT-5.6-Luna ", "gpt-5.6-luna"),
        ("ft:gpt-4.1-mini-2025-04-14:org::id", "gpt-4.1-mini"),
        ("openai/ft:gpt-4o-2024-08-06:org:name:id", "gpt-4o"),
    ],
)
def test_a_model_has_one_set_of_facts_under_all_its_spellings(spelling: str, plain: str) -> None:
    assert facts_of(spelling) == facts_of(plain) != ModelFacts()


def test_a_snapshot_that_differs_has_its_own_row() -> None:
    assert facts_of("gpt-4o-2024-05-13").output_tokens == 4_096
    assert facts_of("gpt-4o-2024-08-06").output_tokens == 16_384


@pytest.mark.parametrize(
    "model",
    [
        "",
        "local",
        "ft:",
        "Qwen/Qwen3-4B-Instruct",
        "openai/gpt-oss-20b",
        "gpt-oss-120b",
        "groq/gpt-4o",
        "openrouter/openai/gpt-4o",
        "gpt-4.1-micro",
        "gpt-4-32k",
        "gpt-6.2-sol",
        "claude-haiku-4-5-distill",
        "my-gpt-4o",
    ],
)
def test_an_unknown_name_is_unknown_altogether(model: str) -> None:
    assert facts_of(model) == ModelFacts()


@given(st.sampled_from(sorted(MODELS)), st.from_regex(r"[-.]?[a-z0-9]{1,6}", fullmatch=True))
def test_no_longer_name_takes_the_facts_of_a_shorter_one(name: str, more: str) -> None:
    longer = name + more
    assert longer in MODELS or longer.endswith("-latest") or facts_of(longer) == ModelFacts()


def test_neighbours_in_name_keep_apart() -> None:
    assert facts_of("gpt-4").context_tokens == 8_192
    assert facts_of("gpt-4.1-mini").context_tokens == 1_047_576
    assert facts_of("gpt-5").input_tokens == 272_000
    assert facts_of("gpt-5.6-luna").input_tokens == 922_000


def test_the_maker_of_the_table_drops_only_what_says_nothing_new() -> None:
    vendor = pytest.importorskip("scripts.vendor_models")
    plain = {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 9, "max_output_tokens": 4}
    priced = {"supports_prompt_caching": True, "cache_read_input_token_cost": 1e-7}
    rows = vendor.rows_of(
        {
            "gpt-7": plain | priced,
            "gpt-7-2027-01-01": plain | priced,
            "gpt-7-2027-02-02": plain | {"max_output_tokens": 2},
            "gpt-7-mini-2027-01-01": plain | {"input_cost_per_token_above_272k_tokens": 1e-6},
            "gpt-7-audio": plain,
            "ft:gpt-7": plain,
            "gpt-7-secret": {**plain, "max_input_tokens": None},
            "llama-9": {**plain, "litellm_provider": "groq"},
            "text-embedding-9": {**plain, "mode": "embedding"},
        }
    )
    assert list(rows) == ["gpt-7", "gpt-7-2027-02-02", "gpt-7-mini-2027-01-01"]
    assert rows["gpt-7"] == {
        "context_tokens": 9,
        "input_tokens": 9,
        "output_tokens": 4,
        "cache": "breakpoint",
    }
    assert rows["gpt-7-mini-2027-01-01"]["price_step_tokens"] == 272_000

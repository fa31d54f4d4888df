"""Counters: offline, never raising, and never below the truth where that is promised."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given

from packer import tokens
from packer.tokens import ToktokCounter, Utf8Bound, counter_for
from tests.strategies import texts

HARD = ["", "\ud800 lone", " " * 1_000_000, "a" * 100_000, "<|endoftext|>", "漢字" * 1_000, "\x00"]


def test_the_best_counter_is_chosen_and_named() -> None:
    assert counter_for("openai/gpt-6-luna").name == "toktok/o200k_base"
    assert counter_for("gpt-4-turbo").name == "toktok/cl100k_base"
    assert counter_for("anthropic/claude-opus-5").name == "utf8-bound"


@pytest.mark.parametrize("counter", [Utf8Bound(), ToktokCounter()])
def test_no_text_is_too_hard(counter: Utf8Bound | ToktokCounter) -> None:
    counts = counter.count_batch(HARD)
    assert len(counts) == len(HARD)
    assert all(count >= 0 for count in counts)
    assert counts[0] == 0


@given(texts)
def test_bytes_are_an_upper_bound(text: str) -> None:
    (exact,), (bound,) = ToktokCounter().count_batch([text]), Utf8Bound().count_batch([text])
    assert exact <= bound


def test_tiktoken_is_left_alone_without_a_sound_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing or damaged file would make it download, without a timeout."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tokens.importlib.util, "find_spec", lambda name: None)
    counter_for.cache_clear()
    try:
        assert counter_for("gpt-4o").name == "utf8-bound"
        file_name, expected = tokens._VOCABULARY_FILES["o200k_base"]
        (tmp_path / file_name).write_bytes(b"damaged")
        counter_for.cache_clear()
        assert counter_for("gpt-4o").name == "utf8-bound"
        assert hashlib.sha256(b"damaged").hexdigest() != expected
    finally:
        counter_for.cache_clear()


def test_tiktoken_counts_hard_texts_without_falling_over() -> None:
    class Panics:
        def encode_ordinary(self, text: str) -> list[int]:
            assert len(text) < 200_000
            return [0] * len(text.split())

    counter = tokens.TiktokenCounter(Panics(), "tiktoken/fake")  # type: ignore[arg-type]
    assert counter.count_batch([" " * 1_000_000, "two words"]) == [1_000_000, 2]

"""Counters: offline, never raising, and never below the truth where that is promised."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

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


def test_a_sound_vocabulary_is_taken_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_name, _ = tokens._VOCABULARY_FILES["o200k_base"]
    (tmp_path / file_name).write_bytes(b"sound")
    sound = file_name, hashlib.sha256(b"sound").hexdigest()
    monkeypatch.setitem(tokens._VOCABULARY_FILES, "o200k_base", sound)
    monkeypatch.setattr("tiktoken.get_encoding", lambda name: None)
    monkeypatch.setattr(tokens.importlib.util, "find_spec", lambda name: None)
    try:
        for folder, name in ((str(tmp_path), "tiktoken/o200k_base"), ("", "utf8-bound")):
            monkeypatch.setenv("TIKTOKEN_CACHE_DIR", folder)  # an empty one is tiktoken's way of "no cache"
            counter_for.cache_clear()
            assert counter_for("gpt-4o").name == name
    finally:
        counter_for.cache_clear()


def adversarial() -> list[str]:
    """Runs, spaces, all planes, combining marks, lone surrogates, special tokens, and noise."""
    draw = Random(7)
    runs = [letter * length for letter in "a \n1ü漢\u0301\U0001f600." for length in (1, 2, 3, 17, 999)]
    planes = [
        "".join(chr(plane * 0x10000 + at) for at in range(0x20, 0xD000, 0x333))
        for plane in (0, 1, 2, 3, 14, 15)
    ]
    odd = [
        "\ud800",
        "a\udfffb",
        "\ud83d\ude00",
        "<|endoftext|>",
        "<|im_start|>x",
        "e\u0301\u0302",
        "\x00\x7f",
    ]
    noise = [
        "".join(
            chr(draw.choice((draw.randrange(128), draw.randrange(0x3000), draw.randrange(0xD800))))
            for _ in range(40)
        )
        for _ in range(1_500)
    ]
    return [*runs, *planes, *odd, *(one + two for one in odd for two in odd), *noise]


@pytest.mark.parametrize("vocabulary", ["o200k_base", "cl100k_base"])
def test_the_fast_counter_counts_as_tiktoken_does(vocabulary: str) -> None:
    if not tokens._vocabulary_is_here(vocabulary):
        pytest.skip(
            f"tiktoken's {vocabulary} is not on this machine; TIKTOKEN_CACHE_DIR names a folder that holds it"
        )
    import tiktoken

    oracle = tiktoken.get_encoding(vocabulary)
    corpus = adversarial()
    counts = ToktokCounter(vocabulary).count_batch(corpus)
    wrong = [
        text for text, count in zip(corpus, counts, strict=True) if len(oracle.encode_ordinary(text)) != count
    ]
    assert not wrong


def test_a_bad_text_does_not_change_the_count_of_the_others() -> None:
    counter, corpus = ToktokCounter(), adversarial()
    together = counter.count_batch(corpus)
    assert together == [counter.count_batch([text])[0] for text in corpus]


def test_tiktoken_counts_hard_texts_without_falling_over() -> None:
    class Panics:
        def encode_ordinary(self, text: str) -> list[int]:
            assert len(text) < 200_000
            return [0] * len(text.split())

    counter = tokens.TiktokenCounter(Panics(), "tiktoken/fake")  # type: ignore[arg-type]
    assert counter.count_batch([" " * 1_000_000, "two words"]) == [1_000_000, 2]

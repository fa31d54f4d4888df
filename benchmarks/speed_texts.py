"""The texts that speed is measured on: real sentences of Python's own documentation, and hostile ones.

They come with the interpreter, so nothing is fetched, and are the same for the same Python. A short text is
two sentences, about 190 bytes; texts are all different, and made one by one, whatever their number.
Does not know: tasks, replies, or what is timed.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from math import gcd
from pathlib import Path
from pydoc_data.topics import topics
from random import Random

WORKLOADS = ("A", "B", "C", "D")
"""Of ``benchmarks.binpack``."""

LEAST, MOST = 60, 130
"""Characters of one sentence."""

STEP = 7_368_787
"""A prime: taken as a step, it leads through all pairs of sentences before one comes again."""

_DOCSTRING = re.compile(r'"""(.+?)"""', re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@cache
def sentences() -> tuple[str, ...]:
    """Sentences of the language reference and of the standard library's docstrings."""
    home = Path(sysconfig.get_path("stdlib"))
    files = sorted(home.glob("*.py"))
    docs = [each for file in files for each in _DOCSTRING.findall(file.read_text("utf-8", "replace"))]
    found = (" ".join(each.split()) for text in [*topics.values(), *docs] for each in _SENTENCE.split(text))
    return tuple(dict.fromkeys(each for each in found if LEAST <= len(each) <= MOST and each.endswith(".")))


def short_texts(count: int) -> Iterator[str]:
    """So many short texts, all different; lazily."""
    pool = sentences()
    pairs = len(pool) ** 2
    assert count <= pairs
    assert gcd(STEP, pairs) == 1
    for number in range(count):
        first, second = divmod(number * STEP % pairs, len(pool))
        yield f"{pool[first]} {pool[second]}"


def long_texts(count: int, size_bytes: int) -> list[str]:
    """Pages of the language reference, each so many bytes."""
    book = "\n\n".join(topics.values())
    step = max(1, (len(book) - size_bytes) // count)
    pages = (book[number * step : number * step + size_bytes] for number in range(count))
    return [page.encode()[:size_bytes].decode("utf-8", "ignore") for page in pages]


def prose(count: int, size_bytes: int) -> list[str]:
    """Sentences one after another, each text so many bytes: long, and without tables and code."""
    return [
        text.encode()[:size_bytes].decode("utf-8", "ignore")
        for text in texts_of(count, size_bytes + MOST, seed=count)
    ]


def texts_of(count: int, characters: int, seed: int = 0) -> list[str]:
    """So many texts of about so many characters, no sentence in two of twenty that follow each other."""
    pool = list(sentences())
    Random(seed).shuffle(pool)
    made: list[str] = []
    place = 0
    for _ in range(count):
        parts: list[str] = []
        while sum(map(len, parts)) + len(parts) < characters - LEAST // 2:
            parts.append(pool[place % len(pool)])
            place += 1
        made.append(" ".join(parts))
    return made


def quote_in(text: str) -> str:
    """Seven words out of the middle of a text: what an answer rests on."""
    words = text.split()
    middle = max(0, len(words) // 2 - 4)
    return " ".join(words[middle : middle + 7])


def adversarial(count: int) -> list[str]:
    """Texts that tokenizers get wrong: runs, all planes, joined signs, special tokens, lone surrogates."""
    random = Random(count)
    planes = [(0x20, 0x7E), (0x80, 0x24F), (0x300, 0x36F), (0x400, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF)]
    planes += [(0x1F300, 0x1FAFF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x10000, 0x10FFF), (0, 0x10FFFF)]
    signs = [
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\u200d",
        "\ufe0f",
        "'s",
        "'LL",
        "<|endoftext|>",
        "\x00",
        "0",
        "a",
    ]
    made = ["", "<|endoftext|>", "a" * 10_000, " " * 10_000, "\n" * 5_000, "1" * 9_999, "\ud800 lone \udfff"]
    while len(made) < count:
        kind = random.randrange(4)
        if kind == 0:
            low, high = random.choice(planes)
            letters = (random.randint(low, high) for _ in range(random.randrange(1, 200)))
            made.append("".join(chr(each) for each in letters if not 0xD800 <= each <= 0xDFFF))
        elif kind == 1:
            made.append("".join(random.choices(signs, k=random.randrange(1, 120))))
        elif kind == 2:
            made.append(random.choice(signs) * random.randrange(1, 2_000))
        else:
            text = random.choice(sentences())
            at = random.randrange(len(text))
            made.append(text[:at].upper() + random.choice(signs) + text[at:].swapcase())
    return made[:count]

"""Markers: how one item's text is kept apart from its neighbours'.

``quoted``: each item is one line, ``handle: "text"``, its text a JSON string; no text can begin a line or
close its own quotes. ``nonce``: each block starts with ``[nonce] handle: ``; the nonce is a random word of 64
bits and more that occurs in none of the pack's texts. The handle stands right before the text: on small
models a random word between the two costs accuracy, and one before them costs some, too (docs/decisions.md).
Does not know: tasks, budgets, or what is asked of the items.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from random import Random

from schemas.settings import MOST_ITEMS_PER_PACK, Framing

NONCE_LETTERS = 14
"""26 ** 14 is above 2 ** 65."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz"

# A byte to a letter. Six letters come a tenth less often than the others: 14 of them still hide 65 bits.
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))

# Plain numbers lead a small model through the pack better than words or codes do (docs/decisions.md); which
# item gets which number is chance. The prefix tells a handle in a free-text answer from a number of its own.
HANDLES: tuple[str, ...] = tuple(f"item_{number}" for number in range(1, MOST_ITEMS_PER_PACK + 1))
EXAMPLE_HANDLES: tuple[str, ...] = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
)
"""For worked examples; never seats in a pack, so an example's answer cannot be taken for an item's."""

# Chat templates of open models give these meaning even inside a message; a space disarms them.
_CONTROL = re.compile(r"<(?=\|[^|<>]{1,40}\|>|/?s>|(?:start|end)_of_turn>)|\[(?=/?INST\])")


_BREAKS = {ord(each): f"\\u{ord(each):04x}" for each in "\x7f\x85\u2028\u2029"}


def block(text: str, handle: str, nonce: str, seal: str | None = None) -> str:
    """One item's part of the user message, its line break included.

    Begins and ends where every tokenizer we know breaks, so blocks' token counts add up.

    Args:
        text: of the item.
        handle: its tag.
        nonce: the pack's; empty for a quoted text.
        seal: what the reply must repeat; None without seals.
    """
    return blocks([text], [handle], nonce, None if seal is None else [seal])


def blocks(
    texts: Sequence[str], handles: Sequence[str], nonce: str, seals: Sequence[str | None] | None = None
) -> str:
    """The parts of several items, one at least, one after the other: see ``block``."""
    if seals is not None:
        handles = [f"{h} ({seal})" if seal else h for h, seal in zip(handles, seals, strict=True)]
    if not nonce:
        return "".join([f"{h}: {_quoted(text)}\n" for h, text in zip(handles, texts, strict=True)])
    begun = f"[{nonce}] "
    lines = [f"{h}: {text}" for h, text in zip(handles, texts, strict=True)]
    return f"{begun}{f'{chr(10)}{begun}'.join(lines)}\n"


def sized(texts: Sequence[str], framing: Framing) -> list[str]:
    """What of a block counts for its text: nothing before the last break in front of it.

    Args:
        texts: cleaned.
        framing: how they are kept apart.
    """
    if framing == "quoted":
        return [f"1: {_quoted(text)}\n" for text in texts]
    return [f"1: {text}\n" for text in texts]


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    # JSON leaves some characters alone that others take for the end of a line.
    return quoted if quoted.isascii() and "\x7f" not in quoted else quoted.translate(_BREAKS)


def end(nonce: str) -> str:
    """The line that closes the last block; nothing where texts are quoted."""
    return f"[{nonce}] end\n" if nonce else ""


def nonce_for(framing: Framing, nonce: str) -> str:
    """The nonce that a framing writes: quoted texts have none."""
    return nonce if framing == "nonce" else ""


def cleaned(text: str) -> str:
    """The text as a prompt can carry it.

    Lone surrogates, which no wire can carry, become U+FFFD; chat-template control tokens such as
    ``<|im_end|>`` lose their meaning by one space. Everything else stays as it is.
    """
    return cleaned_all([text])[0]


def cleaned_all(texts: Sequence[str]) -> Sequence[str]:
    """``cleaned``, for many: looked at together, and one by one only where there is something to see."""
    whole = "\n".join(texts)
    if not whole.isascii():
        try:
            whole.encode()
        except UnicodeEncodeError:
            texts = [_whole(text) for text in texts]
    if "<" in whole or "[" in whole:
        texts = [_disarmed(text) if "<" in text or "[" in text else text for text in texts]
    return texts


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _disarmed(text: str) -> str:
    return _CONTROL.sub(lambda match: match[0] + " ", text)


def nonce_of(digest: bytes) -> str:
    """The random word that some random bytes stand for, 14 at least."""
    return digest[:NONCE_LETTERS].translate(_LETTERS).decode("ascii")


def draw_nonce(random: Random, texts: Sequence[str]) -> str:
    """Draw a random word that occurs in none of the texts, whatever their case."""
    folded = [text.lower() for text in texts]
    while True:
        nonce = "".join(random.choices(_ALPHABET, k=NONCE_LETTERS))
        if not any(nonce in text for text in folded):
            return nonce


def draw_seals(random: Random, n: int) -> list[str]:
    """Draw n seals, all different: three digits are one token in OpenAI's vocabularies, three in Qwen's."""
    return [str(number) for number in random.sample(range(100, 1_000), n)]

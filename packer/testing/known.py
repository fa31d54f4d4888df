"""Known texts found again in whatever a prompt looks like.

Each text is looked for as it is and as JSON would write it. Ten thousand texts are one index: a lookup
per character of the prompt, whatever the number of texts. Does not know: our own markers, or answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from packer.testing.shape import ID_FIELDS

_PREFIX = 8

Found = tuple["str | int | None", str]
"""The id that the prompt gives a text, None without; and the text."""


class KnownTexts:
    """An index of texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._exact: dict[str, str] = {}
        lengths: dict[str, set[int]] = {}
        for text in texts:
            if not text.strip():
                continue
            bare = text.strip()
            forms = {text, bare, *(json.dumps(bare, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))}
            for form in forms:
                self._exact.setdefault(form, text)
                lengths.setdefault(form[:_PREFIX], set()).add(len(form))
        self._lengths = {prefix: sorted(each, reverse=True) for prefix, each in lengths.items()}
        self._prefixes = sorted({len(prefix) for prefix in lengths}, reverse=True)

    def found_in(self, content: str) -> list[Found]:
        """All known texts in a message, in order; with their ids where JSON objects give them any.

        When JSON holds some, only these count: a short text may occur in the instructions by chance.
        """
        listed = [found for value in _json_values(content) for found in self._walk(value, None)]
        return listed or [(None, text) for text in self._scan(content)]

    def _walk(self, value: object, inherited: str | int | None) -> Iterator[Found]:
        if isinstance(value, str):
            text = self._exact.get(value)
            for each in [text] if text is not None else self._scan(value):
                yield inherited, each
        elif isinstance(value, list):
            for each in value:
                yield from self._walk(each, inherited)
        elif isinstance(value, Mapping):
            own = next(
                (value[name] for name in ID_FIELDS if isinstance(value.get(name), str | int)), inherited
            )
            for name, each in value.items():
                if name not in ID_FIELDS:
                    yield from self._walk(each, name if own is None and name.isdecimal() else own)

    def _scan(self, content: str) -> Iterator[str]:
        at = 0
        while at < len(content):
            found = self._at(content, at)
            if found is None:
                at += 1
            else:
                yield self._exact[found]
                at += len(found)

    def _at(self, content: str, at: int) -> str | None:
        for size in self._prefixes:
            for length in self._lengths.get(content[at : at + size], ()):
                form = content[at : at + length]
                if form in self._exact and _stands_alone(content, at, at + length):
                    return form
        return None


def _stands_alone(content: str, start: int, end: int) -> bool:
    """Whether no word is cut: "ok" does not occur in "book"."""
    before = start > 0 and content[start - 1].isalnum() and content[start].isalnum()
    after = end < len(content) and content[end].isalnum() and content[end - 1].isalnum()
    # Behind a backslash the letter belongs to an escape such as \n, not to a word.
    return not (before and not (start > 1 and content[start - 2] == "\\")) and not after


def _json_values(content: str) -> Iterator[object]:
    """All JSON objects and lists in a message, outermost ones only."""
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while at < len(content):
        if content[at] in "{[":
            try:
                value, at = decoder.raw_decode(content, at)
            except (ValueError, RecursionError):
                at += 1
            else:
                yield value
        else:
            at += 1

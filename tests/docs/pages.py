"""The pages people read, and what stands in them: headings, anchors, links, tables, blocks of code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent.parent.parent
DOCS = HOME / "docs"
RESULTS = HOME / "benchmarks" / "results"

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[^\n]*\n.*?^ {0,3}\2`*[ \t]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#* *$", re.MULTILINE)
_OWN_ANCHOR = re.compile(r"\{ *#([\w-]+)[^}]*\} *$")
_HTML_ANCHOR = re.compile(r'<\w+[^>]*\b(?:id|name)="([^"]+)"')
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
_HTML_LINK = re.compile(r'<(?:a|img|source)\b[^>]*\b(?:href|src|srcset)="([^"]+)"')
_BARE_URL = re.compile(r"\bhttps?:[^\s<>\"'`)\]]*")


def text_pages() -> list[Path]:
    """Every page that a reader may be sent to."""
    top = [HOME / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [
        *(each for each in top if each.exists()),
        *sorted(DOCS.rglob("*.md")),
        *sorted(RESULTS.glob("*.md")),
    ]


def name_of(page: Path) -> str:
    """A page as a test names it."""
    return str(page.relative_to(HOME))


def prose(text: str) -> str:
    """A page without its blocks of code and spans of code."""
    return _SPAN.sub("", _FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """What can stand behind ``#`` in a link to this page."""
    found: set[str] = set(_HTML_ANCHOR.findall(text))
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        if own := _OWN_ANCHOR.search(heading):
            found.add(own[1])
            heading = heading[: own.start()]
        slug = slug_of(heading)
        found.add(slug if not seen[slug] else f"{slug}-{seen[slug]}")
        found.add(slug if not seen[slug] else f"{slug}_{seen[slug]}")
        seen[slug] += 1
    return found


def slug_of(heading: str) -> str:
    """A heading's anchor, as GitHub and Python-Markdown make it for headings of letters and digits."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = re.sub(r"[^\w\s-]", "", shown.replace("`", "")).strip().lower()
    return re.sub(r"\s", "-", kept)


def links(text: str) -> list[str]:
    """The targets of a page's links and pictures."""
    plain = prose(text)
    return [*_LINK.findall(plain), *_REFERENCE.findall(plain), *_HTML_LINK.findall(plain)]


def urls(text: str) -> list[str]:
    """Every address on a page, linked or bare, outside code."""
    return _BARE_URL.findall(prose(text))


@dataclass(frozen=True)
class Block:
    """A block of code: the language behind its fence, its text, its line, and the comment line above it."""

    language: str
    code: str
    line: int
    above: str


def blocks(text: str) -> Iterator[Block]:
    """The blocks of code of a page, in order."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opened = re.match(r"^ {0,3}(`{3,}|~{3,})\s*(\S*)", lines[at])
        if opened is None:
            at += 1
            continue
        end = at + 1
        while end < len(lines) and not re.match(rf"^ {{0,3}}{opened[1]}`*\s*$", lines[end]):
            end += 1
        before = next((line for line in reversed(lines[:at]) if line.strip()), "")
        yield Block(opened[2], "\n".join(lines[at + 1 : end]), at + 1, before.strip())
        at = end + 1


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """The tables of a page: rows by the names of their columns."""
    for lines in re.findall(r"(?:^\|.*\|[ \t]*\n)+", _FENCE.sub("", text) + "\n", re.MULTILINE):
        rows = [_cells(line) for line in lines.splitlines()]
        head, rule, *body = rows
        assert set("".join(rule)) <= set("-: "), f"no table: {lines[:80]}"
        for row in body:
            assert len(row) == len(head), f"a row of {len(row)} cells under {len(head)}: {row}"
        yield [dict(zip(head, row, strict=True)) for row in body]


def spans(text: str) -> list[str]:
    """The spans of code in a piece of Markdown."""
    return [found[1].strip() for found in _SPAN.findall(text)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]

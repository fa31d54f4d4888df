"""HTML, piece by piece: every text becomes harmless on its way in, and what would be invisible is shown.

Does not know: what a page says, or how it looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from schemas.visible import visible

_TAG_NAMES = """
article bdi body circle code desc details dd div dl dt figcaption figure footer g h1 h2 h3 h4
head header html li line main mark meta ol p path polygon q rect section span strong style summary svg
table tbody td text th thead title tr ul
"""
_ATTRIBUTE_NAMES = """
aria-label aria-labelledby charset class content cx cy d dir height http-equiv id lang name points r role rx
scope tabindex text-anchor viewBox width x x1 x2 y y1 y2
"""
_TAGS = frozenset(_TAG_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_EMPTY = frozenset(["meta"])
_RAW = frozenset(["style"])


@dataclass(frozen=True, slots=True)
class Html:
    """A piece of a page, safe to be put in as it is. Made by ``el``, ``join`` and ``raw_style`` alone."""

    source: str

    def __str__(self) -> str:
        return self.source


Child = Html | str | int | None
"""What may stand inside an element; a text is data, None is nothing."""


def el(tag: str, *children: Child, **attributes: str | int | None) -> Html:
    """One element.

    Args:
        tag: its name.
        children: what stands inside; texts are escaped.
        attributes: by name, ``_`` for ``-`` (``class_`` is ``class``); values are escaped, None leaves out.

    Raises:
        ValueError: an element or attribute that reports have no use for, so that no data can bring one in.
    """
    if tag not in _TAGS:
        raise ValueError(f"<{tag}> is not an element of a report.")
    named = "".join(_attribute(name, value) for name, value in attributes.items() if value is not None)
    if tag in _EMPTY:
        return Html(f"<{tag}{named}>")
    if tag in _RAW and not all(isinstance(each, Html) for each in children):
        raise ValueError(f"<{tag}> takes no text: escapes do not work there.")
    return Html(f"<{tag}{named}>{join(children)}</{tag}>")


def join(children: Iterable[Child], *, between: str = "") -> Html:
    """Pieces one after another."""
    return Html(escape(between).join(_safe(each) for each in children))


def raw_style(css: str) -> Html:
    """A style sheet, as it must stand inside its element.

    Raises:
        ValueError: it could end the element.
    """
    if "<" in css or "\r" in css:
        raise ValueError("A style sheet of a report holds neither '<' nor carriage returns.")
    return Html(css)


def _safe(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child.source
    return escape(visible(str(child)))


def _attribute(name: str, value: str | int) -> str:
    plain = name.rstrip("_").replace("_", "-")
    if plain not in _ATTRIBUTES:
        raise ValueError(f"{plain!r} is not an attribute of a report.")
    return f' {plain}="{escape(visible(str(value)))}"'
